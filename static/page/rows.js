/**
 * What stands in the list of messages, as data: one row an item, with a key and a signature that changes exactly when
 * the row must be drawn anew.
 * @module
 */

import { dayOf } from "./format.js";
import { withReaction } from "./room.js";
import { words } from "./words.js";

/**
 * @import { Loss } from "../cursor.js"
 * @import { Change, Message, Person } from "../protocol.js"
 * @import { OutgoingEntry } from "./outgoing.js"
 * @import { Room } from "./room.js"
 */

const GROUP_MS = 5 * 60_000; // messages of one person closer than this stand together

/**
 * A message as it is shown.
 * @typedef {object} Shown
 * @property {string | null} me
 * @property {boolean} own
 * @property {boolean} first of a group, with name and time
 * @property {boolean} [saving] an edit of ours is not stored yet
 * @property {boolean} [removing] a removal of ours is not stored yet
 * @property {Person[]} readers for whom it is the last one read
 * @property {Record<string, string>} names of those who reacted, by id
 */

/** @typedef {Pick<OutgoingEntry, "id" | "at" | "state" | "error" | "sent"> & {text: string, first: boolean}} Pending */

/** @typedef {"empty" | "begin" | "forgotten"} Beginning what stands above the first message */

/**
 * What each kind of row shows.
 * @typedef {object} Values
 * @property {{room: string, says?: Beginning}} loading
 * @property {{room: string, says?: Beginning}} start
 * @property {Loss} gap
 * @property {{day: number, today: number}} day
 * @property {{}} new
 * @property {Message & Shown} message
 * @property {Pending} pending
 */

/**
 * @template {keyof Values} [K=keyof Values]
 * @typedef {{kind: K, key: string, value: Values[K], signature: string}} Row
 */

/**
 * @typedef {object} State what the rows so far leave to those after them
 * @property {number | null} day
 * @property {Message | null} previous
 * @property {Loss | null} gap not shown yet
 * @property {boolean} isNew whether the line above what is new was shown
 */

/**
 * @param {Room} room
 * @param {OutgoingEntry[]} entries of this room
 * @param {string | null} me
 */
export function rowsOf(room, entries, me) {
  /** @type {Row[]} */
  const rows = [];
  if (!room.joined && room.messages.length === 0 && entries.length === 0) return rows;
  const pending = pendingOf(room, entries, me);
  const changes = changesByTarget(entries);
  const readers = room.readersBySeq(me);
  rows.push(row(room.more ? "loading" : "start", "top", { room: room.name, ...startOf(room, pending.length > 0) }));

  /** @type {State} */
  const state = { day: null, previous: null, gap: room.gap, isNew: false };
  for (const message of room.messages) {
    for (const separator of separators(room, state, message, me)) rows.push(separator);
    const own = message.user.id === me;
    const changed = withChanges(message, changes.get(message.seq) ?? [], me);
    const people = (readers.get(message.seq) ?? []).map((id) => ({ id, name: room.nameOf(id) ?? "" }));
    const reactors = Object.values(changed.reactions ?? {}).flat();
    const names = Object.fromEntries(reactors.map((id) => [id, room.nameOf(id) ?? words.message.somebody]));
    const first = !continues(state.previous, message);
    rows.push(row("message", `m${message.seq}`, { ...changed, own, me, readers: people, names, first }));
    state.previous = message;
  }
  if (state.gap && room.joined) rows.push(row("gap", "gap", state.gap));
  pending.forEach((entry, index) => {
    rows.push(row("pending", `p${entry.id}`, { ...entry, first: index === 0 && state.previous?.user.id !== me }));
  });
  return rows;
}

/**
 * @template {keyof Values} K
 * @param {K} kind
 * @param {string} key
 * @param {Values[K]} value
 * @returns {Row<K>}
 */
function row(kind, key, value) {
  return { kind, key, value, signature: `${kind} ${JSON.stringify(value)}` };
}

/**
 * Messages of ours that have not come yet.
 * @type {(room: Room, entries: OutgoingEntry[], me: string | null) => Omit<Pending, "first">[]}
 */
function pendingOf(room, entries, me) {
  return entries.flatMap(({ id, frame, user, at, state, error, sent }) => {
    if (frame.type !== "send" || room.has(id, user ?? me)) return [];
    return [{ id, text: frame.text, at, state, error, sent }];
  });
}

/** @type {(room: Room, waiting: boolean) => {says?: Beginning}} */
function startOf({ messages, gap, more }, waiting) {
  if (more || gap) return {};
  if (messages.length === 0 && !waiting) return { says: "empty" };
  return { says: messages.length === 0 || messages[0].seq === 1 ? "begin" : "forgotten" };
}

/**
 * What stands before a message: the gap, its day, the line above what is new.
 * @type {(room: Room, state: State, message: Message, me: string | null) => Row[]}
 */
function separators(room, state, message, me) {
  /** @type {Row[]} */
  const rows = [];
  if (state.gap && message.seq > state.gap.after) {
    rows.push(row("gap", "gap", state.gap));
    state.gap = null;
    state.previous = null;
  }
  const day = dayOf(message.at);
  if (day !== state.day) {
    // The sign of the day is a number: dayName depends on today and is asked when the row is drawn.
    rows.push(row("day", `d${message.seq}`, { day, today: dayOf(Date.now()) }));
    state.day = day;
    state.previous = null;
  }
  if (!state.isNew && room.divider !== null && message.seq > room.divider && message.user.id !== me) {
    rows.push(row("new", "new", {}));
    state.isNew = true;
    state.previous = null;
  }
  return rows;
}

/** @type {(previous: Message | null, message: Message) => boolean} */
function continues(previous, message) {
  return (
    previous !== null &&
    previous.user.id === message.user.id &&
    previous.user.name === message.user.name &&
    message.at - previous.at < GROUP_MS
  );
}

/** @typedef {Exclude<Change, {type: "send" | "topic"}>} MessageChange */

/**
 * Our own changes that the service has not stored yet, by the message they change.
 * @param {OutgoingEntry[]} entries
 */
function changesByTarget(entries) {
  /** @type {Map<number, MessageChange[]>} */
  const changes = new Map();
  for (const { frame } of entries) {
    if (frame.type === "send" || frame.type === "topic") continue;
    changes.set(frame.target, [...(changes.get(frame.target) ?? []), frame]);
  }
  return changes;
}

/**
 * The message as it will be, marked as not yet so; a reaction is too small a thing for a mark.
 * @param {Message} message
 * @param {MessageChange[]} changes
 * @param {string | null} me
 */
function withChanges(message, changes, me) {
  /** @type {Message & Pick<Shown, "saving" | "removing">} */
  const shown = { ...message };
  for (const change of changes) {
    if (change.type === "edit") Object.assign(shown, { text: change.text, saving: true });
    else if (change.type === "remove") shown.removing = true;
    else shown.reactions = withReaction(shown.reactions, change.emoji, me ?? "", change.on ?? true);
  }
  return shown;
}
