/**
 * What was written and is not yet acknowledged, kept in the browser's storage until it is.
 *
 * Each page (tab) keeps its own entries under its own key and writes no other, so tabs can't spoil each other's. A Web
 * Lock of the same name, held as long as the page lives, says that they have an owner; when it is free, whoever waits
 * for it first adopts them. Where there are no locks (a page over plain http), a time stamp does the same more slowly.
 * Should two pages adopt the same entries after all, both send them under the same ids, and the service stores one.
 * @module
 */

import { ChatError } from "./codes.js";

/** @import { Change, Edit, ErrorCode, React, Remove, Send, SetTopic } from "./protocol.js" */

const LIMIT = 200; // entries of one page
const BEAT_MS = 5000;
// Browsers slow a hidden page's timers to one a minute, so an owner is dead only after more than that: by its stamp, or
// where a clock that was set back makes the stamp lie ahead, because it hasn't changed for so long.
const DEAD_MS = 150_000;
const UNFINISHED = "It was being changed when its page went.";

/**
 * @typedef {object} OutboxEntry
 * @property {string} id the event's id, the same however often it is sent
 * @property {string} room
 * @property {Change} frame what is sent
 * @property {number} at when it was written, Unix time in ms
 * @property {string | null} user whose words they are; null before anybody was let in
 * @property {"queued" | "sending" | "paused" | "failed"} state `paused`: its author changes it; what was written after
 *     it waits
 * @property {boolean} [tried] whether it was ever on its way: it may be stored
 * @property {boolean} [changed] whether it was rewritten after that: what is stored may be its first form
 * @property {number} [seq] of that first form, once it was seen
 * @property {string} [epoch] of the history that its target stands in, where it has one: in another that seq is
 *     another's
 * @property {string} [error] why it failed
 * @property {ErrorCode} [code] of that
 */

/**
 * @typedef {(
 *   Omit<Send, "id"> | Omit<Edit, "id"> | Omit<Remove, "id"> | Omit<React, "id"> | Omit<SetTopic, "id">
 * )} NewChange
 */

/**
 * As many entries wait as a page may keep.
 * @extends {ChatError<"outbox_full">}
 */
export class OutboxFullError extends ChatError {
  constructor() {
    super("outbox_full", `${LIMIT} messages are waiting already`, "OutboxFullError");
  }
}

