/**
 * What was written and is not yet acknowledged, kept in the browser's storage until it is.
 *
 * Each page (tab) keeps its own entries under its own key and writes no other, so tabs can't spoil each other's. A Web
 * Lock of the same name, held as long as the page lives, says that they have an owner; when it is free, whoever waits
 * for it first adopts them. Where there are no locks (a page over plain http), a time stamp does the same more slowly.
 * Should two pages adopt the same entries after all, both send them under the same ids, and the service stores one.
 * @module
 */

const LIMIT = 200; // entries of one page
const BEAT_MS = 5000;
// Browsers slow a hidden page's timers to one a minute, so an owner is dead only after more than that.
const DEAD_MS = 150_000;

/**
 * @typedef {object} Entry
 * @property {string} id the event's id, the same however often it is sent
 * @property {string} room
 * @property {object} frame what is sent: `{type, room, id, …}`
 * @property {number} at when it was written, Unix time in ms
 * @property {string | null} user whose words they are; null before anybody was let in
 * @property {"queued" | "sending" | "failed"} state
 * @property {string} [error] why it failed
 */

/** As many entries wait as a page may keep. */
export class OutboxFullError extends Error {
  constructor() {
    super(`${LIMIT} messages are waiting already`);
    this.name = "OutboxFullError";
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
  /** @type {Map<string, Entry>} in the order in which they are to be sent */
  #entries = new Map();
  #watched = new Set(); // keys whose lock we wait for
  #ended = new AbortController();
  #beat;

  /**
   * @param {object} options
   * @param {Storage | null} [options.storage]
   * @param {LockManager | null} [options.locks]
   * @param {string} [options.prefix] of the storage keys
   * @param {(entry: Entry | null) => void} [options.onChange] an entry changed, or (null) several were adopted
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

  /** @returns {Entry[]} a room's, or all, in order */
  list(room) {
    const all = [...this.#entries.values()];
    return room === undefined ? all : all.filter((entry) => entry.room === room);
  }

  /** @returns {Entry | undefined} */
  get(id) {
    return this.#entries.get(id);
  }

  /** Rooms for which something waits to be sent. */
  rooms() {
    return new Set(this.list().filter((entry) => entry.state !== "failed").map((entry) => entry.room));
  }

  /**
   * Keep a frame until it is acknowledged.
   * @param {object} frame without an id; it is given one
   * @param {string | null} user
   * @returns {Entry}
   * @throws {OutboxFullError}
   */
  add(frame, user) {
    if (this.#entries.size >= LIMIT) throw new OutboxFullError();
    const id = randomId();
    const entry = { id, room: frame.room, frame: { ...frame, id }, at: Date.now(), user, state: "queued" };
    this.#entries.set(id, entry);
    this.#changed(entry);
    return entry;
  }

  /** Change an entry: its state, its error, its user. */
  update(id, change) {
    const entry = this.#entries.get(id);
    if (entry) this.#changed(Object.assign(entry, change));
  }

  /** It is acknowledged, or its author gave it up. */
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
    const held = () => new Promise((release) => signal.addEventListener("abort", release));
    this.#locks?.request(this.#key, { signal }, held).catch(() => {});
  }

  /** Look for entries whose page is gone. */
  adopt() {
    if (!this.#storage) return;
    for (const key of this.#others()) {
      if (!this.#locks) {
        if (Date.now() - (parse(this.#storage.getItem(key))?.at ?? 0) > DEAD_MS) this.#take(key);
      } else if (!this.#watched.has(key)) {
        this.#watched.add(key);
        const take = () => this.#take(key);
        const forget = () => this.#watched.delete(key);
        this.#locks.request(key, { signal: this.#ended.signal }, take).catch(() => {}).finally(forget);
      }
    }
  }

  #others() {
    const keys = [];
    try {
      for (let index = 0; index < this.#storage.length; index += 1) {
        const key = this.#storage.key(index);
        if (key.startsWith(this.#prefix) && key !== this.#key) keys.push(key);
      }
    } catch {
      // switched off
    }
    return keys;
  }

  /** Write them as ours before theirs are gone: a crash in between leaves them twice, which is harmless. */
  #take(key) {
    const found = parse(this.#storage.getItem(key))?.entries ?? [];
    const entries = found.filter((entry) => isEntry(entry) && !this.#entries.has(entry.id));
    if (entries.length > 0) {
      const adopted = entries.map((entry) => ({ ...entry, state: entry.state === "failed" ? "failed" : "queued" }));
      const all = [...adopted, ...this.#entries.values()].sort((one, other) => one.at - other.at);
      this.#entries = new Map(all.map((entry) => [entry.id, entry]));
      this.#write();
    }
    this.#storage.removeItem(key);
    if (!this.durable) this.#write(); // their space may be what was lacking
    if (entries.length > 0) this.#onChange(null);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isEntry(entry) {
  const { id, room, frame, at } = entry ?? {};
  return typeof id === "string" && typeof room === "string" && typeof at === "number" && frame?.id === id;
}
