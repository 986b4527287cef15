"""When a frame came: one moment for all that the loop found ready at once, whatever is read of it first."""

import asyncio
import selectors
from time import monotonic


class Arrivals(selectors.DefaultSelector):
    """The selector of a loop, which notes when it found out what is ready.

    Ten sockets with a frame each are read one after the other, in 0.2 to 0.4 ms together: where the clock is asked at
    each, that is counted as the service's. Tornado reads in one turn of the loop and calls back in the next, so the
    moment of what it hands over is `before`, that of the turn before this one; the loop's clock, in seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before = self._now = monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        self.before, self._now = self._now, monotonic()
        return ready

    def loop(self) -> asyncio.AbstractEventLoop:
        """A new loop on it."""
        return asyncio.SelectorEventLoop(self)
