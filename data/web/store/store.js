// Job: decides which page this is, and keeps the line at the bottom.
// Owns: the moment of the start.
// Never: does a page's work.

import { pageOf, urlOf } from './api.js';
import * as buyer from './buyer.js';
import * as clock from './clock.js';
import { timeOfDay } from './format.js';
import { itemPage } from './item.js';
import { listPage } from './list.js';
import { parts } from './view.js';
import { word } from './words.js';

const page = parts(document.body);
buyer.arrive();
page.home.href = pageOf('');
for (const link of document.querySelectorAll('a[hreflang]')) {
  const here = new URL(location.href);
  here.searchParams.set('lang', link.hreflang);
  link.href = here;
}

// The front page is the shop's own address, with its slash or without.
const rest = location.pathname.slice(urlOf('').pathname.length);
const named = rest.match(/^items\/([A-Za-z0-9._-]{1,64})$/);
const main = page.main;
if (named) {
  itemPage(main, named[1]);
} else {
  listPage(main);
}

function who() {
  const name = buyer.name();
  page.who.textContent = name ? word('who', { name }) : '';
  page.again.hidden = !(name && buyer.isGuest());
}

buyer.onChange(who);
who();
page.again.addEventListener('click', () => {
  buyer.forget();
  location.reload();
});
addEventListener('hashchange', () => {
  if (buyer.arrive()) location.reload();
});

clock.everySecond(() => {
  if (clock.isSet()) page.time.textContent = word('shop-time', { time: timeOfDay(clock.now()) });
});
