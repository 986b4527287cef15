"""service/classic.py: what the pages of the WebSocket guides do, frame by frame, on both brokers."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
import websockets
from tornado.ioloop import PeriodicCallback
from websockets.asyncio.client import ClientConnection

from service import classic
from service.broker import unavailable
from service.classic import ReceiveSocket

from .brokers import until
from .harness import UNIT, ChatClient, make_jwt
from .serving import Served, serving

ADA = make_jwt("u-ada", "Ada")


async def heard(socket: ClientConnection) -> Any:
    """What `onmessage` gets, parsed as the guides' pages do: JSON.parse(message.data)."""
    async with asyncio.timeout(5 * UNIT):
        data = await socket.recv()
    assert isinstance(data, str)
    return json.loads(data)


async def say(socket: ClientConnection, handle: str, text: str) -> None:
    """ws.send(JSON.stringify({handle: handle, text: text}))"""
    await socket.send(json.dumps({"handle": handle, "text": text}))


@asynccontextmanager
async def inbox(it: Served, path: str = "/receive") -> AsyncIterator[ClientConnection]:
    """A socket that hears the lobby from now on."""
    async with it.socket(path) as socket:
        await until(lambda: it.hub.relay.taps, "the lobby held")
        yield socket


# -- the guide with an inbox and an outbox


async def test_what_is_submitted_is_received(broker_env: dict[str, str]) -> None:
    """By every inbox, with exactly the two fields that the page shows; the outbox hears nothing."""
    async with serving(broker_env) as it, inbox(it) as one, inbox(it) as two, it.socket("/submit") as outbox:
        await say(outbox, "ada", "<b>hello</b>")
        await say(outbox, "ada", "again")
        for socket in (one, two):
            assert [await heard(socket), await heard(socket)] == [
                {"handle": "ada", "text": "<b>hello</b>"},
                {"handle": "ada", "text": "again"},
            ]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05 * UNIT):
                await outbox.recv()


async def test_an_inbox_says_nothing_and_is_not_listened_to(broker_env: dict[str, str]) -> None:
    """What comes on /receive is of no interest, and no offence."""
    async with serving(broker_env) as it, inbox(it) as socket, it.socket("/submit") as outbox:
        await say(socket, "ada", "into the wrong socket")
        await say(outbox, "ada", "hello")
        assert (await heard(socket))["text"] == "hello"


# -- the guide with one socket on /


async def test_one_socket_for_both_ways(broker_env: dict[str, str]) -> None:
    """`/` with an Upgrade is a socket that speaks and hears, itself included; without one it is the page."""
    async with serving(broker_env) as it, inbox(it, "/") as ada, inbox(it, "/") as bob:
        await say(ada, "ada", "hello")
        assert await heard(ada) == await heard(bob) == {"handle": "ada", "text": "hello"}
        page = await it.fetch("/")
        assert page.code == 200 and page.headers["Content-Type"].startswith("text/html")


# -- the bridge to the chat


async def test_guides_and_chat_hear_each_other(broker_env: dict[str, str]) -> None:
    """In the room `lobby`: a chat's message has its author's name as handle, a guide's handle is a guest's name."""
    async with serving(broker_env) as it, inbox(it, "/") as guide, ChatClient.open(it.url, bearer=ADA) as ada:
        await ada.join("lobby")
        await ada.send("lobby", "from the chat")
        assert await heard(guide) == {"handle": "Ada", "text": "from the chat"}
        await ada.recv("message")
        await say(guide, " grace ", " from a guide ")
        shown = await ada.recv("message")
        assert (shown["text"], shown["user"]["name"], shown["seq"]) == ("from a guide", "grace", 2)
        assert shown["user"]["id"].startswith("g-")
        assert await heard(guide) == {"handle": "grace", "text": "from a guide"}


async def test_one_socket_is_one_guest(broker_env: dict[str, str]) -> None:
    """Whatever handles it uses; another socket is another."""
    async with serving(broker_env) as it, ChatClient.open(it.url, bearer=ADA) as ada:
        await ada.join("lobby")
        async with it.socket("/submit") as one, it.socket("/submit") as two:
            await say(one, "a", "x")
            await say(one, "b", "x")
            await say(two, "a", "x")
            users = [(await ada.recv("message"))["user"]["id"] for _ in range(3)]
        assert len(set(users)) == 2


async def test_guides_know_messages_alone(broker_env: dict[str, str]) -> None:
    """Edits, removals, reactions and other rooms don't reach them."""
    async with serving(broker_env) as it, inbox(it) as guide, ChatClient.open(it.url, bearer=ADA) as ada:
        for room in ("lobby", "other"):
            await ada.join(room)
        await ada.send("other", "elsewhere")
        await ada.send("lobby", "one")
        await ada.request("edit", room="lobby", id="e", target=1, text="uno")
        await ada.request("react", room="lobby", id="r", target=1, emoji="👍")
        await ada.request("remove", room="lobby", id="d", target=1)
        await ada.send("lobby", "two")
        assert [(await heard(guide))["text"] for _ in range(2)] == ["one", "two"]


