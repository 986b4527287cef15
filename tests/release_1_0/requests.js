/**
 * Requests that are answered once or not at all, matched by `ref`: history, moderation. What must last goes by the
 * outbox instead.
 * @module
 */

const LIMIT = 32;
const TIMEOUT_MS = 15_000;

/** A request was refused (`code` of the contract) or not answered ("offline", "timeout", "busy"). */
export class RequestError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {number} [retryAfter] seconds
   */
  constructor(code, message, retryAfter) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export class Requests {
  #send;
  #count = 0;
  #waiting = new Map();

  /** @param {(frame: object) => boolean} send false if it can't be taken now */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Send a frame with a `ref` of ours.
   * @param {object} frame
   * @returns {Promise<object>} the frame that answers it
   * @throws {RequestError}
   */
  async ask(frame) {
    if (this.#waiting.size >= LIMIT) throw new RequestError("busy", `${LIMIT} requests wait for an answer`);
    const ref = `ask.${(this.#count += 1)}`;
    if (!this.#send({ ...frame, ref })) throw new RequestError("offline", "there is no connection");
    return new Promise((resolve, reject) => {
      const late = () => this.#settle(ref)?.reject(new RequestError("timeout", "the service did not answer"));
      this.#waiting.set(ref, { resolve, reject, timer: setTimeout(late, TIMEOUT_MS) });
    });
  }

  /** Whether `ref` is one of ours that waits. */
  has(ref) {
    return this.#waiting.has(ref);
  }

  /** A frame with a `ref` came. */
  answer(frame) {
    const request = this.#settle(frame.ref);
    if (frame.type !== "error") request?.resolve(frame);
    else request?.reject(new RequestError(frame.code, frame.message, frame.retry_after));
  }

  /** No answer can come any more. */
  fail(code, message) {
    for (const ref of [...this.#waiting.keys()]) this.#settle(ref).reject(new RequestError(code, message));
  }

  #settle(ref) {
    const request = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    clearTimeout(request?.timer);
    return request;
  }
}
