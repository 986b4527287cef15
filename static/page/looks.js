/**
 * Light or dark, and how close the messages stand: as somebody chose in this browser, in all its tabs alike.
 * @module
 */

import { storage, store } from "./store.js";

/** @typedef {(typeof THEMES)[number]} Theme */
/** @typedef {(typeof DENSITIES)[number]} Density */

export const THEMES = /** @type {const} */ (["system", "light", "dark"]);
export const DENSITIES = /** @type {const} */ (["cosy", "compact"]);

export const looks = {
  /** @returns {Theme} */
  get theme() {
    return THEMES.find((theme) => theme === store.theme) ?? "system";
  },

  set theme(theme) {
    store.theme = theme;
    apply();
  },

  /** @returns {Density} */
  get density() {
    return DENSITIES.find((density) => density === store.density) ?? "cosy";
  },

  set density(density) {
    store.density = density;
    apply();
  },
};

/** The colours of what stands around the page, by theme, as index.html has them. @type {Map<string, string>} */
const colours = new Map();
const metas = /** @type {NodeListOf<HTMLMetaElement>} */ (document.querySelectorAll("meta[name=theme-color]"));
for (const { media, content } of metas) colours.set(media.includes("dark") ? "dark" : "light", content);

function apply() {
  const { theme, density } = looks;
  Object.assign(document.documentElement.dataset, { theme, density });
  for (const meta of metas) {
    const own = meta.media.includes("dark") ? "dark" : "light";
    meta.content = colours.get(theme === "system" ? own : theme) ?? "";
  }
}

apply();
addEventListener("storage", ({ storageArea }) => storageArea === storage && apply());
