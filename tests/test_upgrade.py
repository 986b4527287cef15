"""service/sockets/upgrade.py: the handshake and the takeover, on a real server."""

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from service.sockets import framing
from service.sockets.connection import Connection, Owner
from service.sockets.limits import SocketLimits
from service.sockets.upgrade import Refusal, UpgradeHandler

from .attacks.raw_socket import TEXT, RawSocket, close_frame, frame, handshake
from .brokers import until
from .harness import UNIT
from .sockets import socket_limits


class Echo(Owner):
    """Says back what it hears."""

    def __init__(self, connection: Connection, ended: list[tuple[int, str]]) -> None:
        self.connection = connection
        self.ended = ended

    def on_message(self, message: str | bytes) -> None:
        assert isinstance(message, str)
        self.connection.write(framing.frame(message.encode()))

    def on_connection_end(self, code: int, reason: str) -> None:
        self.ended.append((code, reason))


class EchoHandler(UpgradeHandler):
    """Lets everybody in."""

    made: ClassVar[list[weakref.ref["EchoHandler"]]] = []

    def initialize(self, limits: SocketLimits, ended: list[tuple[int, str]] | None = None) -> None:
        super().initialize(limits)
        self.ended = [] if ended is None else ended
        self.made.append(weakref.ref(self))

    def open(self, connection: Connection) -> None:
        connection.owner = Echo(connection, self.ended)
        connection.write(framing.frame(b"welcome"))


class Failing(EchoHandler):
    def open(self, connection: Connection) -> None:
        super().open(connection)
        raise ZeroDivisionError


class Refusing(EchoHandler):
    def open(self, connection: Connection) -> None:
        connection.close(4401, "who are you?")


class Late(EchoHandler):
    def late_refusal(self) -> Refusal:
        return Refusal(503, "Too late.", "late")


class Faulty(EchoHandler):
    def prepare(self) -> None:
        raise ZeroDivisionError


class Slow(EchoHandler):
    """Thinks about the handshake until it is told to go on."""

    reached = asyncio.Event()
    go_on = asyncio.Event()

    async def get(self, *args: str, **kwargs: str) -> None:
        self.reached.set()
        await self.go_on.wait()
        await super().get(*args, **kwargs)


@asynccontextmanager
async def server(**arguments: Any) -> AsyncIterator[int]:
    """An application with these handlers; its port."""
    arguments["limits"] = socket_limits(frame_bytes=1000)
    routes: list[Any] = [
        ("/echo", EchoHandler, arguments),
        ("/failing", Failing, arguments),
        ("/faulty", Faulty, arguments),
        ("/refusing", Refusing, arguments),
        ("/late", Late, arguments),
        ("/slow", Slow, arguments),
    ]
    http = HTTPServer(Application(routes, log_function=lambda handler: None))
    sock, port = bind_unused_port()
    http.add_socket(sock)
    try:
        yield port
    finally:
        http.stop()
        await Connection.all_closed(1 * UNIT)
        await http.close_all_connections()


async def test_the_handshake_is_answered_as_the_rfc_says() -> None:
    """Section 1.3's own example; a subprotocol that nobody selected is not answered, though it was offered."""
    async with server() as port, await RawSocket.connect(port) as raw:
        answer = await raw.request(handshake(port, "/echo", protocols="chat.v1"))
        assert (answer.status, answer.headers["sec-websocket-accept"]) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        assert "sec-websocket-protocol" not in answer.headers
        assert await raw.read_frame() == (TEXT, b"welcome")
        await raw.send(frame(b"hello"))
        assert await raw.read_frame() == (TEXT, b"hello")


@pytest.mark.parametrize(
    ("old", "new", "status", "sentence"),
    [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 426, b"Sec-WebSocket-Version: 13"),
        ("Upgrade: websocket", "Upgrade: h2c", 400, b"Upgrade: websocket"),
        ("Upgrade: websocket", "Upgrade: h2c, websocket/13", 400, b"Upgrade: websocket"),
        ("Upgrade: websocket", "Upgrade: notwebsocket", 400, b"Upgrade: websocket"),
        ("HTTP/1.1", "HTTP/1.0", 400, b"HTTP/1.1"),
        ("Connection: Upgrade", "Connection: keep-alive", 400, b"Connection: Upgrade"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400, b"16 bytes"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "not base64!", 400, b"16 bytes"),
    ],
)
async def test_what_is_no_handshake_gets_a_status_and_a_sentence(
    old: str, new: str, status: int, sentence: bytes
) -> None:
    """400, or 426 with the version that is spoken here (section 4.4)."""
    async with server() as port, await RawSocket.connect(port) as raw:
        answer = await raw.request(handshake(port, "/echo").replace(old.encode(), new.encode()))
        assert answer.status == status and sentence in answer.body
        assert answer.headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize(
    "upgrade",
    ["h2c, websocket", "websocket, h2c", "WebSocket", "h2c,websocket , foo/1", "h2c\r\nUpgrade: websocket"],
)
@pytest.mark.parametrize("connection", ["Upgrade", "keep-alive, Upgrade", "upgrade,HTTP2-Settings"])
async def test_a_websocket_may_be_one_of_several_upgrades(upgrade: str, connection: str) -> None:
    """RFC 9110 section 7.8: the server takes the one that it speaks."""
    request = handshake(0, "/echo", host="localhost").replace(b"Upgrade: websocket", b"Upgrade: " + upgrade.encode(), 1)
    request = request.replace(b"Connection: Upgrade", b"Connection: " + connection.encode())
    async with server() as port, await RawSocket.connect(port) as raw:
        answer = await raw.request(request)
        assert (answer.status, answer.headers["upgrade"]) == (101, "websocket")
        assert await raw.read_frame() == (TEXT, b"welcome")


