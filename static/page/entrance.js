/**
 * The entrance: a name and a room.
 * @module
 */

import { checkRoom } from "./address.js";
import { byId } from "./dom.js";
import { sentence, words } from "./words.js";

export class Entrance {
  #form = byId("entrance-form");
  #name = byId("entrance-name", HTMLInputElement);
  #room = byId("entrance-room", HTMLInputElement);
  #error = byId("entrance-error");
  #cancel = byId("entrance-cancel");

  /**
   * @param {object} on
   * @param {(name: string, room: string) => void} on.enter
   * @param {() => void} on.cancel
   */
  constructor(on) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.#name.value.trim();
      const { room, error } = checkRoom(this.#room.value);
      if (!name) this.#complain(this.#name, words.entrance.noName);
      else if (room === undefined) this.#complain(this.#room, error);
      else on.enter(name, room);
    });
    this.#cancel.addEventListener("click", on.cancel);
    for (const input of [this.#name, this.#room]) input.addEventListener("input", () => this.#clear());
  }

  /** @param {{name: string, room: string, error?: string, cancel?: boolean}} what */
  open({ name, room, error, cancel = false }) {
    byId("entrance").hidden = false;
    byId("app").hidden = true;
    this.#cancel.hidden = !cancel;
    this.#name.value = name;
    this.#room.value = room;
    this.#clear();
    if (error) this.#complain(this.#name, sentence(error));
    else this.#name.focus();
  }

  close() {
    byId("entrance").hidden = true;
    byId("app").hidden = false;
  }

  /**
   * @param {HTMLInputElement} input
   * @param {string} error
   */
  #complain(input, error) {
    this.#error.textContent = error;
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }

  #clear() {
    this.#error.textContent = "";
    for (const input of [this.#name, this.#room]) input.removeAttribute("aria-invalid");
  }
}
