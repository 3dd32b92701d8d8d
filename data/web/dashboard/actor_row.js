// Job: one row of the table of actors.
// Owns: its cells, and the recent past behind its percentiles.
// Never: asks the server.

import { make, setAttribute, setStyle, setText, show } from "./dom.js";
import { Readings, RECENT_S, Series, SPARK_POINTS, WINDOW_S } from "./history.js";
import { meaning } from "./meanings.js";
import { perSecond, windowed } from "./readings.js";
import { Sparkline } from "./sparkline.js";
import { count, duration, NOTHING, rate, STATES } from "./words.js";

/** Columns: field, label, what `sort=` calls it (`null`: cannot be sorted by), key of the meaning. */
export const COLUMNS = [
  ["name", "Actor", "name", "actor"],
  ["core", "Core", null, "core"],
  ["state", "State", null, "state"],
  ["remaining", "Left", "remaining", "remaining"],
  ["depth", "Depth", "depth", "depth"],
  ["high_water", "High", "high_water", "high_water"],
  ["messages", "Messages/s", "processed", "processed"],
  ["wait_p99", "Wait p99", "wait", "wait"],
  ["handle_p99", "Handle p99", "handle", "handle"],
  ["conservation", "Balance", null, "balance"],
  ["actions", "Actions", null, null],
];

/** p99 of handling a message: worth a look, and bad. A decision takes a few microseconds. */
const SLOW_HANDLE_US = { warn: 1_000, bad: 10_000 };

/** p99 of waiting in a mailbox: worth a look, and bad. */
const LONG_WAIT_US = { warn: 100_000, bad: 1_000_000 };

/** Share of a mailbox in use: worth a look, and bad. */
const DEEP_MAILBOX_SHARE = { warn: 0.05, bad: 0.5 };

const ACTIONS = [["pause", "Pause"], ["resume", "Resume"], ["restock", "Restock"], ["close", "Close"], ["reopen", "Reopen"]];

const BALANCE = { good: "add up", bad: "broken", unknown: "not checked", idle: "idle" };

export class ActorRow {
  #readings = new Readings();
  #wait = new Series(SPARK_POINTS);
  #handle = new Series(SPARK_POINTS);
  #cells = {};

  constructor(actor) {
    this.actor = actor;
    this.seen_at_s = 0;
    this.node = make("tr", { tabindex: -1, "data-actor": actor.name, "data-kind": actor.kind,
      "data-item": actor.item_id ?? false });
    for (const [field, label, , help] of COLUMNS) {
      const cell = make(field === "name" ? "th" : "td", { "data-cell": field, "data-label": label,
        scope: field === "name" ? "row" : false, title: help ? meaning(help) : false });
      this.#cells[field] = cell;
      this.node.append(cell);
    }
    this.#furnish();
  }

