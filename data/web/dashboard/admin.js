// Job: asks before anything is changed, does it, and says how it went.
// Owns: the dialog, the operator's name, and the two live regions.
// Never: acts without the answer “yes”, or repeats an instruction by itself.

import { instruct, Refused } from "./api.js";
import { find, setAttribute, setText, show } from "./dom.js";
import * as operator from "./operator.js";

/** How long good news stay. Bad ones stay until they are dismissed. */
const NOTICE_MS = 8_000;

export class Admin {
  #asked = null;
  #timer = 0;

  /** `on` has `done()`, and `failed(error)`. */
  constructor(on) {
    this.on = on;
    this.dialog = find("#confirm");
    this.quantity = find("#confirm-quantity");
    this.reason = find("#confirm-reason");
    find("#confirm-form").addEventListener("submit", (event) => { event.preventDefault(); this.#act(); });
    find("#confirm-no").addEventListener("click", () => this.dialog.close());
    find("#problem-close").addEventListener("click", () => this.problem(""));
    this.quantity.addEventListener("input", () => this.#say());
    this.dialog.addEventListener("cancel", (event) => { if (this.#isBusy) event.preventDefault(); });
    this.dialog.addEventListener("close", () => this.#returnFocus());
  }

  /** Asks whether to do it. `plan` is of `plans.js`; `row` selects what has the focus afterwards. */
  ask(plan, button, row) {
    this.#asked = { plan, button, row };
    setText(find("#confirm-title"), plan.title);
    setText(find("#confirm-item"), plan.subject);
    const { quantity } = plan;
    show(find("#confirm-amount"), quantity !== null);
    setText(find("#confirm-amount label"), quantity?.label ?? "");
    this.quantity.required = quantity !== null;
    this.quantity.disabled = quantity === null;
    this.quantity.max = quantity?.most ?? "";
    this.quantity.value = "";
    this.reason.value = "";
    this.reason.required = plan.must_say_why ?? false;
    operator.fill(find("#confirm-operator"));
    const yes = find("#confirm-yes");
    setText(yes, plan.yes);
    setAttribute(yes, "data-grave", plan.grave);
    this.problem("");
    this.#say();
    this.dialog.showModal();
    (quantity !== null ? this.quantity : plan.must_say_why ? this.reason : plan.grave ? find("#confirm-no") : yes).focus();
  }

  #say() {
    setText(find("#confirm-what"), this.#asked.plan.says(Math.trunc(Number(this.quantity.value)) || 0));
  }

  get #isBusy() {
    return find("#confirm-yes").disabled;
  }

  async #act() {
    if (this.#isBusy) return;
    const { plan } = this.#asked;
    const body = {};
    if (plan.quantity) body.quantity = Number(this.quantity.value);
    if (this.reason.value.trim()) body.reason = this.reason.value.trim();
    operator.remember(find("#confirm-operator").value);
    const answer = await this.run(plan, body, (busy) => this.#busy(busy));
    if (answer !== undefined) this.#asked.done = true;
    this.dialog.close();
  }

  /** Gives an instruction and says how it went. Resolves to the answer, or to `undefined` if it was refused. */
  async run({ request, done, name }, body, busy) {
    busy(true);
    try {
      const { method, path } = request;
      const answer = await instruct(method, path, Object.keys(body).length > 0 ? body : undefined, operator.name());
      this.#notice(done(answer));
      this.on.done();
      return answer;
    } catch (error) {
      // A 4xx is final and had no effect; after anything else nobody knows, and the row says what became of it.
      const is_final = error instanceof Refused && error.status < 500;
      this.problem(`${is_final ? `${name} was not changed` : `Not known whether ${name} was changed`}: ${error.message}`);
      this.on.failed(error);
      return undefined;
    } finally {
      busy(false);
    }
  }

  #busy(busy) {
    for (const control of this.dialog.querySelectorAll("button, input, textarea")) control.disabled = busy;
    this.#asked.button.disabled = busy;
    setAttribute(this.dialog, "aria-busy", busy);
  }

  #returnFocus() {
    const { button, row, done } = this.#asked;
    // After the instruction the button may go: a paused item has none to pause it.
    (done || !button.isConnected ? document.querySelector(row) : button)?.focus({ preventScroll: true });
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
