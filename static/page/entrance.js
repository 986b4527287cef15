/**
 * The entrance: a name and a room.
 * @module
 */

import { checkRoom } from "./address.js";
import { byId } from "./dom.js";
import { words } from "./words.js";

/** @typedef {{name?: string, room?: string}} Complaint a sentence below the field that is meant */

export class Entrance {
  #fields = {
    name: { input: byId("entrance-name", HTMLInputElement), error: byId("entrance-name-error") },
    room: { input: byId("entrance-room", HTMLInputElement), error: byId("entrance-room-error") },
  };

  #enter = byId("entrance-enter", HTMLButtonElement);
  #on;

  /** @param {(name: string, room: string) => Promise<Complaint | null>} enter says why not, or null */
  constructor(enter) {
    this.#on = enter;
    byId("entrance-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    for (const { input } of Object.values(this.#fields)) input.addEventListener("input", () => this.#complain({}));
  }

  /** @param {{name: string, room: string} & {complaint?: Complaint}} what */
  open({ name, room, complaint = {} }) {
    byId("entrance").hidden = false;
    byId("app").hidden = true;
    this.#fields.name.input.value = name;
    this.#fields.room.input.value = room;
    this.#complain(complaint);
    if (!complaint.name && !complaint.room) this.#fields[name && !room ? "room" : "name"].input.focus();
  }

  close() {
    byId("entrance").hidden = true;
    byId("app").hidden = false;
  }

  async #submit() {
    const name = this.#fields.name.input.value.trim();
    const { room, error } = checkRoom(this.#fields.room.input.value);
    if (!name || room === undefined) {
      this.#complain({ name: name ? undefined : words.entrance.noName, room: error });
      return;
    }
    this.#enter.disabled = true;
    const complaint = await this.#on(name, room);
    this.#enter.disabled = false;
    if (complaint) this.#complain(complaint);
  }

  /** @param {Complaint} complaint */
  #complain(complaint) {
    for (const [name, { input, error }] of Object.entries(this.#fields)) {
      const says = complaint[/** @type {"name" | "room"} */ (name)] ?? "";
      error.textContent = says;
      input.setAttribute("aria-invalid", String(says !== ""));
    }
    if (complaint.name) this.#fields.name.input.focus();
    else if (complaint.room) this.#fields.room.input.focus();
  }
}
