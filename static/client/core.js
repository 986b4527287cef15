/**
 * The client as the chat page uses it: by callbacks alone. client.js adds to it what programs want.
 *
 * What it promises: a room's durable events (`message`, `edited`, `removed`, `reacted`, `topic`) come in the order of
 * `seq`, each once, through lost connections and restarts. Where some can't be had, `gap` says so before anything newer
 * comes. What was sent stays in the outbox until the service has stored it, through reloads if there is storage.
 * @module
 */

import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { Requests } from "./requests.js";
import { Rooms } from "./rooms.js";
import { Tickets } from "./tickets.js";

/**
 * @import { LinkState, WebSocketClass } from "./link.js"
 * @import { NewChange, OutboxEntry } from "./outbox.js"
 * @import {
 *   Begun, Edited, ErrorFrame, HistoryPage, Joined, Limits, ListedRoom, Message, Moderate, Moderated, Person, Position,
 *   Presence, Reacted, ReadFrame, Reconnect, Removed, Sent, ServerFrame, Topic, TopicEvent, TypingFrame, Welcome,
 * } from "./protocol.js"
 * @import { Gap, Hold, Refusal } from "./rooms.js"
 */

export { OutboxFullError } from "./outbox.js";
export { RequestError } from "./requests.js";
export { HttpError } from "./tickets.js";

const PAGE = 50; // messages

/**
 * What there is to listen to, by name; where nothing else is said, the service's frame.
 * @typedef {object} ChatEvents
 * @property {LinkState} state of the connection: what `state` is now
 * @property {Welcome} welcome who we are, the limits
 * @property {Joined & {fresh: boolean}} joined `fresh`: its `messages` replace what was known; otherwise what was
 *     missed follows
 * @property {Message} message somebody said something
 * @property {Edited} edited the message `target` has another text
 * @property {Removed} removed the message `target` is gone
 * @property {Reacted} reacted somebody added (`on`) or took back a reaction to the message `target`
 * @property {TopicEvent} topic somebody said what the room is about; `topic()` has it
 * @property {Gap} gap messages are missing
 * @property {Presence} presence who came and went
 * @property {TypingFrame} typing somebody types
 * @property {ReadFrame} read somebody has read up to `seq`
 * @property {Moderated} moderated the answer to a moderator; or, of ourselves, that we are removed, before the close
 * @property {Reconnect} reconnect the service leaves, and takes us back when it said
 * @property {Sent} sent comes before its entry leaves the outbox; the event itself comes before it or after
 * @property {OutboxEntry | null} outbox the entry that changed or is gone, or null for several
 * @property {Hold} held the service asked to wait with a room, or (code null) the wait was worth it
 * @property {Refusal} refused a join, an edit, a removal, a reaction or a topic was refused for good
 * @property {ErrorFrame} problem an error of the service that answers nothing of ours
 */

/**
 * What a chat is made with.
 * @typedef {object} CoreOptions
 * @property {string | URL} url where the service is
 * @property {string} [name] a guest's name
 * @property {string | (() => string | Promise<string>)} [token] a user's token, or what fetches a fresh one
 * @property {Storage | null} [storage] for the guest token and the outbox; none keeps both in memory
 * @property {LockManager | null} [locks] says which outbox still has its page; by default `navigator.locks`
 * @property {WebSocketClass} [WebSocket] where there is none of its own (Node 20): that of the package `ws` or `undici`
 * @property {typeof globalThis.fetch} [fetch] what asks the service over HTTP; by default the platform's own
 */

/** @typedef {<E extends keyof ChatEvents>(event: E, value: ChatEvents[E]) => void} Emit */

/** Without halves of characters, which could not be sent. @param {string} text */
const wellFormed = (text) => text.toWellFormed?.() ?? text;

/** A connection that comes back, the rooms one is in, and an outbox. */
export class ChatCore {
  /** @type {Person | null} who we are */
  user = null;
  /** Whether we are a moderator. */
  moderator = false;
  /** @type {Limits} the service's, from `welcome` */
  limits = { text: 4000, frame: 65_536, rooms: 50 };
  /** @type {Outbox} what isn't stored yet: `outbox.list(room)` */
  outbox;

  #tickets;
  /** @private for detour.js beside us */
  link;
  #requests;
  #rooms;
  /** @type {Map<string, Set<(value: never) => void>>} by the event's name, which says what the value is */
  #listeners = new Map();

