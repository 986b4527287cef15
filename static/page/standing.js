/**
 * Where somebody stands: with the service (one machine) and in each room (another), from what the client tells. Pure: no
 * clock and no page; `now` and all times are performance.now's, which nobody sets. docs/page.md has both tables.
 * @module
 */

import { CloseCode } from "../client/codes.js";
import { refusal, words } from "./words.js";

/**
 * @import { LinkState } from "../client/link.js"
 * @import { Action, ErrorCode } from "../client/protocol.js"
 */

/** @typedef {"tryNow" | "tryAgain" | "joinAgain" | "otherName" | "leave" | "signIn"} WayOut what somebody can do about it */

/**
 * How a state is shown.
 * @typedef {object} Shown
 * @property {"quiet" | "wait" | "stop"} kind
 * @property {string} text
 * @property {string} [passing] changes every second: it is seen and not announced
 * @property {WayOut[]} ways
 */

/** States of the connection, with what can be done. */
export const STATES = /** @satisfies {Record<string, WayOut[]>} */ ({
  connecting: [],
  open: [],
  restarting: ["tryNow"],
  unreachable: ["tryNow"],
  buffered: ["tryNow"],
  offline: ["tryNow"],
  full: ["tryNow"],
  crowded: ["tryNow"],
  unavailable: ["tryNow"],
  rateLimited: [],
  nameTaken: ["otherName"],
  removed: ["joinAgain"],
  banned: ["tryAgain"],
  signedOut: ["signIn", "tryAgain"],
  expired: ["signIn", "tryAgain"],
  forbidden: ["tryAgain"],
  ended: ["joinAgain"],
});

/** States of a room that one is in, or wants to be in. */
export const ROOM_STATES = /** @satisfies {Record<string, WayOut[]>} */ ({
  joining: [],
  live: [],
  readOnly: [],
  slowed: [],
  roomBanned: ["tryAgain", "leave"],
  roomForbidden: ["tryAgain", "leave"],
  roomRefused: ["tryAgain", "leave"],
});

/** @typedef {keyof typeof STATES} StateName */
/** @typedef {keyof typeof ROOM_STATES} RoomStateName */

/**
 * @typedef {object} Standing
 * @property {StateName} name
 * @property {number | null} until when it is tried again, or the connection is renewed
 * @property {LinkState["code"]} [code]
 * @property {string} reason the service's words, or a moderator's
 * @property {string | null} room where somebody was removed from; null: from everywhere
 * @property {boolean} wasOpen whether we were in, ever
 * @property {boolean} isOpen whether the connection stands now
 * @property {boolean} hasNetwork what the browser says
 * @property {boolean} hasAccount whether we came in by a token
 * @property {number} restartsUntil until when a service that doesn't answer is one that restarts
 * @property {{action: Action, room: string | null} | null} removal what a moderator did, before the close says why
 */

/**
 * @typedef {{type: "link", link: LinkState}
 *   | {type: "reconnect", in_ms: number}
 *   | {type: "network", online: boolean}
 *   | {type: "account"}
 *   | {type: "removal", action: Action, room: string | null}} Happening
 */

const RESTART_MS = 60_000; // that a restart may take

/** @typedef {[LinkState["code"], StateName][]} ByCode */

/** Why a connection has to wait, by code. */
const WAITS = new Map(/** @type {ByCode} */ ([
  [CloseCode.TRY_AGAIN_LATER, "full"],
  [CloseCode.TOO_MANY, "crowded"],
  ["buffered", "buffered"],
  ["unavailable", "unavailable"],
  ["rate_limited", "rateLimited"],
  ["name_taken", "nameTaken"],
]));

/** Why it ended, by code. */
const ENDS = new Map(/** @type {ByCode} */ ([
  [CloseCode.REMOVED, "removed"],
  ["name_taken", "nameTaken"],
  ["unauthenticated", "signedOut"],
  ["forbidden", "forbidden"],
]));

/** What a closed connection is called in the service's words, where the code alone doesn't say it. */
const BROKER_AWAY = "the broker is away";
const BANNED = /^banned(?:: (.*))?$/s;
const NO_REASON = /^removed by a moderator\b/;

