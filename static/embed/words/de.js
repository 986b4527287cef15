/**
 * German: what an embedded chat says of its own.
 * @module
 */

import { count } from "../../page/words.js";

/** @type {import("../words.js").EmbedWords} */
export const words = {
  chat: (room) => `Chat in #${room}`,
  open: "Chat öffnen",
  unread: (unread) => count(unread, { one: "# ungelesene Nachricht", other: "# ungelesene Nachrichten" }),
  close: "Chat schließen",
  page: "Auf einer eigenen Seite öffnen",
  enter: "Chat beginnen",
  foreign: "Der Chat kann auf dieser Seite nicht benutzt werden.",
};
