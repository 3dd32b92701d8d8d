// Job: remembers what is needed of the past: whole readings for the window of the percentiles, numbers for the charts.
// Owns: how long each is kept. Both are bounded: a page left open for a week stays as small as after five minutes.
// Never: draws, or asks the server.

/** Points of a chart: five minutes at one snapshot a second. */
export const POINTS = 300;

/** Points of a sparkline: the last minute. */
export const SPARK_POINTS = 60;

/** Window of percentiles in seconds. Long enough for a p99 of a quiet actor, short enough to show recovery. */
export const WINDOW_S = 10;

/** Window of rates in seconds: evens out the jitter of one snapshot, and still follows the eye. */
export const RECENT_S = 3;

/** Readings `{uptime_s, …}` of the last `WINDOW_S` seconds, oldest first. */
export class Readings {
  #kept = [];

  /** Takes one in. Returns `false` if the server began anew, and what was kept is worthless. */
  push(reading) {
    const last = this.#kept.at(-1);
    const continues = !last || reading.uptime_s >= last.uptime_s;
    if (!continues) this.#kept = [];
    this.#kept.push(reading);
    while (this.#kept.length > 2 && this.#kept[1].uptime_s <= reading.uptime_s - WINDOW_S) this.#kept.shift();
    return continues;
  }

  /** The newest. */
  get current() {
    return this.#kept.at(-1) ?? null;
  }

  /** The newest at least so many seconds older than the current one, else the oldest; `null` if there is one only. */
  ago(seconds) {
    if (this.#kept.length < 2) return null;
    const until = this.current.uptime_s - seconds + 0.5;
    for (let at = this.#kept.length - 2; at > 0; at -= 1) {
      if (this.#kept[at].uptime_s <= until) return this.#kept[at];
    }
    return this.#kept[0];
  }
}

/** Numbers over time, the oldest dropped. `null` is a gap. */
export class Series {
  constructor(limit = POINTS) {
    this.limit = limit;
    this.values = [];
  }

  push(value) {
    this.values.push(Number.isFinite(value) ? value : null);
    if (this.values.length > this.limit) this.values.shift();
  }

  clear() {
    this.values = [];
  }
}
