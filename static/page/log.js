/**
 * The list of messages: draws the rows in sight and some around them, keeps the place where somebody reads, asks for
 * older pages.
 * @module
 */

import { byId, closest } from "./dom.js";
import { build } from "./message.js";
import { loadHands } from "./later.js";
import { paced } from "./pace.js";
import { looksLike } from "./rows.js";
import { spanFor } from "./span.js";
import { Viewport } from "./viewport.js";
import { words } from "./words.js";

/**
 * @import { Row, Timeline } from "./rows.js"
 * @import { Target } from "./seek.js"
 * @import { Span } from "./span.js"
 * @import { Tools } from "./tools.js"
 */

/** @typedef {{row: Row, node: HTMLElement}} Drawn */

const STEPS = new Map([["ArrowUp", -1], ["ArrowDown", 1]]);
const NEAR = 2; // heights of the frame: nearer to the beginning of what is loaded, an older page is asked for
const NEAR_READING = 8; // the same while somebody reads back: a fast wheel goes that far while one comes
const UNKNOWN = 300; // messages, at most, for which space is kept though it is not known whether they are still there
const JUMP_PACE_MS = 200; // between two drawings of the number of new messages
const SHARE = 1 / 4; // of the frame's height, where what is new begins
const SCREENFUL = 30; // messages, before it is known
const APPROACHES = ["pointerover", "focusin", "click"]; // to a message

export class Log {
  #frame = byId("log");
  #list = byId("messages");
  #jump = byId("jump");
  #jumpText = byId("jump-text");
  #jumpNew = byId("jump-new");
  /** @type {number | null} the message under the line above what is new, once somebody saw that */
  #lineSeen = null;
  /** @type {Map<string, Drawn>} by key */
  #drawn = new Map();
  /** @type {Timeline | null} */
  #timeline = null;
  /** @type {{from: number, to: number}} seqs of the first and behind the last message that has a row */
  #span = { from: 0, to: Infinity };
  #unread = 0;
  #isSelecting = false;
  /** @type {number | null} */
  #frameId = null;
  /** @type {Tools | null} loaded with the first message that the pointer or the focus comes to */
  #tools = null;
  /** @type {Event | null} the last that the tools were wanted for before they were there */
  #approach = null;
  #view;
  #on;

