/**
 * Arabic: what an embedded chat says of its own.
 * @module
 */

import { count } from "../../page/words.js";

/** @type {import("../words.js").EmbedWords} */
export const words = {
  chat: (room) => `محادثة في \u2068#${room}\u2069`,
  open: "فتح المحادثة",
  unread: (unread) =>
    count(unread, {
      one: "رسالة واحدة غير مقروءة",
      two: "رسالتان غير مقروءتين",
      few: "# رسائل غير مقروءة",
      many: "# رسالة غير مقروءة",
      other: "# رسالة غير مقروءة",
    }),
  close: "إغلاق المحادثة",
  page: "فتح في صفحة مستقلة",
  enter: "بدء المحادثة",
  foreign: "لا يمكن استخدام المحادثة في هذه الصفحة.",
};
