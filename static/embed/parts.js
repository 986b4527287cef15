/**
 * What an embedded chat's panel is put together from.
 * @module
 */

import { el } from "../page/dom.js";
import { words } from "../page/words.js";
import { symbol } from "./symbols.js";
import { embedWords } from "./words.js";

const NAME_LIMIT = 64; // UTF-16 units; the service says what a name may have

/**
 * The room, who is here, and what leads elsewhere.
 * @param {string} room
 * @param {string} page the whole page's address
 * @param {(() => void) | null} close null: there is nothing to close
 */
export function makeHead(room, page, close) {
  const says = embedWords;
  /** @param {string} label */
  const labelled = (label) => ({ class: "icon", title: label, "aria-label": label });
  const name = el("h2", {}, el("bdi", { dir: "ltr" }, `#${room}`));
  const ways = [el("a", { ...labelled(says.page), href: page, target: "_blank", rel: "noopener" }, symbol("page"))];
  const end = close && el("button", { ...labelled(says.close), type: "button", onclick: close }, symbol("close"));
  const title = el("div", { class: "title" }, name, el("span", { class: "people" }));
  return el("header", {}, title, ...ways, ...(end ? [end] : []));
}

/** The messages. */
export function makeFrame() {
  const label = { role: "log", tabIndex: 0, "aria-label": words.shell.messages };
  return el(
    "div",
    { class: "frame" },
    el("div", { class: "log", ...label }, el("ol", { role: "list" })),
    el("button", { type: "button", class: "latest", hidden: true }, symbol("down"), words.log.latest),
  );
}

/** Where a guest says what they are called. */
export function makeEntrance() {
  const input = { id: "name", dir: "auto", autocomplete: "nickname", maxLength: NAME_LIMIT };
  return el(
    "form",
    { class: "entrance", noValidate: true, hidden: true },
    el("label", { htmlFor: "name" }, words.shell.name),
    el("input", { ...input, "aria-describedby": "objection" }),
    el("p", { id: "objection", class: "objection", role: "alert" }),
    el("button", { type: "submit", class: "primary" }, embedWords.enter),
  );
}

/** Where one writes. @param {string} room */
export function makeComposer(room) {
  const placeholder = words.composer.placeholder(room);
  return el(
    "form",
    { class: "composer", hidden: true },
    el("label", { class: "hidden", htmlFor: "text" }, words.shell.message),
    el("textarea", { id: "text", rows: 1, dir: "auto", enterKeyHint: "send", placeholder, "aria-describedby": "unsent" }),
    el("button", { type: "submit", class: "send", "aria-label": words.shell.send }, symbol("send")),
    el("p", { id: "unsent", class: "objection", role: "alert" }),
  );
}
