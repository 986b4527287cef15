/**
 * A client of the chat service (docs/client.md; the contract is docs/protocol.md). No page is needed: it runs in any
 * browser, in Bun, and in Node 20 or later, which before 22 must be given a `WebSocket`: that of the package `ws` or
 * `undici`.
 *
 *     import { Chat } from "./client.js";
 *     const chat = new Chat({ url: "https://chat.example.com", name: "Ada" });
 *     chat.on("message", ({ user, text }) => console.log(user.name, text));
 *     await chat.open();
 *     await chat.join("lobby");
 *     await chat.send("lobby", "Hello").stored;
 *
 * @module
 */

import { adviceFor } from "./advice.js";
import { BearerTickets } from "./bearer.js";
import { ChatError } from "./codes.js";
import { ChatCore } from "./core.js";
import { Deferred } from "./deferred.js";
import { Detour } from "./detour.js";
import { prefixOf } from "./prefix.js";
import { Stream } from "./stream.js";

/**
 * @import { ChatEvents, CoreOptions } from "./core.js"
 * @import { LinkState } from "./link.js"
 * @import { OutboxEntry } from "./outbox.js"
 * @import { Joined, Welcome } from "./protocol.js"
 * @import { Refusal } from "./rooms.js"
 */

export { adviceFor } from "./advice.js";
export { AfterClose, ChatError, CloseCode } from "./codes.js";
export { OutboxFullError } from "./outbox.js";
export { RequestError } from "./requests.js";
export { HttpError } from "./tickets.js";

/**
 * What is of use outside of browsers.
 * @typedef {object} BearerOption
 * @property {boolean} [bearer] whether the token goes with the handshake itself, and no ticket is asked for: for
 *     WebSockets that take headers (Node's own, `ws`, `undici`, Bun's), which a browser's doesn't
 */

/** @typedef {CoreOptions & BearerOption} ChatOptions what a chat is made with */

/**
 * Which event the room has for an entry.
 * @typedef {object} Stored
 * @property {string} id the entry's
 * @property {string} room
 * @property {number} seq the event's
 */

/**
 * What `send` and its like give: the entry, which events tell of later, and a promise. It is rejected with `ChatError`
 * where the service refuses the entry (its code), where it is discarded ("discarded"), or where the chat is closed or
 * stopped first ("closed", or the code of the stop; the entry stays in the outbox). It is settled once: what `retry`
 * makes of a refused one, events tell.
 * @typedef {OutboxEntry & {readonly stored: Promise<Stored>}} Sending
 */

/** @typedef {Joined & {fresh: boolean}} JoinedRoom */

/** @type {Record<keyof ChatEvents, true>} */
const EVENTS = {
  state: true,
  welcome: true,
  joined: true,
  message: true,
  edited: true,
  removed: true,
  reacted: true,
  topic: true,
  gap: true,
  presence: true,
  typing: true,
  read: true,
  moderated: true,
  reconnect: true,
  sent: true,
  outbox: true,
  held: true,
  refused: true,
  problem: true,
};
/** @type {Record<keyof ChatOptions, true>} */
const OPTIONS = {
  url: true,
  name: true,
  token: true,
  storage: true,
  locks: true,
  WebSocket: true,
  fetch: true,
  bearer: true,
};

ChatError.advise = adviceFor;

/**
 * A name that nobody knows is a mistake in the program, and silence about it would hide that.
 * @param {string} what
 * @param {Record<string, unknown>} given whose names
 * @param {Record<string, true>} known
 */
function check(what, given, known) {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name)) {
      throw new TypeError(`there is no ${what} "${name}", only ${Object.keys(known).join(", ")}`);
    }
  }
}

/** @param {ChatOptions} options */
function bearerTickets({ bearer, token, ...rest }) {
  if (!bearer) return undefined;
  if (token === undefined) throw new TypeError("`bearer` needs a `token`: guests have none without a ticket");
  return new BearerTickets({ ...rest, token });
}

