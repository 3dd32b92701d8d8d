// Job: writes amounts, moments and durations for people.
// Owns: how many digits the minor units of a currency have.
// Never: computes with them.

// ISO 4217, for the currencies without two digits. Browsers follow usage instead, which drops some minor units; the
// shop's amounts are in ISO's.
const DIGITS = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

export function amount(minor, currency) {
  const known = Object.keys(DIGITS).find((digits) => DIGITS[digits].includes(currency));
  const digits = Number(known ?? 2);
  const style = { style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(undefined, style).format(minor / 10 ** digits);
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
