/**
 * What the page remembers in this browser. Where storage is switched off it remembers nothing, and works.
 * @module
 */

const NAME = "parley.name";
const OWNER = "parley.owner";
const OUT = "parley.out";
/** Where the choice of a language is kept. */
export const LANGUAGE_KEY = "parley.language";
// The outbox is let go of entry by entry, for some may be of others; how the page looks is this browser's, not a person's.
const STAYS = /^parley\.(?:outbox\.|theme$|density$|language$)/;
/** The database of archive.js. */
export const SEEN = "parley";

/** localStorage, or null where it can't be had. */
export const storage = usable("localStorage");

/** sessionStorage, which ends with the tab; likewise. */
export const session = usable("sessionStorage");

/**
 * @param {"localStorage" | "sessionStorage"} name
 * @returns {Storage | null}
 */
function usable(name) {
  try {
    const found = globalThis[name];
    found.getItem(NAME);
    return found;
  } catch {
    return null;
  }
}

/** @type {(key: string, value: string, where?: Storage | null) => void} */
function write(key, value, where = storage) {
  try {
    if (value) where?.setItem(key, value);
    else where?.removeItem(key);
  } catch {
    // full: it is forgotten with the page
  }
}

export const store = {
  /** What we are called. */
  get name() {
    return session?.getItem(NAME) ?? storage?.getItem(NAME) ?? "";
  },

  /** Of a guest, who comes back by it. */
  set name(name) {
    write(NAME, name);
  },

  /**
   * The same of somebody with an account, who doesn't.
   * @param {string} name
   */
  nameTab(name) {
    write(NAME, name, session);
  },

  /** Whose account it is that what is kept here is of; "" for guests. */
  get owner() {
    return storage?.getItem(OWNER) ?? "";
  },

  set owner(id) {
    write(OWNER, id);
  },

  /** All that is kept of somebody here goes, but for their outbox and how the page looks. */
  forget() {
    const keys = Object.keys(storage ?? {}).filter((key) => key.startsWith("parley.") && !STAYS.test(key));
    for (const key of keys) storage?.removeItem(key);
    try {
      indexedDB.deleteDatabase(SEEN);
    } catch {
      // switched off: nothing was kept there
    }
  },

  /**
   * Tell other tabs that somebody signed out.
   * @param {string} id
   */
  tellOut(id) {
    write(OUT, id);
    write(OUT, "");
  },

  /**
   * Another tab told.
   * @param {(id: string) => void} listener
   */
  onOut(listener) {
    addEventListener("storage", ({ key, newValue, storageArea }) => {
      if (storageArea === storage && key === OUT && newValue) listener(newValue);
    });
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

  get theme() {
    return storage?.getItem("parley.theme") ?? "";
  },

  set theme(theme) {
    write("parley.theme", theme);
  },

  /** The one that was chosen; "" for the browser's. */
  get language() {
    return storage?.getItem(LANGUAGE_KEY) ?? "";
  },

  set language(language) {
    write(LANGUAGE_KEY, language);
  },

  get density() {
    return storage?.getItem("parley.density") ?? "";
  },

  set density(density) {
    write("parley.density", density);
  },
};