/** A connection that comes back, the rooms one is in, and an outbox; with promises and loops of what happens. */
export class Chat extends ChatCore {
  /** @type {Deferred<Welcome>} */
  #ready = new Deferred();
  /** @type {Set<string>} rooms that this connection is in */
  #in = new Set();
  /** @type {Map<string, Deferred<JoinedRoom>>} by room */
  #joins = new Map();
  /** @type {Map<string, Deferred<Stored>>} by the entry's id */
  #sendings = new Map();
  /** @type {Set<(error: Error) => void>} of `once` */
  #waiting = new Set();
  /** @type {Map<{end(error?: Error): void}, string | undefined>} the room of each, where it has one */
  #streams = new Map();
  /** @type {Refusal | null} */
  #refusal = null;
  #detour;
  /** @type {ChatError | null} why the chat is stopped: until it is opened again nothing can come of anything */
  #stop = null;

  /**
   * @param {ChatOptions} options
   * @throws {TypeError} for an option that there isn't, and where there is no WebSocket
   */
  constructor(options) {
    check("option", { ...options }, OPTIONS);
    super({ ...options, prefix: prefixOf(options.url) }, bearerTickets(options));
    this.#detour = new Detour(this, options.url, options.fetch);
    super.on("state", (state) => this.#onState(state));
    super.on("welcome", (frame) => this.#ready.resolve(frame));
    super.on("joined", (frame) => this.#onJoined(frame));
    super.on("refused", (refusal) => this.#onRefused(refusal));
    super.on("sent", ({ id, room, seq }) => this.#settle(id)?.resolve({ id, room, seq }));
    super.on("outbox", (entry) => entry && this.#onEntry(entry));
  }

  /**
   * By what we are connected; null while we are not. "events" where WebSockets are blocked, by a proxy on the way: the same
   * goes by HTTP. WebSockets are tried again now and then, and gone back to.
   * @returns {"websocket" | "events" | null}
   */
  get transport() {
    return this.state.state === "open" ? (this.#detour.taken ? "events" : "websocket") : null;
  }

  /**
   * The service has let us in: its `welcome`. While the connection is away it is a promise of the next one. It is
   * rejected with `ChatError` once the chat is stopped (the code of `state`) or closed ("closed"), until `open`.
   */
  get ready() {
    return this.#ready.promise;
  }

  /**
   * Connect, and come back after whatever happens, until `close` or a close code that says to stay away.
   * @returns {Promise<Welcome>} `ready`
   */
  open() {
    super.open();
    return this.ready;
  }

  /** Leave. What is in the outbox stays there, for the next page. */
  close() {
    super.close();
    this.#end(new ChatError("closed", "the chat was closed"), true);
  }

  /**
   * Listen. A listener that throws disturbs nobody else.
   * @template {keyof ChatEvents} E
   * @param {E} event
   * @param {(value: ChatEvents[E]) => void} listener
   * @returns {() => void} what stops it
   * @throws {TypeError} for an event that there isn't
   */
  on(event, listener) {
    check("event", { [event]: true }, EVENTS);
    if (typeof listener !== "function") throw new TypeError(`who listens to "${event}" is no function`);
    return super.on(event, listener);
  }

  /**
   * The next event of a kind: as a promise, or to a listener, which is called for that one alone. The promise is
   * rejected with `ChatError` when the chat is stopped or closed first.
   * @template {keyof ChatEvents} E
   * @overload
   * @param {E} event
   * @returns {Promise<ChatEvents[E]>}
   * @throws {TypeError} for an event that there isn't
   */
  /**
   * @template {keyof ChatEvents} E
   * @overload
   * @param {E} event
   * @param {(value: ChatEvents[E]) => void} listener
   * @returns {() => void} what stops it
   * @throws {TypeError} for an event that there isn't
   */
  /**
   * @template {keyof ChatEvents} E
   * @param {E} event
   * @param {(value: ChatEvents[E]) => void} [listener]
   * @returns {Promise<ChatEvents[E]> | (() => void)}
   */
  once(event, listener) {
    if (listener) {
      const stop = this.on(event, (value) => {
        stop();
        listener(value);
      });
      return stop;
    }
    /** @type {Deferred<ChatEvents[E]>} */
    const next = new Deferred();
    /** @param {Error} error */
    const give = (error) => {
      stop();
      next.reject(error);
    };
    const stop = this.once(event, (value) => {
      this.#waiting.delete(give);
      next.resolve(value);
    });
    this.#waiting.add(give);
    return next.promise;
  }

  /**
   * All events of a kind from now on, for `for await`; with `room`, those of that room alone. The loop ends when the
   * chat is closed or the room left, and throws `ChatError` when the chat is stopped, the room's join refused, or
   * 10,000 values wait to be taken ("overflow").
   * @template {keyof ChatEvents} E
   * @param {E} event
   * @param {{room?: string}} [options]
   * @returns {AsyncIterableIterator<ChatEvents[E]>}
   * @throws {TypeError} for an event or an option that there isn't
   */
  events(event, options = {}) {
    check("option of events", options, { room: true });
    const { room } = options;
    /** @type {Stream<ChatEvents[E]>} */
    const stream = new Stream(() => {
      stop();
      this.#streams.delete(stream);
    });
    const stop = this.on(event, (value) => {
      if (room === undefined || (value && "room" in value && value.room === room)) stream.push(value);
    });
    this.#streams.set(stream, room);
    return stream;
  }

  // -- rooms

  /**
   * Be in a room, now and after every reconnect.
   * @param {string} room
   * @param {{limit?: number}} [options] how many messages `joined` brings
   * @returns {Promise<JoinedRoom>} the `joined` event, once the service lets us in; at once, with no messages, where we
   *     are in already. Rejected with `ChatError` where it doesn't (its code), the room is left ("left"), or the chat
   *     is stopped or closed.
   * @throws {TypeError} for an option that there isn't
   */
  join(room, options = {}) {
    check("option of join", options, { limit: true });
    super.join(room, options);
    const position = this.position(room);
    if (position && this.#in.has(room)) {
      const known = { topic: this.topic(room) ?? undefined, begun: this.begun(room) ?? undefined };
      const nothing = { resumed: true, fresh: false, messages: [], more: false };
      return Promise.resolve({ type: "joined", room, ...position, ...nothing, ...known });
    }
    const joining = this.#joins.get(room) ?? new Deferred();
    this.#joins.set(room, joining);
    if (this.#stop) this.#refuseJoin(room, this.#stop);
    return joining.promise;
  }

  /**
   * Be in it no longer. What waits for it in the outbox is still sent.
   * @param {string} room
   */
  leave(room) {
    super.leave(room);
    this.#in.delete(room);
    this.#refuseJoin(room, new ChatError("left", `${room} was left`));
    for (const [stream, its] of this.#streams) if (its === room) stream.end();
  }

  // -- what lasts: by the outbox

  /**
   * Say something. It is kept and sent until the service has stored it.
   * @param {string} room
   * @param {string} text
   * @returns {Sending}
   * @throws {OutboxFullError}
   */
  send(room, text) {
    return this.#sending(super.send(room, text));
  }

  /**
   * Change one's own message.
   * @param {string} room
   * @param {number} target its seq
   * @param {string} text
   * @param {string} [epoch] of the history in which it was seen, where that isn't the one of today
   * @returns {Sending}
   * @throws {OutboxFullError}
   */
  edit(room, target, text, epoch) {
    return this.#sending(super.edit(room, target, text, epoch));
  }

  /**
   * Remove one's own message.
   * @param {string} room
   * @param {number} target its seq
   * @param {string} [epoch] as in `edit`
   * @returns {Sending}
   * @throws {OutboxFullError}
   */
  remove(room, target, epoch) {
    return this.#sending(super.remove(room, target, epoch));
  }

  /**
   * Add (`on`) or take back a reaction.
   * @param {string} room
   * @param {number} target the message's seq
   * @param {string} emoji
   * @param {boolean} [on]
   * @param {string} [epoch] as in `edit`
   * @returns {Sending}
   * @throws {OutboxFullError}
   */
  react(room, target, emoji, on = true, epoch) {
    return this.#sending(super.react(room, target, emoji, on, epoch));
  }

  /**
   * Say what a room is about; for moderators and whoever began it.
   * @param {string} room
   * @param {string} text empty: nothing
   * @returns {Sending}
   * @throws {OutboxFullError}
   */
  setTopic(room, text) {
    return this.#sending(super.setTopic(room, text));
  }

  // -- what happens

  /** @param {LinkState} state */
  #onState({ state, code, reason }) {
    if (state === "open") return;
    this.#in.clear();
    this.#stop = null;
    if (state === "stopped") {
      this.#stop = new ChatError(code ?? "stopped", reason || "the service sent us away");
      this.#end(this.#stop, false);
    } else if (this.#ready.settled) {
      this.#ready = new Deferred();
    }
  }

  /**
   * Nothing more comes until `open`.
   * @param {ChatError} error
   * @param {boolean} meant whether that is what was asked for: then loops end, and throw nothing
   */
  #end(error, meant) {
    if (this.#ready.settled) this.#ready = new Deferred();
    this.#ready.reject(error);
    for (const room of [...this.#joins.keys()]) this.#refuseJoin(room, error);
    for (const id of [...this.#sendings.keys()]) this.#settle(id)?.reject(error);
    // Behind the listeners of this very moment: who waits for `state` is told the state.
    queueMicrotask(() => {
      for (const give of this.#waiting) give(error);
      this.#waiting.clear();
      for (const stream of [...this.#streams.keys()]) stream.end(meant ? undefined : error);
    });
  }

  /** @param {JoinedRoom} frame */
  #onJoined(frame) {
    this.#in.add(frame.room);
    this.#joins.get(frame.room)?.resolve(frame);
    this.#joins.delete(frame.room);
  }

  /** @param {Refusal} refusal */
  #onRefused(refusal) {
    const { id, room, type, code, message } = refusal;
    const error = new ChatError(code, message);
    if (type === "join") {
      this.#in.delete(room);
      this.#refuseJoin(room, error);
      for (const [stream, its] of this.#streams) if (its === room) stream.end(error);
    } else if (id !== undefined) {
      this.#refusal = refusal;
      this.#settle(id)?.reject(error);
    }
  }

  /** @type {(room: string, error: ChatError) => void} */
  #refuseJoin(room, error) {
    this.#joins.get(room)?.reject(error);
    this.#joins.delete(room);
  }

  /**
   * An entry of the outbox with a promise beside it, which is not kept in storage.
   * @param {OutboxEntry} entry
   * @returns {Sending}
   */
  #sending(entry) {
    /** @type {Deferred<Stored>} */
    const end = new Deferred();
    this.#sendings.set(entry.id, end);
    // What can't be sent at all was refused already.
    if (this.#refusal?.id === entry.id) this.#onRefused(this.#refusal);
    else this.#onEntry(entry);
    if (this.#stop) this.#settle(entry.id)?.reject(this.#stop);
    return Object.defineProperty(/** @type {Sending} */ (entry), "stored", { value: end.promise });
  }

  /** @param {OutboxEntry} entry that changed or is gone */
  #onEntry({ id, room, state, seq, error, code }) {
    if (!this.#sendings.has(id)) return;
    if (state === "failed") {
      this.#settle(id)?.reject(new ChatError(code ?? "bad_request", error ?? "it was refused"));
    } else if (!this.outbox.get(id)) {
      // A rewritten one whose first form is stored goes on as an edit. Of a refused one the refusal comes right behind.
      if (seq !== undefined) this.#settle(id)?.resolve({ id, room, seq });
      else queueMicrotask(() => this.#settle(id)?.reject(new ChatError("discarded", "it was discarded")));
    }
  }

  /** @param {string} id */
  #settle(id) {
    const end = this.#sendings.get(id);
    this.#sendings.delete(id);
    return end;
  }
}
