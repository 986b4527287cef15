/**
 * Another name: asked for over the conversation, which goes on under the old one until the service has agreed.
 * @module
 */

import { byId } from "./dom.js";
import { openLayer } from "./layers.js";
import { words } from "./words.js";

export class Rename {
  #dialog = byId("rename", HTMLDialogElement);
  #name = byId("rename-name", HTMLInputElement);
  #error = byId("rename-error");
  #save = byId("rename-save", HTMLButtonElement);
  #close = () => {};
  #rename;

  /** @param {(name: string) => Promise<string | null>} rename gives a sentence that says why not, or null */
  constructor(rename) {
    this.#rename = rename;
    byId("rename-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("rename-cancel").addEventListener("click", () => this.#close());
    this.#dialog.addEventListener("close", () => this.#close());
    this.#name.addEventListener("input", () => this.#complain(""));
  }

  /** @param {string} name as it is */
  open(name) {
    this.#complain("");
    this.#name.value = name;
    this.#close = openLayer(this.#dialog, () => this.#dialog.close());
    this.#name.select();
  }

  async #submit() {
    const name = this.#name.value.trim();
    this.#save.disabled = true;
    const error = name ? await this.#rename(name) : words.entrance.noName;
    this.#save.disabled = false;
    if (error === null) this.#close();
    else this.#complain(error);
  }

  /** @param {string} error */
  #complain(error) {
    this.#error.textContent = error;
    this.#name.setAttribute("aria-invalid", String(error !== ""));
    if (error) this.#name.focus();
  }
}
