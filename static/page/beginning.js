/**
 * What stands at a room's beginning: who began it and when, and how to ask others in.
 * @module
 */

import { el } from "./dom.js";
import { dayName, dayOf, moment, time } from "./format.js";
import { words } from "./words.js";

/** @import { Begun } from "../client/protocol.js" */

/** Whether a link can be copied at a click: a page over plain http has no clipboard. */
export const canCopy = globalThis.navigator?.clipboard !== undefined;

/**
 * Who began a room, and when; empty where nobody knows.
 * @param {Begun | null} begun
 * @returns {HTMLElement[]}
 */
export function begunBy(begun) {
  if (!begun) return [];
  const when = dayName(dayOf(begun.at));
  return [el("span", { class: "begun", title: moment(begun.at) }, words.about.begun(begun.user.name, when, time(begun.at)))];
}

/** What copies the link to the room. @returns {HTMLElement[]} */
export function linkCopier() {
  if (!canCopy) return [];
  const properties = { type: "button", class: "plain small copy-link", "data-action": "copy-link" };
  return [el("button", properties, words.about.copyLink)];
}
