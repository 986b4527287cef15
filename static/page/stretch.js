/**
 * Messages of a room that follow one another with no hole between them, by seq.
 *
 * What is stored never changes: a changed message is another object in the same place, so that whoever draws it sees by
 * comparing two references whether it is still the same.
 * @module
 */

/** @import { Message } from "../client/protocol.js" */

export class Stretch {
  /** @type {Message[]} */
  messages;
  /** Whether the service has older ones. */
  more;

  /**
   * @param {Message[]} [messages]
   * @param {boolean} [more]
   */
  constructor(messages = [], more = false) {
    this.messages = messages;
    this.more = more;
  }

  /**
   * The index of the first message whose seq is at least this.
   * @param {number} seq
   */
  indexOf(seq) {
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages[middle].seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {number} seq */
  get(seq) {
    const message = this.messages.at(this.indexOf(seq));
    return message?.seq === seq ? message : undefined;
  }

  /**
   * Add a message behind the last one; one that is there already is left as it is.
   * @param {Message} message
   * @returns {boolean} whether it was added
   */
  append(message) {
    if (message.seq <= (this.messages.at(-1)?.seq ?? 0)) return false;
    this.messages.push(message);
    return true;
  }

  /**
   * Put a page of older messages before the first one.
   * @param {Message[]} page
   * @param {boolean} more whether there are still older ones
   */
  prepend(page, more) {
    const first = this.messages[0]?.seq ?? Infinity;
    this.messages = [...page.filter(({ seq }) => seq < first), ...this.messages];
    this.more = more;
  }

  /**
   * @param {number} seq
   * @param {Partial<Message>} change
   */
  change(seq, change) {
    const index = this.indexOf(seq);
    const message = this.messages.at(index);
    if (message?.seq === seq) this.messages[index] = { ...message, ...change };
  }

  /**
   * Drop the oldest; they can be had again.
   * @param {number} number
   * @returns {Message[]} what was dropped
   */
  drop(number) {
    this.more ||= number > 0;
    return this.messages.splice(0, number);
  }
}
