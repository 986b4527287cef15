/**
 * What is served in the service worker's place with SERVICE_WORKER=0: it replaces whatever worker a browser has, takes
 * away what that one kept, and itself with it. Pages that the old one opened are opened anew, by the service.
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (event) => event.waitUntil(end()));

async function end() {
  for (const key of await caches.keys()) await caches.delete(key);
  const pages = await worker.clients.matchAll({ type: "window" }); // of the old one; others are not among them
  await worker.registration.unregister();
  for (const page of pages) await page.navigate(page.url);
}
