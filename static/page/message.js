/**
 * A row of the list of messages as an element. What clicks do is decided by the list (`data-action`).
 * @module
 */

import { begunBy, linkCopier } from "./beginning.js";
import { avatar, el, hueOf, icon } from "./dom.js";
import { dayName, dayOf, isEmojiOnly, moment, time } from "./format.js";
import { folded } from "./fold.js";
import { store } from "./store.js";
import { messageNodes } from "./text.js";
import { list, number, refusal, words } from "./words.js";

/**
 * @import { Begun, Person } from "../client/protocol.js"
 * @import { Names } from "./mentions.js"
 * @import { Pending, Row, Shown, Values } from "./rows.js"
 */

const READERS_SHOWN = 3;

/** @type {Record<string, (room: string, begun: Begun | null) => (Node | string)[]>} */
const STARTS = {
  empty: (room) => [el("strong", {}, words.log.empty(room)), el("span", {}, words.log.sayHello), ...linkCopier()],
  begin: (room, begun) => [el("strong", {}, words.log.begins(room)), ...begunBy(begun), ...linkCopier()],
  forgotten: (_, begun) => [words.log.forgotten, ...begunBy(begun)],
};

/** @type {{[K in keyof Values]: (value: Values[K]) => HTMLLIElement}} */
const BUILDERS = {
  message: (value) => message(value),
  pending: (value) => pending(value),
  loading: () => el("li", { class: "row-note loading" }, words.log.loading),
  start: ({ room, says, begun }) =>
    el("li", { class: `row-note start ${says ?? ""}` }, ...(says ? STARTS[says](room, begun ?? null) : [])),
  gap: ({ reason }) => el("li", { class: "row-note gap" }, icon("gap"), el("span", {}, words.log[reason] ?? words.log.trimmed)),
  seen: ({ at }) => el("li", { class: "row-note seen" }, words.log.seen(dayName(dayOf(at)), time(at))),
  day: ({ day }) => el("li", { class: "separator" }, el("span", {}, dayName(day))),
  new: () => el("li", { class: "separator new" }, el("span", {}, words.log.new)),
};

/**
 * @template {keyof Values} K
 * @param {Row<K>} row
 */
export const build = ({ kind, value }) => BUILDERS[kind](value);

/** @param {Shown} value */
function message(value) {
  const { own, first, saving, removing, mentioned, linked, mentionable } = value;
  const { seq, user, removed, at } = value.message;
  const states = { own, first, saving: saving || removing, mentioned, linked };
  const classes = ["message", ...Object.entries(states).flatMap(([name, is]) => (is ? [name] : []))].join(" ");
  const marks = { "data-seq": seq, "data-author": user.name, "aria-current": linked ? "true" : null };
  const node = el("li", { class: classes, tabIndex: -1, ...marks });
  const body = el("div", { class: "body" }, head({ user, own, first, at }));
  if (removed) body.append(el("div", { class: "bubble gone" }, words.message.gone));
  else body.append(bubble(value.message, user.name, mentionable));
  if (!removed) body.append(...reactions(value));
  if (saving || removing) body.append(status("clock", removing ? words.message.removing : words.message.saving));
  node.append(who({ user, first, at }), body, ...readers(value));
  return node;
}

/**
 * What stands beside a message: its author's mark, or when it was said.
 * @type {(value: {user: Person, first: boolean, at: number}) => HTMLElement}
 */
function who({ user, first, at }) {
  return el("div", { class: "who" }, first ? avatar(user) : hoverTime(at));
}

/**
 * Grouped messages show no name, but are announced one by one, so each says whose it is.
 * @type {(value: {user: Person, own: boolean, first: boolean, at: number}) => HTMLElement}
 */
function head({ user: { id, name }, own, first, at }) {
  if (!first) return el("span", { class: "hidden" }, words.message.says(own ? null : name));
  const shown = el("bdi", { class: `name author ${hueOf(id)}`, title: name }, own ? words.message.you : name);
  return el("div", { class: "head" }, shown, timeOf(at));
}

/** @param {number} at */
function timeOf(at) {
  return el("time", { dateTime: new Date(at).toISOString(), title: moment(at) }, time(at));
}

/** @param {number} at */
function hoverTime(at) {
  const shown = timeOf(at);
  shown.classList.add("hover-time");
  return shown;
}

/** @type {(value: {id: string, text?: string, edited_at?: number}, author: string, names?: Names) => HTMLElement} */
function bubble({ id, text = "", edited_at }, author, names) {
  const content = el("div", { class: "text", dir: "auto" }, ...messageNodes(text, author, names));
  const node = el("div", { class: isEmojiOnly(text) ? "bubble jumbo" : "bubble" }, ...folded(content, text, id));
  if (edited_at) node.append(el("span", { class: "edited", title: moment(edited_at) }, words.message.edited));
  return node;
}

/** @param {Shown} value */
function reactions({ message: { reactions: given = {} }, me, names }) {
  const chips = Object.entries(given).map(([emoji, users]) => {
    const mine = users.includes(me ?? "");
    const who = list(users.map((id) => (id === me ? words.message.you : names[id])));
    const properties = { type: "button", class: "chip", title: who, "aria-pressed": mine, "data-action": "react" };
    const label = words.message.reaction(emoji, users.length, who);
    const button = el("button", { ...properties, "aria-label": label, "data-emoji": emoji });
    button.append(el("span", { class: "emoji" }, emoji), el("span", {}, number(users.length)));
    return button;
  });
  return chips.length > 0 ? [el("div", { class: "reactions" }, ...chips)] : [];
}

/** @param {Shown} value */
function readers({ readers: users }) {
  if (users.length === 0) return [];
  const says = words.message.readBy(users.map(({ name }) => name));
  const node = el("div", { class: "readers", title: says });
  node.append(...users.slice(0, READERS_SHOWN).map((user) => avatar(user, "tiny")));
  if (users.length > READERS_SHOWN) {
    node.append(el("span", { class: "more", "aria-hidden": "true" }, `+${number(users.length - READERS_SHOWN)}`));
  }
  node.append(el("span", { class: "hidden" }, says));
  return [node];
}

/** @param {Pending} value */
function pending({ id, text, state, sent, error, me, first, last, at, mentionable }) {
  const failed = state === "failed";
  const user = { id: me ?? "", name: store.name };
  const node = el("li", { class: `message own pending ${state} ${first ? "first" : ""}`, "data-entry": id });
  const body = el("div", { class: "body" }, head({ user, own: true, first, at }));
  body.append(bubble({ id, text }, store.name, mentionable));
  if (failed) {
    const says = status("alert", words.message.failed(refusal(error ?? "")));
    const again = el("button", { type: "button", class: "plain small", "data-action": "retry" }, words.message.retry);
    const drop = el("button", { type: "button", class: "plain small", "data-action": "discard" }, words.message.discard);
    body.append(says, el("div", { class: "row" }, again, drop));
  } else if (!sent) {
    const says = state === "sending" ? words.message.sending : words.message.waiting;
    body.append(last ? status("clock", says) : el("span", { class: "hidden" }, says));
  }
  node.append(who({ user, first, at }), body);
  return node;
}

/** @type {(symbol: string, says: string) => HTMLElement} */
function status(symbol, says) {
  return el("div", { class: "status" }, icon(symbol), el("span", {}, says));
}
