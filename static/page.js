/**
 * The chat page: an entrance, and behind it the conversation.
 * @module
 */

// First: it takes a token out of the address.
import { identity, ways } from "./page/identity.js";
import { placeOf } from "./page/address.js";
import { Conversation, FIRST_ROOM } from "./page/conversation.js";
import { Entrance } from "./page/entrance.js";
import "./page/language.js";
import { loadHands, loadParser } from "./page/later.js";
import "./page/looks.js";
import { speech } from "./page/speech.js";
import { store } from "./page/store.js";
import { learn, words } from "./page/words.js";

/** @import { Complaint } from "./page/entrance.js" */

/** @type {Conversation | null} */
let conversation = null;

/** @type {Entrance} */
let entrance;

/** Nothing is shown before there are words for it. */
async function start() {
  await learn();
  Object.assign(document.documentElement, { lang: speech.language, dir: speech.isRightToLeft ? "rtl" : "ltr" });
  sayShell();
  entrance = new Entrance({
    enter,
    accept: () => {
      identity.accept();
      begin();
    },
    refuse: () => {
      identity.refuse();
      begin();
    },
    signOut: () => conversation?.askToSignOut(),
  });
  begin();
}

/** @type {(name: string, room: string) => Promise<Complaint | null>} */
async function enter(name, room) {
  if (conversation?.isStale) {
    store.name = name;
    location.assign(`/r/${room}`);
    return null;
  }
  const complaint = await conversation?.enter(name, room);
  if (complaint) return complaint;
  entrance.close();
  if (!conversation && !identity.token) identity.becomeGuest();
  conversation ??= new Conversation({ name, room, toEntrance: (why) => entrance.open(why) });
  return null;
}

/** Go in, or ask who it is that wants to. */
function begin() {
  const name = identity.person?.name ?? (ways.guests ? store.name : "");
  const isKnown = identity.stranger === null && (identity.token !== null || name !== "");
  if (isKnown) enter(name, room);
  else entrance.open({ name, room });
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

// What the first view does without is loaded behind it. From the second visit on the page opens at once and without its
// server, where a browser can do that.
const LATER_MS = 2000;
addEventListener("load", () => {
  setTimeout(() => {
    void loadHands();
    void loadParser();
    navigator.serviceWorker?.register("/worker.js").catch(() => {});
  }, LATER_MS);
});

// A page from the browser's cache has let go of its outbox.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

const room = placeOf()?.room ?? FIRST_ROOM;
void start();
