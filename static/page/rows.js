/**
 * What stands in the list of messages, as data: one row an item, with a key, and a mark that differs exactly when the
 * row must be drawn anew. A row depends on its message and the few before it alone, so any part of the list can be made
 * without the rest.
 * @module
 */

import { dayOf } from "./format.js";
import { isMentioned } from "./mentions.js";
import { withReaction } from "./room.js";
import { words } from "./words.js";

/**
 * @import { Loss } from "../client/cursor.js"
 * @import { Begun, Change, Message, Person } from "../client/protocol.js"
 * @import { Names } from "./mentions.js"
 * @import { OutgoingEntry } from "./outgoing.js"
 * @import { Room } from "./room.js"
 */

const GROUP_MS = 5 * 60_000; // messages of one person closer than this stand together
const AGAIN = 6; // seqs, about, after which their name is said again
const APART = 3; // messages, at least, between two such names

/**
 * A message as it is shown.
 * @typedef {object} Shown
 * @property {Message} message with our own changes that are not stored yet
 * @property {string | null} me
 * @property {boolean} own
 * @property {boolean} first of a group, with name and time
 * @property {boolean} saving an edit of ours is not stored yet
 * @property {boolean} removing a removal of ours is not stored yet
 * @property {Person[]} readers for whom it is the last one read
 * @property {Record<string, string>} names of those who reacted, by id
 * @property {Names} [mentionable] who may be mentioned in the text
 * @property {boolean} mentioned whether the text speaks to us
 * @property {boolean} linked whether the page's address leads to it
 */

/**
 * @typedef {Pick<OutgoingEntry, "id" | "at" | "state" | "error" | "sent"> & {
 *   text: string, me: string | null, first: boolean, last: boolean, mentionable?: Names
 * }} Pending `last` of those that wait: what that is said for all of them
 */

/** @typedef {"empty" | "begin" | "forgotten"} Beginning what stands above the first message */

/**
 * What each kind of row shows.
 * @typedef {object} Values
 * @property {{room: string, says?: Beginning}} loading
 * @property {{room: string, says?: Beginning, begun?: Begun | null}} start
 * @property {Loss} gap
 * @property {{at: number}} seen when all above was so
 * @property {{day: number, today: number}} day
 * @property {{}} new
 * @property {Shown} message
 * @property {Pending} pending
 */

/**
 * @template {keyof Values} [K=keyof Values]
 * @typedef {{kind: K, key: string, value: Values[K], message?: Message, mark: string}} Row two rows with the same key,
 *     message and mark look the same
 */

/** @typedef {Exclude<Change, {type: "send" | "topic"}>} ChangeOfMessage */

/** @type {never[]} */
const NONE = [];
/** @type {Record<string, string>} */
const NO_NAMES = {};

/** The rows of a room as it is now, to be asked for in parts. */
export class Timeline {
  #room;
  #me;
  #pending;
  #changes;
  #readers;
  #newAt;
  #seenAt;

  /**
   * @param {Room} room
   * @param {OutgoingEntry[]} entries of this room
   * @param {string | null} me
   * @param {number | null} [seenAt] when the room was as it is shown, if not now; Unix time in ms
   */
  constructor(room, entries, me, seenAt = null) {
    this.#room = room;
    this.#seenAt = seenAt;
    this.#me = me;
    this.stretch = room.stretch;
    this.#pending = pendingOf(room, entries, me);
    this.#changes = changesByTarget(entries);
    this.#readers = room.readersBySeq(me);
    this.#newAt = this.#firstNew();
  }

  /** Of the messages; what stands before and behind them has no index. */
  get length() {
    return this.stretch.messages.length;
  }

  /** The index of the message under the line above what is new; null where there is no such line. */
  get newAt() {
    return this.#newAt;
  }

