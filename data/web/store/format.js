// Job: writes amounts, moments and durations for people.
// Owns: their forms.
// Never: computes with them.

import { amount } from '../shared/money.js';

export { amount };

/** "3 × €5.00 = €15.00", or the price alone. */
export function total(units, price, currency) {
  const sum = amount(units * price, currency);
  return units === 1 ? sum : `${count(units)} × ${amount(price, currency)} = ${sum}`;
}

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const counts = new Intl.NumberFormat();

const times = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
export const timeOfDay = (ms) => time.format(ms);
export const moment = (rfc3339) => moments.format(Date.parse(rfc3339));
/** A moment within the next hours needs no date. */
export const soon = (rfc3339, now) =>
  (Date.parse(rfc3339) - now < 12 * 3600 * 1000 ? times : moments).format(Date.parse(rfc3339));
export const count = (number) => counts.format(number);

/** 59 → "00:59", 3600 → "1:00:00", 90000 → "1 d 01:00:00". */
export function duration(seconds) {
  const two = (number) => String(number).padStart(2, '0');
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (days > 0) return `${count(days)} d ${two(hours)}:${rest}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
