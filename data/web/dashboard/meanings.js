// Job: what every figure of the page means, in a sentence or two each.
// Owns: where the meanings stand on the page: in the tips and in the section at the bottom.
// Never: holds a meaning: `meanings.json` does, for this page, the terminal and the manual.

import { find, make, setAttribute } from "./dom.js";

/** Key, label and meaning of each figure, in the order of the page. */
const MEANINGS = await (await fetch(new URL("./meanings.json", import.meta.url))).json();

/** What the page adds where it averages or colours. */
const PAGE = "Rates are averages of the last 3 s, percentiles of the last 10 s.";

const text = ({ meaning, page }) => (page ? `${meaning} ${page}` : meaning);

const BY_KEY = new Map(MEANINGS.map((figure) => [figure.key, text(figure)]));

/** What the figure of that key means. */
export function meaning(key) {
  return BY_KEY.get(key) ?? false;
}

/** Fills the section at the bottom and the tips of the page. */
export function start() {
  for (const node of document.querySelectorAll("[data-help]")) setAttribute(node, "title", meaning(node.dataset.help));
  const list = find("#meanings");
  const say = (label, words) => list.append(make("div", {}, make("dt", {}, label), make("dd", {}, words)));
  for (const figure of MEANINGS) say(figure.label, text(figure));
  say("Averages", PAGE);
}
