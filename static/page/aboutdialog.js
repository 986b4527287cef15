/**
 * The dialog that says what a room is about, where those who may set the topic do so.
 * @module
 */

import { copyLink } from "./about.js";
import { begunBy, canCopy } from "./beginning.js";
import { byId } from "./dom.js";
import { dayName, dayOf, isBlank, time } from "./format.js";
import { openLayer } from "./layers.js";
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
  #dialog = byId("about", HTMLDialogElement);
  #input = byId("topic", HTMLTextAreaElement);
  #set;
  #text = "";
  /** @type {Room | null} */
  #room = null;

  /** @param {(text: string) => void} set the topic of the room that is shown */
  constructor(set) {
    this.#set = set;
    byId("about-close").addEventListener("click", () => this.#dialog.close());
    byId("about-form").addEventListener("submit", (event) => this.#onSubmit(event));
    this.#input.addEventListener("input", () => this.#check());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    byId("copy-link").hidden = !canCopy;
    byId("copy-link").addEventListener("click", () => this.#copy());
  }

  /** @param {Shown} shown */
  draw({ room, may, text }) {
    const { name, topic, begun } = room;
    if (this.#room !== room) this.#dialog.close();
    this.#room = room;
    this.#text = text;
    byId("about-title").textContent = `#${name}`;
    byId("about-topic").replaceChildren(...(topic ? plain(topic.text) : [words.about.none]));
    byId("about-topic").classList.toggle("muted", !topic);
    byId("about-topic").hidden = may;
    byId("about-by").textContent = topic ? words.about.set(topic.user.name, dayName(dayOf(topic.at)), time(topic.at)) : "";
    byId("about-begun").replaceChildren(...begunBy(begun));
    for (const node of this.#dialog.querySelectorAll("[data-may]")) node.toggleAttribute("hidden", !may);
    if (!this.#dialog.open) this.#input.value = text;
  }

  open() {
    this.#check();
    this.#dialog.onclose = openLayer(this.#dialog, () => this.#dialog.close());
  }

  /** @returns {boolean} whether it can be set */
  #check() {
    const over = [...oneLine(this.#input.value)].length - LIMIT;
    byId("topic-note").textContent = over > 0 ? words.composer.over(over) : "";
    this.#input.setAttribute("aria-invalid", String(over > 0));
    return over <= 0;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return; // 229: of an input method
    event.preventDefault();
    byId("about-form", HTMLFormElement).requestSubmit();
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
