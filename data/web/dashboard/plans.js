// Job: says in plain words and figures what an instruction will do, before it is given.
// Owns: every such sentence, and which request it becomes.
// Never: sends one, or promises what the server decides: its answer is the outcome.

import { amount, count, MOST_UNITS, STATES, when } from "./words.js";

/** What a figure of the sentence is before anything has been typed. */
const SOME = "…";

const held = (item) => item.stock - item.remaining;
const orders = (item) => (held(item) === 0 ? "No unit is in an order."
  : `${count(held(item))} units are in orders, which are not touched.`);

/** Why units that are added or given back may not sell at once. */
function butNotYet(item) {
  if (item.hidden) return " They sell once it is shown again.";
  if (item.state === "paused") return " They sell once it is resumed.";
  if (item.state === "scheduled") return item.opens_at ? ` They sell from ${when(item.opens_at)}.` : " They sell once it opens.";
  return "";
}

const ITEM = {
  restock: {
    title: "Put more units on sale?", yes: "Restock", quantity: { label: "Units to add", most: () => MOST_UNITS },
    says: (item, n) => `Puts ${n ? count(n) : SOME} more units on sale: ${count(item.remaining)} are left now, `
      + `${n ? count(item.remaining + n) : SOME} afterwards, of ${n ? count(item.stock + n) : SOME}. `
      + `What was too many can be withdrawn while it is unsold.${butNotYet(item)}`,
  },
  withdraw: {
    title: "Take units off sale?", yes: "Withdraw", grave: true,
    quantity: { label: "Units to take off sale", most: (item) => item.remaining },
    says: (item, n) => n > item.remaining ? `Only ${count(item.remaining)} units are unsold: more cannot be taken off sale.`
      : `Takes ${n ? count(n) : SOME} of ${count(item.remaining)} unsold units off sale; `
        + `${n ? count(item.remaining - n) : SOME} stay. Orders are not touched.`,
  },
  pause: {
    title: "Pause this item?", yes: "Pause",
    says: (item) => `Buyers get “sale is paused” until you resume it. ${orders(item)} They can still be paid and cancelled.`,
  },
  resume: {
    title: "Resume this item?", yes: "Resume",
    says: (item) => `Buyers can order again at once: ${count(item.remaining)} units are left.`,
  },
  close: {
    title: "Close this item?", yes: "Close the item", grave: true,
    says: (item) => `Its sale ends now; ${count(item.remaining)} units stay unsold. ${orders(item)} You can reopen it.`,
  },
  reopen: {
    title: "Reopen this item?", yes: "Reopen",
    says: (item) => `Its sale goes on as if it had not been closed: ${count(item.remaining)} units are left.`
      + (item.closes_at && Date.parse(item.closes_at) <= Date.parse(item.server_time)
        ? ` But its window ended ${when(item.closes_at)}: it sells only after you have edited that.` : ""),
  },
  hide: {
    title: "Hide this item?", yes: "Hide", grave: true,
    says: (item) => `It goes from the list, its page says “not found”, and nobody can buy it until you show it again. ${orders(item)}`,
  },
  show: {
    title: "Show this item?", yes: "Show",
    says: (item) => `It is on the list again, with ${count(item.remaining)} units left. Its sale: ${STATES[item.state] ?? item.state}.`,
  },
  delete: {
    title: "Delete this item?", yes: "Delete for good", grave: true, method: "DELETE",
    says: (item) => `It goes for good, with ${count(item.remaining)} units. That is possible only if nobody has ever ordered it; `
      + "otherwise the server refuses, and you can hide it.",
  },
};

/** The steps that make sense for an item as it is. */
export function stepsOf({ state, hidden = false, closed: is_closed = state === "closed", paused = state === "paused" }) {
  return [!is_closed && "restock", "withdraw", is_closed ? false : paused ? "resume" : "pause",
    is_closed ? "reopen" : "close", hidden ? "show" : "hide", "edit", "delete"].filter(Boolean);
}

/** How a step is called on its button. */
export const nameOf = (step) => ({ show: "Show", delete: "Delete", edit: "Edit" })[step] ?? ITEM[step].yes.split(" ")[0];

/** A step of an item: what `Admin` asks about. `item` is one as the server shows it. */
export function itemPlan(step, item) {
  const { title, yes, grave = false, quantity = null, says, method = "POST" } = ITEM[step];
  const path = `/v1/admin/items/${encodeURIComponent(item.item_id)}`;
  return {
    title, yes, grave, subject: item.title ? `${item.item_id} · ${item.title}` : item.item_id,
    quantity: quantity && { label: quantity.label, most: quantity.most(item) },
    says: (n) => says(item, n),
    request: { method, path: method === "DELETE" ? path : `${path}/${step}` },
    done: (now) => `${item.item_id}: ${now && step !== "delete" ? standing(now) : `${step} is done`}.`,
    name: item.item_id,
  };
}

/** Where an item stands. */
export function standing(item) {
  const state = item.hidden ? "hidden" : STATES[item.state] ?? item.state;
  return `${state}, ${count(item.remaining)} of ${count(item.stock)} left`;
}

/** The cancellation of an order by the operator. */
export function cancelPlan(order) {
  const units = `${count(order.quantity)} ${order.quantity === 1 ? "unit" : "units"}`;
  const sum = amount(order.total_price, order.currency);
  const says = order.status === "paid"
    ? `The order ends and its ${units} ${order.quantity === 1 ? "goes" : "go"} back on sale at once. ${sum} that was paid for it is then owed to ${order.user_id}: `
      + "pay it back at your provider, and say so under “Money owed”."
    : `The order ends unpaid and its ${units} ${order.quantity === 1 ? "goes" : "go"} back on sale at once. Should ${sum} still arrive for it, that is late money.`;
  return {
    must_say_why: true, title: `Cancel this ${order.status} order?`, yes: "Cancel the order", grave: true, says: () => says,
    subject: `${order.order_id} · ${units} of ${order.item_id} · ${order.user_id}`, quantity: null,
    request: { method: "POST", path: `/v1/admin/orders/${encodeURIComponent(order.order_id)}/cancel` },
    done: (now) => `${order.order_id}: ${(now?.status ?? "cancelled").replace("_", " ")}.`,
    name: order.order_id,
  };
}

/** The operator's word that money went back. */
export function settlePlan(payment) {
  const sum = amount(payment.owed, payment.currency);
  const whom = payment.user_id ?? "whoever paid it";
  return {
    title: "Was it paid back?", yes: "It was paid back", grave: false, quantity: null,
    says: () => `Writes down that ${sum} went back to ${whom}. Nothing is sent from here: pay it back at your provider first.`,
    subject: [payment.order_id ?? payment.order_reference, payment.provider, payment.event_id].filter(Boolean).join(" · "),
    request: { method: "POST", path: `/v1/admin/payments/${encodeURIComponent(payment.payment_id)}/refunded` },
    done: () => `${sum} is settled.`,
    name: payment.order_id ?? payment.payment_id,
  };
}
