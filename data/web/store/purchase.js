// Job: makes one attempt to buy, until its outcome is known.
// Owns: the idempotency key: one attempt, one key, kept over network errors and reloads until the outcome is final.
// Never: touches the page, or begins an attempt by itself.

import { NoAnswer, ask, backoff, sleep } from './api.js';
import * as buyer from './buyer.js';
import * as memory from './memory.js';

// With the pauses between them about half a minute: longer than a restart takes.
const MOST_TRIES = 8;
const LONGEST_PAUSE_MS = 8000;

const keyOf = (itemId) => `key.${itemId}`;
const askedOf = (itemId) => `asked.${itemId}`;
const unitsOf = (itemId) => `units.${itemId}`;

/** Whether an attempt was sent whose outcome this tab has never learnt. Asking again with its key cannot buy twice. */
export const isUnresolved = (itemId) => memory.recall(askedOf(itemId)) !== null;

/** How many units the attempt asked for whose outcome is not known. */
export const unitsAsked = (itemId) => Number(memory.recall(unitsOf(itemId)) ?? 1);

/** The attempt is over: the next one gets a key of its own. */
export function settle(itemId) {
  memory.forget(keyOf(itemId));
  memory.forget(unitsOf(itemId));
  memory.forget(askedOf(itemId));
}

/** Resolves to `{order}`, `{problem, waitMs}` or `{}` if nobody answered. `onRetry(pauseMs)` before each repetition. */
export async function purchase(itemId, quantity, onRetry) {
  const wish = wishFor(itemId, quantity);
  for (let tries = 0; ; tries += 1) {
    const answer = await attempt(itemId, wish);
    if (answer?.status === 201) {
      settle(itemId);
      return { order: answer.body };
    }
    if (answer && !isUnknown(answer)) return refused(itemId, answer);
    if (tries + 1 === MOST_TRIES) return {};
    const pauseMs = Math.max(answer?.waitMs ?? 0, backoff(tries, LONGEST_PAUSE_MS));
    onRetry(pauseMs);
    await sleep(pauseMs);
  }
}

async function attempt(itemId, wish) {
  try {
    const answer = await send(itemId, wish);
    if (answer.status !== 401 || !buyer.isGuest()) return answer;
    // The guest of an earlier data file: make up another.
    buyer.forget();
    return await send(itemId, wish);
  } catch (error) {
    if (error instanceof NoAnswer) return null;
    throw error;
  }
}

async function send(itemId, { key, quantity }) {
  const headers = { ...(await buyer.papers()), 'Content-Type': 'application/json', 'Idempotency-Key': key };
  memory.remember(askedOf(itemId), 'yes');
  return ask(`v1/items/${itemId}/orders`, { method: 'POST', headers, body: JSON.stringify({ quantity }) });
}

/** The server itself does not know, or somebody between us and it has given up. */
function isUnknown({ status, body }) {
  return body.code === 'outcome-unknown' || (status >= 500 && !body.code);
}

function refused(itemId, { status, body, waitMs }) {
  // Nothing was bought. Worth another try later: the same attempt goes on then.
  memory.forget(askedOf(itemId));
  if (waitMs === 0) settle(itemId);
  if (status === 401) buyer.forget();
  return { problem: { status, ...body }, waitMs };
}

/** A key stands for one wish: so many units. One whose outcome is not known comes first, whatever is wished now. */
function wishFor(itemId, quantity) {
  const known = { key: memory.recall(keyOf(itemId)), quantity: unitsAsked(itemId) };
  if (known.key !== null && (isUnresolved(itemId) || known.quantity === quantity)) return known;
  const wish = { key: uuid(), quantity };
  memory.remember(keyOf(itemId), wish.key);
  memory.remember(unitsOf(itemId), String(quantity));
  return wish;
}

/** `crypto.randomUUID` is for secure contexts only; a shop in a local network is none. */
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
