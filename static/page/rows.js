/**
 * What stands in the list of messages, as data: one row an item, with a key and a signature that changes exactly when
 * the row must be drawn anew.
 * @module
 */

import { dayOf } from "./format.js";

const GROUP_MS = 5 * 60_000; // messages of one person closer than this stand together

/**
 * @typedef {object} Row
 * @property {string} key
 * @property {"loading" | "start" | "gap" | "day" | "new" | "message" | "pending"} kind
 * @property {object} [value] what it shows
 * @property {string} signature
 */

/**
 * @param {import("./room.js").Room} room
 * @param {import("../outbox.js").Entry[]} entries of this room
 * @param {string | null} me
 * @returns {Row[]}
 */
export function rowsOf(room, entries, me) {
  const rows = [];
  if (!room.joined && room.messages.length === 0 && entries.length === 0) return rows;
  const pending = entries.filter(({ id, frame, user }) => frame.type === "send" && !room.has(id, user ?? me));
  const changes = changesByTarget(entries);
  const readers = room.readersBySeq(me);
  rows.push(row(room.more ? "loading" : "start", "top", { room: room.name, ...startOf(room, pending) }));

  const state = { day: null, previous: null, gap: room.gap, isNew: false };
  for (const message of room.messages) {
    for (const separator of separators(room, state, message, me)) rows.push(separator);
    const own = message.user.id === me;
    const shown = { ...withChanges(message, changes.get(message.seq), me), own, me, readers: [] };
    shown.readers = (readers.get(message.seq) ?? []).map((id) => ({ id, name: room.nameOf(id) ?? "" }));
    shown.names = Object.fromEntries(reactors(shown).map((id) => [id, room.nameOf(id) ?? "Somebody"]));
    shown.first = !continues(state.previous, message);
    rows.push(row("message", `m${message.seq}`, shown));
    state.previous = message;
  }
  if (state.gap && room.joined) rows.push(row("gap", "gap", state.gap));
  pending.forEach((entry, index) => {
    rows.push(row("pending", `p${entry.id}`, { ...entry, first: index === 0 && state.previous?.user.id !== me }));
  });
  return rows;
}

function row(kind, key, value = {}) {
  return { kind, key, value, signature: `${kind} ${JSON.stringify(value)}` };
}

function startOf({ messages, gap, more }, pending) {
  if (more || gap) return {};
  if (messages.length === 0 && pending.length === 0) return { says: "empty" };
  return { says: messages.length === 0 || messages[0].seq === 1 ? "begin" : "forgotten" };
}

/** What stands before a message: the gap, its day, the line above what is new. */
function separators(room, state, message, me) {
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
    rows.push(row("new", "new"));
    state.isNew = true;
    state.previous = null;
  }
  return rows;
}

function continues(previous, message) {
  return (
    previous !== null &&
    previous.user.id === message.user.id &&
    previous.user.name === message.user.name &&
    message.at - previous.at < GROUP_MS
  );
}

function reactors({ reactions = {}, readers }) {
  return [...Object.values(reactions).flat(), ...readers.map(({ id }) => id)];
}

/** Our own changes that the service has not stored yet, by the message they change. */
function changesByTarget(entries) {
  const changes = new Map();
  for (const { frame } of entries) {
    if (frame.type === "send") continue;
    changes.set(frame.target, [...(changes.get(frame.target) ?? []), frame]);
  }
  return changes;
}

/** The message as it will be, marked as not yet so; a reaction is too small a thing for a mark. */
function withChanges(message, changes, me) {
  if (!changes) return message;
  const shown = { ...message, reactions: { ...message.reactions } };
  for (const { type, text, emoji, on } of changes) {
    if (type === "edit") Object.assign(shown, { text, saving: true });
    if (type === "remove") shown.removing = true;
    if (type === "react") {
      const others = (shown.reactions[emoji] ?? []).filter((id) => id !== me);
      shown.reactions[emoji] = on ? [...others, me] : others;
      if (shown.reactions[emoji].length === 0) delete shown.reactions[emoji];
    }
  }
  return shown;
}
