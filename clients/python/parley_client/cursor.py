"""Where we stand in one room: the last durable event seen, and whether what comes now follows it."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Literal, NamedTuple

from .protocol import Begun, Event, Join, Joined, Since, Topic, TopicEvent

EVENTS = ["topic"]
"""Kinds that we know beyond those that every client knows."""

_joins = itertools.count(1)


class Loss(NamedTuple):
    """Everything after seq `after` is missing, and why."""

    reason: str
    after: int


class RoomCursor:
    """`to_send`: joined only to send what waits for this room, so nothing of it is told."""

    def __init__(self, room: str, limit: int, since: Since | None = None, to_send: bool = False) -> None:
        """`limit`: messages that a fresh join brings."""
        self.room = room
        self.to_send = to_send
        self.live = False  # whether `joined` has come on this connection, so that events count
        self.since = since
        self.topic: Topic | None = None
        self.begun: Begun | None = None
        self.ref: str | None = None  # of the join under way
        self.held = False  # whether we wait: the service asked to, or the connection takes no more
        self.held_by: str | None = None  # what the service last refused for now, with nothing taken since
        self._limit = limit
        self._lost: Loss | None = None  # what `reset` took, until the next `joined`
        self._deadline: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None

    def request(self) -> Join:
        """The `join` to send now. Until it is answered nothing of the room counts."""
        self.interrupt()
        self.ref = f"join.{next(_joins)}"
        return Join(room=self.room, limit=self._limit, since=self.since, events=EVENTS, ref=self.ref)

    def joined(self, frame: Joined) -> Loss | None:
        """What is missing, but for the frame's own messages."""
        self.calm()
        self.live = True
        self.topic, self.begun = frame.topic, frame.begun
        lost, self._lost = self._lost, None
        if not frame.resumed:
            if self.since is not None:
                lost = Loss("trimmed" if self.since.epoch == frame.epoch else "epoch", self.since.seq)
            self.since = Since(frame.epoch, frame.seq)
        return lost

    def step(self, seq: int) -> Literal["next", "repeat", "hole"]:
        """A durable event came. Only the next one counts."""
        if self.since is None or seq > self.since.seq + 1:
            return "hole"
        if seq <= self.since.seq:
            return "repeat"
        self.since = Since(self.since.epoch, seq)
        return "next"

    def learn(self, event: Event) -> None:
        """What the next event says of the room as a whole. `joined` may have said what a later one says again."""
        if event.seq == 1:
            self.begun = Begun(event.user, event.at)
        if isinstance(event, TopicEvent) and event.seq >= (self.topic.seq if self.topic else 0):
            self.topic = Topic(event.text, event.user, event.at, event.seq) if event.text else None

    def reset(self, reason: str) -> None:
        """The service can't go on from where we stand."""
        if self.since is not None:
            self._lost = Loss(reason, self.since.seq)
        self.since = None
        self.interrupt()

    def interrupt(self) -> None:
        """Nothing of this room counts any more until the next `joined`."""
        self.live = False
        self.calm()
        if self._pause is not None:
            self._pause.cancel()
        self.held = False

    def expect(self, seconds: float, late: Callable[[], None]) -> None:
        """Call `late` unless the answer (`calm`) comes in time."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, late)

    def calm(self) -> None:
        """The answer came."""
        self.ref = None
        if self._deadline is not None:
            self._deadline.cancel()

    def hold(self, seconds: float, resume: Callable[[], None]) -> None:
        """Ask nothing of this room for so long, then call `resume`."""
        self.held = True
        if self._pause is not None:
            self._pause.cancel()

        def over() -> None:
            self.held = False
            resume()

        self._pause = asyncio.get_running_loop().call_later(seconds, over)
