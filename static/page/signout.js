/**
 * The question before somebody signs out.
 * @module
 */

import { el } from "./dom.js";
import { openLayer } from "./layers.js";
import { words } from "./words.js";

/** @type {(about: {isGuest: boolean, waiting: number, onYes: () => void}) => void} `waiting`: messages to be sent */
export function askToSignOut({ isGuest, waiting, onYes }) {
  const says = words.out;
  const lines = [says.what, ...(isGuest ? [says.guest] : []), ...(waiting > 0 ? [says.waiting(waiting)] : [])];
  const heading = el("h2", { id: "out-title" }, says.title);
  const stay = el("button", { type: "button", class: "plain", onclick: () => close() }, says.stay);
  const go = el("button", { type: "button", class: "danger", onclick: onYes }, says.go);
  const dialog = el("dialog", { class: "confirm signing", "aria-labelledby": "out-title" }, heading);
  dialog.append(...lines.map((line) => el("p", { class: "muted" }, line)), el("div", { class: "row" }, stay, go));
  const close = openLayer(document.body.appendChild(dialog), () => dialog.remove());
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
}
