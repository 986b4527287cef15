"""What processes share, as three contracts: `log`, `presence`, `directory`. Whoever needs one of them takes that one.

Every awaitable of theirs raises `RequestError` `unavailable` while the broker is away, at once and without queueing; a
call that was under way when it went away raises the same and may or may not have taken effect. Publishing again under
the same user and id is safe: it is deduplicated.
"""

import abc

from service.protocol import ErrorCode, RequestError

RETRY_AFTER = 1.0  # seconds: what `unavailable` tells a client to wait; reconnecting takes about as long


def unavailable(message: str = "the broker is away; the message was not stored") -> RequestError:
    return RequestError(ErrorCode.UNAVAILABLE, message, RETRY_AFTER)


class Part(abc.ABC):
    """What the three contracts have in common."""

    @property
    @abc.abstractmethod
    def available(self) -> bool:
        """Whether the broker answers right now, and what it tells arrives: readiness."""