  #furnish() {
    const { name, remaining, wait_p99: wait, handle_p99: handle, depth, conservation, actions } = this.#cells;
    const is_stock = this.actor.kind === "stock";
    const field = (key) => make("span", { "data-field": key });
    this.parts = Object.fromEntries(COLUMNS.map(([key]) => [key, field(key)]));
    Object.assign(this.parts, { title: make("small"), alarm: make("em", { class: "alarm", hidden: true }),
      supply: make("small"), stock: make("i"),
      wait_line: new Sparkline({ floor: 1_000 }), handle_line: new Sparkline({ floor: 50 }),
      light: make("span", { class: "light" }), deep: make("i") });
    const label = make(is_stock ? "button" : "span", is_stock ? { type: "button", class: "plain", tabindex: -1,
      "data-choose": true } : {}, this.parts.name);
    name.append(make("div", { class: "who" }, label, this.parts.alarm), this.parts.title);
    for (const key of ["core", "state", "high_water", "messages"]) this.#cells[key].append(this.parts[key]);
    remaining.append(this.parts.remaining, this.parts.supply, make("div", { class: "meter" }, this.parts.stock));
    depth.append(this.parts.depth, make("div", { class: "meter" }, this.parts.deep));
    wait.append(this.parts.wait_p99, this.parts.wait_line.node);
    handle.append(this.parts.handle_p99, this.parts.handle_line.node);
    if (!is_stock) return;
    conservation.append(this.parts.light, this.parts.conservation);
    for (const [action, text] of ACTIONS) {
      actions.append(make("button", { type: "button", tabindex: -1, "data-action": action,
        "aria-label": `${text} ${this.actor.item_id}` }, text));
    }
  }

  /** Takes a row of the answer in, and shows it. */
  update(actor, uptime_s) {
    this.actor = actor;
    this.seen_at_s = uptime_s;
    setAttribute(this.node, "data-stale", false);
    if (!this.#readings.push({ uptime_s, actor })) { this.#wait.clear(); this.#handle.clear(); }
    const earlier = this.#readings.ago(WINDOW_S);
    const recent = this.#readings.ago(RECENT_S);
    const none = { p99: null };
    const wait = earlier ? windowed(actor.wait_us, earlier.actor.wait_us) : none;
    const handle = earlier ? windowed(actor.handle_us, earlier.actor.handle_us) : none;
    this.#wait.push(wait.p99);
    this.#handle.push(handle.p99);
    const messages = perSecond(actor.processed_total, recent?.actor.processed_total, uptime_s - (recent?.uptime_s ?? 0));
    this.#say(actor, { wait: wait.p99, handle: handle.p99, messages });
    if (actor.kind === "stock") this.#sayStock(actor);
  }

  #say(actor, { wait, handle, messages }) {
    const { parts } = this;
    setText(parts.name, actor.item_id ?? actor.name.replaceAll("_", " "));
    setText(parts.title, actor.title ?? "makes orders durable");
    setText(parts.core, actor.core === null ? "own" : String(actor.core));
    setText(parts.depth, count(actor.mailbox.depth));
    setText(parts.high_water, count(actor.mailbox.high_water));
    setText(parts.messages, rate(messages));
    setText(parts.wait_p99, duration(wait ?? NaN));
    setText(parts.handle_p99, duration(handle ?? NaN));
    const share = actor.mailbox.depth / actor.mailbox.capacity;
    setStyle(parts.deep, "width", `${(Math.min(1, share) * 100).toFixed(1)}%`);
    // The writer's messages are whole commits: milliseconds are its normal pace.
    const slow = actor.kind === "stock" ? grade(handle, SLOW_HANDLE_US) : "";
    const late = actor.kind === "stock" ? grade(wait, LONG_WAIT_US) : "";
    const deep = grade(share, DEEP_MAILBOX_SHARE);
    parts.wait_line.update(this.#wait.values, late || "accent");
    parts.handle_line.update(this.#handle.values, slow || "accent");
    setAttribute(this.#cells.handle_p99, "data-tone", slow || false);
    setAttribute(this.#cells.wait_p99, "data-tone", late || false);
    setAttribute(this.#cells.depth, "data-tone", deep || false);
    const alarms = [slow && "slow", deep && "deep", late && !slow && !deep && "long wait"].filter(Boolean);
    show(parts.alarm, alarms.length > 0);
    setText(parts.alarm, alarms.join(" · "));
    const worst = [slow, late, deep].includes("bad") ? "bad" : slow || late || deep;
    setAttribute(this.node, "data-alarm", worst || false);
  }

  #sayStock(actor) {
    const { parts } = this;
    setText(parts.state, STATES[actor.state] ?? actor.state);
    setAttribute(parts.state, "data-state", actor.state);
    setAttribute(this.node, "data-started", actor.started);
    setText(parts.remaining, count(actor.remaining));
    setText(parts.supply, `of ${count(actor.supply)}`);
    const left = actor.supply > 0 ? actor.remaining / actor.supply : 0;
    setStyle(parts.stock, "width", `${(left * 100).toFixed(1)}%`);
    for (const button of this.#cells.actions.children) {
      const { action } = button.dataset;
      const { state } = actor;
      const fits = { pause: state !== "paused", resume: state === "paused" }[action] ?? true;
      show(button, action === "reopen" ? state === "closed" : fits && state !== "closed");
    }
    if (!actor.started) {
      for (const key of ["wait_p99", "handle_p99", "messages"]) setText(parts[key], NOTHING);
    }
  }

  /** Shows the result of an audit: `good`, `bad`, `unknown` or `idle`. */
  audit(light) {
    if (this.actor.kind !== "stock") return;
    setAttribute(this.parts.light, "data-light", light);
    setText(this.parts.conservation, BALANCE[light]);
  }

  /** Not in the last answer: what is shown is old. */
  stale() {
    setAttribute(this.node, "data-stale", true);
  }

  /** To be called when the row goes for good. */
  release() {
    this.parts.wait_line.release();
    this.parts.handle_line.release();
  }
}

/** The colour of a cell: `"bad"`, `"warn"` or `""`, whichever of the two limits a value reached. */
function grade(value, limits) {
  if (!Number.isFinite(value) || value < limits.warn) return "";
  return value >= limits.bad ? "bad" : "warn";
}
