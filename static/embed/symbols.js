/**
 * An embedded chat's symbols; they say nothing to screen readers.
 * @module
 */

const SVG = "http://www.w3.org/2000/svg";

/** Lines in a square of 24. */
const PATHS = {
  chat: "M5 5.5h14a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5h-8L6.5 20v-3.5H5A1.5 1.5 0 0 1 3.5 15V7A1.5 1.5 0 0 1 5 5.5z",
  close: "m6 6 12 12M18 6 6 18",
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  page: "M10 5H5.5v13.5H19V14M14 5h5v5M19 5l-8 8",
  down: "M12 5v14M5.5 12.5 12 19l6.5-6.5",
};

/** @param {keyof typeof PATHS} name */
export function symbol(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
