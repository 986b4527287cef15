/**
 * Something that is done again and again while somebody can see the page, one after the other.
 * @module
 */

export class Poll {
  #work;
  #interval_ms;
  #isBusy = false;
  #isWanted = false; // once more, as soon as what is under way is done
  #isOver = false;
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {() => Promise<number>} work gives for how many ms to wait beyond the interval
   * @param {number} interval_ms
   */
  constructor(work, interval_ms) {
    this.#work = work;
    this.#interval_ms = interval_ms;
    document.addEventListener("visibilitychange", this.#onVisibility);
    void this.now();
  }

  /** Do it now. */
  async now() {
    this.#isWanted = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    let wait_ms = 0;
    try {
      while (this.#isWanted && this.#mayRun) {
        this.#isWanted = false;
        wait_ms = await this.#work();
      }
    } finally {
      this.#isBusy = false;
      clearTimeout(this.#timer);
      if (this.#mayRun) this.#timer = setTimeout(() => void this.now(), this.#interval_ms + wait_ms);
    }
  }

  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#onVisibility);
  }

  get #mayRun() {
    return !this.#isOver && !document.hidden;
  }

  #onVisibility = () => {
    clearTimeout(this.#timer);
    if (!document.hidden) void this.now();
  };
}
