/**
 * Waits between attempts: exponential with full jitter, so that clients cut off together don't come back together.
 * @module
 */

export class Backoff {
  #attempts = 0;
  #first_ms;
  #cap_ms;
  #random;

  /**
   * @param {object} [options]
   * @param {number} [options.first_ms] upper bound of the first wait, ms
   * @param {number} [options.cap_ms] upper bound of every wait, ms
   * @param {() => number} [options.random] from 0 up to, not including, 1
   */
  constructor({ first_ms = 1000, cap_ms = 30_000, random = Math.random } = {}) {
    this.#first_ms = first_ms;
    this.#cap_ms = cap_ms;
    this.#random = random;
  }

  /**
   * The next wait in ms, uniform between 0 and a bound that doubles with every call.
   * @param {number} [least] counts as if at least so many attempts had failed before
   */
  next(least = 0) {
    this.#attempts = Math.max(this.#attempts, least);
    const bound_ms = Math.min(this.#cap_ms, this.#first_ms * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return Math.floor(this.#random() * bound_ms);
  }

  /** The last attempt held: begin again with short waits. */
  reset() {
    this.#attempts = 0;
  }
}
