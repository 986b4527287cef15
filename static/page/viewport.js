/**
 * Where the list of messages stands in its frame, and that it stays there.
 *
 * Rows have no known height until they are laid out, and only some of the messages have rows. Above and below them lie
 * two empty spaces, about as high as the rows that are missing. When rows come, go or change, what somebody reads stays
 * in its place: the space above gives way by exactly as much, so that the position of the frame, which the browser may
 * be moving at this moment, isn't touched. Only where the space can't give way is the position set.
 *
 * All is measured right after a layout of the browser's own (a ResizeObserver's call, a scroll event), never after a
 * change of our own, which would make it lay out at once.
 * @module
 */

/** @typedef {{seq: number, y: number}} Place a message in sight, and where its words begin, px from the top of it all */

/**
 * What the list is made of now.
 * @typedef {object} Content
 * @property {number} messages that have rows
 * @property {number} above px of the space above
 * @property {number} below px of the space below
 * @property {number} missing px that the space above should have, by what is known
 * @property {boolean} begins whether nothing is missing above, so that there can be no space
 * @property {boolean} ends whether nothing is missing below
 */

const AT_END_PX = 48;
const MOVED_PX = 2; // whoever moved farther from the end than this wants to stay there
const DRIFT_PX = 4000; // by which the space above may differ from what is missing
const IDLE_MS = 250; // without scrolling: then nobody is moving the frame
const SLACK_PX = 2000; // by which the space below may be too small
const PLACES = 3;
const ENOUGH = 10; // messages, to judge their height by

export class Viewport {
  /** Whether the list follows its end. */
  pinned = true;
  /** Whether the end is in sight, or nearly. */
  atEnd = true;
  /** @type {{first: number, last: number} | null} seqs in sight; null: rows are wanted elsewhere than they are */
  sight = { first: 0, last: 0 };
  /** px a message; a guess until there are some */
  average = 44;
  /** px from the first row down to the upper edge, and from the lower edge down to the last row; below 0: empty space */
  over = 0;
  under = 0;
  /** px of the frame */
  height = 0;

  #frame;
  #above;
  #list;
  #below;
  #beat;
  #nodeOf;
  #changed;
  /** @type {Content} */
  #content = { messages: 0, above: 0, below: 0, missing: 0, begins: true, ends: true };
  #top = 0; // the frame's position when last looked at
  #distance = 0; // px to the end, then
  /** @type {Place[]} */
  #places = [];
  /** @type {{node: HTMLElement, share: number} | null} */
  #goal = null;
  /** @type {number | undefined} */
  #idle;
  #beats = false;
  #due = false; // whether the position is to be set, though no row may have changed

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.frame what scrolls
   * @param {HTMLElement} parts.above
   * @param {HTMLElement} parts.list
   * @param {HTMLElement} parts.below
   * @param {HTMLElement} parts.beat an empty element, resized to be told of the next layout
   * @param {(seq: number) => HTMLElement | undefined} parts.nodeOf a message's row
   * @param {() => void} parts.changed what is in sight may be something else
   */
  constructor({ frame, above, list, below, beat, nodeOf, changed }) {
    this.#frame = frame;
    this.#above = above;
    this.#list = list;
    this.#below = below;
    this.#beat = beat;
    this.#nodeOf = nodeOf;
    this.#changed = changed;
    frame.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    const observer = new ResizeObserver(() => this.#onLayout());
    for (const node of [frame, list, beat]) observer.observe(node);
  }

  /** px of the space above. */
  get above() {
    return this.#content.above;
  }

  /** px from the top of it all to the upper edge. */
  get top() {
    return this.#top;
  }

  /**
   * Rows may have come, gone or changed; what is in sight is put in its place after the next layout.
   * @param {Content} content
   * @param {boolean} changed whether any row did
   */
  arrange(content, changed) {
    const { above, below } = this.#content;
    // The space below moves nothing; while messages come there it need not grow with each.
    if (!content.ends && content.below > below && content.below < below + SLACK_PX) content.below = below;
    this.#content = content;
    if (content.above !== above) this.#above.style.height = `${content.above}px`;
    if (content.below !== below) this.#below.style.height = `${content.below}px`;
    if (!changed && content.above === above && content.below === below && !this.#due) return;
    this.#due = false;
    this.#beats = !this.#beats;
    this.#beat.style.width = this.#beats ? "2px" : "1px";
  }

  /** From now on the end is shown, whatever comes. */
  toEnd() {
    this.#places = [];
    this.#goal = null;
    this.#due = true;
    this.pinned = true;
  }

  /**
   * A row is to stand at a share of the frame's height, or as near to it as the list's ends allow.
   * @param {HTMLElement} node
   * @param {number} share
   */
  aim(node, share) {
    this.#places = [];
    this.#goal = { node, share };
    this.#due = true;
    this.pinned = false;
  }

  /** Nothing that is in sight has to stay there. */
  letGo() {
    this.#places = [];
    this.#due = true;
  }

  /** px of the rows before this one. @param {Element} node */
  heightBefore(node) {
    return node.getBoundingClientRect().top - this.#list.getBoundingClientRect().top;
  }

  // -- after a layout

  #onScroll() {
    const before = this.#top;
    this.#look();
    if (this.#top < before - MOVED_PX && this.#distance > MOVED_PX) this.pinned = false;
    else if (this.atEnd) this.pinned = true;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#rest(), IDLE_MS);
    this.#changed();
  }

  #onLayout() {
    const frame = this.#frame;
    const goal = this.#goal;
    let shift = 0;
    if (goal?.node.isConnected) {
      this.#goal = null;
      const off = goal.node.getBoundingClientRect().top - frame.getBoundingClientRect().top;
      frame.scrollTop += off - goal.share * frame.clientHeight;
    } else if (this.pinned) {
      frame.scrollTop = frame.scrollHeight;
    } else {
      shift = -this.#moved();
      if (shift !== 0 && !this.#canGive(shift)) {
        frame.scrollTop -= shift;
        shift = 0;
      }
    }
    this.#look(shift);
    if (goal) this.pinned = this.atEnd;
    if (shift !== 0) this.#resize(this.#content.above + shift);
    if (this.#isShort) this.#rest();
    this.#changed();
  }

  /** By how many px what was in sight moved down, in the list as a whole. */
  #moved() {
    for (const { seq, y } of this.#places) {
      const node = this.#nodeOf(seq);
      if (node) return this.#yOf(node) - y;
    }
    return 0;
  }

  /**
   * Where a message's own words begin, px from the top of it all: the author's name above them may come and go.
   * @param {HTMLElement} row
   */
  #yOf(row) {
    const words = row.querySelector(".bubble") ?? row;
    return words.getBoundingClientRect().top - this.#frame.getBoundingClientRect().top + this.#frame.scrollTop;
  }

