/**
 * Where we stand in one room: the last durable event seen, and whether what comes now follows it.
 * @module
 */

let joins = 0;

export class RoomCursor {
  /** Whether `joined` has come on this connection, so that events count. */
  live = false;
  /** @type {{epoch: string, seq: number} | null} the last durable event seen */
  since = null;
  /** @type {string | null} the `ref` of the join under way */
  ref = null;
  /** Whether the service asked to wait. */
  held = false;

  #limit;
  #lost = null; // what `reset` took, until the next `joined`
  #deadline;
  #pause;

  /**
   * @param {string} room
   * @param {number} limit messages that a fresh join brings
   * @param {boolean} [errand] joined only to send what waits for this room
   */
  constructor(room, limit, errand = false) {
    this.room = room;
    this.errand = errand;
    this.#limit = limit;
  }

  /** The `join` to send now. Until it is answered nothing of the room counts. */
  request() {
    this.interrupt();
    this.ref = `join.${(joins += 1)}`;
    const frame = { type: "join", room: this.room, limit: this.#limit, ref: this.ref };
    return this.since ? { ...frame, since: this.since } : frame;
  }

  /**
   * `joined` came.
   * @returns {{reason: string, after: number} | null} what is missing: everything after seq `after` that the frame's
   *     own messages don't hold
   */
  joined({ epoch, seq, resumed }) {
    this.calm();
    this.live = true;
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
   * @returns {"next" | "repeat" | "hole"} only the next one counts
   */
  step(seq) {
    if (seq <= this.since.seq) return "repeat";
    if (seq > this.since.seq + 1) return "hole";
    this.since = { epoch: this.since.epoch, seq };
    return "next";
  }

  /** The service can't go on from where we stand. */
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

  /** Call `late` unless the answer (`calm`) comes within `ms`. */
  expect(ms, late) {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(late, ms);
  }

  /** The answer came. */
  calm() {
    this.ref = null;
    clearTimeout(this.#deadline);
  }

  /** Ask nothing of this room for `ms`, then call `resume`. */
  hold(ms, resume) {
    this.held = true;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.held = false;
      resume();
    }, ms);
  }
}
