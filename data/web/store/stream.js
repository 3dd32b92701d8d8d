// Job: the one stream of events that this browser has open, whatever the number of its tabs.
// Owns: the lock that says which tab has it, and the channel on which that tab tells the others.
// Never: keeps it open in a tab that nobody sees, or decides what to do without it.

import { backoff, sleep, urlOf } from './api.js';
import * as buyer from './buyer.js';

// A browser opens six connections to a server of HTTP/1.1. With a stream a tab, the seventh tab would load for ever.
const NAME = `doorbuster.orders ${urlOf('').pathname}`;
const LONGEST_PAUSE_MS = 15000;
// The server says every 15 s that it is alive.
export const SILENCE_MS = 20000;

/**
 * Keeps the stream of the order that `choose()` names (`{order_id, status}`; `null`: none) while this tab is seen and
 * no other has one. `on` has `alive(orderId)` for each sign of life, of this tab's stream or another's, `order(order)`,
 * `broken(orderId)`, and `refused(orderId)` once the order cannot be followed by this buyer.
 */
export function start(choose, on) {
  const channel = 'BroadcastChannel' in self ? new BroadcastChannel(NAME) : null;
  channel?.addEventListener('message', ({ data: [word, what] }) => on[word](what));
  const tell = (word, what) => {
    on[word](what);
    channel?.postMessage([word, what]);
  };
  lead(choose, tell, on.refused);
}

async function lead(choose, tell, refused) {
  for (;;) {
    await seen(() => choose() !== null);
    await alone(async () => {
      for (let tries = 0; choose() !== null && !document.hidden; tries += 1) {
        const order = choose();
        const wasAlive = await follow(order, tell, refused).catch(() => false);
        tell('broken', order.order_id);
        if (wasAlive) tries = 0;
        await sleep(1000 + backoff(tries, LONGEST_PAUSE_MS));
      }
    });
  }
}

/** Runs `work` while no other tab does. Where there are no locks (pages without TLS), seen tabs have one each. */
function alone(work) {
  return navigator.locks ? navigator.locks.request(NAME, work) : work();
}

/** Resolves to whether anything came. */
async function follow({ order_id: id, status }, tell, refused) {
  const abort = new AbortController();
  const hide = () => document.hidden && abort.abort();
  document.addEventListener('visibilitychange', hide);
  let silence = setTimeout(() => abort.abort(), SILENCE_MS);
  let isAlive = false;
  try {
    const headers = { ...(await buyer.papers()), Accept: 'text/event-stream', 'Last-Event-ID': status };
    const options = { headers, signal: abort.signal, cache: 'no-store' };
    const response = await fetch(urlOf(`v1/orders/${id}/events`), options);
    if (response.status === 401 || response.status === 404) refused(id);
    if (!response.ok) return false;
    for await (const block of blocks(response.body)) {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MS);
      isAlive = true;
      tell('alive', id);
      const data = block.split('\n').find((line) => line.startsWith('data: '));
      if (!data) continue;
      const order = JSON.parse(data.slice(6));
      tell('order', order);
      if (isSettled(order)) return true;
    }
  } catch (cause) {
    if (!isAlive) throw cause;
  } finally {
    abort.abort();
    clearTimeout(silence);
    document.removeEventListener('visibilitychange', hide);
  }
  return isAlive;
}

/** What stands between empty lines, comments included. */
async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const all = (text + value).split('\n\n');
    text = all.pop();
    yield* all;
  }
}

/** Whether little will happen to an order any more: it is not worth a stream. A late payment follows even one that is
 * over. */
export const isSettled = ({ status }) => ['paid', 'refund_due', 'refunded'].includes(status);

const looks = new Set();

/** Somebody may have something to choose. */
export function look() {
  for (const wake of looks) wake();
}

document.addEventListener('visibilitychange', look);

function seen(holds) {
  return new Promise((resolve) => {
    const wake = () => {
      if (document.hidden || !holds()) return;
      looks.delete(wake);
      resolve();
    };
    looks.add(wake);
    wake();
  });
}
