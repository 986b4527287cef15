/**
 * How the connection is, told as it is; and small notices.
 * @module
 */

import { CloseCode } from "../codes.js";
import { announce } from "./announcer.js";
import { byId, el } from "./dom.js";
import { sentence, words } from "./words.js";

/** @import { LinkState } from "../link.js" */

const QUIET_MS = 700; // a connection that is back so soon is not worth a word
const BACK_MS = 2500;
const TOAST_MS = 6000;
const TOASTS = 3;
const TYPISTS = 3; // named; more are "several"

/** @typedef {[LinkState["code"], string][]} Words by the code of a state */

const STOPPED = new Map(/** @type {Words} */ ([
  [CloseCode.NORMAL, words.status.closed],
  [CloseCode.POLICY_VIOLATION, words.status.tooManyErrors],
  [CloseCode.REMOVED, words.status.removed],
  [CloseCode.TOO_BIG, words.status.tooBig],
  ["unauthenticated", words.status.unauthenticated],
  ["forbidden", words.status.forbidden],
]));

const REASONS = new Map(/** @type {Words} */ ([
  [CloseCode.RESTART, words.status.restarting],
  [CloseCode.TRY_AGAIN_LATER, words.status.full],
  [CloseCode.TOO_MANY, words.status.tooMany],
  [CloseCode.TOO_SLOW, words.status.tooSlow],
  ["name_taken", words.status.nameTaken],
  ["rate_limited", words.status.rateLimited],
]));

export class Status {
  #banner = byId("banner");
  #text = byId("banner-text");
  #announced = "";
  #action = byId("banner-action");
  #onAction;
  /** @type {LinkState} */
  #state = { state: "closed" };
  #since = performance.now(); // of not being open
  #retryAt = 0; // by the same clock
  #shown = false; // whether the trouble was told, so that its end is too
  #wasOpen = false;
  /** @type {number | undefined} */
  #timer;

  /** @param {() => void} onAction the banner's button was pressed */
  constructor(onAction) {
    this.#onAction = onAction;
    this.#action.addEventListener("click", () => this.#onAction());
  }

  /** @param {LinkState} state */
  show(state) {
    if (this.#state.state === "open" && state.state !== "open") this.#since = performance.now();
    this.#state = state;
    this.#retryAt = performance.now() + (state.retryIn ?? 0);
    this.#wasOpen ||= state.state === "open";
    this.#draw();
  }

  /** One word, for beside the name. */
  get word() {
    return words.states[this.#state.state];
  }

  #draw() {
    clearTimeout(this.#timer);
    const { state, code, reason } = this.#state;
    if (state === "open") {
      this.#back();
    } else if (state === "stopped") {
      const says = STOPPED.get(code) ?? words.status.closed;
      this.#say("stopped", reason ? `${says} ${sentence(reason)}` : says, words.status.joinAgain);
    } else if (state !== "closed" && performance.now() - this.#since < QUIET_MS) {
      this.#timer = setTimeout(() => this.#draw(), QUIET_MS);
    } else if (state === "waiting") {
      const left = Math.ceil((this.#retryAt - performance.now()) / 1000);
      const why = REASONS.get(code) ?? (this.#wasOpen ? words.status.offline : words.status.unreachable);
      this.#say("offline", why, words.status.tryNow, left > 0 ? words.status.againIn(left) : words.status.again);
      this.#timer = setTimeout(() => this.#draw(), 500);
    } else if (state === "connecting") {
      this.#say("offline", words.status.connecting, null);
    }
  }

  /**
   * Say how it is.
   * @param {"offline" | "stopped" | "back"} kind
   * @param {string} text
   * @param {string | null} action what the button does, if there is one
   * @param {string} [passing] changes every second: it is seen and not announced
   */
  #say(kind, text, action, passing = "") {
    this.#shown = true;
    this.#banner.hidden = false;
    this.#banner.className = `banner ${kind}`;
    this.#text.textContent = `${text} ${passing}`;
    if (this.#announced !== text) announce(text);
    this.#announced = text;
    this.#action.hidden = action === null;
    if (action) this.#action.textContent = action;
  }

  #back() {
    if (!this.#shown) return;
    if (this.#wasOpen) this.#say("back", words.status.connected, null);
    this.#shown = false;
    this.#timer = setTimeout(() => (this.#banner.hidden = true), BACK_MS);
  }
}

/** Who types. @param {string[]} names */
export function showTyping(names) {
  const says = names.length === 0 ? "" : names.length > TYPISTS ? words.typing.many : words.typing.some(names);
  if (byId("typing").textContent !== says) byId("typing").textContent = says;
}

/** A notice that goes by itself, and is read out. @param {string} text */
export function toast(text) {
  const list = byId("toasts");
  const node = el("div", { class: "toast" }, text);
  list.append(node);
  announce(text);
  while (list.children.length > TOASTS) list.firstChild?.remove();
  setTimeout(() => node.remove(), TOAST_MS);
}
