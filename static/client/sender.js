/**
 * Brings the outbox's entries to the service, room by room.
 *
 * A room's entries go one at a time, because one that is refused for now (`rate_limited`, `unavailable`) must not be
 * overtaken by those after it. That costs a round trip each, which is still faster than people may write. After any
 * doubt (a lost connection, no answer in time) an entry is sent again under the same id, and the service stores it once.
 * @module
 */

import { PASSING_ERRORS } from "./codes.js";

/**
 * @import { RoomCursor } from "./cursor.js"
 * @import { Link } from "./link.js"
 * @import { Outbox, OutboxEntry } from "./outbox.js"
 * @import { ErrorCode, ErrorFrame, Limits, Message, Person, Sent } from "./protocol.js"
 * @import { Refusal } from "./rooms.js"
 */

const SENT_TIMEOUT_MS = 10_000;
const CONGESTED_MS = 1000; // until the next try when the connection takes no more

/**
 * A wait that the service asked for, in ms, with up to a fifth more so that not all come back at once.
 * @param {number} [seconds]
 */
export const wait_ms = (seconds) => 1000 * Math.max(0.1, seconds ?? 1) * (1 + Math.random() / 5);

/** @type {(entry: OutboxEntry, cursor: RoomCursor) => boolean} whether the seqs that it names are those of today */
const isToday = ({ epoch }, { since }) => epoch === undefined || epoch === since?.epoch;

export class Sender {
  #outbox;
  #link;
  #cursors;
  #chat;
  #rejoin;
  #refused;
  #held;

  /**
   * @param {object} parts
   * @param {Outbox} parts.outbox
   * @param {Link} parts.link
   * @param {Map<string, RoomCursor>} parts.cursors
   * @param {{user: Person | null, limits: Limits}} parts.chat
   * @param {(room: string) => void} parts.rejoin the service says that we are not in that room
   * @param {(refusal: Refusal) => void} parts.refused a change of a message, or a topic, was refused for good
   * @param {(cursor: RoomCursor, code: ErrorCode, ms: number) => void} parts.held something was refused for now
   */
  constructor({ outbox, link, cursors, chat, rejoin, refused, held }) {
    this.#outbox = outbox;
    this.#link = link;
    this.#cursors = cursors;
    this.#chat = chat;
    this.#rejoin = rejoin;
    this.#refused = refused;
    this.#held = held;
  }

  /**
   * Send the room's next entry, if there is one and nothing is in its way.
   * @param {string} room
   */
  flush(room) {
    const cursor = this.#cursors.get(room);
    const { user } = this.#chat;
    if (!cursor?.live || cursor.held || !user || !this.#link.isOpen) return;
    const entries = this.#outbox.list(room);
    if (entries.some(({ state }) => state === "sending")) return;
    const entry = entries.find(({ state }) => state !== "failed");
    if (entry?.state !== "queued") return;
    const objection = this.#objection(entry, user, cursor);
    if (entry.changed && entry.seq !== undefined && isToday(entry, cursor)) {
      this.#editStored(entry, entry.seq);
    } else if (objection) {
      this.#giveUp(entry, "bad_request", objection);
    } else if (!this.#link.send({ ...entry.frame, ref: entry.id })) {
      cursor.hold(CONGESTED_MS, () => this.flush(room));
    } else {
      cursor.expect(SENT_TIMEOUT_MS, () => this.#late(entry));
      this.#outbox.update(entry.id, { state: "sending", user: user.id, tried: true });
    }
  }

  /**
   * What of this room was on its way has an unknown fate, and will be sent again.
   * @param {string} room
   */
  requeue(room) {
    for (const { id, state } of this.#outbox.list(room)) {
      if (state === "sending") this.#outbox.update(id, { state: "queued" });
    }
  }

  /**
   * Nothing of this room can be sent.
   * @param {string} room
   * @param {ErrorCode} code
   * @param {string} message
   */
  fail(room, code, message) {
    for (const entry of this.#outbox.list(room)) {
      if (entry.state !== "failed") this.#giveUp(entry, code, message);
    }
  }

  /**
   * `sent` came. A second one, after a repetition, finds nothing any more.
   * @param {Sent} frame
   */
  sent({ room, id }) {
    if (!this.#outbox.get(id)) return;
    this.#cursors.get(room)?.calm();
    this.#outbox.remove(id);
  }

  /**
   * A message came. If it is one of ours whose `sent` is yet to come, a rewritten text becomes an edit of it.
   * @param {Message} message
   */
  seen({ id, room, seq, user }) {
    const entry = this.#outbox.get(id);
    if (!entry || entry.room !== room || entry.user !== user.id) return;
    this.#outbox.update(id, { seq, epoch: this.#cursors.get(room)?.since?.epoch });
    if (entry.changed && entry.state !== "sending") this.#editStored(entry, seq);
  }

  /** @type {(entry: OutboxEntry, seq: number) => void} */
  #editStored({ id, room, user, frame, epoch }, seq) {
    if (frame.type !== "send" || !this.#outbox.get(id)) return;
    this.#outbox.remove(id);
    this.#outbox.add({ type: "edit", room, target: seq, text: frame.text }, user, epoch);
  }

  /**
   * An error came for an entry.
   * @param {OutboxEntry} entry
   * @param {ErrorFrame} frame
   */
  refuse(entry, { code, message, retry_after }) {
    const { id, room } = entry;
    const cursor = this.#cursors.get(room);
    cursor?.calm();
    if (PASSING_ERRORS.includes(code)) {
      if (cursor) {
        const ms = wait_ms(retry_after);
        cursor.hold(ms, () => this.flush(room));
        this.#held(cursor, code, ms);
      }
      this.#outbox.update(id, { state: "queued" });
    } else if (code === "not_joined") {
      this.#rejoin(room);
    } else if (entry.seq !== undefined) {
      this.#editStored(entry, entry.seq);
    } else {
      this.#giveUp(entry, code, message);
    }
  }

  /**
   * A message stays, for its author to see; of a change there is nothing to show, so it is told with its words.
   * @param {OutboxEntry} entry
   * @param {ErrorCode} code
   * @param {string} message
   */
  #giveUp({ id, room, frame }, code, message) {
    if (frame.type === "send") {
      this.#outbox.update(id, { state: "failed", error: message, code });
    } else {
      this.#outbox.remove(id);
      const text = "text" in frame ? frame.text : undefined;
      this.#refused({ id, room, type: frame.type, code, message, text });
    }
  }

  /** @param {OutboxEntry} entry */
  #late({ id }) {
    this.#link.doubt();
    if (this.#outbox.get(id)?.state === "sending") this.#outbox.update(id, { state: "queued" });
  }

  /**
   * Why an entry can't be sent at all, or null. Past the frame's limit the service would close the socket for good.
   * @param {OutboxEntry} entry
   * @param {Person} me
   * @param {RoomCursor} cursor
   */
  #objection(entry, me, cursor) {
    const { id, user, frame } = entry;
    if ("target" in frame && !isToday(entry, cursor)) return "That message is gone.";
    if (user !== null && user !== me.id) return "You were somebody else when you wrote this.";
    const size = new TextEncoder().encode(JSON.stringify({ ...frame, ref: id })).length;
    return size > this.#chat.limits.frame ? "This is too long." : null;
  }
}
