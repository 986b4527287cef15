/**
 * Lays drawers, dialogs and menus over the page: the rest of it can't be reached meanwhile, the focus stays inside and
 * returns to where it was.
 * @module
 */

import { addLayer } from "./layers.js";

const FOCUSABLE = "a[href], button, input, select, textarea, [tabindex='0']";
/** What is not hidden with the rest: closing by a tap beside, and what is announced. */
const BESIDE = ".shade, .toasts, [aria-live]";

/**
 * Lay a node over the page.
 * @param {HTMLElement} node which is shown already, or a dialog to show
 * @param {() => void} onClose hide it; called once, whoever closes it
 * @param {object} [options]
 * @param {boolean} [options.covers] whether the rest can't be reached; a menu beside its button leaves it as it is
 * @returns {() => void} closes it, and all that lies over it
 */
export function openLayer(node, onClose, { covers = true } = {}) {
  const opener = document.activeElement;
  const modal = node instanceof HTMLDialogElement;
  node.inert = false; // it may stand beside an open drawer
  if (modal) node.showModal(); // which keeps the rest away by itself
  const hidden = modal || !covers ? [] : restOf(node);
  for (const other of hidden) other.inert = true;
  if (!modal) node.addEventListener("keydown", keepInside);
  if (!node.contains(document.activeElement)) focusableIn(node)[0]?.focus();
  const restore = () => {
    for (const other of hidden) other.inert = false;
    node.removeEventListener("keydown", keepInside);
    if (opener instanceof HTMLElement && !unreachable(opener)) opener.focus();
  };
  return addLayer({ close: onClose, restore });
}

/** @param {HTMLElement} node */
function restOf(node) {
  const rest = [];
  for (let inner = node; inner.parentElement; inner = inner.parentElement) {
    for (const other of inner.parentElement.children) {
      if (other !== inner && other instanceof HTMLElement && !other.inert && !other.matches(BESIDE)) rest.push(other);
    }
    if (inner.parentElement === document.body) break;
  }
  return rest;
}

/** @param {HTMLElement} node */
const unreachable = (node) => !node.isConnected || node.closest("[inert]") !== null;

/** @param {HTMLElement} node */
function focusableIn(node) {
  const all = /** @type {HTMLElement[]} */ ([...node.querySelectorAll(FOCUSABLE)]);
  return all.filter((one) => one.checkVisibility() && !one.matches(":disabled"));
}

/** @param {KeyboardEvent} event */
function keepInside(event) {
  if (event.key !== "Tab" || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = focusableIn(/** @type {HTMLElement} */ (event.currentTarget));
  const end = event.shiftKey ? all[0] : all.at(-1);
  if (document.activeElement !== end) return;
  (event.shiftKey ? all.at(-1) : all[0])?.focus();
  event.preventDefault();
}