/** @returns {Standing} before anything happened */
export const begun = (hasNetwork = true) => ({
  name: "connecting",
  until: null,
  reason: "",
  room: null,
  wasOpen: false,
  isOpen: false,
  hasNetwork,
  hasAccount: false,
  restartsUntil: -Infinity,
  removal: null,
});

/**
 * Where one stands after something happened.
 * @param {Standing} standing
 * @param {Happening} happening
 * @param {number} now
 * @returns {Standing}
 */
export function after(standing, happening, now) {
  switch (happening.type) {
    case "link":
      return settled(afterLink(standing, happening.link, now), now);
    case "reconnect": {
      const until = now + happening.in_ms;
      return { ...standing, name: "restarting", until, restartsUntil: until + RESTART_MS };
    }
    case "network":
      return settled({ ...standing, hasNetwork: happening.online }, now);
    case "account":
      return { ...standing, hasAccount: true };
    case "removal":
      return { ...standing, removal: happening };
  }
}

/** @type {(standing: Standing, link: LinkState, now: number) => Standing} */
function afterLink(standing, link, now) {
  const { code, reason = "" } = link;
  const isOpen = link.state === "open";
  const plain = { ...standing, isOpen, until: null, reason: "", room: null, code };
  switch (link.state) {
    case "open":
      return { ...plain, name: "open", wasOpen: true, restartsUntil: -Infinity, removal: null };
    case "connecting":
      // An attempt doesn't end the trouble that it is made against.
      return isWait(standing) ? { ...standing, isOpen, until: null } : { ...plain, name: "connecting" };
    case "waiting": {
      const restartsUntil = code === CloseCode.RESTART ? now + RESTART_MS : standing.restartsUntil;
      return { ...plain, name: waitName(standing, code, reason), until: now + (link.retryIn ?? 0), reason, restartsUntil };
    }
    case "stopped":
      return ended(plain, reason);
    case "closed":
      return { ...plain, name: "connecting" };
  }
}

/** @param {Standing} standing */
const isWait = ({ name, isOpen }) => !isOpen && name !== "open" && name !== "connecting" && !ENDED.has(name);

/** @type {Set<StateName>} */
const ENDED = new Set(["removed", "banned", "signedOut", "expired", "forbidden", "ended"]);

/** @type {(standing: Standing, code: LinkState["code"], reason: string) => StateName} */
function waitName({ name }, code, reason) {
  // A WebSocket is tried between two streams that were held back, and comes to nothing, too.
  if (code === 1006 && name === "buffered") return name;
  if (code === CloseCode.TRY_AGAIN_LATER && reason === BROKER_AWAY) return "unavailable";
  return WAITS.get(code) ?? "unreachable";
}

/**
 * It is over until somebody asks for it.
 * @type {(standing: Standing, reason: string) => Standing}
 */
function ended(standing, reason) {
  const { code, removal, hasAccount } = standing;
  const why = ENDS.get(code) ?? "ended";
  const name = why === "signedOut" && hasAccount ? "expired" : why;
  if (name !== "removed" && name !== "forbidden") return { ...standing, name, reason, removal: null };
  const said = BANNED.exec(reason);
  const isBan = said !== null || removal?.action === "ban";
  const words = said ? (said[1] ?? "") : NO_REASON.test(reason) ? "" : reason;
  return { ...standing, name: isBan ? "banned" : name, reason: words, room: removal?.room ?? null, removal: null };
}

/**
 * Who gets no answer is offline if the browser says so, and waits for a restart that was told.
 * @type {(standing: Standing, now: number) => Standing}
 */
function settled(standing, now) {
  const { name, hasNetwork, restartsUntil, isOpen } = standing;
  const silent = name === "unreachable" || name === "offline" || name === "unavailable";
  if (isOpen || !(silent || name === "restarting")) return standing;
  if (!hasNetwork) return { ...standing, name: "offline" };
  if (now < restartsUntil) return { ...standing, name: "restarting" };
  return name === "offline" || name === "restarting" ? { ...standing, name: "unreachable" } : standing;
}

// -- in a room

/**
 * @typedef {object} RoomStanding
 * @property {RoomStateName} name
 * @property {string} reason
 * @property {ErrorCode} [code] of the service's reason; a person's has none
 * @property {number | null} until when it is tried again
 */

