"""What clients do wrong, for the log: one line a kind and minute, with how many it stands for."""

import asyncio
import logging

from msgspec import Struct

from service.logs import REQUEST_ID, fields

logger = logging.getLogger(__name__)

SAMPLES_GATHER = 1.0  # seconds from the first of a kind to its line: what comes in one burst is one line
INTERVAL = 60.0  # seconds from one line of a kind to its next
SAMPLE_KINDS_LIMIT = 200  # kinds that are told apart; others are one
_OTHERS = "others"


class _Kind(Struct):
    count: int
    since: float
    user: str | None
    network: str | None
    room: str | None
    request_id: str | None


class Samples:
    """Counts refusals by kind ("token", "rate", "ban") and reason. Who, and where from, is said of the last of them."""

    def __init__(
        self, gather: float = SAMPLES_GATHER, interval: float = INTERVAL, kinds_limit: int = SAMPLE_KINDS_LIMIT
    ) -> None:
        """Times in seconds."""
        self._gather = gather
        self._interval = interval
        self._kinds_limit = kinds_limit
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def note(
        self, kind: str, reason: str, *, user: str | None = None, network: str | None = None, room: str | None = None
    ) -> None:
        """One more. `reason` is one of a few sentences, without anything of the client's."""
        found = self._kinds.get((kind, reason))
        if found is None:
            if len(self._kinds) >= self._kinds_limit and reason != _OTHERS:
                self.note(kind, _OTHERS, user=user, network=network, room=room)
                return
            loop = asyncio.get_running_loop()
            found = self._kinds[kind, reason] = _Kind(0, loop.time(), None, None, None, None)
            loop.call_later(self._gather, self._due, kind, reason)
        found.count += 1
        found.user, found.network, found.room = user, network, room
        found.request_id = REQUEST_ID.get() or None

    def _due(self, kind: str, reason: str) -> None:
        """Say it, and once more after a while if there are more by then; else it is forgotten."""
        found = self._kinds.get((kind, reason))
        if found is None:  # flushed
            return
        if found.count == 0:
            del self._kinds[kind, reason]
            return
        self._say(kind, reason, found)
        asyncio.get_running_loop().call_later(self._interval, self._due, kind, reason)

    def _say(self, kind: str, reason: str, found: _Kind) -> None:
        now = asyncio.get_running_loop().time()
        extra = fields(
            "refused",
            kind=kind,
            reason=reason,
            count=found.count,
            seconds=now - found.since,
            user=found.user,
            network=found.network,
            room=found.room,
            request_id=found.request_id,
        )
        logger.info("refused %d times (%s): %s", found.count, kind, reason, extra=extra)
        found.count, found.since = 0, now

    def flush(self) -> None:
        """Say what is counted by now: the end of the process."""
        kinds, self._kinds = self._kinds, {}
        for (kind, reason), found in kinds.items():
            if found.count:
                self._say(kind, reason, found)


SAMPLES = Samples()
