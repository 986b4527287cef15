/**
 * What was seen last in each room, kept in this browser: the page shows it while the service can't be reached.
 *
 * It is one person's: nobody who gave another name is shown anything of it, and who comes in as somebody else, is signed
 * out or banned takes it away. Where the browser keeps nothing (it is switched off, or full), the page does without.
 * @module
 */

import { isOut } from "./standing.js";
import { SEEN } from "./store.js";

/**
 * @import { Begun, Message, Person, Topic } from "../client/protocol.js"
 * @import { Room } from "./room.js"
 */

/**
 * A room as it was seen last.
 * @typedef {object} Kept
 * @property {string} user whose it is, an id
 * @property {string} name how they were called
 * @property {string} room
 * @property {number} at when, Unix time in ms
 * @property {string | null} epoch of its history
 * @property {number} head the last event's seq
 * @property {Message[]} messages the newest, by seq
 * @property {Topic | null} topic
 * @property {Begun | null} begun
 */

const STORE = "rooms";
const VERSION = 1; // of what is kept and how
const MESSAGES = 100; // of a room
const GATHER_MS = 2000; // changes, before they are written

export class Archive {
  /** @type {string | null} whose is shown, an id */
  seenBy = null;

  #rooms;
  #database = open();
  /** @type {Person | null} whose it is; null: nothing is written */
  #user = null;
  #stopped = false;
  /** @type {Map<string, Kept>} to be written, by room */
  #changed = new Map();
  /** @type {number | undefined} */
  #timer;

  /** @param {Map<string, Room>} rooms those one is in, by name */
  constructor(rooms) {
    this.#rooms = rooms;
  }

  /**
   * Show each room that the service has not told of yet as it was seen last.
   * @param {{id: string | null, name: string}} who asks: nobody else's is shown
   */
  async show(who) {
    const kept = await this.#read(who);
    if (this.#stopped) return;
    this.seenBy = kept[0]?.user ?? null;
    for (const one of kept) {
      const room = this.#rooms.get(one.room);
      if (!room || isOut(room.standing)) {
        this.forget(one.room); // left in another tab
      } else {
        room.self ??= { id: one.user, name: one.name };
        room.onKept(one);
      }
    }
  }

  /** Somebody is in; what is others' goes. @param {Person} user */
  own(user) {
    const isSame = this.#user?.id === user.id;
    this.#user = user;
    if (user.id !== this.seenBy) this.#hide();
    if (isSame) return;
    void this.#write((rooms) => {
      rooms.openCursor().onsuccess = ({ target }) => {
        const cursor = /** @type {IDBRequest<IDBCursorWithValue | null>} */ (target).result;
        if (cursor && cursor.value.user !== user.id) cursor.delete();
        cursor?.continue();
      };
    });
  }

  /** A room is as it is now, or was until nothing more was known. @param {Room} room */
  keep({ name: room, knownUntil, epoch, head, messages, topic, begun }) {
    if (this.#user === null) return;
    const { id: user, name } = this.#user;
    const seen = { epoch, head, messages: messages.slice(-MESSAGES), topic, begun };
    this.#changed.set(room, { user, name, room, at: knownUntil ?? Date.now(), ...seen });
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** So are all whose events come: of the others that was kept when they no longer did, and another tab may know more. */
  keepAll() {
    for (const room of this.#rooms.values()) {
      if (room.joined && room.knownUntil === null && !isOut(room.standing)) this.keep(room);
    }
  }

  /** One is not in that room any more. @param {string} room */
  forget(room) {
    this.#rooms.get(room)?.forgetKept();
    this.#changed.delete(room);
    void this.#write((rooms) => {
      rooms.index("room").openKeyCursor(IDBKeyRange.only(room)).onsuccess = ({ target }) => {
        const cursor = /** @type {IDBRequest<IDBCursor | null>} */ (target).result;
        if (cursor) rooms.delete(cursor.primaryKey);
        cursor?.continue();
      };
    });
  }

  /** Nothing more is kept or shown. */
  stop() {
    this.#user = null;
    this.#stopped = true;
    this.#hide();
  }

  /** Nobody is in, and nothing stays. */
  clear() {
    this.stop();
    void this.#write((rooms) => rooms.clear());
  }

  /** Write what changed, but where another tab has seen more of it. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    if (changed.length === 0) return;
    void this.#write((rooms) => {
      for (const one of changed) {
        rooms.get([one.user, one.room]).onsuccess = ({ target }) => {
          /** @type {Kept | undefined} */
          const there = /** @type {IDBRequest} */ (target).result;
          if (there?.epoch !== one.epoch || there.head <= one.head) rooms.put(one);
        };
      }
    });
  }

  #hide() {
    this.seenBy = null;
    this.#changed.clear();
    for (const room of this.#rooms.values()) room.forgetKept();
  }

  /**
   * All rooms of whoever was here last, if that is who asks.
   * @param {{id: string | null, name: string}} who
   * @returns {Promise<Kept[]>}
   */
  async #read({ id, name }) {
    /** @type {unknown[]} */
    const found = await new Promise((resolve) => {
      void this.#work("readonly", (rooms) => {
        const request = rooms.getAll();
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve([]);
      }).then((begun) => begun || resolve([]));
    });
    const kept = found.filter(isKept).sort((one, other) => other.at - one.at);
    const user = this.#user?.id ?? id ?? (kept[0]?.name === name ? kept[0].user : null);
    return kept.filter((one) => one.user === user);
  }

  /** @param {(rooms: IDBObjectStore) => void} work */
  #write(work) {
    return this.#work("readwrite", work);
  }

  /**
   * Do something in a transaction.
   * @param {IDBTransactionMode} mode
   * @param {(rooms: IDBObjectStore) => void} work
   * @returns {Promise<boolean>} whether it was begun: what the browser has closed, or deletes, keeps nothing
   */
  async #work(mode, work) {
    const database = await this.#database;
    try {
      if (database) work(database.transaction(STORE, mode).objectStore(STORE));
      return database !== null;
    } catch {
      return false;
    }
  }
}

/** @returns {Promise<IDBDatabase | null>} null where it can't be had */
function open() {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(SEEN, VERSION);
      request.onupgradeneeded = () => {
        for (const store of request.result.objectStoreNames) request.result.deleteObjectStore(store);
        request.result.createObjectStore(STORE, { keyPath: ["user", "room"] }).createIndex("room", "room");
      };
      request.onsuccess = () => {
        request.result.onversionchange = () => request.result.close(); // a newer page, in another tab
        resolve(request.result);
      };
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}

/**
 * What is damaged is as if it were not there.
 * @param {unknown} found
 * @returns {found is Kept}
 */
function isKept(found) {
  const { user, room, at, messages } = /** @type {Partial<Kept>} */ (found ?? {});
  return typeof user === "string" && typeof room === "string" && typeof at === "number" && areMessages(messages);
}

/** @param {unknown} found */
const areMessages = (found) =>
  Array.isArray(found) &&
  found.every((one, index) => typeof one?.user?.id === "string" && one.seq > (found[index - 1]?.seq ?? 0));
