// Job: shows on the front page how much money has to go back.
// Owns: its tile and its line under the verdict.
// Never: judges: the verdict is the server's.

import { read } from "./api.js";
import { find, setAttribute, setText, show } from "./dom.js";
import { NOTHING, sums } from "./words.js";

/** Money moves seldom, and after each instruction it is asked for anyway. */
const EVERY_MS = 10_000;

export class Owed {
  #timer = 0;
  #running = false;

  /** `on` has `failed(error)`. */
  constructor(on) {
    this.on = on;
  }

  start() {
    this.#running = true;
    this.refresh();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  async refresh() {
    clearTimeout(this.#timer);
    if (!this.#running) return;
    if (!document.hidden) {
      try {
        this.#show((await read("/v1/admin/payments?status=owed&limit=1")).owed);
      } catch (error) {
        this.#show(null);
        this.on.failed(error);
      }
    }
    if (this.#running) this.#timer = setTimeout(() => this.refresh(), EVERY_MS);
  }

  #show(owed) {
    const is_owed = owed !== null && owed.length > 0;
    const tile = find("#owed");
    setText(find("[data-field=value]", tile), owed === null ? NOTHING : is_owed ? sums(owed) : "0");
    setText(find("[data-field=unit]", tile), owed === null ? "not known" : is_owed ? "to buyers" : "nothing is owed");
    setAttribute(tile, "data-tone", is_owed ? "warn" : false);
    setText(find("#owed-line a"), is_owed ? `${sums(owed)} has to be paid back to buyers` : "");
    show(find("#owed-line"), is_owed);
  }
}
