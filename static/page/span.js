/**
 * Which messages of a long list have rows on the page: those in sight and some around them.
 * @module
 */

const LIMIT = 140; // rows on the page, the separators between them not counted
const REACH = 45; // rows beyond those in sight that are made, on either side
const NEAR = 25; // when fewer are left, more are made
const HOLD_LIMIT = 1000; // rows, where none may go
const STEP = 24; // rows made in one frame, as long as what is in sight has its own

/**
 * @typedef {object} Span indices of messages
 * @property {number} from the first
 * @property {number} to behind the last
 */

/**
 * The messages that are to have rows.
 *
 * Rows are added some at a time, long before they come in sight, and taken away in larger numbers, so that most frames
 * of a scrolled list change nothing.
 * @param {Span} span those that have rows now; what is not in the list is cut off
 * @param {Span} sight those in sight
 * @param {number} length of the list
 * @param {boolean} [hold] whether no row may go, because somebody has selected what stands in it
 * @returns {Span}
 */
export function spanFor(span, sight, length, hold = false) {
  const now = { from: clamp(span.from, 0, length), to: clamp(span.to, 0, length) };
  const seen = { from: clamp(sight.from, 0, length), to: clamp(sight.to, 0, length) };
  const reach = Math.min(REACH, Math.max(0, (LIMIT - (seen.to - seen.from)) / 2));
  const [low, high] = [Math.max(0, Math.floor(seen.from - reach)), Math.min(length, Math.ceil(seen.to + reach))];
  const apart = high <= now.from || low >= now.to;
  const kept = hold && Math.max(high, now.to) - Math.min(low, now.from) <= HOLD_LIMIT;
  if (apart && !kept) return { from: low, to: high };
  let { from, to } = now;
  if (seen.from - from < NEAR) from = Math.min(from, Math.max(low, Math.min(seen.from, from - STEP)));
  if (to - seen.to < NEAR) to = Math.max(to, Math.min(high, Math.max(seen.to, to + STEP)));
  if (!kept && to - from > LIMIT) [from, to] = [Math.max(from, low), Math.min(to, high)];
  return { from, to };
}

/** @type {(value: number, low: number, high: number) => number} */
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
