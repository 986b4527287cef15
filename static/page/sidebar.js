/**
 * The rooms on one side, the people on the other; on narrow screens both are drawers.
 * @module
 */

import { checkRoom } from "./address.js";
import { when } from "./completeness.js";
import { withHands } from "./demand.js";
import { avatar, byId, closest, el, icon, iconButton, isComposed } from "./dom.js";
import { isOut } from "./standing.js";
import { compare, number, words } from "./words.js";

/**
 * @import { ListedRoom, Person } from "../client/protocol.js"
 * @import { Alerts } from "./alerts.js"
 * @import { Room } from "./room.js"
 */

/**
 * @typedef {object} JoinedRoom
 * @property {string} name
 * @property {number} unread messages; none where it is muted
 * @property {number} mentions of all of them that speak to us
 * @property {boolean} current
 * @property {boolean} out one can’t be in it
 * @property {boolean} favourite
 * @property {boolean} muted
 */

const FACES = 3;
const wide = matchMedia("(min-width: 70rem)"); // as in frame.css and beside it: people have a column of their own
const narrow = matchMedia("(width < 44rem)"); // as there: rooms have none

export class Sidebar {
  #on;
  /** @type {Record<string, () => void>} what closes the drawers that are open, by id */
  #drawers = {};
  #drawn = { rooms: "", people: "" };
  /** @type {{joined: JoinedRoom[], others: ListedRoom[]}} */
  #rooms = { joined: [], others: [] };
  #redrawSwitcher = () => {};

