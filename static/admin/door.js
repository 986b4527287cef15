/**
 * Whose token the operator's page has. Importing this module takes one out of the address, so the page does that before
 * all else. It is kept as long as the tab (sessionStorage; without that as long as the page), apart from the chat's.
 * @module
 */

import { session } from "../page/store.js";
import { fromAddress } from "../page/token.js";

const TOKEN = "parley.admin.token";

const { signIn } = document.documentElement.dataset;

export const door = {
  /** @type {string | null} */
  token: session?.getItem(TOKEN) ?? null,

  /** Whether there is a place where one signs in. */
  canSignIn: signIn !== undefined,

  /** Take the token out of the address; whether there was one. */
  take() {
    const came = fromAddress();
    if (came === null) return false;
    door.token = came;
    try {
      session?.setItem(TOKEN, came);
    } catch {
      // full: it is forgotten with the page
    }
    return true;
  },

  drop() {
    door.token = null;
    session?.removeItem(TOKEN);
  },

  /** Go where one signs in. That leads back here. */
  signIn() {
    const address = new URL(signIn ?? "", location.origin);
    address.searchParams.set("return", location.origin + location.pathname);
    location.assign(address.href);
  },
};

door.take();
