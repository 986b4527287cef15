/**
 * The rooms we are in: join, resume, leave, and the durable events in their order.
 * @module
 */

import { PASSING_ERRORS } from "./codes.js";
import { RoomCursor } from "./cursor.js";
import { Sender, wait_ms } from "./sender.js";

/**
 * @import { Emit } from "./core.js"
 * @import { Loss } from "./cursor.js"
 * @import { Link } from "./link.js"
 * @import { Outbox, OutboxEntry } from "./outbox.js"
 * @import { ErrorCode, ErrorFrame, Joined, Limits, Person, Reset, RoomEvent, Sent } from "./protocol.js"
 */

/** @typedef {{room: string} & Loss} Gap everything after seq `after` is missing, but for what `joined` brings */

/**
 * What the service takes for no answer to try again.
 * @typedef {object} Refusal
 * @property {string} [id] of what was in the outbox
 * @property {string} room
 * @property {"join" | "edit" | "remove" | "react" | "topic"} type
 * @property {ErrorCode} code
 * @property {string} message
 * @property {string} [text] an edit's or a topic's
 */

/**
 * A request is to be sent again later: a join, or something of the outbox.
 * @typedef {object} Hold
 * @property {string} room
 * @property {ErrorCode | null} code `rate_limited` or `unavailable`; null: what the room asked for is taken again
 * @property {number} retryIn ms
 */

const JOIN_TIMEOUT_MS = 15_000;

export class Rooms {
  #link;
  #outbox;
  #emit;
  #sender;
  /** @type {Map<string, RoomCursor>} */
  #cursors = new Map();

  /**
   * @param {object} parts
   * @param {Link} parts.link
   * @param {Outbox} parts.outbox
   * @param {{user: Person | null, limits: Limits}} parts.chat
   * @param {Emit} parts.emit
   */
  constructor({ link, outbox, chat, emit }) {
    this.#link = link;
    this.#outbox = outbox;
    this.#emit = emit;
    this.#sender = new Sender({
      outbox,
      link,
      cursors: this.#cursors,
      chat,
      rejoin: (room) => this.#sendJoin(room),
      refused: (refusal) => emit("refused", refusal),
      held: (cursor, code, ms) => this.#hold(cursor, code, ms),
    });
  }

  /** @param {string} room */
  get(room) {
    return this.#cursors.get(room);
  }

  /**
   * @param {string} room
   * @param {number} limit messages that `joined` brings
   */
  join(room, limit) {
    const known = this.#cursors.get(room);
    if (known && !known.toSend) return;
    known?.interrupt();
    this.#cursors.set(room, new RoomCursor(room, limit));
    this.#sendJoin(room);
  }

  /** @param {string} room */
  leave(room) {
    const cursor = this.#cursors.get(room);
    if (!cursor) return;
    const known = cursor.live || cursor.ref !== null; // to the service
    this.#drop(cursor);
    if (known) this.#link.send({ type: "leave", room });
    this.#sender.requeue(room);
    this.#joinToSend();
  }

  // -- what happened

  /** The connection is up: be where we were. */
  onWelcome() {
    for (const room of [...this.#cursors.keys()]) this.#sendJoin(room);
    this.#joinToSend();
  }

  /** The connection is gone. */
  onLost() {
    for (const cursor of this.#cursors.values()) cursor.interrupt();
    for (const room of this.#outbox.rooms()) this.#sender.requeue(room);
  }

  /**
   * An entry changed, or (null) several did.
   * @param {OutboxEntry | null} entry
   */
  onOutbox(entry) {
    for (const room of entry ? [entry.room] : [...this.#cursors.keys()]) this.#sender.flush(room);
    this.#joinToSend();
  }

  /** @param {Joined} frame */
  onJoined(frame) {
    const cursor = this.#cursors.get(frame.room);
    if (!cursor || cursor.ref !== frame.ref) return; // left, or joined once more, meanwhile
    const lost = cursor.joined(frame);
    if (!cursor.toSend) {
      if (lost) this.#emit("gap", { room: frame.room, ...lost });
      this.#emit("joined", { ...frame, fresh: !frame.resumed });
    }
    for (const message of frame.messages ?? []) this.#sender.seen(message);
    this.#release(cursor);
    this.#sender.flush(frame.room);
  }

  /** @param {RoomEvent} frame */
  onEvent(frame) {
    const cursor = this.#cursors.get(frame.room);
    if (!cursor?.live) return;
    const step = cursor.step(frame.seq);
    if (step === "hole") this.#sendJoin(frame.room); // the contract excludes it; if it happens, nothing is skipped
    if (step !== "next") return;
    cursor.learn(frame);
    if (frame.type === "message") this.#sender.seen(frame);
    if (!cursor.toSend) this.#emit(frame.type, frame);
  }

  /** @param {Sent} frame */
  onSent(frame) {
    this.#release(this.#cursors.get(frame.room));
    this.#emit("sent", frame);
    this.#sender.sent(frame);
  }

  /** @param {Reset} frame */
  onReset({ room, reason }) {
    this.#cursors.get(room)?.reset(reason);
    this.#sendJoin(room);
  }

  /**
   * An error came.
   * @param {ErrorFrame} frame
   * @returns {boolean} whether it answers a join or an entry of the outbox
   */
  onError(frame) {
    const { ref, code, message, retry_after } = frame;
    if (ref === undefined) return false;
    const entry = this.#outbox.get(ref);
    if (entry) {
      this.#sender.refuse(entry, frame);
      return true;
    }
    const cursor = [...this.#cursors.values()].find((one) => one.ref === ref);
    if (!cursor) return false;
    cursor.calm();
    if (PASSING_ERRORS.includes(code)) {
      const ms = wait_ms(retry_after);
      cursor.hold(ms, () => this.#sendJoin(cursor.room));
      this.#hold(cursor, code, ms);
    } else {
      this.#sender.fail(cursor.room, code, message);
      this.#drop(cursor);
      if (!cursor.toSend) this.#emit("refused", { room: cursor.room, type: "join", code, message });
    }
    return true;
  }

  // -- how

  /** @param {string} room */
  #sendJoin(room) {
    const cursor = this.#cursors.get(room);
    if (!cursor || !this.#link.send(cursor.request())) return;
    cursor.expect(JOIN_TIMEOUT_MS, () => {
      this.#link.doubt();
      this.#sendJoin(room);
    });
    this.#sender.requeue(room);
  }

  /** @type {(cursor: RoomCursor, code: ErrorCode, retryIn: number) => void} */
  #hold(cursor, code, retryIn) {
    cursor.heldBy = code;
    this.#emit("held", { room: cursor.room, code, retryIn });
  }

  /** @param {RoomCursor | undefined} cursor */
  #release(cursor) {
    if (!cursor?.heldBy) return;
    cursor.heldBy = null;
    this.#emit("held", { room: cursor.room, code: null, retryIn: 0 });
  }

  /** @param {RoomCursor} cursor */
  #drop(cursor) {
    cursor.interrupt();
    this.#cursors.delete(cursor.room);
  }

  /** Rooms we are not in, for which something waits, are joined for as long as it takes. */
  #joinToSend() {
    if (!this.#link.isOpen) return;
    const waiting = this.#outbox.rooms();
    for (const room of waiting) {
      if (this.#cursors.has(room)) continue;
      this.#cursors.set(room, new RoomCursor(room, 0, true));
      this.#sendJoin(room);
    }
    for (const [room, { toSend }] of [...this.#cursors]) if (toSend && !waiting.has(room)) this.leave(room);
  }
}
