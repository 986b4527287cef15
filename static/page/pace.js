/**
 * Work that need not follow each event: nobody could read what changes fifty times a second.
 * @module
 */

const DRAW_MS = 16; // between two drawings
const RUSH_MS = 100; // likewise, of many in a row: what comes so fast can't be followed, and a frame costs more than its rows
const SPARE = 8; // drawings before they count as many: somebody types, writes, others read and answer
const HIDDEN_MS = 200; // of a page that nobody sees, whose title still counts

/**
 * Calls of it do the work at once, but not more often than each so many ms; what is put off is done once, at the end.
 * @param {number} ms
 * @param {() => void} work
 */
export function paced(ms, work) {
  let last = -Infinity;
  /** @type {number | undefined} */
  let timer;
  const now = () => {
    timer = undefined;
    last = performance.now();
    work();
  };
  return () => {
    if (timer !== undefined) return;
    const wait = last + ms - performance.now();
    if (wait > 0) timer = setTimeout(now, wait);
    else now();
  };
}

/** Draws in a frame of the browser's, once for whatever happened until then. */
export class Drawing {
  #work;
  #last = -Infinity;
  #spare = SPARE; // drawings that were left after the last; each RUSH_MS brings one more
  /** @type {(() => void) | null} stops what is planned */
  #cancel = null;

  /** @param {() => void} work */
  constructor(work) {
    this.#work = work;
  }

  soon() {
    if (this.#cancel) return;
    const since = performance.now() - this.#last;
    const wait = Math.max(DRAW_MS, RUSH_MS * (1 - this.#spare)) - since;
    if (document.hidden) this.#later(HIDDEN_MS, () => this.#now());
    else if (wait > 0) this.#later(wait, () => this.#inFrame());
    else this.#inFrame();
  }

  /** The page was hidden or is seen again: a hidden one has no frames, and a drawing planned for one would never be. */
  restart() {
    this.#cancel?.();
    this.#cancel = null;
    this.soon();
  }

  /** @type {(ms: number, work: () => void) => void} */
  #later(ms, work) {
    const timer = setTimeout(work, ms);
    this.#cancel = () => clearTimeout(timer);
  }

  #inFrame() {
    const frame = requestAnimationFrame(() => this.#now());
    this.#cancel = () => cancelAnimationFrame(frame);
  }

  #now() {
    this.#cancel = null;
    const now = performance.now();
    this.#spare = Math.min(SPARE, this.#spare + (now - this.#last) / RUSH_MS) - 1;
    this.#last = now;
    this.#work();
  }
}
