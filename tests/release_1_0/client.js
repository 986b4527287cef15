/**
 * A client of the chat service (the contract is docs/protocol.md). No page is needed: it runs in any browser, and in
 * Node 20 or later when WebSocket and storage are given.
 *
 *     import { Chat } from "./client.js";
 *     const chat = new Chat({ url: "https://chat.example.com", name: "Ada", storage: localStorage });
 *     chat.on("message", (message) => console.log(message.seq, message.user.name, message.text));
 *     chat.on("gap", ({ room }) => console.log(`some messages of ${room} are missing`));
 *     chat.join("lobby");
 *     chat.open();
 *     chat.send("lobby", "Hello");
 *
 * What it promises: a room's durable events (`message`, `edited`, `removed`, `reacted`) come in the order of `seq`, each
 * once, through lost connections and restarts. Where some can't be had, `gap` says so before anything newer comes. What
 * was sent stays in the outbox until the service has stored it, through reloads if there is storage.
 * @module
 */

import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { Requests } from "./requests.js";
import { Rooms } from "./rooms.js";
import { Tickets } from "./tickets.js";

export { AfterClose, CloseCode } from "./codes.js";
export { OutboxFullError } from "./outbox.js";
export { RequestError } from "./requests.js";
export { HttpError } from "./tickets.js";

const PAGE = 50; // messages
const EVENTS = new Set(["message", "edited", "removed", "reacted"]);
const PASSED_ON = new Set(["presence", "typing", "read", "moderated"]);

/**
 * Events, for `on`:
 * - `state` {@link import("./link.js").LinkState}
 * - `welcome`: the frame: who we are, the limits
 * - `joined`: the frame, with `fresh`: its `messages` replace what was known; otherwise what was missed follows
 * - `message`, `edited`, `removed`, `reacted`: the frame
 * - `gap` `{room, reason, after}`: messages after seq `after` are missing; `reason` "epoch" or "trimmed"
 * - `presence`, `typing`, `read`, `moderated`: the frame
 * - `sent`: the frame, before its entry leaves the outbox; the event itself comes before it or after
 * - `outbox`: the entry that changed or is gone, or null for several
 * - `refused` `{room, type, code, message}`: a join, an edit, a removal or a reaction was refused for good
 * - `problem` `{code, message}`: an error of the service that answers nothing of ours
 */
export class Chat {
  /** @type {{id: string, name: string} | null} who we are */
  user = null;
  /** @type {{text: number, frame: number, rooms: number}} the service's, from `welcome` */
  limits = { text: 4000, frame: 65_536, rooms: 50 };
  /** @type {Outbox} */
  outbox;

  #tickets;
  #link;
  #requests;
  #rooms;
  #listeners = new Map();

