// Job: asks the server, once.
// Owns: where the shop is, how long an answer may take, and what counts as none.
// Never: asks again: whoever asks knows whether that is safe.

import { learn } from './clock.js';

// Three times what a purchase may take under load; past it the way is broken rather than slow.
const PATIENCE_MS = 8000;

// This file is `assets/<version>/store/api.js` below the shop, whatever path a proxy has put in front of it.
const ROOT = new URL('../../../', import.meta.url);

/** The address of something of the shop, for example `v1/items`. */
export const urlOf = (path) => new URL(path, ROOT);

// Whoever has chosen a language by a link keeps it; for everybody else the browser's wish counts.
const language = new URLSearchParams(location.search).get('lang');

/** The address of a page of the shop, for example `items/sku-1`. */
export function pageOf(path) {
  const url = urlOf(path);
  if (language) url.searchParams.set('lang', language);
  return url;
}

/** Whether the request was carried out is not known. */
export class NoAnswer extends Error {}

/** Resolves to the answer, whatever its status: `{status, body, waitMs}`; `waitMs` says how long to stay away. */
export async function ask(path, { method = 'GET', headers = {}, body } = {}) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  const askedAt = performance.now();
  try {
    const all = { Accept: 'application/json', ...headers };
    const response = await fetch(urlOf(path), { method, headers: all, body, signal: abort.signal });
    const answeredAt = performance.now();
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('Content-Type'));
    const answer = { status: response.status, body: isJson ? JSON.parse(text) : {}, waitMs: waitOf(response.headers) };
    if (answer.body.server_time) learn(answer.body.server_time, askedAt, answeredAt);
    const first = answer.body.items?.[0];
    if (first) learn(first.server_time, askedAt, answeredAt);
    return answer;
  } catch (cause) {
    throw new NoAnswer('no answer', { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** The same of a list of which every node of the shop has a part. Resolves to the parts that there are: a node that
 * does not answer takes only its own away. */
export async function askEach(path, options) {
  const answer = await ask(path, options);
  const nodes = answer.body.nodes ?? [];
  if (nodes.length === 0) return [answer];
  const parts = await Promise.allSettled(
    nodes.map((node) => ask(`${path}${path.includes('?') ? '&' : '?'}node=${node}`, options)),
  );
  return parts.filter(({ value }) => value?.status === 200).map(({ value }) => value);
}

/** `Retry-After` in milliseconds: seconds, or a date on the clock of whoever sent it. */
function waitOf(headers) {
  const text = headers.get('Retry-After');
  if (text === null) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.parse(headers.get('Date'));
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

/** A pause that doubles with each try, somewhere in its upper half: a crowd does not come back at once. */
export function backoff(tries, mostMs) {
  const whole = Math.min(mostMs, 500 * 2 ** tries);
  return whole / 2 + (Math.random() * whole) / 2;
}

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));
