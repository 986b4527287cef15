/**
 * Requests that are answered once or not at all, matched by `ref`: history, moderation. What must last goes by the
 * outbox instead.
 * @module
 */

import { ChatError } from "./codes.js";

/** @import { ClientFrame, ErrorCode, History, Moderate, ServerFrame } from "./protocol.js" */

const LIMIT = 32;
const TIMEOUT_MS = 15_000;

/**
 * A request was refused (`code` of the contract) or not answered ("offline", "timeout", "busy").
 * @extends {ChatError<ErrorCode | "offline" | "timeout" | "busy">}
 */
export class RequestError extends ChatError {
  /**
   * @param {ErrorCode | "offline" | "timeout" | "busy"} code
   * @param {string} message
   * @param {number} [retryAfter] seconds
   */
  constructor(code, message, retryAfter) {
    super(code, message, "RequestError");
    this.retryAfter = retryAfter;
  }
}

export class Requests {
  #send;
  #count = 0;
  /** @type {Map<string, {resolve: (frame: ServerFrame) => void, reject: (error: Error) => void, timer: number}>} */
  #waiting = new Map();

  /** @param {(frame: ClientFrame) => boolean} send false if it can't be taken now */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Send a frame with a `ref` of ours.
   * @param {History | Moderate} frame
   * @returns {Promise<ServerFrame>} the frame that answers it
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

  /**
   * Whether `ref` is one of ours that waits.
   * @param {string | undefined} ref
   */
  has(ref) {
    return ref !== undefined && this.#waiting.has(ref);
  }

  /**
   * A frame with a `ref` came.
   * @param {string} ref
   * @param {ServerFrame} frame
   */
  answer(ref, frame) {
    const request = this.#settle(ref);
    if (frame.type !== "error") request?.resolve(frame);
    else request?.reject(new RequestError(frame.code, frame.message, frame.retry_after));
  }

  /** No answer can come any more: the connection was lost. */
  fail() {
    const lost = new RequestError("offline", "the connection was lost");
    for (const ref of [...this.#waiting.keys()]) this.#settle(ref)?.reject(lost);
  }

  /** @param {string} ref */
  #settle(ref) {
    const request = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    clearTimeout(request?.timer);
    return request;
  }
}