/** 128 random bits as text. `crypto.randomUUID` would need a secure context. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  /** Whether entries survive the page. False while storage is full or switched off. */
  durable;

  #storage;
  #locks;
  #prefix;
  #key;
  #onChange;
  /** @type {Map<string, OutboxEntry>} in the order in which they are to be sent */
  #entries = new Map();
  /** @type {Set<string>} keys whose lock we wait for */
  #watched = new Set();
  /** @type {Map<string, {at: number, since: number}>} by key the stamp last seen, and since when, by performance.now */
  #stamps = new Map();
  #ended = new AbortController();
  /** @type {number | undefined} */
  #beat;

  /**
   * @param {object} options
   * @param {Storage | null} [options.storage]
   * @param {LockManager | null} [options.locks]
   * @param {string} [options.prefix] of the storage keys
   * @param {(entry: OutboxEntry | null) => void} [options.onChange] an entry changed, or (null) several were adopted
   */
  constructor({ storage = null, locks = globalThis.navigator?.locks ?? null, prefix = "parley", onChange }) {
    this.#storage = storage;
    this.#locks = locks;
    this.#prefix = `${prefix}.outbox.`;
    this.#key = this.#prefix + randomId();
    this.#onChange = onChange ?? (() => {});
    this.durable = storage !== null;
    if (!storage) return;
    this.#hold();
    this.adopt();
    this.#beat = setInterval(() => {
      if (!this.#locks) this.#write();
      this.adopt();
    }, BEAT_MS);
  }

  /**
   * A room's entries, or all, in order.
   * @param {string} [room]
   */
  list(room) {
    const all = [...this.#entries.values()];
    return room === undefined ? all : all.filter((entry) => entry.room === room);
  }

  /** @param {string} id */
  get(id) {
    return this.#entries.get(id);
  }

  /** Rooms for which something waits to be sent. */
  rooms() {
    return new Set(this.list().filter(({ state }) => state === "queued" || state === "sending").map(({ room }) => room));
  }

  /**
   * Keep a frame until it is acknowledged.
   * @param {NewChange} frame it is given an id
   * @param {string | null} user
   * @param {string} [epoch] of its target's history
   * @returns {OutboxEntry}
   * @throws {OutboxFullError}
   */
  add(frame, user, epoch) {
    if (this.#entries.size >= LIMIT) throw new OutboxFullError();
    const id = randomId();
    const last = [...this.#entries.values()].at(-1)?.at ?? 0; // what is sent in order is kept in it, whatever clocks do
    const at = Math.max(Date.now(), last);
    /** @type {OutboxEntry} */
    const entry = { id, room: frame.room, frame: { ...frame, id }, at, user, state: "queued", epoch };
    this.#entries.set(id, entry);
    this.#changed(entry);
    return entry;
  }

  /**
   * Change an entry: its state, its error, its user.
   * @param {string} id
   * @param {Partial<OutboxEntry>} change
   */
  update(id, change) {
    const entry = this.#entries.get(id);
    if (entry) this.#changed(Object.assign(entry, change));
  }

  /**
   * It is acknowledged, or its author gave it up.
   * @param {string} id
   */
  remove(id) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#changed(entry);
  }

  /** The page goes: somebody else may take what is left. */
  close() {
    clearInterval(this.#beat);
    if (this.#storage && !this.#locks) this.#write(0);
    this.#ended.abort();
  }

  /** @param {OutboxEntry} entry */
  #changed(entry) {
    this.#write();
    this.#onChange(entry);
  }

  #write(at = Date.now()) {
    if (!this.#storage || this.#ended.signal.aborted) return;
    try {
      if (this.#entries.size === 0) this.#storage.removeItem(this.#key);
      else this.#storage.setItem(this.#key, JSON.stringify({ at, entries: this.list() }));
      this.durable = true;
    } catch {
      this.durable = false; // full or switched off: they live as long as the page
    }
  }

  // -- whose entries they are

  #hold() {
    const { signal } = this.#ended;
    const held = () =>
      new Promise((release) => {
        signal.addEventListener("abort", release);
      });
    this.#locks?.request(this.#key, { signal }, held).catch(() => {});
  }

  /** Look for entries whose page is gone. */
  adopt() {
    const storage = this.#storage;
    if (!storage) return;
    for (const key of this.#others(storage)) {
      if (!this.#locks) {
        if (this.#isDead(storage, key)) this.#take(storage, key);
      } else if (!this.#watched.has(key)) {
        this.#watched.add(key);
        const take = () => this.#take(storage, key);
        const forget = () => this.#watched.delete(key);
        this.#locks.request(key, { signal: this.#ended.signal }, take).catch(() => {}).finally(forget);
      }
    }
  }

  /**
   * @param {Storage} storage
   * @param {string} key
   */
  #isDead(storage, key) {
    const { at } = parse(storage.getItem(key));
    const now = performance.now();
    const known = this.#stamps.get(key);
    const since = known?.at === at ? known.since : now;
    this.#stamps.set(key, { at, since });
    const dead = Date.now() - at > DEAD_MS || now - since > DEAD_MS;
    if (dead) this.#stamps.delete(key);
    return dead;
  }

  /** @param {Storage} storage */
  #others(storage) {
    const keys = [];
    try {
      for (let index = 0; index < storage.length; index += 1) {
        const key = storage.key(index);
        if (key?.startsWith(this.#prefix) && key !== this.#key) keys.push(key);
      }
    } catch {
      // switched off
    }
    return keys;
  }

  /**
   * Write them as ours before theirs are gone: a crash in between leaves them twice, which is harmless.
   * @param {Storage} storage
   * @param {string} key
   */
  #take(storage, key) {
    const entries = parse(storage.getItem(key)).entries.filter(({ id }) => !this.#entries.has(id));
    for (const entry of entries) {
      if (entry.state === "paused") Object.assign(entry, { state: "failed", error: UNFINISHED });
      else if (entry.state !== "failed") entry.state = "queued";
    }
    if (entries.length > 0) {
      const all = [...entries, ...this.#entries.values()].sort((one, other) => one.at - other.at);
      this.#entries = new Map(all.map((entry) => [entry.id, entry]));
      this.#write();
    }
    storage.removeItem(key);
    if (!this.durable) this.#write(); // their space may be what was lacking
    if (entries.length > 0) this.#onChange(null);
  }
}

/**
 * What an outbox wrote: its stamp and entries. What is damaged is left out.
 * @param {string | null} text
 */
function parse(text) {
  try {
    const { at, entries } = JSON.parse(text ?? "null") ?? {};
    return { at: Number(at) || 0, entries: Array.isArray(entries) ? entries.filter(isEntry) : [] };
  } catch {
    return { at: 0, entries: [] };
  }
}

/**
 * @param {Partial<OutboxEntry> | null} entry
 * @returns {entry is OutboxEntry}
 */
function isEntry(entry) {
  const { id, room, frame, at } = entry ?? {};
  return typeof id === "string" && typeof room === "string" && typeof at === "number" && frame?.id === id;
}
