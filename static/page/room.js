/**
 * What the page knows of one room. It draws nothing. The service's times are Unix times in ms, `now` is the page's own
 * clock, which nobody sets (performance.now).
 * @module
 */

/**
 * @import {
 *   Begun, Edited, HistoryPage, Joined, Message, Person, Presence, Reacted, ReadFrame, Removed, Topic, TopicEvent,
 *   TypingFrame,
 * } from "../client/protocol.js"
 */
/** @import { Loss } from "../client/cursor.js" */
/** @import { Kept } from "./archive.js" */

import { isMentioned, Names } from "./mentions.js";
import { joining } from "./standing.js";
import { Stretch } from "./stretch.js";
import { compare } from "./words.js";

const MESSAGES_LIMIT = 600; // kept while nobody reads the older ones
const UNSEEN_LIMIT = 10_000; // kept unread, in a room that nobody looks at for days
const SPEAKERS_LIMIT = 500; // messages whose authors are offered to be mentioned
const LATELY_LIMIT = 50; // people who spoke lately and are not here
const TYPING_MS = 6000;
const MEMBERS_LIMIT = 200; // as the service's: a larger room tells only how many

/**
 * Reactions, user ids by emoji, with one given or taken back.
 * @type {(given: Message["reactions"], emoji: string, user: string, on: boolean) => Record<string, string[]>}
 */
export function withReaction(given, emoji, user, on) {
  const users = (given?.[emoji] ?? []).filter((id) => id !== user);
  if (on) users.push(user);
  const reactions = { ...given, [emoji]: users };
  if (users.length === 0) delete reactions[emoji];
  return reactions;
}

export class Room {
  /** The newest messages, as the service sends them. */
  stretch = new Stretch();
  /** @type {Promise<void> | null} a page of older messages is on its way */
  loading = null;
  joined = false;
  /** @type {number | null} Unix time in ms after which nothing is known; null: what comes is seen */
  knownUntil = null;
  standing = joining();
  /** @type {string | null} */
  epoch = null;
  /** @type {Loss | null} what is missing and not shown */
  gap = null;
  /** @type {Map<string, string>} id to name */
  members = new Map();
  count = 0;
  /** @type {Map<string, number>} user id to the last seq they have read */
  reads = new Map();
  /** The last durable event's seq. */
  head = 0;
  /** @type {number | null} what we have read; null until known */
  readSeq = null;
  unread = 0;
  /** How many of the unread messages speak to us. */
  mentions = 0;
  /** @type {Person | null} */
  self = null;
  /** @type {Topic | null} as the client has it */
  topic = null;
  /** @type {Begun | null} likewise */
  begun = null;
  /** @type {number | null} when it was as it is shown, Unix time in ms, where that is not from the service */
  seenAt = null;
  /** @type {number | null} "New" stands after this seq */
  divider = null;
  /** @type {number | null} the message that the page's address leads to */
  linked = null;

  /** @type {Map<string, string>} whose a client id is, to tell which of our own messages are there */
  #ids = new Map();
  /** @type {Map<string, {name: string, until: number}>} by user id */
  #typing = new Map();
  /** @type {Names | null} made when it is asked for */
  #mentionable = null;
  #told = 0; // the read position that the service knows
  /** @type {Map<string, string>} id to name, of those who are not here */
  #names = new Map();

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** Those of the newest stretch, by seq. */
  get messages() {
    return this.stretch.messages;
  }

  /** Whether the service has older ones. */
  get more() {
    return this.stretch.more;
  }

  /** @param {number} seq */
  get(seq) {
    return this.stretch.get(seq);
  }

  /**
   * Whether our message with this client id is among those known.
   * @param {string} id
   * @param {string | null} user
   */
  has(id, user) {
    return this.#ids.get(id) === user;
  }

  /**
   * A name for a user id, if anybody ever mentioned it.
   * @param {string} id
   */
  nameOf(id) {
    return this.members.get(id) ?? this.#names.get(id) ?? null;
  }

  /** Who may be mentioned: those who spoke, the last first, then those who are here. */
  people() {
    /** @type {Map<string, Person>} by name */
    const people = new Map();
    /** @param {Person} person */
    const add = ({ id, name }) => !people.has(name) && people.set(name, { id, name });
    for (const { user } of this.messages.slice(-SPEAKERS_LIMIT).reverse()) add(user);
    for (const [id, name] of [...this.members].sort(([, one], [, other]) => compare(one, other))) add({ id, name });
    return [...people.values()];
  }

