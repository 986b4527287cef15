/**
 * A promise that is settled from elsewhere. Nobody has to look at it: a rejection that nobody awaits is no event of the
 * platform's.
 * @module
 */

/** @template T */
export class Deferred {
  /** Whether it has its value or its error. */
  settled = false;
  /** @type {(value: T) => void} */
  #resolve = () => {};
  /** @type {(error: Error) => void} */
  #reject = () => {};

  constructor() {
    /** @type {Promise<T>} */
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => {});
  }

  /** @param {T} value */
  resolve(value) {
    this.settled = true;
    this.#resolve(value);
  }

  /** @param {Error} error */
  reject(error) {
    this.settled = true;
    this.#reject(error);
  }
}
