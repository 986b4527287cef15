/**
 * How times and texts are shown.
 * @module
 */

import { byLocale, relativeDay } from "./words.js";

const clock = byLocale((locale) => new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }));
const whole = byLocale((locale) => new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" }));
const weekday = byLocale((locale) => new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" }));
const year = byLocale((locale) => new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" }));

const DAY_MS = 86_400_000;
const PICTURE = "\\p{Extended_Pictographic}\\uFE0F?\\p{Emoji_Modifier}?";
const EMOJI_ONLY = new RegExp(`^(?:(?:${PICTURE}(?:\\u200D${PICTURE})*|\\p{RI}{2})\\s*){1,3}$`, "u");

/** 14:05. @param {number} at */
export const time = (at) => clock().format(at);

/** The whole date and time, for those who ask. @param {number} at */
export const moment = (at) => whole().format(at);

/** A number that names the local day of `at`. @param {number} at */
export function dayOf(at) {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Today, Yesterday, or the date. @param {number} day as `dayOf` names it */
export function dayName(day) {
  const today = dayOf(Date.now());
  if (day === today) return relativeDay(0);
  if (day === dayOf(today - DAY_MS / 2)) return relativeDay(-1);
  return (today - day < 300 * DAY_MS ? weekday : year)().format(day);
}

// As service/names.py has it: what is drawn as nothing, symbols among it that no property tells.
const SEEN = /[^\s\p{Z}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\u{1D159}\u{13441}\u{13442}\u{16FE4}\uFFF9-\uFFFB]/u;

/** Whether a text shows nothing, which the service takes for an empty one. @param {string} text */
export const isBlank = (text) => !SEEN.test(text);

const clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** How many characters a text has, as they are seen. @param {string} text */
export const characters = (text) => [...clusters.segment(text)].length;

/** Whether a text is one to three emoji and nothing else. @param {string} text */
export const isEmojiOnly = (text) => text.length <= 60 && EMOJI_ONLY.test(text);
