/**
 * A token of somebody's own sign-in: out of the page's address, and what it says.
 * @module
 */

/** @import { Person } from "../client/protocol.js" */

/** The token in the page's address, which has none from then on. */
export function fromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return token || null;
}

/**
 * Whose it is, by its own word.
 * @param {string} token
 * @returns {Person}
 */
export function personOf(token) {
  const { sub = "", name, preferred_username: preferred } = claimsOf(token);
  return { id: String(sub), name: String(name || preferred || sub) };
}

/**
 * What a token says; nothing, where it is none: the service will say what it thinks of it.
 * @param {string} token
 * @returns {Record<string, unknown>}
 */
export function claimsOf(token) {
  try {
    const payload = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(payload, (character) => character.charCodeAt(0));
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
}
