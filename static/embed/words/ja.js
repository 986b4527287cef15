/**
 * Japanese: what an embedded chat says of its own.
 * @module
 */

import { count } from "../../page/words.js";

/** @type {import("../words.js").EmbedWords} */
export const words = {
  chat: (room) => `#${room} のチャット`,
  open: "チャットを開く",
  unread: (unread) => count(unread, { other: "未読メッセージ # 件" }),
  close: "チャットを閉じる",
  page: "専用のページで開く",
  enter: "チャットを始める",
  foreign: "このページではチャットを利用できません。",
};
