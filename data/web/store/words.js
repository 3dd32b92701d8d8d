// Job: says to a buyer what happened.
// Owns: which word is said when. The words are in `words/<language>.json`; the page carries those of its language.
// Never: shows a text of the server: those are for programs.

const TABLE = JSON.parse(document.getElementById('words').textContent);

/** The words of that name, with what belongs in their places: `word('stock', { left: '3', stock: '9' })`. A page may be
 * older than its shop: what it has no words for is said by its name. */
export const word = (name, values = {}) => (TABLE[name] ?? name).replace(/\{(\w+)\}/g, (_, place) => values[place]);

export function buyLabel(held, units) {
  if (held === 0) return units === 1 ? word('button.buy') : word('button.buy-several', { units });
  return units === 1 ? word('button.one-more') : word('button.several-more', { units });
}

/** What is on the button while it cannot be pressed. */
export const lockedLabel = (state) => (state === 'scheduled' ? word('button.not-open') : word(`state.${state}`));

/** What became of an order, in a word and in a sentence. Never that nothing is owed: money may be on its way. */
export function statusWords(name) {
  return `order.${name}` in TABLE ? [word(`order.${name}`), word(`order.${name}.told`)] : [name, ''];
}

/** What is said of money that has to go back, by the status of its order. */
export function owedWords(status, money) {
  if (status === 'pending') return word('owed.pending', { money });
  return status === 'paid' ? word('owed.paid', { money }) : word('owed.over', { money });
}

/** Whoever asked for too many hears how many there may be. */
function tooMany({ code, remaining, per_user_limit: limit, held }) {
  if (code === 'sold-out' && remaining > 0) return word('problem.too-few', { remaining });
  return code === 'limit-reached' && held < limit ? word('problem.too-many', { limit, held }) : null;
}

export const problemWords = (told) =>
  tooMany(told) ?? word(`problem.${told.code}` in TABLE ? `problem.${told.code}` : 'problem.other');
