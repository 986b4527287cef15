/**
 * What to do about an error, by its code: the contract's, the HTTP API's, close codes, and this library's own.
 * @module
 */

import { CloseCode } from "./codes.js";

const PROTOCOL = "Update this library: the service and it don't speak the same version.";

/** @type {Record<string | number, string>} */
export const ADVICE = {
  // of frames
  bad_request: "Correct what the message names: sent again as it is, it is refused again.",
  unknown_type: PROTOCOL,
  bad_room: "Rooms have 1 to 64 characters of a-z, 0-9, - and _, the first a letter or a digit.",
  not_joined: "Join the room first.",
  forbidden: "Ask a moderator, or enter with a token that allows it.",
  too_large: "Shorten the text: `limits.text` says how long it may be.",
  too_many_rooms: "Leave a room before you join another.",
  rate_limited: "Wait for `retryAfter` seconds. What is in the outbox is sent again by itself.",
  unavailable: "Wait for `retryAfter` seconds. What is in the outbox is sent again by itself.",
  // of HTTP
  unauthenticated: "Get a new token, best by a function as `token`. Where guests are let in, `name` is enough.",
  name_taken: "Choose another name: somebody who is here has it.",
  not_found: "Check `url`: there is a server, but no chat service.",
  https_required: "Write `url` with https.",
  unreachable: "Check `url` and the network. `open` goes on trying by itself.",
  buffered: "WebSockets are blocked, and a proxy holds answers back: whoever runs it can let /events through unbuffered.",
  // of close codes
  [CloseCode.NORMAL]: "Open it again when you want to be back.",
  [CloseCode.PROTOCOL_ERROR]: PROTOCOL,
  [CloseCode.UNSUPPORTED_DATA]: PROTOCOL,
  [CloseCode.INVALID_PAYLOAD]: PROTOCOL,
  [CloseCode.POLICY_VIOLATION]: "Send less, and look at what is refused: there was too much of either.",
  [CloseCode.TOO_BIG]: "Send less at once: `limits.frame` says how many bytes a frame may have.",
  [CloseCode.REMOVED]: "Ask a moderator: this user was removed or banned.",
  // of this library
  offline: "Await `ready` and ask again.",
  timeout: "Ask again.",
  busy: "Await earlier answers before you ask more.",
  outbox_full: "Await `stored` of earlier entries, or discard some.",
  discarded: "It was taken out of the outbox by `discard`; it may be stored if it had been on its way.",
  left: "Join the room again.",
  closed: "Open the chat again. What is in an outbox with storage is sent by the next one that has it.",
  overflow: "Take values faster, or listen by `on`, and do what takes long elsewhere.",
};

/**
 * The way out of an error: of `ChatError.code`, of `state.code`, of a `refused` or a `problem` event.
 * @param {string | number | null | undefined} code
 * @returns {string} a sentence; empty for a code that isn't known
 */
export const adviceFor = (code) => ADVICE[code ?? ""] ?? "";
