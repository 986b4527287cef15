/**
 * A chat that stands in a page: an element of its own, with a shadow root whose styles and names are nobody else's.
 * @module
 */

import { el, isComposed } from "../page/dom.js";
import { joining, afterInRoom, shown, shownInRoom } from "../page/standing.js";
import { refusal, words } from "../page/words.js";
import { speech } from "../page/speech.js";
import { HttpError } from "../client/tickets.js";
import { Panel } from "./panel.js";
import { sheet } from "./sheet.js";
import { symbol } from "./symbols.js";
import { embedWords } from "./words.js";

/** @import { ChatCore } from "../client/core.js" */
/** @import { RoomHappening, Shown } from "../page/standing.js" */
/** @import { Connection } from "./connection.js" */
/** @import { Options } from "./options.js" */
/** @import { Transcript } from "./transcript.js" */

const QUIET_MS = 700; // a connection that is back so soon is not worth a word
const NAMES = ["name_taken", "bad_request"]; // refusals of a name
const MANY = 99; // unread messages; more are shown as such

export class Widget {
  /** @type {HTMLElement} */
  element = document.createElement("parley-chat");

  #service;
  #connection;
  #options;
  #root = this.element.attachShadow({ mode: "open" });
  #isOpen;
  /** @type {Panel | null} before there are words */
  #panel = null;
  /** @type {HTMLButtonElement | null} */
  #bubble = null;
  #badge = el("span", { class: "badge", "aria-hidden": "true" }); // beside the bubble, whose label says it in words
  /** @type {Transcript | null} */
  #transcript = null;
  #inRoom = joining();
  /** @type {number | undefined} */
  #timer;
  #drawing = { due: false, isHistory: true };
  /** @type {(() => void)[]} */
  #stops = [];
  #ended = new AbortController();

  /**
   * @param {string} service its address
   * @param {Connection} connection
   * @param {Options} options
   */
  constructor(service, connection, options) {
    this.#service = service;
    this.#connection = connection;
    this.#options = options;
    this.#isOpen = options.mode === "inline" || options.open;
    this.#root.adoptedStyleSheets = [sheet];
    this.element.dataset.mode = options.mode;
    if (options.theme) this.element.dataset.theme = options.theme;
  }

