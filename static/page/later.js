/**
 * What a first view does without: loaded when it is wanted, or by itself a moment after the page stands, so that it is
 * there when the service no longer is.
 * @module
 */

import { learnMore } from "./words.js";

const AGAIN_MS = 2000; // after something could not be loaded

/**
 * Loads something once; null where that fails, and then again for who asks later.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {() => Promise<T | null>}
 */
function once(load) {
  /** @type {Promise<T | null> | null} */
  let loading = null;
  return () => {
    loading ??= load().catch(() => {
      setTimeout(() => (loading = null), AGAIN_MS);
      return null;
    });
    return loading;
  };
}

/** What somebody needs who does something, and how that looks. */
export const loadHands = once(async () => {
  const [hands, sheets] = await Promise.all([import("./hands.js"), loadSheets(), learnMore()]);
  if (sheets === null) throw new Error("the style sheets can't be loaded");
  return hands;
});

/** The style sheets that index.html names and leaves out at first; those that are there already not again. */
const loadSheets = once(async () => {
  const template = /** @type {HTMLTemplateElement} */ (document.querySelector("template#later"));
  const there = new Set([...document.head.querySelectorAll("link")].map(({ href }) => href));
  const links = document.importNode(template.content, true).querySelectorAll("link");
  return Promise.all([...links].filter(({ href }) => !there.has(href)).map(sheet));
});

/** @param {HTMLLinkElement} link */
function sheet(link) {
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => {
      link.remove();
      reject(new Error(`${link.href} can't be loaded`));
    };
    document.head.append(link);
  });
}

/** What keeps the rooms as they were seen last. */
export const loadArchive = once(() => import("./archive.js"));

/** What goes round where WebSockets are blocked. */
export const loadDetour = once(() => import("../client/detour.js"));

/** What tells of messages. */
export const loadAlerts = once(() => import("./alerts.js"));

/** What reads markup, and how that looks: what it means is seen without, too. */
export const loadParser = once(async () => {
  const [parser] = await Promise.all([import("./formatted.js"), loadSheets()]);
  return parser;
});

/**
 * An emoji is to be chosen.
 * @param {Parameters<typeof import("./picker.js").openPicker>[0]} options
 * @returns {Promise<boolean>} whether there is something to choose from
 */
export async function pickEmoji(options) {
  const [loaded] = await Promise.all([import("./picker.js").catch(() => null), loadHands()]);
  loaded?.openPicker(options);
  return loaded !== null;
}
