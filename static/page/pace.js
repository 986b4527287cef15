/**
 * Work that need not follow each event: nobody could read what changes fifty times a second.
 * @module
 */

const DRAW_MS = 16; // between two drawings: who is shown to type, and what they wrote a moment later, follow each other
const RUSH_MS = 100; // of many in a row: what comes so fast can't be followed, and a frame costs more than its rows
const SLOWING = 1.5; // times as long from one drawing to the next, until then
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
  #pause = DRAW_MS; // until the next drawing may be
  /** @type {(() => void) | null} stops what is planned */
  #cancel = null;

  /** @param {() => void} work */
  constructor(work) {
    this.#work = work;
  }

  soon() {
    if (this.#cancel) return;
    const since = performance.now() - this.#last;
    this.#pause = since > RUSH_MS ? DRAW_MS : Math.min(RUSH_MS, this.#pause * SLOWING);
    const wait = this.#pause - since;
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
    this.#last = performance.now();
    this.#work();
  }
}
