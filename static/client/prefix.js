/**
 * What a service's keys in a storage begin with.
 * @module
 */

/**
 * A page may have chats of several services, and what is one's, a guest's token or a message that waits, is no other's.
 * On a service's own pages it is what it always was.
 * @param {string | URL} url where the service is
 */
export function prefixOf(url) {
  const { origin } = new URL(url);
  return origin === globalThis.location?.origin ? "parley" : `parley.${origin}`;
}
