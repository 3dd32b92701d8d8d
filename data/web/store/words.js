// Job: says to a buyer what happened.
// Owns: every sentence that follows from a code, a state or a status.
// Never: shows a text of the server: those are for programs.

export const STATES = {
  scheduled: 'Opens soon',
  open: 'On sale',
  paused: 'Paused',
  sold_out: 'Sold out',
  closed: 'Sale over',
};

export function buy(held, units) {
  if (held === 0) return units === 1 ? 'Buy now' : `Buy ${units}`;
  return units === 1 ? 'Buy one more' : `Buy ${units} more`;
}

/** What is on the button while it cannot be pressed. */
export const LOCKED = { ...STATES, scheduled: 'Not open yet' };

/** What became of an order. Never that nothing is owed: money may be on its way. */
export const STATUSES = {
  pending: ['Reserved', 'Reserved for you. Pay in time and it is yours.'],
  paid: ['Paid', 'Paid. It is yours.'],
  cancelled: ['Cancelled', 'This order is cancelled. There is nothing to pay.'],
  expired: ['Expired', 'The time to pay is over, and the order with it. There is nothing to pay any more.'],
  refund_due: ['Refund due', 'This order is over. Your money goes back to you.'],
  refunded: ['Refunded', 'This order is over. Your money went back to you.'],
};

/** What is said of money that has to go back, by the status of its order. */
export function owed(status, sums) {
  const money = new Intl.ListFormat('en').format(sums);
  if (status === 'pending') {
    return `${money} arrived that does not pay this order, and will be paid back to you. The price is still to be paid.`;
  }
  if (status === 'paid') return `${money} arrived beyond the price, and will be paid back to you.`;
  return `${money} will be paid back to you.`;
}

/** The deadline has passed, and what became of the order is not known here yet. */
export const DUE = 'The time to pay is over. Asking the shop what became of your order …';

export const QUIET = (seconds) => `No news from the shop for ${seconds} s. Asking again …`;

const NO_ORDERS = 'The shop cannot take orders now. Nothing was ordered.';

const PROBLEMS = {
  'sold-out': 'Sold out. You were not charged.',
  'limit-reached': 'You already hold as many as one buyer may have.',
  'sale-closed': 'The sale is over.',
  'sale-not-started': 'The sale has not begun.',
  'sale-paused': 'The sale is interrupted.',
  forbidden: 'This account may not buy here.',
  'not-found': 'There is no such item.',
  unauthenticated: 'Your sign-in is no longer valid. Please sign in at the shop again.',
  throttled: 'One attempt at a time, please.',
  'no-token': 'Enough buyers are trying to buy this. One of them may give up.',
  'rate-limited': 'Very many people are buying at this moment.',
  overloaded: 'The shop is full at this moment. Nothing was ordered.',
  'shutting-down': 'The shop is closing for a moment. Nothing was ordered.',
  'storage-full': NO_ORDERS,
  'storage-unavailable': NO_ORDERS,
  'gate-unavailable': NO_ORDERS,
};

/** Whoever asked for too many hears how many there may be. */
const tooMany = ({ code, remaining, per_user_limit: limit, held }) => {
  if (code === 'sold-out' && remaining > 0) return `Only ${remaining} left. Nothing was bought.`;
  if (code !== 'limit-reached' || !(held < limit)) return null;
  return `One buyer may have ${limit}, and you hold ${held}. Nothing was bought.`;
};

export const problem = (told) =>
  tooMany(told) ??
  PROBLEMS[told.code] ??
  `${told.title ?? 'The shop did not take the order'}. Nothing was bought.`;

export const SIGN_IN = 'To buy, please sign in at the shop first.';
export const NO_ANSWER =
  'The shop cannot be reached. Your attempt is kept: ask again with the button, it cannot buy twice.';
export const UNRESOLVED = 'Your last attempt has had no answer yet. Ask again with the button, it cannot buy twice.';
export const OFFLINE = 'No connection to the shop. Trying again …';
export const NO_ORDERS_YET = 'You have no orders here yet.';
export const NO_SUCH_ITEM = 'There is no such item.';
