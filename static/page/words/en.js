/**
 * English, from which the other languages are translated.
 * @module
 */

import { count, formOf, list, number, say } from "../words.js";

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
  },

  entrance: {
    guest: "Pick a name and step in.",
    stranger: "This chat is for people with an account.",
    elsewhere: "This chat is for people with an account. Open it from where you have yours.",
    /** @param {string} name */
    account: (name) => say`You are signed in as ${name}.`,
    /** @param {string} name whose account a link is for */
    asked: (name) => say`A link brought you here to come in as ${name}. This browser knows somebody else.`,
    /** @param {string} name */
    accept: (name) => say`Come in as ${name}`,
    expired: "You were signed out: your sign-in no longer holds.",
    noName: "Tell us a name.",
    nameTaken: "Somebody who is here has this name.",
    unreachable: "The service can’t be reached. Try again.",
    noRoom: "Name a room.",
    roomRule: "A room’s name has only a–z, 0–9, - and _, and starts with a letter or a digit.",
  },

  /** How the connection is: in a word, beside one's name. */
  states: {
    connecting: "Connecting…",
    open: "Online",
    restarting: "Restarting…",
    unreachable: "No connection",
    buffered: "No connection",
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
    buffered: "Something on the way holds the service’s answers back.",
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

  about: {
    copyLink: "Copy the link",
    add: "Set a topic",
    none: "No topic yet.",
    /** @type {(who: string, day: string, time: string) => string} */
    set: (who, day, time) => say`Topic by ${who} · ${day}, ${time}`,
    /** @type {(who: string, day: string, time: string) => string} */
    begun: (who, day, time) => say`Begun by ${who} · ${day}, ${time}`,
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
    unread: (messages) => count(messages, { one: "# new message", other: "# new messages" }),
  },

  message: {
    you: "You",
    /** Before a message that shows no name. @param {string | null} name null: one's own */
    says: (name) => say`${name ?? "You"}:`,
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

  composer: {
    emoji: "Choose an emoji",
    /** @param {string} room */
    placeholder: (room) => `Message #${room}`,
    /** @param {number} characters */
    left: (characters) => `${count(characters, { one: "# character", other: "# characters" })} left`,
    /** @param {number} characters */
    over: (characters) => `${count(characters, { one: "# character", other: "# characters" })} too many`,
    full: "Too many messages are waiting to be sent.",
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

  sidebar: {
    /** @param {string} name */
    moderate: (name) => say`Moderate ${name}`,
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
    inside: (people) => count(people, { one: "# person", other: "# people" }),
    /** @param {number} people */
    here: (people) => count(people, { one: "# person here", other: "# people here" }),
    /** Beside their number. @param {number} people */
    peopleHere: (people) => formOf(people, { one: "person here", other: "people here" }),
    large: "In a room this large only the number is shown.",
    /** Of the people: the connection is lost since. @param {string} when */
    asOf: (when) => `As of ${when}: who came or went since is not known.`,
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
    title: (name, room) => (name === null ? `#${room}` : say`${name} in #${room}`),
  },

  announcer: {
    /** @type {(name: string, text: string) => string} */
    message: (name, text) => say`${name}: ${text}`,
    /** @type {(messages: number, people: string[]) => string} */
    many: (messages, people) => {
      const shown = people.length > 3 ? [...people.slice(0, 3), "others"] : people;
      return `${count(messages, { one: "# new message", other: "# new messages" })} by ${list(shown)}`;
    },
  },

  /** None: the service speaks English. */
  errors: null,

  notices: {
    close: "Close",
    /** @param {string} room */
    notSent: (room) => `A message to #${room} was not sent.`,
    messageGone: "The message was removed. Your words stay here.",
    /** @param {string} name */
    messageRemoved: (name) => say`The message of ${name} was removed.`,
    noEmoji:
      "The emoji can’t be loaded now. Try again once there is a connection; until then your keyboard’s can be typed.",
    notLoaded: "This part of the page can’t be loaded now.",
    edit: "Your change was not taken.",
    remove: "The message was not removed.",
    react: "Your reaction was not taken.",
    topic: "The topic was not set.",
    /** @type {(what: string, why: string) => string} two sentences */
    refused: (what, why) => `${what} ${why}`,
  },
};
