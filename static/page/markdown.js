/**
 * Markdown as people write it in chats, as tokens: bold, italic, struck, code, quotes, lists, links. The parser is
 * markdown-it; the rules here are where a chat differs from a document:
 *
 * - lines stay lines, and blanks stay; nothing is dropped, so that what is no markup reads as it was typed;
 * - what follows a quote or a list in the next line is not part of it;
 * - `*`, `_` and `~` within a word are what they are, as is `__`, while scripts without spaces may use them anywhere;
 * - a code block may end where its last line does, and is one only if it ends;
 * - no headings, tables, rules, pictures, entities, and no HTML.
 *
 * @module
 */

import { helpers, ParserBlock, ParserInline } from "../vendor/markdown-it.js";
import { addresses, isAddress } from "./links.js";

/**
 * @import { BlockRule, InlineRule, StateBlock, StateInline, Token } from "../vendor/markdown-it.js"
 * @import { Names } from "./mentions.js"
 */

const BLOCKS_DEEP = 10; // levels of quotes and lists; further in their marks are text
const LABELS_DEEP = 20; // brackets in brackets

const QUOTE = /^>+(?:[ \t]|$)/; // not ">:(" or ">_<"
const ITEM = /^(?:[-*]|\d{1,3}\.)[ \t]+\S/;
const FENCE = /^(`{3,}|~{3,})(.*)$/s;
const LANGUAGE = /^[\w+#.-]{1,20}$/;
const ESCAPABLE = /[*_~`[\]>]/;
const SHRUG = "¯\\_(ツ)_/¯";
const STOP = /[\n*_~`[\]\\¯@]/g; // where something may begin

// What a mark stands beside. Scripts without spaces have no word's end that a mark could be told by.
const WORD = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Nd}]/u;
const PUNCTUATION = /(?!\p{Extended_Pictographic})[\p{P}\p{S}]/u;
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u3000-\u303F\uFF00-\uFFEF]/u;

// -- blocks

/** A rule of the library where `pattern` fits the line, and not too deep. @type {(rule: BlockRule, pattern: RegExp) => BlockRule} */
const where = (rule, pattern) => (state, startLine, endLine, silent) =>
  state.level < BLOCKS_DEEP && pattern.test(lineOf(state, startLine)) && rule(state, startLine, endLine, silent);

/** @type {(state: StateBlock, line: number) => string} */
const lineOf = (state, line) => state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]);

/** Text, up to an empty line or to where something else begins; one token, its lines as they are. @type {BlockRule} */
function paragraph(state, startLine, endLine) {
  const others = state.md.block.ruler.getRules("paragraph");
  const { parentType } = state;
  state.parentType = "paragraph";
  let line = startLine + 1;
  for (; line < endLine && !state.isEmpty(line) && state.sCount[line] >= state.blkIndent; line += 1) {
    const next = line;
    if (others.some((rule) => rule(state, next, endLine, true))) break;
  }
  state.parentType = parentType;
  state.line = line;
  const token = state.push("inline", "", 0);
  token.content = state.getLines(startLine, line, state.blkIndent, false);
  token.map = [startLine, line];
  token.children = [];
  return true;
}

/**
 * A block of code. Its last mark stands in a line of its own or ends one; without one it is text.
 * @type {BlockRule}
 */
function fence(state, startLine, endLine, silent) {
  const [, marks = "", info = ""] = FENCE.exec(lineOf(state, startLine)) ?? [];
  if (!marks || (marks[0] === "`" && info.includes("`"))) return false;
  const end = fenceEnd(state, startLine, endLine, marks);
  if (end === null) return false;
  if (silent) return true;
  const indent = state.sCount[startLine];
  const language = info.trim();
  const lines = [];
  if (language && !LANGUAGE.test(language)) lines.push(info);
  if (end.line > startLine + 1) lines.push(state.getLines(startLine + 1, end.line, indent, false));
  if (end.last) lines.push(end.last);
  const token = state.push("fence", "code", 0);
  token.info = LANGUAGE.test(language) ? language : "";
  token.content = lines.join("\n");
  token.map = [startLine, end.line + 1];
  state.line = end.line + 1;
  return true;
}

/**
 * The line of the last mark, and what of the code stands before the mark in it.
 * @type {(state: StateBlock, startLine: number, endLine: number, marks: string) => {line: number, last: string} | null}
 */
function fenceEnd(state, startLine, endLine, marks) {
  /** @type {Map<string, string>} where nothing ends, so that many beginnings don't look for it again and again */
  const unended = (/** @type {{unended?: Map<string, string>}} */ (state.env).unended ??= new Map());
  const key = `${marks[0]}${endLine}`;
  if (marks.length >= (unended.get(key)?.length ?? Infinity)) return null;
  for (let line = startLine + 1; line < endLine; line += 1) {
    const text = lineOf(state, line).trimEnd();
    if (text && state.sCount[line] < state.blkIndent) return null;
    if (text.endsWith(marks)) return { line, last: text.replace(new RegExp(`${marks[0]}+$`), "") };
  }
  unended.set(key, marks);
  return null;
}

// -- what stands in a line

/** What begins nothing, up to where something may. @type {InlineRule} */
function text(state, silent) {
  STOP.lastIndex = state.pos;
  const stop = STOP.exec(state.src)?.index ?? state.posMax;
  const end = Math.min(stop, nextAddress(state), state.posMax);
  if (end === state.pos) return false;
  if (!silent) state.pending += state.src.slice(state.pos, end);
  state.pos = end;
  return true;
}

/** @type {InlineRule} */
function newline(state, silent) {
  if (state.src[state.pos] !== "\n") return false;
  if (!silent) state.pending += "\n";
  state.pos += 1;
  return true;
}

/** Only before what could be a mark: a path keeps its backslashes, and so does ¯\_(ツ)_/¯. @type {InlineRule} */
function escape(state, silent) {
  const { src, pos } = state;
  let taken = "";
  if (src.startsWith(SHRUG, pos)) taken = SHRUG;
  else if (src[pos] === "\\" && ESCAPABLE.test(src[pos + 1] ?? "") && pos + 1 < state.posMax) taken = src[pos + 1];
  if (!taken) return false;
  if (!silent) state.pending += taken;
  state.pos += taken === SHRUG ? taken.length : 2;
  return true;
}

/** An address is one thing, whatever marks are in it. @type {InlineRule} */
function address(state, silent) {
  const end = addressesOf(state).get(state.pos);
  if (end === undefined || end > state.posMax) return false;
  const found = state.src.slice(state.pos, end);
  if (!silent && state.linkLevel > 0) state.pending += found;
  else if (!silent) state.push("address", "a", 0).content = found;
  state.pos = end;
  return true;
}

/** Somebody's name is one thing, too. @type {InlineRule} */
function mention(state, silent) {
  if (state.src[state.pos] !== "@") return false;
  const { names } = /** @type {{names?: Names}} */ (state.env);
  const found = names?.at(state.src, state.pos);
  if (!found || found.end > state.posMax) return false;
  if (!silent) {
    const token = state.push("mention", "bdi", 0);
    token.content = state.src.slice(found.start, found.end);
    token.info = found.person.id;
  }
  state.pos = found.end;
  return true;
}

/** @typedef {StateInline & {addresses?: Map<number, number>, starts?: number[]}} Linking */

/** Ends of the addresses in a text by their starts. @param {Linking} state */
function addressesOf(state) {
  if (!state.addresses) {
    const found = state.src.includes("://") ? addresses(state.src) : [];
    state.addresses = new Map(found.map(({ start, end }) => [start, end]));
    state.starts = found.map(({ start }) => start);
  }
  return state.addresses;
}

/** Where the next address begins. @param {Linking} state */
function nextAddress(state) {
  addressesOf(state);
  return state.starts?.find((start) => start >= state.pos) ?? Infinity;
}

/** Code in a line; over several lines between three marks it is a block. @type {(rule: InlineRule) => InlineRule} */
const code = (rule) => (state, silent) => {
  const start = state.pos;
  if (!rule(state, silent)) return false;
  const token = state.tokens.at(-1);
  if (silent || state.pending || token?.type !== "code_inline" || token.markup.length < 3) return true;
  const [first, ...lines] = state.src.slice(start + token.markup.length, state.pos - token.markup.length).split("\n");
  if (lines.length === 0) return true;
  if (lines.at(-1) === "") lines.pop();
  const language = LANGUAGE.test(first.trim());
  token.type = "fence";
  token.info = language ? first.trim() : "";
  token.content = (language || !first.trim() ? lines : [first, ...lines]).join("\n");
  return true;
};

/** A link keeps what was typed, for one that must not be shown as such. @type {(rule: InlineRule) => InlineRule} */
const link = (rule) => (state, silent) => {
  const { pos, pending } = state;
  const { length } = state.tokens;
  if (!rule(state, silent)) return false;
  if (!silent) state.tokens[length + (pending ? 1 : 0)].meta = state.src.slice(pos, state.pos);
  return true;
};

/** @type {(src: string, index: number) => string} */
const before = (src, index) => (/[\uDC00-\uDFFF]/.test(src[index - 1]) ? src.slice(Math.max(0, index - 2), index) : src[index - 1] ?? " ");

/** What marks may begin and end, by what stands beside them. After CommonMark, but for words and unspaced scripts. */
class State extends new ParserInline().State {
  /** @type {StateInline["scanDelims"]} */
  scanDelims(start, canSplitWord) {
    const { src, posMax } = this;
    const mark = src[start];
    let end = start;
    while (end < posMax && src[end] === mark) end += 1;
    const length = end - start;
    const [left, right] = [before(src, start), end < posMax ? String.fromCodePoint(src.codePointAt(end) ?? 32) : " "];
    if ((WORD.test(left) && WORD.test(right)) || (mark === "_" && length === 2)) {
      return { can_open: false, can_close: false, length };
    }
    const [leftMark, rightMark] = [isMark(left), isMark(right)];
    const opens = !/\s/.test(right) && (!rightMark || leftMark || /\s/.test(left) || UNSPACED.test(left));
    const closes = !/\s/.test(left) && (!leftMark || rightMark || /\s/.test(right) || UNSPACED.test(right));
    return {
      can_open: opens && (canSplitWord || !closes || leftMark),
      can_close: closes && (canSplitWord || !opens || rightMark),
      length,
    };
  }
}

/** @param {string} character */
const isMark = (character) => PUNCTUATION.test(character) && !UNSPACED.test(character);

// -- the parser

const block = new ParserBlock();
const inline = new ParserInline();
const [, , , quotes, , lists] = block.ruler.getRules("");
const OTHERS = ["paragraph", "blockquote", "list"];
block.ruler.at("fence", fence, { alt: OTHERS });
block.ruler.at("blockquote", where(quotes, QUOTE), { alt: OTHERS });
block.ruler.at("list", where(lists, ITEM), { alt: ["paragraph", "blockquote"] });
block.ruler.at("paragraph", paragraph);
block.ruler.before("fence", "line", (_state, _startLine, _endLine, silent) => silent, { alt: ["blockquote"] });
block.ruler.enableOnly(["line", "fence", "blockquote", "list", "paragraph"]);

inline.State = State;
const [, , , , codes, , , links] = inline.ruler.getRules("");
inline.ruler.at("text", text);
inline.ruler.before("newline", "address", address);
inline.ruler.before("newline", "mention", mention);
inline.ruler.at("newline", newline);
inline.ruler.at("escape", escape);
inline.ruler.at("backticks", code(codes));
inline.ruler.at("link", link(links));
inline.ruler.enableOnly(["text", "address", "mention", "newline", "escape", "backticks", "strikethrough", "emphasis", "link"]);

const parser = {
  options: { maxNesting: LABELS_DEEP },
  block,
  inline,
  helpers,
  normalizeLink: (/** @type {string} */ found) => found,
  validateLink: isAddress,
};

/**
 * A text's blocks. Text and what stands in it are the children of tokens of type "inline".
 * @type {(source: string, names?: Names) => Token[]} `names` that it may mention
 */
export function parse(source, names) {
  /** @type {Token[]} */
  const tokens = [];
  block.parse(source, parser, {}, tokens);
  for (const { type, content, children } of tokens) {
    if (type === "inline") inline.parse(content, parser, { names }, children ?? []);
  }
  return tokens;
}
