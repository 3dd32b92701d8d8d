// Job: the page of one item: countdown, how many, button, outcome, orders.
// Owns: when the button can be pressed.
// Never: trusts itself with the decision: the server's answer is the outcome, whatever the page thinks.

import { NoAnswer, ask, backoff, sleep } from './api.js';
import * as buyer from './buyer.js';
import * as clock from './clock.js';
import { amount, duration, moment } from './format.js';
import { orderList } from './orders.js';
import { isUnresolved, purchase, settle, unitsAsked } from './purchase.js';
import { quantity } from './quantity.js';
import { fresh, say, showPicture, showState, showStock, showTile, stateOf } from './view.js';
import { buyLabel, lockedLabel, problemWords, word } from './words.js';

const SECOND = 1000;
const LONGEST_PAUSE_MS = 30000;
// Clicks that come in a row belong to one wish: what they led to is seen before the next one counts.
const REST_MS = 3000;

export function itemPage(main, itemId) {
  const at = fresh('item');
  main.replaceChildren(at.copy);
  const button = { isBusy: false, isResting: false, hadFocus: false, lockedUntil: 0 };
  const page = { at, itemId, item: null, ...button };
  page.orders = orderList(at.orders, `v1/orders?item_id=${itemId}`, () => tick(page));
  page.quantity = quantity(at, () => tick(page));
  at.buy.addEventListener('click', () => click(page));
  clock.everySecond(() => tick(page));
  buyer.onChange(() => tick(page));
  if (isUnresolved(itemId)) say(at.note, word('attempt.unresolved'), 'wait');
  poll(page);
  page.orders.load();
  document.addEventListener('visibilitychange', () => document.hidden || page.orders.load());
}

// ---- the item

async function poll(page) {
  for (let failures = 0; ; ) {
    try {
      const answer = await ask(`v1/items/${page.itemId}`);
      if (answer.status === 404) {
        show404(page);
        return;
      }
      if (answer.status !== 200) throw new NoAnswer(answer.status);
      failures = 0;
      page.item = answer.body;
      if (page.at.note.textContent === word('offline')) say(page.at.note, '');
      showItem(page);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      failures += 1;
      if (!page.at.note.textContent) say(page.at.note, word('offline'), 'wait');
    }
    await napUntilVisible(failures > 0 ? SECOND + backoff(failures, LONGEST_PAUSE_MS) : interval(page.item));
  }
}

/** How soon to look again: often where it matters, seldom elsewhere; never all at the same moment. */
function interval(item) {
  const jitter = 1 + 0.4 * Math.random();
  const state = stateOf(item);
  if (document.hidden) return 30 * SECOND * jitter;
  if (state === 'open') return SECOND * jitter;
  if (state === 'scheduled') {
    const untilOpening = Date.parse(item.opens_at) - clock.now();
    return Math.min(10 * SECOND, Math.max(SECOND, untilOpening / 4)) * jitter;
  }
  return (state === 'closed' ? 30 : 5) * SECOND * jitter;
}

/** Sleeps, but not on when somebody begins to look. */
function napUntilVisible(ms) {
  let wake;
  const woken = new Promise((resolve) => {
    wake = () => document.hidden || resolve();
    document.addEventListener('visibilitychange', wake);
  });
  return Promise.race([sleep(ms), woken]).finally(() => document.removeEventListener('visibilitychange', wake));
}

function show404({ at }) {
  document.title = `${word('title.not-found')} · Doorbuster`;
  say(at.title, word('no-such-item'));
  at.title.closest('.item').classList.add('missing');
}

function showItem(page) {
  const { at, item } = page;
  document.title = `${item.title} · Doorbuster`;
  say(at.title, item.title);
  say(at.price, amount(item.unit_price, item.currency));
  say(at.about, item.description ?? '');
  showTile(at.tile, item);
  showPicture(at.picture, item, item.title);
  showStock(at, item);
  tick(page);
}