  /** Whether the space above can change by so many px. @param {number} shift */
  #canGive(shift) {
    return !this.#content.begins && this.#content.above + shift >= 0;
  }

  /** @param {number} above px */
  #resize(above) {
    this.#content.above = above;
    this.#above.style.height = `${above}px`;
  }

  /** Whether the top of it all is near, though more should be above. */
  get #isShort() {
    const { begins, missing, above } = this.#content;
    return !begins && !this.pinned && this.#top < this.height && missing - above > this.height;
  }

  /** Make the space above what it should be, where that is far off. */
  #rest() {
    const { begins, missing, above } = this.#content;
    const drift = missing - above;
    if (begins || (Math.abs(drift) < DRIFT_PX && !this.#isShort)) return;
    const top = this.#frame.scrollTop + drift; // read before: a list that gets shorter moves the frame itself
    this.#resize(missing);
    for (const place of this.#places) place.y += drift;
    this.#frame.scrollTop = top;
    this.#top += drift;
  }

  /**
   * Note what is in sight.
   * @param {number} [shift] px by which it is about to move down
   */
  #look(shift = 0) {
    const frame = this.#frame;
    const edge = frame.getBoundingClientRect();
    const list = this.#list.getBoundingClientRect();
    this.#top = frame.scrollTop;
    this.height = frame.clientHeight;
    this.#distance = frame.scrollHeight + shift - this.#top - this.height;
    this.atEnd = this.#content.ends && this.#distance < AT_END_PX;
    this.over = edge.top - list.top - shift;
    this.under = list.bottom + shift - edge.bottom;
    if (this.#content.messages >= ENOUGH) this.average = list.height / this.#content.messages;
    this.#note(edge, shift);
  }

  /**
   * Which messages are in sight, and where.
   * @param {DOMRect} edge the frame's
   * @param {number} shift px by which all rows are about to move down
   */
  #note(edge, shift) {
    const rows = /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#list.children);
    const start = firstBelow(rows, edge.top - shift);
    /** @type {{seq: number, isWhole: boolean}[]} */
    const seen = [];
    let end = start;
    for (; end < rows.length; end += 1) {
      const top = rows[end].getBoundingClientRect().top + shift;
      if (top >= edge.bottom) break;
      const seq = seqOf(rows[end]);
      if (seq > 0) seen.push({ seq, isWhole: top >= edge.top });
    }
    // A row that begins above the edge is kept in its place only if no other can be; where there is none in sight, what
    // comes there is put in its place by the nearest.
    const whole = seen.length > 1 && !seen[0].isWhole ? seen.slice(1) : seen;
    const kept = whole.length > 0 ? whole.slice(0, PLACES).map(({ seq }) => seq) : [beside(rows, start).first];
    this.#places = kept.flatMap((seq) => {
      const node = this.#nodeOf(seq);
      return node ? [{ seq, y: this.#yOf(node) + shift }] : [];
    });
    const [first, last] = [seen[0]?.seq, seen.at(-1)?.seq];
    if (first !== undefined && last !== undefined) this.sight = { first, last };
    else if (end > start || rows.length === 0) this.sight = beside(rows, start);
    else this.sight = null;
  }
}

/** A row's message; 0 where it is none. @param {HTMLElement} row */
const seqOf = (row) => Number(row.dataset.seq ?? 0);

/**
 * The message nearest to a row that is none.
 * @type {(rows: HTMLCollectionOf<HTMLElement>, index: number) => {first: number, last: number}}
 */
function beside(rows, index) {
  const all = [...rows].map(seqOf);
  const seq = all.slice(0, index).findLast(Boolean) ?? all.slice(index).find(Boolean) ?? 0;
  return { first: seq, last: seq };
}

/**
 * The index of the first row whose lower edge is below a line.
 * @type {(rows: HTMLCollectionOf<HTMLElement>, line: number) => number}
 */
function firstBelow(rows, line) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].getBoundingClientRect().bottom > line) high = middle;
    else low = middle + 1;
  }
  return low;
}
