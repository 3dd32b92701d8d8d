// Job: follows orders: what the stream pushes, and what the shop answers where the stream is silent.
// Owns: when to ask, and for how long nothing has been heard of an order.
// Never: asks in a tab that nobody sees, or while the stream is alive.

import { NoAnswer, ask } from './api.js';
import * as buyer from './buyer.js';
import * as clock from './clock.js';
import * as stream from './stream.js';

// A stream says something at once. A proxy that holds events back does not: then the page asks.
const FIRST_WORD_MS = 3000;
const ASK_EVERY_MS = 4000;
// An order that is over changes only if money comes late; one that is paid, if more comes or it goes back.
const ASK_SELDOM_MS = 30000;
const ASK_SETTLED_MS = 60000;
// Past the deadline the order has become something else already.
const ASK_DUE_MS = 1500;
const LONGEST_PAUSE_MS = 30000;
// What a buyer need not know: one question was lost.
const QUIET_MS = 10000;

const followed = new Map();
let isStarted = false;

/** Calls `on.order(order)` each time the order changes, and each second `on.quiet(seconds)` with how long nothing has
 * been heard of it: 0 as long as that is nothing to worry about. May be called again with what has become of it. */
export function follow(order, on) {
  const known = followed.get(order.order_id);
  if (known) {
    hear(known, order);
    return;
  }
  const now = performance.now();
  const streamAt = now - stream.SILENCE_MS + FIRST_WORD_MS;
  const askAt = stream.isSettled(order) ? now + ASK_SETTLED_MS : 0;
  followed.set(order.order_id, { order, on, streamAt, heardAt: now, askAt, failures: 0, isAsking: false });
  start();
  stream.look();
}

function hear(one, order) {
  if (stream.isSettled(order) && !stream.isSettled(one.order)) one.askAt = performance.now() + ASK_SETTLED_MS;
  one.order = order;
}

export function unfollow(orderId) {
  followed.delete(orderId);
}

function start() {
  if (isStarted) return;
  isStarted = true;
  setInterval(tick, 500);
  stream.start(choose, {
    alive,
    broken,
    order: see,
    refused: unfollow,
  });
}

/** The order that most may still happen to. */
function choose() {
  const orders = [...followed.values()].map(({ order }) => order).filter((order) => !stream.isSettled(order));
  return orders.find(({ status }) => status === 'pending') ?? orders[0] ?? null;
}

function alive(id) {
  const one = followed.get(id);
  if (one) one.streamAt = one.heardAt = performance.now();
}

function broken(id) {
  const one = followed.get(id);
  if (one) one.streamAt = -Infinity;
}

function see(order) {
  const one = followed.get(order.order_id);
  if (!one) return;
  const isSame = JSON.stringify(one.order) === JSON.stringify(order);
  hear(one, order);
  if (!isSame) one.on.order(order);
}

function tick() {
  if (document.hidden) return;
  for (const one of followed.values()) {
    const now = performance.now();
    const isLive = now - one.streamAt < stream.SILENCE_MS;
    const silentMs = now - one.heardAt;
    one.on.quiet(!isLive && silentMs > Math.max(QUIET_MS, 1.5 * usual(one.order)) ? Math.floor(silentMs / 1000) : 0);
    if (!one.isAsking && now >= one.askAt && (!isLive || isDue(one.order))) inquire(one);
  }
}

const isDue = ({ status, pay_by: due }) => status === 'pending' && due !== null && clock.now() > Date.parse(due);

async function inquire(one) {
  one.isAsking = true;
  try {
    const answer = await ask(`v1/orders/${one.order.order_id}`, { headers: await buyer.papers() });
    if (answer.status === 401 || answer.status === 404) unfollow(one.order.order_id);
    if (answer.status !== 200) throw new NoAnswer(answer.status);
    one.failures = 0;
    one.heardAt = performance.now();
    see(answer.body);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    one.failures += 1;
  } finally {
    one.isAsking = false;
    one.askAt = performance.now() + pause(one) * (0.8 + 0.4 * Math.random());
  }
}

function usual(order) {
  if (isDue(order)) return ASK_DUE_MS;
  if (order.status === 'pending') return ASK_EVERY_MS;
  return stream.isSettled(order) ? ASK_SETTLED_MS : ASK_SELDOM_MS;
}

function pause({ order, failures }) {
  return Math.max(usual(order), Math.min(LONGEST_PAUSE_MS, ASK_EVERY_MS * 2 ** (failures - 1)));
}
