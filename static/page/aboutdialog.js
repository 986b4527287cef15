/**
 * The dialog that says what a room is about, where those who may set the topic do so.
 * @module
 */

import { copyLink } from "./about.js";
import { begunBy, canCopy } from "./beginning.js";
import { el, isComposed } from "./dom.js";
import { dayName, dayOf, isBlank, time } from "./format.js";
import { openLayer } from "./overlay.js";
import { plain } from "./text.js";
import { words } from "./words.js";

/**
 * @import { Shown } from "./about.js"
 * @import { Room } from "./room.js"
 */

const LIMIT = 250; // characters of a topic, as the service's

/** A topic has one line, whatever was pasted. @param {string} text */
const oneLine = (text) => (isBlank(text) ? "" : text.replace(/\s+/g, " ").trim());

export class AboutDialog {
  #dialog = el("dialog", { id: "about", class: "confirm about", "aria-labelledby": "about-title" });
  #title = el("bdi", { id: "about-title" });
  #topic = el("p", { class: "about-topic", dir: "auto" });
  #input = el("textarea", { id: "topic", rows: 3, dir: "auto", enterKeyHint: "done", placeholder: words.topic.hint });
  #note = el("p", { id: "topic-note", class: "field-error", role: "alert" });
  #completeness = el("span", { id: "about-completeness" });
  #by = el("span");
  #begun = el("span");
  #form = el("form", { noValidate: true });
  /** @type {HTMLElement[]} what those have who may set the topic */
  #may;
  #set;
  #text = "";
  /** @type {Room | null} */
  #room = null;

  /** @param {(text: string) => void} set the topic of the room that is shown */
  constructor(set) {
    this.#set = set;
    const copy = el("button", { type: "button", class: "plain", onclick: () => this.#copy() }, words.about.copyLink);
    const close = el("button", { type: "button", class: "plain", onclick: () => this.#dialog.close() }, words.notices.close);
    const save = el("button", { class: "primary" }, words.topic.set);
    const label = el("label", { htmlFor: "topic" }, words.topic.label);
    const facts = el("p", { class: "facts muted" }, this.#completeness, this.#by, this.#begun);
    const row = el("div", { class: "row" }, ...(canCopy ? [copy] : []), close, save);
    this.#may = [label, this.#input, save];
    this.#input.setAttribute("aria-describedby", "topic-note");
    this.#form.append(el("h2", {}, this.#title), this.#topic, label, this.#input, this.#note, facts, row);
    this.#form.addEventListener("submit", (event) => this.#onSubmit(event));
    this.#dialog.append(this.#form);
    document.body.append(this.#dialog);
    this.#input.addEventListener("input", () => this.#check());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {Shown} shown */
  draw({ room, may, text, completeness }) {
    const { name, topic, begun } = room;
    if (this.#room !== room) this.#dialog.close();
    this.#room = room;
    this.#text = text;
    this.#title.textContent = `#${name}`;
    this.#topic.replaceChildren(...(topic ? plain(topic.text) : [words.about.none]));
    this.#topic.classList.toggle("muted", !topic);
    this.#topic.hidden = may;
    this.#completeness.textContent = completeness;
    this.#by.textContent = topic ? words.about.set(topic.user.name, dayName(dayOf(topic.at)), time(topic.at)) : "";
    this.#begun.replaceChildren(...begunBy(begun));
    for (const node of this.#may) node.hidden = !may;
    if (!this.#dialog.open) this.#input.value = text;
  }

  open() {
    this.#check();
    this.#dialog.onclose = openLayer(this.#dialog, () => this.#dialog.close());
  }

  /** @returns {boolean} whether it can be set */
  #check() {
    const over = [...oneLine(this.#input.value)].length - LIMIT;
    this.#note.textContent = over > 0 ? words.composer.over(over) : "";
    this.#input.setAttribute("aria-invalid", String(over > 0));
    return over <= 0;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Enter" || isComposed(event)) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  /** @param {SubmitEvent} event */
  #onSubmit(event) {
    event.preventDefault();
    if (!this.#check()) return;
    const text = oneLine(this.#input.value);
    if (text !== this.#text) this.#set(text);
    this.#dialog.close();
  }

  #copy() {
    if (this.#room) void copyLink(this.#room.name);
    this.#dialog.close();
  }
}
