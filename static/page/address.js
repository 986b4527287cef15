/**
 * Rooms as they are typed and as they stand in the page's address.
 * @module
 */

import { words } from "./words.js";

const ROOM = "[a-z0-9][a-z0-9_-]{0,63}";
const NAME = new RegExp(`^${ROOM}$`);
const PATH = new RegExp(`^/r/(${ROOM})$`);

/** The room of /r/<room>, or null. */
export const roomOfPath = () => PATH.exec(location.pathname)?.[1] ?? null;

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
