/**
 * The entrance: a name and a room, or where one signs in.
 * @module
 */

import { checkRoom } from "./address.js";
import { byId } from "./dom.js";
import { identity, ways } from "./identity.js";
import { words } from "./words.js";

/** @typedef {{name?: string, room?: string, sign?: string}} Complaint a sentence below the field that is meant, or of
 *     signing in */

/** @typedef {"asked" | "account" | "guest" | "stranger"} Visitor `stranger`: who has to sign in first */

/** @type {Record<Visitor, string[]>} what is shown to whom */
const PARTS = {
  asked: ["asked"],
  account: ["room", "out"],
  guest: ["name", "room", ...(ways.signIn === null ? [] : ["or", "signIn"])],
  stranger: ways.signIn === null ? [] : ["signIn"],
};

export class Entrance {
  #fields = {
    name: { input: byId("entrance-name", HTMLInputElement), error: byId("entrance-name-error") },
    room: { input: byId("entrance-room", HTMLInputElement), error: byId("entrance-room-error") },
  };

  #enter = byId("entrance-enter", HTMLButtonElement);
  #on;

  /**
   * @param {object} on
   * @param {(name: string, room: string) => Promise<Complaint | null>} on.enter says why not, or null
   * @param {() => void} on.accept be whom a link is for
   * @param {() => void} on.refuse
   * @param {() => void} on.signOut
   */
  constructor(on) {
    this.#on = on;
    byId("entrance-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    for (const { input } of Object.values(this.#fields)) input.addEventListener("input", () => this.#complain({}));
    byId("entrance-sign-in").addEventListener("click", () => identity.signIn(this.#room));
    byId("entrance-accept").addEventListener("click", on.accept);
    byId("entrance-refuse").addEventListener("click", on.refuse);
    byId("entrance-out").addEventListener("click", on.signOut);
  }

  /** @param {{name: string, room: string} & {complaint?: Complaint}} what */
  open({ name, room, complaint = {} }) {
    byId("entrance").hidden = false;
    byId("app").hidden = true;
    this.#fields.name.input.value = name;
    this.#fields.room.input.value = room;
    this.#show();
    this.#complain(complaint);
    if (!complaint.name && !complaint.room) this.#focus(name && !room ? "room" : "name");
  }

  close() {
    byId("entrance").hidden = true;
    byId("app").hidden = false;
  }

  /** @returns {Visitor} */
  get #visitor() {
    if (identity.stranger) return "asked";
    if (identity.person) return "account";
    return ways.guests ? "guest" : "stranger";
  }

  /** The room that is asked for, or the one that everybody finds. */
  get #room() {
    return checkRoom(this.#fields.room.input.value).room ?? "lobby";
  }

  #show() {
    const visitor = this.#visitor;
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (byId("entrance").querySelectorAll("[data-part]"))) {
      part.hidden = !PARTS[visitor].includes(part.dataset.part ?? "");
    }
    const says = words.entrance;
    const { name } = identity.stranger ?? identity.person ?? { name: "" };
    const invitations = {
      asked: says.asked(name),
      account: says.account(name),
      guest: words.entrance.guest,
      stranger: ways.signIn === null ? says.elsewhere : says.stranger,
    };
    byId("entrance-invitation").textContent = invitations[visitor];
    byId("entrance-accept").textContent = says.accept(name);
    byId("entrance-sign-in").className = visitor === "guest" ? "plain" : "primary";
  }

  /** @param {"name" | "room"} field */
  #focus(field) {
    const places = [this.#fields[field].input, ...Object.values(this.#fields).map(({ input }) => input)];
    const buttons = ["entrance-refuse", "entrance-sign-in"].map((id) => byId(id));
    [...places, ...buttons].find((place) => place.checkVisibility())?.focus();
  }

  async #submit() {
    const isNamed = !this.#fields.name.input.checkVisibility();
    const name = this.#fields.name.input.value.trim();
    const { room, error } = checkRoom(this.#fields.room.input.value);
    if ((!name && !isNamed) || room === undefined) {
      this.#complain({ name: name || isNamed ? undefined : words.entrance.noName, room: error });
      return;
    }
    this.#enter.disabled = true;
    const complaint = await this.#on.enter(name, room);
    this.#enter.disabled = false;
    if (complaint) this.#complain(complaint);
  }

  /** @param {Complaint} complaint */
  #complain(complaint) {
    const isAsked = this.#fields.name.input.checkVisibility();
    for (const [name, { input, error }] of Object.entries(this.#fields)) {
      const says = complaint[/** @type {"name" | "room"} */ (name)] ?? "";
      error.textContent = says;
      input.setAttribute("aria-invalid", String(says !== ""));
    }
    byId("entrance-objection").textContent = complaint.sign ?? (isAsked ? "" : (complaint.name ?? ""));
    if (complaint.name) this.#focus("name");
    else if (complaint.room) this.#focus("room");
  }
}
