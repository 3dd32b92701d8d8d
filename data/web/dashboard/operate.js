// Job: the part of the page where things are changed: items, orders, money that is owed, the journal.
// Owns: which part and which list is shown, by the address of the page.
// Never: changes anything: it asks `Admin` to.

import { Editor } from "./editor.js";
import { find, setAttribute, setText, show } from "./dom.js";
import { Exports } from "./exports.js";
import { Listing } from "./listing.js";
import { itemRow, journalRow, orderRow, paymentRow } from "./operate_rows.js";
import { cancelPlan, itemPlan, settlePlan } from "./plans.js";
import { sums } from "./words.js";

/** A list that somebody looks at is not older than this. */
const REFRESH_MS = 5_000;

const TABS = ["items", "orders", "money", "journal"];

export class Operate {
  #running = false;
  #timer = 0;
  #tab = null;

  /** `on` has `admin`, and `failed(error)`. */
  constructor(on) {
    this.on = on;
    this.exports = new Exports(on);
    this.editor = new Editor(on.admin);
    const list = (panel, path, member, row, more = {}) =>
      new Listing(find(`[data-panel=${panel}] tbody`), { path, member, row, failed: on.failed, ...more });
    this.lists = {
      items: list("items", "/v1/admin/items", "items", (item) => itemRow(item, (step, button) => this.#step(step, item, button)),
        { empty: "There is no item yet." }),
      orders: list("orders", "/v1/admin/orders", "orders", (order) => orderRow(order, (button) =>
        this.on.admin.ask(cancelPlan(order), button, rowOf("order", order.order_id))),
      { query: () => filled("#orders-filter"), empty: "No order is like that." }),
      money: list("money", "/v1/admin/payments", "payments", (payment) => paymentRow(payment, (button) =>
        this.on.admin.ask(settlePlan(payment), button, rowOf("payment", payment.payment_id))),
      { query: () => filled("#money-filter"), empty: "Nothing is owed to anybody.", took: ({ owed }) => this.#sum(owed) }),
      journal: list("journal", "/v1/admin/journal", "entries", journalRow,
        { empty: "Nobody has changed anything yet.", newestFirst: true }),
    };
    for (const form of ["#orders-filter", "#money-filter"]) {
      find(form).addEventListener("submit", (event) => { event.preventDefault(); this.refresh(); });
      find(`${form} select`).addEventListener("change", () => this.refresh());
    }
    find("#operate-more").addEventListener("click", () => this.#list?.further());
    find("#new-item").addEventListener("click", (event) => this.editor.create(event.currentTarget));
    addEventListener("hashchange", () => this.#choose());
    document.addEventListener("visibilitychange", () => this.#again());
    this.#choose();
  }

  start() {
    this.#running = true;
    this.#again();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** Asks at once, because something changed. */
  async refresh() {
    if (this.#running && this.#list) await this.#list.refresh();
  }

  get #list() {
    return this.lists[this.#tab];
  }

  #choose() {
    const [view, tab = "items"] = location.hash.slice(1).split("/");
    const is_here = view === "operate";
    this.#tab = is_here && TABS.includes(tab) ? tab : null;
    show(find("#operate"), is_here);
    show(find("#watch"), !is_here);
    for (const link of document.querySelectorAll("[data-view]")) {
      setAttribute(link, "aria-current", (link.dataset.view === "operate") === is_here ? "page" : false);
    }
    for (const name of TABS) {
      show(find(`[data-panel=${name}]`), name === this.#tab);
      setAttribute(find(`[data-tab=${name}]`), "aria-current", name === this.#tab ? "page" : false);
    }
    this.exports.choose(this.#tab);
    this.#again();
  }

  async #again() {
    clearTimeout(this.#timer);
    if (!this.#running || !this.#list || document.hidden) return;
    // What is being pointed at, filled in or asked about stands still.
    const is_held = document.querySelector("dialog[open], #operate tbody :focus-visible, #operate tbody :hover") !== null;
    if (!is_held || this.#list.isEmpty) await this.refresh();
    clearTimeout(this.#timer);
    // Payments and journal are read from the data file: when somebody comes to look, and after each step.
    if (!["items", "orders"].includes(this.#tab)) return;
    this.#timer = setTimeout(() => this.#again(), REFRESH_MS);
  }

  #step(step, item, button) {
    if (step === "edit") return this.editor.edit(item, button);
    return this.on.admin.ask(itemPlan(step, item), button, rowOf("operated", item.item_id));
  }

  #sum(owed = []) {
    setText(find("#money-sum"), owed.length > 0 ? `${sums(owed)} to pay back` : "Nothing to pay back");
    setAttribute(find("#money-sum"), "data-tone", owed.length > 0 ? "warn" : "good");
  }
}

const rowOf = (kind, id) => `[data-${kind}="${CSS.escape(id)}"]`;

/** What is filled in of a form. */
function filled(form) {
  return Object.fromEntries([...new FormData(find(form))].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
}
