/**
 * The rows of an embedded chat's log. What people wrote becomes text nodes and links, nothing else.
 * @module
 */

import { el } from "../page/dom.js";
import { dayName, dayOf, moment, time } from "../page/format.js";
import { number, refusal, words } from "../page/words.js";

/** @import { OutboxEntry } from "../client/outbox.js" */
/** @import { Kept } from "./transcript.js" */

/** Where there may be an address. */
const ADDRESS = /https?:\/\//i;
const RUN_MS = 300_000; // messages of one author that follow each other so closely have their name once

/** @type {typeof import("../page/links.js").addresses | null} */
let finder = null;

/**
 * @typedef {{kind: "note", key: string, text: string}} Note
 * @typedef {{kind: "day", key: string, text: string}} Day
 * @typedef {{kind: "message", key: string, message: Kept, isOwn: boolean, isRun: boolean}} Said
 * @typedef {{kind: "entry", key: string, entry: OutboxEntry, fate: string}} Waiting
 * @typedef {Note | Day | Said | Waiting} Row
 */

/**
 * @param {object} what
 * @param {Kept[]} what.messages
 * @param {OutboxEntry[]} what.waiting
 * @param {string} what.beginning what stands above them
 * @param {string | undefined} what.self our id
 * @returns {Row[]}
 */
export function rowsOf({ messages, waiting, beginning, self }) {
  /** @type {Row[]} */
  const rows = beginning ? [{ kind: "note", key: "beginning", text: beginning }] : [];
  let day = NaN;
  /** @type {Kept | null} */
  let before = null;
  for (const message of messages) {
    if (message.lost) rows.push({ kind: "note", key: `lost ${message.seq}`, text: words.log.trimmed });
    const its = dayOf(message.at);
    if (its !== day) rows.push({ kind: "day", key: `day ${its}`, text: dayName(its) });
    const isRun = its === day && before?.user.id === message.user.id && message.at - before.at < RUN_MS;
    rows.push({ kind: "message", key: `seq ${message.seq}`, message, isOwn: message.user.id === self, isRun });
    [day, before] = [its, message];
  }
  for (const entry of waiting) rows.push({ kind: "entry", key: `id ${entry.id}`, entry, fate: fateOf(entry) });
  return rows;
}

/** All that a row shows. @param {Row} row */
export function signature(row) {
  if (row.kind === "message") return [row.key, row.message, row.isOwn, row.isRun];
  if (row.kind === "entry") return [row.key, row.entry.state, row.fate, textOf(row.entry)];
  return [row.key, row.text];
}

/**
 * @param {Row} row
 * @param {{retry: (id: string) => void, discard: (id: string) => void}} on
 * @returns {HTMLElement}
 */
export function rowOf(row, on) {
  if (row.kind === "message") return messageRow(row);
  if (row.kind === "entry") return entryRow(row, on);
  return el("li", { class: row.kind }, row.text);
}

/** @param {Said} row */
function messageRow({ message, isOwn, isRun }) {
  const { user, at, edited_at } = message;
  const clock = el("time", { dateTime: new Date(at).toISOString(), title: moment(at) }, time(at));
  const head = isRun
    ? el("span", { class: "hidden" }, words.message.says(isOwn ? null : user.name))
    : el("div", { class: "head" }, el("bdi", { class: "name" }, isOwn ? words.message.you : user.name), clock);
  const isGone = message.text === undefined;
  const body = isGone
    ? el("div", { class: "text gone" }, words.message.gone)
    : el("div", { class: "text", dir: "auto" }, ...linked(message.text ?? ""));
  const notes = edited_at && !isGone ? [el("span", { class: "edited" }, words.message.edited)] : [];
  return el("li", { class: `message ${isOwn ? "own" : ""}` }, head, body, ...notes, ...reactionsOf(message));
}

/** @param {Kept} message */
function reactionsOf({ reactions = {} }) {
  const given = Object.entries(reactions).filter(([, people]) => people.length > 0);
  if (given.length === 0) return [];
  const all = given.map(([emoji, { length }]) => el("span", {}, `${emoji} ${number(length)}`));
  return [el("div", { class: "reactions" }, ...all)];
}

/** @type {(row: Waiting, on: Parameters<typeof rowOf>[1]) => HTMLElement} */
function entryRow({ entry, fate }, { retry, discard }) {
  const text = el("div", { class: "text", dir: "auto" }, ...linked(textOf(entry)));
  const isFailed = entry.state === "failed";
  const ways = el(
    "div",
    { class: "ways" },
    el("button", { type: "button", class: "plain", onclick: () => retry(entry.id) }, words.message.retry),
    el("button", { type: "button", class: "plain", onclick: () => discard(entry.id) }, words.message.discard),
  );
  const head = el("div", { class: "head" }, el("bdi", { class: "name" }, words.message.you));
  const note = el("div", { class: isFailed ? "fate failed" : "fate" }, fate);
  return el("li", { class: "message own waiting" }, head, text, note, ...(isFailed ? [ways] : []));
}

/** @param {OutboxEntry} entry */
const textOf = ({ frame }) => ("text" in frame ? String(frame.text) : "");

/** @param {OutboxEntry} entry */
function fateOf({ state, error, code }) {
  if (state === "failed") return words.message.failed(refusal(error ?? "", code));
  return state === "sending" ? words.message.sending : words.message.waiting;
}

/**
 * A text with its web addresses as links, once what finds them is loaded: most texts have none.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
function linked(text) {
  if (!ADDRESS.test(text)) return [text];
  if (finder === null) {
    const waiting = el("span", {}, text);
    import("../page/links.js").then(
      (found) => {
        finder = found.addresses;
        waiting.replaceWith(...linked(text));
      },
      () => {}, // it stays text
    );
    return [waiting];
  }
  const parts = [];
  let shown = 0;
  for (const { start, end } of finder(text)) {
    const href = text.slice(start, end);
    const link = el("a", { href, rel: "noopener noreferrer nofollow", target: "_blank" }, href);
    parts.push(text.slice(shown, start), link);
    shown = end;
  }
  return [...parts, text.slice(shown)];
}
