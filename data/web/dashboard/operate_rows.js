// Job: rows of the lists of the part where things are changed.
// Owns: which figures of a record are shown, and in which order.
// Never: parses markup, or decides what may be done: the server refuses what may not.

import { make, setStyle } from "./dom.js";
import { nameOf, stepsOf } from "./plans.js";
import { amount, count, DEEDS, NOTHING, STATES, STATUSES, VERDICTS, when } from "./words.js";

const two = (strong, small, attributes = {}) => make("td", attributes, make("b", {}, strong), make("small", {}, small));
const badge = (text, tone) => make("span", { class: "badge", "data-tone": tone }, text);

function row(attributes, labels, cells) {
  cells.forEach((cell, index) => cell.setAttribute("data-label", labels[index]));
  return make("tr", { tabindex: -1, ...attributes }, ...cells);
}

function actions(...buttons) {
  return make("td", { class: "steps" }, ...buttons);
}

function button(text, what, press) {
  const node = make("button", { type: "button", "aria-label": `${text} ${what}` }, text);
  node.addEventListener("click", () => press(node));
  return node;
}

const STATE_TONES = { open: "good", paused: "warn" };

/** An item, with its steps. */
export function itemRow(item, onStep) {
  const state = make("td", {}, badge(STATES[item.state] ?? item.state, STATE_TONES[item.state] ?? false));
  if (item.hidden) state.append(" ", badge("hidden", "warn"));
  const meter = make("i");
  setStyle(meter, "width", `${item.stock > 0 ? (100 * item.remaining) / item.stock : 0}%`);
  const left = make("td", {}, make("b", {}, count(item.remaining)), ` of ${count(item.stock)}`,
    make("div", { class: "meter" }, meter));
  const window = [item.opens_at && `from ${when(item.opens_at)}`, item.closes_at && `until ${when(item.closes_at)}`];
  const steps = stepsOf(item).map((step) => {
    const node = button(nameOf(step), item.item_id, (pressed) => onStep(step, pressed));
    node.dataset.step = step;
    return node;
  });
  return row({ "data-operated": item.item_id }, ["Item", "State", "Price", "Left", "Limit", "Window", "Actions"], [
    two(item.item_id, item.title), state, make("td", { class: "number" }, amount(item.unit_price, item.currency)), left,
    make("td", { class: "number" }, count(item.per_user_limit)),
    make("td", {}, make("small", {}, window.filter(Boolean).join(" ") || "always")), actions(...steps),
  ]);
}

const STATUS_TONES = { paid: "good", pending: false, refund_due: "warn" };

/** An order; the one step is its cancellation. */
export function orderRow(order, onCancel) {
  const is_live = order.status === "pending" || order.status === "paid";
  const owed = (order.refund_owed ?? []).map((one) => make("small", { class: "due" }, `${amount(one.amount, one.currency)} owed`));
  return row({ "data-order": order.order_id }, ["Order", "Status", "Buyer", "Item", "Amount", "Placed", "Actions"], [
    make("td", { class: "mono" }, order.order_id),
    make("td", {}, badge(STATUSES[order.status] ?? order.status, STATUS_TONES[order.status] ?? false), ...owed),
    make("td", {}, order.user_id),
    two(order.item_id, `${count(order.quantity)} × ${amount(order.unit_price, order.currency)}`),
    make("td", { class: "number" }, amount(order.total_price, order.currency)),
    make("td", {}, make("small", {}, when(order.created_at))),
    actions(...(is_live ? [button("Cancel", order.order_id, onCancel)] : [])),
  ]);
}

/** A payment of which something is owed, or was. */
export function paymentRow(payment, onSettled) {
  const { order_id: order, order_reference: reference, owed } = payment;
  return row({ "data-payment": payment.payment_id }, ["Order", "Why", "Buyer", "Payment", "Owed", "Reported", "Actions"], [
    make("td", { class: "mono" }, order ?? reference ?? NOTHING, ...(order || !reference ? [] : [make("small", {}, "no such order")])),
    make("td", {}, badge(VERDICTS[payment.verdict] ?? payment.verdict, owed > 0 ? "warn" : false)),
    make("td", {}, payment.user_id ?? NOTHING),
    two(payment.provider ?? NOTHING, payment.event_id ?? "the price of the order"),
    make("td", { class: "number" }, make("b", {}, amount(owed, payment.currency)),
      ...(payment.amount === owed ? [] : [make("small", {}, `of ${amount(payment.amount, payment.currency)}`)])),
    make("td", {}, make("small", {}, when(payment.at))),
    actions(...(owed > 0 ? [button("It was paid back", order ?? payment.payment_id, onSettled)] : [])),
  ]);
}

/** A line of the journal. */
export function journalRow(entry) {
  const { seq, at, kind, item_id, order_id, user_id, operator, reason, supply, remaining } = entry;
  const deed = DEEDS[kind]?.(entry) ?? kind.replaceAll("_", " ");
  const balance = Number.isFinite(remaining) && item_id ? `${count(remaining)} of ${count(supply)}` : NOTHING;
  return row({ "data-seq": seq }, ["When", "What", "About", "Who", "Why", "Left after"], [
    two(when(at), `entry ${count(seq)}`), make("td", {}, deed),
    two(item_id ?? NOTHING, [order_id, user_id].filter(Boolean).join(" · ")),
    make("td", {}, operator ?? NOTHING), make("td", {}, reason ?? NOTHING), make("td", {}, balance),
  ]);
}
