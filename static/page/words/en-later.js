/**
 * English: what is said by what is loaded behind a first view.
 * @module
 */

import { count, formOf, number, say, span } from "../words.js";

/** @import { Sanction } from "../words.js" */

/** @param {Sanction} what */
const who = ({ name, network }) => (network ? say`${name} and all guests of the same network` : say`${name}`);

/** @param {string | null} room */
const place = (room) => (room === null ? "everywhere" : `in #${room}`);

/** @param {string | null} room */
const inside = (room) => (room === null ? "" : ` in #${room}`);

/** @param {string | null} room */
const entered = (room) => (room === null ? "this chat" : `#${room}`);

/** @param {Sanction} what */
const lasting = ({ seconds }) => (seconds === null ? "until it is taken back" : `for ${span(seconds)}`);

export const words = {
  out: {
    title: "Sign out?",
    what: "What this browser keeps of you goes: your rooms, and what you began to write.",
    guest: "A guest can’t come back as the same person.",
    /** @param {number} messages */
    waiting: (messages) => `${count(messages, { one: "# message", other: "# messages" })} of yours will not be sent.`,
    instead: "Sign in instead",
    stay: "Stay",
    go: "Sign out",
  },

  picker: {
    emoji: "Emoji",
    search: "Search emoji",
    groups: "Groups",
    group: {
      "smileys-emotion": "Smileys and emotion",
      "people-body": "People and body",
      "animals-nature": "Animals and nature",
      "food-drink": "Food and drink",
      "travel-places": "Travel and places",
      activities: "Activities",
      objects: "Objects",
      symbols: "Symbols",
      flags: "Flags",
    },
    recent: "Used lately",
    found: "Found",
    none: "No emoji is called like that",
    /** @param {number} emoji */
    results: (emoji) => `${count(emoji, { one: "# emoji", other: "# emoji" })} found`,
    tone: "Skin tone",
    tones: ["none", "light", "medium-light", "medium", "medium-dark", "dark"],
    /** @param {string} tone */
    toneIs: (tone) => `Skin tone: ${tone}`,
  },

  tools: {
    bar: "Message",
    pick: "Choose a reaction",
    link: "Copy the link to this message",
    linkCopied: "The link to this message is copied.",
    edit: "Edit",
    remove: "Remove",
    /** @param {string} emoji */
    react: (emoji) => `React with ${emoji}`,
  },

  /** What moderators do. `seconds` null: until it is taken back; `room` null: everywhere. */
  moderation: {
    what: "What to do",
    restrict: "Keep from",
    lift: "Take back",
    actions: {
      mute: "Mute",
      slow: "Slow down",
      kick: "Remove",
      ban: "Ban",
      unmute: "Unmute",
      unslow: "Slow down no more",
      unban: "Lift the ban",
    },
    where: "Where",
    /** @param {string} room */
    here: (room) => `In #${room}`,
    everywhere: "Everywhere",
    forHowLong: "For how long",
    forGood: "Until it is taken back",
    reason: "Reason, which they are told",
    network: "All guests of their network, too",
    undo: "Undo",
    /** @type {Record<import("../../client/protocol.js").Action, (what: Sanction) => string>} what will happen */
    will: {
      mute: (what) => `Nothing from ${who(what)} is taken${inside(what.room)}, ${lasting(what)}.`,
      slow: (what) => `From ${who(what)} one message every 10 seconds is taken${inside(what.room)}, ${lasting(what)}.`,
      kick: ({ name, room }) => say`${name} is removed from ${entered(room)}, and may come back.`,
      ban: (what) => `${who(what)} can’t enter ${entered(what.room)}, ${lasting(what)}.`,
      unmute: (what) => `${who(what)} may write again${inside(what.room)}.`,
      unslow: (what) => `${who(what)} may write as fast as others${inside(what.room)}.`,
      unban: (what) => `${who(what)} may enter ${entered(what.room)} again.`,
    },
    /** @type {Record<import("../../client/protocol.js").Action, (what: Sanction) => string>} what was done */
    done: {
      mute: (what) => `Muted ${place(what.room)}: ${who(what)}, ${lasting(what)}.`,
      slow: (what) => `Slowed down ${place(what.room)}: ${who(what)}, ${lasting(what)}.`,
      kick: ({ name, room }) => say`${name} was removed from ${entered(room)}.`,
      ban: (what) => `Banned ${place(what.room)}: ${who(what)}, ${lasting(what)}.`,
      unmute: (what) => `No longer muted ${place(what.room)}: ${who(what)}.`,
      unslow: (what) => `No longer slowed down ${place(what.room)}: ${who(what)}.`,
      unban: (what) => `No longer banned ${place(what.room)}: ${who(what)}.`,
    },
    /** @param {string} why a sentence */
    notTakenBack: (why) => `It was not taken back. ${why}`,
    failed: {
      offline: "There is no connection.",
      timeout: "There was no answer: it may be done, or not.",
      busy: "Too much waits for an answer.",
    },
  },

  completion: {
    /** @param {number} offers */
    offered: (offers) => count(offers, { one: "# suggestion", other: "# suggestions" }),
    commands: {
      me: "say what you do",
      nick: "change your name",
      join: "open a room",
      leave: "leave a room",
      help: "what can be written",
    },
  },

  help: {
    title: "Writing here",
    close: "Close",
    parts: [
      {
        name: "Commands",
        rows: [
          ["/me waves", "says what you do"],
          ["/nick Ada", "changes your name"],
          ["/join garden", "opens a room"],
          ["/leave", "leaves this room; /leave garden another"],
          ["/help", "shows this"],
          ["//help", "sends “/help” as a text"],
        ],
      },
      {
        name: "Marks",
        rows: [
          ["**bold**", "bold"],
          ["*italic* or _italic_", "italic"],
          ["~~gone~~", "struck out"],
          ["`code`", "code in a line"],
          ["```py\n…\n```", "a block of code, with its language"],
          ["> words", "a quote"],
          ["- one or 1. one", "a list"],
          ["[words](https://…)", "a link with words of its own"],
        ],
      },
      {
        name: "Keys",
        rows: [
          ["Enter", "sends; on touch screens it breaks the line"],
          ["Shift+Enter", "breaks the line"],
          ["Ctrl+B, Ctrl+I", "makes what is selected bold, italic; on a Mac with ⌘"],
          ["↑", "in an empty box: edits your last message"],
          ["Esc", "gives an edit up"],
          ["Ctrl+K", "goes to another room; on a Mac ⌘K"],
        ],
      },
    ],
  },

  settings: {
    title: "How it looks",
    theme: "Colours",
    themes: { system: "System", light: "Light", dark: "Dark" },
    density: "Messages",
    densities: { cosy: "Cosy", compact: "Compact" },
    language: "Language",
    browser: "As in the browser",
    close: "Close",
  },

  switcher: {
    hint: "A part of its name",
    current: "You are here",
    begin: "A new room",
    /** @param {number} messages */
    unread: (messages) => `${number(messages)} unread`,
    /** @param {number} messages */
    mentions: (messages) => count(messages, { one: "# mention", other: "# mentions" }),
    /** @param {number} rooms */
    found: (rooms) => count(rooms, { one: "# room", other: "# rooms" }),
  },

  /** Before a message is removed. */
  removal: {
    title: "Remove this message?",
    what: "Its text is deleted for everybody. A note stays in its place.",
    keep: "Keep it",
    remove: "Remove",
  },

  renaming: {
    title: "Change your name",
    name: "New name",
    save: "Save",
  },

  topic: {
    label: "Topic",
    hint: "What is this room about?",
    set: "Set the topic",
  },

  queue: {
    /**
     * @param {number} waiting entries
     * @param {number} failed entries
     * @param {import("../queue.js").Why} why
     */
    summary: (waiting, failed, why) => {
      const waits = { one: "# message waits", other: "# messages wait" };
      const connection = "until there is a connection";
      const fates = {
        unconnected: { one: connection, other: connection },
        unstored: { one: "until it can be stored", other: "until they can be stored" },
        slowed: { one: "and goes out soon", other: "and go out one by one" },
      };
      const first = waiting > 0 ? `${count(waiting, waits)}${why ? ` ${formOf(waiting, fates[why])}` : ""}.` : "";
      const second = failed > 0 ? `${count(failed, { one: "# message was", other: "# messages were" })} not sent.` : "";
      return `${first} ${second}`.trim();
    },
    states: { queued: "Waiting", sending: "On its way…", paused: "Kept back", failed: "Not sent" },
    /** What an entry is. @param {import("../../client/protocol.js").Change} frame */
    what: (frame) => {
      if (frame.type === "send") return frame.text;
      if (frame.type === "edit") return say`Change of a message: ${frame.text}`;
      if (frame.type === "remove") return "Removal of a message";
      if (frame.type === "topic") return say`Topic: ${frame.text}`;
      return frame.on === false ? `Reaction taken back: ${frame.emoji}` : `Reaction: ${frame.emoji}`;
    },
    /** @type {(room: string, fate: string) => string} */
    inRoom: (room, fate) => `#${room} · ${fate}`,
    text: "New text",
    edit: "Edit",
    sendNow: "Send now",
  },
};
