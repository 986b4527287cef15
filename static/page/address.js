/**
 * Rooms as they are typed, and rooms and messages as they stand in the page's address.
 * @module
 */

import { words } from "./words.js";

const ROOM = "[a-z0-9][a-z0-9_-]{0,63}";
const NAME = new RegExp(`^${ROOM}$`);
const PATH = new RegExp(`^/r/(${ROOM})(?:/([1-9][0-9]{0,14}))?$`);

/** @typedef {{room: string, seq: number | null}} Place `seq`: of a message; null: the room as a whole */

/**
 * What /r/<room> and /r/<room>/<seq> lead to, or null.
 * @param {string} [path]
 * @returns {Place | null}
 */
export function placeOf(path = location.pathname) {
  const [, room, seq] = PATH.exec(path) ?? [];
  return room ? { room, seq: seq ? Number(seq) : null } : null;
}

/** @type {(room: string, seq?: number | null) => string} */
export const pathOf = (room, seq = null) => (seq === null ? `/r/${room}` : `/r/${room}/${seq}`);

/**
 * A room's name as typed: what it is called, or why it can't be.
 * @param {string} text
 * @returns {{room: string, error?: undefined} | {room?: undefined, error: string}}
 */
export function checkRoom(text) {
  const room = text.trim().replace(/^#/, "").toLowerCase().replaceAll(/\s+/g, "-");
  if (!room) return { error: words.entrance.noRoom };
  if (NAME.test(room)) return { room };
  return { error: words.entrance.roomRule };
}
