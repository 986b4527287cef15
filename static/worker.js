/**
 * The service worker: the page opens at once, and without its server. It keeps the files of one release, all together or
 * none (what few want, once they do), and nothing else: no ticket, no answer of the API, nothing of anybody's. What
 * somebody read or wrote is the page's own to keep (page/archive.js, outbox.js). A click on a notification that a page
 * made by it leads into the room.
 *
 * The service puts a line before this text that says which release it is. So each release is another worker: it fetches
 * its own files beside those of the release before, and pages that are opened from then on are its pages. One that is
 * open goes on with the files it came with. docs/operations.md says how to get rid of it.
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** @type {{name: string, files: string[]}} the release's, and what a page of it may ask for */
const { name, files } = Reflect.get(worker, "release");

const PREFIX = "parley-";
const CACHE = PREFIX + name;
const SHELL = "/";
const PAGES = /^\/(?:r\/[a-z0-9][a-z0-9_-]{0,63}(?:\/[1-9][0-9]{0,14})?)?$/;
const MEANT = /^\/r(?:\/+([^/]*)(\/+[1-9][0-9]{0,14})?)?\/*$/i;
const FILES = /^\/static\/v-/;
/** Kept once somebody wants them: they are half of all, and most visits go without. */
const WANTED = /\/(?:icons|vendor\/emoji|page\/(?:emoji|picker|words\/))\b/;
const WORDS = /\/page\/words\/([a-z]+)(?:-later)?\.js$/;

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(forgetOld()));
worker.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== worker.location.origin) return;
  if (mode !== "navigate") {
    if (FILES.test(pathname)) event.respondWith(file(event, pathname));
    return;
  }
  const place = meant(pathname);
  if (place === pathname) event.respondWith(shell(event.request));
  else if (place !== null) event.respondWith(Response.redirect(place));
});
worker.addEventListener("message", (event) => event.waitUntil(keepWords([event.data.language])));
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data.room));
});

/** Fails, and is tried again at the next visit, where a process of another release answers. */
async function install() {
  const page = await fetch(SHELL, { cache: "no-cache" });
  const text = await page.clone().text();
  if (!page.ok || page.redirected || !text.includes(`/static/${name}/`)) throw new Error("another release answers");
  const cache = await caches.open(CACHE);
  await cache.addAll(files.filter((path) => !WANTED.test(path)));
  await keepWords(await languages());
  await cache.put(SHELL, page);
  await worker.skipWaiting();
}

/** What a page may open in: the browser's languages, and those of the releases before. @returns {Promise<string[]>} */
async function languages() {
  const names = (await caches.keys()).filter((key) => key.startsWith(PREFIX));
  const kept = await Promise.all(names.map(async (key) => (await caches.open(key)).keys()));
  const before = kept.flat().flatMap(({ url }) => WORDS.exec(url)?.[1] ?? []);
  const known = files.map((path) => WORDS.exec(path)?.[1]);
  const first = worker.navigator.languages.map((tag) => tag.split("-")[0].toLowerCase()).find((one) => known.includes(one));
  return [...new Set([first ?? "en", ...before])];
}

/** @param {string[]} languages */
async function keepWords(languages) {
  const cache = await caches.open(CACHE);
  await cache.addAll(languages.flatMap((one) => files.filter((path) => WORDS.exec(path)?.[1] === one)));
}

/** All but our own and the newest of the others, whose pages may still be open. */
async function forgetOld() {
  const others = (await caches.keys()).filter((key) => key.startsWith(PREFIX) && key !== CACHE);
  await Promise.all(others.slice(0, -1).map((key) => caches.delete(key)));
}

/**
 * The page's own path for `/r/Lobby`, `/r/%23tea%20time/12` and the like, as the service reads them (service/pages.py).
 * @param {string} path
 * @returns {string | null} null for what can't be one
 */
function meant(path) {
  if (PAGES.test(path)) return path;
  const [is, name = "", message = ""] = MEANT.exec(path) ?? [];
  if (is === undefined) return null;
  try {
    const room = decodeURIComponent(name).trim().replace(/^#/, "").toLowerCase().replaceAll(/\s+/g, "-");
    const place = room ? `/r/${room}${message.replaceAll(/\/+/g, "/")}` : SHELL;
    return PAGES.test(place) ? place : null;
  } catch {
    return null; // no text
  }
}

/** @param {Request} request */
async function shell(request) {
  return (await kept(SHELL, { cacheName: CACHE })) ?? fetch(request);
}

/** @type {(event: FetchEvent, pathname: string) => Promise<Response>} */
async function file(event, pathname) {
  const { request } = event;
  const found = await kept(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok && files.includes(pathname)) event.waitUntil(keep(request, answer.clone()));
  return answer;
}

/** @type {(request: Request, answer: Response) => Promise<void>} */
async function keep(request, answer) {
  const cache = await caches.open(CACHE);
  await cache.put(request, answer).catch(() => {}); // the browser's storage is full: it is fetched again
}

/**
 * What is kept, if that can be read: a browser's broken storage must not keep anybody out.
 * @type {(request: RequestInfo, options?: MultiCacheQueryOptions) => Promise<Response | undefined>}
 */
async function kept(request, options) {
  try {
    return await caches.match(request, options);
  } catch {
    return undefined;
  }
}

/**
 * To the room of which a page told, in a page that is open or else in a new one.
 * @param {string} room
 */
async function lead(room) {
  const open = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = open.find(({ url }) => PAGES.test(new URL(url).pathname));
  if (!page) return worker.clients.openWindow(`/r/${room}`);
  page.postMessage({ room });
  return page.focus();
}
