// Job: keeps the admin token of this tab, and asks for it.
// Owns: the token and its form. The documentation page reads the same key.
// Never: sends the form anywhere, or keeps the token beyond the tab.

import { find, setText, show } from "./dom.js";

const KEY = "doorbuster.admin_token";
const WHY = "This page reads the operations listener, which asks for the admin token.";

/** The token of this tab, or `null`. */
export function token() {
  return sessionStorage.getItem(KEY);
}

/** Wires the form and the button that forgets: `onToken` runs with a new token, `onForgotten` when it is gone. */
export function start({ onToken, onForgotten }) {
  find("#token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const input = find("#token");
    const given = input.value.trim();
    // A header carries visible ASCII only; anything else cannot be a token and would make `fetch` throw.
    if (!/^[\x21-\x7e]+$/.test(given)) return ask("A token has visible ASCII characters only, without spaces.");
    sessionStorage.setItem(KEY, given);
    input.value = "";
    hide();
    onToken();
  });
  find("#forget").addEventListener("click", () => {
    forget();
    onForgotten();
    ask("The token is forgotten.");
  });
  if (token()) hide();
  else ask();
}

/** Forgets the token. */
export function forget() {
  sessionStorage.removeItem(KEY);
}

/** Shows the form, with the reason. */
export function ask(why = WHY) {
  setText(find("#token-why"), why);
  show(find("#token-form"), true);
  show(find("#board"), false);
  show(find("#forget"), false);
  find("#token").focus();
}

function hide() {
  show(find("#token-form"), false);
  show(find("#forget"), true);
}
