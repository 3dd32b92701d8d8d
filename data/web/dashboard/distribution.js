// Job: percentiles and means of the last seconds, from two readings of a distribution that only ever grows.
// Owns: the subtraction of buckets.
// Never: knows what is measured.

/**
 * What was counted between two readings: `{count, sum, max, buckets}`. Without an earlier reading, or when the counter
 * began anew, everything that `later` holds.
 */
export function between(earlier, later) {
  if (!later) return { count: 0, sum: 0, max: 0, buckets: [] };
  const base = earlier && earlier.count <= later.count ? earlier : { count: 0, sum: 0, buckets: [] };
  const before = new Map(base.buckets ?? []);
  const buckets = [];
  for (const [upper, count] of later.buckets ?? []) {
    const grown = count - (before.get(upper) ?? 0);
    if (grown > 0) buckets.push([upper, grown]);
  }
  return { count: later.count - base.count, sum: later.sum - base.sum, max: later.max, buckets };
}

/**
 * The value below which the share `quantile` lies, or `null` if nothing was counted. Within its bucket the values are
 * taken as evenly spread. Bounds roughly double, so the bucket begins at half its upper bound, or where the one
 * before ends.
 */
export function percentile(distribution, quantile) {
  const total = distribution.buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  const rank = quantile * total;
  let [passed, lower] = [0, 0];
  for (const [upper, count] of distribution.buckets) {
    if (passed + count >= rank) {
      const start = Math.max(lower, upper / 2);
      return Math.min(start + (upper - start) * ((rank - passed) / count), distribution.max || upper);
    }
    passed += count;
    lower = upper;
  }
  return lower;
}

/** The mean, or `null` if nothing was counted. */
export function mean(distribution) {
  return distribution.count > 0 ? distribution.sum / distribution.count : null;
}
