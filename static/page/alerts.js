/**
 * Being told of messages while one is elsewhere: notifications, of the rooms for which somebody asked for them.
 *
 * Of all tabs of a browser one tells: who holds a lock, which a tab without connection gives up. A window with the focus
 * holds another, named after the room in sight, and of that room nothing is told. The browser frees the locks of a page
 * that is gone.
 * @module
 */

import { toast } from "./status.js";
import { spoken } from "./text.js";
import { words } from "./words.js";

/**
 * @import { Message } from "../client/protocol.js"
 * @import { Notify, RoomList } from "./list.js"
 * @import { Room } from "./room.js"
 */

const TELLER = "parley.teller";
const SIGHT = "parley.sight.";
const GATHER_MS = 500; // for what comes together
const TEXT_LIMIT = 200; // characters
const TONES = [660, 880]; // Hz
const TONE = 0.12; // s
const VOLUME = 0.15;

export class Alerts {
  #list;
  #open;
  #tells = false;
  /** @type {(() => void) | null} */
  #release = null;
  /** @type {{room: string | null, release: () => void}} */
  #sight = { room: null, release: () => {} };
  /** @type {Map<string, Message[]>} by room */
  #gathered = new Map();
  /** @type {Map<string, Notification>} the last of each room */
  #shown = new Map();
  /** @type {Set<string>} rooms of which the service worker told */
  #byWorker = new Set();
  /** @type {AudioContext | null} */
  #audio = null;

  /**
   * @param {RoomList} list which has what was chosen
   * @param {(room: string) => void} open
   */
  constructor(list, open) {
    this.#list = list;
    this.#open = open;
    navigator.serviceWorker?.addEventListener("message", ({ data }) => typeof data?.room === "string" && open(data.room));
  }

  /** Whether the browser can do it: on pages from https alone. */
  get possible() {
    return "Notification" in globalThis && navigator.locks !== undefined;
  }

  /**
   * What is told of a room.
   * @param {string} room
   * @returns {Notify}
   */
  level(room) {
    const chosen = this.#list.get(room)?.notify ?? "";
    // What is permitted another process knows, and the page stands still until it answers.
    return chosen && this.possible && Notification.permission === "granted" ? chosen : "";
  }

  /**
   * Somebody chose, by a click: only then the browser is asked.
   * @param {string} room
   * @param {Notify} level
   */
  async choose(room, level) {
    if (level && Notification.permission !== "granted" && (await Notification.requestPermission()) !== "granted") {
      toast(words.alerts.denied);
      return;
    }
    this.#list.set(room, "notify", level);
  }

  get sound() {
    return this.#list.sound;
  }

  set sound(on) {
    this.#list.sound = on;
    if (on) this.#chime();
  }

  /** @param {boolean} is */
  set connected(is) {
    if (!this.possible || is === (this.#release !== null)) return;
    this.#release?.();
    this.#tells = false;
    this.#release = is ? hold(TELLER, "exclusive", () => (this.#tells = true)) : null;
  }

  /** @param {string | null} room that is in sight, in a window that has the focus */
  set sight(room) {
    if (!this.possible || room === this.#sight.room) return;
    this.#sight.release();
    this.#sight = { room, release: room === null ? () => {} : hold(SIGHT + room, "shared") };
  }

  /**
   * Somebody else said something.
   * @type {(room: Room, message: Message, mentions: boolean) => void}
   */
  onMessage(room, message, mentions) {
    const { notify, muted } = this.#list.get(room.name) ?? { notify: "", muted: false };
    if (muted || !(notify === "all" || (notify === "mentions" && mentions))) return;
    const gathered = this.#gathered.get(room.name);
    if (gathered) {
      gathered.push(message);
    } else {
      this.#gathered.set(room.name, [message]);
      setTimeout(() => this.#tell(room), GATHER_MS);
    }
  }

  /** @param {string} room in which everything is read */
  onRead(room) {
    this.#shown.get(room)?.close();
    this.#shown.delete(room);
    if (!this.#byWorker.delete(room)) return;
    navigator.serviceWorker?.ready.then((worker) => takeBack(worker, room)).catch(() => {});
  }

  /** @param {Room} room */
  async #tell(room) {
    const { name } = room;
    const messages = this.#gathered.get(name) ?? [];
    this.#gathered.delete(name);
    if (!this.#tells || !this.level(name)) return; // only now, as the tab that told may have gone away meanwhile
    const { held = [] } = await navigator.locks.query();
    if (held.some((lock) => lock.name === SIGHT + name) || room.unread === 0) return;
    await this.#show(name, messages);
    if (this.sound) this.#chime();
  }

  /** @type {(room: string, messages: Message[]) => Promise<void>} */
  async #show(room, messages) {
    const [{ user, text = "" }] = messages;
    const names = [...new Set(messages.map((message) => message.user.name))];
    const says = messages.length === 1 ? await spoken(text, user.name) : words.announcer.many(messages.length, names);
    const title = words.alerts.title(messages.length === 1 ? user.name : null, room);
    const options = { body: says.slice(0, TEXT_LIMIT), tag: tagOf(room), renotify: true, silent: true };
    try {
      const notification = new Notification(title, options);
      notification.onclick = () => {
        window.focus();
        notification.close();
        this.#open(room);
      };
      this.#shown.set(room, notification);
    } catch {
      // Browsers on phones let only service workers tell: worker.js has what a click does.
      const data = { room };
      this.#byWorker.add(room);
      navigator.serviceWorker?.ready.then((worker) => worker.showNotification(title, { ...options, data })).catch(() => {});
    }
  }

  /** Two soft tones; nothing where the browser wants a click first. */
  #chime() {
    this.#audio ??= new AudioContext();
    const { currentTime, destination } = this.#audio;
    for (const [index, frequency] of TONES.entries()) {
      const begin = currentTime + index * TONE;
      const gain = new GainNode(this.#audio, { gain: VOLUME });
      gain.gain.setValueAtTime(VOLUME, begin);
      gain.gain.exponentialRampToValueAtTime(0.001, begin + 2 * TONE);
      const tone = new OscillatorNode(this.#audio, { frequency });
      tone.connect(gain).connect(destination);
      tone.start(begin);
      tone.stop(begin + 2 * TONE);
    }
    this.#audio.resume().catch(() => {});
  }
}

/** Of a room's notification: the next takes its place. @param {string} room */
const tagOf = (room) => `parley.${room}`;

/** @type {(worker: ServiceWorkerRegistration, room: string) => Promise<void>} */
async function takeBack(worker, room) {
  for (const notification of await worker.getNotifications({ tag: tagOf(room) })) notification.close();
}

/**
 * Hold a lock from when it can be had until it is released.
 * @type {(name: string, mode: LockMode, onHeld?: () => void) => () => void}
 */
function hold(name, mode, onHeld = () => {}) {
  const waiting = new AbortController();
  let release = () => waiting.abort();
  const held = () => {
    onHeld();
    return new Promise((resolve) => {
      release = () => resolve(undefined);
    });
  };
  navigator.locks.request(name, { mode, signal: waiting.signal }, held).catch(() => {}); // released before it was had
  return () => release();
}
