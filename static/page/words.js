/**
 * All that the page says, in the language that it speaks: `words` is its catalogue, from static/page/words/.
 *
 * English is the first of them, and says what each text is for; another one is an object of the same type. Each has two modules: what a
 * first view says, and what is said by what is loaded behind it. A
 * sentence with something in it is a function of that, a number gets its form by the language's plural rules, and nothing is
 * put together from pieces: word order differs. What others wrote, and names, stand in a sentence by `say`, so that none
 * turns the sentence around. `shell` are the texts of index.html, which names them in `data-say` (the text), `data-label`
 * (for screen readers), `data-title` (both, and shown on hover) and `data-placeholder`.
 * @module
 */

import { firstWords, loadLaterWords, speech } from "./speech.js";

/** @import { ErrorCode } from "../client/protocol.js" */

/** @typedef {Partial<Record<Intl.LDMLPluralRule, string>> & {other: string}} Forms by a number's category; `#` is the number */

/**
 * What the service says, in other words: by its code or, where that says too little, by its sentence.
 * @typedef {Record<ErrorCode | Said, string>} Errors
 */

/**
 * @typedef {"no such message" | "the message is removed" | "only its author may do that"
 *   | "the message has too many reactions" | "the message has been changed too often" | "you are muted"
 *   | "only moderators and who began the room may set its topic" | "only moderators may do that"
 *   | "nothing is known of where this guest comes from" | "too many frames"
 *   | "you may not enter this room" | "It was being changed when its page went."} Said
 */

/** @typedef {Omit<typeof import("./words/en.js").words, "errors"> & {errors: Errors | null}} FirstWords */
/** @typedef {typeof import("./words/en-later.js").words} LaterWords */
/** @typedef {FirstWords & LaterWords} Words */

/** @typedef {{name: string, room: string | null, seconds: number | null, network: boolean}} Sanction against whom */

/** There are none before `learn` is done, with which the page begins; the later ones come with `loadHands`. */
export const words = /** @type {Words} */ ({});

/** Learn what a first view says. */
export async function learn() {
  Object.assign(words, await firstWords());
}

/** Learn the rest. */
export async function learnMore() {
  Object.assign(words, await loadLaterWords());
}

/**
 * What is made once, for how the reader writes.
 * @template T
 * @param {(locale: string) => T} make
 * @returns {() => T}
 */
export function byLocale(make) {
  /** @type {T | undefined} */
  let made;
  return () => (made ??= make(speech.locale));
}

const rules = byLocale((locale) => new Intl.PluralRules(locale));
const names = byLocale((locale) => new Intl.ListFormat(locale, { style: "long", type: "conjunction" }));
const numbers = byLocale((locale) => new Intl.NumberFormat(locale));
const days = byLocale((locale) => new Intl.RelativeTimeFormat(locale, { numeric: "auto" }));

const collator = byLocale((locale) => new Intl.Collator(locale, { numeric: true }));

/** As names are sorted. @type {(one: string, other: string) => number} */
export const compare = (one, other) => collator().compare(one, other);

/** "1,234". @param {number} value */
export const number = (value) => numbers().format(value);

/** "Ada, Bob and Cem". @param {string[]} parts */
export const list = (parts) => names().format(parts.map(isolated));

/**
 * "1 person", "3 people".
 * @param {number} value
 * @param {Forms} forms
 */
export const count = (value, forms) => formOf(value, forms).replace("#", number(value));

/**
 * The form of a word that stands with a number.
 * @param {number} value
 * @param {Forms} forms
 */
export const formOf = (value, forms) => forms[rules().select(value)] ?? forms.other;

/** "10 minutes". @param {number} seconds */
export function span(seconds) {
  const [unit, length] = seconds < 60 ? ["second", 1] : seconds < 3600 ? ["minute", 60] : seconds < 86_400 ? ["hour", 3600] : ["day", 86_400];
  return new Intl.NumberFormat(speech.locale, { style: "unit", unit, unitDisplay: "long" }).format(seconds / length);
}

/** "Today", "Yesterday". @param {number} value days from today */
export const relativeDay = (value) => capital(days().format(value, "day"));

/** @param {string} text */
const capital = (text) => text.charAt(0).toLocaleUpperCase(speech.locale) + text.slice(1);

const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/**
 * A part of a sentence that may be written in the other direction: it has no effect beyond itself.
 * @param {string} text
 */
export const isolated = (text) => (text && (speech.isRightToLeft || RIGHT_TO_LEFT.test(text)) ? `\u2068${text}\u2069` : text);

/**
 * A template whose values are of others.
 * @type {(parts: TemplateStringsArray, ...values: string[]) => string}
 */
export const say = (parts, ...values) => String.raw({ raw: parts }, ...values.map(isolated));

/** How a room is called in a sentence. @param {string} room */
export const hash = (room) => isolated(`#${room}`);

/** Words of the service, or of a person, as a sentence. @param {string} said */
export function sentence(said) {
  const text = said.trim();
  return text && isolated(capital(text) + (/[.!?…。！？؟]$/.test(text) ? "" : "."));
}

/**
 * Why the service didn't do something, as a sentence: its own words, where the language has none for that.
 * @type {(message: string, code?: string) => string}
 */
export function refusal(message, code = "") {
  const errors = /** @type {Partial<Record<string, string>>} */ (words.errors ?? {});
  return errors[message] ?? errors[code] ?? sentence(message);
}

/** The window's, with what is unread, or of that what speaks to us. @type {(where: {room: string, unread: number, mentions: number}) => string} */
export function title({ room, unread, mentions }) {
  const news = mentions > 0 ? `(@${number(mentions)}) ` : unread > 0 ? `(${number(unread)}) ` : "";
  return `${news}#${room} · Parley`;
}
