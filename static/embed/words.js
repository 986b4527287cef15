/**
 * What an embedded chat says beside what the page says, too (static/page/words/).
 * @module
 */

import { count } from "../page/words.js";
import { speech } from "../page/speech.js";

/** @import { Language } from "../page/speech.js" */

/**
 * @typedef {object} EmbedWords
 * @property {(room: string) => string} chat what it is, for screen readers
 * @property {string} open
 * @property {(unread: number) => string} unread
 * @property {string} close
 * @property {string} page a link to the whole page
 * @property {string} enter
 * @property {string} foreign
 */

/** @type {Record<Language, EmbedWords>} */
const WORDS = {
  en: {
    chat: (room) => `Chat in #${room}`,
    open: "Open the chat",
    unread: (unread) => count(unread, { one: "# unread message", other: "# unread messages" }),
    close: "Close the chat",
    page: "Open on a page of its own",
    enter: "Start chatting",
    foreign: "The chat can’t be used on this page.",
  },
  de: {
    chat: (room) => `Chat in #${room}`,
    open: "Chat öffnen",
    unread: (unread) => count(unread, { one: "# ungelesene Nachricht", other: "# ungelesene Nachrichten" }),
    close: "Chat schließen",
    page: "Auf einer eigenen Seite öffnen",
    enter: "Chat beginnen",
    foreign: "Der Chat kann auf dieser Seite nicht benutzt werden.",
  },
  ar: {
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
  },
  ja: {
    chat: (room) => `#${room} のチャット`,
    open: "チャットを開く",
    unread: (unread) => count(unread, { other: "未読メッセージ # 件" }),
    close: "チャットを閉じる",
    page: "専用のページで開く",
    enter: "チャットを始める",
    foreign: "このページではチャットを利用できません。",
  },
};

/** All that there are words of. */
export const LANGUAGES = Object.keys(WORDS);

/** Of the language that is spoken. */
export const embedWords = () => WORDS[speech.language];