  /**
   * The rows of the messages from one index to before another; at the list's ends with what stands there.
   * @param {number} from
   * @param {number} to
   */
  rows(from, to) {
    const room = this.#room;
    /** @type {Row[]} */
    const rows = [];
    if (!room.joined && this.length === 0 && this.#pending.length === 0) return rows;
    if (from === 0) rows.push(this.#top());
    for (let index = from; index < to; index += 1) {
      this.#separate(index, rows);
      rows.push(this.#message(index));
    }
    if (to < this.length) return rows;
    const last = this.stretch.messages.at(-1);
    if (room.gap && room.joined && (last?.seq ?? 0) <= room.gap.after) rows.push(row("gap", "gap", room.gap));
    if (this.#seenAt !== null) rows.push(row("seen", "seen", { at: this.#seenAt }, `${this.#seenAt} ${dayOf(Date.now())}`));
    const lastWaiting = this.#pending.findLast(({ state, sent }) => state !== "failed" && !sent);
    this.#pending.forEach((entry, index) => {
      const first = index === 0 && last?.user.id !== this.#me;
      const isLast = entry === lastWaiting;
      const mentionable = entry.text.includes("@") ? room.names : undefined;
      const mark = `${entry.state} ${entry.sent} ${first} ${isLast} ${entry.error}`;
      const value = { ...entry, me: this.#me, first, last: isLast, mentionable };
      rows.push(row("pending", `p${entry.id}`, value, mark));
    });
    return rows;
  }

  #top() {
    const { name, more } = this.#room;
    const start = startOf(this.#room, this.#pending.length > 0);
    return row(more ? "loading" : "start", "top", { room: name, ...start }, `${start.says} ${start.begun?.at}`);
  }

  #firstNew() {
    const { divider } = this.#room;
    if (divider === null) return null;
    const { messages } = this.stretch;
    let index = this.stretch.indexOf(divider + 1);
    while (index < messages.length && messages[index].user.id === this.#me) index += 1;
    return index < messages.length ? index : null;
  }

  /** Whether the gap stands right before this message. @param {number} index */
  #isAfterGap(index) {
    const { gap, messages } = this.#room;
    return gap !== null && messages[index].seq > gap.after && (index === 0 || messages[index - 1].seq <= gap.after);
  }

  /**
   * What stands before a message: the gap, its day, the line above what is new.
   * @param {number} index
   * @param {Row[]} rows where it goes
   */
  #separate(index, rows) {
    const { messages } = this.stretch;
    const message = messages[index];
    if (this.#isAfterGap(index) && this.#room.gap) rows.push(row("gap", "gap", this.#room.gap));
    const day = dayOf(message.at);
    if (index === 0 || day !== dayOf(messages[index - 1].at)) {
      const today = dayOf(Date.now());
      rows.push(row("day", `d${message.seq}`, { day, today }, String(today)));
    }
    if (index === this.#newAt) rows.push(row("new", "new", {}));
  }

  /** @param {number} index */
  #message(index) {
    const message = this.stretch.messages[index];
    const room = this.#room;
    const own = message.user.id === this.#me;
    const first = !this.#continues(index);
    const changes = this.#changes.get(message.seq) ?? NONE;
    const readers = this.#readers.get(message.seq) ?? NONE;
    const changed = changes.length > 0 ? withChanges(message, changes, this.#me) : message;
    const names = changed.reactions ? this.#namesOf(Object.values(changed.reactions).flat()) : NO_NAMES;
    const people = readers.length > 0 ? readers.map((id) => ({ id, name: room.nameOf(id) ?? "" })) : NONE;
    const linked = message.seq === room.linked;
    let mark = `${own} ${first} ${linked}`;
    if (changes.length > 0) mark += JSON.stringify(changes);
    if (changed.reactions) mark += JSON.stringify(names);
    if (people.length > 0) mark += JSON.stringify(people);
    const mentions = changed.text?.includes("@") ? room.names.in(changed.text) : NONE;
    if (mentions.length > 0) mark += JSON.stringify(mentions);
    const mentioned = !own && room.self !== null && isMentioned(changed.text ?? "", room.self);
    const mentionable = mentions.length > 0 ? room.names : undefined;
    const saving = changes.some(({ type }) => type === "edit");
    const removing = changes.some(({ type }) => type === "remove");
    const shown = { own, first, saving, removing, mentioned, linked, mentionable, readers: people, names };
    const value = { message: changed, me: this.#me, ...shown };
    return row("message", `m${message.seq}`, value, mark, message);
  }

  /** @param {string[]} ids */
  #namesOf(ids) {
    return Object.fromEntries(ids.map((id) => [id, this.#room.nameOf(id) ?? words.message.somebody]));
  }

  /**
   * Whether a message stands below its author's name together with the one before.
   * @param {number} index
   */
  #continues(index) {
    return this.#follows(index) && !this.#isNamedAgain(index);
  }

  /**
   * Whether a message belongs to those before it.
   * @param {number} index
   */
  #follows(index) {
    const { messages } = this.stretch;
    if (index <= 0 || index === this.#newAt || this.#isAfterGap(index)) return false;
    return continues(messages[index - 1], messages[index]);
  }

  /**
   * Whether the name is said again in a long run: where it begins may be far above what has rows, or not even be known
   * yet, so that this can't be counted from there.
   * @param {number} index
   */
  #isNamedAgain(index) {
    const { messages } = this.stretch;
    const part = (/** @type {number} */ at) => Math.floor(messages[at].seq / AGAIN);
    if (part(index) === part(index - 1)) return false;
    for (let before = 1; before < APART; before += 1) if (!this.#follows(index - before)) return false;
    return true;
  }
}

/**
 * @template {keyof Values} K
 * @param {K} kind
 * @param {string} key
 * @param {Values[K]} value
 * @param {string} [mark]
 * @param {Message} [message]
 * @returns {Row<K>}
 */
function row(kind, key, value, mark = "", message) {
  return { kind, key, value, message, mark: `${kind} ${mark}` };
}

/**
 * Whether two rows of one key look the same.
 * @type {(one: Row, other: Row) => boolean}
 */
export const looksLike = (one, other) => one.mark === other.mark && one.message === other.message;

/**
 * Messages of ours that have not come yet.
 * @type {(room: Room, entries: OutgoingEntry[], me: string | null) => Omit<Pending, "me" | "first" | "last">[]}
 */
function pendingOf(room, entries, me) {
  return entries.flatMap(({ id, frame, user, at, state, error, sent }) => {
    if (frame.type !== "send" || room.has(id, user ?? me)) return [];
    return [{ id, text: frame.text, at, state, error, sent }];
  });
}

/** @type {(room: Room, waiting: boolean) => {says?: Beginning, begun?: Begun | null}} */
function startOf({ joined, messages, gap, more, begun }, waiting) {
  if (!joined || more || gap) return {}; // before it is joined nothing is known of its beginning
  if (messages.length === 0 && !waiting) return { says: "empty" };
  return { says: messages.length === 0 || messages[0].seq === 1 ? "begin" : "forgotten", begun };
}

/** @type {(previous: Message, message: Message) => boolean} */
function continues(previous, message) {
  return (
    previous.user.id === message.user.id &&
    previous.user.name === message.user.name &&
    message.at - previous.at < GROUP_MS &&
    dayOf(previous.at) === dayOf(message.at)
  );
}

/**
 * Our own changes that the service has not stored yet, by the message they change.
 * @param {OutgoingEntry[]} entries
 */
function changesByTarget(entries) {
  /** @type {Map<number, ChangeOfMessage[]>} */
  const changes = new Map();
  for (const { frame } of entries) {
    if (frame.type === "send" || frame.type === "topic") continue;
    changes.set(frame.target, [...(changes.get(frame.target) ?? []), frame]);
  }
  return changes;
}

/**
 * The message as it will be.
 * @param {Message} message
 * @param {ChangeOfMessage[]} changes
 * @param {string | null} me
 */
function withChanges(message, changes, me) {
  const shown = { ...message };
  for (const change of changes) {
    if (change.type === "edit") shown.text = change.text;
    else if (change.type === "react") {
      shown.reactions = withReaction(shown.reactions, change.emoji, me ?? "", change.on ?? true);
    }
  }
  return shown;
}
