/**
 * All emoji, and how one is found. Loaded when somebody looks for one.
 * @module
 */

import { table } from "../vendor/emoji-en.js";
import { store } from "./store.js";

/** @import { Words } from "./words.js" */

/**
 * @typedef {object} Emoji
 * @property {string} emoji without a skin tone
 * @property {string} name
 * @property {string[]} codes as they stand between colons, the best known first
 * @property {string[]} said the words of its name and codes
 * @property {string[]} further words to find it by
 * @property {boolean} toned whether there are skin tones of it
 */

/** @typedef {keyof Words["picker"]["group"]} GroupName */

/** @typedef {{name: GroupName, all: Emoji[]}} Group */

const RECENT = 27; // that are kept
/** An emoji of each of Unicode's versions that a system may lack. */
const OF_VERSION = new Map([[13, "\u{1F972}"], [14, "\u{1FAE0}"], [15, "\u{1FAE8}"], [16, "\u{1FAE9}"], [17, "\u{1FAEA}"]]);

/** By number: none, and from light to dark. */
export const TONES = ["", "\u{1F3FB}", "\u{1F3FC}", "\u{1F3FD}", "\u{1F3FE}", "\u{1F3FF}"];

/** @type {(emoji: string, tone: number) => string} */
export const withTone = (emoji, tone) =>
  tone === 0 ? emoji : emoji.replace(/(?!\u{1F91D}\u200D)(\p{Emoji_Modifier_Base})\uFE0F?/gu, `$1${TONES[tone]}`);

/** @param {string} name */
const codeOf = (name) => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_");

/** Those that this system can draw, by group. */
export const groups = readTable();
const all = groups.flatMap((group) => group.all);
/** @type {Map<string, Emoji>} */
const byCode = new Map();
for (const one of all) for (const code of one.codes) if (!byCode.has(code)) byCode.set(code, one);
const byEmoji = new Map(all.map((one) => [one.emoji, one]));

function readTable() {
  const newest = newestDrawn();
  /** @type {Group[]} */
  const found = [];
  let version = 0;
  for (const line of table.split("\n")) {
    const about = line.includes("\t") ? "" : line.slice(1);
    if (about && line.startsWith("@")) version = Number(about);
    else if (about) found.push({ name: /** @type {GroupName} */ (about), all: [] });
    else if (version <= newest) found[found.length - 1].all.push(emojiOf(line));
  }
  return found;
}

/** @param {string} line of the table @returns {Emoji} */
function emojiOf(line) {
  const [marked, name, short, further] = line.split("\t");
  const toned = marked.startsWith("~");
  const codes = [...(short ? short.split(" ") : []), codeOf(name)];
  const said = [...new Set([name.toLowerCase(), ...codes].join(" ").split(/[^\p{L}\p{N}+]+/u))];
  const emoji = toned ? marked.slice(1) : marked;
  return { emoji, name, codes, said, further: further ? further.split(" ") : [], toned };
}

/**
 * The newest version of Unicode's whose emoji this system draws. What it lacks is drawn without colours; where nothing
 * has colours, that says nothing.
 */
function newestDrawn() {
  const canvas = new OffscreenCanvas(20, 20).getContext("2d", { willReadFrequently: true });
  if (!canvas) return Infinity;
  canvas.font = `16px ${getComputedStyle(document.documentElement).getPropertyValue("--font-emoji")}`;
  canvas.textBaseline = "top";
  /** @param {string} emoji */
  const hasColour = (emoji) => {
    canvas.clearRect(0, 0, 20, 20);
    canvas.fillText(emoji, 0, 0);
    const { data } = canvas.getImageData(0, 0, 20, 20);
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return true;
    }
    return false;
  };
  if (!hasColour("\u{1F600}")) return Infinity;
  let newest = 12;
  for (const [version, emoji] of OF_VERSION) {
    if (!hasColour(emoji)) return newest;
    newest = version;
  }
  return Infinity;
}

/**
 * Emoji by their codes, names and further words, the best first.
 * @type {(typed: string, limit: number) => Emoji[]}
 */
export function search(typed, limit) {
  const parts = typed.toLowerCase().split(/[^\p{L}\p{N}+-]+/u).filter(Boolean);
  if (parts.length === 0) return [];
  const code = parts.join("_");
  const recent = recents().map((one) => one.emoji);
  /** @type {[Emoji, number][]} */
  const found = [];
  for (const one of all) {
    const rank = rankOf(one, code, parts);
    if (rank !== null) found.push([one, rank - (recent.includes(one.emoji) ? 0.5 : 0)]);
  }
  return found.sort(([, one], [, other]) => one - other).slice(0, limit).map(([one]) => one);
}

/**
 * How well an emoji fits, less is better; null for not at all.
 * @type {(emoji: Emoji, code: string, parts: string[]) => number | null}
 */
function rankOf({ codes, said, further }, code, parts) {
  if (codes.includes(code)) return codes.indexOf(code) / 10;
  const begun = codes.findIndex((one) => one.startsWith(code));
  if (begun >= 0) return 1 + begun / 10 + codes[begun].length / 1000;
  if (parts.every((part) => said.some((word) => word.startsWith(part)))) return 3;
  if (parts.every((part) => [...said, ...further].some((word) => word.startsWith(part)))) return 4;
  return null;
}

/** The emoji of a code, without its colons. @param {string} code */
export const ofCode = (code) => byCode.get(code.toLowerCase()) ?? null;

// -- what one uses

/** The skin tone that one chose; a number of TONES. */
export const tone = () => (TONES[store.tone] === undefined ? 0 : store.tone);

/** As one uses it: with one's skin tone. @param {Emoji} emoji */
export const drawn = ({ emoji, toned }) => (toned ? withTone(emoji, tone()) : emoji);

/** The emoji that one used, the last first. */
export const recents = () => store.emoji.flatMap((one) => byEmoji.get(one) ?? []);

/** @param {Emoji} emoji that was used */
export function use({ emoji }) {
  store.emoji = [emoji, ...store.emoji.filter((one) => one !== emoji)].slice(0, RECENT);
}
