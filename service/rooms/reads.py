"""What people have read: one seq for each user and room, kept by the broker, told to the room, gathered."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from service import signals, telemetry
from service.brokers.base import Unavailable
from service.brokers.directory import Directory
from service.protocol import MEMBERS_LIMIT, Person, ReadFrame, RequestError

READS_GATHER = 0.5  # seconds


class ReadPositions:
    """`mark` is called at will; `run` tells the broker now and then. A position only ever moves forward."""

    def __init__(
        self,
        directory: Directory,
        size: Callable[[str], int],
        show: Callable[[str, list[ReadFrame]], None],
        show_own: Callable[[str, list[ReadFrame]], None],
        gather: float = READS_GATHER,
    ) -> None:
        """`size`: how many are in a room. `show` shows frames to its members here, `show_own` each to its user only."""
        self._directory = directory
        self._size = size
        self._show = show
        self._show_own = show_own
        self._gather = gather
        self._marks: dict[str, dict[str, int]] = {}
        self._followers: dict[str, list[dict[str, int]]] = {}

    def mark(self, room: str, user: str, seq: int) -> None:
        """The user has read up to `seq`."""
        marks = self._marks.setdefault(room, {})
        marks[user] = max(seq, marks.get(user, 0))

    async def run(self) -> None:
        """Tell the broker. What it could not be told is told again."""
        while True:
            await asyncio.sleep(self._gather)
            for room, marks in list(self._marks.items()):
                del self._marks[room]
                try:
                    await self._directory.mark_read(room, marks)
                except RequestError:
                    for user, seq in marks.items():
                        self.mark(room, user, seq)
                    if not self._directory.available:
                        break
                except Exception as error:  # noqa: BLE001 (whatever the room holds, the others' are told)
                    telemetry.damaged("reads", f"the reads of {room}", error)

    @contextmanager
    def following(self, room: str) -> Iterator[dict[str, int]]:
        """The positions that move in a room meanwhile, for whoever waits to be told of all: users to seqs."""
        moved: dict[str, int] = {}
        followers = self._followers.setdefault(room, [])
        followers.append(moved)
        try:
            yield moved
        finally:
            self._followers[room] = [follower for follower in self._followers[room] if follower is not moved]
            if not self._followers[room]:
                del self._followers[room]

    async def of(self, room: str, members: Iterable[Person]) -> dict[str, int]:
        """What these people have read, where they have read anything."""
        return await self._directory.reads(room, [person.id for person in members])

    async def unread(self, user: str, choose: Callable[[list[str]], list[str]] = list) -> dict[str, int]:
        """How much is unread in each room that the user has read something in; nothing while the broker is away.

        `choose` is given these rooms and says which are to be counted; what it raises is raised.
        """
        try:
            return await self._directory.unread(user, choose)
        except Unavailable:
            return {}

    def on_signal(self, room: str, moved: signals.Read) -> None:
        """The broker's word on whose position moved."""
        for follower in self._followers.get(room, ()):
            follower |= {user: seq for user, seq in moved.reads.items() if seq > follower.get(user, 0)}
        frames = [ReadFrame(room=room, user=user, seq=seq) for user, seq in moved.reads.items()]
        # Where nobody can see who read what, each of 2,500 readers would cost all others a frame.
        show = self._show if self._size(room) <= MEMBERS_LIMIT else self._show_own
        show(room, frames)