async def test_a_version_that_is_not_spoken_is_told_what_to_upgrade_to() -> None:
    """RFC 9110 section 7.8: Upgrade, and the connection option that belongs to it."""
    async with server() as port, await RawSocket.connect(port) as raw:
        answer = await raw.request(handshake(port, "/echo").replace(b"Version: 13", b"Version: 14"))
        assert answer.status == 426
        assert (answer.headers["upgrade"], answer.headers["connection"]) == ("websocket", "Upgrade")


async def test_who_is_refused_while_identified_gets_a_status() -> None:
    """What has changed meanwhile counts; nothing is opened."""
    ended: list[Any] = []
    async with server(ended=ended) as port, await RawSocket.connect(port) as raw:
        answer = await raw.request(handshake(port, "/late"))
        assert (answer.status, answer.body) == (503, b"Too late.\n")
    assert ended == []


async def test_frames_sent_with_the_handshake_are_read() -> None:
    """In the same packet, before the answer."""
    async with server() as port, await RawSocket.connect(port) as raw:
        await raw.request(handshake(port, "/echo") + frame(b"eager"))
        assert [await raw.read_frame(), await raw.read_frame()] == [(TEXT, b"welcome"), (TEXT, b"eager")]


async def test_a_message_over_the_limit_closes_1009() -> None:
    """`frame_bytes` of the limits."""
    async with server() as port, await RawSocket.connect(port) as raw:
        await raw.request(handshake(port, "/echo"))
        await raw.send(frame(b"x" * 1001))
        assert await raw.closed() == 1009


async def test_the_end_is_told_with_its_code() -> None:
    """`close_code` and `close_reason`, as handlers know them."""
    ended: list[Any] = []
    async with server(ended=ended) as port, await RawSocket.connect(port) as raw:
        await raw.request(handshake(port, "/echo"))
        await raw.send(close_frame(4000, "mine"))
        assert await raw.closed() == 4000
        await until(lambda: ended == [(4000, "mine")], "on_close")


@pytest.mark.expects_log("a socket failed to open")
async def test_a_handler_that_fails_to_open_cuts_the_socket() -> None:
    """There is no status to answer with any more; who was given the connection hears of its end."""
    ended: list[Any] = []
    async with server(ended=ended) as port, await RawSocket.connect(port) as raw:
        await raw.send(handshake(port, "/failing"))
        assert await raw.closed() is None
    assert ended == [(1006, "")]


async def test_a_connection_may_be_closed_before_it_has_an_owner() -> None:
    """The handshake is answered first, so that a browser can tell why."""
    async with server() as port, await RawSocket.connect(port) as raw:
        assert (await raw.request(handshake(port, "/refusing"))).status == 101
        assert await raw.closed() == 4401


@pytest.mark.parametrize("path", ["/echo", "/refusing", "/late"])
async def test_nothing_of_the_handshake_lives_on(path: str) -> None:
    """The handler is freed by its count of references alone: the collector of circles is rarely asked."""
    async with server() as port, await RawSocket.connect(port) as raw:
        EchoHandler.made.clear()
        gc.disable()
        try:
            await raw.request(handshake(port, path))
            (made,) = EchoHandler.made
            await until(lambda: made() is None, "the handler freed")
        finally:
            gc.enable()


@pytest.mark.expects_log("/faulty failed")
async def test_a_fault_before_the_upgrade_is_500_and_logged_by_path(caplog: pytest.LogCaptureFixture) -> None:
    """Without the query, which may hold a ticket put there by mistake."""
    async with server() as port, await RawSocket.connect(port) as raw:
        answer = await raw.request(handshake(port, "/faulty?ticket=abc"))
        assert answer.status == 500
    assert "abc" not in caplog.text


async def test_a_client_that_leaves_during_the_handshake_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is opened, nothing is logged."""
    ended: list[Any] = []
    Slow.reached, Slow.go_on = asyncio.Event(), asyncio.Event()
    with caplog.at_level(logging.DEBUG):
        async with server(ended=ended) as port, await RawSocket.connect(port) as raw:
            await raw.send(handshake(port, "/slow"))
            await Slow.reached.wait()
            raw.cut()
            await asyncio.sleep(0.02)
            Slow.go_on.set()
            await asyncio.sleep(0.02)
    assert ended == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
