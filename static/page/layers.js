/**
 * What lies over the page for a while: drawers and dialogs. The rest of the page can't be reached meanwhile, the focus
 * stays inside and returns to where it was, and Back closes the uppermost instead of leaving.
 *
 * Each open layer has an entry in the browser's history. Going back is not done at once, so whatever else changes the
 * history waits for it.
 * @module
 */

/** @typedef {{close: () => void, restore: () => void}} Layer */

const FOCUSABLE = "a[href], button, input, select, textarea, [tabindex='0']";
/** What is not hidden with the rest: closing by a tap beside, and what is announced. */
const BESIDE = ".shade, .toasts, [aria-live]";

/** @type {Layer[]} the uppermost last */
const layers = [];
let returning = 0; // entries of closed layers that the browser has yet to leave
/** @type {(() => void)[]} */
const waiting = [];

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
  const layer = { close: onClose, restore };
  layers.push(layer);
  const depth = layers.length;
  whenReturned(() => history.pushState({ layers: depth }, "", location.href));
  return () => closeFrom(layers.indexOf(layer));
}

/** Close all that lies over the page. */
export const closeLayers = () => closeFrom(0);

/**
 * Go to another address of the page. What lies over it goes, and its entry in the history becomes the new one.
 * @param {string} path
 */
export function visit(path) {
  const covered = layers.length > 0;
  hideDownTo(0);
  whenReturned(() => {
    if (covered) history.replaceState(null, "", path);
    else history.pushState(null, "", path);
  });
}

/** @param {number} index of the lowest to close */
function closeFrom(index) {
  if (index < 0 || index >= layers.length) return;
  const count = layers.length - index;
  hideDownTo(index);
  whenReturned(() => {
    returning += 1;
    history.go(-count);
  });
}

/** @param {number} depth that remains */
function hideDownTo(depth) {
  while (layers.length > depth) {
    const layer = /** @type {Layer} */ (layers.pop());
    layer.close();
    layer.restore();
  }
}

/** @param {() => void} work */
function whenReturned(work) {
  if (returning === 0) work();
  else waiting.push(work);
}

function onPop() {
  returning = Math.max(0, returning - 1);
  const depth = Number(history.state?.layers) || 0;
  if (waiting.length === 0) hideDownTo(depth);
  for (let work = next(); work; work = next()) work();
}

const next = () => (returning === 0 ? waiting.shift() : undefined);

addEventListener("popstate", onPop);
// A reload finds its layers closed.
if (history.state?.layers) history.replaceState(null, "", location.href);

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
