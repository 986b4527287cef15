/**
 * The rooms we are in: join, resume, leave, and the durable events in their order.
 * @module
 */

import { PASSING_ERRORS } from "./codes.js";
import { RoomCursor } from "./cursor.js";
import { Sender, patience_ms } from "./sender.js";

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
   * @param {import("./link.js").Link} parts.link
   * @param {import("./outbox.js").Outbox} parts.outbox
   * @param {{user: {id: string} | null, limits: {frame: number}}} parts.chat
   * @param {(event: string, value: object) => void} parts.emit
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
    });
  }

  /** @returns {RoomCursor | undefined} */
  get(room) {
    return this.#cursors.get(room);
  }

  join(room, limit) {
    const known = this.#cursors.get(room);
    if (known && !known.errand) return;
    known?.interrupt();
    this.#cursors.set(room, new RoomCursor(room, limit));
    this.#sendJoin(room);
  }

  leave(room) {
    const cursor = this.#cursors.get(room);
    if (!cursor) return;
    const known = cursor.live || cursor.ref !== null; // to the service
    this.#drop(cursor);
    if (known) this.#link.send({ type: "leave", room });
    this.#sender.requeue(room);
    this.#runErrands();
  }

  // -- what happened

  /** The connection is up: be where we were. */
  onWelcome() {
    for (const room of [...this.#cursors.keys()]) this.#sendJoin(room);
    this.#runErrands();
  }

  /** The connection is gone. */
  onLost() {
    for (const cursor of this.#cursors.values()) cursor.interrupt();
    for (const room of this.#outbox.rooms()) this.#sender.requeue(room);
  }

  /** An entry changed, or (null) several did. */
  onOutbox(entry) {
    for (const room of entry ? [entry.room] : [...this.#cursors.keys()]) this.#sender.flush(room);
    this.#runErrands();
  }

  onJoined(frame) {
    const cursor = this.#cursors.get(frame.room);
    if (!cursor || cursor.ref !== frame.ref) return; // left, or joined once more, meanwhile
    const lost = cursor.joined(frame);
    if (!cursor.errand) {
      if (lost) this.#emit("gap", { room: frame.room, ...lost });
      this.#emit("joined", { ...frame, fresh: !frame.resumed });
    }
    this.#sender.flush(frame.room);
  }

  onEvent(frame) {
    const cursor = this.#cursors.get(frame.room);
    if (!cursor?.live) return;
    const step = cursor.step(frame.seq);
    if (step === "hole") this.#sendJoin(frame.room); // the contract excludes it; if it happens, nothing is skipped
    else if (step === "next" && !cursor.errand) this.#emit(frame.type, frame);
  }

  onSent(frame) {
    this.#emit("sent", frame);
    this.#sender.sent(frame);
  }

  onReset({ room, reason }) {
    this.#cursors.get(room)?.reset(reason);
    this.#sendJoin(room);
  }

  /**
   * An error came.
   * @returns {boolean} whether it answers a join or an entry of the outbox
   */
  onError(frame) {
    const { ref, code, message, retry_after } = frame;
    const entry = this.#outbox.get(ref);
    if (entry) {
      this.#sender.refuse(entry, frame);
      return true;
    }
    const cursor = [...this.#cursors.values()].find((one) => one.ref === ref);
    if (!cursor) return false;
    cursor.calm();
    if (PASSING_ERRORS.includes(code)) {
      cursor.hold(patience_ms(retry_after), () => this.#sendJoin(cursor.room));
    } else {
      this.#sender.fail(cursor.room, message);
      this.#drop(cursor);
      if (!cursor.errand) this.#emit("refused", { room: cursor.room, type: "join", code, message });
    }
    return true;
  }

  // -- how

  #sendJoin(room) {
    const cursor = this.#cursors.get(room);
    if (!cursor || !this.#link.send(cursor.request())) return;
    cursor.expect(JOIN_TIMEOUT_MS, () => {
      this.#link.doubt();
      this.#sendJoin(room);
    });
    this.#sender.requeue(room);
  }

  #drop(cursor) {
    cursor.interrupt();
    this.#cursors.delete(cursor.room);
  }

  /** Rooms we are not in, for which something waits, are joined for as long as it takes. */
  #runErrands() {
    if (!this.#link.isOpen) return;
    const waiting = this.#outbox.rooms();
    for (const room of waiting) {
      if (this.#cursors.has(room)) continue;
      this.#cursors.set(room, new RoomCursor(room, 0, true));
      this.#sendJoin(room);
    }
    for (const [room, { errand }] of [...this.#cursors]) if (errand && !waiting.has(room)) this.leave(room);
  }
}