async def test_the_lobby_is_held_while_somebody_listens(broker_env: dict[str, str]) -> None:
    """By the first inbox until the last has gone, and again by the next."""
    async with serving(broker_env) as it:
        for _ in range(2):
            async with inbox(it) as one, inbox(it):
                await one.close()
                assert "lobby" in it.hub.relay.rooms
            await until(lambda: not it.hub.relay.rooms and not it.hub.relay.taps, "the lobby let go")
        assert not ReceiveSocket.sockets


async def test_the_lobby_is_asked_for_until_the_broker_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inbox that came while it was away hears what is said later."""
    monkeypatch.setattr(classic, "RETRY", 0.02)
    async with serving() as it:
        hold, attempts = it.hub.relay.hold, 0

        async def away(name: str) -> Any:
            nonlocal attempts
            attempts += 1
            if attempts < 3:
                raise unavailable()
            return await hold(name)

        monkeypatch.setattr(it.hub.relay, "hold", away)
        async with inbox(it) as guide, it.socket("/submit") as outbox:
            await say(outbox, "ada", "at last")
            assert (await heard(guide))["text"] == "at last"


# -- what can't be said


@pytest.mark.parametrize(
    "data",
    [
        "",
        "hello",
        "[]",
        '{"handle":"ada"}',
        '{"handle":"","text":"x"}',
        '{"handle":"ada","text":"  "}',
        '{"handle":"ada","text":5}',
        '{"handle":"a\\u202eb","text":"x"}',
        json.dumps({"handle": "ada", "text": "x" * 4001}),
        "[" * 50_000,
    ],
)
async def test_what_can_not_be_said_is_dropped(data: str) -> None:
    """The guides know no errors; the socket stays."""
    async with serving() as it, inbox(it, "/") as guide:
        await guide.send(data)
        await say(guide, "ada", "next")
        assert (await heard(guide))["text"] == "next"


async def test_many_that_say_nothing_are_abuse() -> None:
    """1008, as on the chat's own socket."""
    async with serving() as it, it.socket("/submit") as outbox:
        with pytest.raises(websockets.ConnectionClosed):
            for _ in range(10_000):
                await outbox.send("nonsense")
                await asyncio.sleep(0)
        assert outbox.close_code == 1008


@pytest.mark.parametrize("path", ["/submit", "/"])
async def test_binary_frames_close_1003(path: str) -> None:
    """The guides are text."""
    async with serving() as it, it.socket(path) as guide:
        await guide.send(b"\x00")
        await guide.wait_closed()
        assert guide.close_code == 1003


async def test_guides_have_the_users_rate() -> None:
    """Past SEND_BURST their frames are dropped."""
    async with serving({"SEND_RATE": "0.01", "SEND_BURST": "2"}) as it, inbox(it, "/") as guide:
        for number in range(4):
            await say(guide, "ada", f"{number}")
        assert [(await heard(guide))["text"] for _ in range(2)] == ["0", "1"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05 * UNIT):
                await guide.recv()


async def test_what_the_broker_does_not_take_is_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nobody to tell; the log says so, without the text."""
    async with serving() as it, inbox(it, "/") as guide:
        with monkeypatch.context() as patch, caplog.at_level("INFO"):
            patch.setattr(it.hub.broker, "publish", lambda event, done: done(unavailable()))
            await say(guide, "ada", "lost words")
            await until(lambda: "was not stored" in caplog.text, "the log line")
        assert "lost words" not in caplog.text
        await say(guide, "ada", "next")
        assert (await heard(guide))["text"] == "next"


# -- getting in


@pytest.mark.parametrize("path", ["/receive", "/submit", "/"])
async def test_without_guests_there_are_no_guides(path: str) -> None:
    """GUESTS=0: they have no way to say who they are. The clock tells anybody the time."""
    async with serving({"GUESTS": "0"}) as it:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with it.socket(path):
                pass
        assert caught.value.response.status_code == 403
        async with it.socket("/clock") as clock:
            assert await heard(clock)


@pytest.mark.parametrize("path", ["/receive", "/submit", "/", "/clock"])
async def test_they_count_as_connections(path: str) -> None:
    """CONNECTIONS_LIMIT holds for them too, and each makes room again."""
    async with serving({"CONNECTIONS_LIMIT": "1"}) as it:
        async with it.socket(path), it.socket(path) as second:
            await second.wait_closed()
            assert second.close_code == 1013
        await until(lambda: it.hub.connections == 0, "counted out")
        async with it.socket(path):
            assert it.hub.connections == 1


@pytest.mark.parametrize("path", ["/receive", "/submit", "/", "/clock"])
async def test_a_process_that_leaves_takes_none(path: str) -> None:
    """503: another one will."""
    async with serving() as it:
        it.hub.draining = True
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with it.socket(path):
                pass
        assert caught.value.response.status_code == 503


async def test_clients_without_an_origin_may_use_them() -> None:
    """They bring nothing that a foreign page could use."""
    async with serving() as it, it.socket("/clock", origin=None) as clock:
        assert await heard(clock)


# -- the clock


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

    monkeypatch.setattr(classic, "PeriodicCallback", Ticker)
    async with serving() as it:
        async with it.socket("/clock") as clock:
            await heard(clock)
            assert [ticker.is_running() for ticker in tickers] == [True]
        await until(lambda: it.hub.connections == 0, "counted out")
        assert [ticker.is_running() for ticker in tickers] == [False]
