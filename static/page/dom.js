/**
 * Small helpers for building the page. Text only ever becomes a text node.
 * @module
 */

/** @import { Person } from "../client/protocol.js" */

const SVG = "http://www.w3.org/2000/svg";
const HUES = 12; // as page.css has them
const COMPOSED_MS = 100; // in which an Enter after a composition is the one that ended it

let composedAt = -Infinity;
addEventListener("compositionend", ({ timeStamp }) => (composedAt = timeStamp), true);

/**
 * The element with this id, which the page has.
 * @template {HTMLElement} [E=HTMLElement]
 * @param {string} id
 * @param {new () => E} [kind] of element; the default is any
 * @returns {E}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof (kind ?? HTMLElement))) throw new TypeError(`there is no such #${id}`);
  return /** @type {E} */ (found);
}

/**
 * The element of this kind that an event happened in, or null.
 * @param {EventTarget | null} target
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const closest = (target, selector) => (target instanceof Element ? target.closest(selector) : null);

/**
 * An element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [properties] `class`, `data-…`, `aria-…` and other attributes; `on…` listeners; other
 *     names are properties. Null and undefined are left out.
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "class" || name === "role" || /^(data|aria)-/.test(name)) node.setAttribute(name, String(value));
    else Object.assign(node, { [name]: value });
  }
  node.append(...children);
  return node;
}

/**
 * One of the symbols of index.html; it says nothing to screen readers.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * A button that shows a symbol and says a word.
 * @param {string} name the symbol's
 * @param {string} label
 * @param {() => void} onclick
 */
export function iconButton(name, label, onclick) {
  return el("button", { type: "button", class: "icon", title: label, "aria-label": label, onclick }, icon(name));
}

/**
 * The class of somebody's colour. It comes of who they are alone, so that it is the same on every device.
 * @param {string} id the user's
 */
export function hueOf(id) {
  let hash = 0;
  for (const character of id) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return `hue-${Math.abs(hash) % HUES}`;
}

/**
 * The initials of somebody in their own colour.
 * @param {Person} user
 * @param {"" | "small" | "tiny"} [size]
 */
export function avatar({ id, name }, size = "") {
  return el("span", { class: `avatar ${hueOf(id)} ${size}`, "aria-hidden": "true" }, initials(name));
}

/**
 * Whether a key is one that an input method took, so that it means nothing to us. Browsers differ in whether the Enter that
 * ends a composition comes before its end or after, where Safari says so by its code alone, and others not at all: such
 * a one doesn't break the line either.
 * @param {KeyboardEvent} event
 */
export function isComposed(event) {
  const { isComposing, keyCode, key, timeStamp } = event;
  const isLate = key === "Enter" && timeStamp - composedAt < COMPOSED_MS;
  if (isLate) event.preventDefault();
  return isLate || isComposing || keyCode === 229;
}

/** @param {string} name */
function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [name];
  return letters.map((word) => [...word][0] ?? "").join("").toUpperCase();
}
