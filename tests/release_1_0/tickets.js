/**
 * Tickets for the socket, by `POST /tickets`: for a guest by name, or for the bearer of a token.
 * @module
 */

const TIMEOUT_MS = 10_000;

/** Statuses after which asking again with the same words is in vain. 404 is not among them: a deploy may be under way. */
const FINAL = new Set([400, 401, 403, 409, 413]);

/** A ticket (or another answer) that was refused. `status` is 0 when nobody answered. */
export class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} code the contract's error code, or "unreachable"
   * @param {string} message
   * @param {number} [retryAfter] seconds
   */
  constructor(status, code, message, retryAfter = 0) {
    super(message);
    this.name = "HttpError";
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether asking again is in vain. */
  get final() {
    return FINAL.has(this.status);
  }
}

export class Tickets {
  /** The name a guest asks for; set it and reconnect to be called otherwise. */
  name;

  #base;
  #token;
  #storage;
  #fetch;
  #key;
  #guest = null;
  #current = null;

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
   * When the user's token runs out, Unix time in ms; null for guests and for tokens that don't say. The token is the
   * service's to check: here it only says when to renew.
   */
  get expiresAt() {
    try {
      const payload = this.#current.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      const { exp } = JSON.parse(atob(payload));
      return typeof exp === "number" ? exp * 1000 : null;
    } catch {
      return null;
    }
  }

  /** Whether a new token can be had: only then is there anything to renew. */
  get renewable() {
    return typeof this.#token === "function";
  }

  /**
   * A new ticket, and whose it is.
   * @returns {Promise<{ticket: string, user: {id: string, name: string}}>}
   * @throws {HttpError}
   */
  async get() {
    if (this.#token !== undefined) {
      this.#current = await this.#fresh();
      return this.#request("POST", "tickets", {}, this.#current);
    }
    // Another tab's newer guest would make this one somebody else in the middle of a conversation: our own comes first.
    const guest = this.#guest ?? this.#load();
    const answer = await this.#request("POST", "tickets", guest ? { name: this.name, guest } : { name: this.name });
    if (answer.guest) {
      this.#guest = answer.guest;
      this.#save(answer.guest);
    }
    return answer;
  }

  /**
   * A GET of the API as this user; null where the service has nothing at that path.
   * @param {string} path
   * @throws {HttpError}
   */
  async read(path) {
    try {
      return await this.#request("GET", path, undefined, this.#current ?? this.#guest ?? this.#load());
    } catch (error) {
      if (error instanceof HttpError && error.status === 404) return null;
      throw error;
    }
  }

  async #fresh() {
    try {
      return typeof this.#token === "function" ? await this.#token() : this.#token;
    } catch (error) {
      throw new HttpError(0, "unreachable", `no token: ${error?.message ?? error}`);
    }
  }

  async #request(method, path, body, bearer) {
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
      if (response === undefined || response.ok) throw new HttpError(0, "unreachable", String(error?.message ?? error));
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

  #save(guest) {
    try {
      this.#storage?.setItem(this.#key, guest);
    } catch {
      // full or switched off: the same
    }
  }
}
