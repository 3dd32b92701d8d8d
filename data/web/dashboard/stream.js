// Job: follows `/events`, and goes back to it whenever it breaks off.
// Owns: the connection, of which a browser has one for all its tabs, the pauses, and since when nothing came.
// Never: keeps a snapshot, draws, or tells one to a tab without the same token.

import { Refused, send } from "./api.js";
import { token } from "./session.js";

/** Pause before the first new attempt; it doubles up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/** Snapshots come once a second. After five missing ones the connection counts as lost, open or not. */
const SILENCE_MS = 5_000;

/** How often a silence is looked at, and told. */
const LOOK_MS = 1_000;

/** An event can be as long as this. A real one has some tens of kilobytes; more is not an event of ours. */
const LONGEST_EVENT = 8 * 1024 * 1024;

export class Stream {
  #stopped = new AbortController();
  #heard_ms = Date.now();
  #is_lost = false;
  #channel = null;

  /** `on` has `snapshot(data)`, `lost(since_ms)` once a second while nothing comes, and `unauthenticated()`. */
  constructor(on) {
    this.on = on;
  }

  /** Follows until `stop`, or until the token is refused. */
  async run() {
    const { signal } = this.#stopped;
    const look = setInterval(() => this.#look(), LOOK_MS);
    signal.addEventListener("abort", () => clearInterval(look));
    // Six connections are all that a browser opens to a listener of HTTP/1.1: one tab follows, and tells the others.
    const name = await shared_name();
    if (signal.aborted) return;
    if (name === null) return this.#lead(seen);
    this.#channel = new BroadcastChannel(name);
    this.#channel.addEventListener("message", ({ data }) => this.#take(data));
    signal.addEventListener("abort", () => this.#channel.close());
    try {
      await navigator.locks.request(name, { signal }, () => this.#lead(always));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  stop() {
    this.#stopped.abort();
  }

  #take(data) {
    this.#heard_ms = Date.now();
    this.#is_lost = false;
    this.on.snapshot(JSON.parse(data));
  }

  #look() {
    this.#is_lost ||= Date.now() - this.#heard_ms > SILENCE_MS;
    if (this.#is_lost) this.on.lost(this.#heard_ms);
  }

  async #lead(may) {
    const { signal } = this.#stopped;
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      await may(signal);
      try {
        await this.#follow(may, () => { pause = FIRST_PAUSE_MS; });
      } catch (error) {
        if (error instanceof Refused && error.isUnauthenticated) return this.on.unauthenticated();
      }
      if (signal.aborted) return;
      this.#is_lost = true;
      this.#look();
      await wait(pause, signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  async #follow(may, onSnapshot) {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    const hide = () => { if (may === seen && document.hidden) abort(); };
    this.#stopped.signal.addEventListener("abort", abort);
    document.addEventListener("visibilitychange", hide);
    let watchdog = setTimeout(abort, SILENCE_MS);
    try {
      const response = await send("/events", { signal: attempt.signal, headers: { Accept: "text/event-stream" } });
      for await (const data of events(response.body)) {
        clearTimeout(watchdog);
        watchdog = setTimeout(abort, SILENCE_MS);
        onSnapshot();
        this.#take(data);
        this.#channel?.postMessage(data);
      }
    } finally {
      abort();
      clearTimeout(watchdog);
      document.removeEventListener("visibilitychange", hide);
      this.#stopped.signal.removeEventListener("abort", abort);
    }
  }
}

/** What tabs with this token call their stream; `null` where a browser has no locks for a page (without TLS). */
async function shared_name() {
  if (!navigator.locks || !crypto.subtle || !("BroadcastChannel" in self)) return null;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token()));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `doorbuster.events ${new URL("../../../", import.meta.url).pathname} ${hex}`;
}

const always = async () => {};

/** Without locks each tab has a stream of its own, and only while somebody sees it. */
function seen(signal) {
  if (!document.hidden) return always();
  return new Promise((resolve) => {
    const done = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** The data of each `snapshot` event of a body. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    pending += value.replaceAll("\r", "");
    if (pending.length > LONGEST_EVENT) throw new Error("an event without an end");
    const blocks = pending.split("\n\n");
    pending = blocks.pop();
    for (const block of blocks) {
      const data = snapshot(block);
      if (data !== null) yield data;
    }
  }
}

function snapshot(block) {
  const lines = block.split("\n");
  if (!lines.some((line) => /^event: ?snapshot$/.test(line))) return null;
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
  return data.length > 0 ? data.join("\n") : null;
}

/** Waits; less if the signal comes. */
function wait(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
