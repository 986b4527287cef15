/**
 * What the operator's page says. It speaks English alone; what it shares with the chat page has its words there.
 * @module
 */

import { count, hash, isolated, number, say, sentence, words as pageWords } from "../page/words.js";

/** @import { Deed, Held } from "./service.js" */

const megabytes = new Intl.NumberFormat("en", { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
const kilobytes = new Intl.NumberFormat("en", { style: "unit", unit: "kilobyte", maximumFractionDigits: 0 });
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const milliseconds = new Intl.NumberFormat("en", { style: "unit", unit: "millisecond", maximumSignificantDigits: 2 });
const perSecond = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

const UNKNOWN = "–";

/** @type {(where: string | null) => string} */
const place = (where) => (where === null ? "everywhere" : `in ${hash(where)}`);

/** @type {(name: string, network: boolean) => string} */
const whom = (name, network) => (network ? say`${name} and all guests of the same network` : isolated(name));

export const words = {
  title: "Parley: admin",
  admin: "Admin",
  signOut: "Sign out",
  /** @param {string} name */
  signedIn: (name) => say`Signed in as ${name}`,

  door: {
    byLink: "This page is for moderators. It opens by a link that ends in #token= and a token with the role moderator.",
    orSignIn: "This page is for moderators. Sign in with an account that is one.",
    signIn: "Sign in",
    /** @param {string} why */
    refused: (why) => `You are signed out. ${sentence(why)}`,
  },

  trouble: {
    unreachable: "The service can’t be reached. What is shown was so before.",
    /** @param {string} why */
    refused: (why) => `Not all could be asked for: ${sentence(why)}`,
  },

  figures: {
    title: "How it does",
    withheld: "Your token is for some rooms. Figures of the whole service are shown to those whose token is for all.",
    sockets: "Sockets",
    rooms: "Rooms with people",
    messages: "Messages a second",
    deliveries: "Deliveries a second",
    requests: "HTTP requests a second",
    refused: "Refused a second",
    resets: "Members reset a second",
    behind: "Members behind",
    unsent: "Not yet taken by readers",
    delivery: "Delivery, median",
    slowest: "Delivery, 99th percentile",
    broker: "Messages are kept by",
    roundTrip: "Redis round trip, 99th percentile",
    version: "Parley",
    /** @type {(kind: "redis" | "sqlite", version: string) => string} */
    brokerIs: (kind, version) => `${kind === "redis" ? "Redis" : "SQLite"} ${version}`.trim(),
    /** @param {string} fault */
    brokerFails: (fault) => `nothing can be stored: ${fault}`,
    /** @param {number} seconds */
    over: (seconds) => `Rates and times are those of the last ${count(Math.round(seconds), { one: "# second", other: "# seconds" })}.`,
    measuring: "Rates and times come with the next look, in a moment.",
  },

  processes: {
    title: "Processes",
    /** @param {number} place */
    name: (place) => `Process ${place}`,
    memory: "Memory",
    load: "Of a core",
    descriptors: "Descriptors",
    /** @type {(open: number, limit: number) => string} */
    descriptorsOf: (open, limit) => `${number(open)} of ${number(limit)}`,
    since: "Since",
    /** @param {number} leaving */
    leaving: (leaving) => count(leaving, { one: "# process is leaving.", other: "# processes are leaving." }),
  },

  rooms: {
    title: "Rooms",
    find: "Find a room",
    /** @param {number} people */
    people: (people) => count(people, { one: "# person", other: "# people" }),
    /** @param {number} more */
    more: (more) => count(more, { one: "# more room: write a part of its name.", other: "# more rooms: write a part of the name." }),
    none: "There is no such room.",
  },

  room: {
    /** @param {string} room */
    close: (room) => `Close ${hash(room)}`,
    people: "People",
    nobody: "Nobody is here.",
    /** @param {number} more */
    more: (more) => count(more, { one: "# more person is not shown.", other: "# more people are not shown." }),
    messages: "Newest messages",
    silent: "Nothing was said that is still kept.",
    gone: "Message removed",
    /** @param {string} name */
    remove: (name) => say`Remove this message of ${name}`,
    /** @param {string} name */
    removed: (name) => say`The message of ${name} was removed.`,
  },

  sanctions: {
    title: "In force",
    none: "Nobody is kept from anything.",
    /** @type {(held: Held, name: string, until: string | null) => string} */
    held: ({ kind, room, network }, name, until) => {
      const what = { ban: "Banned", mute: "Muted", slow: "Slowed down" }[kind];
      return `${what} ${place(room)}: ${whom(name, network)}, ${until === null ? "until it is taken back" : `until ${until}`}.`;
    },
    lift: { ban: "Lift the ban", mute: "Unmute", slow: "Slow down no more" },
  },

  trail: {
    title: "What was done",
    none: "Nothing was done yet.",
    older: "Show older",
    /** @type {(deed: Deed, name: string) => string} */
    done: ({ action, room, seconds, network, seq }, name) =>
      action === "remove"
        ? `Message ${seq} of ${isolated(name)} was removed ${place(room)}.`
        : pageWords.moderation.done[action]({ name, room, seconds, network }),
  },

  /** @param {string} who */
  by: (who) => say`by ${who}`,

  /** @param {number | null} value a second */
  rate: (value) => (value === null ? UNKNOWN : perSecond.format(value)),
  /** @param {number | null} seconds */
  time: (seconds) => (seconds === null ? UNKNOWN : milliseconds.format(seconds * 1000)),
  /** @param {number | null} part */
  part: (part) => (part === null ? UNKNOWN : percent.format(part)),
  /** @param {number} value */
  bytes: (value) => (value < 1_000_000 ? kilobytes.format(value / 1000) : megabytes.format(value / 1_000_000)),
  number,
};
