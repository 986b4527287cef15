/**
 * What was begun in each room and not sent, shared by all tabs: each writes it down as it is typed, and the others show
 * it. What the browser's storage doesn't take lives as long as the page.
 * @module
 */

import { storage } from "./store.js";

const PREFIX = "parley.draft.";
const ROOMS_LIMIT = 50; // whose drafts are kept; beyond it the first of the storage's own order goes

export class Drafts {
  /** @type {Map<string, string>} by room */
  #unsaved = new Map();

  /** @param {(room: string, text: string) => void} onChange another tab wrote */
  constructor(onChange) {
    addEventListener("storage", ({ key, newValue, storageArea }) => {
      if (storageArea !== storage || !key?.startsWith(PREFIX)) return;
      const room = key.slice(PREFIX.length);
      this.#unsaved.delete(room);
      onChange(room, newValue ?? "");
    });
  }

  /** @param {string} room */
  get(room) {
    return this.#unsaved.get(room) ?? storage?.getItem(PREFIX + room) ?? "";
  }

  /** @type {(room: string, text: string) => void} */
  keep(room, text) {
    this.#unsaved.delete(room);
    try {
      if (!text) storage?.removeItem(PREFIX + room);
      else if (storage) this.#store(storage, PREFIX + room, text);
      else this.#unsaved.set(room, text);
    } catch {
      this.#unsaved.set(room, text); // full
    }
  }

  /** @type {(where: Storage, key: string, text: string) => void} */
  #store(where, key, text) {
    if (where.getItem(key) === null) {
      const others = Object.keys(where).filter((one) => one.startsWith(PREFIX));
      for (const other of others.slice(0, Math.max(0, others.length - ROOMS_LIMIT + 1))) where.removeItem(other);
    }
    where.setItem(key, text);
  }
}
