/**
 * One connection that keeps coming back: ticket, socket, liveness, waits. It knows nothing of rooms.
 *
 * At any moment there is at most one socket, one attempt and one timer for the next. A socket that is given up is cut
 * off from its handlers first, so that nothing it still says can be taken for its successor's.
 * @module
 */

import { Backoff } from "./backoff.js";
import { AfterClose, CloseCode, afterClose } from "./codes.js";
import { HttpError } from "./tickets.js";

const WELCOME_TIMEOUT_MS = 10_000; // from the handshake's start to `welcome`
const STABLE_MS = 10_000; // a connection that held so long ends a row of failures
const TICK_MS = 1000;
const SLEEP_MS = 10_000; // a clock that jumps so far between two ticks: the machine slept
const SLEEP_PONG_MS = 3000;
const SILENCE_PONG_MS = 10_000;
const EARLY_MS = 1000; // between attempts made early because something woke us
const TICKET_KEPT_MS = 28_000; // tickets hold 30 s
const UNSENT_LIMIT = 1 << 20; // bytes the browser may hold back before we hold back ourselves
const LATER_ATTEMPTS = 3; // a full service gets waits of up to 8 s at once
const RENEW_MARGIN_MS = 60_000;
const TIMER_LIMIT_MS = 2 ** 31 - 1; // setTimeout fires at once for more

/**
 * @typedef {object} LinkState
 * @property {"closed" | "connecting" | "open" | "waiting" | "stopped"} state
 * @property {number} [retryAt] Unix time in ms of the next attempt, while waiting
 * @property {number | string} [code] the close code, or the HTTP error's code
 * @property {string} [reason] why, in the service's words
 */

export class Link {
  /** @type {LinkState} */
  state = { state: "closed" };

  #socketUrl;
  #tickets;
  #WebSocket;
  #onState;
  #onFrame;
  #backoff;

  #socket = null;
  #attempt = 0; // counts attempts, so that what an old one still awaits is dropped
  #attemptedAt = 0;
  #openedAt = 0;
  #heardAt = 0;
  #heartbeat_ms = 25_000;
  #timer; // of the next attempt, or of `welcome`
  #ticker;
  #tickAt = 0;
  #probe; // the timer of a ping under way
  #told = null; // {at, until, ticket}: when `reconnect` said to come back
  #refused = false; // whether the last ticket was refused (4401) before any `welcome`
  #known = false; // whether the service has ever let us in under this name
  #renewal;

  /**
   * @param {object} options
   * @param {string | URL} options.url where the service is (http or https)
   * @param {import("./tickets.js").Tickets} options.tickets
   * @param {typeof WebSocket} [options.WebSocket]
   * @param {() => number} [options.random]
   * @param {(state: LinkState) => void} options.onState
   * @param {(frame: object) => void} options.onFrame
   */
  constructor({ url, tickets, WebSocket = globalThis.WebSocket, random, onState, onFrame }) {
    const socketUrl = new URL("socket", url);
    socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
    this.#socketUrl = socketUrl.href;
    this.#tickets = tickets;
    this.#WebSocket = WebSocket;
    this.#backoff = new Backoff({ random });
    this.#onState = onState;
    this.#onFrame = onFrame;
  }

  get isOpen() {
    return this.state.state === "open";
  }

  /** Connect, and stay connected until `close` or a close code that says to stay away. */
  open() {
    if (this.state.state !== "closed" && this.state.state !== "stopped") return;
    this.#backoff.reset();
    this.#tickAt = Date.now();
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
    this.#connect();
  }

  /** Leave, and stay away. */
  close() {
    this.#halt();
    this.#enter({ state: "closed" });
  }

  /** Connect anew, as somebody else or under another name. */
  restart() {
    this.#halt();
    this.#known = false;
    this.#enter({ state: "closed" });
    this.open();
  }

