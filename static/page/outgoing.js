/**
 * What the page sends, and what of it is still on its way.
 * @module
 */

import { OutboxFullError } from "../client/core.js";
import { withHands } from "./demand.js";
import { words } from "./words.js";

/**
 * @import { ChatCore } from "../client/core.js"
 * @import { OutboxEntry } from "../client/outbox.js"
 * @import { Room } from "./room.js"
 */

/** @typedef {OutboxEntry & {sent?: boolean}} OutgoingEntry `sent`: stored, but not seen in the room yet */

const SEEN_MS = 4000; // how long a stored message stands as pending until its event comes

export class Outgoing {
  #chat;
  #changed;
  /** @type {Map<string, OutgoingEntry>} what is sent, by id */
  #stored = new Map();

  /**
   * @param {ChatCore} chat
   * @param {() => void} changed what is on its way changed
   */
  constructor(chat, changed) {
    this.#chat = chat;
    this.#changed = changed;
    chat.on("sent", ({ id }) => this.#onSent(id));
    chat.on("gap", ({ room }) => this.#onGap(room));
  }

  /**
   * What of a room is to be shown as on its way.
   * @param {string} room
   * @returns {OutgoingEntry[]}
   */
  entries(room) {
    const waiting = this.#chat.outbox.list(room);
    const ids = new Set(waiting.map(({ id }) => id));
    const stored = [...this.#stored.values()].filter((entry) => entry.room === room && !ids.has(entry.id));
    return [...stored, ...waiting];
  }

  /**
   * @param {string} room
   * @param {string} text
   * @returns {string | null} why it can't be taken
   */
  send(room, text) {
    return this.#post(() => this.#chat.send(room, text));
  }

  /** @type {(room: Room, seq: number, text: string) => void} */
  edit({ name, epoch }, seq, text) {
    this.#post(() => this.#chat.edit(name, seq, text, epoch ?? undefined));
  }

  /** @type {(room: string, text: string) => void} */
  setTopic(room, text) {
    this.#post(() => this.#chat.setTopic(room, text));
  }

  /**
   * Remove a message, if that is really meant.
   * @param {Room} room
   * @param {number} seq
   */
  remove({ name, epoch }, seq) {
    void withHands(({ askToRemove }) => {
      askToRemove(() => this.#post(() => this.#chat.remove(name, seq, epoch ?? undefined)));
    });
  }

  /**
   * Give a reaction, or take it back.
   * @param {Room} room
   * @param {number} seq
   * @param {string} emoji
   */
  react(room, seq, emoji) {
    const me = this.#chat.user?.id ?? "";
    const frames = this.#chat.outbox.list(room.name).map(({ frame }) => (frame.type === "react" ? frame : null));
    const last = frames.findLast((frame) => frame?.target === seq && frame.emoji === emoji);
    const given = last ? last.on : room.get(seq)?.reactions?.[emoji]?.includes(me);
    this.#post(() => this.#chat.react(room.name, seq, emoji, !given, room.epoch ?? undefined));
  }

  /**
   * What was stored before the gap stands above it, if anywhere: its event is not to be waited for.
   * @param {string} room
   */
  #onGap(room) {
    for (const [id, entry] of this.#stored) if (entry.room === room) this.#stored.delete(id);
  }

  /** @param {() => void} work */
  #post(work) {
    try {
      work();
      return null;
    } catch (error) {
      if (!(error instanceof OutboxFullError)) throw error;
      return words.composer.full;
    }
  }

  /**
   * It is stored, and its event is on the way: until then it must not vanish.
   * @param {string} id
   */
  #onSent(id) {
    const entry = this.#chat.outbox.get(id);
    if (entry?.frame.type !== "send") return;
    this.#stored.set(id, { ...entry, sent: true });
    setTimeout(() => {
      this.#stored.delete(id);
      this.#changed();
    }, SEEN_MS);
  }
}
