/**
 * What an embedded chat is told by its tag or by `mount`, checked: whoever wrote it reads in the console what can't be.
 * @module
 */

import { placeOf as inPath } from "../page/address.js";
import { LANGUAGES } from "./words.js";

/** @typedef {() => string | Promise<string>} TokenCallback a user's token (JWT), fresh, of the host's backend */

/**
 * @typedef {object} Options
 * @property {string} room
 * @property {"bubble" | "inline"} mode
 * @property {"" | "light" | "dark"} theme "": as the system has it
 * @property {string} lang a language's tag; "" for the browser's
 * @property {boolean} open whether a bubble is open to begin with
 * @property {string} name a guest's, who is then not asked for it
 * @property {TokenCallback | null} token null: for guests
 */

/** What a tag may have, beside what other scripts put there. */
const ATTRIBUTES = ["room", "mode", "target", "theme", "lang", "open", "name", "tokenCallback"];
/** What `mount` takes. */
const NAMES = ["room", "mode", "theme", "lang", "open", "name", "token"];
const GLOBAL = "parleyToken"; // a callback by this name needs no attribute

/** A mistake of whoever embeds the chat; the message names it and the way out. */
export class EmbedError extends Error {
  name = "EmbedError";
}

/**
 * The options of a tag, and the element that it is meant for.
 * @param {HTMLScriptElement} tag
 * @returns {{options: Options, place: Element}}
 * @throws {EmbedError}
 */
export function ofTag(tag) {
  const { target, tokenCallback, open, ...rest } = tag.dataset;
  for (const name of Object.keys(tag.dataset).filter((one) => !ATTRIBUTES.includes(one))) {
    // Optimizers and consent tools have attributes of their own there, so it is no error.
    const known = ATTRIBUTES.map(attribute).join(", ");
    console.warn(`Parley: ${attribute(name)} says nothing to the chat, only ${known} do`);
  }
  const given = { ...rest, open: open !== undefined && open !== "false", token: callback(tokenCallback) };
  const options = check({ mode: target === undefined ? "bubble" : "inline", ...given }, attribute);
  return { options, place: placeOf(options.mode, target) };
}

/**
 * The options of `mount`.
 * @param {Record<string, unknown>} given
 * @returns {Options}
 * @throws {EmbedError}
 */
export function ofCall(given) {
  const unknown = Object.keys(given).find((name) => !NAMES.includes(name));
  if (unknown) throw new EmbedError(`there is no option "${unknown}", only ${NAMES.join(", ")}`);
  return check({ mode: "inline", ...given }, (name) => `option "${name}"`);
}

/**
 * @param {Record<string, unknown>} given
 * @param {(name: string) => string} called how whoever gave it calls it
 * @returns {Options}
 * @throws {EmbedError}
 */
function check(given, called) {
  const { token = null, open = false } = given;
  if (token !== null && typeof token !== "function") {
    throw new EmbedError(`${called("token")} is no function: give one that fetches a token from your backend`);
  }
  return {
    room: roomOf(given.room, called("room")),
    mode: oneOf(given.mode, ["bubble", "inline"], called("mode")),
    theme: oneOf(given.theme ?? "", ["", "light", "dark"], called("theme")),
    lang: languageOf(given.lang ?? "", called("lang")),
    open: open === true,
    name: String(given.name ?? "").trim(),
    token: /** @type {TokenCallback | null} */ (token),
  };
}

/** @type {(value: unknown, name: string) => string} */
function roomOf(value, name) {
  if (value === undefined || value === "") throw new EmbedError(`${name} is missing: it says which room is shown`);
  const room = String(value);
  if (inPath(`/r/${room}`)?.room === room) return room;
  const rule = "a room has 1 to 64 of a-z, 0-9, - and _, the first a letter or digit";
  throw new EmbedError(`${name} can't be "${room}": ${rule}`);
}

/**
 * @template {string} V
 * @param {unknown} value
 * @param {V[]} among
 * @param {string} name
 * @returns {V}
 */
function oneOf(value, among, name) {
  const found = among.find((one) => one === value);
  if (found !== undefined) return found;
  const known = among.filter(Boolean).map((one) => `"${one}"`);
  throw new EmbedError(`${name} can't be "${value}", only ${known.join(" or ")}`);
}

/** @type {(value: unknown, name: string) => string} */
function languageOf(value, name) {
  const tag = String(value);
  if (tag === "" || LANGUAGES.includes(tag.split("-")[0].toLowerCase())) return tag;
  throw new EmbedError(`${name} can't be "${tag}", only ${LANGUAGES.join(", ")}`);
}

/**
 * @param {string | undefined} name of a global function
 * @returns {TokenCallback | null}
 */
function callback(name) {
  const globals = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (globalThis));
  const found = globals[name ?? GLOBAL];
  if (typeof found === "function") return /** @type {TokenCallback} */ (found);
  if (name === undefined) return null;
  throw new EmbedError(`data-token-callback is "${name}", but window.${name} is no function: define it before the tag`);
}

/** @type {(mode: Options["mode"], target: string | undefined) => Element} */
function placeOf(mode, target) {
  if (mode === "bubble") return document.body;
  if (!target) throw new EmbedError("data-target is missing: it says in which element an inline chat stands");
  let found;
  try {
    found = document.querySelector(target);
  } catch {
    throw new EmbedError(`data-target can't be "${target}": that is no CSS selector`);
  }
  if (!found) throw new EmbedError(`data-target is "${target}", but the page has no such element`);
  return found;
}

/** As it is written in HTML. @param {string} name */
const attribute = (name) => `data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
