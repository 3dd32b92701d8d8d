// Job: follows an order: each status the server pushes.
// Owns: the stream (server-sent events read by `fetch`: an `EventSource` cannot say who is asking).
// Never: keeps a stream open in a tab that nobody sees, or after the last status.

import { backoff, sleep } from './api.js';
import * as buyer from './buyer.js';

const LONGEST_PAUSE_MS = 15000;
// The server says every 15 s that it is alive.
const SILENCE_MS = 40000;
const LAST = ['paid', 'refund_due'];

/** Whether an order may still change: a late payment follows even an order that is over. */
export const canChange = ({ status }) => !LAST.includes(status);

/** Calls `onOrder` with the order each time it changes. Returns a function that ends it. */
export function follow(orderId, status, onOrder) {
  const state = { isOver: false, status, tries: 0, abort: null };
  const see = (order) => {
    state.status = order.status;
    onOrder(order);
  };
  run(orderId, state, see);
  return () => {
    state.isOver = true;
    state.abort?.abort();
  };
}

async function run(orderId, state, see) {
  while (!state.isOver && canChange(state)) {
    await visible();
    if (state.isOver) return;
    state.abort = new AbortController();
    const hide = () => document.hidden && state.abort.abort();
    document.addEventListener('visibilitychange', hide);
    try {
      await read(orderId, state, see);
    } catch {
      // The stream broke, or was ended because the tab is hidden: begin again.
    }
    document.removeEventListener('visibilitychange', hide);
    state.abort.abort();
    await sleep(1000 + backoff(state.tries, LONGEST_PAUSE_MS));
    state.tries += 1;
  }
}

async function read(orderId, state, see) {
  const headers = { ...(await buyer.papers()), Accept: 'text/event-stream' };
  if (state.status) headers['Last-Event-ID'] = state.status;
  const { signal } = state.abort;
  const response = await fetch(`/v1/orders/${orderId}/events`, { headers, signal, cache: 'no-store' });
  if (response.status === 401 || response.status === 404) state.isOver = true;
  if (!response.ok) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const silence = setTimeout(() => state.abort.abort(), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    state.tries = 0;
    const blocks = (text + value).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data: '));
      if (data) see(JSON.parse(data.slice(6)));
    }
    if (!canChange(state)) return;
  }
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
  });
}
