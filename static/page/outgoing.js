/**
 * What the page sends, and what of it is still on its way.
 * @module
 */

import { OutboxFullError } from "../client.js";
import { byId } from "./dom.js";

const SEEN_MS = 4000; // how long a stored message stands as pending until its event comes

export class Outgoing {
  #chat;
  #changed;
  #stored = new Map(); // id to entry: stored, but not seen in the room yet

  /**
   * @param {import("../client.js").Chat} chat
   * @param {() => void} changed what is on its way changed
   */
  constructor(chat, changed) {
    this.#chat = chat;
    this.#changed = changed;
    chat.on("sent", ({ id }) => this.#onSent(id));
  }

  /** What of a room is to be shown as on its way. @returns {import("../outbox.js").Entry[]} */
  entries(room) {
    const waiting = this.#chat.outbox.list(room);
    const ids = new Set(waiting.map(({ id }) => id));
    const stored = [...this.#stored.values()].filter((entry) => entry.room === room && !ids.has(entry.id));
    return [...stored, ...waiting];
  }

  /** @returns {string | null} why it can't be taken */
  send(room, text) {
    return this.#post(() => this.#chat.send(room, text));
  }

  edit(room, seq, text) {
    this.#post(() => this.#chat.edit(room, seq, text));
  }

  /** Remove a message, if that is really meant. */
  remove(room, seq) {
    const dialog = byId("confirm");
    dialog.returnValue = "";
    dialog.onclose = () => {
      if (dialog.returnValue === "yes") this.#post(() => this.#chat.remove(room, seq));
    };
    dialog.showModal();
  }

  /**
   * Give a reaction, or take it back.
   * @param {import("./room.js").Room} room
   * @param {number} seq
   * @param {string} emoji
   */
  react(room, seq, emoji) {
    const last = this.#chat.outbox.list(room.name).findLast(({ frame }) => {
      return frame.type === "react" && frame.target === seq && frame.emoji === emoji;
    });
    const given = last ? last.frame.on : room.get(seq)?.reactions?.[emoji]?.includes(this.#chat.user?.id);
    this.#post(() => this.#chat.react(room.name, seq, emoji, !given));
  }

  #post(work) {
    try {
      work();
      return null;
    } catch (error) {
      if (!(error instanceof OutboxFullError)) throw error;
      return "Too many messages are waiting to be sent.";
    }
  }

  /** It is stored, and its event is on the way: until then it must not vanish. */
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
