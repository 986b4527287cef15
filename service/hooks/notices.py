"""What stands in no log (who comes and goes, what moderators do), to the receiver at most once: one attempt each."""

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Container, Sequence
from contextlib import suppress

from service import metrics
from service.clock import CLOCK
from service.hooks import payloads
from service.hooks.receiver import Failed, Receiver
from service.protocol import Moderate, Person

WAITING_NOTICES_LIMIT = 1_000  # that wait for a slow receiver; the oldest go


class Notices:
    """`run` sends what the others are told; it waits in memory, and is gone with the process."""

    def __init__(
        self,
        receiver: Receiver,
        kinds: Container[str],
        rooms: re.Pattern[str],
        waiting_limit: int = WAITING_NOTICES_LIMIT,
    ) -> None:
        self._receiver = receiver
        self._kinds = kinds
        self._rooms = rooms
        self._limit = waiting_limit
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._wake = asyncio.Event()

    def on_presence(self, room: str, joined: Sequence[Person], left: Sequence[str]) -> None:
        """SharedPresence.on_change."""
        if self._rooms.match(room):
            if joined and "join" in self._kinds:
                self._add("join", {"room": room, "users": joined})
            if left and "leave" in self._kinds:
                self._add("leave", {"room": room, "users": left})

    def on_moderated(self, by: str, done: Moderate) -> None:
        """What a moderator did, in a room or everywhere."""
        if "moderation" in self._kinds and (done.room is None or self._rooms.match(done.room)):
            what = {"room": done.room, "user": done.user, "action": done.action, "by": by}
            self._add("moderation", what | {"seconds": done.seconds, "reason": done.reason, "network": done.network})

    def _add(self, kind: str, data: dict[str, object]) -> None:
        if len(self._waiting) >= self._limit:
            self._waiting.popleft()
            metrics.WEBHOOK_FAILURES.labels("dropped").inc()
        self._waiting.append((f"notice.{secrets.token_hex(12)}", payloads.notice(kind, CLOCK.now_ms(), data)))
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.send_waiting()

    async def send_waiting(self) -> None:
        """One after the other; of a receiver that fails the oldest is tried now and then."""
        while self._waiting:
            await self._receiver.backoff.passed()
            id, body = self._waiting.popleft()
            with suppress(Failed):  # counted
                await self._receiver.post("notice", id, body, read=len)
