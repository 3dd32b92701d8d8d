// Job: turns monotonic counters of two snapshots into rates, shares and windowed percentiles.
// Owns: what "orders per second" and "refused share" mean, exactly.
// Never: touches the page; everything here is a pure function.

import { between, mean, percentile } from "./distribution.js";

/** Answers that are not refusals: a replay hands out the order again, and nobody refused a buyer who hung up. */
const NO_REFUSAL = new Set(["replayed", "disconnected"]);

/** Difference of a counter per second, `null` without an earlier value. */
export function perSecond(later, earlier, seconds) {
  return earlier === null || earlier === undefined || !(seconds > 0) ? null : Math.max(0, later - earlier) / seconds;
}

/** Purchase attempts so far. */
export function attempts(snapshot) {
  return snapshot.layers[0]?.in ?? 0;
}

/** Confirmed orders so far: what came out of the last layer. */
export function orders(snapshot) {
  return snapshot.layers.at(-1)?.out ?? 0;
}

/** Refusals so far. */
export function refusals(snapshot) {
  let sum = 0;
  for (const layer of snapshot.layers) {
    for (const [code, count] of Object.entries(layer.answered)) if (!NO_REFUSAL.has(code)) sum += count;
  }
  return sum;
}

/** p50, p99 and mean of what happened between two readings of a distribution. */
export function windowed(later, earlier) {
  const grown = between(earlier, later);
  return { p50: percentile(grown, 0.5), p99: percentile(grown, 0.99), mean: mean(grown), count: grown.count };
}

/**
 * The key figures between two snapshots: `{orders_rate, attempts_rate, refused_share}`, each `null` where it cannot be
 * known. The refused share is that of the attempts answered in between.
 */
export function pace(current, earlier) {
  if (!earlier) return { orders_rate: null, attempts_rate: null, refused_share: null };
  const seconds = current.uptime_s - earlier.uptime_s;
  const asked = attempts(current) - attempts(earlier);
  const refused = refusals(current) - refusals(earlier);
  return {
    orders_rate: perSecond(orders(current), orders(earlier), seconds),
    attempts_rate: perSecond(attempts(current), attempts(earlier), seconds),
    refused_share: asked > 0 ? Math.min(1, Math.max(0, refused / asked)) : null,
  };
}
