/**
 * What a room is about: its line in the header. The dialog behind it is loaded when it is opened.
 * @module
 */

import { pathOf } from "./address.js";
import { begunBy } from "./beginning.js";
import { completeness } from "./completeness.js";
import { withHands } from "./demand.js";
import { byId, icon } from "./dom.js";
import { dayOf } from "./format.js";
import { toast } from "./status.js";
import { words } from "./words.js";

/**
 * @import { OutgoingEntry } from "./outgoing.js"
 * @import { AboutDialog } from "./aboutdialog.js"
 * @import { CompletenessName } from "./completeness.js"
 * @import { Room } from "./room.js"
 */

/**
 * What is shown of a room.
 * @typedef {object} Shown
 * @property {Room} room
 * @property {boolean} may whether we may set its topic
 * @property {string} text the topic as it is, or will be once what waits is sent
 * @property {string} completeness of its messages, in a sentence
 */

/** @type {Record<CompletenessName, string>} */
const ICONS = { unknown: "clock", behind: "clock", missing: "alert", whole: "check" };

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

export class About {
  #set;
  #drawn = "";
  /** @type {Shown | null} */
  #shown = null;
  /** @type {AboutDialog | null} */
  #dialog = null;

  /** @param {(text: string) => void} set the topic of the room that is shown */
  constructor(set) {
    this.#set = set;
    byId("open-about").addEventListener("click", () => void this.#open());
  }

  /**
   * @param {Room} room
   * @param {boolean} may whether we may set its topic
   * @param {OutgoingEntry[]} entries of ours that are on their way
   */
  draw(room, may, entries) {
    const known = this.#drawCompleteness(room);
    const waiting = entries.findLast(({ frame }) => frame.type === "topic")?.frame;
    const text = waiting && "text" in waiting ? waiting.text : (room.topic?.text ?? "");
    const isWaiting = waiting !== undefined;
    const signature = JSON.stringify([known, room.name, room.topic, room.begun, may, text, isWaiting, dayOf(Date.now())]);
    if (this.#drawn === signature) return;
    this.#drawn = signature;
    this.#shown = { room, may, text, completeness: known };
    this.#drawLine(this.#shown, isWaiting);
    this.#dialog?.draw(this.#shown);
  }

  /** The mark beside the room's name. @param {Room} room @returns {string} what it means */
  #drawCompleteness(room) {
    const { name, text } = completeness(room);
    const mark = byId("completeness");
    if (mark.title === text) return text;
    mark.className = `completeness ${name}`;
    mark.title = text;
    mark.setAttribute("aria-label", text);
    byId("open-about").title = text; // it lies above the mark
    mark.replaceChildren(icon(ICONS[name]));
    return text;
  }

  /** @type {(shown: Shown, waiting: boolean) => void} */
  #drawLine({ room: { begun }, may, text }, waiting) {
    const line = byId("about-line");
    if (text || !begun) line.textContent = text || (may ? words.about.add : "");
    else line.replaceChildren(...(may ? [words.about.add] : begunBy(begun)));
    line.classList.toggle("waiting", waiting);
    byId("open-about").hidden = line.textContent === "";
    byId("open-about").classList.toggle("unset", text === "");
  }

  #open() {
    return withHands(({ AboutDialog }) => {
      if (!this.#shown) return;
      this.#dialog ??= new AboutDialog(this.#set);
      this.#dialog.draw(this.#shown);
      this.#dialog.open();
    });
  }
}
