/**
 * Who is spoken to in a text: `@` and the name of somebody known in the room, however it is written in capitals.
 * @module
 */

/** @import { Person } from "../client/protocol.js" */

/** @typedef {{start: number, end: number, person: Person}} Mention */

/** Of a word, or of an address: what `@` may not follow. Scripts without spaces have no word's end. */
const BEFORE = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_.%+/@-]$/u;
const WORD_BEGINS = /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_]/u;
const WORD_ENDS = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_]$/u;
const CODE = /(`{3,}|~{3,})[^]*?\1|(`+)[^`\n]+\2/g;

/** The names that a text may mention. */
export class Names {
  /** @type {Map<string, {lower: string, person: Person}[]>} by first character, the longest first */
  #byFirst = new Map();

  /** @param {Iterable<Person>} people the first of a name is who is meant by it */
  constructor(people) {
    /** @type {Map<string, Person>} */
    const byName = new Map();
    for (const person of people) {
      const lower = person.name.toLowerCase();
      if (!byName.has(lower)) byName.set(lower, person);
    }
    const entries = [...byName].sort(([one], [other]) => other.length - one.length);
    for (const [lower, person] of entries) {
      const known = this.#byFirst.get(lower[0]);
      if (known) known.push({ lower, person });
      else this.#byFirst.set(lower[0], [{ lower, person }]);
    }
  }

  /**
   * Who is mentioned at `@`, and where the name ends.
   * @type {(text: string, at: number) => Mention | null}
   */
  at(text, at) {
    if (text[at] !== "@" || BEFORE.test(text.slice(Math.max(0, at - 2), at))) return null;
    for (const { lower, person } of this.#byFirst.get(text[at + 1]?.toLowerCase()) ?? []) {
      const end = at + 1 + person.name.length;
      if (text.slice(at + 1, end).toLowerCase() !== lower) continue;
      if (WORD_ENDS.test(lower) && WORD_BEGINS.test(text.slice(end, end + 2))) continue; // a longer word
      return { start: at, end, person };
    }
    return null;
  }

  /** @param {string} text */
  in(text) {
    /** @type {Mention[]} */
    const found = [];
    for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
      const mention = this.at(text, at);
      if (mention) found.push(mention);
    }
    return found;
  }
}

/**
 * Whether somebody is spoken to; in code nobody is.
 * @type {(text: string, person: Person) => boolean}
 */
export const isMentioned = (text, person) =>
  text.includes("@") && new Names([person]).in(text.replace(CODE, " ")).length > 0;
