/**
 * The rooms one is in and what was chosen for each: one list for all tabs of a browser.
 *
 * Each fact is an entry of its own in the browser's storage, so no tab writes over what another has just written: of two
 * that change different things at once both changes stay, of the same thing the last one. The storage tells the other
 * tabs, and they read it anew. What it doesn't take lives as long as the page, as does all of the list once the storage is
 * somebody else's, who came in by another tab.
 * @module
 */

import { storage, store } from "./store.js";
import { compare } from "./words.js";

/** @typedef {"all" | "mentions" | ""} Notify which messages are told by notifications */
/** @typedef {{since: number, favourite: boolean, muted: boolean, notify: Notify}} Chosen `since`: Unix time in ms */

const PREFIX = "parley.room.";
const OLD = "parley.rooms"; // one entry with all rooms, until 1.1
const SOUND = `${PREFIX}sound`;
const ENTRY = /^parley\.room\.(in|favourite|muted|notify)\.([a-z0-9_-]+)$/;
const ROOMS_LIMIT = 100; // beyond it, the one entered first is left; the service has a limit of its own
const GATHER_MS = 50; // so that what another tab writes at one go is read at one go

export class RoomList {
  #onChange;
  /** @type {Map<string, Chosen>} by room */
  #rooms = new Map();
  /** @type {Map<string, string>} what is known, by the storage's keys */
  #facts = new Map();
  /** @type {Map<string, string | null>} what the storage didn't take */
  #unsaved = new Map();
  #owner = store.owner; // whose list it is
  #sound = false;
  /** @type {number | undefined} */
  #timer;

  /** @param {() => void} onChange another tab may have changed something */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#takeOver();
    this.#read();
    this.#tidy();
    addEventListener("storage", ({ key, storageArea }) => {
      if (storageArea === storage && (key === null || key.startsWith(PREFIX))) this.#readSoon();
    });
    // A page that was frozen meanwhile was not told.
    document.addEventListener("visibilitychange", () => document.hidden || this.#readSoon());
  }

  /** Their names: favourites first, each part by name. */
  get names() {
    const rank = (/** @type {string} */ room) => (this.#rooms.get(room)?.favourite ? 0 : 1);
    return [...this.#rooms.keys()].sort((one, other) => rank(one) - rank(other) || compare(one, other));
  }

  /**
   * What was chosen for a room that one is in.
   * @param {string} room
   */
  get(room) {
    return this.#rooms.get(room) ?? null;
  }

  /** @param {string} room that one is in from now on */
  add(room) {
    if (this.#rooms.has(room)) return;
    this.#write(`${PREFIX}in.${room}`, String(Date.now()));
    this.#read();
    const bySince = [...this.#rooms].sort(([, one], [, other]) => one.since - other.since);
    for (const [first] of bySince.slice(0, -ROOMS_LIMIT)) if (first !== room) this.remove(first);
  }

  /** @param {string} room that one is in no longer: nothing of it is kept */
  remove(room) {
    for (const fact of ["in", "favourite", "muted", "notify"]) this.#write(`${PREFIX}${fact}.${room}`, null);
    this.#read();
  }

  /** @type {<F extends "favourite" | "muted" | "notify">(room: string, fact: F, value: Chosen[F]) => void} */
  set(room, fact, value) {
    this.#write(`${PREFIX}${fact}.${room}`, value === true ? "1" : value || null);
    this.#read();
  }

  /** Whether notifications sound, in any room. */
  get sound() {
    return this.#sound;
  }

  set sound(on) {
    this.#write(SOUND, on ? "1" : null);
    this.#read();
  }

  #readSoon() {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#readAnew(), GATHER_MS);
  }

  #readAnew() {
    this.#timer = undefined;
    this.#read();
    this.#onChange(); // a change of our own may have read the other tab's already
  }

  /** The storage, while it keeps what is ours; null once it is another's, and what was known is ours alone. */
  get #kept() {
    if (this.#owner === store.owner) return storage;
    for (const [key, value] of this.#facts) if (!this.#unsaved.has(key)) this.#unsaved.set(key, value);
    this.#facts.clear();
    return null;
  }

  #read() {
    const kept = this.#kept;
    const keys = new Set([...Object.keys(kept ?? {}), ...this.#unsaved.keys()]);
    this.#facts.clear();
    this.#rooms.clear();
    for (const key of [...keys].filter((one) => one.startsWith(PREFIX)).sort()) {
      const value = this.#unsaved.has(key) ? this.#unsaved.get(key) : kept?.getItem(key);
      if (value) this.#facts.set(key, value);
    }
    for (const [key, value] of this.#facts) {
      const [, fact, room] = ENTRY.exec(key) ?? [];
      if (fact === "in") this.#rooms.set(room, { since: Number(value) || 0, favourite: false, muted: false, notify: "" });
    }
    for (const [key, value] of this.#facts) {
      const [, fact, room] = ENTRY.exec(key) ?? [];
      const chosen = this.#rooms.get(room);
      if (!chosen) continue; // left by one tab while another chose
      if (fact === "favourite" || fact === "muted") chosen[fact] = true;
      else if (fact === "notify" && (value === "all" || value === "mentions")) chosen.notify = value;
    }
    this.#sound = this.#facts.get(SOUND) === "1";
  }

  /** Of a room that one tab left while another chose something for it, nothing is to come back. */
  #tidy() {
    for (const key of this.#facts.keys()) {
      const room = ENTRY.exec(key)?.[2];
      if (room && !this.#rooms.has(room)) this.#write(key, null);
    }
  }

  /** @type {(key: string, value: string | null) => void} */
  #write(key, value) {
    try {
      this.#unsaved.delete(key);
      const kept = this.#kept;
      if (!kept) this.#unsaved.set(key, value);
      else if (value === null) kept.removeItem(key);
      else kept.setItem(key, value);
    } catch {
      this.#unsaved.set(key, value); // full
    }
  }

  /** The list as it was kept before. */
  #takeOver() {
    try {
      const rooms = JSON.parse(storage?.getItem(OLD) ?? "[]");
      for (const room of Array.isArray(rooms) ? rooms : []) {
        if (typeof room === "string" && ENTRY.test(`${PREFIX}in.${room}`)) this.#write(`${PREFIX}in.${room}`, String(Date.now()));
      }
      storage?.removeItem(OLD);
    } catch {
      // none that could be read
    }
  }
}
