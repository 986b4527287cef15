/**
 * Where one writes: Enter sends, Shift+Enter breaks the line, Up edits one's last message, Escape gives an edit up.
 * On a touch screen, whose keyboards have no Shift+Enter, Enter breaks the line and the button sends.
 * @module
 */

import { announce } from "./announcer.js";
import { read, typedFor } from "./commands.js";
import { byId, isComposed } from "./dom.js";
import { isBlank } from "./format.js";
import { loadHands, pickEmoji } from "./later.js";
import { words } from "./words.js";

/**
 * @import { Message, Person } from "../client/protocol.js"
 * @import { Completion } from "./completion.js"
 */

const TYPING_MS = 2500; // between two signs that we type
const COUNTED = 10; // times the limit
const NOTE_AT = 0.9; // of the limit: from there on what is left is shown
const MARKS = new Map([["b", "**"], ["i", "_"]]); // by the key that is pressed with Ctrl or ⌘
const OFFERED = /[@:/]/; // before what something may be offered for
const touch = matchMedia("(pointer: coarse)"); // of the main pointer: a laptop with a touch screen has a fine one

export class Composer {
  #form = byId("composer");
  #text = byId("text", HTMLTextAreaElement);
  #note = byId("composer-note");
  #objection = byId("composer-objection");
  #banner = byId("editing");
  #send = byId("send", HTMLButtonElement);
  #on;
  /** @type {Completion | null} */
  #completion = null;
  #limit = 4000;
  /** @type {{seq: number, text: string} | null} the message being edited */
  #editing = null;
  #over = false; // too long
  #draft = ""; // what stood here before the edit
  #typedAt = -Infinity; // by the page's own clock, as all below

