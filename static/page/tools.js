/**
 * What can be done with a message: one small toolbar that stands in the message the pointer or the focus is on.
 * @module
 */

import { canCopy } from "./beginning.js";
import { closest, el, iconButton } from "./dom.js";
import { goAlong } from "./keys.js";
import { pickEmoji } from "./later.js";
import { toast } from "./status.js";
import { words } from "./words.js";

const QUICK = ["👍", "❤️", "😂"];
const HOVER_MS = 50; // over one row
const REST_MS = 150; // likewise, of a pointer that doesn't move: rows come fast below it, and none is meant
const below = matchMedia("(hover: none), (width < 44rem)"); // as in message.css: it stands below the text, and makes room

export class Tools {
  #list;
  #onReact;
  #bar;
  #more;
  #edit;
  #remove;
  #moderate;
  #isModerator;
  #picking = false; // an emoji is being chosen
  /** @type {number | null} */
  #seq = null;
  /** @type {number | undefined} */
  #hovering;
  #pointer = ""; // where it is in the window

  /**
   * @param {object} options
   * @param {HTMLElement} options.list
   * @param {(seq: number, emoji: string) => void} options.onReact
   * @param {(seq: number) => void} options.onEdit
   * @param {(seq: number) => void} options.onRemove
   * @param {(seq: number) => void} options.onModerate its author
   * @param {() => boolean} options.isModerator
   * @param {(seq: number) => void} options.onLink copy the link to it
   */
  constructor({ list, onReact, onEdit, onRemove, onModerate, isModerator, onLink }) {
    this.#list = list;
    this.#onReact = onReact;
    const quick = QUICK.map((emoji) => this.#emojiButton(emoji, "icon"));
    this.#more = iconButton("smile", words.tools.pick, () => this.#pick());
    /** @type {(symbol: string, label: string, onSeq: (seq: number) => void) => HTMLButtonElement} */
    const tool = (symbol, label, onSeq) => iconButton(symbol, label, () => this.#seq !== null && onSeq(this.#seq));
    this.#edit = tool("edit", words.tools.edit, onEdit);
    this.#remove = tool("remove", words.tools.remove, onRemove);
    this.#moderate = tool("shield", "", onModerate);
    this.#isModerator = isModerator;
    const link = canCopy ? [tool("link", words.tools.link, onLink)] : [];
    const lasting = [this.#edit, this.#remove, ...link, this.#moderate];
    this.#bar = el("div", { class: "tools", role: "toolbar", "aria-label": words.tools.bar }, ...quick, this.#more, ...lasting);
    list.addEventListener("pointerover", ({ clientX, clientY }) => this.#onHover(`${clientX} ${clientY}`));
    list.addEventListener("focusin", ({ target }) => this.#moveTo(target));
    list.addEventListener("click", ({ target }) => this.#onTap(target));
    list.addEventListener("pointerleave", () => {
      clearTimeout(this.#hovering);
      this.#leave(document.activeElement);
    });
    list.addEventListener("focusout", ({ relatedTarget }) => !list.matches(":hover") && this.#leave(relatedTarget));
    this.#bar.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** What the tools were wanted for before they were there, if it still stands. @param {Event} event */
  catchUp({ type, target }) {
    if (type === "pointerover") this.#onHover("");
    else if (type === "click") this.#onTap(target);
    else this.#moveTo(this.#list.contains(document.activeElement) ? document.activeElement : null);
  }

  /** The list was drawn anew: stand where we stood, if that is still there. */
  settle() {
    if (this.#seq === null || this.#bar.isConnected) return;
    this.#place(this.#list.querySelector(`[data-seq="${this.#seq}"]`));
  }

  /** Stand nowhere. */
  hide() {
    this.#bar.remove();
    this.#seq = null;
  }

  /**
   * Not at once: rows that are scrolled past under the pointer are none that somebody wants to do something with. Nor
   * where rows would grow under it. Which row it is over is looked at then: it may have been drawn anew.
   * @param {string} pointer where it is
   */
  #onHover(pointer) {
    clearTimeout(this.#hovering);
    if (below.matches) return;
    const wait = pointer === this.#pointer ? REST_MS : HOVER_MS;
    this.#pointer = pointer;
    this.#hovering = setTimeout(() => this.#moveTo(this.#list.querySelector("[data-seq]:hover")), wait);
  }

  /** @param {EventTarget | null} target */
  #onTap(target) {
    if (!below.matches) return;
    this.#moveTo(target);
    if (closest(target, "[data-seq]")?.contains(this.#bar)) this.#bar.scrollIntoView({ block: "nearest" });
  }

  /** @param {EventTarget | null} target */
  #moveTo(target) {
    const message = closest(target, "[data-seq]");
    if (!message || message.contains(this.#bar) || this.#picking) return;
    this.#place(message);
  }

  /** @param {HTMLElement | null} message */
  #place(message) {
    if (!message || message.querySelector(".gone")) {
      this.hide();
      return;
    }
    this.#seq = Number(message.dataset.seq);
    this.#offer(message.classList.contains("own"), message.dataset.author ?? "");
    message.append(this.#bar);
  }

  /**
   * What may be done with this one.
   * @type {(own: boolean, author: string) => void}
   */
  #offer(own, author) {
    const moderated = !own && this.#isModerator();
    this.#edit.hidden = !own;
    this.#remove.hidden = !own && !moderated;
    this.#moderate.hidden = !moderated;
    this.#moderate.title = this.#moderate.ariaLabel = words.sidebar.moderate(author);
  }

  /** @param {EventTarget | null} focused */
  #leave(focused) {
    const inside = focused instanceof Node && this.#list.contains(focused);
    if (!this.#picking && !inside) this.hide();
  }

  /**
   * @param {string} emoji
   * @param {string} className
   */
  #emojiButton(emoji, className) {
    const onclick = () => this.#seq !== null && this.#onReact(this.#seq, emoji);
    return el("button", { type: "button", class: className, "aria-label": words.tools.react(emoji), onclick }, emoji);
  }

  async #pick() {
    const seq = this.#seq;
    if (seq === null || this.#picking) return;
    this.#picking = true;
    const onPick = (/** @type {string} */ emoji) => this.#onReact(seq, emoji);
    const onClose = () => (this.#picking = false);
    if (await pickEmoji({ at: this.#more, says: words.tools.pick, onPick, onClose })) return;
    onClose();
    toast(words.notices.noEmoji);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    goAlong(event, [...this.#bar.querySelectorAll("button")].filter(({ hidden }) => !hidden));
  }
}
