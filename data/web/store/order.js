// Job: the card of one order.
// Owns: what a buyer can see and do about an order they have.
// Never: decides that an order has expired: the server says so.

import { NoAnswer, ask } from './api.js';
import * as buyer from './buyer.js';
import * as clock from './clock.js';
import { amount, duration, list, moment, soon, total } from './format.js';
import { fresh, say } from './view.js';
import { owedWords, problemWords, statusWords, word } from './words.js';

/** A card, `show(order)`, `name(title, url)` of its item, and `quiet(seconds)` since anything was heard of it. `onOrder` hears what cancelling it led to. */
export function orderCard(onOrder) {
  const at = fresh('order');
  let order = null;

  const tick = () => {
    const deadline = Date.parse(order.pay_by);
    const isDue = order.status === 'pending' && order.pay_by !== null;
    at.pay.hidden = !isDue;
    if (!isDue) return [];
    const seconds = clock.secondsUntil(deadline);
    at['pay-now'].hidden = !(order.pay_url && seconds > 0);
    say(at.digits, duration(seconds));
    const deadlineText = word('pay.by', { moment: soon(order.pay_by, clock.now()) });
    say(at.say, seconds > 0 ? deadlineText : word('pay.over'), order.status);
    return [deadline];
  };

  const show = (now) => {
    order = now;
    const [status, sentence] = statusWords(order.status);
    say(at.status, status, order.status);
    say(at.number, order.order_id);
    say(at.amount, total(order.quantity, order.unit_price, order.currency));
    // The address is the shop's own word: but nothing that a page would run.
    if (/^https?:\/\//.test(order.pay_url ?? '')) at['pay-now'].href = order.pay_url;
    say(at['pay-now'], word('pay.now', { amount: amount(order.total_price, order.currency) }));
    const sums = (order.refund_owed ?? []).map((one) => amount(one.amount, one.currency));
    say(at.owed, sums.length > 0 ? owedWords(order.status, list(sums)) : '', 'wait');
    say(at.placed, moment(order.created_at));
    at['give-up'].hidden = order.status !== 'pending';
    quiet(0);
    say(at.say, sentence, order.status);
    tick();
  };

  const quiet = (seconds) => {
    at.quiet.hidden = seconds === 0;
    say(at.quiet, seconds === 0 ? '' : word('quiet', { seconds }), 'wait');
  };

  const name = (title, url) => {
    at.of.hidden = false;
    at.item.href = url;
    say(at.item, title);
  };

  const confirm = (isAsked) => {
    at.sure.hidden = !isAsked;
    at.cancel.hidden = isAsked;
    (isAsked ? at.no : at.cancel).focus();
  };
  at.cancel.addEventListener('click', () => confirm(true));
  at.no.addEventListener('click', () => confirm(false));
  at.yes.addEventListener('click', async () => {
    if (at.yes.disabled) return;
    at.yes.disabled = true;
    const told = await cancelled(order.order_id);
    at.yes.disabled = false;
    confirm(false);
    if (told.order) onOrder(told.order);
    else say(at.say, told.say, 'bad');
  });
  return { copy: at.copy, element: at.order, show, tick, quiet, name };
}

/** Cancelling twice is harmless: the second time the order is not pending any more. */
async function cancelled(orderId) {
  try {
    const answer = await ask(`v1/orders/${orderId}/cancel`, { method: 'POST', headers: await buyer.papers() });
    if (answer.status === 200) return { order: answer.body };
    if (answer.body.code !== 'invalid-transition') return { say: problemWords(answer.body) };
    const now = await ask(`v1/orders/${orderId}`, { headers: await buyer.papers() });
    return now.status === 200 ? { order: now.body } : { say: problemWords(now.body) };
  } catch (error) {
    if (error instanceof NoAnswer) return { say: word('cancel.no-answer') };
    throw error;
  }
}
