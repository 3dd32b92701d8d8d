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

/** What is on the button while it cannot be pressed. */
export const LOCKED = { ...STATES, scheduled: 'Not open yet' };

export const STATUSES = {
  pending: ['Reserved', 'Reserved for you. Pay in time and it is yours.'],
  paid: ['Paid', 'Paid. It is yours.'],
  cancelled: ['Cancelled', 'You gave this order back. Nothing is owed.'],
  expired: ['Expired', 'The time to pay is over, and the order with it. Nothing is owed.'],
  refund_due: ['Refund due', 'The payment came too late. You get your money back.'],
};

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

export const problem = ({ code, title }) => PROBLEMS[code] ?? `${title ?? 'The shop did not take the order'}. Nothing was bought.`;

export const SIGN_IN = 'To buy, please sign in at the shop first.';
export const NO_ANSWER =
  'The shop cannot be reached. Your attempt is kept: ask again with the button, it cannot buy twice.';
export const UNRESOLVED = 'Your last attempt has had no answer yet. Ask again with the button, it cannot buy twice.';
export const OFFLINE = 'No connection to the shop. Trying again …';
export const NO_SUCH_ITEM = 'There is no such item.';
