/**
 * What is unread, on the page's sign: the dot of a tab's icon, and the number on that of an installed app.
 * @module
 */

let drawn = "";

/** @type {(news: {unread: number, mentions: number}) => void} */
export function showBadge({ unread, mentions }) {
  const kind = mentions > 0 ? "mentions" : unread > 0 ? "unread" : "plain";
  const number = mentions || unread;
  if (drawn === `${kind} ${number}`) return;
  drawn = `${kind} ${number}`;
  const link = document.querySelector("link[rel=icon]");
  if (link instanceof HTMLLinkElement) {
    link.dataset.plain ??= link.getAttribute("href") ?? "";
    link.href = link.dataset[kind] ?? "";
  }
  if (number > 0) navigator.setAppBadge?.(number).catch(() => {});
  else navigator.clearAppBadge?.().catch(() => {});
}
