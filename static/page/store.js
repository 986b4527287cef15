/**
 * What the page remembers in this browser. Where storage is switched off it remembers nothing, and works.
 * @module
 */

const ROOMS_LIMIT = 20;

/** localStorage, or null where it can't be had. */
export const storage = usable();

/** @returns {Storage | null} */
function usable() {
  try {
    const found = globalThis.localStorage;
    found.getItem("parley.name");
    return found;
  } catch {
    return null;
  }
}

/** @type {(key: string, value: string) => void} */
function write(key, value) {
  try {
    if (value) storage?.setItem(key, value);
    else storage?.removeItem(key);
  } catch {
    // full: it is forgotten with the page
  }
}

export const store = {
  get name() {
    return storage?.getItem("parley.name") ?? "";
  },

  set name(name) {
    write("parley.name", name);
  },

  /** The rooms we were in. */
  get rooms() {
    try {
      const rooms = JSON.parse(storage?.getItem("parley.rooms") ?? "[]");
      return Array.isArray(rooms) ? rooms.filter((room) => typeof room === "string").slice(-ROOMS_LIMIT) : [];
    } catch {
      return [];
    }
  },

  set rooms(rooms) {
    write("parley.rooms", JSON.stringify(rooms.slice(-ROOMS_LIMIT)));
  },

  /** The number of the skin tone one chose, 0 for none. */
  get tone() {
    return Number(storage?.getItem("parley.tone")) || 0;
  },

  set tone(number) {
    write("parley.tone", number ? String(number) : "");
  },

  /** The emoji one used, the last first. */
  get emoji() {
    return (storage?.getItem("parley.emoji") ?? "").split(" ").filter(Boolean);
  },

  set emoji(emoji) {
    write("parley.emoji", emoji.join(" "));
  },
};
