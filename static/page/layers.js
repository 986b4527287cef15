/**
 * What lies over the page for a while, as the browser's history has it: Back closes the uppermost instead of leaving.
 * How a layer keeps the rest of the page away is overlay.js's.
 *
 * Each open layer has an entry in the browser's history. Going back is not done at once, so whatever else changes the
 * history waits for it.
 * @module
 */

/** @typedef {{close: () => void, restore: () => void}} Layer `close` hides it, `restore` gives back what was behind it */

/** @type {Layer[]} the uppermost last */
const layers = [];
let returning = 0; // entries of closed layers that the browser has yet to leave
/** @type {(() => void)[]} */
const waiting = [];

/**
 * Something lies over the page from now on.
 * @param {Layer} layer
 * @returns {() => void} closes it, and all that lies over it
 */
export function addLayer(layer) {
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
