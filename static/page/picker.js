/**
 * Where an emoji is chosen: by its group, by what is typed, among those used lately, in a skin tone.
 *
 * The focus stays in the search box (ARIA's combobox with a list): the arrow keys go over the emoji, Enter takes one.
 * @module
 */

import { announce } from "./announcer.js";
import { closest, el, isComposed } from "./dom.js";
import { drawn, groups, recents, search, tone, TONES, use, withTone } from "./emoji.js";
import { goAlong, stepInRow } from "./keys.js";
import { openLayer } from "./overlay.js";
import { store } from "./store.js";
import { words } from "./words.js";

/** @import { Emoji } from "./emoji.js" */

const FOUND = 90; // that a search shows
const GAP_PX = 6; // between the picker and what it was opened at
const EDGE_PX = 8; // from the window's edge
const HAND = "\u270B"; // that shows the skin tones
const narrow = matchMedia("(width < 44rem)"); // as beside it in picker.css: it is a sheet at the bottom
const touch = matchMedia("(pointer: coarse)");

/**
 * Let an emoji be chosen. Where somebody is choosing already (a button that was pressed twice), nothing more opens.
 * @param {object} options
 * @param {HTMLElement} options.at beside which
 * @param {string} options.says what for
 * @param {(emoji: string) => void} options.onPick
 * @param {() => void} [options.onClose] whether one was chosen or not, before it is told
 */
export function openPicker({ at, says, onPick, onClose }) {
  if (document.querySelector(".emoji-picker")) {
    onClose?.();
    return;
  }
  const picker = new Picker(says, (emoji) => {
    close();
    onPick(emoji);
  });
  const { node } = picker;
  /** @param {Event} event */
  const outside = ({ target }) => {
    if (target instanceof Node && !node.contains(target)) close();
  };
  document.body.append(node);
  place(node, at);
  at.focus({ preventScroll: true }); // to return there: its row may have been drawn anew since the click, and have taken it
  const close = openLayer(node, () => {
    document.removeEventListener("pointerdown", outside, true);
    node.remove();
    onClose?.();
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || isComposed(event)) return;
    event.preventDefault();
    event.stopPropagation();
    close();
  });
  document.addEventListener("pointerdown", outside, true);
  picker.begin();
}

/** @type {(node: HTMLElement, at: HTMLElement) => void} */
function place(node, at) {
  if (narrow.matches) return;
  const { offsetWidth: width, offsetHeight: height, style } = node;
  const { left, right, top, bottom } = at.getBoundingClientRect();
  const above = top - height - GAP_PX;
  const below = bottom + GAP_PX;
  const best = above >= EDGE_PX || above >= innerHeight - EDGE_PX - below - height ? above : below;
  const beside = getComputedStyle(node).direction === "rtl" ? left : right - width;
  style.left = `${Math.max(EDGE_PX, Math.min(beside, innerWidth - width - EDGE_PX))}px`;
  style.top = `${Math.max(EDGE_PX, Math.min(best, innerHeight - height - EDGE_PX))}px`;
}

class Picker {
  #onPick;
  #box = el("input", { type: "search", class: "picker-search", role: "combobox", autocomplete: "off" });
  #grid = el("div", { id: "picker-grid", class: "picker-grid scroll", role: "listbox", tabIndex: -1 });
  #name = el("div", { class: "picker-name", lang: "en", dir: "auto", "aria-hidden": "true" });
  #tones = el("div", { class: "picker-tones", role: "radiogroup", "aria-label": words.picker.tone, hidden: true });
  #tone = el("button", { type: "button", class: "icon emoji", "aria-expanded": "false" });
  /** @type {Emoji[]} as they stand in the grid */
  #shown = [];
  /** @type {number[]} of each group the index of its first */
  #begins = [];
  #chosen = 0;

