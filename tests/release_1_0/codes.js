/**
 * Close codes, what each of them asks of a client, and the errors that sending again does not mend.
 * The contract is docs/protocol.md; a test holds `CloseCode` equal to the service's enum.
 * @module
 */

/** Why the service closed a socket. */
export const CloseCode = Object.freeze({
  NORMAL: 1000,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  INVALID_PAYLOAD: 1007,
  POLICY_VIOLATION: 1008,
  TOO_BIG: 1009,
  RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  UNAUTHENTICATED: 4401,
  REMOVED: 4403,
  NO_PONG: 4408,
  TOO_SLOW: 4413,
  TOO_MANY: 4429,
});

/**
 * What a client does after a close.
 * - `STAY`: stays away and shows the reason.
 * - `RETURN`: comes back, by `reconnect` or with full jitter.
 * - `LATER`: comes back too, but gives the other side seconds rather than milliseconds.
 * - `TICKET`: comes back at once with a new ticket; if that is refused as well, like `RETURN`.
 */
export const AfterClose = Object.freeze({ STAY: "stay", RETURN: "return", LATER: "later", TICKET: "ticket" });

const RULES = new Map([
  [CloseCode.NORMAL, AfterClose.STAY],
  [CloseCode.PROTOCOL_ERROR, AfterClose.STAY],
  [CloseCode.UNSUPPORTED_DATA, AfterClose.STAY],
  [CloseCode.INVALID_PAYLOAD, AfterClose.STAY],
  [CloseCode.POLICY_VIOLATION, AfterClose.STAY],
  [CloseCode.TOO_BIG, AfterClose.STAY],
  [CloseCode.RESTART, AfterClose.RETURN],
  [CloseCode.TRY_AGAIN_LATER, AfterClose.LATER],
  [CloseCode.UNAUTHENTICATED, AfterClose.TICKET],
  [CloseCode.REMOVED, AfterClose.STAY],
  [CloseCode.NO_PONG, AfterClose.RETURN],
  [CloseCode.TOO_SLOW, AfterClose.RETURN],
  [CloseCode.TOO_MANY, AfterClose.LATER],
]);

/**
 * What to do after a close with `code`. Codes the contract does not list come from proxies and from the browser itself
 * (1001, 1005, 1006, 1011): nobody asked us to stay away, so we come back.
 * @param {number} code
 * @returns {string} one of `AfterClose`
 */
export function afterClose(code) {
  return RULES.get(code) ?? AfterClose.RETURN;
}

/** Codes of `error` frames that pass: the same request may be sent again later. All others are final. */
export const PASSING_ERRORS = Object.freeze(["rate_limited", "unavailable"]);
