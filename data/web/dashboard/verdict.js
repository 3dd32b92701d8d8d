// Job: says in one line whether the sale is healthy, and why not.
// Owns: the thresholds of the page and the order in which bad news come.
// Never: touches the page, the clock or the network: `judge` is a pure function of what it is given.

import { answered, attempts, orders, windowed } from "./readings.js";
import { answer, count, duration, percent } from "./words.js";

/** Share of the house's capacity from which it counts as nearly full: past all of it, buyers get 503. */
export const HOUSE_FULL_SHARE = 0.8;

/** Letters waiting at the writer from which it counts as stuck if it does not commit: a few full batches. */
export const WRITER_STUCK_DEPTH = 1_000;

/** p99 of a commit that is reported. Requests are answered within 5 s; a tenth of it is no accident any more. */
export const SLOW_COMMIT_US = 500_000;

/** Entries behind from which a growing lag of the feed is reported: less is one breath of a busy consumer. */
export const FEED_LAG_ENTRIES = 1_000;

/** p99 of handling a letter: worth a look, and bad. A decision takes a few microseconds. */
export const SLOW_HANDLE_US = { warn: 1_000, bad: 10_000 };

/** p99 of waiting in a mailbox: worth a look, and bad. */
export const LONG_WAIT_US = { warn: 100_000, bad: 1_000_000 };

/** Share of a mailbox in use: worth a look, and bad. */
export const DEEP_MAILBOX_SHARE = { warn: 0.05, bad: 0.5 };

/** Answers that say "not now or not known": when they grow, the house is in trouble, not the buyer. */
const TROUBLE = [
  "outcome-unknown", "storage-full", "storage-unavailable", "gate-unavailable", "overloaded", "shutting-down",
];

/**
 * `"bad"`, `"warn"` or `""`, whichever of the two limits a value reached.
 */
export function grade(value, limits) {
  if (!Number.isFinite(value) || value < limits.warn) return "";
  return value >= limits.bad ? "bad" : "warn";
}

/**
 * The verdict: `{level, headline, reasons}`. Level is one of `healthy`, `degraded`, `stopped`, `lost`.
 *
 * `current` is the newest snapshot, `recent` one of about 3 s before and `earlier` one of about 10 s before (either may
 * be `null` at the beginning: then nothing is said about growth). `broken` holds the ids of the items whose books did
 * not add up at their last audit. `lost` is `null`, or the time of day since which no snapshot came.
 *
 * What stops the sale goes before what degrades it; all reasons found are listed.
 */
export function judge({ current, recent, earlier, broken = [], lost = null }) {
  if (lost !== null) {
    return { level: "lost", headline: `Connection lost since ${lost}`, reasons: [
      "The sale may well go on; this page cannot see it. Figures below are the last ones. Trying again.",
    ] };
  }
  if (!current) return { level: "unknown", headline: "Connecting…", reasons: [] };
  const stops = stopping(current, recent, broken);
  const slows = degrading(current, earlier);
  if (stops.length > 0) return told("stopped", `Stopped: ${stops[0].short}`, [...stops, ...slows]);
  if (slows.length > 0) return told("degraded", `Degraded: ${slows[0].short}`, slows);
  return healthy(current, recent);
}

function told(level, headline, reasons) {
  return { level, headline, reasons: reasons.map((reason) => reason.long) };
}

function stopping(current, recent, broken) {
  const found = [];
  const say = (short, long) => found.push({ short, long });
  if (current.state === "storage-full" || current.writer.storage === "full") {
    say("the disk is full",
      "Nothing can be written, so nothing is sold. The sale goes on by itself once there is room.");
  } else if (current.state === "storage-locked" || current.writer.storage === "locked") {
    say("the data file is locked", "Another process holds the data file. The sale goes on by itself once it lets go.");
  } else if (current.state === "storage-moved" || current.writer.storage === "moved") {
    say("the data file was moved or deleted",
      "The files that are open have lost their names, so nothing is sold. The server's log says how to get them back.");
  }
  if (current.state === "closing") say("the server is closing", "It answers who is inside and lets nobody in.");
  if (broken.length > 0) {
    const names = broken.slice(0, 3).join(", ") + (broken.length > 3 ? ` and ${broken.length - 3} more` : "");
    say(`the books of ${names} do not add up`,
      `Remaining and live units do not make up the supply of ${names}. Pause it and run “doorbuster verify”.`);
  }
  const { queue_depth: depth, commits_total: commits } = current.writer;
  if (recent && depth >= WRITER_STUCK_DEPTH && commits === recent.writer.commits_total) {
    say("the writer does not commit",
      `${count(depth)} decisions wait for the ledger, and nothing was committed in the last seconds.`);
  }
  return found;
}

