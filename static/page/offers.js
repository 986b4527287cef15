/**
 * What may be offered for what is typed: commands, people, emoji.
 * @module
 */

import { COMMANDS } from "./commands.js";
import { Completion } from "./completion.js";
import { avatar, el } from "./dom.js";
import { words } from "./words.js";

/**
 * @import { Person } from "../client/protocol.js"
 * @import { Offers } from "./completion.js"
 */

/**
 * What offers all of that for a box.
 * @param {HTMLTextAreaElement} text
 * @param {() => Person[]} people who may be mentioned, the likeliest first
 */
export const offersFor = (text, people) => new Completion(text, [commandOffers, nameOffers(people), emojiOffers]);

const EMOJI = /(?:^|[^\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}:]):([\p{L}\p{N}_+-]{2,})(:?)$/u;
const EMOJI_OFFERED = 8;
const COMMAND = /^\/(\p{L}*)$/u;
const NAME = /(?:^|[^\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_.%+/@-])@([^\n@]{0,32})$/u;

/** @type {(before: string) => Offers | null} */
function commandOffers(before) {
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
const nameOffers = (people) => (before) => {
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

/**
 * Emoji by the words of their names; one whose code is whole, its second colon typed, takes its place at once.
 * @type {(before: string) => Promise<Offers | null>}
 */
async function emojiOffers(before) {
  const [, typed = "", closed = ""] = EMOJI.exec(before) ?? [];
  if (!typed) return null;
  const loaded = await import("./emoji.js").catch(() => null);
  if (!loaded) return null;
  const { drawn, ofCode, search, use } = loaded;
  const start = before.length - typed.length - closed.length - 1;
  const whole = closed ? ofCode(typed) : null;
  if (closed && !whole) return null;
  const found = whole ? [whole] : search(typed, EMOJI_OFFERED);
  return {
    start,
    atOnce: whole !== null,
    offers: found.map((emoji) => ({
      insert: whole ? drawn(emoji) : `${drawn(emoji)} `,
      shown: [
        el("span", { class: "emoji", "aria-hidden": "true" }, drawn(emoji)),
        el("span", { class: "offer-name" }, `:${emoji.codes.find((code) => code.startsWith(typed)) ?? emoji.codes[0]}:`),
        el("span", { class: "muted" }, emoji.name),
      ],
      onTake: () => use(emoji),
    })),
  };
}
