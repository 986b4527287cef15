/**
 * Another name: asked for over the conversation, which goes on under the old one until the service has agreed.
 * @module
 */

import { el } from "./dom.js";
import { openLayer } from "./overlay.js";
import { words } from "./words.js";

export class Rename {
  #dialog = el("dialog", { class: "confirm", "aria-labelledby": "rename-title" });
  #name = el("input", { id: "rename-name", dir: "auto", autocomplete: "nickname", maxLength: 64, required: true });
  #error = el("p", { id: "rename-error", class: "field-error", role: "alert" });
  #save = el("button", { class: "primary" }, words.renaming.save);
  #close = () => {};
  #rename;

  /** @param {(name: string) => Promise<string | null>} rename gives a sentence that says why not, or null */
  constructor(rename) {
    this.#rename = rename;
    const cancel = el("button", { type: "button", class: "plain", onclick: () => this.#close() }, words.shell.cancel);
    const form = el("form", { noValidate: true }, el("h2", { id: "rename-title" }, words.renaming.title));
    form.append(el("label", { htmlFor: "rename-name" }, words.renaming.name), this.#name, this.#error);
    form.append(el("div", { class: "row" }, cancel, this.#save));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#name.setAttribute("aria-describedby", "rename-error");
    document.body.append(this.#dialog);
    this.#dialog.append(form);
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
