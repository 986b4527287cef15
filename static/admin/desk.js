/**
 * All of the operator's page behind its door: what is asked for every few seconds, while somebody sees it, and shown.
 * @module
 */

import { el, iconButton } from "../page/dom.js";
import { HttpError } from "../client/tickets.js";
import { Names, say } from "./parts.js";
import { Overview } from "./overview.js";
import { Poll } from "./poll.js";
import { Sanctions, Trail } from "./record.js";
import { RoomView } from "./room.js";
import { Rooms } from "./rooms.js";
import { Service } from "./service.js";
import { words } from "./words.js";

/**
 * @import { Moderate, Person } from "../client/protocol.js"
 * @import { State } from "./service.js"
 */

const INTERVAL_MS = 5000;
const DEEDS = 50; // of the trail, and more each time
const DEEDS_MOST = 1000; // as many as the service keeps
const OUT = [401, 403]; // the token doesn't hold, or is no moderator's

export class Desk {
  #service;
  #leave;
  #who = el("p", { class: "muted" });
  #trouble = el("p", { class: "banner wait", role: "alert", hidden: true });
  #names = new Names();
  #overview = new Overview();
  #rooms = new Rooms((room) => this.#open(room));
  #sanctions;
  #trail = new Trail(this.#names, () => this.#showOlder());
  #place = el("div", { id: "room-place" });
  #deeds = DEEDS;
  /** @type {RoomView | null} */
  #room = null;
  /** @type {State | null} */
  #state = null;
  #poll;

  /**
   * @param {string} token
   * @param {(why?: string) => void} leave
   */
  constructor(token, leave) {
    this.#service = new Service(token);
    this.#leave = leave;
    this.#sanctions = new Sanctions(this.#names, this.#moderate, () => this.#state?.everywhere ?? false);
    this.node = this.#build();
    this.#poll = new Poll(() => this.#look(), INTERVAL_MS);
  }

  end() {
    this.#poll.end();
  }

  #build() {
    const mark = el("img", { src: "/static/favicon.svg", alt: "", width: 28, height: 28 });
    const out = iconButton("out", words.signOut, () => this.#leave());
    const top = el("header", { class: "top" }, mark, el("h1", {}, words.title), this.#who, out);
    const [figures, processes] = this.#overview.nodes;
    const rooms = el("div", { class: "column" }, this.#rooms.node, this.#place);
    const record = el("div", { class: "column" }, this.#sanctions.node, this.#trail.node, processes);
    const main = el("main", {}, figures, rooms, record);
    return el("div", { class: "admin" }, top, this.#trouble, main);
  }

  /** Ask for everything, and show it; for how many ms to wait longer than usual. */
  async #look() {
    const { room } = this.#room ?? {};
    try {
      const [state, rooms, sanctions, trail, inRoom] = await Promise.all([
        this.#service.state(),
        this.#service.rooms(),
        this.#service.sanctions(),
        this.#service.trail(this.#deeds),
        room === undefined ? null : Promise.all([this.#service.members(room), this.#service.messages(room)]),
      ]);
      this.#state = state;
      say(this.#trouble, "");
      say(this.#who, words.signedIn(state.user.name));
      this.#names.learn([state.user, ...trail.deeds.flatMap(({ by, user }) => [by, user])]);
      if (inRoom) this.#names.learn([...inRoom[0].members, ...inRoom[1].messages.map(({ user }) => user)]);
      this.#overview.show(state);
      this.#rooms.show(rooms);
      this.#sanctions.show(sanctions);
      this.#trail.show(trail.deeds, trail.next !== null && this.#deeds < DEEDS_MOST);
      if (inRoom && this.#room?.room === room) this.#room?.show(...inRoom);
      return 0;
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return this.#onTrouble(error);
    }
  }

  /** @param {HttpError} error */
  #onTrouble({ status, message, retryAfter }) {
    if (OUT.includes(status)) {
      this.#leave(words.door.refused(message));
    } else if (status === 404 && this.#room) {
      this.#close(); // it is gone, or no longer ours to see
    } else {
      say(this.#trouble, status === 0 ? words.trouble.unreachable : words.trouble.refused(message));
    }
    return retryAfter * 1000;
  }

  /** @param {Omit<Moderate, "type" | "ref">} order */
  #moderate = async (order) => {
    const done = await this.#service.moderate(order);
    void this.#poll.now();
    return done;
  };

  /** @param {string} room */
  #open(room) {
    const view = new RoomView(room, {
      moderate: this.#moderate,
      remove: async (seq) => {
        await this.#service.remove(room, seq);
        await this.#poll.now();
      },
      close: () => this.#close(),
      me: this.#state?.user.id ?? "",
      everywhere: this.#state?.everywhere ?? false,
    });
    this.#room = view;
    this.#rooms.mark(room);
    this.#place.replaceChildren(view.node);
    view.focus();
    void this.#poll.now();
  }

  #close() {
    const { room } = this.#room ?? {};
    this.#room = null;
    this.#rooms.mark(null);
    this.#place.replaceChildren();
    if (room !== undefined) this.#rooms.focus(room);
  }

  #showOlder() {
    this.#deeds = Math.min(this.#deeds + DEEDS, DEEDS_MOST);
    void this.#poll.now();
  }
}