  /**
   * @param {CoreOptions & {prefix?: string}} options `prefix`: of the keys in the storage
   * @param {Tickets} [tickets]
   * @throws {TypeError} where there is no WebSocket
   */
  constructor(options, tickets = new Tickets(options)) {
    const { url, storage = null, prefix, locks, WebSocket } = options;
    this.#tickets = tickets;
    this.link = new Link({
      url,
      tickets,
      WebSocket,
      onState: (state) => this.#onState(state),
      onFrame: (frame) => this.#onFrame(frame),
    });
    this.#requests = new Requests((frame) => this.link.send(frame));
    this.outbox = new Outbox({ storage, prefix, locks, onChange: (entry) => this.#onOutbox(entry) });
    /** @type {Emit} */
    const emit = (event, value) => this.#emit(event, value);
    this.#rooms = new Rooms({ link: this.link, outbox: this.outbox, chat: this, emit });
  }

  /** @returns {LinkState} how the connection stands */
  get state() {
    return this.link.state;
  }

  /** How long ago the service was last heard, ms. */
  get silence() {
    return this.link.silence;
  }

  /**
   * Listen. A listener that throws disturbs nobody else.
   * @template {keyof ChatEvents} E
   * @param {E} event
   * @param {(value: ChatEvents[E]) => void} listener
   * @returns {() => void} what stops it
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Connect, and come back after whatever happens, until `close` or a close code that says to stay away. */
  open() {
    this.link.open();
  }

  /** Leave. What is in the outbox stays there, for the next page. */
  close() {
    this.link.close();
    this.outbox.close();
  }

  /** The network is back or the page is seen again: look at once, or ask whether the connection still lives. */
  wake() {
    this.outbox.adopt();
    this.link.wake();
  }

  /**
   * Be called otherwise: connects anew once the service has agreed. Until then, and where it doesn't, nothing changes.
   * @param {string} name
   * @throws {HttpError}
   */
  async rename(name) {
    const { ticket } = await this.#tickets.get(name);
    this.link.restart(ticket);
  }

  // -- rooms

  /**
   * Be in a room, now and after every reconnect.
   * @param {string} room
   * @param {{limit?: number}} [options] how many messages `joined` brings
   */
  join(room, { limit = PAGE } = {}) {
    this.#rooms.join(room, limit);
  }

  /**
   * Be in it no longer. What waits for it in the outbox is still sent.
   * @param {string} room
   */
  leave(room) {
    this.#rooms.leave(room);
  }

  /**
   * The last durable event of a room that was seen.
   * @param {string} room
   * @returns {Position | null}
   */
  position(room) {
    return this.#rooms.get(room)?.since ?? null;
  }

  /**
   * What a room we are in is about.
   * @param {string} room
   * @returns {Topic | null}
   */
  topic(room) {
    return this.#rooms.get(room)?.topic ?? null;
  }

  /**
   * Who began a room we are in; null where nobody did yet, or nobody knows.
   * @param {string} room
   * @returns {Begun | null}
   */
  begun(room) {
    return this.#rooms.get(room)?.begun ?? null;
  }

  /**
   * Whether the service would let us say what a room we are in is about.
   * @param {string} room
   */
  maySetTopic(room) {
    const cursor = this.#rooms.get(room);
    if (!cursor?.since || !this.user) return false;
    return this.moderator || cursor.since.seq === 0 || cursor.begun?.user.id === this.user.id;
  }

  // -- what lasts: by the outbox

  /**
   * Say something. It is kept and sent until the service has stored it.
   * @param {string} room
   * @param {string} text
   * @returns {OutboxEntry}
   * @throws {OutboxFullError}
   */
  send(room, text) {
    return this.#post({ type: "send", room, text });
  }

  /**
   * Change one's own message.
   * @param {string} room
   * @param {number} target its seq
   * @param {string} text
   * @param {string} [epoch] of the history in which it was seen, where that isn't the one of today
   * @returns {OutboxEntry}
   * @throws {OutboxFullError}
   */
  edit(room, target, text, epoch = this.position(room)?.epoch) {
    return this.#post({ type: "edit", room, target, text }, epoch);
  }

  /**
   * Remove one's own message.
   * @param {string} room
   * @param {number} target its seq
   * @param {string} [epoch] as in `edit`
   * @returns {OutboxEntry}
   * @throws {OutboxFullError}
   */
  remove(room, target, epoch = this.position(room)?.epoch) {
    return this.#post({ type: "remove", room, target }, epoch);
  }

  /**
   * Add (`on`) or take back a reaction.
   * @param {string} room
   * @param {number} target the message's seq
   * @param {string} emoji
   * @param {boolean} [on]
   * @param {string} [epoch] as in `edit`
   * @returns {OutboxEntry}
   * @throws {OutboxFullError}
   */
  react(room, target, emoji, on = true, epoch = this.position(room)?.epoch) {
    return this.#post({ type: "react", room, target, emoji, on }, epoch);
  }

  /**
   * Say what a room is about; for moderators and whoever began it.
   * @param {string} room
   * @param {string} text empty: nothing
   * @returns {OutboxEntry}
   * @throws {OutboxFullError}
   */
  setTopic(room, text) {
    return this.#post({ type: "topic", room, text });
  }

  /**
   * Keep an entry back, and what was written after it in its room, while its author changes it (then `rewrite`, or
   * `resume`).
   * @param {string} id the entry's
   * @returns {boolean} false if it is on its way now
   */
  pause(id) {
    const entry = this.outbox.get(id);
    if (entry?.state === "queued") this.outbox.update(id, { state: "paused" });
    return entry !== undefined && entry.state !== "sending";
  }

  /**
   * What was kept back is sent as it was.
   * @param {string} id the entry's
   */
  resume(id) {
    if (this.outbox.get(id)?.state === "paused") this.retry(id);
  }

  /**
   * Say something else than an entry said, and send it. Should its first form turn out to be stored, that is edited.
   * @param {string} id the entry's
   * @param {string} text
   */
  rewrite(id, text) {
    const entry = this.outbox.get(id);
    if (!entry || entry.state === "sending" || !("text" in entry.frame)) return;
    this.outbox.update(id, { frame: { ...entry.frame, text: wellFormed(text) }, changed: entry.tried });
    this.retry(id);
  }

  /**
   * Send an entry that failed or was kept back; as oneself, if somebody else wrote it.
   * @param {string} id the entry's
   */
  retry(id) {
    const entry = this.outbox.get(id);
    if (entry?.state !== "failed" && entry?.state !== "paused") return;
    if (entry.user === null || entry.user === this.user?.id) {
      this.outbox.update(id, { state: "queued", error: undefined, code: undefined });
    } else {
      this.outbox.remove(id); // the id may be known to the service as the other's
      const { id: _, ...frame } = entry.frame;
      this.#post(frame, entry.epoch);
    }
  }

  /**
   * Give an entry up. It may have been stored if it was ever on its way.
   * @param {string} id the entry's
   */
  discard(id) {
    this.outbox.remove(id);
  }

  // -- what does not

  /**
   * A page of history.
   * @param {string} room joined
   * @param {number} [before] only messages with a smaller seq
   * @param {number} [limit]
   * @returns {Promise<HistoryPage>}
   * @throws {RequestError}
   */
  history(room, before, limit = PAGE) {
    return /** @type {Promise<HistoryPage>} */ (this.#requests.ask({ type: "history", room, before, limit }));
  }

  /**
   * Kick, ban, mute, slow somebody, or take it back; for moderators.
   * @param {Omit<Moderate, "type" | "ref">} order
   * @returns {Promise<Moderated>}
   * @throws {RequestError}
   */
  moderate(order) {
    return /** @type {Promise<Moderated>} */ (this.#requests.ask({ ...order, type: "moderate" }));
  }

  /**
   * Say that we are typing.
   * @param {string} room
   */
  typing(room) {
    if (this.#rooms.get(room)?.live) this.link.send({ type: "typing", room });
  }

  /**
   * Say that everything up to `seq` is read.
   * @param {string} room
   * @param {number} seq
   */
  read(room, seq) {
    if (this.#rooms.get(room)?.live) this.link.send({ type: "read", room, seq });
  }

  /**
   * Rooms that may be entered; null where the service does not list any.
   * @returns {Promise<ListedRoom[] | null>}
   * @throws {HttpError}
   */
  async rooms() {
    const answer = /** @type {{rooms: ListedRoom[]} | null} */ (await this.#tickets.read("rooms"));
    return answer?.rooms ?? null;
  }

  // -- what happens

  /** @param {LinkState} state */
  #onState(state) {
    if (state.state !== "open") {
      this.#requests.fail();
      this.#rooms.onLost();
    }
    this.#emit("state", state);
  }

  /** @param {ServerFrame} frame */
  #onFrame(frame) {
    this.#dispatch(frame);
    if ("ref" in frame && typeof frame.ref === "string") this.#requests.answer(frame.ref, frame);
  }

  /** @param {ServerFrame} frame */
  #dispatch(frame) {
    switch (frame.type) {
      case "welcome":
        return this.#onWelcome(frame);
      case "joined":
        return this.#rooms.onJoined(frame);
      case "message":
      case "edited":
      case "removed":
      case "reacted":
      case "topic":
        return this.#rooms.onEvent(frame);
      case "sent":
        return this.#rooms.onSent(frame);
      case "reset":
        return this.#rooms.onReset(frame);
      case "presence":
      case "typing":
      case "read":
      case "moderated":
      case "reconnect":
        return this.#emit(frame.type, frame);
      case "error":
        if (!this.#rooms.onError(frame) && !this.#requests.has(frame.ref)) this.#emit("problem", frame);
    }
  }

  /** @param {Welcome} frame */
  #onWelcome(frame) {
    this.user = frame.user;
    this.moderator = frame.role === "moderator";
    this.limits = { ...this.limits, ...frame.limits };
    this.#emit("welcome", frame);
    this.#rooms.onWelcome();
  }

  /** @type {(frame: NewChange, epoch?: string) => OutboxEntry} */
  #post(frame, epoch) {
    if ("text" in frame && typeof frame.text === "string") frame.text = wellFormed(frame.text);
    return this.outbox.add(frame, this.user?.id ?? null, epoch);
  }

  /**
   * Adoption may call this while the parts are still being put together.
   * @param {OutboxEntry | null} entry
   */
  #onOutbox(entry) {
    this.#emit("outbox", entry);
    this.#rooms?.onOutbox(entry);
  }

  /**
   * @template {keyof ChatEvents} E
   * @param {E} event
   * @param {ChatEvents[E]} value
   */
  #emit(event, value) {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        /** @type {(value: ChatEvents[E]) => void} */ (listener)(value);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
