/**
 * What a room is about: its line in the header, and the dialog behind it, where those who may set the topic do so.
 * @module
 */

import { pathOf } from "./address.js";
import { begunBy, canCopy } from "./beginning.js";
import { completeness } from "./completeness.js";
import { byId, icon } from "./dom.js";
import { dayName, dayOf, isBlank, time } from "./format.js";
import { openLayer } from "./layers.js";
import { toast } from "./status.js";
import { plain } from "./text.js";
import { words } from "./words.js";

/**
 * @import { OutgoingEntry } from "./outgoing.js"
 * @import { CompletenessName } from "./completeness.js"
 * @import { Room } from "./room.js"
 */

/** @type {Record<CompletenessName, string>} */
const ICONS = { unknown: "clock", behind: "clock", missing: "alert", whole: "check" };

const LIMIT = 250; // characters of a topic, as the service's

/**
 * Copy the link to a room, or to a message in it, for whom it is to be brought to.
 * @type {(room: string, seq?: number | null) => Promise<void>}
 */
export async function copyLink(room, seq = null) {
  const link = location.origin + pathOf(room, seq);
  const copied = await navigator.clipboard.writeText(link).then(() => true, () => false);
  const says = seq === null ? words.about.copied : words.tools.linkCopied;
  toast(copied ? says : words.about.notCopied);
}

/** A topic has one line, whatever was pasted. @param {string} text */
const oneLine = (text) => (isBlank(text) ? "" : text.replace(/\s+/g, " ").trim());

export class About {
  #dialog = byId("about", HTMLDialogElement);
  #input = byId("topic", HTMLTextAreaElement);
  #set;
  #drawn = "";
  #text = ""; // as it is, or will be once what waits is sent
  /** @type {Room | null} */
  #room = null;

  /** @param {(text: string) => void} set the topic of the room that is shown */
  constructor(set) {
    this.#set = set;
    byId("open-about").addEventListener("click", () => this.#open());
    byId("about-close").addEventListener("click", () => this.#dialog.close());
    byId("about-form").addEventListener("submit", (event) => this.#onSubmit(event));
    this.#input.addEventListener("input", () => this.#check());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    byId("copy-link").hidden = !canCopy;
    byId("copy-link").addEventListener("click", () => this.#copy());
  }

  /**
   * @param {Room} room
   * @param {boolean} may whether we may set its topic
   * @param {OutgoingEntry[]} entries of ours that are on their way
   */
  draw(room, may, entries) {
    this.#drawCompleteness(room);
    const waiting = entries.findLast(({ frame }) => frame.type === "topic")?.frame;
    const text = waiting && "text" in waiting ? waiting.text : (room.topic?.text ?? "");
    const isWaiting = waiting !== undefined;
    const signature = JSON.stringify([room.name, room.topic, room.begun, may, text, isWaiting, dayOf(Date.now())]);
    if (this.#drawn === signature) return;
    if (this.#room !== room) this.#dialog.close();
    this.#drawn = signature;
    this.#room = room;
    this.#text = text;
    this.#drawLine(room, may, text, isWaiting);
    this.#drawDialog(room, may, text);
  }

  /** The mark beside the room's name, and what it means. @param {Room} room */
  #drawCompleteness(room) {
    const { name, text } = completeness(room);
    const mark = byId("completeness");
    if (mark.title === text) return;
    mark.className = `completeness ${name}`;
    mark.title = text;
    mark.setAttribute("aria-label", text);
    byId("open-about").title = text; // it lies above the mark
    mark.replaceChildren(icon(ICONS[name]));
    byId("about-completeness").textContent = text;
  }

  /** @type {(room: Room, may: boolean, text: string, waiting: boolean) => void} */
  #drawLine({ begun }, may, text, waiting) {
    const line = byId("about-line");
    if (text || !begun) line.textContent = text || (may ? words.about.add : "");
    else line.replaceChildren(...(may ? [words.about.add] : begunBy(begun)));
    line.classList.toggle("waiting", waiting);
    byId("open-about").hidden = line.textContent === "";
    byId("open-about").classList.toggle("unset", text === "");
  }

  /** @type {(room: Room, may: boolean, text: string) => void} */
  #drawDialog({ name, topic, begun }, may, text) {
    byId("about-title").textContent = `#${name}`;
    byId("about-topic").replaceChildren(...(topic ? plain(topic.text) : [words.about.none]));
    byId("about-topic").classList.toggle("muted", !topic);
    byId("about-topic").hidden = may;
    byId("about-by").textContent = topic ? words.about.set(topic.user.name, dayName(dayOf(topic.at)), time(topic.at)) : "";
    byId("about-begun").replaceChildren(...begunBy(begun));
    for (const node of this.#dialog.querySelectorAll("[data-may]")) node.toggleAttribute("hidden", !may);
    if (!this.#dialog.open) this.#input.value = text;
  }

  #open() {
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
