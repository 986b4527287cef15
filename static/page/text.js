/**
 * What people write, as nodes. Text only ever becomes text nodes; what its markup says becomes elements.
 * @module
 */

import { meaning } from "./commands.js";
import { el } from "./dom.js";
import { isBlank } from "./format.js";
import { loadParser } from "./later.js";

/**
 * @import { Person } from "../client/protocol.js"
 * @import { Names } from "./mentions.js"
 */

/** @typedef {(Node | string)[]} Parts */

/** Where there may be markup. Most texts have none, and need no parser. */
const MARKUP = /[*_~`[\\]|^[ \t]*(?:>|[-*][ \t]|\d+\.[ \t])/m;
/** Where there may be an address. */
const ADDRESS = /https?:\/\//i;
const WAIT_MS = 1500; // for the parser, before texts are shown without it

/** @type {typeof import("./formatted.js") | null} */
let parser = null;
let waited = false;

/** The parser, once it is there, or null where it can't be loaded. */
export const parserThere = async () => (parser = await loadParser());

/**
 * Texts that are drawn for the first time are formatted at once, lest what is below them moves.
 * @param {string[]} texts
 * @returns {Promise<void> | null} settled when they can be, or when that takes too long; null: now
 */
export function formattable(texts) {
  if (parser || waited || !texts.some((text) => MARKUP.test(text))) return null;
  const late = new Promise((resolve) => {
    setTimeout(resolve, WAIT_MS);
  });
  return Promise.race([parserThere(), late]).then(() => {
    waited = true;
  });
}

/**
 * A message's text: what its author says or, by `/me`, does.
 * @type {(text: string, author: string, names?: Names) => Parts} `names` that it may mention
 */
export function messageNodes(text, author, names) {
  const { does, says } = meaning(text);
  if (does === undefined) return textNodes(says ?? "", names);
  return [el("span", { class: "action" }, el("bdi", { class: "actor" }, author), " ", ...textNodes(does, names))];
}

/**
 * What of a message is read out: its words without their marks, where they can be told apart.
 * @type {(text: string, author: string) => Promise<string>}
 */
export async function spoken(text, author) {
  if (MARKUP.test(text)) await parserThere();
  const node = el("div", {}, ...messageNodes(text, author));
  for (const head of node.querySelectorAll(".code-head")) head.remove();
  return node.textContent ?? "";
}

/**
 * A text as it is shown.
 * @type {(text: string, names?: Names) => Parts}
 */
export function textNodes(text, names) {
  if (!MARKUP.test(text)) return plain(text, names);
  if (!parser) return untilThen(text, names, textNodes);
  const parts = parser.formatted(text, names);
  return isBlank(parts.textContent ?? "") ? plain(text, names) : [parts];
}

/**
 * A text without markup: its web addresses as links, and who is mentioned. Other schemes stay text.
 * @type {(text: string, names?: Names) => Parts}
 */
export function plain(text, names) {
  if (!ADDRESS.test(text)) return parted(text, [], names);
  return parser ? parted(text, parser.addresses(text), names) : untilThen(text, names, plain);
}

/**
 * Before the parser is there a text stands as it was typed.
 * @type {(text: string, names: Names | undefined, shown: typeof plain) => Parts}
 */
function untilThen(text, names, shown) {
  const waiting = el("span", {}, ...parted(text, [], names));
  void parserThere().then((there) => there && waiting.replaceWith(...shown(text, names)));
  return [waiting];
}

/** @type {(text: string, addresses: {start: number, end: number}[], names?: Names) => Parts} */
function parted(text, addresses, names) {
  /** @type {{start: number, end: number, person?: Person}[]} */
  const found = [...addresses, ...(names?.in(text) ?? [])];
  found.sort((one, other) => one.start - other.start);
  /** @type {Parts} */
  const parts = [];
  let shown = 0;
  for (const one of found) {
    if (one.start < shown) continue; // in an address
    const part = text.slice(one.start, one.end);
    parts.push(text.slice(shown, one.start), one.person ? mention(part, one.person.id) : anchor(part));
    shown = one.end;
  }
  parts.push(text.slice(shown));
  return parts.filter((part) => part !== "");
}

/**
 * Somebody who is mentioned.
 * @type {(text: string, user: string) => HTMLElement}
 */
export const mention = (text, user) => el("bdi", { class: "mention", "data-user": user }, text);

/**
 * A link to an address; `title` shows where it leads, for one that has words of its own.
 * @type {(address: string, title?: string) => HTMLAnchorElement}
 */
export function anchor(address, title) {
  const node = el("a", { href: address, rel: "noopener noreferrer nofollow", target: "_blank", title });
  if (title === undefined) node.append(address);
  return node;
}
