// Job: time charts on uPlot, in the page's colours and at its width.
// Owns: the options of every chart.
// Never: keeps the data, or knows what it means.

import { colour, onChange } from "./theme.js";
import { clock } from "./words.js";

const FONT = "11px system-ui, sans-serif";

export class Chart {
  #plot = null;
  #data = [[]];
  #keys = "";
  #series = [];

  /**
   * `format` writes a value, `label` a tick of the y axis (if not the same way), `range` gives its bounds from the
   * data's, `readout` takes the text of the point under the cursor (optional).
   */
  constructor(node, { format, label = format, range, readout = null, height = 120 }) {
    Object.assign(this, { node, format, label, range, readout, height });
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(node);
    onChange(() => this.#recolour());
  }

  /** Shows `data` (`[times, values, …]`, times in seconds); `series` has `{key, colour, fill}` for each row. */
  update(data, series) {
    this.#data = data;
    this.#series = series;
    const keys = series.map(({ key, colour: name }) => `${key} ${name}`).join();
    if (this.#plot && keys === this.#keys) return this.#plot.setData(data);
    this.#keys = keys;
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(series), data, this.node);
  }

  #recolour() {
    this.#keys = "";
    if (this.#plot) this.update(this.#data, this.#series);
  }

  #size() {
    return { width: Math.max(160, this.node.clientWidth), height: this.height };
  }

  #options(series) {
    const grid = { stroke: colour("line"), width: 1 };
    const axis = { stroke: colour("muted"), font: FONT, ticks: { show: false }, grid };
    const times = (_, ticks) => ticks.map((at) => clock(at * 1000));
    return {
      ...this.#size(),
      legend: { show: false },
      padding: [6, 26, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: true }, y: { range: (_, low, high) => this.range(low, high) } },
      axes: [
        { ...axis, size: 24, space: 70, grid: { show: false }, values: times },
        { ...axis, size: 48, space: 28, values: (_, ticks) => ticks.map((tick) => this.label(tick)) },
      ],
      series: [{}, ...series.map((one) => this.#line(one))],
      hooks: this.readout ? { setCursor: [(plot) => this.readout(this.#under(plot))] } : {},
    };
  }

  #line({ colour: name, fill = false }) {
    const stroke = colour(name);
    return { stroke, width: 1.75, spanGaps: true, points: { show: false }, fill: fill ? `${stroke}22` : undefined };
  }

  #under(plot) {
    const at = plot.cursor.idx;
    if (at === null || at === undefined) return "";
    const values = plot.data.slice(1).map((row) => (row[at] === null ? "" : this.format(row[at])));
    return `${values.join(" · ")} at ${clock(plot.data[0][at] * 1000)}`;
  }
}