/**
 * @typedef {{type: "joined"} | {type: "asked"} | {type: "released"}
 *   | {type: "refused", code: ErrorCode, message: string}
 *   | {type: "held", code: ErrorCode, retryIn: number}} RoomHappening
 */

/** @returns {RoomStanding} */
export const joining = () => ({ name: "joining", reason: "", until: null });

/**
 * @param {RoomStanding} standing
 * @param {RoomHappening} happening
 * @param {number} now
 * @returns {RoomStanding}
 */
export function afterInRoom(standing, happening, now) {
  switch (happening.type) {
    case "asked":
      return joining();
    case "joined":
      return { name: "live", reason: "", until: null };
    case "released":
      return isOut(standing) || standing.name === "joining" ? standing : { name: "live", reason: "", until: null };
    case "held":
      if (isOut(standing)) return standing;
      return { name: happening.code === "unavailable" ? "readOnly" : "slowed", reason: "", until: now + happening.retryIn };
    case "refused":
      return refused(happening.code, happening.message);
  }
}

/** @type {(code: ErrorCode, message: string) => RoomStanding} */
function refused(code, message) {
  const ban = BANNED.exec(message);
  if (ban) return { name: "roomBanned", reason: ban[1] ?? "", until: null };
  return { name: code === "forbidden" ? "roomForbidden" : "roomRefused", reason: message, code, until: null };
}

/** Whether one can't be in the room: nothing new comes, and nothing can be said. @param {RoomStanding} standing */
export const isOut = ({ name }) => name === "roomBanned" || name === "roomForbidden" || name === "roomRefused";

// -- in words

/**
 * What is said of the connection; null where nothing need be.
 * @param {Standing} standing
 * @param {number} now
 * @returns {Shown | null}
 */
export function shown(standing, now) {
  const { name, until, isOpen, code, reason, room } = standing;
  const says = words.standing;
  if (name === "open") return null;
  if (name === "connecting") return { kind: "quiet", text: says.connecting, ways: [] };
  if (isOpen) return { kind: "quiet", text: says.restarting, passing: says.back(secondsTo(until, now)), ways: [] };
  if (!ENDED.has(name)) {
    const text = says[/** @type {"full"} */ (name)];
    return { kind: "wait", text, passing: says.again(secondsTo(until, now)), ways: STATES[name] };
  }
  const why = reason ? refusal(reason) : "";
  return { kind: "stop", text: ending(name, code, room, why), ways: STATES[name] };
}

/** @type {(name: StateName, code: LinkState["code"], room: string | null, why: string) => string} */
function ending(name, code, room, why) {
  const says = words.standing;
  if (name === "removed") return says.removed(room, why);
  if (name === "banned") return says.banned(room, why);
  if (name === "signedOut" || name === "expired") return says[name];
  if (name === "forbidden") return says.forbidden(why);
  if (code === CloseCode.POLICY_VIOLATION) return says.tooManyErrors(why);
  if (code === CloseCode.TOO_BIG) return says.tooBig;
  return says.ended(why);
}

/**
 * What is said of the room that is looked at, while the connection stands.
 * @param {string} room
 * @param {RoomStanding} standing
 * @param {number} now
 * @returns {Shown | null}
 */
export function shownInRoom(room, { name, reason, code, until }, now) {
  const says = words.standing;
  const why = reason ? refusal(reason, code) : "";
  switch (name) {
    case "joining":
    case "live":
      return null;
    case "readOnly":
      return { kind: "wait", text: says.readOnly, passing: says.again(secondsTo(until, now)), ways: [] };
    case "slowed":
      return { kind: "quiet", text: says.slowed, passing: says.again(secondsTo(until, now)), ways: [] };
    case "roomBanned":
      return { kind: "stop", text: says.banned(room, why), ways: ROOM_STATES.roomBanned };
    case "roomForbidden":
      return { kind: "stop", text: says.roomForbidden(room), ways: ROOM_STATES.roomForbidden };
    case "roomRefused":
      return { kind: "stop", text: says.roomRefused(room, why), ways: ROOM_STATES.roomRefused };
  }
}

/** Whole seconds, or null once the time has come. @type {(until: number | null, now: number) => number | null} */
const secondsTo = (until, now) => (until === null || until <= now ? null : Math.ceil((until - now) / 1000));
