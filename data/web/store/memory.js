// Job: remembers a few words for as long as the tab lives, a reload included.
// Owns: the names under which they are kept.
// Never: fails: where the browser keeps nothing, the page does.

const PREFIX = 'doorbuster.';
const own = new Map();

export function recall(name) {
  try {
    return sessionStorage.getItem(PREFIX + name);
  } catch {
    return own.get(name) ?? null;
  }
}

export function remember(name, text) {
  try {
    sessionStorage.setItem(PREFIX + name, text);
  } catch {
    own.set(name, text);
  }
}

export function forget(name) {
  own.delete(name);
  try {
    sessionStorage.removeItem(PREFIX + name);
  } catch {
    // It was not kept there.
  }
}
