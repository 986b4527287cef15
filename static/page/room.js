/**
 * What the page knows of one room. It draws nothing. The service's times are Unix times in ms, `now` is the page's own
 * clock, which nobody sets (performance.now).
 * @module
 */

const MESSAGES_LIMIT = 600; // kept while nobody reads the older ones
const TYPING_MS = 6000;
const MEMBERS_LIMIT = 200; // as the service's: a larger room tells only how many

export class Room {
  /** @type {object[]} as the service sends them, by seq */
  messages = [];
  /** Whether the service has older ones. */
  more = false;
  loading = false;
  joined = false;
  epoch = null;
  /** @type {{reason: string, after: number} | null} what is missing: everything after seq `after` that is not shown */
  gap = null;
  /** @type {Map<string, string>} id to name */
  members = new Map();
  count = 0;
  /** @type {Map<string, number>} user id to the last seq they have read */
  reads = new Map();
  /** The last durable event's seq. */
  head = 0;
  /** What we have read; null until known. */
  readSeq = null;
  unread = 0;
  /** @type {number | null} "New" stands after this seq */
  divider = null;
  draft = "";

  #bySeq = new Map();
  #ids = new Map(); // the last messages' client ids, to tell which of our own are there
  #typing = new Map();
  #told = 0; // the read position that the service knows
  #names = new Map();

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  get(seq) {
    return this.#bySeq.get(seq);
  }

  /** Whether our message with this client id is among those known. */
  has(id, user) {
    return this.#ids.get(id) === user;
  }

  /** A name for a user id, if anybody ever mentioned it. */
  nameOf(id) {
    return this.members.get(id) ?? this.#names.get(id) ?? null;
  }

  // -- frames

  /** `joined`: a fresh one replaces what was known. */
  onJoined(frame, me) {
    const { epoch, seq, fresh, messages, more, members, count, reads } = frame;
    this.joined = true;
    if (fresh) {
      if (this.epoch !== null && this.epoch !== epoch) this.readSeq = null;
      this.#replace(messages ?? [], more ?? false);
      this.head = seq;
    }
    this.epoch = epoch;
    this.members = new Map((members ?? []).map((person) => [person.id, person.name]));
    this.count = count ?? this.members.size;
    this.reads = new Map(Object.entries(reads ?? {}));
    this.#told = this.reads.get(me) ?? 0;
    // Somebody who has never been here has nothing to catch up with.
    this.readSeq = Math.min(this.head, Math.max(this.readSeq ?? 0, this.reads.get(me) ?? this.readSeq ?? this.head));
    this.#countUnread(me);
    if (fresh) this.divider = this.unread > 0 ? this.readSeq : null;
  }

  onGap({ reason, after }) {
    this.gap = { reason, after: reason === "epoch" ? 0 : after };
  }

  /** @param {boolean} seen whether somebody is looking at the room's end */
  onMessage(message, me, seen) {
    this.head = message.seq;
    this.#insert(message);
    this.#typing.delete(message.user.id);
    if (message.user.id === me) {
      this.divider = null;
    } else if (!seen) {
      if (this.unread === 0) this.divider = this.readSeq;
      this.unread += 1;
    }
    if (seen) this.#forgetOld();
  }

  onEdited({ seq, target, text, at }) {
    this.head = seq;
    this.#change(target, { text, edited_at: at });
  }

  onRemoved({ seq, target }, me) {
    this.head = seq;
    const message = this.get(target);
    const unread = message && !message.removed && message.user.id !== me && target > (this.readSeq ?? this.head);
    if (unread) this.unread = Math.max(0, this.unread - 1);
    this.#change(target, { removed: true, text: "", reactions: {} });
  }

  onReacted({ seq, target, user, emoji, on }) {
    this.head = seq;
    this.#names.set(user.id, user.name);
    const reactions = { ...this.get(target)?.reactions };
    const others = (reactions[emoji] ?? []).filter((id) => id !== user.id);
    reactions[emoji] = on ? [...others, user.id] : others;
    if (reactions[emoji].length === 0) delete reactions[emoji];
    this.#change(target, { reactions });
  }

  onHistory({ messages, more }) {
    this.more = more;
    const older = messages.filter((message) => !this.#bySeq.has(message.seq));
    for (const message of older) this.#index(message);
    this.messages = [...older, ...this.messages].sort((one, other) => one.seq - other.seq);
  }

  onPresence({ joined = [], left = [], count }) {
    for (const id of left) this.members.delete(id);
    for (const { id, name } of joined) this.members.set(id, name);
    this.count = count;
    if (count > MEMBERS_LIMIT) this.members.clear();
  }

  onTyping({ user }, now) {
    this.#typing.set(user.id, { name: user.name, until: now + TYPING_MS });
  }

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
    this.readSeq = this.head;
    if (this.head <= this.#told) return null;
    this.#told = this.head;
    return this.head;
  }

  /** Names of those who type now. */
  typing(now) {
    for (const [id, { until }] of this.#typing) if (until <= now) this.#typing.delete(id);
    return [...this.#typing.values()].map(({ name }) => name);
  }

  /** Our last message that can be edited. */
  lastOwn(me) {
    return this.messages.findLast((message) => message.user.id === me && !message.removed) ?? null;
  }

  /** For whom a message is the last one read: user ids by the message's seq. */
  readersBySeq(me) {
    const readers = new Map();
    for (const [user, seq] of this.reads) {
      if (user === me || !this.members.has(user)) continue;
      const message = this.messages.findLast((one) => one.seq <= seq);
      if (!message || message.user.id === user) continue;
      readers.set(message.seq, [...(readers.get(message.seq) ?? []), user]);
    }
    return readers;
  }

  // -- how

  #replace(messages, more) {
    this.messages = [];
    this.#bySeq.clear();
    this.#ids.clear();
    this.more = more;
    for (const message of messages) this.#insert(message);
  }

  #insert(message) {
    if (this.#bySeq.has(message.seq)) return;
    this.messages.push(message);
    this.#index(message);
  }

  #index(message) {
    this.#bySeq.set(message.seq, message);
    this.#ids.set(message.id, message.user.id);
    this.#names.set(message.user.id, message.user.name);
  }

  #change(seq, change) {
    const message = this.get(seq);
    if (message) Object.assign(message, change);
  }

  #countUnread(me) {
    const after = this.readSeq ?? this.head;
    this.unread = this.messages.filter(({ seq, user, removed }) => seq > after && user.id !== me && !removed).length;
  }

  /** A page that stays open for days must not keep them all; scrolling up fetches them again. */
  #forgetOld() {
    if (this.messages.length <= MESSAGES_LIMIT) return;
    for (const { seq, id } of this.messages.splice(0, MESSAGES_LIMIT / 2)) {
      this.#bySeq.delete(seq);
      this.#ids.delete(id);
    }
    this.more = true;
  }
}
