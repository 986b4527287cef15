/**
 * The list of messages: draws rows, keeps the place where somebody reads, asks for older pages.
 * @module
 */

import { byId } from "./dom.js";
import { count } from "./format.js";
import { build } from "./message.js";
import { Tools } from "./tools.js";

const AT_END_PX = 48;
const LOAD_PX = 300; // from the top: then an older page is asked for

export class Log {
  #frame = byId("log");
  #list = byId("messages");
  #jump = byId("jump");
  #jumpText = byId("jump-text");
  #drawn = new Map(); // key to {signature, node}
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
   * @param {import("./rows.js").Row[]} rows
   * @param {{fresh?: boolean, unread?: number}} [options] `fresh`: another room, or another history: nobody's place is
   *     kept, and what is new is shown first
   */
  draw(rows, { fresh = false, unread = 0 } = {}) {
    const stay = fresh || this.#atEnd ? null : this.#place();
    if (fresh) this.#tools.hide();
    this.#frame.setAttribute("aria-busy", String(fresh || stay !== null));
    this.#patch(rows);
    this.#tools.settle();
    if (fresh) this.#begin();
    else if (stay) this.#keep(stay);
    else this.#frame.scrollTop = this.#frame.scrollHeight;
    this.#frame.setAttribute("aria-busy", "false");
    this.#look(unread);
  }

  toEnd() {
    this.#frame.scrollTop = this.#frame.scrollHeight;
    this.#look(0);
  }

  // -- drawing

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
      if (drawn.node === next) next = next.nextSibling;
      else this.#list.insertBefore(drawn.node, next);
    }
    for (const [key, { node }] of this.#drawn) {
      if (kept.has(key)) continue;
      node.remove();
      this.#drawn.delete(key);
    }
  }

  /** The first message in sight and where it stands. */
  #place() {
    const top = this.#frame.getBoundingClientRect().top;
    for (const node of this.#list.querySelectorAll("[data-seq]")) {
      const { bottom, top: at } = node.getBoundingClientRect();
      if (bottom > top) return { key: `m${node.dataset.seq}`, at };
    }
    return { key: null, at: 0 };
  }

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

  #look(unread) {
    const { scrollHeight, scrollTop, clientHeight } = this.#frame;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < AT_END_PX;
    this.#jump.hidden = this.#atEnd;
    if (unread !== undefined) {
      this.#jumpText.textContent = unread > 0 ? count(unread, "new message", "new messages") : "Latest";
      this.#jump.classList.toggle("unread", unread > 0);
    }
    if (this.#atEnd) this.#on.seen();
    if (scrollTop < LOAD_PX) this.#on.older();
  }

  // -- hands

  #onKey(event) {
    const steps = { ArrowUp: -1, ArrowDown: 1 };
    if (event.key === "End" && event.target === this.#frame) this.toEnd();
    if (!(event.key in steps) || event.target.closest(".tools")) return;
    const messages = [...this.#list.querySelectorAll("[data-seq]")];
    const current = messages.indexOf(event.target.closest("[data-seq]"));
    const next = current < 0 ? messages.at(-1) : messages[current + steps[event.key]];
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  }

  #onClick({ target }) {
    const button = target.closest("[data-action]");
    if (!button) return;
    const { action, emoji } = button.dataset;
    const { seq, entry } = button.closest("li").dataset;
    if (action === "react") this.#on.react(Number(seq), emoji);
    else this.#on[action](entry);
  }
}
