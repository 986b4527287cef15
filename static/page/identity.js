/**
 * Who comes in with an account: the bearer of a token, which stands behind `#token=` in the page's address when somebody
 * comes from where they signed in. Importing this module takes it out of there, so the page imports it before all else.
 *
 * The token is kept as long as the tab (sessionStorage), and sent nowhere but in the header of requests to the service.
 * A link with a token could make anybody somebody else: where that is not what they asked for, and the browser knows
 * them, they are asked.
 * @module
 */

import { session, store } from "./store.js";
import { claimsOf, fromAddress, personOf } from "./token.js";

const TOKEN = "parley.token";
const OFFERED = "parley.token.offered";
const ASKED = "parley.signing-in";

const { guests, signIn } = document.documentElement.dataset;

/** Who may come in, and how, as the service says. */
export const ways = { guests: guests !== "0", signIn: signIn ?? null };

class Identity {
  /** @type {string | null} of the account that we are in with */
  token = session?.getItem(TOKEN) ?? null;
  /** @type {string | null} one that somebody else's link may have brought */
  offered = null;

  constructor() {
    const asked = session?.getItem(ASKED) === "1";
    const came = fromAddress() ?? session?.getItem(OFFERED) ?? null;
    for (const key of [ASKED, OFFERED]) session?.removeItem(key);
    if (came !== null && (asked || this.#isExpected(came))) this.#take(came);
    else this.offered = came;
    addEventListener("hashchange", () => this.#onHash());
  }

  /** Whose the token is, by its own word: the service's comes with `welcome`. */
  get person() {
    return this.token === null ? null : personOf(this.token);
  }

  /** Whether it opens some rooms alone. */
  get isLimited() {
    return this.token !== null && Array.isArray(claimsOf(this.token).rooms);
  }

  /** Whose the offered one is. */
  get stranger() {
    return this.offered === null ? null : personOf(this.offered);
  }

  /** Be whom the link is for. */
  accept() {
    if (this.offered !== null) this.#take(this.offered);
    this.offered = null;
  }

  /** Stay who we are. */
  refuse() {
    this.offered = null;
  }

  /**
   * Go where one signs in. That leads back to the room.
   * @param {string} room
   */
  signIn(room) {
    if (ways.signIn === null) return;
    session?.setItem(ASKED, "1");
    const address = new URL(ways.signIn, location.origin);
    address.searchParams.set("return", `${location.origin}/r/${room}`);
    location.assign(address.href);
  }

  /** The service doesn't take the token any more. */
  drop() {
    this.token = null;
    session?.removeItem(TOKEN);
    store.nameTab("");
  }

  /**
   * Nothing of who we are stays in this browser, and our other tabs leave as well.
   * @param {string | null} id ours, where it is known
   */
  signOut(id) {
    this.drop();
    store.forget();
    if (id !== null) store.tellOut(id);
  }

  /** A guest comes in: what is kept here of somebody with an account is none of theirs. */
  becomeGuest() {
    this.drop();
    if (store.owner) store.forget();
  }

  /** @param {string} token */
  #isExpected(token) {
    const { id } = personOf(token);
    const known = this.person?.id ?? (store.owner || store.name);
    return !known || known === id;
  }

  /** @param {string} token */
  #take(token) {
    const { id } = personOf(token);
    if (store.owner && store.owner !== id) store.forget();
    store.nameTab("");
    store.name = ""; // the guest we were, who would be back with the next tab
    this.token = token;
    session?.setItem(TOKEN, token);
    store.owner = id;
  }

  /** A link was followed inside of the page. */
  #onHash() {
    const token = fromAddress();
    if (token === null || session === null) return;
    session.setItem(OFFERED, token);
    location.reload();
  }
}

export const identity = new Identity();
