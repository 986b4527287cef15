/**
 * Values that come when they come, for `for await`. From its making on nothing is left out: what isn't taken yet is
 * kept, up to a bound, past which the loop is told instead of anything being dropped in silence.
 * @module
 */

import { Deferred } from "./deferred.js";
import { ChatError } from "./codes.js";

const LIMIT = 10_000; // values that wait to be taken

/**
 * @template T
 * @implements {AsyncIterableIterator<T>}
 */
export class Stream {
  /** @type {T[]} */
  #values = [];
  /** @type {Deferred<IteratorResult<T>>[]} calls of `next` that came before their value */
  #takers = [];
  #ended = false;
  /** @type {Error | null} thrown once, behind the values that came before it */
  #error = null;
  #onEnd;

  /** @param {() => void} onEnd called once, however it ends */
  constructor(onEnd) {
    this.#onEnd = onEnd;
  }

  /** @param {T} value */
  push(value) {
    if (this.#ended) return;
    const taker = this.#takers.shift();
    if (taker) taker.resolve({ value, done: false });
    else if (this.#values.length < LIMIT) this.#values.push(value);
    else this.end(new ChatError("overflow", `${LIMIT} values wait to be taken`));
  }

  /**
   * No more will come.
   * @param {Error} [error] why, where the loop should throw it
   */
  end(error) {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error ?? null;
    this.#onEnd();
    for (const taker of this.#takers.splice(0)) this.#finish(taker);
  }

  /** @returns {Promise<IteratorResult<T>>} */
  next() {
    /** @type {Deferred<IteratorResult<T>>} */
    const taker = new Deferred();
    if (this.#values.length > 0) taker.resolve({ value: /** @type {T} */ (this.#values.shift()), done: false });
    else if (this.#ended) this.#finish(taker);
    else this.#takers.push(taker);
    return taker.promise;
  }

  /** The loop is left. @returns {Promise<IteratorResult<T>>} */
  async return() {
    this.#values = [];
    this.end();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @param {Deferred<IteratorResult<T>>} taker */
  #finish(taker) {
    const error = this.#error;
    this.#error = null;
    if (error) taker.reject(error);
    else taker.resolve({ value: undefined, done: true });
  }
}
