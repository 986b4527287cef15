/**
 * All that the page says, in English. Another language is an object of the same shape (`Words`).
 *
 * A sentence with something in it is a function of that, a number gets its form by the language's plural rules, and
 * nothing is put together from pieces: word order differs. `shell` are the texts of index.html, which names them in
 * `data-say` (the text), `data-label` (for screen readers), `data-title` (both, and shown on hover) and
 * `data-placeholder`.
 * What the service says comes as a code with English words: where there is no text for the code here, its words stand.
 * @module
 */

/** @typedef {Record<Intl.LDMLPluralRule, string> | {one: string, other: string}} Forms of a word, by a number's category */
/** @typedef {typeof words} Words */

const LANGUAGE = "en";

/** How dates, numbers and lists are written: as the reader prefers, among the ways of the language they stand in. */
export const locale = globalThis.navigator?.languages?.find((one) => one.split("-")[0] === LANGUAGE) ?? LANGUAGE;

const rules = new Intl.PluralRules(locale);
const names = new Intl.ListFormat(locale, { style: "long", type: "conjunction" });
const numbers = new Intl.NumberFormat(locale);

/** "1,234". @param {number} value */
export const number = (value) => numbers.format(value);

/** "Ada, Bob and Cem". @param {string[]} parts */
export const list = (parts) => names.format(parts);

/**
 * "1 person", "3 people".
 * @param {number} value
 * @param {Forms} forms
 */
export const count = (value, forms) => `${number(value)} ${formOf(value, forms)}`;

/**
 * The form of a word that stands with a number.
 * @param {number} value
 * @param {Forms} forms
 */
const formOf = (value, forms) => /** @type {Partial<Record<string, string>>} */ (forms)[rules.select(value)] ?? forms.other;

/** The service's words as a sentence. @param {string} said */
export function sentence(said) {
  const text = said.trim();
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}

/** @typedef {{name: string, room: string | null, seconds: number | null, network: boolean}} Sanction against whom */

/** @param {Sanction} what */
const who = ({ name, network }) => (network ? `${name} and all guests of the same network` : name);

/** @param {string | null} room */
const place = (room) => (room === null ? "everywhere" : `in #${room}`);

/** @param {string | null} room */
const inside = (room) => (room === null ? "" : ` in #${room}`);

/** @param {string | null} room */
const entered = (room) => (room === null ? "this chat" : `#${room}`);

/** @param {number | null} seconds */
function term(seconds) {
  if (seconds === null) return "Until it is taken back";
  if (seconds < 3600) return count(seconds / 60, { one: "minute", other: "minutes" });
  if (seconds < 86_400) return count(seconds / 3600, { one: "hour", other: "hours" });
  return count(seconds / 86_400, { one: "day", other: "days" });
}

/** @param {Sanction} what */
const lasting = ({ seconds }) => (seconds === null ? "until it is taken back" : `for ${term(seconds)}`);

