/**
 * What may be offered for what is typed: commands, people.
 * @module
 */

import { COMMANDS } from "./commands.js";
import { avatar, el } from "./dom.js";
import { words } from "./words.js";

/**
 * @import { Person } from "../protocol.js"
 * @import { Offers } from "./completion.js"
 */

const COMMAND = /^\/(\p{L}*)$/u;
const NAME = /(?:^|[^\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_.%+/@-])@([^\n@]{0,32})$/u;

/** @type {(before: string) => Offers | null} */
export function commandOffers(before) {
  const typed = COMMAND.exec(before)?.[1].toLowerCase();
  if (typed === undefined) return null;
  const offers = COMMANDS.filter((command) => command.startsWith(typed) && command !== typed).map((command) => ({
    insert: `/${command} `,
    shown: [
      el("span", { class: "offer-name" }, `/${command}`),
      el("span", { class: "muted" }, words.completion.commands[command]),
    ],
  }));
  return { start: 0, offers };
}

/**
 * People by the beginning of any word of their name, in the order given.
 * @param {() => Person[]} people
 * @returns {(before: string) => Offers | null}
 */
export const nameOffers = (people) => (before) => {
  const typed = NAME.exec(before)?.[1].toLowerCase();
  if (typed === undefined) return null;
  const found = people().filter(({ name }) => begins(name.toLowerCase(), typed));
  return {
    start: before.length - typed.length - 1,
    complete: found.some(({ name }) => name.toLowerCase() === typed),
    offers: found.map((person) => ({
      insert: `@${person.name} `,
      shown: [avatar(person, "small"), el("bdi", { class: "offer-name" }, person.name)],
    })),
  };
};

/** @type {(name: string, typed: string) => boolean} */
const begins = (name, typed) => name.startsWith(typed) || (typed !== "" && name.includes(` ${typed}`));
