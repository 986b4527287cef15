/**
 * The connection that all chats of a page share, to one service and as one person; and how it stands.
 * @module
 */

import { ChatCore } from "../client/core.js";
import { prefixOf } from "../client/prefix.js";
import { reasonOf } from "../client/tickets.js";
import { after, begun } from "../page/standing.js";
import { storage, store } from "../page/store.js";
import { Transcript } from "./transcript.js";

/** @import { LinkState } from "../client/link.js" */
/** @import { Happening, Standing } from "../page/standing.js" */
/** @import { TokenCallback } from "./options.js" */
/** @import { Listener } from "./transcript.js" */

/** @type {Map<string, Map<TokenCallback | null, Connection>>} by service and by who they are */
const connections = new Map();

/**
 * The one there is, or a new one.
 * @param {string} service
 * @param {TokenCallback | null} token
 */
export function connectionTo(service, token) {
  const known = connections.get(service) ?? new Map();
  connections.set(service, known);
  const found = known.get(token) ?? new Connection(service, token, () => known.delete(token));
  known.set(token, found);
  return found;
}

export class Connection {
  /** @type {ChatCore | null} until it is known who somebody is */
  chat = null;
  /** @type {Standing} */
  standing = begun(navigator.onLine);
  /** Whether the service lets no page of this origin in. */
  isForeign = false;

  #service;
  #token;
  #onEnd;
  #ended = new AbortController();
  #asked = false; // whether it was asked why nobody answers
  /** @type {Set<{onChat(chat: ChatCore): void, onStanding(): void}>} */
  #widgets = new Set();
  /** @type {Map<string, Transcript>} by room */
  #transcripts = new Map();

  /**
   * @param {string} service
   * @param {TokenCallback | null} token
   * @param {() => void} onEnd nobody needs it any more
   */
  constructor(service, token, onEnd) {
    this.#service = service;
    this.#token = token;
    this.#onEnd = onEnd;
    if (token) this.#feed({ type: "account" });
    this.#listen();
  }

  /** Whether somebody has to say first what they are called. @param {string} name that is known already */
  asksName(name) {
    return this.#token === null && this.chat === null && !(name || store.name);
  }

  /**
   * A chat is there, and told what happens.
   * @param {{onChat(chat: ChatCore): void, onStanding(): void}} widget
   */
  add(widget) {
    this.#widgets.add(widget);
    if (this.chat) widget.onChat(this.chat);
  }

  /** @param {{onChat(chat: ChatCore): void, onStanding(): void}} widget that is gone */
  drop(widget) {
    if (!this.#widgets.delete(widget) || this.#widgets.size > 0) return;
    this.#ended.abort();
    this.chat?.close();
    this.#onEnd();
  }

  /**
   * Connect, if that isn't done.
   * @param {string} [name] of a guest
   */
  enter(name = "") {
    if (this.chat) return;
    const token = this.#token;
    const who = token ? { token: () => tokenOf(token) } : { name: name || store.name };
    const chat = new ChatCore({ url: this.#service, storage, prefix: prefixOf(this.#service), ...who });
    this.chat = chat;
    chat.on("state", (state) => this.#onState(state));
    chat.on("welcome", ({ user }) => {
      if (!this.#token) store.name = user.name;
    });
    chat.on("reconnect", ({ in_ms }) => this.#feed({ type: "reconnect", in_ms }));
    chat.on("moderated", ({ user, action, room = null }) => {
      if (user === chat.user?.id) this.#feed({ type: "removal", action, room });
    });
    for (const widget of this.#widgets) widget.onChat(chat);
    chat.open();
  }

  /**
   * Be in a room, whose chats all show the same.
   * @param {ChatCore} chat
   * @param {string} room
   * @param {Listener} listener
   * @returns {Transcript}
   */
  join(chat, room, listener) {
    const found = this.#transcripts.get(room) ?? new Transcript(chat, room);
    this.#transcripts.set(room, found);
    found.listen(listener);
    return found;
  }

  /**
   * A chat of a room is gone.
   * @param {string} room
   * @param {Listener} listener
   */
  leave(room, listener) {
    if (this.#transcripts.get(room)?.unlisten(listener)) this.#transcripts.delete(room);
  }

  /** Somebody asks for another try. */
  again() {
    this.isForeign = this.#asked = false;
    if (this.chat?.state.state === "stopped" || this.chat?.state.state === "closed") this.chat.open();
    else this.chat?.wake();
  }

  #listen() {
    const { signal } = this.#ended;
    const onNetwork = () => this.#feed({ type: "network", online: navigator.onLine });
    addEventListener("offline", onNetwork, { signal });
    addEventListener("online", () => (onNetwork(), this.chat?.wake()), { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && this.chat?.wake(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.chat?.wake(), { signal });
  }

  /** @param {LinkState} link */
  #onState(link) {
    if (this.isForeign && link.state === "closed") return;
    this.#feed({ type: "link", link });
    if (link.code === "unreachable" && !this.standing.wasOpen && !this.#asked) {
      this.#asked = true;
      void this.#ask();
    }
  }

  /**
   * A browser doesn't say whether nobody answered or the answer wasn't for this page. The script is for every page,
   * health for the allowed ones alone.
   */
  async #ask() {
    const isThere = () => answers(`${this.#service}embed.js`);
    const isForeign = (await isThere()) && !(await answers(`${this.#service}healthz`)) && (await isThere());
    if (!isForeign || this.standing.wasOpen) return;
    this.isForeign = true;
    console.error(
      `Parley: ${this.#service} lets no page of ${location.origin} in. Add ${location.origin} to its setting ` +
        "ALLOWED_ORIGINS, with the service's own origin.",
    );
    this.chat?.close();
    this.#tell();
  }

  /** @param {Happening} happening */
  #feed(happening) {
    this.standing = after(this.standing, happening, performance.now());
    this.#tell();
  }

  #tell() {
    for (const widget of this.#widgets) widget.onStanding();
  }
}

/**
 * What the host's callback gives. Where it fails it is called again later, and its author reads why.
 * @param {TokenCallback} callback
 */
async function tokenOf(callback) {
  try {
    const token = await callback();
    if (typeof token === "string" && token !== "") return token;
    throw new TypeError("it gave no text");
  } catch (error) {
    console.error(`Parley: the token callback failed: ${reasonOf(error)}`);
    throw error;
  }
}

/** @param {string} url */
const answers = (url) => fetch(url, { credentials: "omit", cache: "no-store" }).then(() => true, () => false);
