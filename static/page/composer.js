/**
 * Where one writes: Enter sends, Shift+Enter breaks the line, Up edits one's last message, Escape gives an edit up.
 * @module
 */

import { byId } from "./dom.js";

const TYPING_MS = 2500; // between two signs that we type
const NOTE_AT = 0.9; // of the limit: from there on what is left is shown

export class Composer {
  #form = byId("composer");
  #text = byId("text");
  #note = byId("composer-note");
  #banner = byId("editing");
  #send = byId("send");
  #on;
  #limit = 4000;
  #editing = null; // {seq, text}: the message being edited
  #draft = ""; // what stood here before the edit
  #typedAt = 0;

  /**
   * @param {object} on
   * @param {(text: string) => string | null} on.send says why not, or null
   * @param {(seq: number, text: string) => void} on.edit
   * @param {() => {seq: number, text: string} | null} on.last one's own last message
   * @param {() => void} on.typing
   */
  constructor(on) {
    this.#on = on;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#onKey(event));
    this.#text.addEventListener("input", () => this.#onInput());
    byId("cancel-edit").addEventListener("click", () => this.#cancel());
  }

  /** Write for another room, going on with what was begun there. */
  turnTo(room, draft) {
    this.#cancel();
    this.#text.placeholder = `Message #${room}`;
    this.#fill(draft);
  }

  /** What is begun and not sent. */
  get draft() {
    return this.#editing ? this.#draft : this.#text.value;
  }

  /** The longest text, in characters. */
  set limit(limit) {
    this.#limit = limit;
    this.#show();
  }

  /** Begin to edit a message. */
  edit({ seq, text }) {
    if (!this.#editing) this.#draft = this.#text.value;
    this.#editing = { seq, text };
    this.#banner.hidden = false;
    this.#fill(text);
    this.focus();
  }

  focus() {
    this.#text.focus();
    this.#text.setSelectionRange(this.#text.value.length, this.#text.value.length);
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text || this.#left(text) < 0) return;
    if (this.#editing) {
      const { seq, text: before } = this.#editing;
      if (text !== before) this.#on.edit(seq, text);
      this.#cancel();
      return;
    }
    const objection = this.#on.send(text);
    if (objection === null) {
      this.#fill("");
      this.#typedAt = 0;
    } else {
      this.#note.textContent = objection;
    }
    this.focus();
  }

  #cancel() {
    if (!this.#editing) return;
    this.#editing = null;
    this.#banner.hidden = true;
    this.#fill(this.#draft);
  }

  #onKey(event) {
    if (event.isComposing) return; // Enter then ends a composition of characters, not the message
    if (event.key === "Enter" && !event.shiftKey) {
      this.#submit();
    } else if (event.key === "Escape" && this.#editing) {
      this.#cancel();
    } else if (event.key === "ArrowUp" && this.#text.value === "" && !this.#editing) {
      const last = this.#on.last();
      if (!last) return;
      this.edit(last);
    } else {
      return;
    }
    event.preventDefault();
  }

  #onInput() {
    this.#show();
    const now = Date.now();
    if (this.#editing || !this.#text.value.trim() || now - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now;
    this.#on.typing();
  }

  #fill(text) {
    this.#text.value = text;
    this.#show();
  }

  /** As the service counts: code points, after trimming. */
  #left(text) {
    return this.#limit - [...text.trim()].length;
  }

  #show() {
    const { value } = this.#text;
    const left = this.#left(value);
    const near = left < this.#limit * (1 - NOTE_AT);
    this.#note.textContent = near ? (left < 0 ? `${-left} characters too many` : `${left} characters left`) : "";
    this.#note.classList.toggle("over", left < 0);
    this.#send.disabled = value.trim() === "" || left < 0;
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
