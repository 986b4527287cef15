/**
 * What can be said of a room's messages: that none is missing and since when, or what is missing. Pure; docs/page.md has
 * the table.
 * @module
 */

import { dayName, dayOf, time } from "./format.js";
import { words } from "./words.js";

/**
 * @import { Loss } from "../cursor.js"
 * @import { Message } from "../protocol.js"
 */

/** @typedef {"unknown" | "behind" | "missing" | "whole"} CompletenessName */
/** @typedef {{name: CompletenessName, text: string}} Completeness */

/**
 * What is known of a room.
 * @typedef {object} Known
 * @property {boolean} joined whether it ever was
 * @property {number | null} knownUntil Unix time in ms after which nothing is known; null: what comes is seen
 * @property {Loss | null} gap
 * @property {Message[]} messages
 * @property {number} head the last event's seq
 */

/** @param {number} at */
const when = (at) => words.completeness.when(dayName(dayOf(at)), time(at));

/**
 * @param {Known} room
 * @returns {Completeness}
 */
export function completeness({ joined, knownUntil, gap, messages, head }) {
  const says = words.completeness;
  if (!joined) return { name: "unknown", text: says.unknown };
  if (knownUntil !== null) return { name: "behind", text: says.behind(when(knownUntil)) };
  if (gap) {
    const next = messages.find(({ seq }) => seq > gap.after);
    return { name: "missing", text: says.missing(next ? when(next.at) : null) };
  }
  const [first] = messages;
  if (head === 0 || first?.seq === 1) return { name: "whole", text: says.begun };
  return { name: "whole", text: says.since(first ? when(first.at) : null) };
}
