// Job: keeps the conservation lights of the rows on the screen up to date.
// Owns: the last audit of each item, and how often one is asked for.
// Never: audits what nobody looks at: an audit is work for the actor, and would start one that nobody needed yet.

import { read } from "./api.js";

/** Pause between audits. */
const PAUSE_MS = 5_000;

/** An older audit says nothing about now. */
const VALID_MS = 15_000;

export class Conservation {
  #audits = new Map();
  #timer = 0;
  #asking = false;

  /** `visible` gives the rows on the screen. */
  constructor(visible) {
    this.visible = visible;
  }

  start() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MS / 10);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** Ids of the items that did not add up when last looked at. */
  get #broken() {
    return [...this.#audits].filter(([, audit]) => !audit.holds).map(([id]) => id);
  }

  /** What the light of an actor shows. */
  light(actor) {
    const audit = this.#audits.get(actor.item_id);
    if (audit && !audit.holds) return "bad";
    if (!actor.started) return "idle";
    return audit && performance.now() - audit.at_ms < VALID_MS ? "good" : "unknown";
  }

  /** Shows the lights of the rows on the screen. */
  show() {
    for (const row of this.visible()) row.audit(this.light(row.actor));
  }

  async #ask() {
    const actors = this.visible().map((row) => row.actor);
    const items = actors.filter((actor) => actor.started && actor.item_id !== undefined);
    if (!document.hidden && !this.#asking && items.length > 0) {
      this.#asking = true;
      await this.#audit(items.map((actor) => actor.item_id));
      this.#asking = false;
      this.show();
    }
    // While there is nothing to audit yet, the next look is soon.
    if (this.#timer) this.#timer = setTimeout(() => this.#ask(), items.length > 0 ? PAUSE_MS : PAUSE_MS / 10);
  }

  async #audit(ids) {
    // Broken ones are asked for again even when they left the screen: each audit is news for the server's verdict.
    const asked = [...new Set([...this.#broken, ...ids])].slice(0, 100);
    try {
      const answer = await read(`/invariants?${asked.map((id) => `item=${encodeURIComponent(id)}`).join("&")}`);
      const at_ms = performance.now();
      for (const item of answer.items) this.#audits.set(item.item_id, { holds: item.holds, at_ms });
      for (const [id, audit] of this.#audits) {
        if (audit.holds && at_ms - audit.at_ms > VALID_MS) this.#audits.delete(id);
      }
    } catch {
      // Not known is shown as not known; the lights grow old by themselves.
    }
  }
}
