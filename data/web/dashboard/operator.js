// Job: knows who sits before the page, by their own word: the journal names them.
// Owns: the name, in this browser until another one is typed.
// Never: proves anything: whoever has the admin token may say any name.

const KEY = "doorbuster.operator";

/** The name, or an empty text. */
export function name() {
  return localStorage.getItem(KEY) ?? "";
}

/** Puts it into a field. */
export function fill(input) {
  input.value = name();
}

/** Remembers what was typed. */
export function remember(typed) {
  const text = typed.trim();
  if (text) localStorage.setItem(KEY, text);
  else localStorage.removeItem(KEY);
}
