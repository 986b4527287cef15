/**
 * What waits to be sent, over all rooms: how much, why, and each entry with what can be done about it. What goes out at
 * once is not shown.
 * @module
 */

import { read, typedFor } from "./commands.js";
import { byId, el, isComposed } from "./dom.js";
import { isBlank } from "./format.js";
import { refusal, words } from "./words.js";

/** @import { OutboxEntry } from "../client/outbox.js" */

/** @typedef {"unconnected" | "unstored" | "slowed" | null} Why what is in the way of all that waits; null: nothing */

const SHOWN_MS = 1500; // a message that is sent within is not one that waits

export class Queue {
  #frame = byId("queue", HTMLDetailsElement);
  #summary = byId("queue-summary");
  #list = byId("queue-list");
  #on;
  /** @type {Map<string, {signature: string, node: HTMLElement}>} by the entry's id */
  #drawn = new Map();
  /** @type {Map<string, number>} since when an entry is there, by performance.now */
  #since = new Map();
  /** @type {string | null} the entry that is being changed */
  #editing = null;
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {object} on
   * @param {(id: string) => boolean} on.pause false if it is on its way now
   * @param {(id: string) => void} on.resume what was kept back is left as it was
   * @param {(id: string, text: string) => void} on.rewrite
   * @param {(id: string) => void} on.retry
   * @param {(id: string) => void} on.discard
   * @param {() => void} on.later look again
   */
  constructor(on) {
    this.#on = on;
  }

  /**
   * @param {OutboxEntry[]} entries
   * @param {{room: string, why: Why}} options `room`: the one that is looked at
   */
  draw(entries, { room, why }) {
    this.#forget(entries);
    const isShown = entries.length > 0 && this.#waits(entries);
    this.#frame.hidden = !isShown;
    if (!isShown) return;
    const failed = entries.filter(({ state }) => state === "failed").length;
    this.#frame.classList.toggle("failed", failed > 0);
    const says = words.queue.summary(entries.length - failed, failed, why);
    if (this.#summary.textContent !== says) this.#summary.textContent = says;
    entries.forEach((entry, index) => {
      const node = this.#node(entry, { room, why });
      if (this.#list.children[index] !== node) this.#list.insertBefore(node, this.#list.children[index] ?? null);
    });
  }

  /** @param {OutboxEntry[]} entries those that are left */
  #forget(entries) {
    const ids = new Set(entries.map(({ id }) => id));
    for (const [id, { node }] of this.#drawn) {
      if (ids.has(id)) continue;
      node.remove();
      this.#drawn.delete(id);
    }
    for (const id of this.#since.keys()) if (!ids.has(id)) this.#since.delete(id);
    if (this.#editing !== null && !ids.has(this.#editing)) this.#editing = null;
  }

  /**
   * Whether anything has waited long enough to be spoken of; if not yet, it is looked at again in time.
   * @param {OutboxEntry[]} entries
   */
  #waits(entries) {
    clearTimeout(this.#timer);
    const now = performance.now();
    for (const { id } of entries) if (!this.#since.has(id)) this.#since.set(id, now);
    const left = Math.min(...this.#since.values()) + SHOWN_MS - now;
    if (left <= 0 || entries.some(({ state }) => state === "failed" || state === "paused")) return true;
    this.#timer = setTimeout(this.#on.later, left);
    return false;
  }

  /** @type {(entry: OutboxEntry, options: {room: string, why: Why}) => HTMLElement} */
  #node(entry, { room, why }) {
    const { id, state, error, frame } = entry;
    const isEdited = this.#editing === id;
    const elsewhere = entry.room === room ? "" : entry.room;
    const text = "text" in frame ? frame.text : "";
    const sendable = state === "failed" || why === "unconnected"; // else it is sent as soon as it can be
    const signature = isEdited ? "edited" : `${state} ${error} ${sendable} ${elsewhere} ${text}`;
    const drawn = this.#drawn.get(id);
    if (drawn?.signature === signature) return drawn.node;
    const node = el("li", { class: `entry ${state}`, tabIndex: -1, "data-entry": id });
    if (isEdited) node.append(this.#form(entry));
    else node.append(...this.#shown(entry, { elsewhere, sendable }));
    const hadFocus = drawn?.node.contains(document.activeElement);
    drawn?.node.replaceWith(node);
    if (hadFocus) node.focus({ preventScroll: true });
    this.#drawn.set(id, { signature, node });
    return node;
  }

  /** @type {(entry: OutboxEntry, options: {elsewhere: string, sendable: boolean}) => HTMLElement[]} */
  #shown({ id, frame, state, error }, { elsewhere, sendable }) {
    const says = words.queue;
    const what = el("div", { class: "entry-text", dir: "auto" }, says.what(frame));
    const fate = state === "failed" ? words.message.failed(refusal(error ?? "")) : says.states[state];
    const about = el("div", { class: "entry-fate" }, elsewhere ? says.inRoom(elsewhere, fate) : fate);
    if (state === "sending") return [what, about];
    const button = (/** @type {string} */ label, /** @type {() => void} */ onclick) =>
      el("button", { type: "button", class: "plain small", onclick }, label);
    const ways = el("div", { class: "row" });
    if ("text" in frame) ways.append(button(says.edit, () => this.#edit(id)));
    const again = state === "failed" ? words.message.retry : says.sendNow;
    if (sendable) ways.append(button(again, () => this.#on.retry(id)));
    ways.append(button(words.message.discard, () => this.#on.discard(id)));
    return [what, about, ways];
  }

  // -- changing an entry

  /** @param {string} id */
  #edit(id) {
    if (this.#editing !== null) this.#on.resume(this.#editing);
    if (!this.#on.pause(id)) return;
    this.#editing = id;
    this.#on.later();
  }

  /** What begins with a slash means the same here as where it was written, but for a topic. @param {OutboxEntry} entry */
  #form({ id, frame }) {
    const text = "text" in frame ? frame.text : "";
    const isTopic = frame.type === "topic";
    const value = isTopic ? text : typedFor(text);
    const why = el("p", { id: `entry-why-${id}`, class: "field-error", role: "alert" });
    const box = el("textarea", { rows: 2, value, dir: "auto", "aria-label": words.queue.text, "aria-describedby": why.id });
    const save = el("button", { class: "plain small" }, words.renaming.save);
    const cancel = el("button", { type: "button", class: "plain small", onclick: () => this.#done(id) }, words.shell.cancel);
    const form = el("form", {}, box, why, el("div", { class: "row" }, save, cancel));
    box.addEventListener("input", () => {
      save.disabled = isBlank(box.value);
      why.textContent = "";
    });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || isComposed(event)) return;
      event.stopPropagation();
      this.#done(id);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = box.value.trim();
      const meant = isTopic ? { text: typed } : read(typed);
      if (meant.text === undefined) {
        why.textContent = words.commands.notInEdit(meant.command);
        return;
      }
      this.#editing = null;
      this.#on.rewrite(id, meant.text);
      this.#on.later();
    });
    queueMicrotask(() => box.focus());
    return form;
  }

  /** @param {string} id */
  #done(id) {
    this.#editing = null;
    this.#on.resume(id);
    this.#on.later();
  }
}
