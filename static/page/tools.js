/**
 * What can be done with a message: one small toolbar that stands in the message the pointer or the focus is on.
 * @module
 */

import { el, iconButton } from "./dom.js";

const QUICK = ["👍", "❤️", "😂"];
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
  #own;
  #picker = null;
  #seq = null;

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
    const more = iconButton("smile", "Choose a reaction", () => this.#togglePicker());
    this.#own = [
      iconButton("edit", "Edit", () => onEdit(this.#seq)),
      iconButton("remove", "Remove", () => onRemove(this.#seq)),
    ];
    this.#bar = el("div", { class: "tools", role: "toolbar", "aria-label": "Message" }, ...quick, more, ...this.#own);
    list.addEventListener("pointerover", ({ target }) => this.#moveTo(target));
    list.addEventListener("focusin", ({ target }) => this.#moveTo(target));
    list.addEventListener("pointerleave", () => this.#leave(document.activeElement));
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

  #moveTo(target) {
    const message = target.closest("[data-seq]");
    if (!message || message.contains(this.#bar) || this.#picker) return;
    this.#place(message);
  }

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

  #leave(focused) {
    if (!this.#picker && !this.#list.contains(focused)) this.hide();
  }

  #emojiButton(emoji, className) {
    const onclick = () => {
      const seq = this.#seq; // closing takes the focus away, and with it perhaps the toolbar
      this.#closePicker();
      this.#onReact(seq, emoji);
    };
    return el("button", { type: "button", class: className, "aria-label": `React with ${emoji}`, onclick }, emoji);
  }

  // -- the picker

  #togglePicker() {
    if (this.#picker) {
      this.#closePicker();
      return;
    }
    const buttons = EMOJI.map((emoji) => this.#emojiButton(emoji, "emoji"));
    this.#picker = el("div", { class: "picker", role: "group", "aria-label": "Choose a reaction" }, ...buttons);
    this.#bar.append(this.#picker);
    // Upwards, unless it would stand out of the list's frame.
    const frame = this.#list.parentElement.getBoundingClientRect();
    if (this.#bar.getBoundingClientRect().top - this.#picker.offsetHeight < frame.top) this.#picker.classList.add("below");
    buttons[0].focus();
    document.addEventListener("pointerdown", this.#onOutside);
  }

  #closePicker() {
    this.#picker?.remove();
    this.#picker = null;
    document.removeEventListener("pointerdown", this.#onOutside);
  }

  #onOutside = ({ target }) => {
    if (!this.#bar.contains(target)) this.#closePicker();
  };

  #onKey(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    const buttons = [...(this.#picker ?? this.#bar).querySelectorAll("button:not([hidden])")];
    const index = buttons.indexOf(document.activeElement);
    if (event.key === "Escape" && this.#picker) {
      this.#closePicker();
      this.#bar.querySelector("[title='Choose a reaction']").focus();
    } else if (event.key in steps && index >= 0) {
      buttons[(index + steps[event.key] + buttons.length) % buttons.length].focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
