/**
 * The list of messages: draws rows, keeps the place where somebody reads, asks for older pages.
 * @module
 */

import { byId, closest } from "./dom.js";
import { build } from "./message.js";
import { Tools } from "./tools.js";
import { words } from "./words.js";

/** @import { Row } from "./rows.js" */

/** @typedef {{key: string, at: number}} Place the first message in sight, and where it stands, px */

const AT_END_PX = 48;
const STEPS = new Map([["ArrowUp", -1], ["ArrowDown", 1]]);
const LOAD_PX = 300; // from the top: then an older page is asked for

export class Log {
  #frame = byId("log");
  #list = byId("messages");
  #jump = byId("jump");
  #jumpText = byId("jump-text");
  /** @type {Map<string, {signature: string, node: HTMLElement}>} by key */
  #drawn = new Map();
  #atEnd = true;
  #tools;
  #on;

  /**
   * @param {object} on
   * @param {() => void} on.older the beginning of what is loaded comes near
   * @param {() => void} on.seen the end is in sight
   * @param {(seq: number, emoji: string) => void} on.react
   * @param {(seq: number) => void} on.edit
   * @param {(seq: number) => void} on.remove
   * @param {(id: string) => void} on.retry
   * @param {(id: string) => void} on.discard
   */
  constructor(on) {
    this.#on = on;
    this.#tools = new Tools({ list: this.#list, onReact: on.react, onEdit: on.edit, onRemove: on.remove });
    this.#frame.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#frame.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("click", (event) => this.#onClick(event));
    this.#jump.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(this.#frame);
  }

  /** Whether the end is in sight. */
  get atEnd() {
    return this.#atEnd;
  }

  /**
   * Draw.
   * @param {Row[]} rows
   * @param {{fresh?: boolean, unread?: number}} [options] `fresh`: another room, or another history: nobody's place is
   *     kept, and what is new is shown first
   */
  draw(rows, { fresh = false, unread = 0 } = {}) {
    const reading = !fresh && !this.#atEnd;
    const place = reading ? this.#place() : null;
    if (fresh) this.#tools.hide();
    this.#frame.setAttribute("aria-busy", String(fresh || reading));
    this.#patch(rows);
    this.#tools.settle();
    if (fresh) this.#begin();
    else if (place) this.#keep(place);
    else if (!reading) this.#frame.scrollTop = this.#frame.scrollHeight;
    this.#frame.setAttribute("aria-busy", "false");
    this.#look(unread);
  }

  toEnd() {
    this.#frame.scrollTop = this.#frame.scrollHeight;
    this.#look(0);
  }

  // -- drawing

  /** @param {Row[]} rows */
  #patch(rows) {
    let next = this.#list.firstChild;
    const kept = new Set();
    for (const row of rows) {
      kept.add(row.key);
      let drawn = this.#drawn.get(row.key);
      if (drawn?.signature !== row.signature) {
        const node = build(row);
        if (drawn) {
          const focused = drawn.node.contains(document.activeElement);
          if (next === drawn.node) next = node;
          drawn.node.replaceWith(node);
          if (focused) node.focus({ preventScroll: true });
        }
        drawn = { signature: row.signature, node };
        this.#drawn.set(row.key, drawn);
      }
      if (drawn.node === next) next = drawn.node.nextSibling;
      else this.#list.insertBefore(drawn.node, next);
    }
    for (const [key, { node }] of this.#drawn) {
      if (kept.has(key)) continue;
      node.remove();
      this.#drawn.delete(key);
    }
  }

  /** @returns {Place | null} */
  #place() {
    const top = this.#frame.getBoundingClientRect().top;
    for (const node of this.#messages()) {
      const { bottom, top: at } = node.getBoundingClientRect();
      if (bottom > top) return { key: `m${node.dataset.seq}`, at };
    }
    return null;
  }

  /** @param {Place} place */
  #keep({ key, at }) {
    const node = this.#drawn.get(key)?.node;
    if (node) this.#frame.scrollTop += node.getBoundingClientRect().top - at;
  }

  #begin() {
    this.#frame.scrollTop = this.#frame.scrollHeight;
    const line = this.#drawn.get("new")?.node;
    if (!line) return;
    const above = this.#frame.getBoundingClientRect().top + this.#frame.clientHeight / 4;
    const off = line.getBoundingClientRect().top - above;
    if (off < 0) this.#frame.scrollTop += off;
  }

  // -- where somebody reads

  #onScroll() {
    this.#look();
  }

  /** @param {number} [unread] messages */
  #look(unread) {
    const { scrollHeight, scrollTop, clientHeight } = this.#frame;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < AT_END_PX;
    this.#jump.hidden = this.#atEnd;
    if (unread !== undefined) {
      this.#jumpText.textContent = unread > 0 ? words.log.unread(unread) : words.log.latest;
      this.#jump.classList.toggle("unread", unread > 0);
    }
    if (this.#atEnd) this.#on.seen();
    if (scrollTop < LOAD_PX) this.#on.older();
  }

  // -- hands

  #messages() {
    return /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll("[data-seq]")]);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key === "End" && event.target === this.#frame) this.toEnd();
    const step = STEPS.get(event.key);
    if (step === undefined || closest(event.target, ".tools")) return;
    const messages = this.#messages();
    const current = messages.findIndex((message) => message === closest(event.target, "[data-seq]"));
    const next = current < 0 ? messages.at(-1) : messages[current + step];
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  #onClick({ target }) {
    const { action, emoji = "" } = closest(target, "[data-action]")?.dataset ?? {};
    const { seq, entry = "" } = closest(target, "li")?.dataset ?? {};
    if (action === "react") this.#on.react(Number(seq), emoji);
    else if (action === "retry") this.#on.retry(entry);
    else if (action === "discard") this.#on.discard(entry);
  }
}