  /** Who spoke lately and is not here, the last first. Where only the number of those here is known, nobody is. */
  lately() {
    /** @type {Map<string, Person>} by id */
    const people = new Map();
    if (this.members.size === 0) return [];
    for (const { user } of this.messages.slice(-SPEAKERS_LIMIT).reverse()) {
      if (people.size === LATELY_LIMIT) break;
      if (!this.members.has(user.id) && !people.has(user.id)) people.set(user.id, user);
    }
    return [...people.values()];
  }

  /** The names that texts may mention. */
  get names() {
    if (!this.#mentionable) {
      const others = [...this.members, ...this.#names].map(([id, name]) => ({ id, name }));
      this.#mentionable = new Names(this.self ? [this.self, ...others] : others);
    }
    return this.#mentionable;
  }

  // -- frames

  /**
   * `joined`: a fresh one replaces what was known.
   * @param {Joined & {fresh: boolean}} frame
   * @param {string | null} me
   */
  onJoined(frame, me) {
    const { epoch, seq, fresh, messages, more, members, count, reads } = frame;
    this.joined = true;
    this.knownUntil = null;
    this.seenAt = null;
    if (fresh) {
      if (this.epoch !== null && this.epoch !== epoch) this.readSeq = null;
      this.#replace(messages ?? [], more ?? false);
      this.head = seq;
    }
    this.epoch = epoch;
    this.members = new Map((members ?? []).map((person) => [person.id, person.name]));
    this.#mentionable = null;
    this.count = count ?? this.members.size;
    this.reads = new Map(Object.entries(reads ?? {}));
    const told = this.reads.get(me ?? "");
    this.#told = told ?? 0;
    // Somebody who has never been here has nothing to catch up with.
    this.readSeq = Math.min(this.head, Math.max(this.readSeq ?? 0, told ?? this.readSeq ?? this.head));
    this.#countUnread(me);
    if (fresh) this.divider = this.unread > 0 ? this.readSeq : null;
  }

  /**
   * What comes from now on is not seen.
   * @param {number} at Unix time in ms, until when it was
   */
  onLost(at) {
    if (this.joined) this.knownUntil ??= at;
  }

  /**
   * As it was seen last, until the service says how it is.
   * @param {Kept} kept
   */
  onKept({ epoch, messages, topic, begun, at }) {
    if (this.joined) return;
    this.#replace(messages, false);
    this.epoch = epoch;
    this.topic = topic;
    this.begun = begun;
    this.seenAt = at;
  }

  /** What was seen last is not to be shown any more. */
  forgetKept() {
    if (this.seenAt === null) return;
    this.#replace([], false);
    this.epoch = this.topic = this.begun = this.seenAt = null;
  }

  /** @param {Loss} gap */
  onGap({ reason, after }) {
    this.gap = { reason, after: reason === "epoch" ? 0 : after };
  }

  /**
   * @param {Message} message
   * @param {string | null} me
   * @param {boolean} seen whether somebody is looking at the room's end
   * @param {boolean} [reading] whether somebody reads the older ones
   */
  onMessage(message, me, seen, reading = false) {
    this.head = message.seq;
    if (this.stretch.append(message)) this.#index(message);
    this.#typing.delete(message.user.id);
    if (message.user.id === me) {
      this.divider = null;
    } else if (!seen && !message.removed) {
      if (this.unread === 0) this.divider = this.readSeq;
      this.unread += 1;
      if (this.#mentions(message)) this.mentions += 1;
    }
    if (!reading) this.#forgetOld(seen ? MESSAGES_LIMIT : UNSEEN_LIMIT);
  }

  /** @param {Edited} frame */
  onEdited({ seq, target, text, at }) {
    this.head = seq;
    if (text !== undefined) this.stretch.change(target, { text, edited_at: at }); // else `removed` follows, and says it
  }

  /**
   * @param {Removed} frame
   * @param {string | null} me
   */
  onRemoved({ seq, target }, me) {
    this.head = seq;
    const message = this.get(target);
    const unread = message && !message.removed && message.user.id !== me && target > (this.readSeq ?? this.head);
    if (unread) this.unread = Math.max(0, this.unread - 1);
    if (unread && this.#mentions(message)) this.mentions = Math.max(0, this.mentions - 1);
    this.stretch.change(target, { removed: true, text: "", reactions: {} });
  }

  /** @param {Reacted} frame */
  onReacted({ seq, target, user, emoji, on }) {
    this.head = seq;
    this.#know(user);
    this.stretch.change(target, { reactions: withReaction(this.get(target)?.reactions, emoji, user.id, on) });
  }

  /** @param {TopicEvent} frame */
  onTopic({ seq }) {
    this.head = seq;
  }

  /** @param {HistoryPage} page */
  onHistory({ messages, more }) {
    for (const message of messages) this.#index(message);
    this.stretch.prepend(messages, more);
  }

  /** @param {Presence} frame */
  onPresence({ joined = [], left = [], count }) {
    for (const id of left) this.members.delete(id);
    for (const { id, name } of joined) this.members.set(id, name);
    this.count = count;
    if (count > MEMBERS_LIMIT) this.members.clear();
    this.#mentionable = null;
  }

  /**
   * @param {TypingFrame} frame
   * @param {number} now
   */
  onTyping({ user }, now) {
    this.#typing.set(user.id, { name: user.name, until: now + TYPING_MS });
  }

  /**
   * @param {ReadFrame} frame
   * @param {string | null} me
   */
  onRead({ user, seq }, me) {
    if (seq <= (this.reads.get(user) ?? 0)) return;
    this.reads.set(user, seq);
    if (user !== me) return;
    this.#told = seq;
    if (seq <= (this.readSeq ?? 0)) return;
    this.readSeq = seq;
    this.#countUnread(me);
  }

  // -- looking

  /** Everything is read. @returns {number | null} the seq to tell the service, if that is news */
  markRead() {
    this.unread = 0;
    this.mentions = 0;
    this.readSeq = this.head;
    if (this.head <= this.#told) return null;
    this.#told = this.head;
    return this.head;
  }

  /**
   * Names of those who type now.
   * @param {number} now
   */
  typing(now) {
    for (const [id, { until }] of this.#typing) if (until <= now) this.#typing.delete(id);
    return [...this.#typing.values()].map(({ name }) => name);
  }

  /**
   * Our last message that can be edited.
   * @param {string | null} me
   */
  lastOwn(me) {
    return this.messages.findLast((message) => message.user.id === me && !message.removed) ?? null;
  }

  /**
   * For whom a message is the last one read: user ids by the message's seq.
   * @param {string | null} me
   */
  readersBySeq(me) {
    /** @type {Map<number, string[]>} */
    const readers = new Map();
    for (const [user, seq] of this.reads) {
      if (user === me || !this.members.has(user)) continue;
      const message = this.messages[this.stretch.indexOf(seq + 1) - 1];
      if (!message || message.user.id === user) continue;
      const known = readers.get(message.seq);
      if (known) known.push(user);
      else readers.set(message.seq, [user]);
    }
    return readers;
  }

  // -- how

  /**
   * @param {Message[]} messages
   * @param {boolean} more
   */
  #replace(messages, more) {
    this.#ids.clear();
    this.stretch = new Stretch(messages, more);
    for (const message of messages) this.#index(message);
  }

  /** @param {Message} message */
  #index(message) {
    this.#ids.set(message.id, message.user.id);
    this.#know(message.user);
  }

  /** @param {Person} person */
  #know({ id, name }) {
    if (this.#names.get(id) === name) return;
    this.#names.set(id, name);
    this.#mentionable = null;
  }

  /** @param {string | null} me */
  #countUnread(me) {
    const after = this.readSeq ?? this.head;
    const unread = this.messages.filter(({ seq, user, removed }) => seq > after && user.id !== me && !removed);
    this.unread = unread.length;
    this.mentions = unread.filter((message) => this.#mentions(message)).length;
  }

  /** Whether it speaks to us. @param {Message} message */
  #mentions({ text = "" }) {
    return this.self !== null && isMentioned(text, this.self);
  }

  /**
   * A page that stays open for days must not keep them all; scrolling up fetches them again.
   * @param {number} limit
   */
  #forgetOld(limit) {
    if (this.messages.length <= limit) return;
    for (const { id } of this.stretch.drop(this.messages.length - limit / 2)) this.#ids.delete(id);
  }
}
