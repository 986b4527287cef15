"""service/rooms/reads.py: positions are gathered, told to the broker, and shown when it says that they moved."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import metrics, signals
from service.brokers.base import unavailable
from service.brokers.sqlite.broker import SqliteBroker
from service.protocol import MEMBERS_LIMIT, ReadFrame
from service.rooms.reads import ReadPositions
from service.rooms.rooms import Rooms

from .brokers import ADA, BOB, CY, message, store, until
from .members import Reader
from .metrics import total
from .serving import GATHER


class Process:
    def __init__(self) -> None:
        self.broker = SqliteBroker(":memory:", history_limit=100, history_days=1)
        self.rooms = Rooms(self.broker.log)
        self.shown: list[tuple[str, list[ReadFrame]]] = []
        self.own: list[tuple[str, list[ReadFrame]]] = []
        self.size = 2
        self.reads = ReadPositions(
            self.broker.directory,
            lambda room: self.size,
            lambda room, frames: self.shown.append((room, frames)),
            lambda room, frames: self.own.append((room, frames)),
            GATHER,
        )
        self.rooms.handlers[signals.Read] = self.reads.on_signal


@asynccontextmanager
async def process() -> AsyncIterator[Process]:
    """Five events in the lobby, which this process is subscribed to."""
    made = Process()
    await made.broker.open(made.rooms)
    await until(lambda: made.broker.available, "the broker available")
    running = asyncio.ensure_future(made.reads.run())
    try:
        await made.rooms.join("lobby", Reader())
        await store(made.broker, *(message(person=CY) for _ in range(5)))
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.rooms.close()
        await made.broker.close()


async def test_the_furthest_mark_of_a_moment_is_told() -> None:
    """Once, for all users and rooms together, and kept."""
    async with process() as it:
        for seq in (2, 4, 3):
            it.reads.mark("lobby", ADA.id, seq)
        it.reads.mark("lobby", BOB.id, 1)
        await until(lambda: it.shown, "the signal")
        ((room, frames),) = it.shown
        assert (room, {frame.user: frame.seq for frame in frames}) == ("lobby", {ADA.id: 4, BOB.id: 1})
        assert await it.reads.of("lobby", [ADA, BOB]) == {ADA.id: 4, BOB.id: 1}
        assert await it.reads.of("lobby", [BOB]) == {BOB.id: 1}
        assert await it.reads.unread(ADA.id) == {"lobby": 1}


async def test_a_mark_that_moves_nothing_is_not_shown() -> None:
    """A position only ever moves forward."""
    async with process() as it:
        it.reads.mark("lobby", ADA.id, 3)
        await until(lambda: it.shown, "the first")
        it.reads.mark("lobby", ADA.id, 2)
        await asyncio.sleep(3 * GATHER)
        assert len(it.shown) == 1
        assert await it.reads.of("lobby", [ADA]) == {ADA.id: 3}


async def test_what_could_not_be_told_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's absence loses no mark, and an older one takes no newer one's place."""
    async with process() as it:
        attempts = 0

        async def away(room: str, marks: Any) -> None:
            nonlocal attempts
            attempts += 1
            it.reads.mark("lobby", ADA.id, 4)
            raise unavailable()

        with monkeypatch.context() as patch:
            patch.setattr(it.broker.directory, "mark_read", away)
            it.reads.mark("lobby", ADA.id, 3)
            it.reads.mark("lobby", BOB.id, 2)
            await until(lambda: attempts, "an attempt")
        await until(lambda: it.shown, "the signal")
        assert await it.reads.of("lobby", [ADA, BOB]) == {ADA.id: 4, BOB.id: 2}


async def test_in_a_large_room_only_oneself_is_told() -> None:
    """2,500 who read along would each cost all others a frame."""
    async with process() as it:
        it.size = MEMBERS_LIMIT
        it.reads.mark("lobby", ADA.id, 1)
        await until(lambda: it.shown, "told to all")
        it.size = MEMBERS_LIMIT + 1
        it.reads.mark("lobby", ADA.id, 2)
        await until(lambda: it.own, "told to herself")
        assert len(it.shown) == 1
        assert [(frame.user, frame.seq) for _, frames in it.own for frame in frames] == [(ADA.id, 2)]


@pytest.mark.expects_log("damaged record the reads of bad")
async def test_a_room_that_can_not_be_marked_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the broker refuses it or something breaks: the rooms behind it are told."""
    async with process() as it:
        mark_read = it.broker.directory.mark_read

        async def some(room: str, marks: Any) -> None:
            if room == "refused":
                raise unavailable()
            if room == "bad":
                raise ValueError("what is this")
            await mark_read(room, marks)

        monkeypatch.setattr(it.broker.directory, "mark_read", some)
        for room in ("refused", "bad", "lobby"):
            it.reads.mark(room, ADA.id, 2)
        await until(lambda: it.shown, "told")
        it.reads.mark("lobby", ADA.id, 3)
        await until(lambda: len(it.shown) == 2, "told again")


@pytest.mark.parametrize("reads", ["[]", '{"u1":-1}', '{"u1":9007199254740992}', '{"":1}', '{"u1":1.5}'])
async def test_a_signal_that_is_none_is_garbage(reads: str) -> None:
    """Counted and shown to nobody."""
    async with process() as it:
        before = total(metrics.GARBAGE)
        it.rooms.on_signal("lobby", f'{{"kind":"read","reads":{reads}}}'.encode())
        assert total(metrics.GARBAGE) == before + 1 and it.shown == []


async def test_unread_is_nothing_while_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A welcome does not wait for it."""
    async with process() as it:

        async def away(*_: object) -> dict[str, int]:
            raise unavailable()

        monkeypatch.setattr(it.broker.directory, "unread", away)
        assert await it.reads.unread(ADA.id) == {}
