/**
 * What the operator's page asks the service for, by the library's HTTP.
 * @module
 */

import { RequestError } from "../client/requests.js";
import { HttpError, Tickets } from "../client/tickets.js";

/**
 * @import { Action, ErrorCode, ListedRoom, Message, Moderate, Moderated, Person } from "../client/protocol.js"
 * @import { Figures } from "./figures.js"
 */

/** @typedef {{user: Person, everywhere: boolean, at: number, version: string, figures: Figures | null}} State */
/** @typedef {{kind: "ban" | "mute" | "slow", room: string | null, user: string, network: boolean, until: number | null, by: string, reason: string}} Held */
/** @typedef {{id: string, at: number, action: Action | "remove", by: Person, user: Person, room: string | null, seconds: number | null, reason: string, network: boolean, seq: number | null}} Deed */
/** @typedef {{count: number, members: Person[]}} Members */
/** @typedef {{messages: Message[], more: boolean}} Messages */

const SANCTIONS = 200; // shown at most
const MEMBERS = 100;
const MESSAGES = 50;

export class Service {
  #tickets;
  #token;

  /** @param {string} token */
  constructor(token) {
    this.#token = token;
    this.#tickets = new Tickets({ url: location.origin, token });
  }

  /** @returns {Promise<State>} */
  state = () => this.#get("admin/state");

  /** @returns {Promise<ListedRoom[]>} */
  rooms = async () => /** @type {{rooms: ListedRoom[]}} */ (await this.#get("rooms")).rooms;

  /** @returns {Promise<Held[]>} */
  sanctions = async () => /** @type {{sanctions: Held[]}} */ (await this.#get(`moderation?limit=${SANCTIONS}`)).sanctions;

  /** @type {(limit: number) => Promise<{deeds: Deed[], next: string | null}>} the newest */
  trail = (limit) => this.#get(`moderation/trail?limit=${limit}`);

  /** @type {(room: string) => Promise<Members>} */
  members = (room) => this.#get(`rooms/${room}/members?limit=${MEMBERS}`);

  /** @type {(room: string) => Promise<Messages>} nothing, where the room has no history yet */
  messages = async (room) => {
    try {
      return await this.#get(`rooms/${room}/messages?limit=${MESSAGES}`);
    } catch (error) {
      if (error instanceof HttpError && error.status === 404) return { messages: [], more: false };
      throw error;
    }
  };

  /** As on the socket. @type {(order: Omit<Moderate, "type" | "ref">) => Promise<Moderated>} */
  moderate = (order) => this.#asked("POST", "moderation", order);

  /** @type {(room: string, seq: number) => Promise<unknown>} */
  remove = (room, seq) => this.#asked("DELETE", `rooms/${room}/messages/${seq}`);

  /**
   * @template T
   * @param {string} path
   * @returns {Promise<T>}
   */
  async #get(path) {
    return /** @type {T} */ (await this.#ask("GET", path));
  }

  /**
   * What somebody asked for: the error says why not, in the contract's words.
   * @template T
   * @param {"POST" | "DELETE"} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<T>}
   */
  async #asked(method, path, body) {
    try {
      return /** @type {T} */ (await this.#ask(method, path, body));
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      const code = error.status === 0 ? "offline" : /** @type {ErrorCode} */ (error.code);
      throw new RequestError(code, error.message, error.retryAfter);
    }
  }

  /** @type {(method: "GET" | "POST" | "DELETE", path: string, body?: object) => Promise<unknown>} */
  async #ask(method, path, body) {
    await this.#tickets.fresh(this.#token);
    return this.#tickets.ask(method, path, body);
  }
}
