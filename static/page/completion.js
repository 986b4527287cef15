/**
 * What is offered while somebody types, above the box: names behind `@`, emoji behind `:`, commands behind `/`.
 *
 * The focus stays in the box (ARIA's list autocomplete): the arrow keys choose, Enter and Tab take, Escape puts it away.
 * Enter takes nothing where what is typed is complete already, so that it sends.
 * @module
 */

import { announce } from "./announcer.js";
import { byId, closest, el } from "./dom.js";
import { words } from "./words.js";

/**
 * @typedef {object} Offer what may be taken
 * @property {string} insert what stands in the text instead of what was typed
 * @property {(Node | string)[]} shown
 * @property {() => void} [onTake]
 */

/**
 * @typedef {object} Offers
 * @property {number} start where what it replaces begins
 * @property {Offer[]} offers
 * @property {boolean} [atOnce] the first is taken without asking
 * @property {boolean} [complete] what is typed is one of them
 */

/** @typedef {(before: string) => Offers | null | Promise<Offers | null>} Source of offers, by the text before the cursor */

const SHOWN = 8;

export class Completion {
  #text;
  #sources;
  #list = byId("offers");
  /** @type {Offers | null} */
  #offers = null;
  #chosen = 0;
  #asked = 0; // counts, for answers that come too late
  #refused = ""; // what stood before the cursor when the list was put away

  /**
   * @param {HTMLTextAreaElement} text
   * @param {Source[]} sources the first that has something is shown
   */
  constructor(text, sources) {
    this.#text = text;
    this.#sources = sources;
    text.addEventListener("click", () => this.hide());
    text.addEventListener("blur", () => this.hide());
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays
    this.#list.addEventListener("click", ({ target }) => {
      const index = closest(target, "[role=option]")?.dataset.index;
      if (index !== undefined) this.#take(Number(index));
    });
  }

  /** Put it away. */
  hide() {
    this.#asked += 1;
    this.#offers = null;
    this.#list.hidden = true;
    this.#text.removeAttribute("aria-activedescendant");
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was meant for the list
   */
  onKey(event) {
    const { key } = event;
    if (!this.#offers || event.ctrlKey || event.metaKey || event.altKey) return false;
    const { length } = this.#offers.offers;
    if (key === "ArrowDown") this.#choose((this.#chosen + 1) % length);
    else if (key === "ArrowUp") this.#choose((this.#chosen + length - 1) % length);
    else if ((key === "Enter" && !event.shiftKey && !this.#offers.complete) || (key === "Tab" && !event.shiftKey)) {
      this.#take(this.#chosen);
    } else if (key === "Escape") {
      this.#refused = this.#before;
      this.hide();
    } else {
      if (key === "ArrowLeft" || key === "ArrowRight" || key === "Home" || key === "End") this.hide();
      return false;
    }
    event.preventDefault();
    return true;
  }

  get #before() {
    const { value, selectionStart, selectionEnd } = this.#text;
    return selectionStart === selectionEnd ? value.slice(0, selectionStart) : "";
  }

  /** Something was typed. @param {Event} event */
  async onInput(event) {
    if (event instanceof InputEvent && event.isComposing) return;
    if (event instanceof InputEvent && event.inputType.startsWith("history")) {
      this.hide(); // what was taken back is not to be taken again
      return;
    }
    const before = this.#before;
    if (this.#refused && before.startsWith(this.#refused)) return;
    this.#refused = "";
    this.#asked += 1;
    const asked = this.#asked;
    for (const source of this.#sources) {
      const found = await source(before);
      if (asked !== this.#asked) return;
      if (!found || found.offers.length === 0) continue;
      this.#show(found);
      return;
    }
    this.hide();
  }

  /** @param {Offers} found */
  #show(found) {
    const fresh = this.#offers === null;
    const chosen = this.#chosen > 0 ? this.#offers?.offers[this.#chosen]?.insert : undefined; // by the keys
    this.#offers = { ...found, offers: found.offers.slice(0, SHOWN) };
    if (found.atOnce) {
      this.#take(0);
      return;
    }
    this.#list.replaceChildren(...this.#offers.offers.map(({ shown }, index) => option(index, shown)));
    this.#list.hidden = false;
    this.#choose(Math.max(0, this.#offers.offers.findIndex(({ insert }) => insert === chosen)));
    if (fresh) announce(words.completion.offered(this.#offers.offers.length));
  }

  /** @param {number} index */
  #choose(index) {
    this.#chosen = index;
    for (const [at, node] of [...this.#list.children].entries()) {
      node.setAttribute("aria-selected", String(at === index));
      if (at === index) node.scrollIntoView({ block: "nearest" });
    }
    this.#text.setAttribute("aria-activedescendant", idOf(index));
  }

  /** As if it were typed, so that it can be undone. @param {number} index */
  #take(index) {
    const offers = this.#offers;
    if (!offers) return;
    const { selectionStart: end } = this.#text;
    this.hide();
    this.#text.focus();
    this.#text.setSelectionRange(offers.start, end);
    document.execCommand("insertText", false, offers.offers[index].insert);
    this.hide();
    offers.offers[index].onTake?.();
  }
}

/** @param {number} index */
const idOf = (index) => `offer-${index}`;

/** @type {(index: number, shown: (Node | string)[]) => HTMLElement} */
const option = (index, shown) =>
  el("li", { id: idOf(index), class: "offer", role: "option", "data-index": index }, ...shown);
