/**
 * The chat page: an entrance, and behind it the conversation.
 * @module
 */

import { roomOfPath } from "./page/address.js";
import { Conversation, FIRST_ROOM } from "./page/conversation.js";
import { Entrance } from "./page/entrance.js";
import { store } from "./page/store.js";
import { words } from "./page/words.js";

sayShell();

/** @import { Complaint } from "./page/entrance.js" */

/** @type {Conversation | null} */
let conversation = null;

const entrance = new Entrance(enter);

/** @type {(name: string, room: string) => Promise<Complaint | null>} */
async function enter(name, room) {
  const complaint = await conversation?.enter(name, room);
  if (complaint) return complaint;
  entrance.close();
  conversation ??= new Conversation({ name, room, toEntrance: (why) => entrance.open(why) });
  return null;
}

/** Put the words where index.html leaves room for them. */
function sayShell() {
  const shell = /** @type {Record<string, string>} */ (words.shell);
  for (const node of document.querySelectorAll("[data-say], [data-label], [data-title], [data-placeholder]")) {
    const { say, label, title, placeholder } = /** @type {HTMLElement} */ (node).dataset;
    if (say) node.textContent = shell[say];
    if (title) node.setAttribute("title", shell[title]);
    if (label ?? title) node.setAttribute("aria-label", shell[label ?? title ?? ""]);
    if (placeholder) node.setAttribute("placeholder", shell[placeholder]);
  }
}

// From the second visit on it opens at once and without its server, where a browser can do that. The first comes first.
const KEEP_MS = 2000;
addEventListener("load", () => {
  setTimeout(() => navigator.serviceWorker?.register("/worker.js").catch(() => {}), KEEP_MS);
});

// A page from the browser's cache has let go of its outbox.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

const room = roomOfPath() ?? FIRST_ROOM;
if (store.name) enter(store.name, room);
else entrance.open({ name: "", room });
