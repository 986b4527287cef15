/**
 * A room: who is there, what was said last, and what a moderator can do about both.
 * @module
 */

import { el, iconButton } from "../page/dom.js";
import { openModeration } from "../page/moderation.js";
import { askToRemove } from "../page/removal.js";
import { toast } from "../page/status.js";
import { hash, refusal, words as pageWords } from "../page/words.js";
import { RequestError } from "../client/requests.js";
import { draw } from "./keyed.js";
import { face, part, say, stamp } from "./parts.js";
import { words } from "./words.js";

/**
 * @import { Message, Person } from "../client/protocol.js"
 * @import { Members, Messages } from "./service.js"
 * @import { Case } from "../page/moderation.js"
 */

/**
 * @typedef {object} Actions
 * @property {Case["moderate"]} moderate
 * @property {(seq: number) => Promise<unknown>} remove a message
 * @property {() => void} close
 * @property {string} me our id, about whom nothing is offered
 * @property {boolean} everywhere whether we may moderate in all rooms
 */

export class RoomView {
  #actions;
  #people = el("ul", { class: "lines" });
  #peopleTitle = el("h3", { tabIndex: -1 }, words.room.people);
  #peopleNote = el("p", { class: "muted" });
  #messages = el("ul", { class: "lines" });
  #messagesTitle = el("h3", { tabIndex: -1 }, words.room.messages);
  #messagesNote = el("p", { class: "muted" });
  #part;

  /**
   * @param {string} room
   * @param {Actions} actions
   */
  constructor(room, actions) {
    this.room = room;
    this.#actions = actions;
    this.#part = part(
      "room",
      hash(room),
      iconButton("close", words.room.close(room), actions.close),
      ...[this.#peopleTitle, this.#people, this.#peopleNote, this.#messagesTitle, this.#messages, this.#messagesNote],
    );
  }

  get node() {
    return this.#part.node;
  }

  focus() {
    this.#part.heading.focus();
  }

  /** @type {(members: Members, messages: Messages) => void} */
  show({ count, members }, { messages }) {
    const makePerson = (/** @type {Person} */ person) => el("li", {}, ...face(person), ...this.#moderate(person));
    draw(this.#people, members, ({ id, name }) => [id, name], makePerson, this.#peopleTitle);
    const more = count - members.length;
    say(this.#peopleNote, count === 0 ? words.room.nobody : more > 0 ? words.room.more(more) : "");

    const newest = messages.toReversed();
    const signature = (/** @type {Message} */ { seq, text, user, removed }) => [seq, text, user, removed];
    draw(this.#messages, newest, signature, (message) => this.#message(message), this.#messagesTitle);
    say(this.#messagesNote, messages.length === 0 ? words.room.silent : "");
  }

  /** @param {Message} message */
  #message(message) {
    const { user, text, at, removed } = message;
    const remove = iconButton("remove", words.room.remove(user.name), () => askToRemove(() => this.#remove(message)));
    const said = removed
      ? el("p", { class: "muted gone" }, words.room.gone)
      : el("p", { class: "said", dir: "auto" }, text ?? "");
    const tools = removed ? [] : [remove];
    return el("li", {}, ...face(user), stamp(at), ...tools, ...this.#moderate(user), said);
  }

  /** @param {Person} person */
  #moderate(person) {
    const { moderate, everywhere, me } = this.#actions;
    if (person.id === me) return [];
    const open = () => openModeration({ person, room: this.room, everywhere, moderate });
    return [iconButton("shield", pageWords.sidebar.moderate(person.name), open)];
  }

  /** @param {Message} message */
  async #remove({ seq, user }) {
    try {
      await this.#actions.remove(seq);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      toast(refusal(error.message, error.code));
      return;
    }
    toast(words.room.removed(user.name));
  }
}
