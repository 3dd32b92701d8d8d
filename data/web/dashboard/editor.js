// Job: the form in which an item is made or edited, and what saving it will change, in words.
// Owns: the dialog, and the way between times of a form and those of the server.
// Never: sends what was not changed as something else: a field that stays keeps the server's own text.

import { find, make, setText, show } from "./dom.js";
import * as operator from "./operator.js";
import { standing } from "./plans.js";
import { amount, count, when } from "./words.js";

const FIELDS = {
  title: ["Title", (text) => `“${text}”`],
  description: ["Description", (text) => (text ? `${count([...text].length)} characters` : "none")],
  image_url: ["Picture", (text) => text ?? "none"],
  unit_price: ["Price", (minor, { currency }) => amount(minor, currency)],
  currency: ["Currency", (code) => code],
  per_user_limit: ["Units per buyer", count],
  opens_at: ["Opens", (time) => (time ? when(time) : "at once")],
  closes_at: ["Closes", (time) => (time ? when(time) : "never")],
};

const NUMBERS = ["unit_price", "per_user_limit", "stock"];
const TIMES = ["opens_at", "closes_at"];
const BLANK = { title: "", description: null, image_url: null, unit_price: 0, currency: "CNY", per_user_limit: 1, stock: 0,
  opens_at: null, closes_at: null };

export class Editor {
  #item = null;
  #button = null;

  constructor(admin) {
    this.admin = admin;
    this.dialog = find("#edit");
    this.form = find("#edit-form");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.#save(); });
    this.form.addEventListener("input", () => this.#say());
    find("[data-no]", this.form).addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.#button?.isConnected && this.#button.focus());
    setText(find("[data-field=zone]", this.form), Intl.DateTimeFormat().resolvedOptions().timeZone ?? "its own");
  }

  /** Opens the form for an item. */
  edit(item, button) {
    this.#open(item, button, `Edit ${item.item_id}`);
  }

  /** Opens it for one that is not there yet. */
  create(button) {
    this.#open(null, button, "A new item");
  }

  #open(item, button, title) {
    this.#item = item;
    this.#button = button;
    this.admin.problem("");
    setText(find("#edit-title"), title);
    const { elements } = this.form;
    for (const [name, value] of Object.entries({ ...BLANK, ...item })) {
      if (elements[name]) elements[name].value = TIMES.includes(name) ? local(value) : value ?? "";
    }
    for (const label of this.form.querySelectorAll("[data-new]")) {
      const input = find("input", label);
      show(label, item === null);
      input.required = item === null;
      input.disabled = item !== null;
    }
    if (item === null) elements.item_id.value = "";
    elements.reason.value = "";
    operator.fill(elements.operator);
    this.#say();
    this.dialog.showModal();
    elements[item ? "title" : "item_id"].focus();
  }

  /** The item as the form has it. */
  #wanted() {
    const known = this.#item ?? BLANK;
    const value = (name) => {
      const text = this.form.elements[name].value;
      if (NUMBERS.includes(name)) return Number(text);
      if (TIMES.includes(name)) return text === local(known[name]) ? known[name] : text ? new Date(text).toISOString() : null;
      return name === "title" || name === "currency" ? text.trim() : text.trim() || null;
    };
    const wanted = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, value(name)]));
    return { ...wanted, stock: this.#item ? this.#item.stock : value("stock") };
  }

  #changes(wanted) {
    return Object.keys(FIELDS).filter((name) => wanted[name] !== (this.#item[name] ?? null));
  }

  #say() {
    const wanted = this.#wanted();
    const sentences = this.#item ? this.#changes(wanted).map((name) => {
      const [label, say] = FIELDS[name];
      return `${label}: ${say(this.#item[name], this.#item)} → ${say(wanted[name], wanted)}`;
    }) : [`Makes an item with ${count(wanted.stock)} units at ${price(wanted)} each, ${count(wanted.per_user_limit)} per buyer.`];
    setText(find("[data-field=price]", this.form), price(wanted));
    find("[data-field=changes]", this.form).replaceChildren(...sentences.map((text) => make("li", {}, text)));
    find("[data-yes]", this.form).disabled = sentences.length === 0;
  }

  async #save() {
    const wanted = this.#wanted();
    const { elements } = this.form;
    const id = this.#item?.item_id ?? elements.item_id.value;
    operator.remember(elements.operator.value);
    const plan = { request: { method: "PUT", path: `/v1/admin/items/${encodeURIComponent(id)}` }, name: id,
      done: (now) => `${id}: saved, ${standing(now)}.` };
    const body = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== null));
    if (elements.reason.value.trim()) body.reason = elements.reason.value.trim();
    const yes = find("[data-yes]", this.form);
    const saved = await this.admin.run(plan, body, (busy) => { yes.disabled = busy; });
    // What was refused can be put right in the form.
    if (saved !== undefined) this.dialog.close();
  }
}

const price = ({ unit_price: minor, currency }) => (/^[A-Z]{3}$/.test(currency) ? amount(minor, currency) : "");

/** A time as a form has it: of this browser's time zone, to the second. */
function local(time) {
  if (!time) return "";
  const at = new Date(time);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
