/**
 * Long messages, of which the beginning is shown until somebody wants the rest.
 * @module
 */

import { el } from "./dom.js";
import { words } from "./words.js";

const LINES = 24; // a message of more is folded
const LINE = 80; // characters, about as many as fit in one

/** @type {Set<string>} ids of messages that were unfolded */
const unfolded = new Set();

/**
 * A message's text, with a button behind it if it is long.
 * @type {(node: HTMLElement, text: string, id: string) => HTMLElement[]}
 */
export function folded(node, text, id) {
  if (!isLong(text)) return [node];
  const more = el("button", { type: "button", class: "plain small fold", onclick: () => show(!unfolded.has(id)) });
  /** @param {boolean} whole */
  const show = (whole) => {
    if (whole) unfolded.add(id);
    else unfolded.delete(id);
    node.classList.toggle("folded", !whole);
    more.textContent = whole ? words.message.less : words.message.more;
    more.setAttribute("aria-expanded", String(whole));
    if (!whole) node.closest(".message")?.scrollIntoView({ block: "nearest" });
  };
  node.addEventListener("focusin", ({ target }) => {
    if (unfolded.has(id)) return;
    show(true); // it may be a link in what is hidden
    if (target instanceof Element) target.scrollIntoView({ block: "nearest" });
  });
  show(unfolded.has(id));
  return [node, more];
}

/** @param {string} text */
function isLong(text) {
  let lines = 0;
  for (const line of text.split("\n")) lines += Math.max(1, Math.ceil(line.length / LINE));
  return lines > LINES;
}
