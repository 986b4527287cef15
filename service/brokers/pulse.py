"""Whether this process can tell who is dead: it was itself there, and the broker's clock went as ours. No I/O."""

import logging

from service.brokers.presence import PROCESS_TTL
from service.clock import SLEW
from service.logs import fields

logger = logging.getLogger(__name__)

DRIFT = 0.0005  # seconds by which what is known of the broker's clock grows less certain from one beat to the next


class Pulse:
    """The beats of this process. Times are seconds of a clock that nobody sets, `at` the broker's time of day."""

    def __init__(self, ttl: float = PROCESS_TTL) -> None:
        """`ttl`: how long a process lives without a beat. Past half of it between two beats this one was away."""
        self._ttl = ttl
        self._since: float | None = None  # when the row of beats without a gap began
        self._last: tuple[float, float, float] | None = None  # sent, answered, at
        self._ahead: float | None = None  # the broker's time of day less ours
        self._error = 0.0  # by how much that may be wrong

    def lost(self) -> None:
        """A beat failed, or its connection was another: the row ends."""
        self._since = None

    def beat(self, sent: float, answered: float, at: float) -> None:
        """A beat was answered."""
        if self._last is not None:
            last_sent, last_answered, last_at = self._last
            passed = at - last_at
            ahead = max(0.0, passed - (answered - last_sent)) + min(0.0, passed - (sent - last_answered))
            if abs(ahead) > SLEW:
                extra = fields("broker_clock_stepped", seconds=ahead)
                logger.warning("the broker's clock stepped by %+.0f s", ahead, extra=extra)
                self._since = self._ahead = None
            if sent - last_sent > self._ttl / 2:
                self._since = None
        if self._since is None:
            self._since = answered
        self._last = sent, answered, at
        error = (answered - sent) / 2
        if self._ahead is None or error <= self._error:
            self._ahead, self._error = at - sent - error, error
        else:
            self._error += DRIFT

    def now(self, ours: float) -> float | None:
        """The broker's time of day, when it is `ours`, as the quickest of the last beats tells it; None before any."""
        return None if self._ahead is None else ours + self._ahead

    @property
    def steady(self) -> bool:
        """Whether the row of beats is as long as a process lives without one: who is dead now was so all the time."""
        return self._since is not None and self._last is not None and self._last[1] - self._since >= self._ttl

    def agrees(self, now: float, seconds: float) -> bool:
        """Whether the broker's time of day, at the last beat, is that of our own clock, which says `now`, about."""
        return self._last is not None and abs(self._last[2] - now) <= seconds
