"""service/networks.py: the broker comes to know where this process's guests are, and only theirs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from service import networks
from service.broker import unavailable
from service.networks import Networks

from .brokers import until
from .harness import ChatClient, make_jwt
from .serving import serving


class Notes:
    """Of a broker, what networks.py asks of it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.available = True
        self.refused = 0

    async def note_networks(self, pairs: Sequence[tuple[str, str]]) -> None:
        if ("g-bad", "192.0.2.1") in pairs:
            self.refused += 1
            raise unavailable()
        self.told += pairs


@asynccontextmanager
async def running(notes: Notes) -> AsyncIterator[Networks]:
    kept = Networks(notes)  # type: ignore[arg-type]
    task = asyncio.ensure_future(kept.run())
    try:
        yield kept
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "GATHER", 0.01)


async def test_who_comes_is_told_once() -> None:
    """However many sockets of a guest come from one network."""
    async with running(notes := Notes()) as kept:
        for _ in range(3):
            kept.enter("g-1", "192.0.2.1")
        kept.enter("g-1", "192.0.2.2")
        await until(lambda: notes.told, "told")
        await asyncio.sleep(0.05)
        assert notes.told == [("g-1", "192.0.2.1"), ("g-1", "192.0.2.2")]


async def test_who_is_here_is_told_again_and_who_left_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the broker forgets; and nothing is kept here of who is gone."""
    monkeypatch.setattr(networks, "AGAIN", 0.05)
    async with running(notes := Notes()) as kept:
        kept.enter("g-1", "192.0.2.1")
        kept.enter("g-2", "192.0.2.2")
        await until(lambda: len(notes.told) == 2, "told")
        kept.leave("g-2", "192.0.2.2")
        await until(lambda: notes.told.count(("g-1", "192.0.2.1")) >= 3, "told again")
        assert notes.told.count(("g-2", "192.0.2.2")) <= 2
        kept.leave("g-1", "192.0.2.1")
        kept.leave("g-1", "192.0.2.1")  # once too often does no harm
        assert kept._here == {}


async def test_more_than_one_batch_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd goes in parts."""
    monkeypatch.setattr(networks, "BATCH", 10)
    async with running(notes := Notes()) as kept:
        for number in range(35):
            kept.enter(f"g-{number}", "192.0.2.1")
        await until(lambda: len(notes.told) == 35, "all told")


async def test_the_broker_s_absence_is_waited_for() -> None:
    """Nobody is forgotten meanwhile."""
    notes = Notes()
    notes.available = False
    async with running(notes) as kept:
        kept.enter("g-1", "192.0.2.1")
        await asyncio.sleep(0.05)
        assert notes.told == []
        notes.available = True
        await until(lambda: notes.told == [("g-1", "192.0.2.1")], "told")


async def test_one_who_can_not_be_noted_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the same batch are told with the next round."""
    monkeypatch.setattr(networks, "BATCH", 2)
    async with running(notes := Notes()) as kept:
        for user in ("g-bad", "g-1", "g-2"):
            kept.enter(user, "192.0.2.1")
        await until(lambda: notes.told == [("g-2", "192.0.2.1")], "the next batch")
        assert notes.refused == 1


async def test_only_guests_are_noted(broker_env: dict[str, str]) -> None:
    """Where your own users come from is nobody's business."""
    async with serving(broker_env) as it:
        async with ChatClient.open(it.url, bearer=make_jwt("u-bob", "Bob")), ChatClient.open(it.url, "Ada") as ada:
            guest = ada.user["id"]
            async with asyncio.timeout(5):
                while await it.hub.broker.networks(guest) != ["127.0.0.1"]:
                    await asyncio.sleep(0.01)
            assert await it.hub.broker.networks("u-bob") == []
        assert await it.hub.broker.networks(guest) == ["127.0.0.1"]  # known for a while
        await until(lambda: not it.hub.networks._here, "gone from memory")
