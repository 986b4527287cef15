"""service/sockets/acceptor.py: binding, accepting in bursts, and a process whose descriptors are used up."""

import asyncio
import errno
import re
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from service.errors import ConfigError, StartError
from service.sockets import acceptor
from service.sockets.acceptor import Acceptor, bind, raise_descriptor_limit

from .brokers import until


class Server:
    """In place of a acceptor.Server: keeps what was accepted."""

    def __init__(self) -> None:
        self.accepted: list[socket.socket] = []

    def full(self, address: str) -> bool:
        return False

    def serve(self, connection: socket.socket, address: Any) -> None:
        self.accepted.append(connection)


class Listening(socket.socket):
    """Counts how often it is asked to accept; fails as often as it is told to."""

    asked = 0
    failing = False

    def accept(self) -> tuple[socket.socket, Any]:
        self.asked += 1
        if self.failing:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@asynccontextmanager
async def listening(sock: socket.socket | None = None, **options: Any) -> AsyncIterator[tuple[Acceptor, Server]]:
    server = Server()
    made = Acceptor(cast(acceptor.Server, server), [sock] if sock else bind("127.0.0.1", 0), **options)
    try:
        yield made, server
    finally:
        made.close()
        for connection in server.accepted:
            connection.close()


@pytest.fixture
def descriptor_limit() -> Iterator[None]:
    """The limits as they were, afterwards."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_free_port_is_the_same_for_both_families() -> None:
    """Every interface, IPv4 and where there is one IPv6, under one number."""
    sockets = bind("", 0)
    try:
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        assert sockets[0].family == socket.AF_INET
        assert all(not sock.getblocking() for sock in sockets)
    finally:
        for sock in sockets:
            sock.close()


def test_a_port_in_use_can_not_be_had() -> None:
    """Nor is any socket left open."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigError, match=r"^PORT .*in use"):
        bind("127.0.0.1", other.getsockname()[1])


def test_a_port_taken_on_one_family_frees_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """All or none."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        infos = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
        with pytest.raises(ConfigError, match=r"^PORT .*in use"):
            bind("localhost", port)
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_machine_without_ipv6_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither built in nor switched off is an error."""
    real = socket.socket

    class NoSix(real):  # type: ignore[misc, valid-type]
        def __init__(self, family: int = -1, *args: Any, **options: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            super().__init__(family, *args, **options)

    class SixOff(real):  # type: ignore[misc, valid-type]
        def bind(self, address: Any) -> None:
            if self.family == socket.AF_INET6:
                raise OSError(99, "Cannot assign requested address")
            super().bind(address)

    for kind in (NoSix, SixOff):
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", kind)
            sockets = bind("", 0)
        assert [sock.family for sock in sockets] == [socket.AF_INET]
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize(
    "host",
    [
        "x86_64-conda-linux-gnu",
        "http://localhost",
        "localhost:8000",
        "[::1",
        " ",
        "a" * 64,
        "a..b",
        "198.51.100.7",
        "::2",
    ],
)
def test_a_host_that_is_not_here_is_named(host: str) -> None:
    """Be it no name, one that nobody knows, or another machine's: HOST is at fault, and no port would help."""
    with pytest.raises(ConfigError, match=f"^HOST is {re.escape(repr(host))}: ") as caught:
        bind(host, 0)
    assert "PORT" not in str(caught.value)


def test_other_reasons_not_to_have_a_socket_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is passed over in silence, nor without what it was about."""

    def refuse(*_: object, **__: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(StartError, match=r"^listening on 127\.0\.0\.1:0: Operation not permitted$"):
        bind("127.0.0.1", 0)


async def test_connections_are_handed_to_the_server() -> None:
    """Not blocking; also more at once than one burst takes."""
    async with listening() as (made, server):
        clients = [socket.create_connection(("127.0.0.1", made.port)) for _ in range(acceptor.BURST + 10)]
        await until(lambda: len(server.accepted) == len(clients), "all accepted")
        assert not any(connection.getblocking() for connection in server.accepted)
        for client in clients:
            client.close()


async def test_a_burst_leaves_the_loop_its_turn() -> None:
    """No more than a burst are accepted before others are served."""
    async with listening(burst=3) as (made, server):
        clients = [socket.create_connection(("127.0.0.1", made.port)) for _ in range(8)]
        seen = []
        while len(server.accepted) < 8:
            await asyncio.sleep(0)
            seen.append(len(server.accepted))
        assert max(later - earlier for earlier, later in zip([0, *seen], seen, strict=False)) <= 3
        for client in clients:
            client.close()


async def test_closing_frees_the_port() -> None:
    """Twice is harmless."""
    async with listening() as (made, _):
        port = made.port
        made.close()
        made.close()
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.expects_log("not accepting for")
async def test_used_up_descriptors_pause_accepting(descriptor_limit: None, caplog: pytest.LogCaptureFixture) -> None:
    """One line instead of a spin; who waits is served when there are descriptors again."""
    (bound,) = bind("127.0.0.1", 0)
    sock = Listening(fileno=bound.detach())
    async with listening(sock, pause=0.05) as (made, server):
        client = socket.socket()
        taken = [socket.socket()]
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0].fileno() + 1, hard))
        try:
            while True:
                taken.append(socket.socket())
        except OSError:
            pass
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", made.port))
        await until(lambda: "not accepting" in caplog.text, "the pause")
        began = sock.asked
        await until(lambda: caplog.text.count("not accepting") >= 3, "another two")
        assert sock.asked - began <= 3, "once a pause, not once a turn"
        for other in taken:
            other.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        await until(lambda: server.accepted, "accepted")
        client.close()


@pytest.mark.expects_log("not accepting for")
async def test_closing_during_a_pause_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing accepts after the end."""
    (bound,) = bind("127.0.0.1", 0)
    sock = Listening(fileno=bound.detach())
    sock.failing = True
    async with listening(sock, pause=0.01) as (made, server):
        port = made.port
        client = socket.create_connection(("127.0.0.1", port))
        await until(lambda: "not accepting" in caplog.text, "the pause")
        made.close()
        asked = sock.asked
        await asyncio.sleep(0.03)
        with socket.create_server(("127.0.0.1", port)):
            assert server.accepted == [] and sock.asked == asked
        client.close()


def test_the_descriptor_limit_is_raised_as_far_as_it_goes(descriptor_limit: None) -> None:
    """And some are kept back for what is no client."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    room = raise_descriptor_limit()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft > 300
    assert room == max(soft - acceptor.RESERVE, soft // 2)


def test_a_limit_that_can_not_be_raised_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a small one is for clients."""

    def refuse(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (400, 4000))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_descriptor_limit() == 200


def test_no_limit_at_all_counts_as_a_million(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of either kind."""
    infinity = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    for limits in ((infinity, infinity), (1024, infinity)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limits=limits: limits)
        assert raise_descriptor_limit() == (1 << 20) - acceptor.RESERVE
