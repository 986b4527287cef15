/**
 * The choice of a language. The page loads anew in it, in each tab: what is written and what waits outlives that.
 * @module
 */

import { canOpen, wanted } from "./language.js";
import { loadLaterWords, loadWords, speech } from "./speech.js";
import { store } from "./store.js";

/** @import { Language } from "./speech.js" */

/** Each by its own name, which those can read who want it. @type {Record<Language, string>} */
export const LANGUAGES = { en: "English", de: "Deutsch", ar: "العربية", ja: "日本語" };

/** The language that was chosen; "" for the browser's. @returns {Language | ""} */
export const chosenLanguage = () => (wanted(store.language) === store.language ? store.language : "");

/**
 * Choose another one.
 * @param {Language | ""} choice
 * @returns {Promise<boolean>} whether that can be done now
 */
export async function chooseLanguage(choice) {
  const language = wanted(choice);
  const isThere = await Promise.all([loadWords(language), loadLaterWords(language)]).then(() => true, () => false);
  if (!isThere || !(await canOpen())) return false;
  store.language = choice;
  if (wanted() !== speech.language) location.reload();
  return store.language === choice;
}

// For when the service can't be reached the worker keeps the page in this language, too.
navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage({ language: speech.language }));