function tick(page) {
  const { at, item } = page;
  if (item === null) return [];
  const state = stateOf(item);
  showState(at.state, state);
  const deadlines = page.orders.tick();
  const next = state === 'scheduled' ? item.opens_at : state === 'open' ? item.closes_at : null;
  const target = next === null ? NaN : Date.parse(next);
  // The end of a sale matters on its last day; its beginning always.
  const isShown = state === 'scheduled' || target - clock.now() < 86400 * SECOND;
  at.countdown.hidden = !isShown;
  at.countdown.dataset.kind = state;
  if (isShown) {
    say(at.digits, duration(clock.secondsUntil(target)));
    const until = { moment: moment(next) };
    say(at.moment, state === 'scheduled' ? word('until-open', until) : word('until-closed', until));
  }
  showChoice(page, state);
  showButton(page, state);
  // The lock ends by this machine's own time: what is learnt about the server's must not shorten it.
  const unlock = clock.now() + page.lockedUntil - performance.now();
  return [...deadlines, unlock, target].filter((deadline) => deadline > 0);
}

// ---- how many

/** As many as this buyer may still have, and as are left: what a server can have said by now. */
function showChoice({ item, itemId, orders, quantity, isBusy }, state) {
  const isOver = state === 'sold_out' || state === 'closed';
  const affordable = item.unit_price > 0 ? Math.floor(Number.MAX_SAFE_INTEGER / item.unit_price) : Infinity;
  const most = isOver ? 1 : Math.min(item.per_user_limit - orders.held(), item.remaining, affordable);
  // One attempt has one number: another would be another attempt.
  if (isUnresolved(itemId)) quantity.hold(unitsAsked(itemId));
  else if (!isBusy) quantity.hold(null);
  quantity.limit(most, item.unit_price, item.currency);
}

// ---- the button

function showButton(page, state) {
  const { at, itemId, isBusy, item } = page;
  const [held, units] = [page.orders.held(), page.quantity.units()];
  const waitMs = page.lockedUntil - performance.now();
  if (page.lockedUntil > 0 && waitMs <= 0) {
    page.lockedUntil = 0;
    if (!page.isResting) say(at.note, '');
  }
  let label = buyLabel(held, units);
  let canPress = buyer.canBuy() && !isBusy && waitMs <= 0;
  if (isBusy) {
    label = word('button.busy');
  } else if (waitMs > 0) {
    label = page.isResting ? word('button.busy') : word('button.wait', { seconds: Math.ceil(waitMs / SECOND) });
  } else if (isUnresolved(itemId)) {
    label = word('button.ask');
  } else if (state !== 'open') {
    label = lockedLabel(state);
    canPress = false;
  }
  const hasAll = held >= item.per_user_limit && !isBusy;
  if (hasAll && isUnresolved(itemId)) {
    // Who holds all they may have has no attempt left to finish.
    settle(itemId);
    say(at.note, '');
  }
  at.buy.hidden = hasAll;
  at.buy.disabled = !canPress;
  // A button that is locked loses the focus: whoever works with the keyboard gets it back.
  if (canPress && page.hadFocus) {
    page.hadFocus = false;
    if (document.activeElement === document.body) at.buy.focus();
  }
  at.buy.dataset.kind = isBusy ? 'busy' : '';
  say(at.buy, label);
  if (!buyer.canBuy() && !at.note.textContent) say(at.note, word('attempt.sign-in'), 'wait');
}

async function click(page) {
  const { at, itemId } = page;
  // The lock comes first: nine more clicks may be waiting already.
  if (page.isBusy || at.buy.disabled) return;
  page.isBusy = true;
  const units = page.quantity.units();
  page.quantity.hold(units);
  page.hadFocus = document.activeElement === at.buy;
  at.buy.disabled = true;
  say(at.note, '');
  tick(page);
  try {
    const onRetry = (ms) => say(at.note, word('attempt.retry', { seconds: Math.ceil(ms / SECOND) }), 'wait');
    showOutcome(page, await purchase(itemId, units, onRetry));
  } finally {
    page.isBusy = false;
    tick(page);
  }
}

function showOutcome(page, { order, problem, waitMs }) {
  const { at } = page;
  page.isResting = !waitMs;
  page.lockedUntil = performance.now() + (waitMs || REST_MS);
  if (order) {
    say(at.note, '');
    page.orders.take(order);
    page.orders.card(order.order_id)?.element.focus();
  } else if (problem) {
    say(at.note, problemWords(problem), waitMs > 0 ? 'wait' : 'bad');
    if (problem.code === 'limit-reached') page.orders.load();
  } else {
    say(at.note, word('attempt.no-answer'), 'bad');
  }
}
