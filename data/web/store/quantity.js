// Job: lets a buyer say how many.
// Owns: the number between its two buttons, and what so many cost.
// Never: asks for more than there may be, as far as the page knows: the server decides.

import { total } from './format.js';
import { say } from './view.js';

/** `limit(most, price, currency)` says how many there may be (1 or none: no choice), `units()` how many it is;
 * `hold(units)` fixes it while an attempt is on its way, `hold(null)` gives it back. `onChange` hears each choice. */
export function quantity(at, onChange) {
  let wished = 1;
  let most = 1;
  let held = null;

  const units = () => held ?? Math.max(1, Math.min(wished, most));
  const wish = (number) => {
    wished = Math.max(1, Math.min(number || 1, most));
    at.units.value = units();
    onChange();
  };
  at.fewer.addEventListener('click', () => wish(units() - 1));
  at.further.addEventListener('click', () => wish(units() + 1));
  at.units.addEventListener('change', () => wish(parseInt(at.units.value, 10)));
  at.units.addEventListener('focus', () => at.units.select());

  const limit = (now, price, currency) => {
    most = now;
    at.choice.hidden = most < 2 && !(held > 1);
    for (const [control, isEnd] of [[at.fewer, units() <= 1], [at.further, units() >= most], [at.units, false]]) {
      control.disabled = held !== null || isEnd;
    }
    if (document.activeElement !== at.units) at.units.value = units();
    say(at.total, total(units(), price, currency));
  };
  const hold = (number) => (held = number);
  return { units, limit, hold };
}
