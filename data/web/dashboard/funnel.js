// Job: shows the way from attempts to orders, layer by layer, with every answer.
// Owns: the rows of the funnel.
// Never: counts.

import { arrange, find, make, setAttribute, setStyle, setText } from "./dom.js";
import { perSecond } from "./readings.js";
import { answer, count, LAYERS, percent, rate } from "./words.js";

export class Funnel {
  #rows = new Map();

  constructor() {
    this.list = find("#funnel .layers");
  }

  /** Shows the layers of a snapshot, with the rates since an earlier one. */
  show(current, earlier) {
    const attempts = current.layers[0]?.in ?? 0;
    const seconds = earlier ? current.uptime_s - earlier.uptime_s : 0;
    const before = new Map(earlier?.layers.map((layer) => [layer.name, layer]));
    arrange(this.list, current.layers.map((layer) => {
      if (!this.#rows.has(layer.name)) this.#rows.set(layer.name, row(layer.name));
      const parts = this.#rows.get(layer.name);
      fill(parts, layer, before.get(layer.name), { attempts, seconds });
      return parts.node;
    }));
  }
}

function row(name) {
  const [title, question] = LAYERS[name] ?? [name, ""];
  const parts = {
    passed: make("i", { class: "passed" }), stopped: make("i", { class: "stopped" }),
    out: make("b"), now: make("span", { class: "now" }), answers: make("ul", { class: "answers" }), known: new Map(),
  };
  parts.bar = make("div", { class: "bar", role: "img" }, parts.passed, parts.stopped);
  parts.node = make("li", { "data-layer": name },
    make("div", { class: "layer-name" }, make("strong", {}, title), make("small", {}, question)),
    parts.bar,
    make("div", { class: "layer-out" }, parts.out, parts.now),
    parts.answers);
  return parts;
}

function fill(parts, layer, before, { attempts, seconds }) {
  const answers = Object.entries(layer.answered).filter(([, total]) => total > 0).sort((a, b) => b[1] - a[1]);
  const stopped = answers.reduce((sum, [, total]) => sum + total, 0);
  const share = (value) => (attempts > 0 ? value / attempts : 0);
  setStyle(parts.passed, "width", `${(share(layer.out) * 100).toFixed(2)}%`);
  setStyle(parts.stopped, "width", `${(share(stopped) * 100).toFixed(2)}%`);
  setAttribute(parts.bar, "aria-label",
    `${percent(share(layer.out))} of all attempts passed, ${percent(share(stopped))} were answered here`);
  setText(parts.out, count(layer.out));
  setText(parts.now, `passed · ${rate(perSecond(layer.out, before?.out, seconds))}/s`);
  arrange(parts.answers, answers.map(([code, total]) => {
    const chip = parts.known.get(code) ?? chipOf(code);
    parts.known.set(code, chip);
    const pace = perSecond(total, before ? (before.answered[code] ?? 0) : null, seconds);
    setText(chip.children[1], count(total));
    setText(chip.children[2], pace > 0 ? `${rate(pace)}/s` : "");
    setAttribute(chip, "data-now", pace > 0);
    return chip;
  }));
}

function chipOf(code) {
  return make("li", { "data-code": code, title: `code “${code}”` },
    make("span", {}, answer(code)), make("b"), make("em"));
}
