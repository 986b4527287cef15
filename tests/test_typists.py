"""service/rooms/typists.py: who types is gathered, bounded, and left out of rooms where it would be for too many."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import metrics, signals
from service.protocol import MEMBERS_LIMIT, Person
from service.rooms.rooms import Rooms
from service.rooms.typists import Typists
from service.signals import TYPISTS_LIMIT

from .brokers import ADA, BOB, until
from .metrics import total

PEOPLE = [Person(f"u{number}", f"User {number}") for number in range(TYPISTS_LIMIT + 5)]


class Process:
    """Typists on a broker that keeps its signals."""

    def __init__(self) -> None:
        self.signals: list[tuple[str, Any]] = []
        self.shown: list[tuple[str, list[Person]]] = []
        self.size = 2
        self.typists = Typists(self, self.size_of, lambda *shown: self.shown.append(shown), 0.02)  # type: ignore[arg-type]

    def size_of(self, room: str) -> int:
        return self.size if room == "lobby" else 2

    def signal(self, room: str, payload: bytes) -> None:
        self.signals.append((room, json.loads(payload)))


@asynccontextmanager
async def process() -> AsyncIterator[Process]:
    made = Process()
    running = asyncio.ensure_future(made.typists.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def signal(*people: Person) -> bytes:
    return json.dumps({"kind": "typing", "users": [{"id": one.id, "name": one.name} for one in people]}).encode()


async def test_a_moment_s_typists_are_one_signal_a_room() -> None:
    """Each user once, however often they were noted; and nothing is left for the next moment."""
    async with process() as it:
        for person in (ADA, BOB, ADA):
            it.typists.note("lobby", person)
        it.typists.note("tea", ADA)
        await until(lambda: len(it.signals) == 2, "both rooms")
        told = {room: [user["id"] for user in payload["users"]] for room, payload in it.signals}
        assert told == {"lobby": [ADA.id, BOB.id], "tea": [ADA.id]}
        await asyncio.sleep(0.06)
        assert len(it.signals) == 2


async def test_a_crowd_s_typing_is_bounded() -> None:
    """The first few are told."""
    async with process() as it:
        for person in PEOPLE:
            it.typists.note("lobby", person)
        await until(lambda: it.signals, "the signal")
        ((_, payload),) = it.signals
        assert [user["id"] for user in payload["users"]] == [person.id for person in PEOPLE[:TYPISTS_LIMIT]]


@pytest.mark.parametrize(("size", "told"), [(MEMBERS_LIMIT, True), (MEMBERS_LIMIT + 1, False)])
async def test_a_large_room_is_told_nothing(size: int, told: bool) -> None:
    """Neither by this process nor, when another one thinks it smaller, on this one."""
    async with process() as it:
        it.size = size
        for room in ("lobby", "tea"):
            it.typists.note(room, ADA)
        await until(lambda: "tea" in [room for room, _ in it.signals], "told of both, or of the other alone")
        assert ("lobby" in [room for room, _ in it.signals]) is told
        it.typists.on_signal("lobby", signals.Typing(users=[ADA]))
        assert bool(it.shown) is told


@pytest.mark.parametrize(
    "payload",
    [
        b'{"kind":"typing"}',
        b'{"kind":"typing","users":{}}',
        b'{"kind":"typing","users":[{"id":"u1"}]}',
        b'{"kind":"typing","users":[{"id":"","name":"Ada"}]}',
        b'{"kind":"typing","users":[{"id":"%s","name":"Ada"}]}' % (b"x" * 129),
        b'{"kind":"typing","users":[{"id":"u1","name":"%s"}]}' % (b"x" * 129),
        signal(*PEOPLE),
    ],
)
async def test_what_no_process_of_ours_sends_is_garbage(payload: bytes) -> None:
    """Its kinds and its sizes; shown to nobody."""
    async with process() as it:
        rooms = Rooms(it)  # type: ignore[arg-type]
        rooms.handlers[signals.Typing] = it.typists.on_signal
        before = total(metrics.GARBAGE)
        rooms.on_signal("lobby", payload)
        assert total(metrics.GARBAGE) == before + 1
        rooms.on_signal("lobby", signal(ADA))
        assert it.shown == [("lobby", [ADA])]


async def test_who_said_it_is_not_told_of_afterwards() -> None:
    """Gathered before the message and told after it, they would seem to type on."""
    async with process() as it:
        it.typists.note("lobby", ADA)
        it.typists.note("lobby", BOB)
        it.typists.note("tea", ADA)
        it.typists.done("lobby", ADA.id)
        it.typists.done("tea", ADA.id)
        it.typists.done("nowhere", ADA.id)
        await until(lambda: it.signals, "the room")
        await asyncio.sleep(0.06)
        told = {room: [user["id"] for user in payload["users"]] for room, payload in it.signals}
        assert told == {"lobby": [BOB.id]}
