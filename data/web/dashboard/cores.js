// Job: the cores side by side.
// Owns: one cell per core.
// Never: judges: a busy core is a used one.

import { arrange, find, make, setAttribute, setStyle, setText } from "./dom.js";
import { Series, SPARK_POINTS } from "./history.js";
import { meaning } from "./meanings.js";
import { perSecond, windowed } from "./readings.js";
import { Sparkline } from "./sparkline.js";
import { NOTHING, percent, rate } from "./words.js";

export class Cores {
  #cells = new Map();

  constructor() {
    this.list = find("#cores .cores");
  }

  /** Takes a snapshot in, so that the past has no gap while nothing is drawn. */
  take(current, recent) {
    const seconds = recent ? current.uptime_s - recent.uptime_s : 0;
    const before = new Map(recent?.cores.map((core) => [core.core, core]));
    for (const core of current.cores) {
      if (!this.#cells.has(core.core)) this.#cells.set(core.core, cell(core.core));
      const parts = this.#cells.get(core.core);
      parts.share = perSecond(core.busy_s, before.get(core.core)?.busy_s, seconds);
      parts.history.push(parts.share);
    }
  }

  show(current, recent) {
    const seconds = recent ? current.uptime_s - recent.uptime_s : 0;
    const before = new Map(recent?.cores.map((core) => [core.core, core]));
    arrange(this.list, current.cores.map((core) => {
      const parts = this.#cells.get(core.core);
      fill(parts, core, before.get(core.core), seconds);
      return parts.node;
    }));
  }
}

function cell(number) {
  const parts = { fill: make("i"), busy: make("b"), messages: make("dd"), crossed: make("dd"), batch: make("dd") };
  Object.assign(parts, { history: new Series(SPARK_POINTS), line: new Sparkline({ floor: 1 }), share: null });
  parts.meter = make("div", { class: "meter", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-label": `Core ${number} busy` }, parts.fill);
  const fact = (key, label, node) => make("div", { title: meaning(key) }, make("dt", {}, label), node);
  parts.node = make("li", { "data-core": number },
    make("div", { class: "core-head", title: meaning("busy") }, make("strong", {}, `Core ${number}`), parts.line.node,
      parts.busy),
    parts.meter,
    make("dl", {}, fact("messages", "messages/s", parts.messages), fact("crossed", "crossed/s", parts.crossed),
      fact("core_batch", "per batch", parts.batch)));
  return parts;
}

function fill(parts, core, before, seconds) {
  const share = Math.min(1, parts.share ?? 0);
  setStyle(parts.fill, "width", `${(share * 100).toFixed(1)}%`);
  setAttribute(parts.meter, "aria-valuenow", Math.round(share * 100));
  setText(parts.busy, parts.share === null ? NOTHING : `${percent(parts.share)} busy`);
  setText(parts.messages, rate(perSecond(core.messages_total, before?.messages_total, seconds)));
  setText(parts.crossed, rate(perSecond(core.crossed_total, before?.crossed_total, seconds)));
  const batch = windowed(core.batch, before?.batch).mean;
  setText(parts.batch, batch === null ? NOTHING : batch.toFixed(1));
  parts.line.update(parts.history.values);
}
