/**
 * In which language the page speaks: as somebody chose in this browser, in all its tabs alike; else the first of the
 * browser's languages that there are words of; else English. Of no other are words loaded.
 * @module
 */

import { LANGUAGE_KEY, storage, store } from "./store.js";

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

const root = globalThis.document?.documentElement;

/** The browser's, the first preferred. @type {readonly string[]} */
const preferred = globalThis.navigator?.languages ?? [];

/** @param {string} tag */
const languageOf = (tag) => tag.split("-")[0].toLowerCase();

/** @type {(language: string) => language is Language} */
const isKnown = (language) => Object.hasOwn(WORDS, language);

/**
 * The language to speak after a choice; a page may have only one (`data-speaks` of its first element).
 * @param {string} [chosen]
 * @returns {Language}
 */
export const wanted = (chosen = root?.dataset.speaks ?? store.language) =>
  isKnown(chosen) ? chosen : (preferred.map(languageOf).find(isKnown) ?? "en");

/**
 * `locale`: how dates, numbers and lists are written, as the reader prefers among the ways of that language.
 * @param {Language} language
 */
function spoken(language) {
  const locale = preferred.find((tag) => languageOf(tag) === language) ?? language;
  const isRightToLeft = RIGHT_TO_LEFT.includes(language);
  if (root) Object.assign(root, { lang: language, dir: isRightToLeft ? "rtl" : "ltr" });
  return { language, locale, isRightToLeft };
}

/** What is spoken now. */
export const speech = spoken(wanted());

/** @param {Language} language */
export const loadWords = async (language = speech.language) => (await WORDS[language][0]()).words;

/** @param {Language} language */
export const loadLaterWords = async (language = speech.language) => (await WORDS[language][1]()).words;

const loading = loadWords();

/** What the page begins with: in English, where the words of the language can't be loaded. */
export async function firstWords() {
  for (let words = loading; ; words = loadWords()) {
    try {
      return await words;
    } catch {
      if (speech.language === "en") await pause();
      else Object.assign(speech, spoken("en"));
    }
  }
}

const pause = () =>
  new Promise((resolve) => {
    setTimeout(resolve, AGAIN_MS);
  });

/** Whether the page would open again: by its worker, or because the service answers. */
export async function canOpen() {
  return Boolean(navigator.serviceWorker?.controller) || fetch(location.pathname).then(() => true, () => false);
}

// Another was chosen in another tab.
globalThis.addEventListener?.("storage", async ({ key, storageArea }) => {
  if (storageArea !== storage || (key !== LANGUAGE_KEY && key !== null)) return; // null: all was taken away
  if (wanted() !== speech.language && (await canOpen())) location.reload();
});
