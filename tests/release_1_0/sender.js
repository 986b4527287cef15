/**
 * Brings the outbox's entries to the service, room by room.
 *
 * A room's entries go one at a time, because one that is refused for now (`rate_limited`, `unavailable`) must not be
 * overtaken by those after it. That costs a round trip each, which is still faster than people may write. After any
 * doubt (a lost connection, no answer in time) an entry is sent again under the same id, and the service stores it once.
 * @module
 */

import { PASSING_ERRORS } from "./codes.js";

const SENT_TIMEOUT_MS = 10_000;
const CONGESTED_MS = 1000; // until the next try when the connection takes no more

/** A wait that the service asked for, in ms, with up to a fifth more so that not all come back at once. */
export const patience_ms = (seconds) => 1000 * Math.max(0.1, seconds ?? 1) * (1 + Math.random() / 5);

export class Sender {
  #outbox;
  #link;
  #cursors;
  #chat;
  #rejoin;
  #refused;

  /**
   * @param {object} parts
   * @param {import("./outbox.js").Outbox} parts.outbox
   * @param {import("./link.js").Link} parts.link
   * @param {Map<string, import("./cursor.js").RoomCursor>} parts.cursors
   * @param {{user: {id: string} | null, limits: {frame: number}}} parts.chat
   * @param {(room: string) => void} parts.rejoin the service says that we are not in that room
   * @param {(refusal: object) => void} parts.refused a change of a message was refused for good
   */
  constructor({ outbox, link, cursors, chat, rejoin, refused }) {
    this.#outbox = outbox;
    this.#link = link;
    this.#cursors = cursors;
    this.#chat = chat;
    this.#rejoin = rejoin;
    this.#refused = refused;
  }

  /** Send the room's next entry, if there is one and nothing is in its way. */
  flush(room) {
    const cursor = this.#cursors.get(room);
    if (!cursor?.live || cursor.held || !this.#link.isOpen) return;
    const entries = this.#outbox.list(room);
    if (entries.some(({ state }) => state === "sending")) return;
    const entry = entries.find(({ state }) => state === "queued");
    if (!entry) return;
    const objection = this.#objection(entry);
    if (objection) {
      this.#outbox.update(entry.id, { state: "failed", error: objection });
    } else if (!this.#link.send({ ...entry.frame, ref: entry.id })) {
      cursor.hold(CONGESTED_MS, () => this.flush(room));
    } else {
      cursor.expect(SENT_TIMEOUT_MS, () => this.#late(entry));
      this.#outbox.update(entry.id, { state: "sending", user: this.#chat.user.id });
    }
  }

  /** What of this room was on its way has an unknown fate, and will be sent again. */
  requeue(room) {
    for (const { id, state } of this.#outbox.list(room)) {
      if (state === "sending") this.#outbox.update(id, { state: "queued" });
    }
  }

  /** Nothing of this room can be sent. */
  fail(room, message) {
    for (const { id, state } of this.#outbox.list(room)) {
      if (state !== "failed") this.#outbox.update(id, { state: "failed", error: message });
    }
  }

  /** `sent` came. A second one, after a repetition, finds nothing any more. */
  sent({ room, id }) {
    if (!this.#outbox.get(id)) return;
    this.#cursors.get(room)?.calm();
    this.#outbox.remove(id);
  }

  /** An error came for an entry. */
  refuse(entry, { code, message, retry_after }) {
    const { id, room, frame } = entry;
    const cursor = this.#cursors.get(room);
    cursor?.calm();
    if (PASSING_ERRORS.includes(code)) {
      cursor?.hold(patience_ms(retry_after), () => this.flush(room));
      this.#outbox.update(id, { state: "queued" });
    } else if (code === "not_joined") {
      this.#rejoin(room);
    } else if (frame.type === "send") {
      this.#outbox.update(id, { state: "failed", error: message });
    } else {
      this.#outbox.remove(id);
      this.#refused({ room, type: frame.type, code, message });
    }
  }

  #late({ id }) {
    this.#link.doubt();
    if (this.#outbox.get(id)?.state === "sending") this.#outbox.update(id, { state: "queued" });
  }

  /** Why an entry can't be sent at all, or null. Past the frame's limit the service would close the socket for good. */
  #objection({ id, user, frame }) {
    if (user !== null && user !== this.#chat.user.id) return "You were somebody else when you wrote this.";
    const size = new TextEncoder().encode(JSON.stringify({ ...frame, ref: id })).length;
    return size > this.#chat.limits.frame ? "This is too long." : null;
  }
}
