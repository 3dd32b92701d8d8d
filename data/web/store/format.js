// Job: writes amounts, moments and durations for people.
// Owns: their forms.
// Never: computes with them.

import { amount as amountIn } from '../shared/money.js';
import { word } from './words.js';

/** The visitor's own locale if it is one of the page's language: en-GB writes a date otherwise than en-US. */
const LOCALE = (() => {
  const [page, ...own] = [document.documentElement.lang, ...navigator.languages].map(likely);
  return own.find(({ language, script }) => language === page.language && script === page.script)?.tag ?? page.tag;
})();

/** Some systems have locales that are no language tags. */
function likely(tag) {
  try {
    const { language, script } = new Intl.Locale(tag).maximize();
    return { tag, language, script };
  } catch {
    return {};
  }
}

/** 1990 CNY → "CN¥19.90", or "¥19.90" in Chinese. */
export const amount = (minor, currency) => amountIn(minor, currency, LOCALE);

/** "3 × €5.00 = €15.00", or the price alone. */
export function total(units, price, currency) {
  const sum = amount(units * price, currency);
  return units === 1 ? sum : `${count(units)} × ${amount(price, currency)} = ${sum}`;
}

const time = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'medium' });
const moments = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
const counts = new Intl.NumberFormat(LOCALE);

const times = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'short' });
export const timeOfDay = (ms) => time.format(ms);
export const moment = (rfc3339) => moments.format(Date.parse(rfc3339));
/** A moment within the next hours needs no date. */
export const soon = (rfc3339, now) =>
  (Date.parse(rfc3339) - now < 12 * 3600 * 1000 ? times : moments).format(Date.parse(rfc3339));
export const count = (number) => counts.format(number);
export const list = (texts) => new Intl.ListFormat(LOCALE).format(texts);

/** 59 → "00:59", 3600 → "1:00:00", 90000 → "1 d 01:00:00". */
export function duration(seconds) {
  const two = (number) => String(number).padStart(2, '0');
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (days > 0) return word('days', { days: count(days), time: `${two(hours)}:${rest}` });
  return hours > 0 ? `${hours}:${rest}` : rest;
}
