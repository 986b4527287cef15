/**
 * Markdown as elements.
 * @module
 */

import { el } from "./dom.js";
import { isBlank } from "./format.js";
import { isAddress } from "./links.js";
import { parse } from "./markdown.js";
import { anchor, mention, plain } from "./text.js";
import { words } from "./words.js";

/**
 * @import { Token } from "../vendor/markdown-it.js"
 * @import { Names } from "./mentions.js"
 */

export { addresses } from "./links.js";

const DEEP = 24; // elements in elements; marks that are nested deeper change nothing more
const COPIED_MS = 2000;
/** What begins as an address does, in the words of a link. */
const ADDRESS_LIKE = /^\s*(?:https?:\/\/)?([^\s/?#]+\.\p{L}{2,})(?=[/?#:]|\s*$)/iu;

/** @type {Record<string, (token: Token) => HTMLElement>} */
const ELEMENTS = {
  blockquote_open: () => el("blockquote"),
  bullet_list_open: () => el("ul"),
  ordered_list_open: (token) => el("ol", { start: Number(token.attrGet("start") ?? 1) }),
  list_item_open: () => el("li"),
  strong_open: () => el("strong"),
  em_open: () => el("em"),
  s_open: () => el("s"),
  link_open: (token) => anchor(hrefOf(token), hrefOf(token)),
};

/** @type {Record<string, (token: Token) => Node | string>} */
const LEAVES = {
  text: ({ content }) => content,
  address: ({ content }) => anchor(content),
  mention: ({ content, info }) => mention(content, info),
  code_inline: ({ content }) => el("code", { dir: "auto" }, content),
  fence: (token) => codeBlock(token),
};

/** @type {(text: string, names?: Names) => DocumentFragment} */
export function formatted(text, names) {
  const parts = document.createDocumentFragment();
  new Builder(parts).blocks(parse(text.replaceAll("\r\n", "\n"), names));
  return parts;
}

class Builder {
  /** @type {Node[]} what is open, the inmost last */
  #open;

  /** @param {Node} root */
  constructor(root) {
    this.#open = [root];
  }

  /** @param {Token[]} tokens */
  blocks(tokens) {
    /** @type {Token | null} */
    let previous = null;
    for (const token of tokens) {
      if (token.type === "inline") {
        // Two texts in a row: the empty lines between them are kept.
        if (previous?.type === "inline") this.#add("\n".repeat((token.map?.[0] ?? 0) - (previous.map?.[1] ?? 0) + 1));
        this.#inline(token.children ?? []);
      } else {
        this.#token(token);
      }
      previous = token;
    }
  }

  /** @param {Token[]} tokens */
  #inline(tokens) {
    for (let index = 0; index < tokens.length; index += 1) {
      const token = tokens[index];
      if (token.type !== "link_open") {
        this.#token(token);
        continue;
      }
      const end = tokens.findIndex((one, at) => at > index && one.type === "link_close");
      const label = tokens.slice(index, end).map(({ content }) => content).join("");
      if (isHonest(label, hrefOf(token))) {
        this.#token(token);
      } else {
        this.#add(...plain(String(token.meta)));
        index = end;
      }
    }
  }

  /** @param {Token} token */
  #token(token) {
    const top = this.#open[this.#open.length - 1];
    if (token.nesting > 0) {
      const node = this.#open.length > DEEP ? top : ELEMENTS[token.type](token);
      if (node !== top) top.appendChild(node);
      this.#open.push(node);
    } else if (token.nesting < 0) {
      this.#open.pop();
    } else {
      this.#add(LEAVES[token.type](token));
    }
  }

  /** @param {(Node | string)[]} parts */
  #add(...parts) {
    const top = this.#open[this.#open.length - 1];
    for (const part of parts) top.appendChild(typeof part === "string" ? document.createTextNode(part) : part);
  }
}

/** @param {Token} token */
const hrefOf = (token) => token.attrGet("href") ?? "";

/**
 * Whether a link says where it leads: it has words, and they name no other place.
 * @type {(label: string, address: string) => boolean}
 */
function isHonest(label, address) {
  if (!isAddress(address) || isBlank(label)) return false;
  const named = ADDRESS_LIKE.exec(label)?.[1];
  if (named === undefined) return true;
  const bare = (/** @type {string} */ host) => host.replace(/^www\./i, "").toLowerCase();
  return URL.canParse(`http://${named}`) && bare(new URL(`http://${named}`).hostname) === bare(new URL(address).hostname);
}

/** @param {Token} token */
function codeBlock({ content, info }) {
  const onclick = () => copyText(copy, content);
  const copy = el("button", { type: "button", class: "plain small", onclick }, words.code.copy);
  const head = el("div", { class: "code-head" }, el("span", {}, info), copy);
  return el("div", { class: "code", dir: "ltr" }, head, el("pre", {}, el("code", {}, content)));
}

/** @type {(button: HTMLButtonElement, text: string) => Promise<void>} */
async function copyText(button, text) {
  // navigator.clipboard is there only in a secure context, which a page over plain http is not.
  const copied = navigator.clipboard ? await navigator.clipboard.writeText(text).then(() => true, () => false) : false;
  button.textContent = copied || copySelected(button) ? words.code.copied : words.code.notCopied;
  setTimeout(() => (button.textContent = words.code.copy), COPIED_MS);
}

/** Copy the code by selecting it, as before there was a clipboard for scripts. @param {HTMLElement} button */
function copySelected(button) {
  const code = button.closest(".code")?.querySelector("code");
  if (!code) return false;
  getSelection()?.selectAllChildren(code);
  return document.execCommand("copy");
}