function degrading(current, earlier) {
  const found = [];
  const say = (short, long) => found.push({ short, long });
  const share = current.house.inside / current.house.capacity;
  if (share >= HOUSE_FULL_SHARE) {
    say("the house is nearly full", `${count(current.house.inside)} of ${count(current.house.capacity)} places are ` +
      `taken (${percent(share)}). When all are, buyers are told to come back.`);
  }
  if (current.redis && current.redis.state !== "closed") {
    say("Redis does not answer",
      "The breaker of Redis is open; “redis.on_error” decides at the gate. No promise rests on Redis.");
  }
  if (!earlier) return found;
  const seconds = Math.max(1, Math.round(current.uptime_s - earlier.uptime_s));
  for (const code of TROUBLE) {
    const grown = answered(current, code) - answered(earlier, code);
    if (grown > 0) say(`attempts fail: ${answer(code)}`, `${count(grown)} × ${answer(code)} in the last ${seconds} s.`);
  }
  const commit = windowed(current.writer.commit_us, earlier.writer.commit_us).p99;
  if (commit >= SLOW_COMMIT_US) {
    say("commits are slow", `One commit in a hundred takes ${duration(commit)} or longer. Look at the disk.`);
  }
  return [...found, ...lagging(current, earlier), ...struggling(current, earlier)];
}

function lagging(current, earlier) {
  return current.feed.flatMap(({ sink, lag_entries: lag }) => {
    const before = earlier.feed.find((other) => other.sink === sink)?.lag_entries ?? lag;
    if (lag < FEED_LAG_ENTRIES || lag <= before) return [];
    return [{ short: `the feed “${sink}” falls behind`,
      long: `${count(lag)} entries have not reached “${sink}” yet, and it gets more. Buyers do not notice.` }];
  });
}

function struggling(current, earlier) {
  const before = new Map(earlier.items.busiest.map((actor) => [actor.name, actor]));
  const found = [];
  for (const actor of current.items.busiest) {
    const handle = windowed(actor.handle_us, before.get(actor.name)?.handle_us);
    if (before.has(actor.name) && grade(handle.p99, SLOW_HANDLE_US) === "bad") {
      found.push({ short: `${actor.item_id} is slow`,
        long: `The actor of ${actor.item_id} needs ${duration(handle.p99)} for a letter (p99); a few µs are normal.` });
    }
    const share = actor.mailbox.depth / actor.mailbox.capacity;
    if (grade(share, DEEP_MAILBOX_SHARE) === "bad") {
      found.push({ short: `the mailbox of ${actor.item_id} fills up`,
        long: `${count(actor.mailbox.depth)} letters wait at ${actor.item_id}, ${percent(share)} of its mailbox.` });
    }
  }
  return found;
}

/** Nothing is wrong. What is going on then? */
function healthy(current, recent) {
  const say = (headline, reason) => ({ level: "healthy", headline: `Healthy: ${headline}`, reasons: [reason] });
  const { open = 0, paused = 0, scheduled = 0, sold_out: soldOut = 0 } = current.items.by_state;
  if (current.items.total === 0) return say("nothing to sell yet", "There is no item. Create one to begin.");
  if (open === 0) {
    if (paused > 0) return say("paused", `No item is on sale; ${count(paused)} paused by an operator.`);
    if (scheduled > 0) return say("waiting for the opening", `${count(scheduled)} items open later.`);
    if (soldOut > 0) return say("sold out", "Every open item is sold out. Released units go on sale again at once.");
    return say("closed", "Every item is closed.");
  }
  const onSale = `${count(open)} ${open === 1 ? "item" : "items"} on sale`;
  if (!recent) return say("open", `${onSale}.`);
  if (orders(current) > orders(recent)) {
    return say("selling", `${onSale}; orders are durable, storage and queues are fine.`);
  }
  if (attempts(current) > attempts(recent)) {
    return say("open, every attempt is refused", `${onSale}; the funnel says why nobody gets through right now.`);
  }
  return say("waiting for buyers", `${onSale}, and nobody asks.`);
}