  /**
   * @param {object} on
   * @param {() => void} on.older the beginning of what is loaded comes near
   * @param {() => void} on.seen the end is in sight
   * @param {(seq: number, emoji: string) => void} on.react
   * @param {(seq: number) => void} on.edit
   * @param {(seq: number) => void} on.remove
   * @param {(seq: number) => void} on.moderate its author
   * @param {() => boolean} on.isModerator
   * @param {(id: string) => void} on.retry
   * @param {(id: string) => void} on.discard
   * @param {() => void} on.copyLink the room's
   * @param {(seq: number) => void} on.link copy that of a message
   * @param {() => void} on.latest somebody goes to the end
   * @param {() => void} on.firstNew somebody wants to see where what is new begins
   */
  constructor(on) {
    this.#on = on;
    for (const type of APPROACHES) this.#list.addEventListener(type, this.#onApproach);
    this.#view = new Viewport({
      frame: this.#frame,
      above: byId("above"),
      list: this.#list,
      below: byId("below"),
      beat: byId("beat"),
      nodeOf: (seq) => this.#drawn.get(`m${seq}`)?.node,
      changed: () => this.#onView(),
    });
    this.#frame.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("click", (event) => this.#onClick(event));
    this.#jump.addEventListener("click", () => this.toEnd());
    this.#jumpNew.addEventListener("click", () => on.firstNew());
    document.addEventListener("selectionchange", () => this.#onSelection());
  }

  /** Whether the end is in sight. */
  get atEnd() {
    return this.#view.atEnd;
  }

  /**
   * Draw.
   * @param {Timeline} timeline
   * @param {{fresh?: boolean, unread?: number, target?: Target | null}} [options] `fresh`: another room, or another
   *     history: nobody's place is kept, and what is new is shown first; `target`: where to go
   */
  draw(timeline, { fresh = false, unread = 0, target = null } = {}) {
    this.#timeline = timeline;
    this.#unread = unread;
    this.#showJump();
    if (target !== null) this.#goTo(timeline, target);
    else if (fresh) this.#begin(timeline);
    else this.#render(timeline);
  }

  toEnd() {
    this.#view.toEnd();
    this.#soon();
    this.#on.latest();
  }

  // -- drawing

  /** @param {Timeline} timeline */
  #begin(timeline) {
    const { length, newAt } = timeline;
    this.#showAround(timeline, newAt ?? length - 1, "new");
  }

  /**
   * Show a message, or the line above what is new, and have the focus there.
   * @type {(timeline: Timeline, target: Target) => void}
   */
  #goTo(timeline, target) {
    const { stretch, length, newAt } = timeline;
    const index = target === "new" ? (newAt ?? length - 1) : stretch.indexOf(target);
    this.#showAround(timeline, index, target === "new" ? "new" : `m${target}`);
    this.#drawn.get(`m${stretch.messages[index]?.seq}`)?.node.focus({ preventScroll: true });
  }

  /**
   * Make the rows around a message, whatever was shown before.
   * @param {Timeline} timeline
   * @param {number} index
   * @param {string} key of the row to be looked at; the end, where there is none
   */
  #showAround(timeline, index, key) {
    const { length } = timeline;
    this.#tools?.hide();
    this.#view.toEnd();
    const span = spanFor({ from: index, to: index }, { from: index, to: Math.min(length, index + SCREENFUL) }, length);
    this.#show(timeline, span, span.from * this.#view.average);
    const goal = this.#drawn.get(key);
    if (goal) this.#view.aim(goal.node, SHARE);
  }

  /** @param {Timeline} timeline */
  #render(timeline) {
    const view = this.#view;
    const { stretch, length } = timeline;
    const now = { from: stretch.indexOf(this.#span.from), to: stretch.indexOf(this.#span.to) };
    const sight = this.#sight(timeline, now);
    const span = spanFor(now, sight, length, this.#isSelecting);
    let { above } = view;
    if (length > 0 && (span.from >= now.to || span.to <= now.from)) {
      // Somebody jumped to where no rows are: the first one in sight is to stand at the upper edge.
      above = view.top - (sight.from - span.from) * view.average;
      view.letGo();
    } else if (span.from > now.from) {
      const node = this.#drawn.get(`m${stretch.messages[span.from].seq}`)?.node;
      if (node) above += view.heightBefore(withSeparators(node));
    } else {
      above -= (now.from - span.from) * view.average;
    }
    this.#show(timeline, span, above);
  }

  /**
   * The messages in sight: what the viewport saw, where it now is in the list.
   * @param {Timeline} timeline
   * @param {Span} now those that have rows
   * @returns {Span}
   */
  #sight({ stretch, length }, now) {
    const { sight, pinned, average, over, under, height } = this.#view;
    const screenful = Math.ceil(height / average);
    if (pinned) return { from: length - screenful, to: length };
    if (sight) return { from: stretch.indexOf(sight.first), to: stretch.indexOf(sight.last + 1) };
    const from = over < 0 ? now.from + over / average : now.to + (under < 0 ? -under - height : 0) / average;
    const first = Math.max(0, Math.min(length - 1, Math.floor(from)));
    return { from: first, to: first + screenful };
  }

  /**
   * @param {Timeline} timeline
   * @param {Span} span
   * @param {number} above px of the space above, as far as it may be any
   */
  #show(timeline, { from, to }, above) {
    const { stretch, length } = timeline;
    const { average } = this.#view;
    this.#span = { from: stretch.messages[from]?.seq ?? 0, to: stretch.messages[to]?.seq ?? Infinity };
    const changed = this.#patch(timeline.rows(from, to));
    if (changed) this.#tools?.settle();
    const unknown = stretch.more ? Math.min(stretch.messages[0].seq - 1, UNKNOWN) : 0;
    const begins = from + unknown === 0;
    this.#view.arrange({
      messages: to - from,
      above: begins ? 0 : Math.max(0, above),
      below: (length - to) * average,
      missing: (from + unknown) * average,
      begins,
      ends: to === length,
    }, changed);
  }

  /** Draw again in the next frame: the rows in sight are others. */
  #soon() {
    if (this.#frameId !== null) return;
    this.#frameId = requestAnimationFrame(() => {
      this.#frameId = null;
      if (this.#timeline) this.#render(this.#timeline);
    });
  }

  /**
   * Make the list's elements those of the rows, touching only what differs.
   * @param {Row[]} rows
   * @returns {boolean} whether anything did
   */
  #patch(rows) {
    const focused = closest(document.activeElement, "li");
    const old = this.#drawn;
    /** @type {Map<string, Drawn>} */
    const drawn = new Map();
    // First those that go: one of them in the way would make all behind it move, which costs and undoes a selection.
    const kept = new Set(rows.map(({ key }) => key));
    for (const [key, { node }] of old) if (!kept.has(key)) node.remove();
    let changed = kept.size < old.size;
    let next = this.#list.firstChild;
    for (const row of rows) {
      const before = old.get(row.key);
      const node = before && looksLike(before.row, row) ? before.node : build(row);
      drawn.set(row.key, { row, node });
      changed ||= before?.node !== node;
      if (before && before.node !== node) {
        if (next === before.node) next = node;
        before.node.replaceWith(node);
        if (focused === before.node) node.focus({ preventScroll: true });
      }
      if (node === next) next = node.nextSibling;
      else this.#list.insertBefore(node, next);
    }
    this.#drawn = drawn;
    if (focused && !focused.isConnected && document.activeElement === document.body) this.#frame.focus({ preventScroll: true });
    return changed;
  }

  /** Somebody may have marked a part of what stands here: then no row of it may go. */
  #onSelection() {
    const selection = getSelection();
    this.#isSelecting = selection !== null && !selection.isCollapsed && this.#list.contains(selection.anchorNode);
  }

  // -- where somebody reads

  /** After a layout, or when the frame was moved. */
  #onView() {
    const timeline = this.#timeline;
    if (!timeline) return;
    const { stretch, length } = timeline;
    const view = this.#view;
    this.#showJump();
    this.#showLine(timeline);
    this.#frame.classList.toggle("behind", view.sight === null || view.over < -1 || view.under < -1);
    if (view.atEnd) this.#on.seen();
    const near = view.atEnd ? NEAR : NEAR_READING;
    const now = { from: stretch.indexOf(this.#span.from), to: stretch.indexOf(this.#span.to) };
    if (stretch.more && now.from * view.average + view.over < near * view.height) this.#on.older();
    const span = spanFor(now, this.#sight(timeline, now), length, this.#isSelecting);
    if (span.from !== now.from || span.to !== now.to) this.#soon();
  }

  /**
   * Offer the way up to what is new, until somebody had its beginning in sight.
   * @param {Timeline} timeline
   */
  #showLine({ stretch, newAt }) {
    const { sight } = this.#view;
    const seq = newAt === null ? null : stretch.messages[newAt].seq;
    const isInSight = seq !== null && sight !== null && sight.first <= seq && seq <= sight.last;
    if (isInSight && document.hasFocus() && !document.hidden) this.#lineSeen = seq;
    const isAbove = seq !== null && seq !== this.#lineSeen && sight !== null && seq < sight.first;
    if (this.#jumpNew.hidden === isAbove) this.#jumpNew.hidden = !isAbove;
  }

  #showJump = paced(JUMP_PACE_MS, () => {
    const says = this.#unread > 0 ? words.log.unread(this.#unread) : words.log.latest;
    if (this.#jump.hidden !== this.#view.atEnd) this.#jump.hidden = this.#view.atEnd;
    if (this.#jumpText.textContent === says) return;
    this.#jumpText.textContent = says;
    this.#jump.classList.toggle("unread", this.#unread > 0);
  });

  // -- hands

  /** @param {Event} event */
  #onApproach = async (event) => {
    this.#approach = event;
    const loaded = await loadHands();
    if (this.#tools || !loaded) return;
    for (const type of APPROACHES) this.#list.removeEventListener(type, this.#onApproach);
    const { react: onReact, edit: onEdit, remove: onRemove, moderate: onModerate, isModerator, link: onLink } = this.#on;
    this.#tools = new loaded.Tools({ list: this.#list, onReact, onEdit, onRemove, onModerate, isModerator, onLink });
    this.#tools.catchUp(this.#approach);
  };

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key === "End" && event.target === this.#frame) this.toEnd();
    const step = STEPS.get(event.key);
    if (step === undefined || closest(event.target, ".tools")) return;
    const messages = /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll("[data-seq]")]);
    const current = messages.findIndex((message) => message === closest(event.target, "[data-seq]"));
    const next = current < 0 ? this.#lastInSight : messages[current + step];
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    event.preventDefault();
  }

  get #lastInSight() {
    return this.#drawn.get(`m${this.#view.sight?.last}`)?.node;
  }

  /** @param {MouseEvent} event */
  #onClick({ target }) {
    const { action, emoji = "" } = closest(target, "[data-action]")?.dataset ?? {};
    const { seq, entry = "" } = closest(target, "li")?.dataset ?? {};
    if (action === "react") this.#on.react(Number(seq), emoji);
    else if (action === "retry") this.#on.retry(entry);
    else if (action === "discard") this.#on.discard(entry);
    else if (action === "copy-link") this.#on.copyLink();
  }
}

/**
 * The first of the rows that stand before a message and go with it: its day, the line above what is new.
 * @param {HTMLElement} node
 */
function withSeparators(node) {
  /** @type {Element} */
  let first = node;
  while (first.previousElementSibling && !first.previousElementSibling.matches("[data-seq]")) {
    first = first.previousElementSibling;
  }
  return first;
}
