// Job: the colours of the style sheet, for what is drawn on a canvas.
// Owns: the copy of the colours, and the news that they changed.
// Never: names a colour itself.

const NAMES = ["ink", "muted", "line", "accent", "warn", "bad", "good", "series-1", "series-2", "series-3", "series-4",
  "series-5"];
const listeners = new Set();
let colours = look();

/** The colour of that name, as the style sheet has it now. */
export function colour(name) {
  return colours[name];
}

/** Calls back after light has become dark, or the other way round. */
export function onChange(listener) {
  listeners.add(listener);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours = look();
  for (const listener of listeners) listener();
});

function look() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