export const words = {
  shell: {
    app: "Parley",
    // the entrance
    name: "Your name",
    room: "Room",
    enter: "Join the room",
    or: "or",
    signIn: "Sign in",
    signOut: "Sign out",
    refuse: "Not me",
    cancel: "Cancel",
    // another name
    renameTitle: "Change your name",
    newName: "New name",
    save: "Save",
    // the rooms
    rooms: "Rooms",
    closeRooms: "Close the room list",
    joinAnother: "Join another room",
    joinThis: "Join this room",
    moreRooms: "More rooms",
    rename: "Change your name",
    settings: "How it looks",
    openRooms: "Show the room list",
    switch: "Go to a room",
    // the messages
    messages: "Messages",
    firstUnread: "Jump to the first new message",
    editing: "Editing your message",
    message: "Message",
    send: "Send",
    emoji: "Emoji",
    suggestions: "Suggestions",
    // the people
    people: "People",
    peopleHere: "People in this room",
    closePeople: "Close the list of people",
    lately: "Spoke lately, not here",
    notices: "Notices",
    // what the room is about
    about: "About this room:",
    topic: "Topic",
    topicHint: "What is this room about?",
    setTopic: "Set the topic",
    copyLink: "Copy the link",
    close: "Close",
    // before a message is removed
    removeTitle: "Remove this message?",
    removeWhat: "Its text is deleted for everybody. A note stays in its place.",
    keep: "Keep it",
    remove: "Remove",
  },

  /** With what is unread, or of that what speaks to us. @param {{room: string, unread: number, mentions: number}} where */
  title: ({ room, unread, mentions }) => {
    const news = mentions > 0 ? `(@${number(mentions)}) ` : unread > 0 ? `(${number(unread)}) ` : "";
    return `${news}#${room} · Parley`;
  },

  entrance: {
    guest: "Pick a name and step in.",
    stranger: "This chat is for people with an account.",
    elsewhere: "This chat is for people with an account. Open it from where you have yours.",
    /** @param {string} name */
    account: (name) => `You are signed in as ${name}.`,
    /** @param {string} name whose account a link is for */
    asked: (name) => `A link brought you here to come in as ${name}. This browser knows somebody else.`,
    /** @param {string} name */
    accept: (name) => `Come in as ${name}`,
    expired: "You were signed out: your sign-in no longer holds.",
    noName: "Tell us a name.",
    nameTaken: "Somebody who is here has this name.",
    unreachable: "The service can’t be reached. Try again.",
    noRoom: "Name a room.",
    roomRule: "A room’s name has only a–z, 0–9, - and _, and starts with a letter or a digit.",
  },

  days: { today: "Today", yesterday: "Yesterday" },

  /** How the connection is: in a word, beside one's name. */
  states: {
    connecting: "Connecting…",
    open: "Online",
    restarting: "Restarting…",
    unreachable: "No connection",
    offline: "Offline",
    full: "Waiting…",
    crowded: "Waiting…",
    unavailable: "Waiting…",
    rateLimited: "Waiting…",
    nameTaken: "Waiting…",
    removed: "Removed",
    banned: "Banned",
    signedOut: "Signed out",
    expired: "Signed out",
    forbidden: "Disconnected",
    ended: "Disconnected",
  },

  /** The same in sentences, and how it is in a room. */
  standing: {
    connected: "Connected.",
    connecting: "Connecting…",
    restarting: "The service is restarting.",
    unreachable: "The service can’t be reached.",
    offline: "You are offline: this device has no network.",
    full: "The service is full.",
    crowded: "You have too many connections open.",
    unavailable: "The service can take nobody in just now.",
    rateLimited: "There were too many attempts from here.",
    nameTaken: "Somebody who is here has your name.",
    /** @type {(room: string | null, why: string) => string} `why`: a sentence, or "" */
    removed: (room, why) => `You were removed from ${room === null ? "this chat" : `#${room}`}. ${why}`.trim(),
    /** @type {(room: string | null, why: string) => string} */
    banned: (room, why) => `You are banned from ${room === null ? "this chat" : `#${room}`}. ${why}`.trim(),
    signedOut: "You are signed out: this chat can’t be entered without an account.",
    expired: "You are signed out: your sign-in no longer holds. Sign in again to go on.",
    /** @param {string} why */
    forbidden: (why) => `You may not enter here. ${why}`.trim(),
    /** @param {string} why */
    tooManyErrors: (why) => `You were disconnected because of too many errors or messages. ${why}`.trim(),
    tooBig: "A message was too big, so the connection was closed.",
    /** @param {string} why */
    ended: (why) => `The connection was closed. ${why}`.trim(),
    readOnly: "Nothing can be stored just now: you can read, and what you write waits.",
    slowed: "You write faster than this room takes. What you write waits.",
    /** @param {string} room */
    roomForbidden: (room) => `You may not enter #${room}.`,
    /** @type {(room: string, why: string) => string} */
    roomRefused: (room, why) => `#${room} can’t be entered. ${why}`.trim(),
    /** When it is tried again. @param {number | null} seconds null: now */
    again: (seconds) => (seconds === null ? "Trying again…" : `Trying again in ${number(seconds)} s.`),
    /** When a service that restarts takes us back. @param {number | null} seconds null: now */
    back: (seconds) => (seconds === null ? "Connecting anew…" : `Connecting anew in ${number(seconds)} s.`),
  },

  /** What can be done about it. */
  ways: {
    signIn: "Sign in",
    tryNow: "Try now",
    tryAgain: "Try again",
    joinAgain: "Join again",
    otherName: "Use another name",
    /** @param {string} room */
    leave: (room) => `Leave #${room}`,
  },

  out: {
    title: "Sign out?",
    what: "What this browser keeps of you goes: your rooms, and what you began to write.",
    guest: "A guest can’t come back as the same person.",
    /** @param {number} messages */
    waiting: (messages) => `${count(messages, { one: "message", other: "messages" })} of yours will not be sent.`,
    instead: "Sign in instead",
    stay: "Stay",
    go: "Sign out",
  },

  about: {
    add: "Set a topic",
    none: "No topic yet.",
    /** @type {(who: string, day: string, time: string) => string} */
    set: (who, day, time) => `Topic by ${who} · ${day}, ${time}`,
    /** @type {(who: string, day: string, time: string) => string} */
    begun: (who, day, time) => `Begun by ${who} · ${day}, ${time}`,
    copied: "The link to this room is copied.",
    notCopied: "The link could not be copied.",
  },

  /** Whether a room's messages are all there. */
  completeness: {
    /** @type {(day: string, time: string) => string} */
    when: (day, time) => `${day}, ${time}`,
    unknown: "Nothing is known of this room yet.",
    /** @param {string} when */
    behind: (when) => `What came after ${when} is not known yet.`,
    /** @param {string | null} when */
    missing: (when) => (when === null ? "Some messages are missing." : `Some messages before ${when} are missing.`),
    begun: "No message is missing since this room began.",
    /** @param {string | null} when */
    since: (when) => (when === null ? "No message is missing." : `No message is missing since ${when}.`),
  },

  typing: {
    /** @param {string[]} people */
    some: (people) => `${list(people)} ${formOf(people.length, { one: "is", other: "are" })} typing…`,
    many: "Several people are typing…",
  },

  log: {
    loading: "Loading earlier messages…",
    trimmed: "Some messages are missing here: you were away for longer than this room remembers.",
    epoch: "Earlier messages are gone: this room’s history began again.",
    /** @param {string} room */
    empty: (room) => `Nobody has said anything in #${room} yet`,
    sayHello: "Say hello: whoever comes later sees it.",
    /** @param {string} room */
    begins: (room) => `This is where #${room} begins`,
    forgotten: "No older messages are kept here.", // there may have been none: a topic counts as an event, too
    /** @type {(day: string, time: string) => string} */
    seen: (day, time) => `As it was when you were here last: ${day}, ${time}`,
    new: "New",
    latest: "Latest",
    noSuch: "The message that this link leads to is not kept here any more.",
    /** @param {number} messages */
    unread: (messages) => count(messages, { one: "new message", other: "new messages" }),
  },

  message: {
    you: "You",
    /** Before a message that shows no name. @param {string | null} name null: one's own */
    says: (name) => `${name ?? "You"}:`,
    somebody: "Somebody",
    gone: "Message removed",
    edited: "edited",
    more: "Show more",
    less: "Show less",
    saving: "Saving…",
    removing: "Removing…",
    /** @type {(emoji: string, number: number, people: string) => string} */
    reaction: (emoji, given, people) => `${emoji} ${number(given)}, by ${people}`,
    /** @param {string[]} people */
    readBy: (people) => `Read up to here by ${list(people)}`,
    waiting: "Waiting to be sent",
    sending: "Sending…",
    /** @param {string} why a sentence */
    failed: (why) => `Not sent. ${why}`,
    retry: "Send again",
    discard: "Discard",
  },

  code: {
    copy: "Copy",
    copied: "Copied",
    notCopied: "The browser does not let this page copy.",
  },

  picker: {
    emoji: "Emoji",
    insert: "Choose an emoji",
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
    missing: "The emoji can’t be loaded now.",
    /** @param {number} emoji */
    results: (emoji) => `${count(emoji, { one: "emoji", other: "emoji" })} found`,
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
    /** @param {string} name */
    open: (name) => `Moderate ${name}`,
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
    term,
    reason: "Reason, which they are told",
    network: "All guests of their network, too",
    undo: "Undo",
    /** @type {Record<import("../protocol.js").Action, (what: Sanction) => string>} what will happen */
    will: {
      mute: (what) => `Nothing from ${who(what)} is taken${inside(what.room)}, ${lasting(what)}.`,
      slow: (what) => `From ${who(what)} one message every 10 seconds is taken${inside(what.room)}, ${lasting(what)}.`,
      kick: ({ name, room }) => `${name} is removed from ${entered(room)}, and may come back.`,
      ban: (what) => `${who(what)} can’t enter ${entered(what.room)}, ${lasting(what)}.`,
      unmute: (what) => `${who(what)} may write again${inside(what.room)}.`,
      unslow: (what) => `${who(what)} may write as fast as others${inside(what.room)}.`,
      unban: (what) => `${who(what)} may enter ${entered(what.room)} again.`,
    },
    /** @type {Record<import("../protocol.js").Action, (what: Sanction) => string>} what was done */
    done: {
      mute: (what) => `Muted ${place(what.room)}: ${who(what)}, ${lasting(what)}.`,
      slow: (what) => `Slowed down ${place(what.room)}: ${who(what)}, ${lasting(what)}.`,
      kick: ({ name, room }) => `${name} was removed from ${entered(room)}.`,
      ban: (what) => `Banned ${place(what.room)}: ${who(what)}, ${lasting(what)}.`,
      unmute: (what) => `No longer muted ${place(what.room)}: ${who(what)}.`,
      unslow: (what) => `No longer slowed down ${place(what.room)}: ${who(what)}.`,
      unban: (what) => `No longer banned ${place(what.room)}: ${who(what)}.`,
    },
    /** @param {string} name */
    messageRemoved: (name) => `The message of ${name} was removed.`,
    /** @param {string} why a sentence */
    notTakenBack: (why) => `It was not taken back. ${why}`,
    failed: {
      offline: "There is no connection.",
      timeout: "There was no answer: it may be done, or not.",
      busy: "Too much waits for an answer.",
    },
  },

  composer: {
    /** @param {string} room */
    placeholder: (room) => `Message #${room}`,
    /** @param {number} characters */
    left: (characters) => `${count(characters, { one: "character", other: "characters" })} left`,
    /** @param {number} characters */
    over: (characters) => `${count(characters, { one: "character", other: "characters" })} too many`,
    full: "Too many messages are waiting to be sent.",
  },

  completion: {
    /** @param {number} offers */
    offered: (offers) => count(offers, { one: "suggestion", other: "suggestions" }),
    commands: {
      me: "say what you do",
      nick: "change your name",
      join: "open a room",
      leave: "leave a room",
      help: "what can be written",
    },
  },

  commands: {
    /** @param {string} command */
    unknown: (command) => `There is no command /${command}. To send it as a text, begin with two slashes.`,
    /** @param {string} command */
    notInEdit: (command) => `/${command} is not for messages. To keep it as a text, begin with two slashes.`,
    noAction: "Say what you do: /me waves",
    noName: "Say how you want to be called: /nick Ada",
    accountName: "Your name comes with your account.",
    nameRule: "A name has 1 to 32 characters.",
    /** @param {string} room */
    notIn: (room) => `You are not in #${room}.`,
    lastRoom: "You are in no other room.",
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
    close: "Close",
  },

  sidebar: {
    /** @param {string} room */
    menu: (room) => `Menu of #${room}`,
    favourite: "Favourite",
    muted: "Muted",
    /** @param {string} room */
    leave: (room) => `Leave #${room}`,
    unread: "unread",
    /** Behind their number. @param {number} messages */
    mentionYou: (messages) => formOf(messages, { one: "mentions you", other: "mention you" }),
    /** @param {number} people */
    inside: (people) => count(people, { one: "person", other: "people" }),
    /** @param {number} people */
    here: (people) => count(people, { one: "person here", other: "people here" }),
    /** Beside their number. @param {number} people */
    peopleHere: (people) => formOf(people, { one: "person here", other: "people here" }),
    large: "In a room this large only the number is shown.",
    you: "you",
    out: "can’t be entered",
  },

  alerts: {
    group: "Notifications",
    all: "All messages",
    mentions: "Mentions of you",
    none: "None",
    sound: "With a sound, in all rooms",
    denied: "Your browser keeps this page from telling you anything. Its settings for this page can change that.",
    /** @type {(name: string | null, room: string) => string} null: several people */
    title: (name, room) => (name === null ? `#${room}` : `${name} in #${room}`),
  },

  switcher: {
    hint: "A part of its name",
    current: "You are here",
    begin: "A new room",
    /** @param {number} messages */
    unread: (messages) => `${number(messages)} unread`,
    /** @param {number} messages */
    mentions: (messages) => count(messages, { one: "mention", other: "mentions" }),
    /** @param {number} rooms */
    found: (rooms) => count(rooms, { one: "room", other: "rooms" }),
  },

  queue: {
    /**
     * @param {number} waiting entries
     * @param {number} failed entries
     * @param {import("./queue.js").Why} why
     */
    summary: (waiting, failed, why) => {
      const waits = { one: "message waits", other: "messages wait" };
      const connection = "until there is a connection";
      const fates = {
        unconnected: { one: connection, other: connection },
        unstored: { one: "until it can be stored", other: "until they can be stored" },
        slowed: { one: "and goes out soon", other: "and go out one by one" },
      };
      const first = waiting > 0 ? `${count(waiting, waits)}${why ? ` ${formOf(waiting, fates[why])}` : ""}.` : "";
      const second = failed > 0 ? `${count(failed, { one: "message was", other: "messages were" })} not sent.` : "";
      return `${first} ${second}`.trim();
    },
    states: { queued: "Waiting", sending: "On its way…", paused: "Kept back", failed: "Not sent" },
    /** What an entry is. @param {import("../protocol.js").Change} frame */
    what: (frame) => {
      if (frame.type === "send") return frame.text;
      if (frame.type === "edit") return `Change of a message: ${frame.text}`;
      if (frame.type === "remove") return "Removal of a message";
      if (frame.type === "topic") return `Topic: ${frame.text}`;
      return frame.on === false ? `Reaction taken back: ${frame.emoji}` : `Reaction: ${frame.emoji}`;
    },
    /** @type {(room: string, fate: string) => string} */
    inRoom: (room, fate) => `#${room} · ${fate}`,
    text: "New text",
    edit: "Edit",
    sendNow: "Send now",
  },

  announcer: {
    /** @type {(name: string, text: string) => string} */
    message: (name, text) => `${name}: ${text}`,
    /** @type {(messages: number, people: string[]) => string} */
    many: (messages, people) => {
      const shown = people.length > 3 ? [...people.slice(0, 3), "others"] : people;
      return `${count(messages, { one: "new message", other: "new messages" })} by ${list(shown)}`;
    },
  },

  notices: {
    /** @param {string} room */
    notSent: (room) => `A message to #${room} was not sent.`,
    messageGone: "The message was removed. Your words stay here.",
    notLoaded: "This part of the page can’t be loaded now.",
    edit: "Your change was not taken.",
    remove: "The message was not removed.",
    react: "Your reaction was not taken.",
    topic: "The topic was not set.",
    /** @type {(what: string, why: string) => string} two sentences */
    refused: (what, why) => `${what} ${why}`,
  },
};
