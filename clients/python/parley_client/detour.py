"""Which way the next connection takes: a WebSocket, or an event stream where those are blocked."""

import importlib.util
import logging
from collections.abc import Awaitable, Callable
from typing import Literal

from .connection import Connection, open_websocket
from .tickets import Offer

BLOCKED_AFTER = 2  # connections in a row that came to nothing, though tickets were given
TRIAL = 10.0  # seconds on a stream until a WebSocket is tried again, at least
TRIAL_AGAIN = 300.0  # the same between further ones

Open = Callable[[str, Offer], Awaitable[Connection]]

logger = logging.getLogger(__name__)


class Detour:
    """Goes by what comes of connections. Streams need httpx: where it isn't installed there are WebSockets alone."""

    def __init__(self) -> None:
        self.taken = False
        self._failures = 0

    @property
    def transport(self) -> Literal["events", "websocket"]:
        return "events" if self.taken else "websocket"

    @property
    def doubtful(self) -> bool:
        """Whether the last connection came to nothing. The next asks for a ticket: if it gets one, HTTP passes."""
        return self._failures > 0

    @property
    def way(self) -> Open:
        """What opens the next connection."""
        if not self.taken:
            return open_websocket
        from .eventstream import open_stream

        return open_stream

    def on_failure(self) -> None:
        """One came to nothing. Where streams don't pass either, a WebSocket is as good a guess."""
        self._failures = BLOCKED_AFTER - 1 if self.taken else self._failures + 1
        blocked = self._failures >= BLOCKED_AFTER
        self.taken = blocked and importlib.util.find_spec("httpx") is not None
        if blocked and not self.taken and self._failures == BLOCKED_AFTER:
            logger.warning("WebSockets seem to be blocked; pip install 'parley-client[events]' for a way round")

    def on_open(self) -> None:
        """One came to something."""
        if not self.taken:
            self._failures = 0

    def end(self) -> None:
        """WebSockets pass again."""
        self.taken, self._failures = False, 0
