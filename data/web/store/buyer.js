// Job: knows who is buying.
// Owns: the token: from the address of the page, from the shop that put it into this tab, or from development mode.
// Never: leaves a token in the address bar, or shows one.

import { ask } from './api.js';
import * as memory from './memory.js';

const TOKEN = 'token';
// How the server lets this page identify its buyer: `token`, `proxy` (it adds the user), or `guest` (development).
const way = document.documentElement.dataset.buyer;
const listeners = new Set();

export const isGuest = () => way === 'guest';

/** Takes the token of `#token=…` and removes it from the address bar at once. */
export function arrive() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return false;
  history.replaceState(null, '', location.pathname + location.search);
  if (token !== '') memory.remember(TOKEN, token);
  return token !== '';
}

export function onChange(listener) {
  listeners.add(listener);
}

export function forget() {
  memory.forget(TOKEN);
  for (const listener of listeners) listener();
}

/** Whether there may be orders of this buyer. */
export const isKnown = () => way === 'proxy' || memory.recall(TOKEN) !== null;

/** Whether the button is of any use. */
export const canBuy = () => isKnown() || isGuest();

/** The headers that say who is asking. In development mode a buyer is made up when they are first needed. */
export async function papers() {
  if (isGuest() && !isKnown()) {
    const answer = await ask('dev/buyer', { method: 'POST' });
    if (answer.status === 201) memory.remember(TOKEN, answer.body.token);
    for (const listener of listeners) listener();
  }
  const token = memory.recall(TOKEN);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** The name in the token, for display only: the server alone decides what a token is worth. */
export function name() {
  try {
    const claims = memory.recall(TOKEN).split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    return JSON.parse(atob(claims)).sub ?? '';
  } catch {
    return '';
  }
}
