// Job: writes amounts of money, on the pages of the shop and of its operator.
// Owns: how many digits the minor units of a currency have.
// Never: computes with an amount.

// ISO 4217, for the currencies without two digits. Browsers follow usage instead, which drops some minor units; the
// shop's amounts are in ISO's.
const DIGITS = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

/** 1990 CNY → "CN¥19.90", in the words of `locale` (`undefined`: the visitor's). */
export function amount(minor, currency, locale) {
  const known = Object.keys(DIGITS).find((digits) => DIGITS[digits].includes(currency));
  const digits = Number(known ?? 2);
  const style = { style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale, style).format(decimal(minor, digits));
}

/** "19.90": a text and no fraction, for which a number of this machine is too coarse from some trillions on. */
function decimal(minor, digits) {
  const text = String(minor).padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
