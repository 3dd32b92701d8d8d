// Job: the table of actors: asks for its rows, sorts, searches, and is walked by keyboard.
// Owns: what is asked for and how often, and the order of the rows on the screen.
// Never: asks while nobody looks, or moves a row under the pointer: the next click could be “Close”.

import { read } from "./api.js";
import { ActorRow, COLUMNS } from "./actor_row.js";
import { arrange, find, make, setAttribute, setText, show } from "./dom.js";
import { meaning } from "./meanings.js";
import { count } from "./words.js";

/** Rows of the table. The search finds the others; ten thousand rows would be read by nobody. */
const MOST_ROWS = { wide: 50, narrow: 20 };

/** Where the style sheet makes a block of each row. */
const NARROW = matchMedia("(max-width: 1140px)");

/** Pause after an answer. A server that answers slowly is asked less: at most this share of the time. */
const PAUSE_MS = 750;
const LONGEST_PAUSE_MS = 10_000;
const BUSY_SHARE = 0.25;

/** How long typing rests before the search is sent. */
const TYPING_MS = 200;

/** Rows out of sight keep their past for so long, so that it is there when they come back. */
const KEEP_S = 60;

export class Actors {
  #rows = new Map();
  #shown = [];
  #sort = "processed";
  #asked = "";
  #held = false;
  #running = false;
  #asking = null;
  #timer = 0;

  /** `on` has `rows(rows, uptime_s)`, `failed(error)`, `action(action, actor, button)`, `choose(item_id)`. */
  constructor(on) {
    this.on = on;
    this.table = find("#actors-table");
    this.body = find("tbody", this.table);
    this.search = find("#search");
    this.#head();
    this.#listen();
  }

