/**
 * What an embedded chat says beside what the page says, too (static/page/words/).
 * @module
 */

import { speech } from "../page/speech.js";
import { learn } from "../page/words.js";

/** @import { Language } from "../page/speech.js" */

/**
 * @typedef {object} EmbedWords
 * @property {(room: string) => string} chat what it is, for screen readers
 * @property {string} open
 * @property {(unread: number) => string} unread
 * @property {string} close
 * @property {string} page a link to the whole page
 * @property {string} enter
 * @property {string} foreign
 */

/** @type {Record<Language, () => Promise<{words: EmbedWords}>>} */
const WORDS = {
  en: () => import("./words/en.js"),
  de: () => import("./words/de.js"),
  ar: () => import("./words/ar.js"),
  ja: () => import("./words/ja.js"),
};

/** All that there are words of. */
export const LANGUAGES = Object.keys(WORDS);

/** There are none before `learnAll` is done. */
export const embedWords = /** @type {EmbedWords} */ ({});

/** Learn them, and what the page says. */
export async function learnAll() {
  const load = () => WORDS[speech.language]();
  load().catch(() => {}); // beside the page's, not after them
  await learn();
  Object.assign(embedWords, (await load()).words);
}
