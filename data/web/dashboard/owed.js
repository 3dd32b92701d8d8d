// Job: shows at the top of the page how much money has to go back.
// Owns: its tile, and its line under the verdict.
// Never: judges: the verdict is the server's.

import { find, setAttribute, setText, show } from "./dom.js";
import { amount, sums } from "./words.js";

/** More currencies than these are not read in a tile; the list has them all. */
const MOST_CURRENCIES = 3;

/** `owed` of a snapshot: an amount in each currency in which something is owed. */
export function showOwed(owed) {
  const is_owed = owed.length > 0;
  const tile = find("#owed");
  const told = owed.slice(0, MOST_CURRENCIES).map((one) => amount(one.amount, one.currency));
  setText(find("[data-field=value]", tile), is_owed ? told.join("\n") : "0");
  const more = owed.length - told.length;
  setText(find("[data-field=unit]", tile), !is_owed ? "nothing is owed" : more > 0 ? `and ${more} more currencies` : "to buyers");
  setAttribute(tile, "data-tone", is_owed ? "warn" : false);
  setText(find("#owed-line a"), is_owed ? `${sums(owed)} to be paid back to buyers` : "");
  show(find("#owed-line"), is_owed);
}
