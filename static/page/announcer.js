/**
 * What screen readers are told of their own accord, all of it by one polite region, so that nothing is said twice and
 * nothing interrupts: the list of messages itself stays silent.
 *
 * Messages are gathered for a moment. A few are read out; of many only their number is said, and who wrote them.
 * @module
 */

import { byId, el } from "./dom.js";
import { words } from "./words.js";

/** @typedef {{name: string, read: () => Promise<string>}} Said `read` gives its text without marks, which takes its time */

const GATHER_MS = 1000;
const READ_OUT = 3; // messages
const TEXT_LIMIT = 300; // characters of one
const KEPT_MS = 10_000; // in the region: long enough for any reader, and not found there later on

const region = byId("announcer");
/** @type {Said[]} */
let gathered = [];
/** @type {number | undefined} */
let timer;
let rooms = 0; // that were left

/**
 * Say something.
 * @param {string} text
 */
export function announce(text) {
  const node = el("p", {}, text);
  region.append(node);
  setTimeout(() => node.remove(), KEPT_MS);
}

/**
 * Somebody else said something in the room that is read.
 * @param {Said} message
 */
export function announceMessage(message) {
  if (document.hidden) return; // nobody listens, and later it would come all at once
  if (gathered.length === 0) timer = setTimeout(release, GATHER_MS);
  gathered.push(message);
}

/** What was gathered is of another room now. */
export function forgetMessages() {
  clearTimeout(timer);
  gathered = [];
  rooms += 1;
}

async function release() {
  const messages = gathered;
  gathered = [];
  if (messages.length > READ_OUT) {
    const names = [...new Set(messages.map(({ name }) => name))];
    announce(words.announcer.many(messages.length, names));
    return;
  }
  const begun = rooms;
  const texts = await Promise.all(messages.map(({ read }) => read()));
  if (begun !== rooms) return;
  for (const [index, { name }] of messages.entries()) announce(words.announcer.message(name, shortened(texts[index])));
}

/** @param {string} text */
const shortened = (text) => (text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT)}…` : text);
