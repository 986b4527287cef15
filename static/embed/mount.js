/**
 * Puts chats into a page: one for each tag, and where the page's own script asks for one.
 * @module
 */

import { languageFor, speak } from "../page/speech.js";
import { connectionTo } from "./connection.js";
import { EmbedError, ofCall, ofTag } from "./options.js";
import { Widget } from "./widget.js";
import { learnAll } from "./words.js";

/** @import { Options } from "./options.js" */

/** @typedef {Partial<Options> & {room: string}} MountOptions */

/**
 * A chat that stands in a page.
 * @typedef {object} Mounted
 * @property {HTMLElement} element
 * @property {() => void} open of a bubble
 * @property {() => void} close
 * @property {() => void} unmount take it out of the page; the last one of a connection ends that
 */

/** @type {Promise<void> | null} all chats of a page speak what the first of them was told */
let learning = null;

/**
 * @param {string} service its address
 * @param {Element} place that the chat is put into
 * @param {MountOptions} given
 * @returns {Mounted}
 * @throws {EmbedError}
 */
export function mountAt(service, place, given) {
  if (!(place instanceof Element)) throw new EmbedError("mount needs the element to put the chat into");
  return put(service, place, ofCall({ ...given }));
}

/**
 * A chat for each tag that names this service. A module that stands in a page twice is run once, so all are looked for.
 * @param {string} service
 */
export function mountTags(service) {
  for (const tag of document.querySelectorAll("script[src]")) {
    if (!(tag instanceof HTMLScriptElement) || tag.src.split(/[?#]/)[0] !== `${service}embed.js`) continue;
    if (tag.dataset.room === undefined && Object.keys(tag.dataset).length === 0) continue; // it is there for `mount`
    try {
      const { options, place } = ofTag(tag);
      put(service, place, options);
    } catch (error) {
      if (!(error instanceof EmbedError)) throw error;
      console.error(`Parley: ${error.message}`);
    }
  }
}

/**
 * @param {string} service
 * @param {Element} place
 * @param {Options} options
 * @returns {Mounted}
 */
function put(service, place, options) {
  if (learning === null) {
    speak(languageFor(options.lang));
    learning = learnAll();
  }
  const widget = new Widget(service, connectionTo(service, options.token), options);
  place.append(widget.element);
  learning.then(
    () => widget.begin(),
    () => console.error(`Parley: a part of ${service}embed.js can't be loaded; load the page again`),
  );
  return {
    element: widget.element,
    open: () => widget.open(),
    close: () => widget.close(),
    unmount: () => widget.unmount(),
  };
}
