/** The types of markdown-it.js, of what the page uses; markdown-it's own are written for the whole of it. */

export interface Token {
  type: string;
  tag: string;
  /** 1 opens, -1 closes, 0 stands alone */
  nesting: 1 | 0 | -1;
  level: number;
  content: string;
  markup: string;
  info: string;
  meta: unknown;
  /** the lines of a block: the first, and that behind the last */
  map: [number, number] | null;
  attrs: [string, string][] | null;
  children: Token[] | null;
  attrGet(name: string): string | null;
}

/** `silent`: whether the rule would apply; nothing is pushed. */
export type BlockRule = (state: StateBlock, startLine: number, endLine: number, silent: boolean) => boolean;
export type InlineRule = (state: StateInline, silent: boolean) => boolean;

export interface Ruler<Rule> {
  at(name: string, rule: Rule, options?: { alt?: string[] }): void;
  before(other: string, name: string, rule: Rule, options?: { alt?: string[] }): void;
  enableOnly(names: string[]): void;
  getRules(chain: string): Rule[];
}

/** What a state needs of the whole of markdown-it. */
export interface Parser {
  options: { maxNesting: number };
  block: ParserBlock;
  inline: ParserInline;
  helpers: object;
  normalizeLink(address: string): string;
  validateLink(address: string): boolean;
}

export interface StateBlock {
  src: string;
  env: object;
  md: Parser;
  tokens: Token[];
  /** where lines begin and end */
  bMarks: number[];
  eMarks: number[];
  /** how far lines are indented, in characters, and in columns */
  tShift: number[];
  sCount: number[];
  blkIndent: number;
  line: number;
  level: number;
  parentType: string;
  push(type: string, tag: string, nesting: 1 | 0 | -1): Token;
  isEmpty(line: number): boolean;
  getLines(begin: number, end: number, indent: number, keepLastLF: boolean): string;
}

export class StateInline {
  src: string;
  env: object;
  md: Parser;
  tokens: Token[];
  pos: number;
  posMax: number;
  level: number;
  pending: string;
  linkLevel: number;
  push(type: string, tag: string, nesting: 1 | 0 | -1): Token;
  scanDelims(start: number, canSplitWord: boolean): { can_open: boolean; can_close: boolean; length: number };
}

export class ParserBlock {
  ruler: Ruler<BlockRule>;
  parse(src: string, md: Parser, env: object, tokens: Token[]): void;
}

export class ParserInline {
  ruler: Ruler<InlineRule>;
  State: typeof StateInline;
  parse(src: string, md: Parser, env: object, tokens: Token[]): void;
}

export const helpers: object;
