// Job: a list of the server that comes in pages.
// Owns: how many pages are shown, and the line that says why there is nothing.
// Never: knows what a row means.

import { read, Refused } from "./api.js";
import { arrange, find, setText, show } from "./dom.js";

const PAGE = 50;

/** Most records of one answer. */
const MOST = 1_000;

export class Listing {
  #pages = 1;
  #contents = new WeakMap();
  #asked = 0;

  /** Rows of `member` of the answers at `path`, made by `row(record)`, in `body`. Optional: `query()` names parameters
   * (`id`: the one record of that name), `took(answer)` hears the first page, `empty` is said of none. With
   * `newestFirst` all is read, which the server has from the oldest on, and shown from its end. */
  constructor(body, { path, member, row, failed, query = () => ({}), took = () => {}, empty, newestFirst = false }) {
    Object.assign(this, { body, path, member, row, failed, query, took, empty, newestFirst });
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
    arrange(this.body, records.map((record) => this.#rowOf(record)));
    this.#say(records.length === 0 ? this.empty : "", after);
  }

  /** The row that is there, if it says the same: what is pointed at is not exchanged under the pointer. */
  #rowOf(record) {
    const content = JSON.stringify(record, (name, value) => (name === "server_time" ? undefined : value));
    const known = [...this.body.children].find((row) => this.#contents.get(row) === content);
    const row = known ?? this.row(record);
    this.#contents.set(row, content);
    return row;
  }

  async #ask() {
    const { id, ...others } = this.query();
    if (id !== undefined) return this.#one(id);
    if (this.newestFirst) return this.#fromTheEnd();
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

  async #fromTheEnd() {
    const all = [];
    let after = null;
    do {
      const answer = await read(`${this.path}?${new URLSearchParams({ limit: MOST, ...(after !== null && { after }) })}`);
      all.push(...answer[this.member]);
      after = answer.next ?? null;
    } while (after !== null);
    const records = all.reverse().slice(0, this.#pages * PAGE);
    return { records, after: records.length < all.length ? records.length : null, first: {} };
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
