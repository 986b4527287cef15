/**
 * Which language is spoken, how its readers write, and where its words are. It knows no page: static/page/language.js
 * has what somebody chose there, an embedded chat (static/embed/) what its page says.
 * @module
 */

/** @import { FirstWords, LaterWords } from "./words.js" */

/** @typedef {"en" | "de" | "ar" | "ja"} Language */

/**
 * What a first view says, and what is said by what is loaded behind it.
 * @type {Record<Language, [() => Promise<{words: FirstWords}>, () => Promise<{words: LaterWords}>]>}
 */
const WORDS = {
  en: [() => import("./words/en.js"), () => import("./words/en-later.js")],
  de: [() => import("./words/de.js"), () => import("./words/de-later.js")],
  ar: [() => import("./words/ar.js"), () => import("./words/ar-later.js")],
  ja: [() => import("./words/ja.js"), () => import("./words/ja-later.js")],
};

const RIGHT_TO_LEFT = ["ar"];
const AGAIN_MS = 2000; // after no words could be loaded

/** The browser's, the first preferred. @type {readonly string[]} */
const preferred = globalThis.navigator?.languages ?? [];

/** @param {string} tag */
const languageOf = (tag) => tag.split("-")[0].toLowerCase();

/** @type {(language: string) => language is Language} */
const isKnown = (language) => Object.hasOwn(WORDS, language);

/**
 * The language to speak: that which was chosen, where there are words of it; else the first of the browser's that there
 * are words of; else English.
 * @param {string} chosen a tag; "" for none
 * @returns {Language}
 */
export const languageFor = (chosen) => [chosen, ...preferred].map(languageOf).find(isKnown) ?? "en";

/**
 * What is spoken now. `locale`: how dates, numbers and lists are written, as the reader prefers among the ways of that
 * language.
 */
export const speech = /** @type {{language: Language, locale: string, isRightToLeft: boolean}} */ ({});
speak(languageFor(""));

/** Speak another, before there are words. @param {Language} language */
export function speak(language) {
  const locale = preferred.find((tag) => languageOf(tag) === language) ?? language;
  Object.assign(speech, { language, locale, isRightToLeft: RIGHT_TO_LEFT.includes(language) });
}

/** @param {Language} language */
export const loadWords = async (language = speech.language) => (await WORDS[language][0]()).words;

/** @param {Language} language */
export const loadLaterWords = async (language = speech.language) => (await WORDS[language][1]()).words;

/**
 * What is begun with: in English, where the words of the language can't be loaded.
 * @returns {Promise<FirstWords>}
 */
export const firstWords = () =>
  loadWords().catch(async () => {
    if (speech.language !== "en") speak("en");
    else await pause();
    return firstWords();
  });

const pause = () =>
  new Promise((resolve) => {
    setTimeout(resolve, AGAIN_MS);
  });
