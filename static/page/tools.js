/**
 * What can be done with a message: one small toolbar that stands in the message the pointer or the focus is on.
 * @module
 */

import { closest, el, iconButton } from "./dom.js";
import { words } from "./words.js";

const QUICK = ["👍", "❤️", "😂"];
const HOVER_MS = 50; // over one row
const STEPS = new Map([["ArrowRight", 1], ["ArrowLeft", -1]]);
const EMOJI = [
  ..."👍👎👏🙌🙏💪👀👋",
  "❤️", ..."💔🔥⭐🎉🎂🚀💡",
  ..."😀😂😊😍😎🤔😮😢",
  ..."😡😴🤯🥳🤝✅❌❓",
];

export class Tools {
  #list;
  #onReact;
  #bar;
  #more;
  #own;
  /** @type {HTMLElement | null} */
  #picker = null;
  /** @type {number | null} */
  #seq = null;
  /** @type {number | undefined} */
  #hovering;

  /**
   * @param {object} options
   * @param {HTMLElement} options.list
   * @param {(seq: number, emoji: string) => void} options.onReact
   * @param {(seq: number) => void} options.onEdit
   * @param {(seq: number) => void} options.onRemove
   */
  constructor({ list, onReact, onEdit, onRemove }) {
    this.#list = list;
    this.#onReact = onReact;
    const quick = QUICK.map((emoji) => this.#emojiButton(emoji, "icon"));
    this.#more = iconButton("smile", words.tools.pick, () => this.#togglePicker());
    this.#own = [
      iconButton("edit", words.tools.edit, () => this.#seq !== null && onEdit(this.#seq)),
      iconButton("remove", words.tools.remove, () => this.#seq !== null && onRemove(this.#seq)),
    ];
    this.#bar = el("div", { class: "tools", role: "toolbar", "aria-label": words.tools.bar }, ...quick, this.#more, ...this.#own);
    list.addEventListener("pointerover", ({ target }) => this.#onHover(target));
    list.addEventListener("focusin", ({ target }) => this.#moveTo(target));
    list.addEventListener("pointerleave", () => {
      clearTimeout(this.#hovering);
      this.#leave(document.activeElement);
    });
    list.addEventListener("focusout", ({ relatedTarget }) => !list.matches(":hover") && this.#leave(relatedTarget));
    this.#bar.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** The list was drawn anew: stand where we stood, if that is still there. */
  settle() {
    if (this.#seq === null || this.#bar.isConnected) return;
    this.#place(this.#list.querySelector(`[data-seq="${this.#seq}"]`));
  }

  /** Stand nowhere. */
  hide() {
    this.#closePicker();
    this.#bar.remove();
    this.#seq = null;
  }

  /**
   * Not at once: rows that are scrolled past under the pointer are none that somebody wants to do something with.
   * @param {EventTarget | null} target
   */
  #onHover(target) {
    clearTimeout(this.#hovering);
    this.#hovering = setTimeout(() => this.#moveTo(target), HOVER_MS);
  }

  /** @param {EventTarget | null} target */
  #moveTo(target) {
    const message = closest(target, "[data-seq]");
    if (!message || message.contains(this.#bar) || this.#picker) return;
    this.#place(message);
  }

  /** @param {HTMLElement | null} message */
  #place(message) {
    if (!message || message.querySelector(".gone")) {
      this.hide();
      return;
    }
    this.#closePicker();
    this.#seq = Number(message.dataset.seq);
    for (const button of this.#own) button.hidden = !message.classList.contains("own");
    message.append(this.#bar);
  }

  /** @param {EventTarget | null} focused */
  #leave(focused) {
    const inside = focused instanceof Node && this.#list.contains(focused);
    if (!this.#picker && !inside) this.hide();
  }

  /**
   * @param {string} emoji
   * @param {string} className
   */
  #emojiButton(emoji, className) {
    const onclick = () => {
      const seq = this.#seq; // closing takes the focus away, and with it perhaps the toolbar
      this.#closePicker();
      if (seq !== null) this.#onReact(seq, emoji);
    };
    return el("button", { type: "button", class: className, "aria-label": words.tools.react(emoji), onclick }, emoji);
  }

  // -- the picker

  #togglePicker() {
    if (this.#picker) {
      this.#closePicker();
      return;
    }
    const buttons = EMOJI.map((emoji) => this.#emojiButton(emoji, "emoji"));
    const picker = el("div", { class: "picker", role: "group", "aria-label": words.tools.pick }, ...buttons);
    this.#picker = picker;
    this.#bar.append(picker);
    // Upwards, unless it would stand out of the list's frame.
    const top = this.#list.parentElement?.getBoundingClientRect().top ?? 0;
    if (this.#bar.getBoundingClientRect().top - picker.offsetHeight < top) picker.classList.add("below");
    buttons[0].focus();
    document.addEventListener("pointerdown", this.#onOutside);
  }

  #closePicker() {
    this.#picker?.remove();
    this.#picker = null;
    document.removeEventListener("pointerdown", this.#onOutside);
  }

  /** @param {PointerEvent} event */
  #onOutside = ({ target }) => {
    if (target instanceof Node && !this.#bar.contains(target)) this.#closePicker();
  };

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = STEPS.get(event.key);
    const buttons = [...(this.#picker ?? this.#bar).querySelectorAll("button")].filter(({ hidden }) => !hidden);
    const index = buttons.findIndex((button) => button === document.activeElement);
    if (event.key === "Escape" && this.#picker) {
      this.#closePicker();
      this.#more.focus();
    } else if (step !== undefined && index >= 0) {
      buttons[(index + step + buttons.length) % buttons.length].focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
