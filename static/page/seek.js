/**
 * Goes to a place in a room that may not be loaded yet: older pages are asked for until it is there.
 * @module
 */

/** @import { Room } from "./room.js" */

/** @typedef {number | "new"} Target a message's seq, or the line above what is new */
/** @typedef {{room: Room, target: Target, isFound: boolean}} Sought */

export class Seek {
  #older;
  #changed;
  /** @type {Sought | null} */
  #sought = null;

  /**
   * @param {object} on
   * @param {(room: Room) => Promise<boolean>} on.older asks for a page of older messages; false: none can be had now
   * @param {() => void} on.changed what is sought is there, or will never be
   */
  constructor({ older, changed }) {
    this.#older = older;
    this.#changed = changed;
  }

  /** Whether anything is sought. */
  get isOn() {
    return this.#sought !== null;
  }

  /** @type {(room: Room, target: Target) => void} */
  begin(room, target) {
    this.#sought = { room, target, isFound: false };
    void this.resume(room);
  }

  stop() {
    this.#sought = null;
  }

  /** A room is joined: there is a way to its older messages. @param {Room} room */
  async resume(room) {
    const sought = this.#sought;
    if (sought?.room !== room || !room.joined) return;
    const seq = sought.target === "new" ? (room.divider ?? Infinity) + 1 : sought.target;
    while (room.more && (room.messages[0]?.seq ?? Infinity) > seq && this.#sought === sought) {
      if (!(await this.#older(room))) return;
    }
    sought.isFound = true;
    this.#changed();
  }

  /**
   * Where to go now, once: what was sought in this room and is loaded.
   * @param {Room} room
   */
  take(room) {
    const sought = this.#sought;
    if (sought?.room !== room || !sought.isFound) return null;
    this.#sought = null;
    return sought.target;
  }
}
