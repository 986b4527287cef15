"""Unix time that a step of the machine's clock doesn't move.

A wall clock may be set back, or a year ahead, and back again ten seconds later. What this process does on the wall
clock's word (stamping messages, letting tokens run out, forgetting old rooms) follows `now`, which goes on by the
monotonic clock and takes a step over only once it has stood for `BELIEVED` seconds. Small corrections are followed at
once. Nothing that can't be undone is done before `steady` says so. Waiting and rates use `time.monotonic` instead.
"""

import logging
import time
from collections.abc import Callable

from service.logs import fields

logger = logging.getLogger(__name__)

SLEW = 2.0  # seconds that a correction may move the clock at once; more is a step
STEADY = 600.0  # seconds without a step, before anything is deleted because it is old or its time is over
BELIEVED = 60.0  # seconds for which a step must stand before it is taken over


def _elapsed() -> float:
    """Seconds since some moment, a suspended machine's sleep included, where the system can tell."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clock:
    """`wall` gives Unix time and `elapsed` time that no one sets, both in seconds."""

    def __init__(self, wall: Callable[[], float] = time.time, elapsed: Callable[[], float] = _elapsed) -> None:
        self._wall = wall
        self._elapsed = elapsed
        began = elapsed()
        self._offset = wall() - began
        self._stepped_at: float | None = None  # when the wall clock was first seen elsewhere
        self._steady_since = began

    def now(self) -> float:
        """Unix time in seconds."""
        elapsed = self._elapsed()
        ahead = self._wall() - (elapsed + self._offset)
        if abs(ahead) <= SLEW:
            self._offset += ahead
            if self._stepped_at is not None:
                seconds = elapsed - self._stepped_at
                logger.warning("the clock is back after %.0f s", seconds, extra=fields("clock_back", seconds=seconds))
                self._stepped_at, self._steady_since = None, elapsed
        elif self._stepped_at is None:
            self._stepped_at = elapsed
            extra = fields("clock_stepped", seconds=ahead)
            logger.warning("the clock stepped by %+.0f s; going on by the time as it was", ahead, extra=extra)
        elif elapsed - self._stepped_at > BELIEVED:
            self._offset += ahead
            self._stepped_at, self._steady_since = None, elapsed
            extra = fields("clock_taken_over", seconds=ahead)
            stood = "the clock's step of %+.0f s has stood for %.0f s; it is taken over"
            logger.warning(stood, ahead, BELIEVED, extra=extra)
        return elapsed + self._offset

    def now_ms(self) -> int:
        """The same in whole milliseconds."""
        return int(self.now() * 1000)

    def steady(self, seconds: float) -> bool:
        """Whether the clock was looked at and has not stepped for so long: since the start, or the last step's end."""
        self.now()
        return self._stepped_at is None and self._elapsed() - self._steady_since >= seconds


CLOCK = Clock()
"""This process's."""
