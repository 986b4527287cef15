/**
 * The question before a message is removed.
 * @module
 */

import { el } from "./dom.js";
import { openLayer } from "./overlay.js";
import { words } from "./words.js";

/** @param {() => void} onYes */
export function askToRemove(onYes) {
  const says = words.removal;
  const stay = el("button", { type: "button", class: "plain", onclick: () => close() }, says.keep);
  const yes = () => {
    close();
    onYes();
  };
  const go = el("button", { type: "button", class: "danger", onclick: yes }, says.remove);
  const dialog = el("dialog", { class: "confirm", "aria-labelledby": "confirm-title" });
  dialog.append(el("h2", { id: "confirm-title" }, says.title), el("p", { class: "muted" }, says.what));
  dialog.append(el("div", { class: "row" }, stay, go));
  const close = openLayer(document.body.appendChild(dialog), () => dialog.remove());
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
}