  /** There are words now. */
  begin() {
    if (this.#ended.signal.aborted) return;
    const { room, mode, name } = this.#options;
    const isBubble = mode === "bubble";
    this.#panel = new Panel({
      room,
      page: `${this.#service}r/${room}`,
      closes: isBubble,
      on: { close: () => this.close(), again: () => this.#again(), enter: (given) => this.#enter(given) },
    });
    Object.assign(this.element, { lang: speech.language, dir: speech.isRightToLeft ? "rtl" : "ltr" });
    const whole = el("div", { class: "whole" }, this.#panel.element);
    if (isBubble) {
      this.#bubble = this.#makeBubble();
      whole.append(el("div", { class: "corner" }, this.#bubble, this.#badge));
    }
    whole.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && isBubble && this.#isOpen && !isComposed(event)) this.close();
    });
    this.#root.append(whole);
    document.addEventListener("visibilitychange", () => this.#draw(true), { signal: this.#ended.signal });
    this.#connection.add(this);
    if (this.#connection.asksName(name)) this.#panel.ask();
    else this.#connection.enter(name);
    this.#show();
  }

  open() {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#show();
    this.#panel?.focus();
  }

  close() {
    if (!this.#isOpen || this.#options.mode === "inline") return;
    const had = this.#root.activeElement !== null;
    this.#isOpen = false;
    this.#show();
    if (had) this.#bubble?.focus();
  }

  /** Go from the page. */
  unmount() {
    this.#ended.abort();
    clearTimeout(this.#timer);
    this.#leave();
    this.#connection.drop(this);
    this.element.remove();
  }

  // -- what happens

  /** Somebody is known now. @param {ChatCore} chat */
  onChat(chat) {
    const { room } = this.#options;
    this.#leave();
    const transcript = (this.#transcript = this.#connection.join(chat, room, this.#draw));
    this.#stops = [
      chat.on("joined", (frame) => frame.room === room && this.#onRoom({ type: "joined" })),
      chat.on("refused", ({ code, message, ...refused }) => {
        if (refused.room === room && refused.type === "join") this.#onRoom({ type: "refused", code, message });
      }),
      chat.on("held", ({ code, retryIn, ...held }) => {
        if (held.room === room) this.#onRoom(code ? { type: "held", code, retryIn } : { type: "released" });
      }),
    ];
    this.#panel?.enter(chat, transcript);
    this.#draw(true);
  }

  /** The connection stands otherwise. */
  onStanding() {
    clearTimeout(this.#timer);
    const { standing, chat } = this.#connection;
    const { state, code = "", reason = "" } = chat?.state ?? {};
    if (state === "stopped" && NAMES.includes(String(code)) && !standing.hasAccount) {
      this.#panel?.tell(null);
      this.#panel?.ask(refusal(reason, String(code)));
    } else if (this.#connection.isForeign) {
      this.#panel?.tell({ kind: "stop", text: embedWords.foreign, ways: ["tryAgain"] });
    } else if (standing.name === "open") {
      this.#panel?.tell(this.#trouble());
    } else {
      const isOver = shown(standing, performance.now())?.kind === "stop";
      this.#timer = setTimeout(() => this.#panel?.tell(this.#trouble()), isOver ? 0 : QUIET_MS);
    }
  }

  /** @returns {Shown | null} */
  #trouble() {
    const now = performance.now();
    return shown(this.#connection.standing, now) ?? shownInRoom(this.#options.room, this.#inRoom, now);
  }

  /** @param {RoomHappening} happening */
  #onRoom(happening) {
    this.#inRoom = afterInRoom(this.#inRoom, happening, performance.now());
    this.onStanding();
  }

  #again() {
    const chat = this.#connection.chat;
    this.#connection.again();
    if (this.#connection.standing.name === "open" && chat) {
      this.#onRoom({ type: "asked" });
      chat.join(this.#options.room);
    }
    this.#panel?.focus();
  }

  /** @type {(name: string) => Promise<string>} */
  async #enter(name) {
    const { chat } = this.#connection;
    if (!chat) {
      this.#connection.enter(name);
      return "";
    }
    try {
      await chat.rename(name);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return error.status === 0 ? words.entrance.unreachable : refusal(error.message, error.code);
    }
    if (this.#transcript) this.#panel?.enter(chat, this.#transcript);
    return "";
  }

  #leave() {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#connection.leave(this.#options.room, this.#draw);
  }

  // -- how it looks

  #makeBubble() {
    const onclick = () => (this.#isOpen ? this.close() : this.open());
    const controls = { "aria-expanded": "false", "aria-controls": "panel" };
    return el("button", { type: "button", class: "bubble", ...controls, onclick }, symbol("chat"));
  }

  #show() {
    if (!this.#panel) return;
    this.#panel.element.hidden = !this.#isOpen;
    this.#bubble?.setAttribute("aria-expanded", String(this.#isOpen));
    this.#bubble?.classList.toggle("opened", this.#isOpen);
    if (this.#isOpen) this.#panel.seen();
    this.#draw(true);
  }

  /** Once for all that happens in a turn. @param {boolean} isHistory */
  #draw = (isHistory) => {
    const { due } = this.#drawing;
    this.#drawing = { due: true, isHistory: isHistory && (!due || this.#drawing.isHistory) };
    if (due) return;
    queueMicrotask(() => {
      const { isHistory: isOld } = this.#drawing;
      this.#drawing.due = false;
      if (this.#isOpen && !document.hidden) this.#transcript?.read();
      if (this.#isOpen) this.#panel?.draw(isOld);
      this.#label();
    });
  };

  #label() {
    if (!this.#bubble) return;
    const says = embedWords;
    const unread = this.#isOpen ? 0 : (this.#transcript?.unread ?? 0);
    const label = this.#isOpen ? says.close : says.open;
    this.#bubble.ariaLabel = unread > 0 ? `${label} (${says.unread(unread)})` : label;
    this.#bubble.title = label;
    this.#badge.textContent = unread > MANY ? `${MANY}+` : unread > 0 ? String(unread) : "";
  }
}