  /**
   * @param {object} on
   * @param {(text: string) => string | null} on.send says why not, or null
   * @param {(command: string, rest: string) => string | null} on.command does it, or says why not
   * @param {(seq: number, text: string) => void} on.edit
   * @param {() => Message | null} on.last one's own last message
   * @param {() => void} on.typing
   * @param {() => Person[]} on.people who may be mentioned, the likeliest first
   * @param {(text: string) => void} on.draft what is begun changed
   */
  constructor(on) {
    this.#on = on;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#onKey(event));
    // Nothing was offered while it was composed, and browsers differ in whether a last input follows.
    this.#text.addEventListener("compositionend", (event) => void this.#offer(event));
    this.#text.addEventListener("input", (event) => {
      this.#onInput();
      void this.#offer(event);
    });
    const hint = () => (this.#text.enterKeyHint = touch.matches ? "enter" : "send");
    touch.addEventListener("change", hint);
    hint();
    byId("emoji").addEventListener("click", () => this.#pickEmoji());
    byId("cancel-edit").addEventListener("click", () => this.#cancel());
  }

  /**
   * Write for another room, going on with what was begun there.
   * @param {string} room
   * @param {string} draft
   */
  turnTo(room, draft) {
    this.#cancel();
    this.#text.placeholder = words.composer.placeholder(room);
    this.#fill(draft);
  }

  /** What is begun and not sent, a message that is being rewritten among it. */
  get draft() {
    if (!this.#editing) return this.#text.value;
    return this.rewritten ? joined(this.#text.value, this.#draft) : this.#draft;
  }

  /** Whether a message is being written anew, with other words than it has. */
  get rewritten() {
    return this.#editing !== null && this.#text.value.trim() !== this.#editing.text;
  }

  /** The longest text, in characters. @param {number} limit */
  set limit(limit) {
    this.#limit = limit;
    this.#show();
  }

  /**
   * Begin to edit a message.
   * @param {Message} message
   */
  edit({ seq, text: sent = "" }) {
    const text = typedFor(sent);
    if (!this.#editing) this.#draft = this.#text.value;
    this.#editing = { seq, text };
    this.#banner.hidden = false;
    this.#fill(text);
    this.focus();
  }

  /**
   * A message is removed, here or in another tab.
   * @param {number} seq
   * @returns {boolean} whether it was being rewritten: what was written stays as a draft
   */
  onRemoved(seq) {
    return this.#editing?.seq === seq && this.onGone();
  }

  /**
   * All messages are gone: the room's history began anew.
   * @returns {boolean} whether one was being rewritten: what was written stays as a draft
   */
  onGone() {
    if (!this.#editing) return false;
    const rewritten = this.rewritten;
    const kept = this.draft;
    this.#cancel();
    this.#begin(kept);
    return rewritten;
  }

  /**
   * Put words that could not be sent before what stands here.
   * @param {string} words
   */
  keep(words) {
    if (this.#editing) this.#on.draft((this.#draft = joined(words, this.#draft)));
    else this.#begin(joined(words, this.#text.value));
  }

  /**
   * What is begun was changed elsewhere.
   * @param {string} draft
   */
  adopt(draft) {
    if (this.#editing) this.#draft = draft;
    else if (this.#text.value !== draft) this.#fill(draft);
  }

  focus() {
    this.#text.focus();
    this.#text.setSelectionRange(this.#text.value.length, this.#text.value.length);
  }

  #submit() {
    const typed = this.#text.value.trim();
    if (isBlank(typed)) return;
    const { text, command, rest } = read(typed);
    if (text !== undefined && this.#left(text) < 0) return;
    if (this.#editing) this.#rewrite(typed, text, command);
    else this.#take(typed, () => (text === undefined ? this.#on.command(command, rest) : this.#on.send(text)));
  }

  /**
   * The box is emptied first: a command may lead to another room, with a draft of its own.
   * @type {(typed: string, work: () => string | null) => void}
   */
  #take(typed, work) {
    this.#begin("");
    const objection = work();
    if (objection === null) {
      this.#typedAt = -Infinity;
    } else {
      this.#begin(typed);
      this.#object(objection);
    }
    this.focus();
  }

  /** @type {(typed: string, text: string | undefined, command: string | undefined) => void} */
  #rewrite(typed, text, command) {
    if (!this.#editing) return;
    if (text === undefined) {
      this.#object(words.commands.notInEdit(command ?? ""));
      return;
    }
    const { seq, text: before } = this.#editing;
    if (typed !== before) this.#on.edit(seq, text);
    this.#cancel();
  }

  /** Say why not, until something else is typed. @param {string} why */
  #object(why) {
    this.#objection.textContent = why;
  }

  #cancel() {
    if (!this.#editing) return;
    this.#editing = null;
    this.#banner.hidden = true;
    this.#fill(this.#draft);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (isComposed(event) || this.#completion?.onKey(event)) return;
    const mark = MARKS.get(event.key.toLowerCase());
    if (event.key === "Enter") {
      if (event.shiftKey || (touch.matches && !event.ctrlKey && !event.metaKey)) return;
      this.#submit();
    } else if (event.key === "Escape" && this.#editing) {
      this.#cancel();
    } else if (mark && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      this.#wrap(mark);
    } else if (event.key === "ArrowUp" && this.#text.value === "" && !this.#editing) {
      const last = this.#on.last();
      if (!last) return;
      this.edit(last);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Loaded with the first text for which there may be something to offer. @param {Event} event of the box */
  async #offer(event) {
    if (!this.#completion) {
      const loaded = OFFERED.test(this.#text.value) ? await loadHands() : null;
      if (!loaded || document.activeElement !== this.#text) return;
      this.#completion ??= loaded.offersFor(this.#text, this.#on.people);
    }
    await this.#completion.onInput(event);
  }

  async #pickEmoji() {
    const at = /** @type {HTMLElement} */ (this.#text.parentElement); // the box with all that is in it
    const shown = await pickEmoji({ at, says: words.composer.emoji, onPick: (emoji) => this.#insert(emoji) });
    if (!shown) this.#object(words.notices.noEmoji);
  }

  /** Where the cursor is, as if it were typed. @param {string} text */
  #insert(text) {
    this.#text.focus();
    document.execCommand("insertText", false, text);
  }

  /**
   * Put marks around what is selected, or take them away. As if typed, so that it can be undone.
   * @param {string} mark
   */
  #wrap(mark) {
    const { value, selectionStart: start, selectionEnd: end } = this.#text;
    const marked = value.slice(0, start).endsWith(mark) && value.slice(end).startsWith(mark);
    const selected = value.slice(start, end);
    if (marked) this.#text.setSelectionRange(start - mark.length, end + mark.length);
    const from = marked ? start - mark.length : start + mark.length;
    this.#insert(marked ? selected : mark + selected + mark);
    this.#text.setSelectionRange(from, from + selected.length);
  }

  #onInput() {
    this.#show();
    if (!this.#editing) this.#on.draft(this.#text.value);
    const now = performance.now();
    const { value } = this.#text;
    if (this.#editing || isBlank(value) || value.startsWith("/") || now - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now;
    this.#on.typing();
  }

  /** Put something in the box that is begun and not sent. @param {string} text */
  #begin(text) {
    this.#fill(text);
    this.#on.draft(text);
  }

  /** @param {string} text */
  #fill(text) {
    this.#completion?.hide();
    this.#text.value = text;
    this.#show();
  }

  /**
   * How many characters are left, as the service counts: code points, after trimming.
   * @param {string} text
   */
  #left(text) {
    const trimmed = text.trim();
    // Of far too much the exact number takes long to count, and means nothing.
    return this.#limit - (trimmed.length > COUNTED * this.#limit ? trimmed.length : [...trimmed].length);
  }

  #show() {
    const { value } = this.#text;
    const left = this.#left(value);
    const near = left < this.#limit * (1 - NOTE_AT);
    const over = left < 0;
    if (over && !this.#over) announce(words.composer.over(-left));
    this.#over = over;
    this.#note.textContent = near ? (over ? words.composer.over(-left) : words.composer.left(left)) : "";
    this.#note.classList.toggle("over", over);
    this.#objection.textContent = "";
    this.#send.disabled = isBlank(value) || over;
    this.#fit();
  }

  /** As high as its text; of far too much that would take seconds to find out, and it is as high as it may be. */
  #fit() {
    const { style, value } = this.#text;
    style.height = value.length > COUNTED * this.#limit ? "100dvh" : "auto";
    if (style.height === "auto") style.height = `${this.#text.scrollHeight}px`;
  }
}

/** @param {string[]} parts */
const joined = (...parts) => parts.filter((part) => !isBlank(part)).join("\n");
