// Job: pause, resume, restock and close an item, after a question.
// Owns: the dialog, and the two live regions that say how it went.
// Never: acts without the answer “yes”, or repeats an instruction by itself.

import { post, Refused } from "./api.js";
import { find, setAttribute, setText, show } from "./dom.js";

/** How long good news stay. Bad ones stay until they are dismissed. */
const NOTICE_MS = 8_000;

const INSTRUCTIONS = {
  pause: { title: "Pause this item?", yes: "Pause", done: "is paused",
    what: "Buyers get “sale is paused” until you resume it. Orders made so far stay as they are." },
  resume: { title: "Resume this item?", yes: "Resume", done: "is on sale again",
    what: "Buyers can order again at once." },
  restock: { title: "Restock this item?", yes: "Restock", done: "is restocked",
    what: "The units go on sale at once. They cannot be taken back." },
  close: { title: "Close this item for good?", yes: "Close the item", done: "is closed", grave: true,
    what: "Its sale ends and cannot be opened again. Orders made so far stay as they are." },
};

export class Admin {
  #asked = null;
  #timer = 0;

  /** `on` has `done()`, and `failed(error)`. */
  constructor(on) {
    this.on = on;
    this.dialog = find("#confirm");
    this.quantity = find("#confirm-quantity");
    find("#confirm-form").addEventListener("submit", (event) => { event.preventDefault(); this.#act(); });
    find("#confirm-no").addEventListener("click", () => this.dialog.close());
    find("#problem-close").addEventListener("click", () => this.problem(""));
    this.dialog.addEventListener("cancel", (event) => { if (this.#isBusy) event.preventDefault(); });
    this.dialog.addEventListener("close", () => this.#returnFocus());
  }

  /** Asks whether to do it. */
  ask(action, actor, button) {
    const { title, yes: consent, what, grave = false } = INSTRUCTIONS[action];
    this.#asked = { action, actor, button };
    setText(find("#confirm-title"), title);
    setText(find("#confirm-item"), actor.title ? `${actor.item_id} · ${actor.title}` : actor.item_id);
    setText(find("#confirm-what"), what);
    show(find("#confirm-amount"), action === "restock");
    this.quantity.required = action === "restock";
    this.quantity.disabled = action !== "restock";
    this.quantity.value = "";
    const yes = find("#confirm-yes");
    setText(yes, consent);
    setAttribute(yes, "data-grave", grave);
    this.problem("");
    this.dialog.showModal();
    (action === "restock" ? this.quantity : grave ? find("#confirm-no") : yes).focus();
  }

  get #isBusy() {
    return find("#confirm-yes").disabled;
  }

  async #act() {
    if (this.#isBusy) return;
    const { action, actor } = this.#asked;
    const id = actor.item_id;
    this.#busy(true);
    try {
      const body = action === "restock" ? { quantity: Number(this.quantity.value) } : undefined;
      await post(`/v1/admin/items/${encodeURIComponent(id)}/${action}`, body);
      this.#notice(`${id} ${INSTRUCTIONS[action].done}.`);
      this.#asked.done = true;
      this.on.done();
    } catch (error) {
      // A 4xx is final and had no effect; after anything else nobody knows, and the row says what became of it.
      const is_final = error instanceof Refused && error.status < 500;
      this.problem(`${is_final ? `${id} was not changed` : `Not known whether ${id} was changed`}: ${error.message}`);
      this.on.failed(error);
    }
    this.#busy(false);
    this.dialog.close();
  }

  #busy(busy) {
    for (const control of this.dialog.querySelectorAll("button, input")) control.disabled = busy;
    this.#asked.button.disabled = busy;
    setAttribute(this.dialog, "aria-busy", busy);
  }

  #returnFocus() {
    const { button, actor, done } = this.#asked;
    // After the instruction the button may go: a paused item has none to pause it.
    const row = document.querySelector(`[data-item="${CSS.escape(actor.item_id)}"]`);
    (done || !button.isConnected ? row : button)?.focus({ preventScroll: true });
  }

  /** Says what went wrong; an empty text takes it away. */
  problem(text) {
    setText(find("#problem p"), text);
    show(find("#problem"), text !== "");
  }

  #notice(text) {
    clearTimeout(this.#timer);
    setText(find("#notice p"), text);
    show(find("#notice"), true);
    this.#timer = setTimeout(() => show(find("#notice"), false), NOTICE_MS);
  }
}