  start() {
    this.#running = true;
    this.#ask();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  /** The rows on the screen. */
  get visible() {
    return this.#shown;
  }

  /** The row of an item, if it is known. */
  row(item_id) {
    return this.#rows.get(`stock/${item_id}`);
  }

  /** Asks at once, because something changed. */
  refresh() {
    if (this.#running) this.#ask();
  }

  async #ask() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    if (!this.#running || document.hidden) return;
    const asking = this.#asking = new AbortController();
    const began = performance.now();
    const query = new URLSearchParams({ sort: this.#sort, limit: mostRows(), buckets: true });
    if (this.search.value.trim()) query.set("search", this.search.value.trim());
    try {
      const answer = await read(`/actors?${query}`, asking.signal);
      this.#take(answer, `${query}`);
      this.#note("");
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#note(`The table stands still: ${error.message}`);
      this.on.failed(error);
    }
    const pause = Math.max(PAUSE_MS, (performance.now() - began) / BUSY_SHARE);
    if (asking === this.#asking) this.#timer = setTimeout(() => this.#ask(), Math.min(pause, LONGEST_PAUSE_MS));
  }

  #take(answer, query) {
    const names = answer.actors.map((actor) => actor.name);
    for (const actor of answer.actors) {
      if (!this.#rows.has(actor.name)) this.#rows.set(actor.name, new ActorRow(actor));
      this.#rows.get(actor.name).update(actor, answer.uptime_s);
    }
    const same_question = query === this.#asked;
    this.#asked = query;
    if (this.#held && same_question && this.#shown.length > 0) {
      const fresh = new Set(names);
      for (const row of this.#shown) if (!fresh.has(row.actor.name)) row.stale();
    } else {
      this.#shown = names.map((name) => this.#rows.get(name));
      arrange(this.body, this.#shown.map((row) => row.node));
      this.#rove(this.#current() ?? this.#shown[0]?.node);
    }
    this.#forget(answer.uptime_s);
    this.#count(answer.total);
    this.on.rows(answer.actors, answer.uptime_s);
  }

  #count(total) {
    const items = this.#shown.filter((row) => row.actor.item_id !== undefined).length;
    const searched = this.search.value.trim() !== "";
    const which = searched ? `${items < mostRows() ? count(items) : `the first ${items}`} found`
      : items < total ? `${count(items)} of ${count(total)} items; search for the others` : `${count(items)} items`;
    setText(find("#actors-count"), this.#held ? `${which} · order held while you point at a row` : which);
  }

  #forget(uptime_s) {
    const kept = new Set(this.#shown);
    for (const [name, row] of this.#rows) {
      const age = uptime_s - row.seen_at_s;
      if (kept.has(row) || (age >= 0 && age < KEEP_S)) continue;
      row.release();
      this.#rows.delete(name);
    }
  }

  #note(text) {
    const note = find("#actors-note");
    setText(note, text);
    show(note, text !== "");
  }

  #head() {
    const line = find("thead tr", this.table);
    const select = find("#sort");
    for (const [field, label, sort, help] of COLUMNS) {
      const cell = make("th", { scope: "col", "data-cell": field, title: help ? meaning(help) : false });
      if (sort) {
        cell.append(make("button", { type: "button", class: "plain", "data-sort": sort }, label));
        select.append(make("option", { value: sort }, label));
      } else {
        cell.append(label);
      }
      line.append(cell);
    }
    line.addEventListener("click", (event) => {
      const sort = event.target.closest("[data-sort]")?.dataset.sort;
      if (sort) this.#sortBy(sort);
    });
    select.addEventListener("change", () => this.#sortBy(select.value));
    this.#sortBy(this.#sort);
  }

  #sortBy(sort) {
    this.#sort = sort;
    find("#sort").value = sort;
    // The server sorts names and what is left upwards, all else downwards.
    const direction = ["name", "remaining"].includes(sort) ? "ascending" : "descending";
    for (const button of this.table.querySelectorAll("[data-sort]")) {
      setAttribute(button.parentElement, "aria-sort", button.dataset.sort === sort ? direction : false);
    }
    this.refresh();
  }

  #listen() {
    let typing = 0;
    this.search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.refresh(), TYPING_MS);
    });
    // A focus that a click left behind does not hold the order: its owner has moved on.
    const hold = () => { this.#held = this.body.querySelector(":hover, :focus-visible") !== null; };
    for (const type of ["pointerenter", "pointerleave", "focusin", "focusout"]) {
      this.body.addEventListener(type, () => setTimeout(hold));
    }
    this.body.addEventListener("click", (event) => this.#click(event));
    this.body.addEventListener("focusin", (event) => this.#rove(event.target.closest("tr")));
    this.body.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("keydown", (event) => this.#slash(event));
    document.addEventListener("visibilitychange", () => this.refresh());
  }

  #click(event) {
    const node = event.target.closest("tr");
    const row = this.#shown.find((one) => one.node === node);
    const button = event.target.closest("button");
    if (!row || !button) return;
    if (button.dataset.action) this.on.action(button.dataset.action, row.actor, button);
    else this.on.choose(row.actor.item_id);
  }

  /** One row at a time can be reached with Tab, and with it its buttons. */
  #rove(node) {
    const before = this.#current();
    if (before && before !== node) reach(before, false);
    if (node) reach(node, true);
  }

  #current() {
    return this.body.querySelector("tr[tabindex='0']");
  }

  #key(event) {
    const node = event.target.closest("tr");
    const rows = [...this.body.children];
    const at = rows.indexOf(node);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      rows[Math.min(rows.length - 1, Math.max(0, to))]?.focus();
    } else if (event.key === "Enter" && event.target === node && node.dataset.item) {
      this.on.choose(node.dataset.item);
    } else if (event.key === "Escape") {
      node.blur();
    }
  }

  #slash(event) {
    const typing = event.target.closest?.("input, select, textarea, dialog");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.search.focus();
      this.search.select();
    } else if (event.target === this.search && event.key === "ArrowDown") {
      event.preventDefault();
      this.body.firstElementChild?.focus();
    }
  }
}

function mostRows() {
  return NARROW.matches ? MOST_ROWS.narrow : MOST_ROWS.wide;
}

function reach(node, reachable) {
  setAttribute(node, "tabindex", reachable ? 0 : -1);
  for (const button of node.querySelectorAll("button")) setAttribute(button, "tabindex", reachable ? 0 : -1);
}
