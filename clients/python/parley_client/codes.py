"""What each close code asks of a client (docs/protocol.md), and which errors pass by themselves."""

import enum

from .protocol import CloseCode, ErrorCode

LOST = 1006  # a connection that ended without a word
BUFFERED = "buffered"  # an event stream of which nothing came


class AfterClose(enum.Enum):
    """What a client does after a close."""

    STAY = "stays away and shows the reason"
    RETURN = "comes back, by `reconnect` or with full jitter"
    LATER = "comes back too, but gives the other side seconds rather than milliseconds"
    TICKET = "comes back at once with a new ticket; if that is refused as well, like RETURN"


_RULES: dict[int | str, AfterClose] = {
    CloseCode.NORMAL: AfterClose.STAY,
    CloseCode.PROTOCOL_ERROR: AfterClose.STAY,
    CloseCode.UNSUPPORTED_DATA: AfterClose.STAY,
    CloseCode.INVALID_PAYLOAD: AfterClose.STAY,
    CloseCode.POLICY_VIOLATION: AfterClose.STAY,
    CloseCode.TOO_BIG: AfterClose.STAY,
    CloseCode.RESTART: AfterClose.RETURN,
    CloseCode.TRY_AGAIN_LATER: AfterClose.LATER,
    CloseCode.UNAUTHENTICATED: AfterClose.TICKET,
    CloseCode.REMOVED: AfterClose.STAY,
    CloseCode.NO_PONG: AfterClose.RETURN,
    CloseCode.TOO_SLOW: AfterClose.RETURN,
    CloseCode.TOO_MANY: AfterClose.LATER,
}

PASSING = frozenset({ErrorCode.RATE_LIMITED.value, ErrorCode.UNAVAILABLE.value})
"""Codes of `error` frames after which the same request may be sent again. All others are final."""


def after_close(code: int | str) -> AfterClose:
    """Codes that the contract doesn't list come from proxies and networks: nobody asked us to stay away."""
    return _RULES.get(code, AfterClose.RETURN)
