/**
 * An embedded chat's panel: who is here, how the connection is, the messages, and where one writes.
 * @module
 */

import { draw } from "../admin/keyed.js";
import { OutboxFullError } from "../client/outbox.js";
import { el, isComposed } from "../page/dom.js";
import { isBlank } from "../page/format.js";
import { words } from "../page/words.js";
import { makeComposer, makeEntrance, makeFrame, makeHead } from "./parts.js";
import { rowOf, rowsOf, signature } from "./rows.js";
import { embedWords } from "./words.js";

/** @import { ChatCore } from "../client/core.js" */
/** @import { Shown } from "../page/standing.js" */
/** @import { Transcript } from "./transcript.js" */

const NEAR_PX = 120; // from the log's beginning, where older messages are fetched
const END_PX = 40; // from its end, where it is followed
const ROWS = 6; // of the box to write in

export class Panel {
  /** @type {HTMLElement} */
  element;

  #room;
  #on;
  /** @type {{chat: ChatCore, transcript: Transcript} | null} */
  #in = null;
  #isAtEnd = true;
  #top = 0; // px: where the log was scrolled to
  #parts;

  /**
   * @param {object} options
   * @param {string} options.room
   * @param {string} options.page the whole page's address
   * @param {boolean} options.closes whether there is something to close
   * @param {object} options.on
   * @param {() => void} options.on.close
   * @param {() => void} options.on.again another try is asked for
   * @param {(name: string) => Promise<string>} options.on.enter gives why not, or ""
   */
  constructor({ room, page, closes, on }) {
    this.#room = room;
    this.#on = on;
    const banner = el("div", { class: "banner", role: "status", hidden: true });
    const [frame, entrance, composer] = [makeFrame(), makeEntrance(), makeComposer(room)];
    this.#parts = { banner, frame, entrance, composer };
    const head = makeHead(room, page, closes ? () => on.close() : null);
    const label = { class: "panel", id: "panel", "aria-label": embedWords.chat(room) };
    this.element = el("section", label, head, banner, frame, entrance, composer);
    this.#count(null);
    this.#listen();
  }

