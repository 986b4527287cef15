/**
 * Where we stand in one room: the last durable event seen, and whether what comes now follows it.
 * @module
 */

/** @import { Begun, ErrorCode, Join, Joined, Position, Reset, RoomEvent, Topic } from "./protocol.js" */

/** @typedef {{reason: Reset["reason"], after: number}} Loss everything after seq `after`, and why */

const EVENTS = ["topic"]; // kinds that we know beyond those that every client knows

let joins = 0;

export class RoomCursor {
  /** Whether `joined` has come on this connection, so that events count. */
  live = false;
  /** @type {Position | null} the last durable event seen */
  since = null;
  /** @type {Topic | null} what the room is about */
  topic = null;
  /** @type {Begun | null} who began it; null where nobody did yet, or nobody knows */
  begun = null;
  /** @type {string | null} the `ref` of the join under way */
  ref = null;
  /** Whether we wait: the service asked to, or the connection takes no more. */
  held = false;
  /** @type {ErrorCode | null} what the service last refused for now, with nothing taken since */
  heldBy = null;

  #limit;
  /** @type {Loss | null} what `reset` took, until the next `joined` */
  #lost = null;
  /** @type {number | undefined} */
  #deadline;
  /** @type {number | undefined} */
  #pause;

  /**
   * @param {string} room
   * @param {number} limit messages that a fresh join brings
   * @param {boolean} [toSend] joined only to send what waits for this room
   */
  constructor(room, limit, toSend = false) {
    this.room = room;
    this.toSend = toSend;
    this.#limit = limit;
  }

  /**
   * The `join` to send now. Until it is answered nothing of the room counts.
   * @returns {Join}
   */
  request() {
    this.interrupt();
    this.ref = `join.${(joins += 1)}`;
    const since = this.since ?? undefined;
    return { type: "join", room: this.room, limit: this.#limit, ref: this.ref, since, events: EVENTS };
  }

  /**
   * `joined` came.
   * @param {Joined} frame
   * @returns {Loss | null} what is missing, but for the frame's own messages
   */
  joined({ epoch, seq, resumed, topic, begun }) {
    this.calm();
    this.live = true;
    this.topic = topic ?? null;
    this.begun = begun ?? null;
    let lost = this.#lost;
    this.#lost = null;
    if (!resumed) {
      if (this.since) lost = { reason: this.since.epoch === epoch ? "trimmed" : "epoch", after: this.since.seq };
      this.since = { epoch, seq };
    }
    return lost;
  }

  /**
   * A durable event came.
   * @param {number} seq
   * @returns {"next" | "repeat" | "hole"} only the next one counts
   */
  step(seq) {
    if (!this.since) return "hole";
    if (seq <= this.since.seq) return "repeat";
    if (seq > this.since.seq + 1) return "hole";
    this.since = { epoch: this.since.epoch, seq };
    return "next";
  }

  /**
   * What the next event says of the room as a whole. `joined` may have said what a later one will say again.
   * @param {RoomEvent} event
   */
  learn(event) {
    const { seq, user, at } = event;
    if (seq === 1) this.begun = { user, at };
    if (event.type !== "topic" || seq < (this.topic?.seq ?? 0)) return;
    this.topic = event.text === "" ? null : { text: event.text, user, at, seq };
  }

  /**
   * The service can't go on from where we stand.
   * @param {Reset["reason"]} reason
   */
  reset(reason) {
    if (this.since) this.#lost = { reason, after: this.since.seq };
    this.since = null;
    this.interrupt();
  }

  /** Nothing of this room counts any more until the next `joined`. */
  interrupt() {
    this.live = false;
    this.calm();
    clearTimeout(this.#pause);
    this.held = false;
  }

  /**
   * Call `late` unless the answer (`calm`) comes within `ms`.
   * @param {number} ms
   * @param {() => void} late
   */
  expect(ms, late) {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(late, ms);
  }

  /** The answer came. */
  calm() {
    this.ref = null;
    clearTimeout(this.#deadline);
  }

  /**
   * Ask nothing of this room for `ms`, then call `resume`.
   * @param {number} ms
   * @param {() => void} resume
   */
  hold(ms, resume) {
    this.held = true;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.held = false;
      resume();
    }, ms);
  }
}