  /** Something (the network is back, the page is seen again) suggests to look at once. */
  wake() {
    if (this.isOpen) this.#ping(SLEEP_PONG_MS);
    else if (this.state.state === "waiting" && Date.now() - this.#attemptedAt >= EARLY_MS) this.#connect();
  }

  /**
   * Send a frame. False if it can't be taken now; nothing is queued here.
   * @param {object} frame
   */
  send(frame) {
    if (!this.isOpen || this.#socket.readyState !== 1 || this.#socket.bufferedAmount > UNSENT_LIMIT) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Nothing came back that should have: find out within seconds whether the connection is alive. */
  doubt() {
    if (this.isOpen) this.#ping(SLEEP_PONG_MS);
  }

  // -- coming and going

  async #connect() {
    this.#cut();
    const attempt = ++this.#attempt;
    this.#attemptedAt = Date.now();
    this.#enter({ state: "connecting" });
    let ticket = this.#toldTicket();
    if (ticket === undefined) {
      try {
        ({ ticket } = await this.#tickets.get());
      } catch (error) {
        if (attempt === this.#attempt) this.#withoutTicket(error);
        return;
      }
      if (attempt !== this.#attempt) return;
    }
    let socket;
    try {
      socket = new this.#WebSocket(this.#socketUrl, ["chat.v1", `ticket.${ticket}`]);
    } catch (error) {
      this.#lost(1006, String(error?.message ?? error));
      return;
    }
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#giveUp("no answer"), WELCOME_TIMEOUT_MS);
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    socket.onerror = () => {}; // `close` follows and says more
  }

  #toldTicket() {
    const told = this.#told;
    this.#told = null;
    return told?.ticket && Date.now() < told.until ? told.ticket : undefined;
  }

  /** @param {unknown} error */
  #withoutTicket(error) {
    if (!(error instanceof HttpError)) throw error;
    // A name may be held by our own former self until its presence runs out, and a renewable token may be a new one
    // next time: neither is final for somebody who was in already.
    const passing = (error.code === "name_taken" && this.#known) || (error.status === 401 && this.#tickets.renewable);
    if (error.final && !passing) this.#stop(error.code, error.message);
    else this.#wait(Math.max(error.retryAfter * 1000, this.#backoff.next()), error.code, error.message);
  }

  #lost(code, reason) {
    const welcomed = this.isOpen;
    const now = Date.now();
    this.#cut();
    if (welcomed && now - this.#openedAt >= STABLE_MS) this.#backoff.reset();
    const rule = afterClose(code);
    if (rule === AfterClose.STAY) {
      this.#stop(code, reason);
    } else if (rule === AfterClose.TICKET && (welcomed || !this.#refused)) {
      this.#refused = true;
      this.#connect();
    } else if (this.#told) {
      this.#wait(Math.max(0, this.#told.at - now), code, reason);
    } else {
      this.#wait(this.#backoff.next(rule === AfterClose.LATER ? LATER_ATTEMPTS : 0), code, reason);
    }
  }

  /** The socket is as good as dead. Its own close event may take minutes, so it is not waited for. */
  #giveUp(reason) {
    this.#lost(1006, reason);
  }

  #wait(delay_ms, code, reason) {
    this.#enter({ state: "waiting", retryAt: Date.now() + delay_ms, code, reason });
    this.#timer = setTimeout(() => this.#connect(), Math.min(delay_ms, TIMER_LIMIT_MS));
  }

  #stop(code, reason) {
    this.#halt();
    this.#enter({ state: "stopped", code, reason });
  }

  #halt() {
    this.#attempt += 1;
    this.#told = null;
    this.#refused = false;
    this.#cut(CloseCode.NORMAL);
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  /** Let go of the socket and of every timer that belongs to it. */
  #cut(code) {
    for (const timer of [this.#timer, this.#probe, this.#renewal]) clearTimeout(timer);
    this.#probe = undefined;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    if (socket.readyState < 2) socket.close(...(code === undefined ? [] : [code]));
  }

  #enter(state) {
    this.state = state;
    this.#onState(state);
  }

  // -- frames

  #receive(data) {
    this.#heardAt = Date.now();
    clearTimeout(this.#probe);
    this.#probe = undefined;
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // not of the contract; the frames that count are counted by seq
    }
    if (frame.type === "welcome") this.#welcomed(frame);
    else if (frame.type === "reconnect") this.#leaving(frame);
    else if (frame.type === "renewed") this.#renewIn(frame.expires_in * 1000);
    if (this.isOpen) this.#onFrame(frame);
  }

  #welcomed({ heartbeat }) {
    clearTimeout(this.#timer);
    this.#openedAt = this.#heardAt;
    this.#heartbeat_ms = 1000 * (heartbeat || 25);
    this.#refused = false;
    this.#known = true;
    const { expiresAt, renewable } = this.#tickets;
    if (renewable && expiresAt !== null) this.#renewIn(expiresAt - Date.now());
    this.#enter({ state: "open" });
  }

  /** The process leaves: it closes us at that moment, and if it can't any more, we go by ourselves. */
  #leaving({ in_ms, ticket }) {
    const now = Date.now();
    this.#told = { at: now + in_ms, until: now + TICKET_KEPT_MS, ticket };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(CloseCode.RESTART, "the process leaves"), in_ms + TICK_MS);
  }

  // -- liveness

  #tick() {
    const now = Date.now();
    const slept = now - this.#tickAt > TICK_MS + SLEEP_MS;
    this.#tickAt = now;
    if (slept) this.wake();
    // The service's own pings never reach a script, so in a silent room we ask ourselves.
    else if (this.isOpen && now - this.#heardAt > 2 * this.#heartbeat_ms) this.#ping(SILENCE_PONG_MS);
  }

  #ping(deadline_ms) {
    if (this.#probe !== undefined) return;
    this.#probe = setTimeout(() => this.#giveUp("no answer"), deadline_ms);
    if (this.#socket.readyState === 1) this.#socket.send('{"type":"ping"}');
  }

  // -- a token that runs out

  #renewIn(left_ms) {
    clearTimeout(this.#renewal);
    const wait_ms = left_ms - Math.min(RENEW_MARGIN_MS, left_ms / 4);
    if (wait_ms > 0) this.#renewal = setTimeout(() => this.#renew(), Math.min(wait_ms, TIMER_LIMIT_MS));
  }

  async #renew() {
    const attempt = this.#attempt;
    try {
      const { ticket } = await this.#tickets.get();
      if (attempt === this.#attempt) this.send({ type: "renew", ticket });
    } catch {
      // The socket is closed 4401 when the token runs out, and the way back asks again.
      if (attempt === this.#attempt) this.#renewIn((this.#tickets.expiresAt ?? 0) - Date.now());
    }
  }
}
