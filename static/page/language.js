/**
 * In which language the page speaks: as somebody chose in this browser, in all its tabs alike; else the first of the
 * browser's languages that there are words of; else English. Of no other are words loaded.
 * @module
 */

import { languageFor, speak, speech } from "./speech.js";
import { LANGUAGE_KEY, storage, store } from "./store.js";

/** @import { Language } from "./speech.js" */

/**
 * The language to speak after a choice; a page may have only one (`data-speaks` of its first element).
 * @param {string} [chosen]
 * @returns {Language}
 */
export const wanted = (chosen = document.documentElement.dataset.speaks ?? store.language) => languageFor(chosen);

speak(wanted());

/** Whether the page would open again: by its worker, or because the service answers. */
export async function canOpen() {
  return Boolean(navigator.serviceWorker?.controller) || fetch(location.pathname).then(() => true, () => false);
}

// Another was chosen in another tab.
addEventListener("storage", async ({ key, storageArea }) => {
  if (storageArea !== storage || (key !== LANGUAGE_KEY && key !== null)) return; // null: all was taken away
  if (wanted() !== speech.language && (await canOpen())) location.reload();
});
