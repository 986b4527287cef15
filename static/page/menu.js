/**
 * A menu behind a button, by ARIA's pattern: the arrow keys, Home, End and first letters move, Enter and Space choose,
 * Escape, Tab, Back and a press beside it close it, and the focus goes back to the button.
 * @module
 */

import { el, icon } from "./dom.js";
import { openLayer } from "./overlay.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {() => void} choose
 * @property {boolean} [checked] of one that is on or off
 * @property {string} [group] items with the same are alternatives; it is their name
 */

const narrow = matchMedia("(width < 44rem)"); // as in menu.css: there it covers the page
const MARGIN = 8; // px between the menu and the edges of the window

/**
 * @param {object} what
 * @param {string} what.label
 * @param {string} what.about what it is the menu of, shown where its button isn't beside it
 * @param {Item[][]} what.items in parts
 * @param {HTMLElement} what.within the part of the page that it belongs to
 * @param {() => HTMLElement | null} what.opener the button, which may be another one when the menu closes
 */
export function openMenu({ label, about, items, within, opener }) {
  if (document.querySelector(".menu")) return; // pressed twice
  const node = el("div", { class: "menu", role: "menu", "aria-label": label });
  node.append(el("p", { class: "menu-head", "aria-hidden": "true" }, el("bdi", {}, about)));
  for (const part of items.filter(({ length }) => length > 0)) node.append(...partOf(part, (item) => choose(item)));
  within.append(node);
  place(node, opener());
  opener()?.setAttribute("aria-expanded", "true");
  node.addEventListener("keydown", (event) => onKey(event, node, close));
  const beside = (/** @type {Event} */ { target }) => target instanceof Node && !node.contains(target) && close();
  document.addEventListener("pointerdown", beside, true);
  addEventListener("resize", close);
  const onClose = () => {
    document.removeEventListener("pointerdown", beside, true);
    removeEventListener("resize", close);
    node.remove();
    opener()?.setAttribute("aria-expanded", "false");
    queueMicrotask(() => document.activeElement === document.body && opener()?.focus()); // where it was drawn anew
  };
  const closeLayer = openLayer(node, onClose, { covers: narrow.matches });
  function close() {
    closeLayer();
  }
  /** @param {Item} item */
  function choose(item) {
    close();
    item.choose();
  }
}

/** @type {(part: Item[], choose: (item: Item) => void) => HTMLElement[]} */
function partOf(part, choose) {
  const nodes = part.map((item) => {
    const role = item.checked === undefined ? "menuitem" : item.group ? "menuitemradio" : "menuitemcheckbox";
    const mark = el("span", { class: "menu-mark" }, ...(item.checked ? [icon("check")] : []));
    const checked = item.checked === undefined ? null : String(item.checked);
    const properties = { type: "button", role, tabIndex: -1, "aria-checked": checked, onclick: () => choose(item) };
    return el("button", properties, mark, item.label);
  });
  const group = part.find((item) => item.group)?.group;
  const title = group ? [el("p", { class: "menu-title muted", "aria-hidden": "true" }, group)] : [];
  return [el("div", { class: "menu-part", role: "group", "aria-label": group }, ...title, ...nodes)];
}

/**
 * Below the button or above it, within the window; on phones the style sheet has a place for it.
 * @type {(node: HTMLElement, button: HTMLElement | null) => void}
 */
function place(node, button) {
  const at = button?.getBoundingClientRect() ?? new DOMRect(innerWidth / 2, innerHeight / 2);
  const { width, height } = node.getBoundingClientRect();
  const top = at.bottom + height + MARGIN > innerHeight ? at.top - height : at.bottom;
  const left = document.dir === "rtl" ? at.right - width : at.left;
  const within = (/** @type {number} */ value, /** @type {number} */ most) => Math.max(MARGIN, Math.min(value, most - MARGIN));
  node.style.setProperty("--left", `${within(left, innerWidth - width)}px`);
  node.style.setProperty("--top", `${within(top, innerHeight - height)}px`);
}

/** @type {(event: KeyboardEvent, node: HTMLElement, close: () => void) => void} */
function onKey(event, node, close) {
  const { key, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey) return;
  const all = /** @type {HTMLElement[]} */ ([...node.querySelectorAll("button")]);
  const at = all.findIndex((one) => one === document.activeElement);
  const letter = key.length === 1 && key !== " " ? key.toLowerCase() : null;
  if (key === "ArrowDown") all[(at + 1) % all.length].focus();
  else if (key === "ArrowUp") all.at(at <= 0 ? -1 : at - 1)?.focus();
  else if (key === "Home") all[0].focus();
  else if (key === "End") all.at(-1)?.focus();
  else if (key === "Escape" || key === "Tab") close();
  else if (letter === null) return;
  else [...all.slice(at + 1), ...all].find((one) => one.textContent?.toLowerCase().startsWith(letter))?.focus();
  event.preventDefault();
  event.stopImmediatePropagation(); // not for the drawer below, nor for the layer's Tab
}
