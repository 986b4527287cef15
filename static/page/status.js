/**
 * How the connection and the room are, told as it is in one banner; and small notices.
 * @module
 */

import { announce } from "./announcer.js";
import { byId, el, iconButton } from "./dom.js";
import { after, begun, shown, shownInRoom } from "./standing.js";
import { words } from "./words.js";

/** @import { Happening, RoomStanding, Shown, WayOut } from "./standing.js" */

const QUIET_MS = 700; // a connection that is back so soon is not worth a word
const BACK_MS = 2500;
const TICK_MS = 500; // between two looks at a countdown
const TOAST_MS = 6000;
const ACTION_MS = 20_000; // of one with something to be done
const TOASTS = 3;
const TYPISTS = 3; // named; more are "several"

export class Status {
  #banner = byId("banner");
  #text = byId("banner-text");
  #ways = byId("banner-ways");
  #onWay;
  #canSignIn;
  #standing = begun(navigator.onLine);
  /** @type {{name: string, standing: RoomStanding} | null} the room that is looked at */
  #room = null;
  #since = performance.now(); // of not being open
  #announced = "";
  #drawnWays = "";
  #toldTrouble = false; // of the connection, so that its end is told too
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {(way: WayOut) => void} onWay what somebody chose to do about it
   * @param {boolean} canSignIn whether there is a place for that
   */
  constructor(onWay, canSignIn) {
    this.#onWay = onWay;
    this.#canSignIn = canSignIn;
  }

  /**
   * Something happened to the connection.
   * @param {Happening} happening
   */
  on(happening) {
    const wasOpen = this.#standing.isOpen;
    this.#standing = after(this.#standing, happening, performance.now());
    if (wasOpen && !this.#standing.isOpen) this.#since = performance.now();
    this.#draw();
  }

  /**
   * The room that is looked at, and how one stands in it.
   * @param {string} name
   * @param {RoomStanding} standing
   */
  inRoom(name, standing) {
    if (this.#room?.name === name && this.#room.standing === standing) return;
    this.#room = { name, standing };
    this.#draw();
  }

  get standing() {
    return this.#standing;
  }

  /** One word, for beside the name. */
  get word() {
    return words.states[this.#standing.name];
  }

  #draw() {
    clearTimeout(this.#timer);
    const now = performance.now();
    const trouble = shown(this.#standing, now);
    const isQuiet = trouble !== null && trouble.kind !== "stop" && now - this.#since < QUIET_MS && !this.#standing.isOpen;
    if (isQuiet) {
      this.#timer = setTimeout(() => this.#draw(), QUIET_MS);
    } else if (trouble) {
      this.#toldTrouble = this.#standing.wasOpen && !this.#standing.isOpen;
      this.#say(trouble);
    } else {
      this.#drawRoom(now);
    }
  }

  /** @param {number} now */
  #drawRoom(now) {
    const trouble = this.#room && shownInRoom(this.#room.name, this.#room.standing, now);
    const wasTold = this.#toldTrouble;
    this.#toldTrouble = false;
    if (trouble) {
      this.#say(trouble);
    } else if (wasTold) {
      this.#say({ kind: "back", text: words.standing.connected, ways: [] });
      this.#timer = setTimeout(() => this.#hide(), BACK_MS);
    } else if (!this.#banner.classList.contains("back")) {
      this.#hide();
    } else {
      this.#timer = setTimeout(() => this.#hide(), BACK_MS);
    }
  }

  /** @param {Omit<Shown, "kind"> & {kind: Shown["kind"] | "back"}} what */
  #say({ kind, text, passing, ways }) {
    this.#banner.hidden = false;
    this.#banner.className = `banner ${kind}`;
    this.#text.textContent = passing ? `${text} ${passing}` : text;
    if (this.#announced !== text) announce(text);
    this.#announced = text;
    this.#drawWays(ways);
    if (passing) this.#timer = setTimeout(() => this.#draw(), TICK_MS);
  }

  /** @param {WayOut[]} ways */
  #drawWays(ways) {
    const room = this.#room?.name ?? "";
    const signature = `${room} ${ways}`;
    if (this.#drawnWays === signature) return; // a button that is about to be pressed stays where it is
    this.#drawnWays = signature;
    const open = ways.filter((way) => way !== "signIn" || this.#canSignIn);
    const buttons = open.map((way) => {
      const label = way === "leave" ? words.ways.leave(room) : words.ways[way];
      return el("button", { type: "button", class: "small", onclick: () => this.#onWay(way) }, label);
    });
    this.#ways.replaceChildren(...buttons);
  }

  #hide() {
    this.#banner.hidden = true;
    this.#banner.className = "banner";
    this.#announced = "";
  }
}

/** Who types. @param {string[]} names */
export function showTyping(names) {
  const says = names.length === 0 ? "" : names.length > TYPISTS ? words.typing.many : words.typing.some(names);
  if (byId("typing").textContent !== says) byId("typing").textContent = says;
}

/**
 * A notice that goes by itself, and is read out.
 * @param {string} text
 * @param {{label: string, run: () => void}} [action] what can be done about it while it is there
 */
export function toast(text, action) {
  const list = byId("toasts");
  const node = el("div", { class: "toast" }, text);
  list.append(node);
  announce(text);
  while (list.children.length > TOASTS) list.firstChild?.remove();
  if (action) addAction(node, action);
  const go = () => {
    if (node.matches(":hover, :focus-within")) setTimeout(go, TOAST_MS); // somebody is about to press it
    else node.remove();
  };
  setTimeout(go, action ? ACTION_MS : TOAST_MS);
}

/** @type {(node: HTMLElement, action: {label: string, run: () => void}) => void} */
function addAction(node, { label, run }) {
  /** @type {EventTarget | null} */
  let before = null; // where the focus came from, and goes to again
  const close = () => {
    const focused = node.contains(document.activeElement);
    node.remove();
    if (focused && before instanceof HTMLElement) before.focus();
  };
  const onclick = () => {
    close();
    run();
  };
  node.addEventListener("focusin", ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && node.contains(relatedTarget))) before = relatedTarget;
  });
  const away = iconButton("close", words.notices.close, close); // what lies under it may be wanted
  node.append(el("button", { type: "button", class: "do", onclick }, label), away);
}
