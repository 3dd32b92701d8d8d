// Job: a list of the server that comes in pages.
// Owns: how many pages are shown, and the line that says why there is nothing.
// Never: knows what a row means.

import { read, Refused } from "./api.js";
import { find, setText, show } from "./dom.js";

const PAGE = 50;

export class Listing {
  #pages = 1;
  #asked = 0;

  /** Rows of `member` of the answers at `path`, made by `row(record)`, in `body`. Optional: `query()` names parameters
   * (`id`: the one record of that name), `took(answer)` hears the first page, `empty` is said of none. */
  constructor(body, { path, member, row, failed, query = () => ({}), took = () => {}, empty }) {
    Object.assign(this, { body, path, member, row, failed, query, took, empty });
  }

  get isEmpty() {
    return this.body.children.length === 0;
  }

  /** One page more. */
  async further() {
    this.#pages += 1;
    await this.refresh();
  }

  /** Asks for all that is shown again. The last question counts: an earlier answer that comes later is not shown. */
  async refresh() {
    const asked = this.#asked += 1;
    let found;
    try {
      found = await this.#ask();
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#say(error instanceof Refused ? error.message : "The server does not answer.", null);
      this.failed(error);
      return;
    }
    if (asked !== this.#asked) return;
    const { records, after, first } = found;
    this.took(first);
    const focused = document.activeElement?.closest("tr")?.dataset;
    this.body.replaceChildren(...records.map((record) => this.row(record)));
    const again = focused && [...this.body.children].find((row) => JSON.stringify(row.dataset) === JSON.stringify(focused));
    again?.focus({ preventScroll: true });
    this.#say(records.length === 0 ? this.empty : "", after);
  }

  async #ask() {
    const { id, ...others } = this.query();
    if (id !== undefined) return this.#one(id);
    const records = [];
    let [after, first] = [null, null];
    for (let page = 0; page < this.#pages && (page === 0 || after !== null); page += 1) {
      const parameters = new URLSearchParams({ limit: PAGE, ...others, ...(after !== null && { after }) });
      const answer = await read(`${this.path}?${parameters}`);
      first ??= answer;
      records.push(...answer[this.member]);
      after = answer.next ?? null;
    }
    return { records, after, first };
  }

  async #one(id) {
    try {
      const record = await read(`${this.path}/${encodeURIComponent(id)}`);
      return { records: [record], after: null, first: record };
    } catch (error) {
      if (error.status !== 404) throw error;
      return { records: [], after: null, first: {} };
    }
  }

  #say(note, after) {
    setText(find("#operate-note"), note);
    show(find("#operate-more"), after !== null);
  }
}
