/**
 * What people write, as nodes. Text only ever becomes text nodes; what its markup says becomes elements.
 * @module
 */

import { meaning } from "./commands.js";
import { el } from "./dom.js";
import { isBlank } from "./format.js";
import { addresses } from "./links.js";

/** @typedef {(Node | string)[]} Parts */

/** Where there may be markup. Most texts have none, and need no parser. */
const MARKUP = /[*_~`[\\]|^[ \t]*(?:>|[-*][ \t]|\d+\.[ \t])/m;
const WAIT_MS = 1500; // for the parser, before texts are shown without it

/** @type {typeof import("./formatted.js") | null} */
let parser = null;
const loading = import("./formatted.js").then((loaded) => {
  parser = loaded;
});

/** Settled when texts can be formatted, or when that takes too long. */
export const ready = Promise.race([
  loading.catch(() => {}), // they stand as they were typed
  new Promise((resolve) => {
    setTimeout(resolve, WAIT_MS);
  }),
]);

/**
 * A message's text: what its author says or, by `/me`, does.
 * @type {(text: string, author: string) => Parts}
 */
export function messageNodes(text, author) {
  const { does, says } = meaning(text);
  if (does === undefined) return textNodes(says ?? "");
  return [el("span", { class: "action" }, el("bdi", { class: "actor" }, author), " ", ...textNodes(does))];
}

/**
 * What of a message is read out: its words without their marks.
 * @type {(text: string, author: string) => string}
 */
export function spoken(text, author) {
  const node = el("div", {}, ...messageNodes(text, author));
  for (const head of node.querySelectorAll(".code-head")) head.remove();
  return node.textContent ?? "";
}

/**
 * A text as it is shown. Before the parser is there it is plain, and formats itself then.
 * @param {string} text
 * @returns {Parts}
 */
export function textNodes(text) {
  if (!MARKUP.test(text)) return withLinks(text);
  if (!parser) {
    const plain = el("span", {}, ...withLinks(text));
    loading.then(() => plain.replaceWith(...textNodes(text))).catch(() => {});
    return [plain];
  }
  const parts = parser.formatted(text);
  return isBlank(parts.textContent ?? "") ? withLinks(text) : [parts];
}

/**
 * A text with its web addresses as links. Other schemes stay text.
 * @param {string} text
 * @returns {Parts}
 */
export function withLinks(text) {
  /** @type {Parts} */
  const parts = [];
  let shown = 0;
  for (const { start, end } of addresses(text)) {
    parts.push(text.slice(shown, start), anchor(text.slice(start, end)));
    shown = end;
  }
  parts.push(text.slice(shown));
  return parts.filter((part) => part !== "");
}

/**
 * A link to an address; `title` shows where it leads, for one that has words of its own.
 * @type {(address: string, title?: string) => HTMLAnchorElement}
 */
export function anchor(address, title) {
  const node = el("a", { href: address, rel: "noopener noreferrer nofollow", target: "_blank", title });
  if (title === undefined) node.append(address);
  return node;
}
