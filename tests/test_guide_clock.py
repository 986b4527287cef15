"""service/guides/clock.py: the clocks of the guides."""

import asyncio
import gc
import re
import time
from datetime import UTC, datetime

import pytest
from tornado.ioloop import PeriodicCallback

from service.guides import clock as guide_clock
from service.guides.session import GuideSession
from service.sockets.connection import Connection

from .brokers import until
from .guides import heard
from .harness import UNIT
from .serving import alive, serving


async def test_the_clock_tells_the_time_once_a_second() -> None:
    """A JSON string at once and then again and again; what is sent to it is ignored."""
    async with serving() as it, it.socket("/clock") as clock:
        await clock.send("what time is it?")
        first = await heard(clock)
        began = time.monotonic()
        second = await heard(clock)
        assert 0.5 < time.monotonic() - began < 2 * UNIT
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first)
        assert abs(time.time() - datetime.fromisoformat(second).timestamp()) < 2 and first < second


async def test_a_clock_that_is_gone_ticks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its timer goes with the socket."""
    tickers: list[PeriodicCallback] = []

    class Ticker(PeriodicCallback):
        def start(self) -> None:
            tickers.append(self)
            super().start()

    monkeypatch.setattr(guide_clock, "PeriodicCallback", Ticker)
    async with serving() as it:
        async with it.socket("/clock") as clock:
            await heard(clock)
            assert [ticker.is_running() for ticker in tickers] == [True]
        await until(lambda: it.node.admission.connections == 0, "counted out")
        assert [ticker.is_running() for ticker in tickers] == [False]


@pytest.mark.parametrize("path", ["/clock", "/receive", "/submit", "/ws", "/room/chat?username=Ada"])
async def test_nothing_of_a_guide_s_session_lives_on(path: str) -> None:
    """The clocks' and the chats': freed by their counts of references, with their connections."""
    async with serving() as it:
        gc.collect()
        gc.disable()
        try:
            before = alive(GuideSession, Connection)
            async with it.socket(path):
                await until(lambda: alive(GuideSession, Connection) == before + 2, "both made")
            await until(lambda: alive(GuideSession, Connection) == before, "both freed")
        finally:
            gc.enable()


async def test_the_root_may_be_the_clock() -> None:
    """ROOT_SOCKET=clock, for the examples that open `/` and wait for the time; `GUESTS=0` doesn't matter to it."""
    async with serving({"ROOT_SOCKET": "clock", "GUESTS": "0"}) as it, it.socket("/") as clock:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", await heard(clock))
        await heard(clock)


async def test_plays_clock_is_bare_text() -> None:
    """`yyyy-MM-dd HH:mm:ss`, no JSON."""
    async with serving() as it, it.socket("/pingWs") as clock:
        for _ in range(2):
            async with asyncio.timeout(5 * UNIT):
                told = await clock.recv()
            told_at = datetime.strptime(str(told), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            assert abs(time.time() - told_at.timestamp()) < 2
