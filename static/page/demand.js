/**
 * What somebody asked for and what is loaded for that.
 * @module
 */

import { loadHands } from "./later.js";
import { toast } from "./status.js";
import { words } from "./words.js";

/**
 * Do something with what is loaded later, or say that it can't be had now.
 * @param {(hands: typeof import("./hands.js")) => void} work
 */
export async function withHands(work) {
  const loaded = await loadHands();
  if (loaded) work(loaded);
  else toast(words.notices.notLoaded);
}
