/**
 * What somebody asked for and what is loaded for that.
 * @module
 */

import { loadHands } from "./later.js";
import { toast } from "./status.js";
import { words } from "./words.js";

/** @typedef {(hands: typeof import("./hands.js")) => void} Work */

/** @type {Work | null} what was asked for last, while it can't be done yet */
let wanted = null;

/**
 * Do something with what is loaded later, or say that it can't be had now. Of what is asked for before it is there only
 * the last is done: who presses twice because nothing happens wants it once.
 * @param {Work} work
 */
export async function withHands(work) {
  const isAwaited = wanted !== null;
  wanted = work;
  if (isAwaited) return;
  const loaded = await loadHands();
  const last = wanted;
  wanted = null;
  if (loaded) last(loaded);
  else toast(words.notices.notLoaded);
}
