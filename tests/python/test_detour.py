"""The Python client where WebSockets are blocked: by an event stream and POST, and back again."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from parley_client import Chat, CloseCode, Gap, Message, advice_for
from parley_client.detour import BLOCKED_AFTER, Detour

from ..harness import UNIT, BlockingProxy, ServiceProcess, TcpProxy, make_jwt
from .test_chat import publish, service, soon


@asynccontextmanager
async def behind(
    env: dict[str, str] | None = None, **does: bool
) -> AsyncIterator[tuple[ServiceProcess, BlockingProxy]]:
    """A service behind a proxy that does so."""
    async with service(env) as process:
        with BlockingProxy("127.0.0.1", process.port, **does) as proxy:
            yield process, proxy


def at(proxy: TcpProxy) -> str:
    return f"http://127.0.0.1:{proxy.port}"


async def test_it_goes_round_and_comes_back(tmp_path: Path) -> None:
    """After two that came to nothing: it talks, resumes after a kill, and takes WebSockets once they pass."""
    env = {"SQLITE_PATH": str(tmp_path / "parley.db")}
    async with behind(env) as (process, proxy), Chat(at(proxy), name="Ada") as ada:
        gaps, heard = ada.events(Gap), ada.events(Message)
        assert ada.transport == "events" and proxy.blocked == BLOCKED_AFTER
        room = await ada.join("lobby")
        assert (await room.send("round")).seq == 1
        await asyncio.to_thread(process.kill9)
        await soon(lambda: ada.transport is None, "it is cut")
        sending = asyncio.ensure_future(room.send("meanwhile"))
        await asyncio.to_thread(process.start)
        assert (await asyncio.wait_for(sending, 40 * UNIT)).seq == 2
        proxy.blocks = False
        await soon(lambda: ada.transport == "websocket", "it comes back", 40 * UNIT)
        assert (await room.send("straight")).seq == 3
        texts = [(await anext(heard)).text for _ in range(3)]
        assert texts == ["round", "meanwhile", "straight"] and not gaps.waiting


async def test_control_it_goes_straight_where_nothing_is_blocked() -> None:
    """Through the same proxy."""
    async with behind(blocks=False) as (_, proxy), Chat(at(proxy), name="Ada") as ada:
        assert ada.transport == "websocket"


async def test_a_proxy_that_holds_answers_back_is_named() -> None:
    """With a code and a way out; once it lets them pass, they serve."""
    async with behind(holds=True) as (_, proxy):
        ada = Chat(at(proxy), name="Ada")
        ada.start()
        await soon(lambda: ada.state.code == "buffered", "it is named", 40 * UNIT)
        assert "holds answers back" in ada.state.reason and "unbuffered" in advice_for("buffered")
        proxy.holds = False
        ada.wake()
        await asyncio.wait_for(ada.ready(), 40 * UNIT)
        assert ada.transport == "events"
        await ada.close()


async def test_a_request_whose_answer_is_lost_is_done_once() -> None:
    """Each is sent again under its number, and the order stays."""
    async with behind() as (_, proxy), Chat(at(proxy), token=make_jwt("ada", "Ada")) as ada:
        room = await ada.join("lobby")
        assert ada.transport == "events"
        proxy.lose_replies(0.3, after=b"/events/frames")
        sent = await asyncio.wait_for(asyncio.gather(*(room.send(str(number)) for number in range(12))), 60 * UNIT)
        proxy.lose_replies(0.0)
        assert proxy.replies_lost > 0 and ada.transport == "events"
        assert [one.seq for one in sent] == list(range(1, 13))
        page = (await room.history(limit=200)).messages
        assert [message.text for message in page] == [str(number) for number in range(12)]


async def test_who_is_banned_stays_away() -> None:
    """The stream's own word on its end is the socket's close code."""
    async with (
        behind() as (process, proxy),
        Chat(at(proxy), token=make_jwt("ada", "Ada")) as ada,
        Chat(process.url, token=make_jwt("mod", "Mod", role="moderator")) as mod,
    ):
        await ada.join("lobby")
        assert ada.transport == "events"
        assert ada.user
        await mod.moderate(ada.user.id, "ban", reason="enough")
        await soon(lambda: ada.state.state == "stopped", "it is told")
        assert ada.state.code == CloseCode.REMOVED


async def test_a_slow_loop_slows_the_stream_and_loses_nothing() -> None:
    """What nobody takes isn't read; what is sent meanwhile has an answer."""
    total = 1200
    async with behind() as (process, proxy), Chat(at(proxy), name="Bob", backlog=20) as bob:
        room = await bob.join("lobby")
        stream = bob.events(Message, room="lobby")
        await publish(process, "lobby", [f"{number} ".ljust(1500, "x") for number in range(total)])
        await soon(lambda: stream.waiting == 20, "it is full")
        await asyncio.sleep(0.3)
        assert stream.waiting == 20
        sent = await asyncio.wait_for(room.send("me too"), 20 * UNIT)
        seqs = [(await anext(stream)).seq for _ in range(total + 1)]
        assert sent.seq == total + 1 and seqs == list(range(1, total + 2)) and bob.transport == "events"


async def test_what_was_sent_is_taken_before_it_leaves() -> None:
    """As by a socket, whose closing handshake comes behind it."""
    async with behind() as (process, proxy), Chat(process.url, name="Bob") as bob:
        await bob.join("lobby")
        heard = bob.events(Message)
        async with Chat(at(proxy), name="Ada") as ada:
            room = await ada.join("lobby")
            assert ada.transport == "events"
            sending = asyncio.ensure_future(room.send("the last word"))
            await soon(lambda: ada.outbox, "it is on its way")
            await asyncio.sleep(0)
        sending.cancel()
        assert (await asyncio.wait_for(anext(heard), 20 * UNIT)).text == "the last word"


@pytest.mark.expects_log("parley-client\\[events\\]")
def test_without_httpx_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, and WebSockets are tried on."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    detour = Detour()
    for _ in range(2 * BLOCKED_AFTER):
        detour.on_failure()
    assert detour.transport == "websocket"
    (line,) = caplog.messages
    assert "parley-client[events]" in line


def test_it_goes_by_what_comes_of_connections() -> None:
    """A stream after two sockets that came to nothing; where that comes to nothing too, each way by turns."""
    detour = Detour()
    detour.on_failure()
    detour.on_open()
    ways = []
    for _ in range(5):
        detour.on_failure()
        ways.append(detour.transport)
    assert ways == ["websocket", "events", "websocket", "events", "websocket"]
    detour.on_failure()
    detour.on_open()
    assert detour.taken and detour.doubtful
    detour.end()
    assert not detour.taken and not detour.doubtful
