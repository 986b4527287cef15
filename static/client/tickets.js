/**
 * Tickets for the socket, by `POST /tickets`: for a guest by name, or for the bearer of a token.
 * @module
 */

import { ChatError } from "./codes.js";

/** @import { Ticket } from "./protocol.js" */

const TIMEOUT_MS = 10_000;

/** Statuses after which asking again with the same words is in vain. 404 is not among them: a deploy may be under way. */
const FINAL = new Set([400, 401, 403, 409, 413]);

/**
 * A ticket (or another answer) that was refused. `status` is 0 when nobody answered.
 * @extends {ChatError<string>}
 */
export class HttpError extends ChatError {
  /**
   * @param {number} status
   * @param {string} code the contract's error code, or "unreachable"
   * @param {string} message
   * @param {number} [retryAfter] seconds
   */
  constructor(status, code, message, retryAfter = 0) {
    super(code, message, "HttpError");
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether asking again is in vain. */
  get final() {
    return FINAL.has(this.status);
  }
}

/**
 * What was thrown, in words.
 * @param {unknown} error
 */
export const reasonOf = (error) => (error instanceof Error ? error.message : String(error));

export class Tickets {
  /** @type {string | undefined} The name a guest asks for. */
  name;

  #base;
  #token;
  #storage;
  #fetch;
  #key;
  /** @type {string | null} */
  #guest = null;
  /** @type {string | null} */
  #current = null;
  #runsOutAt = NaN; // the token, by performance.now

  /**
   * @param {object} options
   * @param {string | URL} options.url where the service is
   * @param {string} [options.name] a guest's name
   * @param {string | (() => string | Promise<string>)} [options.token] a user's token (JWT), or what fetches one
   * @param {Storage | null} [options.storage] keeps the guest token
   * @param {typeof fetch} [options.fetch]
   * @param {string} [options.prefix] of the storage key
   */
  constructor({ url, name, token, storage = null, fetch = globalThis.fetch, prefix = "parley" }) {
    this.name = name;
    this.#base = new URL(url);
    this.#token = token;
    this.#storage = storage;
    this.#fetch = fetch;
    this.#key = `${prefix}.guest`;
  }

  /**
   * For how many ms the user's token still holds; null for guests and for tokens that don't say. The token is the
   * service's to check: here it only says when to renew.
   */
  get expiresIn() {
    return Number.isNaN(this.#runsOutAt) ? null : this.#runsOutAt - performance.now();
  }

  /** Whether a new token can be had: only then is there anything to renew. */
  get renewable() {
    return typeof this.#token === "function";
  }

  /**
   * What a handshake brings: the second argument of a `WebSocket`. It is given the ticket that is there already, and
   * whether what the last handshake brought was refused. Throws `HttpError`.
   * @type {(ticket?: string, refused?: boolean) => Promise<string[] | object>}
   */
  async offer(ticket) {
    return ["chat.v1", `ticket.${ticket ?? (await this.get()).ticket}`];
  }

  /**
   * A new ticket, and whose it is.
   * @param {string} [name] another one than before, which a guest is called by from then on
   * @returns {Promise<Ticket>}
   * @throws {HttpError}
   */
  async get(name = this.name) {
    if (this.#token !== undefined) return this.#post({}, await this.fresh(this.#token));
    // Another tab's newer guest would make this one somebody else in the middle of a conversation: our own comes first.
    const guest = this.#guest ?? this.#load();
    const answer = await this.#post(guest ? { name, guest } : { name });
    this.name = name;
    if (answer.guest) {
      this.#guest = answer.guest;
      this.#save(answer.guest);
    }
    return answer;
  }

  /**
   * A GET of the API as this user; null where the service has nothing at that path.
   * @param {string} path
   * @returns {Promise<unknown>}
   * @throws {HttpError}
   */
  async read(path) {
    try {
      return await this.ask("GET", path);
    } catch (error) {
      if (error instanceof HttpError && error.status === 404) return null;
      throw error;
    }
  }

  /**
   * Any request of the API as this user.
   * @param {"GET" | "POST" | "DELETE"} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<unknown>} the answer's JSON
   * @throws {HttpError}
   */
  async ask(method, path, body) {
    return this.#request(method, path, body, this.#current ?? this.#guest ?? this.#load());
  }

  /**
   * The user's token as it is now.
   * @param {string | (() => string | Promise<string>)} token or what fetches it
   * @throws {HttpError}
   */
  async fresh(token) {
    try {
      this.#current = typeof token === "function" ? await token() : token;
    } catch (error) {
      throw new HttpError(0, "unreachable", `no token: ${reasonOf(error)}`);
    }
    this.#runsOutAt = performance.now() + lifetime_ms(this.#current);
    return this.#current;
  }

  /**
   * @param {object} body
   * @param {string | null} [bearer]
   */
  async #post(body, bearer) {
    return /** @type {Ticket} */ (await this.#request("POST", "tickets", body, bearer));
  }

  /**
   * @param {"GET" | "POST" | "DELETE"} method
   * @param {string} path
   * @param {object} [body]
   * @param {string | null} [bearer]
   * @returns {Promise<unknown>} the answer's JSON
   * @throws {HttpError}
   */
  async #request(method, path, body, bearer) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    let response;
    let answer;
    try {
      response = await this.#fetch.call(globalThis, new URL(path, this.#base), {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      answer = await response.json();
    } catch (error) {
      if (response === undefined || response.ok) throw new HttpError(0, "unreachable", reasonOf(error));
    }
    if (response.ok) return answer;
    const { code = "error", message = response.statusText || `HTTP ${response.status}` } = answer?.error ?? {};
    const seconds = Number(response.headers.get("Retry-After"));
    throw new HttpError(response.status, code, message, Number.isFinite(seconds) ? seconds : 0);
  }

  #load() {
    try {
      return this.#storage?.getItem(this.#key) ?? null;
    } catch {
      return null; // storage is switched off: a guest for as long as the page lives
    }
  }

  /** @param {string} guest */
  #save(guest) {
    try {
      this.#storage?.setItem(this.#key, guest);
    } catch {
      // full or switched off: the same
    }
  }
}

/**
 * For how long a token that was just made or fetched holds; NaN where it doesn't say. A clock that was set wrong is
 * seen by the token's own `iat`: it holds for no longer than from there.
 * @param {string} token
 */
function lifetime_ms(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { exp, iat } = JSON.parse(atob(payload));
    const left_ms = exp * 1000 - Date.now();
    const whole_ms = (exp - iat) * 1000;
    return left_ms > 0 && !(left_ms > whole_ms) ? left_ms : whole_ms;
  } catch {
    return NaN;
  }
}
