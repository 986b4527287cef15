/**
 * The quick way into another room: type a part of its name, Enter goes there. A dialog with ARIA's combobox: the focus
 * stays in the box, the arrow keys choose in the list below.
 * @module
 */

import { checkRoom } from "./address.js";
import { announce } from "./announcer.js";
import { byId, closest, el, icon, isComposed } from "./dom.js";
import { openLayer } from "./overlay.js";
import { words } from "./words.js";

/**
 * @import { ListedRoom } from "../client/protocol.js"
 * @import { JoinedRoom } from "./sidebar.js"
 */

/** @typedef {{joined: JoinedRoom[], others: ListedRoom[]}} Rooms */
/** @typedef {{room: string, joined?: JoinedRoom, here?: number}} Choice without either it is a room that may be begun */

const SHOWN = 50;
const ANNOUNCE_MS = 400; // after the last key

/** @type {(() => void) | null} closes the one that is open */
let closeOpen = null;

/**
 * Show it, or put away the one that is shown.
 * @param {object} what
 * @param {() => Rooms} what.rooms as they are now
 * @param {() => Promise<void>} what.list look which there are
 * @param {(room: string) => void} what.open
 * @returns {() => void} to be called when the rooms are others
 */
export function toggleSwitcher({ rooms, list: look, open }) {
  if (closeOpen) {
    closeOpen();
    return () => {};
  }
  const list = el("ul", { id: "switcher-list", role: "listbox", class: "scroll", "aria-label": words.shell.rooms });
  const input = el("input", {
    type: "text",
    role: "combobox",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: false,
    maxLength: 64,
    placeholder: words.switcher.hint,
    "aria-label": words.shell.switch,
    "aria-controls": list.id,
    "aria-expanded": "true",
    "aria-autocomplete": "list",
  });
  const note = el("p", { class: "muted", hidden: true });
  const node = el("div", { class: "switcher", role: "dialog", "aria-modal": "true", "aria-label": words.shell.switch });
  node.append(el("div", { class: "switcher-box" }, icon("search"), input), list, note);
  byId("app").append(node);

  /** @type {Choice[]} */
  let choices = [];
  let chosen = 0;
  /** @type {number | undefined} */
  let timer;
  const choose = (/** @type {number} */ index) => {
    chosen = index;
    for (const [at, option] of [...list.children].entries()) {
      option.setAttribute("aria-selected", String(at === index));
      if (at === index) option.scrollIntoView({ block: "nearest" });
    }
    if (choices[index]) input.setAttribute("aria-activedescendant", idOf(index));
    else input.removeAttribute("aria-activedescendant");
  };
  const draw = () => {
    const before = choices[chosen]?.room;
    choices = choicesFor(input.value, rooms()).slice(0, SHOWN);
    list.replaceChildren(...choices.map((choice, index) => optionOf(choice, index)));
    list.hidden = choices.length === 0;
    note.hidden = choices.length > 0;
    note.textContent = checkRoom(input.value).error ?? "";
    choose(Math.max(0, choices.findIndex(({ room }) => room === before)));
  };
  let said = -1; // how many, as it was announced
  const say = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (said === choices.length) return;
      said = choices.length;
      announce(words.switcher.found(said));
    }, ANNOUNCE_MS);
  };
  const take = (/** @type {number} */ index) => choices[index] && open(choices[index].room);

  input.addEventListener("input", () => {
    choices = []; // the best is chosen, not the one before
    draw();
    clearTimeout(timer);
    timer = undefined;
    said = -1;
    say();
  });
  node.addEventListener("keydown", (event) => {
    const { key } = event;
    const step = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
    if (isComposed(event) || !(step || key === "Enter" || key === "Escape")) return;
    event.preventDefault();
    event.stopPropagation(); // not for the drawer below
    if (step) choose((chosen + step + choices.length) % (choices.length || 1));
    else if (key === "Enter") take(chosen);
    else closeLayer();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays
  list.addEventListener("click", ({ target }) => {
    const index = closest(target, "[role=option]")?.dataset.index;
    if (index !== undefined) take(Number(index));
  });
  const beside = (/** @type {Event} */ { target }) => target instanceof Node && !node.contains(target) && closeLayer();
  document.addEventListener("pointerdown", beside, true);
  draw();
  const closeLayer = openLayer(node, () => {
    document.removeEventListener("pointerdown", beside, true);
    clearTimeout(timer);
    closeOpen = null;
    node.remove();
  });
  closeOpen = closeLayer;
  say();
  void look();
  return () => {
    if (!node.isConnected) return;
    draw();
    say(); // there may be more of them
  };
}

/**
 * Rooms for what is typed: those whose names begin with it, those with a word that does, those that have it anywhere; of
 * each first those one is in, with news before the others.
 * @type {(typed: string, rooms: Rooms) => Choice[]}
 */
function choicesFor(typed, { joined, others }) {
  const sought = typed.trim().replace(/^#/, "").toLowerCase().replaceAll(/\s+/g, "-");
  const news = (/** @type {JoinedRoom} */ { current, mentions, unread }) => (current ? 3 : mentions > 0 ? 0 : unread > 0 ? 1 : 2);
  const own = [...joined].sort((one, other) => news(one) - news(other));
  const fits = (/** @type {Choice} */ { room }) => (room.startsWith(sought) ? 0 : /[-_]/.test(room[room.indexOf(sought) - 1]) ? 1 : 2);
  /** @type {Choice[]} */
  const all = [...own.map((room) => ({ room: room.name, joined: room })), ...others.map(({ room, count: here }) => ({ room, here }))];
  const found = all.filter(({ room }) => room.includes(sought)).sort((one, other) => fits(one) - fits(other));
  const { room } = checkRoom(typed);
  return room && !all.some((choice) => choice.room === room) ? [...found, { room }] : found;
}

/** @param {number} index */
const idOf = (index) => `switcher-${index}`;

/** @type {(choice: Choice, index: number) => HTMLElement} */
function optionOf({ room, joined, here }, index) {
  const option = el("li", { id: idOf(index), class: "switcher-option", role: "option", "data-index": index });
  option.append(el("span", { class: "hash", "aria-hidden": "true" }, "#"), el("span", { class: "room-name" }, room));
  const says = joined ? newsOf(joined) : here === undefined ? words.switcher.begin : words.sidebar.inside(here);
  if (says) option.append(" ", el("span", { class: "muted" }, says));
  return option;
}

/** @param {JoinedRoom} room */
function newsOf({ current, mentions, unread }) {
  if (current) return words.switcher.current;
  if (mentions > 0) return words.switcher.mentions(mentions);
  return unread > 0 ? words.switcher.unread(unread) : "";
}
