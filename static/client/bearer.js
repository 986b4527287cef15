/**
 * For WebSockets that take headers: the user's token goes with the handshake itself, and no ticket is asked for.
 * @module
 */

import { Tickets } from "./tickets.js";

/** @typedef {string | (() => string | Promise<string>)} Token a user's token, or what fetches a fresh one */

export class BearerTickets extends Tickets {
  #token;

  /** @param {ConstructorParameters<typeof Tickets>[0] & {token: Token}} options */
  constructor(options) {
    super(options);
    this.#token = options.token;
  }

  /**
   * After a refusal a ticket is asked for: its answer says why, and whether to try again.
   * @type {Tickets["offer"]}
   */
  async offer(ticket, refused) {
    if (ticket !== undefined || refused) return super.offer(ticket);
    // All of them take this form; older versions of ws then offer no subprotocol, which the service doesn't need.
    return { protocols: ["chat.v1"], headers: { Authorization: `Bearer ${await this.fresh(this.#token)}` } };
  }
}
