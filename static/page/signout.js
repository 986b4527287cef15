/**
 * The question before somebody signs out.
 * @module
 */

import { el } from "./dom.js";
import { openLayer } from "./overlay.js";
import { words } from "./words.js";

/**
 * @param {object} about
 * @param {boolean} about.isGuest
 * @param {number} about.waiting messages to be sent
 * @param {() => void} about.onYes
 * @param {(() => void) | null} about.onSignIn what a guest may have meant
 */
export function askToSignOut({ isGuest, waiting, onYes, onSignIn }) {
  const says = words.out;
  const lines = [says.what, ...(isGuest ? [says.guest] : []), ...(waiting > 0 ? [says.waiting(waiting)] : [])];
  const heading = el("h2", { id: "out-title" }, says.title);
  const stay = el("button", { type: "button", class: "plain", onclick: () => close() }, says.stay);
  const go = el("button", { type: "button", class: "danger", onclick: onYes }, says.go);
  const buttons = onSignIn ? [el("button", { type: "button", class: "plain", onclick: onSignIn }, says.instead)] : [];
  const dialog = el("dialog", { class: "confirm signing", "aria-labelledby": "out-title" }, heading);
  dialog.append(...lines.map((line) => el("p", { class: "muted" }, line)), el("div", { class: "row" }, ...buttons, stay, go));
  const close = openLayer(document.body.appendChild(dialog), () => dialog.remove());
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
}
