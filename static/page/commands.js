/**
 * What begins with a slash: commands to the page, which are never sent, and how a text that only looks like one is
 * written.
 *
 * `/me` is the one command that becomes a message: "/me waves" is sent as it is, and shown as what its author does. A
 * second slash makes any other command a text: "//help" is sent as "/help". Of "/me" it goes over the wire, "//me so",
 * for there the text without it means something else; it is shown as "/me so".
 * @module
 */

import { checkRoom } from "./address.js";
import { characters, isBlank } from "./format.js";
import { words } from "./words.js";

const NAME_LIMIT = 32; // characters as seen, as the service's

const COMMAND = /^\/(\p{L}[\p{L}\p{N}_-]*)(?:\s+(.*))?$/su; // "/usr/bin" and "/ or" are none
const ESCAPED = /^\/(?=\/+\p{L}[\p{L}\p{N}_-]*(?:\s|$))/u;
const ACTION = /^\/me\s+/;
const ESCAPED_ACTION = /^\/(?=\/+me\s)/;

/** The commands, as they are offered and explained. */
export const COMMANDS = /** @type {const} */ (["me", "nick", "join", "leave", "help"]);

/**
 * What was typed: a text to be sent, or a command with what follows it, which may be none that we know.
 * @param {string} typed trimmed
 * @returns {{text: string, command?: undefined, rest?: undefined} | {text?: undefined, command: string, rest: string}}
 */
export function read(typed) {
  const [, name = "", rest = ""] = COMMAND.exec(typed) ?? [];
  const command = name.toLowerCase();
  if (command === "me" && !isBlank(rest)) return { text: `/me ${rest}` };
  if (command) return { command, rest: rest.trim() };
  return { text: ESCAPED_ACTION.test(typed) ? typed : typed.replace(ESCAPED, "") };
}

/**
 * What is typed for a text, to write it anew.
 * @param {string} text
 */
export function typedFor(text) {
  const unlike = ACTION.test(text) || ESCAPED_ACTION.test(text);
  return !unlike && (COMMAND.test(text) || ESCAPED.test(text)) ? `/${text}` : text;
}

/**
 * A text as it is read: what its author does, or else what they say.
 * @param {string} text
 * @returns {{does?: string, says?: undefined} | {says: string, does?: undefined}}
 */
export function meaning(text) {
  const does = text.replace(ACTION, "");
  if (does !== text && !isBlank(does)) return { does };
  return { says: text.replace(ESCAPED_ACTION, "") };
}

/** Does what was typed behind a slash. Each says why it can't be done, or null. */
export class Commands {
  #on;

  /**
   * @param {object} on
   * @param {(name: string) => void} on.rename
   * @param {(room: string) => void} on.open
   * @param {(room: string) => void} on.leave
   * @param {() => {current: string, all: string[]}} on.rooms those we are in
   * @param {() => void} on.help
   */
  constructor(on) {
    this.#on = on;
  }

  /** @type {(command: string, rest: string) => string | null} */
  run(command, rest) {
    switch (command) {
      case "nick":
        return this.#nick(rest);
      case "join":
        return this.#join(rest);
      case "leave":
        return this.#leave(rest);
      case "help":
        this.#on.help();
        return null;
      case "me":
        return words.commands.noAction;
      default:
        return words.commands.unknown(command);
    }
  }

  /** @param {string} name */
  #nick(name) {
    if (isBlank(name)) return words.commands.noName;
    if (characters(name) > NAME_LIMIT) return words.commands.nameRule;
    this.#on.rename(name);
    return null;
  }

  /** @param {string} typed */
  #join(typed) {
    const { room, error = null } = checkRoom(typed);
    if (room) this.#on.open(room);
    return error;
  }

  /** @param {string} typed a room, or nothing for the current one */
  #leave(typed) {
    const { current, all } = this.#on.rooms();
    const { room, error = null } = typed ? checkRoom(typed) : { room: current };
    if (!room) return error;
    if (!all.includes(room)) return words.commands.notIn(room);
    if (all.length === 1) return words.commands.lastRoom;
    this.#on.leave(room);
    return null;
  }
}