  /**
   * @param {string} says
   * @param {(emoji: string) => void} onPick
   */
  constructor(says, onPick) {
    this.#onPick = onPick;
    for (const [name, value] of Object.entries({
      "aria-label": words.picker.search,
      "aria-expanded": "true",
      "aria-autocomplete": "list",
      "aria-controls": this.#grid.id,
      placeholder: words.picker.search,
      enterkeyhint: "done",
      spellcheck: "false",
    })) {
      this.#box.setAttribute(name, value);
    }
    this.#grid.setAttribute("aria-label", words.picker.emoji);
    const head = el("div", { class: "picker-head" }, this.#box, this.#tone);
    const tabs = el("div", { class: "picker-tabs", role: "group", "aria-label": words.picker.groups });
    for (const { name, all } of groups) {
      const onclick = () => this.#toGroup(name);
      const label = words.picker.group[name];
      const properties = { type: "button", class: "icon emoji", title: label, "aria-label": label, onclick };
      tabs.append(el("button", properties, all[0].emoji));
    }
    this.node = el("div", { class: "emoji-picker", role: "dialog", "aria-label": says, tabIndex: -1 });
    this.node.append(head, this.#tones, tabs, this.#grid, this.#name);
    this.#box.addEventListener("input", () => this.#draw());
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    this.#tone.addEventListener("click", () => this.#showTones(Boolean(this.#tones.hidden)));
    // Enter and Space take one: to take each that is gone over would close the choice.
    this.#tones.addEventListener("keydown", (event) => goAlong(event, [...this.#tones.querySelectorAll("button")], true));
    this.#grid.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays
    this.#grid.addEventListener("click", ({ target }) => this.#pick(indexOf(target)));
    this.#grid.addEventListener("pointerover", ({ target }) => this.#say(indexOf(target)));
    this.#drawTones();
    this.#draw();
  }

  /** It is shown: with a keyboard one types at once, on a touch screen one looks first. */
  begin() {
    if (touch.matches) this.node.focus();
    else this.#box.focus();
  }

  // -- the emoji

  #draw() {
    const typed = this.#box.value.trim();
    const used = recents();
    const found = typed ? search(typed, FOUND) : [];
    /** @type {{id: string, title: string, all: Emoji[]}[]} */
    const parts = typed
      ? [{ id: "found", title: found.length > 0 ? words.picker.found : words.picker.none, all: found }]
      : groups.map(({ name, all }) => ({ id: name, title: words.picker.group[name], all }));
    if (!typed && used.length > 0) parts.unshift({ id: "recent", title: words.picker.recent, all: used });
    this.#shown = parts.flatMap(({ all }) => all);
    this.#begins = [];
    let index = 0;
    const nodes = [];
    for (const { id, title, all } of parts) {
      this.#begins.push(index);
      const cells = all.map((emoji, at) => cell(emoji, index + at));
      const heading = el("h3", { id: `picker-${id}`, "aria-hidden": "true" }, title);
      const group = el("div", { class: "picker-group", role: "group", "aria-label": title }, heading);
      group.append(el("div", { class: "picker-cells", role: "presentation" }, ...cells));
      nodes.push(group);
      index += all.length;
    }
    this.#grid.replaceChildren(...nodes);
    this.#grid.scrollTop = 0;
    this.#choose(0, false);
    if (typed) announce(found.length > 0 ? words.picker.results(found.length) : words.picker.none);
  }

  /** @param {string} group */
  #toGroup(group) {
    this.#box.value = "";
    this.#draw();
    const heading = this.#grid.querySelector(`#picker-${group}`);
    heading?.scrollIntoView({ block: "start" });
    const [first] = heading?.parentElement?.querySelectorAll("[data-index]") ?? [];
    this.#choose(indexOf(first ?? null) ?? 0, false);
    if (!touch.matches) this.#box.focus();
  }

