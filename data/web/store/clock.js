// Job: tells the server's time.
// Owns: how far the server's clock is from this machine's monotonic one.
// Never: asks the calendar of this machine: it may be wrong by an hour, and be put right in the middle of a countdown.

// Enough to find a quick answer among slow ones; few enough to forget what was learnt before the machine slept.
const MOST_SAMPLES = 16;
const SECOND = 1000;

let samples = [];
let offset = NaN;
const listeners = new Set();
let timer = 0;

/** Learns from an answer that says the server's time. Both moments are of `performance.now()`. */
export function learn(serverTime, askedAt, answeredAt) {
  const time = Date.parse(serverTime);
  if (Number.isNaN(time)) return;
  // The server said so before the answer came: the offset is at least `floor`, however old the answer was in a cache.
  // The highest floor is from the quickest and freshest answer; the truth is at most its round trip above.
  samples = [...samples.slice(1 - MOST_SAMPLES), { floor: time - answeredAt, trip: answeredAt - askedAt }];
  const best = samples.reduce((one, other) => (other.floor > one.floor ? other : one));
  offset = best.floor + best.trip / 2;
  wake();
}

export const isSet = () => !Number.isNaN(offset);

/** The server's time in milliseconds since 1970; NaN before the first answer. */
export const now = () => performance.now() + offset;

/** Seconds until `deadline`, rounded up: 1 until the very end, then 0. */
export const secondsUntil = (deadline) => Math.max(0, Math.ceil((deadline - now()) / SECOND));

/** Calls `listener` each time that one of the deadlines it returned is a whole number of seconds away, and at least
 * once a second; at the deadline itself, therefore, at once. */
export function everySecond(listener) {
  listeners.add(listener);
  wake();
}

function wake() {
  clearTimeout(timer);
  timer = setTimeout(tick, 0);
}

function tick() {
  const deadlines = [...listeners].flatMap((listener) => listener() ?? []);
  const time = now();
  const rests = deadlines.filter((deadline) => deadline > time).map((deadline) => (deadline - time) % SECOND || SECOND);
  clearTimeout(timer);
  // One millisecond more, so that a timer that is early by a fraction does not come twice.
  timer = setTimeout(tick, Math.min(SECOND, ...rests) + 1);
}

document.addEventListener('visibilitychange', wake);
