// Job: fills templates of the page.
// Owns: how an item's state, stock and colour look.
// Never: writes HTML: a title is whatever somebody typed.

import * as clock from './clock.js';
import { count } from './format.js';
import { word } from './words.js';

/** The named places of an element. */
export function parts(element) {
  const named = [...element.querySelectorAll('[data-at]')].map((part) => [part.dataset.at, part]);
  return Object.fromEntries(named);
}

/** A copy of a template, and its places. */
export function fresh(template) {
  const copy = document.getElementById(template).content.cloneNode(true);
  return { copy, ...parts(copy) };
}

/** Changes a text only if it is another one: what has not changed is not read aloud again. */
export function say(element, text, kind = '') {
  if (element.textContent !== text) element.textContent = text;
  element.dataset.kind = kind;
}

/** The state now. What was published a second ago may have begun or ended since. */
export function stateOf(item) {
  const passed = (moment) => moment !== null && clock.now() >= Date.parse(moment);
  if (item.state === 'closed' || passed(item.closes_at)) return 'closed';
  if (item.state !== 'scheduled' || !passed(item.opens_at)) return item.state;
  return item.remaining > 0 ? 'open' : 'sold_out';
}

export function showState(pill, state) {
  say(pill, word(`state.${state}`), state);
}

export function showStock({ bar, left }, item) {
  const share = item.stock > 0 ? item.remaining / item.stock : 0;
  bar.style.transform = `scaleX(${share})`;
  const isOver = stateOf(item) === 'closed';
  bar.dataset.kind = isOver ? 'over' : share > 0.25 ? '' : 'low';
  say(left, isOver ? '' : word('stock', { left: count(item.remaining), stock: count(item.stock) }));
}

/** The item's picture over its tile, once it is there; a picture that cannot be loaded is as good as none. */
export function showPicture(image, item, alt) {
  const url = item.image_url ?? '';
  if (image.dataset.url === url) return;
  image.dataset.url = url;
  image.hidden = url === '';
  delete image.dataset.shown;
  image.alt = alt;
  image.onload = () => (image.dataset.shown = '');
  image.onerror = () => (image.hidden = true);
  if (url) image.src = url;
  else image.removeAttribute('src');
}

/** A colour and a letter of its own for each item: all there is to see of one without a picture. */
export function showTile(tile, item) {
  const hue = [...item.item_id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  // The golden angle: neighbours in the alphabet are far apart in colour.
  tile.style.setProperty('--hue', Math.round(hue * 137.508) % 360);
  say(tile, [...item.title.trim()][0]?.toLocaleUpperCase() ?? '');
}