  /** @type {(index: number, inSight?: boolean) => void} */
  #choose(index, inSight = true) {
    this.#grid.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    const node = this.#grid.querySelector(`[data-index="${index}"]`);
    this.#chosen = index;
    if (node) this.#box.setAttribute("aria-activedescendant", node.id);
    else this.#box.removeAttribute("aria-activedescendant");
    node?.setAttribute("aria-selected", "true");
    if (inSight) node?.scrollIntoView({ block: "nearest" });
    this.#say(index);
  }

  /** Show what an emoji is called. @param {number | null} index */
  #say(index) {
    if (index === null) return;
    const emoji = this.#shown[index];
    const shown = emoji ? [el("span", { class: "emoji" }, drawn(emoji)), ` ${emoji.name} :${emoji.codes[0]}:`] : [];
    this.#name.replaceChildren(...shown);
  }

  /** @param {number | null} index */
  #pick(index) {
    const emoji = index === null ? undefined : this.#shown[index];
    if (!emoji) return;
    use(emoji);
    this.#onPick(drawn(emoji));
  }

  // -- keys

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (isComposed(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    const step = this.#box.value === "" ? stepInRow(event) : 0; // in a text left and right are the cursor's
    const cells = this.#grid.querySelector(".picker-cells") ?? this.#grid;
    const columns = getComputedStyle(cells).gridTemplateColumns.split(" ").length;
    if (key === "Enter") this.#pick(this.#chosen);
    else if (key === "ArrowDown") this.#choose(this.#vertical(columns, 1));
    else if (key === "ArrowUp") this.#choose(this.#vertical(columns, -1));
    else if (step) this.#choose(Math.max(0, Math.min(this.#chosen + step, this.#shown.length - 1)));
    else return;
    event.preventDefault();
  }

  /**
   * The emoji a row further, in the same column where that row has it.
   * @type {(columns: number, step: 1 | -1) => number}
   */
  #vertical(columns, step) {
    const group = this.#begins.findLastIndex((begin) => begin <= this.#chosen);
    const [begin, end] = [this.#begins[group], this.#begins[group + 1] ?? this.#shown.length];
    const column = (this.#chosen - begin) % columns;
    const next = this.#chosen + step * columns;
    if (next >= begin && next < end) return next;
    if (step > 0) {
      const lastRow = begin + Math.floor((end - 1 - begin) / columns) * columns;
      if (this.#chosen < lastRow) return end - 1;
      if (end === this.#shown.length) return this.#chosen;
      return Math.min(end + column, (this.#begins[group + 2] ?? this.#shown.length) - 1);
    }
    if (group === 0) return this.#chosen;
    const before = this.#begins[group - 1];
    const lastRow = before + Math.floor((begin - 1 - before) / columns) * columns;
    return Math.min(lastRow + column, begin - 1);
  }

  // -- skin tones

  #drawTones() {
    const chosen = tone();
    const label = words.picker.toneIs(words.picker.tones[chosen]);
    this.#tone.textContent = withTone(HAND, chosen);
    this.#tone.setAttribute("aria-label", label);
    this.#tone.title = label;
    const choices = TONES.map((_, index) => {
      const says = words.picker.tones[index];
      const onclick = () => this.#setTone(index);
      const properties = { type: "button", class: "icon emoji", title: says, "aria-label": says, onclick };
      const state = { role: "radio", "aria-checked": index === chosen, tabIndex: index === chosen ? 0 : -1 };
      return el("button", { ...properties, ...state }, withTone(HAND, index));
    });
    this.#tones.replaceChildren(...choices);
  }

  /** @param {boolean} shown */
  #showTones(shown) {
    this.#tones.hidden = !shown;
    this.#tone.setAttribute("aria-expanded", String(shown));
    if (shown) /** @type {HTMLElement | null} */ (this.#tones.querySelector("[aria-checked=true]"))?.focus();
  }

  /** @param {number} index */
  #setTone(index) {
    store.tone = index;
    this.#drawTones();
    this.#showTones(false);
    this.#draw();
    this.#tone.focus();
  }
}

/** @type {(emoji: Emoji, index: number) => HTMLElement} */
function cell(emoji, index) {
  const states = { role: "option", lang: "en", "aria-label": emoji.name, "aria-selected": "false" };
  return el("div", { class: "cell emoji", id: `picker-${index}`, "data-index": index, ...states }, drawn(emoji));
}

/** @param {EventTarget | null} target */
function indexOf(target) {
  const index = closest(target, "[data-index]")?.dataset.index;
  return index === undefined ? null : Number(index);
}
