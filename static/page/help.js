/**
 * What can be written and pressed, in a dialog.
 * @module
 */

import { el } from "./dom.js";
import { openLayer } from "./overlay.js";
import { words } from "./words.js";

/** Show it. */
export function showHelp() {
  const { title, close, parts } = words.help;
  const heading = el("h2", { id: "help-title" }, title);
  const shut = el("button", { type: "button", class: "primary", onclick: () => closeLayer() }, close);
  const body = el("div", { class: "help-parts scroll", tabIndex: 0, role: "group", "aria-labelledby": "help-title" });
  for (const { name, rows } of parts) {
    const list = el("dl");
    for (const [typed, says] of rows) list.append(el("div", {}, el("dt", {}, el("kbd", { dir: "auto" }, typed)), el("dd", {}, says)));
    body.append(el("section", {}, el("h3", {}, name), list));
  }
  const dialog = el("dialog", { class: "help", "aria-labelledby": "help-title" }, heading, body);
  dialog.append(el("div", { class: "row" }, shut));
  const closeLayer = openLayer(document.body.appendChild(dialog), () => dialog.remove());
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    closeLayer();
  });
  shut.focus();
}
