// Job: shows the verdict and five key figures; the sixth, of money, is `owed.js`'s.
// Owns: the top of the page.
// Never: decides what is healthy (the server does) or what a figure means (`readings.js`).

import { arrange, find, make, setAttribute, setText } from "./dom.js";
import { SPARK_POINTS } from "./history.js";
import { Sparkline } from "./sparkline.js";
import { count, durationParts, NOTHING, percent, rate } from "./words.js";

/** More reasons than these are not read; the rest is counted. */
const MOST_REASONS = 3;

export class Figures {
  constructor() {
    this.verdict = find("#verdict");
    this.lines = {};
    for (const tile of document.querySelectorAll("#figures > [data-figure]")) {
      const line = new Sparkline({ size: "tile" });
      tile.querySelector("dd").append(line.node);
      this.lines[tile.dataset.figure] = line;
    }
  }

  /** Shows a verdict. The headline alone is announced: the numbers in the reasons change all the time. */
  judge({ level, headline, reasons }) {
    setAttribute(this.verdict, "data-level", level);
    setText(find("[data-field=headline]", this.verdict), headline);
    const list = find("[data-field=reasons]", this.verdict);
    const told = reasons.slice(0, MOST_REASONS);
    if (reasons.length > MOST_REASONS) told.push({ code: "more", text: `And ${reasons.length - MOST_REASONS} more.` });
    while (list.children.length < told.length) list.append(make("li"));
    arrange(list, [...list.children].slice(0, told.length));
    told.forEach(({ code, text }, index) => {
      setText(list.children[index], text);
      setAttribute(list.children[index], "data-code", code);
    });
    const name = headline.split(":")[0];
    document.title = `${name} · Doorbuster`;
  }

  /** Shows the figures; `series` are the values over time. */
  show({ pace, commit_p99, items }, series) {
    this.#set("orders", rate(pace.orders_rate), series.orders);
    this.#set("attempts", rate(pace.attempts_rate), series.attempts);
    this.#set("refused", percent(pace.refused_share), series.refused);
    const [value, unit] = durationParts(commit_p99);
    this.#set("commit", value, series.commit, value === NOTHING ? "no commits in 10 s" : `${unit}, last 10 s`);
    const share = items.supply > 0 ? ` (${percent(items.remaining / items.supply)})` : "";
    this.#set("left", count(items.remaining), series.remaining, `of ${count(items.supply)}${share}`);
  }

  #set(name, value, series, unit) {
    const tile = find(`[data-figure=${name}]`);
    setText(find("[data-field=value]", tile), value);
    if (unit !== undefined) setText(find("[data-field=unit]", tile), unit);
    this.lines[name].update(series.values.slice(-SPARK_POINTS));
  }
}
