// Job: downloads orders and payments as a file.
// Owns: the form that says which of them.
// Never: puts the token into an address: the file is fetched with it, and saved from the page.

import { Refused, send } from "./api.js";
import { find, make, setText, show } from "./dom.js";
import { STATUSES, VERDICTS } from "./words.js";

/** What can be downloaded from which tab, and what it can be narrowed down by. */
const KINDS = {
  orders: { name: "orders", by: "status", label: "Status", words: STATUSES },
  money: { name: "payments", by: "verdict", label: "Why", words: VERDICTS },
};

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
    const kind = KINDS[tab];
    show(this.form, kind !== undefined);
    if (kind === undefined || kind === this.#kind) return;
    this.#kind = kind;
    setText(find("[data-field=by]", this.form), kind.label);
    const options = Object.entries({ "": "any", ...kind.words }).map(([value, text]) => make("option", { value }, text));
    this.form.elements.by.replaceChildren(...options);
  }

  async #download(button) {
    const { item_id, by, from, to } = this.form.elements;
    const { name, by: parameter } = this.#kind;
    // A spreadsheet knows by the mark that the file is UTF-8.
    const wanted = { format: button.value, item_id: item_id.value.trim(), [parameter]: by.value, from: moment(from),
      to: moment(to), bom: button.value === "csv" ? "true" : "" };
    const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
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
