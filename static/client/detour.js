/**
 * The way round where WebSockets are blocked: which of both ways the next connection takes, and when it is the usual one
 * again. It goes by what happens to a chat, and changes what its link makes connections with.
 * @module
 */

import { EventSocket } from "./events.js";

/** @import { ChatCore } from "./core.js" */
/** @import { WebSocketClass } from "./link.js" */

const BLOCKED_AFTER = 2; // connections in a row that came to nothing, though tickets were given
const TRIAL_MS = 10_000; // from coming in by events until a WebSocket is tried again, at least
const TRIAL_AGAIN_MS = 300_000; // the same between further ones

/** One chat's. */
export class Detour {
  /** Whether the connection, or the next one, is an event stream. */
  taken = false;

  #link;
  #direct;
  #round;
  #url;
  #blocked = 0;
  #opened = false; // whether this connection came to something
  /** @type {number | undefined} of the next trial */
  #timer;
  /** @type {InstanceType<WebSocketClass> | null} */
  #trial = null;

  /**
   * @param {ChatCore} chat
   * @param {string | URL} url where the service is
   * @param {typeof globalThis.fetch} [fetch]
   */
  constructor(chat, url, fetch) {
    this.#link = chat["link"]; // which is for nobody else
    this.#opened = chat.state.state === "open";
    this.#direct = this.#link.WebSocket;
    const socketUrl = new URL("socket", url);
    socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
    this.#url = socketUrl.href;
    const events = new URL("events", url).href;
    this.#round = class extends EventSocket {
      /**
       * @param {string} _ that of sockets
       * @param {string[] | object} offer
       */
      constructor(_, offer) {
        super(events, offer, fetch);
      }
    };
    chat.on("state", ({ state, code }) => this.#onState(state, code));
    this.#onState(chat.state.state, chat.state.code); // what came to nothing before us counts
  }

  /** @type {(state: string, code?: number | string) => void} */
  #onState(state, code) {
    this.#stop();
    if (state === "connecting") {
      this.#opened = false;
    } else if (state === "open") {
      this.#opened = true;
      if (this.taken) this.#tryLater(TRIAL_MS);
      else this.#blocked = 0;
    } else if (state === "waiting" && !this.#opened && (code === 1006 || code === "buffered")) {
      // Where events don't pass either, a WebSocket is as good a guess.
      this.#blocked = this.taken ? BLOCKED_AFTER - 1 : this.#blocked + 1;
      this.#take(this.#blocked >= BLOCKED_AFTER);
    }
  }

  /** @param {boolean} round */
  #take(round) {
    this.taken = round;
    this.#link.WebSocket = round ? /** @type {WebSocketClass} */ (this.#round) : this.#direct;
  }

  #stop() {
    clearTimeout(this.#timer);
    const trial = /** @type {WebSocket | null} */ (this.#trial);
    this.#trial = null;
    if (!trial) return;
    trial.onmessage = trial.onclose = null;
    trial.close();
  }

  /** @param {number} wait_ms */
  #tryLater(wait_ms) {
    this.#stop();
    const timer = (this.#timer = setTimeout(
      () => this.#try().catch(() => timer === this.#timer && this.#tryLater(TRIAL_AGAIN_MS)),
      wait_ms * (1 + Math.random()),
    ));
  }

  /** Whether WebSockets pass by now, beside the stream, which serves on until one does. */
  async #try() {
    const { tickets } = this.#link;
    const timer = this.#timer;
    const offer = /** @type {string[]} */ (await tickets.offer());
    if (timer !== this.#timer) return;
    const trial = /** @type {WebSocket} */ (new this.#direct(this.#url, offer));
    this.#trial = trial;
    trial.onerror = () => {}; // it is closed, too
    trial.onclose = () => this.#tryLater(TRIAL_AGAIN_MS);
    trial.onmessage = () => void this.#back();
  }

  /** One does. */
  async #back() {
    this.#stop();
    this.#blocked = 0;
    this.#take(false);
    const timer = this.#timer;
    const ticket = await this.#link.tickets.get().catch(() => null);
    if (ticket && timer === this.#timer) this.#link.restart(ticket.ticket);
  }
}
