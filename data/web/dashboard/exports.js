// Job: downloads orders and payments as a file.
// Owns: the form that says which of them.
// Never: puts the token into an address: the file is fetched with it, and saved from the page.

import { Refused, send } from "./api.js";
import { find, make, show } from "./dom.js";
import { STATUSES } from "./words.js";

/** What can be downloaded from which tab, and by which statuses. */
const KINDS = {
  orders: { "": "any", ...STATUSES },
  money: { "": "any", owed: "owed", settled: "settled" },
};
const NAMES = { orders: "orders", money: "payments" };

export class Exports {
  #kind = null;

  /** `on` has `admin`, and `failed(error)`. */
  constructor(on) {
    this.on = on;
    this.form = find("#export");
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.#download(event.submitter); });
  }

  /** Offers what belongs to a tab, or nothing. */
  choose(tab) {
    const statuses = KINDS[tab];
    show(this.form, statuses !== undefined);
    if (statuses === undefined || tab === this.#kind) return;
    this.#kind = tab;
    const options = Object.entries(statuses).map(([value, text]) => make("option", { value }, text));
    this.form.elements.status.replaceChildren(...options);
  }

  async #download(button) {
    const { item_id, status, from, to } = this.form.elements;
    const wanted = { format: button.value, item_id: item_id.value.trim(), status: status.value, from: moment(from), to: moment(to) };
    const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    const name = NAMES[this.#kind];
    button.disabled = true;
    try {
      const response = await send(`/v1/admin/export/${name}?${query}`);
      save(await response.blob(), `${name}.${button.value}`);
    } catch (error) {
      this.on.admin.problem(`Nothing was downloaded: ${error instanceof Refused ? error.message : "the server does not answer"}`);
      this.on.failed(error);
    }
    button.disabled = false;
  }
}

const moment = (input) => (input.value ? new Date(input.value).toISOString() : "");

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has taken the file over by then; kept for ever it would stay in memory.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
