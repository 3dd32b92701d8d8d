// Job: the stock burning down per item, and orders and attempts per second.
// Owns: which items are in the chart, and their past.
// Never: tracks more than a few items: the busiest, and the one the operator chose.

import { Chart } from "./charts.js";
import { arrange, find, make, setStyle, setText, show } from "./dom.js";
import { POINTS, Series } from "./history.js";
import { count, percent, rate, short, span, STATES } from "./words.js";

/** Lines in the burn-down chart; more cannot be told apart. */
const MOST_LINES = 5;

/** Items whose past is kept: the candidates for the lines. The least busy is dropped for a new one. */
const MOST_TRACKED = 24;

/** Weight of the past in an item's score per second: who was busy in the last half minute stays in the chart. */
const MEMORY = 0.95;

/** Snapshots over which the pace of a line is measured. */
const PACE_POINTS = 10;

export class Sales {
  #tracked = new Map();
  #times = new Series();
  #shown = [];
  #chosen = null;
  #since_choice = 0;

  constructor() {
    this.burn = new Chart(find("#burn-chart"), {
      format: percent, range: () => [0, 1.02], height: 220,
    });
    const upwards = (_, high) => [0, high > 0 ? high * 1.1 : 1];
    const pace = { format: rate, label: short, range: upwards };
    const readout = (selector) => (text) => setText(find(selector), text);
    this.orders = new Chart(find("#orders-chart"), { ...pace, readout: readout("#orders-at") });
    this.attempts = new Chart(find("#attempts-chart"), { ...pace, readout: readout("#attempts-at") });
    find("#burn-all").addEventListener("click", () => this.choose(null));
  }

  /** Called with the id of the item to follow alone, or with `null` for the busiest. */
  choose(item_id) {
    this.#chosen = item_id === this.#chosen ? null : item_id;
    setText(find("#burn-what"), this.#chosen ?? "the busiest items, share of supply left");
    show(find("#burn-all"), this.#chosen !== null);
    this.#since_choice = Infinity;
    this.onChosen?.(this.#chosen);
  }

  /** The item that is followed alone, or `null`. */
  get chosen() {
    return this.#chosen;
  }

  /** Forgets the past: the server began anew. */
  clear() {
    this.#tracked.clear();
    this.#times.clear();
  }

  /** Takes the rows of one second in: the busiest, and the chosen one if it is known. */
  take(at_s, rows) {
    this.#times.push(at_s);
    const seen = new Map(rows.filter((row) => row.item_id !== undefined).map((row) => [row.item_id, row]));
    for (const [id, row] of seen) if (!this.#tracked.has(id)) this.#tracked.set(id, this.#newcomer(row));
    for (const [id, item] of this.#tracked) {
      const row = seen.get(id);
      item.score = item.score * MEMORY + (row ? Math.max(0, row.processed_total - item.row.processed_total) : 0);
      if (row) item.row = row;
      item.left.push(row ? row.remaining : null);
      item.share.push(row && row.supply > 0 ? row.remaining / row.supply : null);
    }
    this.#forgetTheQuiet();
  }

  #newcomer(row) {
    const item = { row, score: 0, left: new Series(), share: new Series() };
    const before = Math.max(0, Math.min(POINTS, this.#times.values.length) - 1);
    for (const series of [item.left, item.share]) series.values = Array(before).fill(null);
    return item;
  }

  #forgetTheQuiet() {
    const quiet = [...this.#tracked].filter(([id]) => id !== this.#chosen).sort((a, b) => a[1].score - b[1].score);
    for (const [id] of quiet.slice(0, Math.max(0, this.#tracked.size - MOST_TRACKED))) this.#tracked.delete(id);
  }

  /** Draws. `series` are the numbers over time of the whole sale. */
  draw(series) {
    this.#pick();
    const times = this.#times.values;
    const lines = this.#shown.map((id, index) => ({ key: id, colour: `series-${index + 1}` }));
    this.burn.update([times, ...this.#shown.map((id) => this.#tracked.get(id).share.values)], lines);
    this.orders.update([times, series.orders.values], [{ key: "orders", colour: "accent", fill: true }]);
    this.attempts.update([times, series.attempts.values], [{ key: "attempts", colour: "series-2", fill: true }]);
    this.#drawLegend();
  }

  /** Chooses the lines anew now and then only: a chart whose lines change every second says nothing. */
  #pick() {
    this.#since_choice += 1;
    const known = this.#shown.every((id) => this.#tracked.has(id));
    if (known && this.#since_choice < 10 && this.#shown.length > 0) return;
    this.#since_choice = 0;
    if (this.#chosen !== null) {
      this.#shown = this.#tracked.has(this.#chosen) ? [this.#chosen] : [];
      return;
    }
    const busiest = [...this.#tracked].sort((a, b) => b[1].score - a[1].score).slice(0, MOST_LINES).map(([id]) => id);
    // Those that stay keep their place, and with it their colour.
    const kept = this.#shown.map((id) => (busiest.includes(id) ? id : null));
    const fresh = busiest.filter((id) => !kept.includes(id));
    this.#shown = [...kept.map((id) => id ?? fresh.shift()), ...fresh].filter(Boolean).slice(0, MOST_LINES);
  }

  #drawLegend() {
    const list = find("#burn-legend");
    while (list.children.length < Math.max(1, this.#shown.length)) {
      list.append(make("li", {}, make("i"), make("b"), make("span")));
    }
    arrange(list, [...list.children].slice(0, Math.max(1, this.#shown.length)));
    if (this.#shown.length === 0) {
      const what = this.#chosen ? "looking for it" : "waiting for buyers";
      this.#legend(list.children[0], "transparent", "No messages yet", what);
    }
    this.#shown.forEach((id, index) => {
      const item = this.#tracked.get(id);
      this.#legend(list.children[index], `var(--series-${index + 1})`, id, said(item));
    });
  }

  #legend(row, colour, name, text) {
    setStyle(row.children[0], "background", colour);
    setText(row.children[1], name);
    setText(row.children[2], text);
  }
}

/** How much is left, and how long it lasts at the pace of the last seconds. */
function said({ row, left }) {
  const text = `${count(row.remaining)} of ${count(row.supply)}`;
  if (row.state !== "open") return `${text} · ${STATES[row.state] ?? row.state}`;
  const recent = left.values.slice(-PACE_POINTS);
  const first = recent.findIndex((value) => value !== null);
  const seconds = recent.length - 1 - first;
  const pace = first >= 0 && seconds > 0 ? (recent[first] - row.remaining) / seconds : 0;
  return pace > 0 ? `${text} · −${rate(pace)}/s · lasts ${span(row.remaining / pace)}` : text;
}
