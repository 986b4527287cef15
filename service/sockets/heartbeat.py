"""The periodic callback: pings in slices, silent peers closed, stuck readers closed; and timers for tokens that expire.

Heroku's router cuts after 55 s without a byte; a ping every 25 s keeps a socket open and shows a peer that is gone. A
wheel of slots spreads 10,000 pings evenly (100 each quarter second) and costs no task and no timer per socket.

All of this goes by the monotonic clock. When a token runs out is read off the wall clock once, at its admission.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from tornado.ioloop import PeriodicCallback

from service import metrics
from service.clock import CLOCK, Clock
from service.protocol import CloseCode
from service.sockets.connection import Connection

TICK = 0.25  # seconds


class Peer(Protocol):
    """A socket that is kept alive."""

    connection: Connection | None
    beat_slot: int

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close with a code and a reason."""


class Heartbeat:
    """`add` what shall be kept alive, `discard` it when it is closed; nothing else refers to it from here."""

    def __init__(
        self,
        interval: float,
        timeout: float,
        unsent_deadline: float,
        *,
        clock: Clock = CLOCK,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """All in seconds: from one ping to the next, for its answer, and for a byte to be taken by who is stuck."""
        self.interval = interval
        self._timeout = timeout
        self._unsent_deadline = unsent_deadline
        self._clock = clock
        self._monotonic = monotonic
        self._slots: list[dict[Peer, None]] = [{} for _ in range(max(1, round(interval / TICK)))]
        self._turn = 0
        self._last = self._ticked = monotonic()
        self._pinged: deque[tuple[float, Peer]] = deque()  # in the order of their pings
        self._stuck: dict[Peer, None] = {}
        self._expiries: dict[Peer, asyncio.TimerHandle] = {}
        self._callback = PeriodicCallback(self.tick, TICK * 1000)

    def start(self) -> None:
        self._callback.start()

    def stop(self) -> None:
        self._callback.stop()

    def add(self, peer: Peer) -> None:
        """Ping `peer` from one interval after now."""
        peer.beat_slot = self._turn
        self._slots[self._turn][peer] = None

    def discard(self, peer: Peer) -> None:
        self._slots[peer.beat_slot].pop(peer, None)
        self._stuck.pop(peer, None)
        self.cancel_expiry(peer)

    def watch(self, peer: Peer) -> None:
        """`peer` takes no more bytes for now: close it 4413 after the deadline without progress."""
        self._stuck[peer] = None

    def unwatch(self, peer: Peer) -> None:
        """It takes bytes again."""
        self._stuck.pop(peer, None)

    def expire(self, peer: Peer, at: float) -> None:
        """Close `peer` 4401 at `at` (Unix time, seconds) and not at what was said before, unless that is cancelled.

        However the wall clock steps meanwhile: the time until then is counted off monotonically.
        """
        self.cancel_expiry(peer)
        seconds = max(0.0, at - self._clock.now())
        self._expiries[peer] = asyncio.get_running_loop().call_later(seconds, self._expired, peer)

    def cancel_expiry(self, peer: Peer) -> None:
        """Undo `expire`."""
        timer = self._expiries.pop(peer, None)
        if timer is not None:
            timer.cancel()

    def _expired(self, peer: Peer) -> None:
        del self._expiries[peer]
        peer.close(CloseCode.UNAUTHENTICATED, "the token ran out")

    def tick(self) -> None:
        """One step of the wheel, or as many as the time that went by asks for (a stalled loop catches up)."""
        now = self._monotonic()
        metrics.LOOP_LAG.observe(max(0.0, now - self._ticked - TICK))
        self._ticked = now
        for _ in range(min(len(self._slots), int((now - self._last) / TICK + 0.5))):
            self._last += TICK
            self._turn = (self._turn + 1) % len(self._slots)
            for peer in list(self._slots[self._turn]):
                self._beat(peer, now)
        if now - self._last > len(self._slots) * TICK:  # the machine slept
            self._last = now
        self._close_silent(now)
        self._close_stuck(now)

    def _beat(self, peer: Peer, now: float) -> None:
        connection = peer.connection
        if connection is None:
            return
        if connection.unsent_bytes:
            self.watch(peer)
        else:
            connection.write_ping()
            self._pinged.append((now, peer))

    def _close_stuck(self, now: float) -> None:
        for peer in list(self._stuck):
            connection = peer.connection
            if connection is None or not connection.unsent_bytes:
                del self._stuck[peer]
            elif now - connection.progress_at > self._unsent_deadline:
                peer.close(CloseCode.TOO_SLOW, "too slow for too long")

    def _close_silent(self, now: float) -> None:
        while self._pinged and self._pinged[0][0] + self._timeout <= now:
            pinged_at, peer = self._pinged.popleft()
            connection = peer.connection
            # Not those with unsent bytes: they may be slow, not gone, and have a deadline of their own.
            if connection is not None and connection.heard_at < pinged_at and not connection.unsent_bytes:
                peer.close(CloseCode.NO_PONG, "no answer to a ping")
