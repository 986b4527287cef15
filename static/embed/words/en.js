/**
 * English: what an embedded chat says of its own.
 * @module
 */

import { count } from "../../page/words.js";

/** @type {import("../words.js").EmbedWords} */
export const words = {
  chat: (room) => `Chat in #${room}`,
  open: "Open the chat",
  unread: (unread) => count(unread, { one: "# unread message", other: "# unread messages" }),
  close: "Close the chat",
  page: "Open on a page of its own",
  enter: "Start chatting",
  foreign: "The chat can’t be used on this page.",
};
