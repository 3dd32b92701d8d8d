// Job: the orders of this buyer, of one item or of all, each on a card.
// Owns: which orders are known, and their cards, the newest first.
// Never: places one.

import { NoAnswer, askEach } from './api.js';
import * as buyer from './buyer.js';
import { follow } from './follow.js';
import { orderCard } from './order.js';

const MOST_CARDS = 10;

/** The orders that `path` lists, as cards in `place`. `onChange` hears that one is new or has become something else;
 * `nameOf(order)` is `[title, url]` of its item where that is not clear from the page. */
export function orderList(place, path, onChange, nameOf = null) {
  const cards = new Map();
  let orders = [];

  /** Takes in an order, or what has become of it. */
  const take = (order) => {
    const isKnown = orders.some(({ order_id: id }) => id === order.order_id);
    orders = isKnown ? orders.map((one) => (one.order_id === order.order_id ? order : one)) : [order, ...orders];
    orders.slice(0, MOST_CARDS).forEach(show);
    onChange();
  };

  const show = (order) => {
    let card = cards.get(order.order_id);
    if (!card) {
      card = orderCard(take);
      cards.set(order.order_id, card);
      place.prepend(card.copy);
      if (nameOf) card.name(...nameOf(order));
    }
    card.show(order);
    follow(order, { order: take, quiet: card.quiet });
  };

  /** Asks which there are; resolves to whether that is known now. */
  const load = async () => {
    if (!buyer.isKnown()) return false;
    try {
      const parts = await askEach(path, { headers: await buyer.papers() });
      if (parts.some(({ status }) => status === 401)) buyer.forget();
      if (parts.length === 0 || parts.some(({ status }) => status !== 200)) return false;
      const placed = ({ created_at: at }) => Date.parse(at);
      parts.flatMap(({ body }) => body.orders).sort((one, other) => placed(one) - placed(other)).forEach(take);
      return true;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return false;
    }
  };

  const held = () =>
    orders
      .filter(({ status }) => status === 'pending' || status === 'paid')
      .reduce((sum, { quantity }) => sum + quantity, 0);
  const tick = () => [...cards.values()].flatMap((card) => card.tick());
  return { take, load, held, tick, count: () => orders.length, card: (id) => cards.get(id) };
}