  /**
   * @param {object} on
   * @param {(room: string) => void} on.open
   * @param {(room: string) => void} on.leave
   * @param {(room: string, fact: "favourite" | "muted", on: boolean) => void} on.choose
   * @param {() => Promise<void>} on.list look which rooms there are
   * @param {() => void} on.rename
   * @param {() => void} on.signOut
   * @param {(person: Person) => void} on.moderate
   * @param {() => Promise<Alerts | null>} on.alerts
   */
  constructor(on) {
    this.#on = on;
    byId("room-form").addEventListener("submit", (event) => this.#onForm(event));
    byId("me-rename").addEventListener("click", on.rename);
    byId("me-out").addEventListener("click", on.signOut);
    byId("open-settings").addEventListener("click", () => void withHands(({ showSettings }) => showSettings()));
    byId("open-rooms").addEventListener("click", () => this.#toggle("sidebar", "open-rooms"));
    byId("open-people").addEventListener("click", () => this.#toggle("people", "open-people"));
    for (const button of document.querySelectorAll("[data-close-drawer]")) {
      button.addEventListener("click", () => this.#close());
    }
    document.addEventListener("keydown", (event) => event.key === "Escape" && !isComposed(event) && this.#close());
    byId("switch").addEventListener("click", () => this.#switch());
    document.addEventListener("keydown", (event) => this.#onShortcut(event));
    if (/Mac|iP/.test(navigator.platform)) byId("switch").querySelector("kbd")?.replaceChildren("⌘K");
    wide.addEventListener("change", () => this.#settle());
    narrow.addEventListener("change", () => this.#settle());
    this.#settle();
  }

  /** Drawers become columns, and columns drawers. */
  #settle() {
    this.#close();
    this.#show("people", "open-people", wide.matches);
  }

  #close() {
    for (const close of Object.values(this.#drawers)) close();
  }

  /** @param {KeyboardEvent} event */
  #onShortcut(event) {
    const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (key.toLowerCase() !== "k" || ctrlKey === metaKey || altKey || shiftKey) return;
    if (byId("app").hidden || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.#switch();
  }

  #switch() {
    const { open, list } = this.#on;
    void withHands(({ toggleSwitcher }) => {
      this.#redrawSwitcher = toggleSwitcher({ rooms: () => this.#rooms, list, open });
    });
  }

  /** @type {(id: "sidebar" | "people", opener: string) => void} */
  #toggle(id, opener) {
    if (this.#drawers[id]) {
      this.#drawers[id]();
      return;
    }
    if (id === "people" && wide.matches) {
      this.#show(id, opener, byId(opener).getAttribute("aria-expanded") !== "true");
      return;
    }
    void withHands(({ openLayer }) => {
      this.#show(id, opener, true);
      byId("shade").hidden = false;
      this.#drawers[id] = openLayer(byId(id), () => {
        delete this.#drawers[id];
        this.#show(id, opener, false);
        byId("shade").hidden = true;
      });
    });
  }

  /** @type {(id: "sidebar" | "people", opener: string, shown: boolean) => void} */
  #show(id, opener, shown) {
    byId(opener).setAttribute("aria-expanded", String(shown));
    byId(id).classList.toggle("open", shown);
    if (id === "people") byId(id).hidden = !shown;
  }

  /**
   * Who we are, and how the connection is.
   * @param {Person} user
   * @param {string} state
   * @param {string} says
   */
  me(user, state, says) {
    byId("me-avatar").replaceChildren(avatar(user));
    byId("me-name").textContent = user.name;
    byId("me-state").textContent = says;
    byId("me-state").className = `state ${state}`;
  }

  /**
   * @param {JoinedRoom[]} rooms those we are in
   * @param {ListedRoom[]} others
   */
  rooms(rooms, others) {
    this.#rooms = { joined: rooms, others };
    byId("menu-dot").hidden = !rooms.some(({ unread, mentions, current }) => unread + mentions > 0 && !current);
    const signature = JSON.stringify([rooms, others]);
    if (this.#drawn.rooms === signature) return;
    this.#drawn.rooms = signature;
    const focused = closest(document.activeElement, "#sidebar [data-room]");
    byId("rooms").replaceChildren(...rooms.map((room) => this.#room(room, rooms.length > 1)));
    byId("others").replaceChildren(...others.map((room) => this.#other(room)));
    byId("other-rooms").hidden = others.length === 0;
    this.#redrawSwitcher();
    if (!focused) return;
    const kind = focused.matches(".room-menu") ? "room-menu" : "room-link";
    const current = rooms.find((room) => room.current)?.name ?? "";
    (this.#find(kind, focused.dataset.room ?? "") ?? this.#find("room-link", current))?.focus();
  }

  /**
   * The button of a room, as it stands now.
   * @type {(kind: "room-link" | "room-menu", room: string) => HTMLElement | null}
   */
  #find(kind, room) {
    return byId("sidebar").querySelector(`.${kind}[data-room="${CSS.escape(room)}"]`);
  }

  /**
   * @param {JoinedRoom} room
   * @param {boolean} leavable
   */
  #room(room, leavable) {
    const { name, unread, mentions, current, out, favourite, muted } = room;
    const open = this.#link(name, unread, mentions);
    open.classList.toggle("is-muted", muted);
    if (current) open.setAttribute("aria-current", "page");
    if (favourite) open.firstElementChild?.replaceChildren(icon("star"));
    if (favourite) open.append(el("span", { class: "hidden" }, ` ${words.sidebar.favourite}`));
    if (muted) open.append(sign("muted", words.sidebar.muted));
    if (out) open.append(sign("alert", words.sidebar.out));
    const menu = iconButton("more", words.sidebar.menu(name), () => this.#openMenu(room, leavable));
    menu.classList.add("room-menu");
    menu.dataset.room = name;
    menu.setAttribute("aria-haspopup", "menu");
    menu.setAttribute("aria-expanded", "false");
    return el("li", {}, open, menu);
  }

  /** @type {(room: JoinedRoom, leavable: boolean) => void} */
  #openMenu(room, leavable) {
    const opener = () => this.#find("room-menu", room.name);
    const about = { room, leavable, on: this.#on, within: byId("sidebar"), opener };
    void withHands(({ openRoomMenu }) => openRoomMenu(about));
  }

  /** @param {ListedRoom} room */
  #other({ room, count: here, unread }) {
    const open = this.#link(room, unread);
    if (here > 0 && !unread) open.append(el("span", { class: "here", title: words.sidebar.inside(here) }, number(here)));
    return el("li", {}, open);
  }

  /**
   * @param {string} room
   * @param {number} unread messages
   * @param {number} [mentions] of them that speak to us
   */
  #link(room, unread, mentions = 0) {
    const open = el(
      "button",
      { type: "button", class: "room-link", "data-room": room, onclick: () => this.#on.open(room) },
      el("span", { class: "hash", "aria-hidden": "true" }, "#"),
      el("span", { class: "room-name" }, room),
    );
    open.classList.toggle("unread", unread + mentions > 0);
    if (mentions > 0) {
      const says = el("span", { class: "hidden" }, ` ${words.sidebar.mentionYou(mentions)}`);
      open.append(el("span", { class: "badge mentions" }, `@${upTo99(mentions)}`, says));
    }
    if (unread > 0) {
      const says = el("span", { class: "hidden" }, ` ${words.sidebar.unread}`);
      open.append(el("span", { class: "badge" }, upTo99(unread), says));
    }
    return open;
  }

  /** @param {SubmitEvent} event */
  #onForm(event) {
    event.preventDefault();
    const input = byId("room-input", HTMLInputElement);
    const { room, error } = checkRoom(input.value);
    byId("room-error").textContent = error ?? "";
    input.setAttribute("aria-invalid", String(Boolean(error)));
    if (!room) return;
    input.value = "";
    this.#on.open(room);
  }

  /**
   * Who is here, and who was lately. Of a room that one is not in, or not yet, nobody knows; of one whose connection is
   * lost, who was here until then.
   * @param {Room} room
   * @param {string | null} me
   * @param {boolean} isModerator
   */
  people(room, me, isModerator) {
    const count = isOut(room.standing) ? 0 : room.count;
    const members = count > 0 ? [...room.members].map(([id, name]) => ({ id, name })) : [];
    const rank = (/** @type {Person} */ { id }) => (id === me ? 0 : 1);
    members.sort((one, other) => rank(one) - rank(other) || compare(one.name, other.name));
    const lately = room.lately();
    const until = count > 0 ? room.knownUntil : null;
    const asOf = until === null ? "" : words.sidebar.asOf(when(until));
    const signature = JSON.stringify([members, count, isModerator, lately, asOf]);
    if (this.#drawn.people === signature) return;
    this.#drawn.people = signature;
    byId("people-count").textContent = count > 0 ? number(count) : "";
    byId("people-label").textContent = count > 0 ? ` ${words.sidebar.peopleHere(count)}` : words.shell.peopleHere;
    byId("people-title").textContent = count > 0 ? words.sidebar.here(count) : words.shell.people;
    byId("people-as-of").textContent = asOf;
    for (const id of ["people", "open-people"]) byId(id).classList.toggle("past", asOf !== "");
    byId("open-people").title = asOf;
    const others = members.filter(({ id }) => id !== me);
    byId("faces").replaceChildren(...others.slice(0, FACES).map((person) => avatar(person, "small")));
    const focused = closest(document.activeElement, ".moderate")?.dataset.user;
    const list = members.map((person) => this.#person(person, person.id === me, isModerator));
    if (members.length === 0 && count > 0) {
      list.push(el("li", { class: "muted" }, words.sidebar.large));
    }
    byId("members").replaceChildren(...list);
    byId("lately-list").replaceChildren(...lately.map((person) => this.#person(person, false, isModerator)));
    byId("lately").hidden = lately.length === 0;
    const again = focused && byId("people").querySelector(`.moderate[data-user="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) again.focus();
  }

  /** @type {(person: Person, isMe: boolean, isModerator: boolean) => HTMLLIElement} */
  #person(person, isMe, isModerator) {
    const node = el("li", { class: "person" }, avatar(person), el("bdi", { class: "name" }, person.name));
    if (isMe) {
      node.append(el("span", { class: "muted" }, words.sidebar.you));
    } else if (isModerator) {
      const button = iconButton("shield", words.sidebar.moderate(person.name), () => this.#on.moderate(person));
      button.classList.add("moderate");
      button.dataset.user = person.id;
      node.append(button);
    }
    return node;
  }
}

/** @param {number} value */
const upTo99 = (value) => (value > 99 ? `${number(99)}+` : number(value));

/** @type {(symbol: string, says: string) => HTMLElement} */
const sign = (symbol, says) =>
  el("span", { class: `sign ${symbol}`, title: says }, icon(symbol), el("span", { class: "hidden" }, ` ${says}`));
