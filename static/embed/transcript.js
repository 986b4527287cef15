/**
 * What an embedded chat knows of its room: messages in order, what waits to be sent, who is here, what is unread. It
 * knows no page.
 * @module
 */

/** @import { ChatCore } from "../client/core.js" */
/** @import { OutboxEntry } from "../client/outbox.js" */
/** @import { Edited, Joined, Message, Presence, Reacted, Removed } from "../client/protocol.js" */

const LIMIT = 1000; // messages; older ones are read again when somebody scrolls there

/** @typedef {(isHistory: boolean) => void} Listener who shows it; `isHistory`: nothing of what changed is new */
/** @typedef {Message & {lost?: boolean}} Kept `lost`: what stood before it is missing */

export class Transcript {
  /** @type {number} */
  unread = 0;
  /** Whether there are older messages than the first. */
  more = false;
  /** Whether the service has let us into the room. */
  isIn = false;
  /** @type {number | null} people here; null where that isn't known */
  people = null;

  #chat;
  #room;
  /** @type {Set<Listener>} */
  #listeners = new Set();
  /** @type {Map<number, Kept>} by seq */
  #messages = new Map();
  /** @type {Map<string, OutboxEntry>} stored, but not seen yet */
  #stored = new Map();
  #lost = false;
  #loading = false;
  /** @type {(() => void)[]} */
  #stops;

  /**
   * @param {ChatCore} chat
   * @param {string} room
   */
  constructor(chat, room) {
    this.#chat = chat;
    this.#room = room;
    this.#stops = [
      chat.on("joined", (frame) => this.#isOurs(frame) && this.#onJoined(frame)),
      chat.on("message", (frame) => this.#isOurs(frame) && this.#onMessage(frame)),
      chat.on("edited", (frame) => this.#isOurs(frame) && this.#onChanged(frame)),
      chat.on("removed", (frame) => this.#isOurs(frame) && this.#onChanged(frame)),
      chat.on("reacted", (frame) => this.#isOurs(frame) && this.#onReacted(frame)),
      chat.on("gap", (frame) => (this.#lost ||= this.#isOurs(frame))),
      chat.on("presence", (frame) => this.#isOurs(frame) && this.#onPresence(frame)),
      chat.on("sent", ({ id }) => this.#onSent(id)),
      chat.on("outbox", (entry) => (entry === null || this.#isOurs(entry)) && this.#onChange(false)),
    ];
    chat.join(room);
  }

  /** @param {Listener} listener */
  listen(listener) {
    this.#listeners.add(listener);
  }

  /**
   * @param {Listener} listener who is gone
   * @returns {boolean} whether that was the last one: then the room is left
   */
  unlisten(listener) {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return false;
    for (const stop of this.#stops) stop();
    this.#chat.leave(this.#room);
    return true;
  }

  /** @type {Listener} */
  #onChange = (isHistory) => {
    for (const listener of this.#listeners) listener(isHistory);
  };

  /** @returns {Kept[]} in the room's order */
  get messages() {
    return [...this.#messages.values()].sort((one, other) => one.seq - other.seq);
  }

  /** @returns {OutboxEntry[]} what we wrote that isn't among the messages yet */
  get waiting() {
    const seen = new Set([...this.#messages.values()].map(({ id }) => id));
    const entries = [...this.#stored.values(), ...this.#chat.outbox.list(this.#room)];
    return entries.filter(({ id, frame }) => frame.type === "send" && !seen.has(id));
  }

  /** All of it is seen by somebody. */
  read() {
    const last = Math.max(0, ...this.#messages.keys());
    if (this.unread > 0) this.#chat.read(this.#room, last);
    this.unread = 0;
  }

  /** Older messages, if there are some and nobody asked yet. */
  async older() {
    if (this.#loading || !this.more || !this.isIn || this.#messages.size === 0) return;
    this.#loading = true;
    try {
      const page = await this.#chat.history(this.#room, Math.min(...this.#messages.keys()));
      for (const message of page.messages) this.#messages.set(message.seq, message);
      this.more = page.more && page.messages.length > 0;
    } catch {
      // who scrolls there again asks again
    } finally {
      this.#loading = false;
    }
    this.#onChange(true);
  }

  /** @param {{room: string}} frame */
  #isOurs = (frame) => frame.room === this.#room;

  /** @param {Joined & {fresh: boolean}} frame */
  #onJoined({ fresh, messages, more, members, count, reads }) {
    this.isIn = true;
    this.people = members?.length ?? count ?? null;
    if (fresh) {
      const lost = this.#lost && this.#messages.size > 0;
      this.#messages = new Map(messages.map((message) => [message.seq, message]));
      this.more = more;
      if (lost && messages[0]) this.#messages.set(messages[0].seq, { ...messages[0], lost });
      const read = reads?.[this.#chat.user?.id ?? ""];
      if (read !== undefined) this.unread = messages.filter((one) => one.seq > read && this.#isOfOthers(one)).length;
    }
    this.#lost = false;
    for (const { id } of messages) this.#stored.delete(id);
    this.#onChange(fresh);
  }

  /** @param {Message} message */
  #onMessage(message) {
    this.#messages.set(message.seq, message);
    this.#stored.delete(message.id);
    if (this.#isOfOthers(message)) this.unread += 1;
    if (this.#messages.size > LIMIT) {
      this.#messages.delete(Math.min(...this.#messages.keys()));
      this.more = true;
    }
    this.#onChange(false);
  }

  /** What was removed meanwhile comes without its words. @param {Message} message */
  #isOfOthers = ({ user, text }) => text !== undefined && user.id !== this.#chat.user?.id;

  /** @param {Edited | Removed} event */
  #onChanged({ type, target, at, ...event }) {
    const known = this.#messages.get(target);
    if (!known) return;
    const { text: _, ...rest } = known;
    const isGone = type === "removed" || ("removed" in event && event.removed === true);
    /** @type {Kept} */
    const changed = isGone
      ? { ...rest, removed: true }
      : { ...known, text: "text" in event ? event.text : undefined, edited_at: at };
    this.#messages.set(target, changed);
    this.#onChange(false);
  }

  /** @param {Reacted} event */
  #onReacted({ target, emoji, on, user }) {
    const known = this.#messages.get(target);
    if (!known) return;
    const others = (known.reactions?.[emoji] ?? []).filter((id) => id !== user.id);
    const people = on ? [...others, user.id] : others;
    this.#messages.set(target, { ...known, reactions: { ...known.reactions, [emoji]: people } });
    this.#onChange(false);
  }

  /** @param {Presence} frame */
  #onPresence({ count }) {
    this.people = count;
    this.#onChange(false);
  }

  /** Its entry leaves the outbox now, and the message may come later. @param {string} id */
  #onSent(id) {
    const entry = this.#chat.outbox.get(id);
    if (entry && this.#isOurs(entry)) this.#stored.set(id, { ...entry, state: "sending" });
  }
}
