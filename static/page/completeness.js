/**
 * What can be said of a room's messages: that none is missing and since when, or what is missing. Pure; docs/page.md has
 * the table.
 * @module
 */

import { dayName, dayOf, time } from "./format.js";
import { words } from "./words.js";

/**
 * @import { Loss } from "../client/cursor.js"
 * @import { Message } from "../client/protocol.js"
 */

/** @typedef {"unknown" | "behind" | "missing" | "whole"} CompletenessName */
/** @typedef {{name: CompletenessName, text: string}} Completeness */

/**
 * What is known of a room.
 * @typedef {object} Known
 * @property {boolean} joined whether it ever was
 * @property {number | null} knownUntil Unix time in ms after which nothing is known; null: what comes is seen
 * @property {number | null} [seenAt] when it was as it is shown, where that is not from the service; likewise
 * @property {Loss | null} gap
 * @property {Message[]} messages
 * @property {number} head the last event's seq
 */

/** @param {number} at Unix time in ms */
export const when = (at) => words.completeness.when(dayName(dayOf(at)), time(at));

/**
 * @param {Known} room
 * @returns {Completeness}
 */
export function completeness({ joined, knownUntil, seenAt = null, gap, messages, head }) {
  const says = words.completeness;
  const until = joined ? knownUntil : seenAt;
  if (until !== null) return { name: "behind", text: says.behind(when(until)) };
  if (!joined) return { name: "unknown", text: says.unknown };
  if (gap) {
    const next = messages.find(({ seq }) => seq > gap.after);
    return { name: "missing", text: says.missing(next ? when(next.at) : null) };
  }
  const [first] = messages;
  if (head === 0 || first?.seq === 1) return { name: "whole", text: says.begun };
  return { name: "whole", text: says.since(first ? when(first.at) : null) };
}
