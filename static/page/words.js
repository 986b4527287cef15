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

export const words = {
  shell: {
    app: "Parley",
    // the entrance
    invitation: "Pick a name and step in.",
    name: "Your name",
    room: "Room",
    enter: "Join the room",
    cancel: "Cancel",
    // the rooms
    rooms: "Rooms",
    closeRooms: "Close the room list",
    joinAnother: "Join another room",
    joinThis: "Join this room",
    moreRooms: "More rooms",
    rename: "Change your name",
    openRooms: "Show the room list",
    // the messages
    messages: "Messages",
    editing: "Editing your message",
    message: "Message",
    send: "Send",
    suggestions: "Suggestions",
    // the people
    people: "People",
    peopleHere: "People in this room",
    closePeople: "Close the list of people",
    notices: "Notices",
    // before a message is removed
    removeTitle: "Remove this message?",
    removeWhat: "Its text is deleted for everybody. A note stays in its place.",
    keep: "Keep it",
    remove: "Remove",
  },

  /** @param {{room: string, unread: number}} where */
  title: ({ room, unread }) => `${unread > 0 ? `(${number(unread)}) ` : ""}#${room} · Parley`,

  entrance: {
    noName: "Tell us a name.",
    noRoom: "Name a room.",
    roomRule: "A room’s name has only a–z, 0–9, - and _, and starts with a letter or a digit.",
  },

  days: { today: "Today", yesterday: "Yesterday" },

  /** How the connection is: in a word, beside one's name. */
  states: { open: "Online", connecting: "Connecting…", stopped: "Disconnected", waiting: "Offline", closed: "Offline" },

  status: {
    connected: "Connected.",
    connecting: "Connecting…",
    closed: "The connection was closed.",
    tooManyErrors: "You were disconnected because of too many errors or messages.",
    removed: "You were removed from this chat.",
    tooBig: "A message was too big, so the connection was closed.",
    unauthenticated: "You can’t enter here without an account.",
    forbidden: "You may not enter here.",
    restarting: "The service is restarting.",
    full: "The service is full.",
    tooMany: "You have too many connections open.",
    tooSlow: "The connection was too slow.",
    nameTaken: "Somebody who is here has your name.",
    rateLimited: "Too many attempts from here.",
    offline: "You are offline.",
    unreachable: "The service can’t be reached.",
    tryNow: "Try now",
    joinAgain: "Join again",
    again: "Trying again…",
    /** @param {number} seconds */
    againIn: (seconds) => `Trying again in ${number(seconds)} s.`,
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
    forgotten: "Earlier messages are no longer kept.",
    new: "New",
    latest: "Latest",
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
    discard: "Delete",
  },

  code: {
    copy: "Copy",
    copied: "Copied",
    notCopied: "The browser does not let this page copy.",
  },

  tools: {
    bar: "Message",
    pick: "Choose a reaction",
    edit: "Edit",
    remove: "Remove",
    /** @param {string} emoji */
    react: (emoji) => `React with ${emoji}`,
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
        ],
      },
    ],
  },

  sidebar: {
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
    edit: "Your change was not taken.",
    remove: "The message was not removed.",
    react: "Your reaction was not taken.",
    topic: "The topic was not set.",
    /** @type {(what: string, why: string) => string} two sentences */
    refused: (what, why) => `${what} ${why}`,
    /** @type {(room: string, why: string) => string} */
    notEntered: (room, why) => `#${room}: ${why}`,
  },
};