  /**
   * @param {object} options
   * @param {string | URL} options.url where the service is
   * @param {string} [options.name] a guest's name
   * @param {string | (() => string | Promise<string>)} [options.token] a user's token, or what fetches a fresh one
   * @param {Storage | null} [options.storage] for the guest token and the outbox; none keeps both in memory
   * @param {LockManager | null} [options.locks] says which outbox still has its page; by default `navigator.locks`
   * @param {typeof WebSocket} [options.WebSocket]
   * @param {typeof fetch} [options.fetch]
   */
  constructor({ url, name, token, storage = null, locks, WebSocket, fetch }) {
    this.#tickets = new Tickets({ url, name, token, storage, fetch });
    this.#link = new Link({
      url,
      tickets: this.#tickets,
      WebSocket,
      onState: (state) => this.#onState(state),
      onFrame: (frame) => this.#onFrame(frame),
    });
    this.#requests = new Requests((frame) => this.#link.send(frame));
    this.outbox = new Outbox({ storage, locks, onChange: (entry) => this.#onOutbox(entry) });
    const emit = (event, value) => this.#emit(event, value);
    this.#rooms = new Rooms({ link: this.#link, outbox: this.outbox, chat: this, emit });
  }

  /** @returns {import("./link.js").LinkState} */
  get state() {
    return this.#link.state;
  }

  /**
   * Listen. A listener that throws disturbs nobody else.
   * @param {string} event see {@link Chat}
   * @param {(value: any) => void} listener
   * @returns {() => void} stops it
   */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
    return () => this.#listeners.get(event).delete(listener);
  }

  /** Connect, and come back after whatever happens, until `close` or a close code that says to stay away. */
  open() {
    this.#link.open();
  }

  /** Leave. What is in the outbox stays there, for the next page. */
  close() {
    this.#link.close();
    this.outbox.close();
  }

  /** The network is back or the page is seen again: look at once, or ask whether the connection still lives. */
  wake() {
    this.outbox.adopt();
    this.#link.wake();
  }

  /** Be called otherwise: connects anew. */
  rename(name) {
    this.#tickets.name = name;
    this.#link.restart();
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

  /** Be in it no longer. What waits for it in the outbox is still sent. */
  leave(room) {
    this.#rooms.leave(room);
  }

  /** @returns {{epoch: string, seq: number} | null} the last durable event of a room that was seen */
  position(room) {
    return this.#rooms.get(room)?.since ?? null;
  }

  // -- what lasts: by the outbox

  /**
   * Say something. It is kept and sent until the service has stored it.
   * @returns {import("./outbox.js").Entry}
   * @throws {OutboxFullError}
   */
  send(room, text) {
    return this.#post({ type: "send", room, text });
  }

  /** Change one's own message. */
  edit(room, target, text) {
    return this.#post({ type: "edit", room, target, text });
  }

  /** Remove one's own message. */
  remove(room, target) {
    return this.#post({ type: "remove", room, target });
  }

  /** Add (`on`) or take back a reaction. */
  react(room, target, emoji, on = true) {
    return this.#post({ type: "react", room, target, emoji, on });
  }

  /** Send a failed entry again; as oneself, if somebody else wrote it. */
  retry(id) {
    const entry = this.outbox.get(id);
    if (entry?.state !== "failed") return;
    if (entry.user === null || entry.user === this.user?.id) {
      this.outbox.update(id, { state: "queued", error: undefined });
    } else {
      this.outbox.remove(id); // the id may be known to the service as the other's
      const { id: _, ...frame } = entry.frame;
      this.#post(frame);
    }
  }

  /** Give an entry up. It may have been stored if it was ever on its way. */
  discard(id) {
    this.outbox.remove(id);
  }

  // -- what does not

  /**
   * A page of history.
   * @param {string} room joined
   * @param {number} [before] only messages with a smaller seq
   * @param {number} [limit]
   * @returns {Promise<{room: string, messages: object[], more: boolean}>}
   * @throws {import("./requests.js").RequestError}
   */
  history(room, before, limit = PAGE) {
    return this.#requests.ask({ type: "history", room, before, limit });
  }

  /**
   * Kick, ban, unban, mute or unmute; for moderators.
   * @param {{room?: string, user: string, action: string, seconds?: number, reason?: string}} order
   * @throws {import("./requests.js").RequestError}
   */
  moderate(order) {
    return this.#requests.ask({ ...order, type: "moderate" });
  }

  /** Say that we are typing. */
  typing(room) {
    if (this.#rooms.get(room)?.live) this.#link.send({ type: "typing", room });
  }

  /** Say that everything up to `seq` is read. */
  read(room, seq) {
    if (this.#rooms.get(room)?.live) this.#link.send({ type: "read", room, seq });
  }

  /**
   * Rooms that may be entered; null where the service does not list any.
   * @returns {Promise<{room: string, count: number, unread: number}[] | null>}
   * @throws {import("./tickets.js").HttpError}
   */
  async rooms() {
    return (await this.#tickets.read("rooms"))?.rooms ?? null;
  }

  // -- what happens

  #onState(state) {
    if (state.state !== "open") {
      this.#requests.fail("offline", "the connection was lost");
      this.#rooms.onLost();
    }
    this.#emit("state", state);
  }

  #onFrame(frame) {
    const { type, ref } = frame;
    if (type === "welcome") this.#onWelcome(frame);
    else if (type === "joined") this.#rooms.onJoined(frame);
    else if (EVENTS.has(type)) this.#rooms.onEvent(frame);
    else if (type === "sent") this.#rooms.onSent(frame);
    else if (type === "reset") this.#rooms.onReset(frame);
    else if (PASSED_ON.has(type)) this.#emit(type, frame);
    else if (type === "error" && !this.#rooms.onError(frame) && !this.#requests.has(ref)) this.#emit("problem", frame);
    if (typeof ref === "string") this.#requests.answer(frame);
  }

  #onWelcome(frame) {
    this.user = frame.user;
    this.limits = { ...this.limits, ...frame.limits };
    this.#emit("welcome", frame);
    this.#rooms.onWelcome();
  }

  #post(frame) {
    if (typeof frame.text === "string") frame.text = frame.text.toWellFormed?.() ?? frame.text;
    return this.outbox.add(frame, this.user?.id ?? null);
  }

  /** Adoption may call this while the parts are still being put together. */
  #onOutbox(entry) {
    this.#emit("outbox", entry);
    this.#rooms?.onOutbox(entry);
  }

  #emit(event, value) {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(value);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
