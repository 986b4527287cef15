/**
 * Finds web addresses in what people write, in any script.
 *
 * No grammar tells where an address ends and the sentence around it goes on: nearly every mark may stand in either. The
 * rules here follow what people mean: spaces, quotes and the full stops of other scripts end it, brackets are pairs, and
 * marks at its end belong to the sentence. tests/test_links.py has the cases.
 * @module
 */

const LIMIT = 2048; // characters of an address; also bounds the work on a text of nothing but beginnings
const START = /(^|[^a-z0-9+])https?:\/\//giu;
const USER = /(?:[\w.~%!$&'()*+,;=:-]+@)?/uy;
const HOST = /\[[0-9a-f:.]+\]|[\p{L}\p{M}\p{N}\p{So}\p{Emoji_Modifier}\u200C\u200D._-]+/iuy;
const PORT = /:[0-9]{1,5}(?![0-9])/uy;
/** Where a last label goes over into another script: no top-level domain mixes them, but texts without spaces do. */
const GOES_OVER = /^([a-z0-9-]+)[^\p{Script=Latin}\p{M}\p{Nd}-]/iu;

/** Ends an address wherever it stands: blanks, what is invisible, quotes, and a full stop or bracket of another script. */
const STOP = /[\s\p{C}\p{DI}\u2800<>"`\\]/u;
const FOREIGN_STOP = /[\p{Terminal_Punctuation}\p{Quotation_Mark}\p{Ps}\p{Pe}\p{Pi}\p{Pf}…—―〜\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF64]/u;
const VARIATION = /[\uFE00-\uFE0F\u{E0100}-\u{E01EF}]/u;
const JOINED = /[\p{L}\p{M}\p{Extended_Pictographic}]/u; // what a joiner may follow
const WORD = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}]/u; // what an apostrophe may stand between
const LETTER = /[\p{L}\p{N}]/u;

/** @type {Record<string, string>} */
const CLOSING = { ")": "(", "]": "[", "}": "{" };
const OPENING = new Set(Object.values(CLOSING));
const TRAILING = /[.,;:!?|\u200C\u200D]|(?![\0-\x7F\p{Emoji_Modifier}])[\p{P}\p{Sk}]/u;
const PICTURES = /[\p{L}\p{N}]([\p{So}\p{RI}\p{Emoji_Modifier}\uFE0F\u200D]+)$/u;
const QUOTE = /(?:^|[^\p{L}\p{N}])'[\p{L}\p{N}][^']*$/u; // begins in the address, and is not closed

/**
 * @param {string} text
 * @returns {{start: number, end: number}[]} in order, not overlapping
 */
export function addresses(text) {
  const found = [];
  START.lastIndex = 0;
  for (let match = START.exec(text); match; match = START.exec(text)) {
    const start = match.index + match[1].length;
    const end = endOf(text, start, START.lastIndex);
    if (end !== null) found.push({ start, end });
    START.lastIndex = Math.max(end ?? 0, START.lastIndex - 1); // its last slash may stand before the next one
  }
  return found;
}

/** @type {(text: string, start: number, from: number) => number | null} */
function endOf(text, start, from) {
  const host = hostAt(text, from);
  if (!host || !isAddress(text.slice(start, host.end))) return null;
  if (host.cut || !/[/?#]/.test(text[host.end] ?? "")) return host.end;
  const end = trimmed(text, start, host.end, paired(text, host.end, runEnd(text, start, host.end)));
  return isAddress(text.slice(start, end)) ? end : null;
}

/**
 * The end of user, host and port, and whether the text goes over into another script there.
 * @type {(text: string, from: number) => {end: number, cut: boolean} | null}
 */
function hostAt(text, from) {
  const begin = after(USER, text, from);
  const name = text.slice(begin, after(HOST, text, begin)).replace(/[.-]+$/, "");
  if (!LETTER.test(name) || name.startsWith(".")) return null;
  const labels = name.lastIndexOf(".") + 1;
  const over = GOES_OVER.exec(name.slice(labels));
  if (over) return { end: begin + labels + over[1].length, cut: true };
  return { end: after(PORT, text, begin + name.length), cut: false };
}

/** @type {(pattern: RegExp, text: string, index: number) => number} */
function after(pattern, text, index) {
  pattern.lastIndex = index;
  return pattern.test(text) ? pattern.lastIndex : index;
}

/**
 * Whether a text is an address of the web: no other scheme, and nothing that is relative to this page.
 * @param {string} text
 */
export const isAddress = (text) => /^https?:\/\//i.test(text) && URL.canParse(text);

/**
 * Up to the first character that stands in no address.
 * @type {(text: string, start: number, from: number) => number}
 */
function runEnd(text, start, from) {
  const quoted = text[start - 1] === "'";
  let before = "";
  let index = from;
  for (const character of text.slice(from, start + LIMIT)) {
    const next = text[index + character.length] ?? "";
    if (quoted && character === "'" && !LETTER.test(next)) break;
    if (isStop(character, before, next)) break;
    before = character;
    index += character.length;
  }
  return index;
}

/** @type {(character: string, before: string, next: string) => boolean} */
function isStop(character, before, next) {
  if (character === "\u200C" || character === "\u200D") return !JOINED.test(before);
  if (VARIATION.test(character)) return false;
  if (character === "’" || character === "‘") return !WORD.test(before) || !WORD.test(next);
  return STOP.test(character) || (character > "\x7F" && FOREIGN_STOP.test(character));
}

/**
 * Up to the first bracket that has no partner in the address.
 * @type {(text: string, from: number, end: number) => number}
 */
function paired(text, from, end) {
  /** @type {Record<string, number[]>} */
  const open = { "(": [], "[": [], "{": [] };
  for (let index = from; index < end; index += 1) {
    const character = text[index];
    if (OPENING.has(character)) open[character].push(index);
    else if (character in CLOSING && open[CLOSING[character]].pop() === undefined) return firstOpen(open, index);
  }
  return firstOpen(open, end);
}

/** @type {(open: Record<string, number[]>, end: number) => number} */
const firstOpen = (open, end) => Math.min(end, ...Object.values(open).map((indices) => indices[0] ?? end));

/**
 * Without the marks of the sentence around it.
 * @type {(text: string, start: number, from: number, to: number) => number}
 */
function trimmed(text, start, from, to) {
  let end = to;
  for (let before = -1; end > from && before !== end;) {
    before = end;
    const tail = text.slice(from, end);
    const last = tail[tail.length - 1];
    if (TRAILING.test(last)) end -= 1;
    else if (last === "'" && !QUOTE.test(tail.slice(0, -1))) end -= 1;
    else if ("*_~".includes(last) && isEmphasis(text, start, last)) end -= 1;
    else end -= PICTURES.exec(tail)?.[1].length ?? 0;
  }
  return end;
}

/**
 * Whether a mark at the end closes emphasis that began before the address. Many ids end with an underscore.
 * @type {(text: string, start: number, mark: string) => boolean}
 */
function isEmphasis(text, start, mark) {
  if (text[start - 1] === mark) return true;
  return mark !== "_" && text.slice(text.lastIndexOf("\n", start) + 1, start).includes(mark);
}
