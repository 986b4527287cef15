/**
 * Small helpers for building the page. Text only ever becomes a text node.
 * @module
 */

const SVG = "http://www.w3.org/2000/svg";
const HUES = 10;

/** @returns {HTMLElement} the element with this id, which index.html has */
export const byId = (id) => document.getElementById(id);

/**
 * An element.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties] `class`, `data-…`, `aria-…` and other attributes; `on…` listeners; other
 *     names are properties. Null and undefined are left out.
 * @param {...(Node | string)} children
 */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || /^(data|aria)-/.test(name)) node.setAttribute(name, String(value));
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

/** One of the symbols of index.html; it says nothing to screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button that shows a symbol and says a word. */
export function iconButton(name, label, onclick) {
  return el("button", { type: "button", class: "icon", title: label, "aria-label": label, onclick }, icon(name));
}

/** The initials of somebody in their own colour. */
export function avatar({ id, name }, size = "") {
  let hash = 0;
  for (const character of id) hash = (Math.imul(hash, 31) + character.codePointAt(0)) | 0;
  const hue = Math.abs(hash) % HUES;
  return el("span", { class: `avatar hue-${hue} ${size}`, "aria-hidden": "true" }, initials(name));
}

function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [name];
  return letters.map((word) => [...word][0] ?? "").join("").toUpperCase();
}
