// Job: requests to the operations listener, with the token.
// Owns: where the listener is, and how an answer that is not 2xx becomes a sentence.
// Never: repeats a request, or touches the page.

import { token } from "./session.js";

// This file is `assets/<version>/dashboard/api.js` below the listener, whatever path a proxy has put in front of it.
const ROOT = new URL("../../../", import.meta.url);

/** An answer that is not 2xx, with what the server says about it. */
export class Refused extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  /** Whether the token is missing or wrong. */
  get isUnauthenticated() {
    return this.status === 401;
  }
}

/** Sends a request to a path of the listener, like `/events`. Resolves to the response if it is 2xx, else throws `Refused`, or what `fetch` throws. */
export async function send(path, options = {}) {
  const headers = { ...options.headers, Authorization: `Bearer ${token()}` };
  const response = await fetch(new URL(`.${path}`, ROOT), { ...options, headers, cache: "no-store", credentials: "omit" });
  if (!response.ok) throw await refusal(response);
  return response;
}

/** Reads a JSON document. */
export async function read(path, signal) {
  return (await send(path, { signal })).json();
}

/** Gives an instruction, with a JSON body if there is one, in the name of `operator`. Resolves to the answer's document, or `null` if it has none. */
export async function instruct(method, path, body, operator) {
  const headers = operator ? { "X-Operator": operator } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await send(path, { method, headers, body: body && JSON.stringify(body) });
  const is_json = /json/.test(response.headers.get("Content-Type"));
  return is_json ? response.json() : null;
}

async function refusal(response) {
  try {
    const problem = await response.json();
    const sentence = [problem.title, problem.detail].filter(Boolean).join(": ");
    return new Refused(response.status, problem.code, sentence || `HTTP ${response.status}`);
  } catch {
    return new Refused(response.status, null, `HTTP ${response.status}`);
  }
}
