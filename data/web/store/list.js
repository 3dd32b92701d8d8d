// Job: the page of everything that is for sale, and of what its visitor has ordered.
// Owns: which pages of the list have been loaded, and their refreshing.
// Never: sells.

import { NoAnswer, ask, backoff, pageOf, sleep } from './api.js';
import * as buyer from './buyer.js';
import * as clock from './clock.js';
import { amount, duration, moment } from './format.js';
import { orderList } from './orders.js';
import { fresh, say, showPicture, showState, showStock, showTile, stateOf } from './view.js';
import { word } from './words.js';

const PAGE = 24;
// Looked at, not hammered: the crowd that waits sits on the items' own pages.
const REFRESH_MS = 5000;
const LONGEST_PAUSE_MS = 30000;

export async function listPage(main) {
  const at = fresh('list');
  const { copy, cards, more, note } = at;
  main.replaceChildren(copy);
  const shown = new Map();
  ownOrders(at, shown);
  let pages = 1;
  more.addEventListener('click', () => {
    pages += 1;
    refresh(shown, { cards, more, note }, pages);
  });
  clock.everySecond(() => [...shown.values()].flatMap((card) => card.tick()));
  for (let failures = 0; ; ) {
    const isFresh = document.hidden || (await refresh(shown, { cards, more, note }, pages));
    failures = isFresh ? 0 : failures + 1;
    await sleep(isFresh ? REFRESH_MS * (0.8 + 0.4 * Math.random()) : 1000 + backoff(failures, LONGEST_PAUSE_MS));
  }
}

/** Asked for when somebody wants to see them, not by a crowd that only looks at what there is. */
function ownOrders({ mine, none, orders: place }, shown) {
  const nameOf = ({ item_id: id }) => [shown.get(id)?.title() ?? id, pageOf(`items/${id}`)];
  const orders = orderList(place, 'v1/orders', () => {}, nameOf);
  const offer = () => (mine.hidden = !buyer.isKnown());
  const load = async () => {
    if (!mine.open || document.hidden) return;
    const isKnown = await orders.load();
    say(none, orders.count() > 0 ? '' : isKnown ? word('orders.none') : word('offline'), isKnown ? '' : 'wait');
  };
  offer();
  buyer.onChange(offer);
  mine.addEventListener('toggle', load);
  document.addEventListener('visibilitychange', load);
  clock.everySecond(orders.tick);
}

/** The items of one node (of any, if none is named), so many pages of them. */
async function part(node, pages, take) {
  let [after, nodes] = ['', []];
  for (let page = 0; page < pages && after !== null; page += 1) {
    const answer = await ask(`v1/items?limit=${PAGE}${node && `&node=${node}`}${after && `&after=${after}`}`);
    if (answer.status !== 200) throw new NoAnswer(answer.status);
    answer.body.items.forEach(take);
    ({ next: after, nodes = [] } = answer.body);
  }
  return { isWhole: after === null, nodes };
}

async function refresh(shown, { cards, more, note }, pages) {
  const take = (item) => place(shown, cards, item);
  try {
    const { isWhole, nodes } = await part('', pages, take);
    // A node that does not answer takes only its own items away.
    const parts = await Promise.allSettled(nodes.map((node) => part(node, pages, take)));
    more.hidden = isWhole && parts.every(({ value }) => value?.isWhole ?? true);
    say(note, shown.size === 0 ? word('nothing-for-sale') : '');
    return true;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    say(note, word('offline'), 'wait');
    return false;
  }
}

function place(shown, cards, item) {
  let card = shown.get(item.item_id);
  if (!card) {
    card = newCard();
    shown.set(item.item_id, card);
    cards.append(card.copy);
  }
  card.show(item);
}

function newCard() {
  const at = fresh('card');
  let item;
  const tick = () => {
    const state = stateOf(item);
    showState(at.state, state);
    if (state !== 'scheduled') {
      showStock(at, item);
      return [];
    }
    const opensAt = Date.parse(item.opens_at);
    const seconds = clock.secondsUntil(opensAt);
    say(at.left, seconds < 86400 ? word('opens-in', { duration: duration(seconds) }) : moment(item.opens_at));
    return [opensAt];
  };
  const show = (now) => {
    item = now;
    at.link.href = pageOf(`items/${item.item_id}`);
    say(at.title, item.title);
    say(at.price, amount(item.unit_price, item.currency));
    showTile(at.tile, item);
    showPicture(at.picture, item, '');
    showStock(at, item);
    tick();
  };
  return { copy: at.copy, show, tick, title: () => item.title };
}
