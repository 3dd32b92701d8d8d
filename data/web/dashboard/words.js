// Job: says numbers, durations and codes in words a person reads at a glance.
// Owns: how figures are rounded and written, and the names of layers, refusals, states and triggers.
// Never: computes a figure.

import { amount as money } from "../shared/money.js";

/** What stands where a figure is not known or does not apply. */
export const NOTHING = "–";

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const ONE_DIGIT = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

/** From here on a number is shown short ("1.23M"): more digits are neither read nor steady. */
const COMPACT_FROM = 1_000_000;

/** Most units of an item. */
export const MOST_UNITS = 1_000_000_000;

/** An amount of money in minor units. */
export const amount = (minor, currency) => money(minor, currency, "en");

/** Amounts of money in several currencies. */
export const sums = (all) => all.map((one) => amount(one.amount, one.currency)).join(" + ");

const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** A moment in this browser's own time zone. */
export const when = (rfc3339) => (rfc3339 ? MOMENT.format(Date.parse(rfc3339)) : NOTHING);

/** A count. */
export function count(value) {
  if (!Number.isFinite(value)) return NOTHING;
  return Math.abs(value) >= COMPACT_FROM ? COMPACT.format(value) : WHOLE.format(value);
}

/** A number that names something, in full. */
export function whole(value) {
  return Number.isFinite(value) ? WHOLE.format(value) : NOTHING;
}

/** A number per second: whole from ten on, one digit below. */
export function rate(value) {
  if (!Number.isFinite(value)) return NOTHING;
  return value !== 0 && value < 10 ? ONE_DIGIT.format(value) : count(value);
}

/** A number on an axis, where only its size matters. */
export function short(value) {
  return COMPACT.format(value);
}

/** A share from 0 to 1. Number and sign stay on one line (no-break spaces). */
export function percent(value) {
  if (!Number.isFinite(value)) return NOTHING;
  const points = value * 100;
  if (points > 0 && points < 0.1) return "<\u00a00.1\u00a0%";
  if (points > 99.9 && points < 100) return ">\u00a099.9\u00a0%";
  return `${points >= 10 || points === 0 ? WHOLE.format(points) : ONE_DIGIT.format(points)}\u00a0%`;
}

/** Microseconds as number and unit. */
export function durationParts(us) {
  if (!Number.isFinite(us)) return [NOTHING, "ms"];
  if (us < 1_000) return [WHOLE.format(us), "µs"];
  if (us < 1_000_000) return [us < 10_000 ? ONE_DIGIT.format(us / 1_000) : WHOLE.format(us / 1_000), "ms"];
  return [ONE_DIGIT.format(us / 1_000_000), "s"];
}

/** Microseconds as text. */
export function duration(us) {
  return Number.isFinite(us) ? durationParts(us).join(" ") : NOTHING;
}

/** Bytes in powers of 1024. */
export function bytes(value) {
  if (!Number.isFinite(value)) return NOTHING;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${ONE_DIGIT.format(value / 1024 ** power)} ${units[power]}`;
}

/** Seconds as the two largest units, or one where the second says nothing. */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return NOTHING;
  const all = Math.floor(seconds);
  if (all < 60) return `${all} s`;
  if (all < 600) return `${Math.floor(all / 60)} min ${all % 60} s`;
  if (all < 3_600) return `${Math.floor(all / 60)} min`;
  if (all < 86_400) return `${Math.floor(all / 3_600)} h ${Math.floor((all % 3_600) / 60)} min`;
  return `${Math.floor(all / 86_400)} d ${Math.floor((all % 86_400) / 3_600)} h`;
}

/** The time of day of a moment in milliseconds. */
export function clock(at_ms) {
  return new Date(at_ms).toLocaleTimeString("en-GB");
}

/** Name and question of each layer of the funnel. */
export const LAYERS = {
  door: ["Request", "Is it a valid one?"],
  capacity: ["Capacity", "May one more be in flight?"],
  replay: ["Replay", "Is it a retry of a known order?"],
  window: ["Sale window", "Is the item on sale now?"],
  sold_out: ["Sold-out sign", "Is anything left?"],
  throttle: ["Throttle", "Does this user try too often?"],
  pool: ["Token pool", "Is there a token of the item?"],
  bucket: ["Token bucket", "Is there room at this rate?"],
  stock: ["Stock", "Are the units free for this user?"],
  ledger: ["Ledger", "Is it durable on disk?"],
};

/** What each answer other than an order means. */
const ANSWERS = {
  "malformed": "malformed request",
  "unauthenticated": "no valid buyer token",
  "forbidden": "not allowed",
  "not-found": "no such item",
  "method-not-allowed": "wrong method",
  "not-acceptable": "unacceptable format asked for",
  "request-timeout": "request too slow",
  "length-required": "no length given",
  "payload-too-large": "body too large",
  "uri-too-long": "path too long",
  "unsupported-media-type": "body is not JSON",
  "headers-too-large": "headers too large",
  "validation": "invalid field",
  "idempotency-key-reused": "key used for another order",
  "replayed": "answered with the known order",
  "disconnected": "buyer hung up",
  "sale-not-started": "sale has not begun",
  "sale-paused": "sale is paused",
  "sale-closed": "sale is over",
  "sold-out": "sold out",
  "limit-reached": "purchase limit of this user reached",
  "invalid-transition": "not possible in this state",
  "throttled": "too many attempts of this user (throttled)",
  "no-token": "no token left for this item (pool)",
  "rate-limited": "too many purchases at once (bucket)",
  "overloaded": "too many purchases in flight (overloaded)",
  "storage-full": "disk full",
  "storage-unavailable": "storage not available",
  "outcome-unknown": "outcome unknown",
  "gate-unavailable": "Redis away (gate closed)",
  "shutting-down": "server is closing",
};

/** An answer's code in words. A code this page does not know yet is shown as it is. */
export function answer(code) {
  return ANSWERS[code] ?? code.replaceAll("-", " ");
}

/** States of an item. */
export const STATES = {
  scheduled: "scheduled", open: "on sale", paused: "paused", sold_out: "sold out", closed: "closed",
};

/** Statuses of an order. */
export const STATUSES = {
  pending: "pending", paid: "paid", cancelled: "cancelled", expired: "expired", refund_due: "refund due",
  refunded: "refunded",
};

/** What a payment meant. */
export const VERDICTS = {
  applied: "paid the order", duplicate: "reported twice", second_payment: "order was paid already",
  short: "less than the price", over: "more than the price", wrong_currency: "another currency",
  late: "order was over", unknown_order: "no such order", failed: "failed", cancelled: "paid order was cancelled",
};

/** What an entry of the journal says was done. */
export const DEEDS = {
  item: () => "created or edited", restocked: ({ quantity }) => `put ${count(quantity)} units on sale`,
  withdrawn: ({ quantity }) => `took ${count(quantity)} units off sale`, paused: () => "paused", resumed: () => "resumed",
  closed: () => "closed", reopened: () => "reopened", hidden: () => "hidden", shown: () => "shown again",
  deleted: () => "deleted", cancelled: () => "order cancelled", refund_due: () => "paid order cancelled",
  settled: ({ settled, currency }) => (settled === undefined ? "paid back" : `${amount(settled, currency)} paid back`), refunded: () => "order refunded",
};

/** Why a batch was cut. */
export const TRIGGERS = {
  drained: "nothing more waited", full: "batch full", linger: "waited long enough", draining: "closing",
};