  /** @template {HTMLElement} [E=HTMLElement] @param {string} selector */
  #find(selector) {
    return /** @type {E} */ (this.element.querySelector(selector));
  }

  #listen() {
    const { entrance, composer } = this.#parts;
    const log = this.#log;
    log.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    // A banner, or a taller box to write in, takes of its place.
    new ResizeObserver(() => this.#isAtEnd && this.#toEnd()).observe(log);
    this.#find(".latest").addEventListener("click", () => {
      this.#toEnd();
      this.focus();
    });
    entrance.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#enter();
    });
    composer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#box.addEventListener("input", () => this.#grow());
    this.#box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || isComposed(event)) return;
      event.preventDefault();
      this.#send();
    });
  }

  /** @returns {HTMLElement} */
  get #log() {
    return this.#find(".log");
  }

  /** @returns {HTMLTextAreaElement} */
  get #box() {
    return this.#find("textarea");
  }

  /** @returns {HTMLInputElement} */
  get #name() {
    return this.#find("#name");
  }

  get #hasFocus() {
    return this.element.contains(/** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement);
  }

  /** Where one goes on: the box to write in, or the name. */
  focus() {
    const { entrance } = this.#parts;
    (entrance.hidden ? this.#box : this.#name).focus();
  }

  /**
   * Ask for a name first.
   * @param {string} [why] the last one wasn't taken, as a sentence
   */
  ask(why = "") {
    const had = this.#hasFocus;
    this.#parts.entrance.hidden = false;
    this.#parts.frame.hidden = this.#parts.composer.hidden = true;
    this.#object("#objection", this.#name, why);
    if (had) this.#name.focus();
  }

  /**
   * Show a room.
   * @param {ChatCore} chat
   * @param {Transcript} transcript
   */
  enter(chat, transcript) {
    this.#in = { chat, transcript };
    const had = this.#hasFocus && !this.#parts.entrance.hidden;
    this.#parts.entrance.hidden = true;
    this.#parts.frame.hidden = this.#parts.composer.hidden = false;
    if (had) this.#box.focus();
  }

  /**
   * Show what is known now.
   * @param {boolean} isHistory nothing of it is read out
   */
  draw(isHistory) {
    if (!this.#in) return;
    const { chat, transcript } = this.#in;
    const log = this.#log;
    const below = log.scrollHeight - log.scrollTop;
    const beginning = !transcript.isIn ? "" : transcript.more ? words.log.loading : words.log.begins(this.#room);
    const rows = rowsOf({ ...transcriptOf(transcript), beginning, self: chat.user?.id });
    log.ariaBusy = String(isHistory);
    draw(this.#find("ol"), rows, signature, (row) => rowOf(row, this.#ways), log);
    setTimeout(() => (log.ariaBusy = "false"));
    if (this.#isAtEnd) this.#toEnd();
    else if (isHistory) log.scrollTop = log.scrollHeight - below;
    this.#count(transcript.people);
    if (log.clientHeight > 0 && log.scrollTop < NEAR_PX) void transcript.older();
  }

  #ways = {
    /** @param {string} id */
    retry: (id) => {
      this.#in?.chat.retry(id);
      this.focus();
    },
    /** @param {string} id */
    discard: (id) => {
      this.#in?.chat.discard(id);
      this.focus();
    },
  };

  /**
   * How the connection is; null where nothing need be said.
   * @param {Pick<Shown, "kind" | "text" | "ways"> | null} trouble
   */
  tell(trouble) {
    const { banner } = this.#parts;
    banner.hidden = trouble === null;
    if (trouble === null || banner.firstChild?.textContent === trouble.text) return;
    const [way] = trouble.ways.filter((one) => one === "tryNow" || one === "tryAgain" || one === "joinAgain");
    const onclick = () => this.#on.again();
    const again = way && el("button", { type: "button", class: "plain", onclick }, words.ways[way]);
    banner.className = `banner ${trouble.kind}`;
    banner.replaceChildren(el("span", {}, trouble.text), ...(again ? [again] : []));
  }

  /** @param {number | null} people */
  #count(people) {
    this.#find(".people").textContent = people === null ? "" : words.sidebar.here(people);
  }

  /** It is seen now: show its end, or where somebody was. */
  seen() {
    if (this.#isAtEnd) this.#toEnd();
    this.draw(true);
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #onScroll() {
    const log = this.#log;
    const isNear = log.scrollHeight - log.scrollTop - log.clientHeight < END_PX;
    // The end goes away from where it was, too, when the log has less place: who follows it has to scroll up to leave.
    this.#isAtEnd = isNear || (this.#isAtEnd && log.scrollTop >= this.#top);
    this.#top = log.scrollTop;
    this.#find(".latest").hidden = this.#isAtEnd;
    if (log.scrollTop < NEAR_PX) void this.#in?.transcript.older();
  }

  async #enter() {
    const name = this.#name.value.trim();
    if (!name) return this.#object("#objection", this.#name, words.entrance.noName);
    const button = this.#find(".primary");
    button.ariaDisabled = "true";
    const why = await this.#on.enter(name);
    button.ariaDisabled = "false";
    return this.#object("#objection", this.#name, why);
  }

  #send() {
    const box = this.#box;
    const text = box.value.trim();
    if (isBlank(text) || !this.#in) return;
    try {
      this.#in.chat.send(this.#room, text);
      box.value = "";
      this.#object("#unsent", box, "");
    } catch (error) {
      if (!(error instanceof OutboxFullError)) throw error;
      this.#object("#unsent", box, words.composer.full);
    }
    this.#isAtEnd = true;
    this.#grow();
    this.draw(false);
  }

  /** Have the box as many lines as its text, up to some. */
  #grow() {
    const box = this.#box;
    box.rows = 1;
    while (box.rows < ROWS && box.scrollHeight > box.clientHeight) box.rows += 1;
  }

  /** @type {(selector: string, field: HTMLInputElement | HTMLTextAreaElement, why: string) => void} */
  #object(selector, field, why) {
    this.#find(selector).textContent = why;
    field.ariaInvalid = String(why !== "");
    if (why) field.focus();
  }
}

/** @param {Transcript} transcript */
const transcriptOf = ({ messages, waiting }) => ({ messages, waiting });
