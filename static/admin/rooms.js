/**
 * The rooms, by how many people are in them, and the way into each.
 * @module
 */

import { el } from "../page/dom.js";
import { compare } from "../page/words.js";
import { draw } from "./keyed.js";
import { part, say } from "./parts.js";
import { words } from "./words.js";

/** @import { ListedRoom } from "../client/protocol.js" */

const SHOWN = 30;

export class Rooms {
  #open;
  #find = el("input", { id: "find-room", type: "search", autocomplete: "off", spellcheck: false });
  #list = el("ul", { class: "rooms" });
  #note = el("p", { class: "muted" });
  #part;
  /** @type {ListedRoom[]} */
  #rooms = [];
  /** @type {string | null} */
  #current = null;

  /** @param {(room: string) => void} open */
  constructor(open) {
    this.#open = open;
    const label = el("label", { htmlFor: this.#find.id, class: "hidden" }, words.rooms.find);
    this.#find.placeholder = words.rooms.find;
    this.#find.addEventListener("input", () => this.#draw());
    this.#part = part("rooms", words.rooms.title, label, this.#find, this.#list, this.#note);
  }

  get node() {
    return this.#part.node;
  }

  /** @param {ListedRoom[]} rooms */
  show(rooms) {
    this.#rooms = rooms.toSorted((one, other) => other.count - one.count || compare(one.room, other.room));
    this.#draw();
  }

  /** Which of them is looked at. @param {string | null} room */
  mark(room) {
    this.#current = room;
    for (const button of this.#list.querySelectorAll("button")) mark(button, room);
  }

  /** Back to where a room was opened. @param {string} room */
  focus(room) {
    const buttons = [...this.#list.querySelectorAll("button")];
    (buttons.find((button) => button.dataset.room === room) ?? this.#part.heading).focus();
  }

  #draw() {
    const part = this.#find.value.trim().toLowerCase().replace(/^#/, "");
    const found = this.#rooms.filter(({ room }) => room.includes(part));
    const shown = found.slice(0, SHOWN);
    const make = (/** @type {ListedRoom} */ { room, count }) => {
      const button = el(
        "button",
        { type: "button", "data-room": room, onclick: () => this.#open(room) },
        el("bdi", { class: "name" }, `#${room}`),
        " ",
        el("span", { class: "muted" }, words.rooms.people(count)),
      );
      mark(button, this.#current);
      return el("li", {}, button);
    };
    draw(this.#list, shown, ({ room, count }) => [room, count], make, this.#part.heading);
    const more = found.length - shown.length;
    say(this.#note, found.length === 0 ? words.rooms.none : more > 0 ? words.rooms.more(more) : "");
  }
}

/** @type {(button: HTMLElement, room: string | null) => void} */
const mark = (button, room) => button.setAttribute("aria-pressed", String(button.dataset.room === room));
