"""service/listener.py: real sockets bound, accepted from, and run out of descriptors."""

import asyncio
import errno
import logging
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from service import listener
from service.listener import Listener, bind, raise_descriptor_limit
from service.writer import SEND_BUFFER

from .harness import UNIT

@pytest.fixture
def closing() -> Iterator[Callable[[list[socket.socket]], list[socket.socket]]]:
    """Passes sockets on and closes them after the test."""
    with ExitStack() as stack:

        def keep(sockets: list[socket.socket]) -> list[socket.socket]:
            for sock in sockets:
                stack.callback(sock.close)
            return sockets

        yield keep


def found(*addresses: tuple[int, str]) -> Callable[..., list[Any]]:
    """A name's addresses, in place of what the resolver would say."""
    return lambda host, port, **_: [
        (family, socket.SOCK_STREAM, 0, "", (address, port)) for family, address in addresses
    ]


# -- bind


def test_a_free_port_is_taken(closing: Any) -> None:
    """Port 0: the kernel chooses; the socket listens, doesn't block, and bounds what the kernel buffers."""
    (sock,) = closing(bind("127.0.0.1", 0))
    host, port = sock.getsockname()
    assert host == "127.0.0.1" and port > 0
    assert not sock.getblocking()
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER
    with socket.create_connection((host, port), UNIT):
        pass


def test_every_interface_has_one_port(closing: Any) -> None:
    """Without a host both families listen, on the same number where it was free to choose."""
    sockets = closing(bind("", 0))
    assert sockets[0].family == socket.AF_INET
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    assert len({sock.family for sock in sockets}) == len(sockets)


def test_a_port_in_use_is_refused_and_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, closing: Any) -> None:
    """Another's port raises; the addresses bound before it are let go."""
    with socket.socket() as other:
        other.bind(("127.0.0.2", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", found((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2")))
        with pytest.raises(OSError) as caught:
            bind("any", port)
        assert caught.value.errno == errno.EADDRINUSE
        monkeypatch.undo()
        closing(bind("127.0.0.1", port))


def test_a_machine_without_ipv6_listens_on_the_rest(monkeypatch: pytest.MonkeyPatch, closing: Any) -> None:
    """A family the kernel doesn't have, or has switched off (no such address), is passed over."""
    missing = socket.AF_X25
    with pytest.raises(OSError) as caught:
        socket.socket(missing)
    assert caught.value.errno == errno.EAFNOSUPPORT
    addresses = (missing, "x"), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "2001:db8::1")
    monkeypatch.setattr(socket, "getaddrinfo", found(*addresses))
    sockets = closing(bind("any", 0))
    assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1"]


def test_an_address_that_is_not_ours_is_refused() -> None:
    """When it is all there is, it is an error."""
    with pytest.raises(OSError) as caught:
        bind("192.0.2.1", 0)
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_failing_kernel_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no missing family is raised."""
    with no_descriptors(), pytest.raises(OSError) as caught:
        monkeypatch.setattr(socket, "getaddrinfo", found((socket.AF_INET, "127.0.0.1")))
        bind("any", 0)
    assert caught.value.errno == errno.EMFILE


# -- descriptors


@contextmanager
def limits(soft: int) -> Iterator[int]:
    """That soft limit, for a block; answers the hard one."""
    kept = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, kept[1]))
    try:
        yield kept[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, kept)


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Every descriptor that may be had is in use."""
    lowest_free = os.dup(0)
    os.close(lowest_free)
    with limits(lowest_free):
        yield


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    """And a reserve stays for what is no client's."""
    with limits(1024) as hard:
        sockets = raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        assert sockets == hard - listener.RESERVE


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_a_limit_that_can_not_be_raised_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Some kernels allow less than they say; of few descriptors half are the clients'."""

    def refuse(*_: object) -> None:
        raise error

    with limits(400):
        monkeypatch.setattr(resource, "setrlimit", refuse)
        assert raise_descriptor_limit() == 200
        monkeypatch.undo()


def test_no_limit_at_all_is_a_million(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there is a number to compare with."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert raise_descriptor_limit() == (1 << 20) - listener.RESERVE


# -- accepting


class Hello(RequestHandler):
    def get(self) -> None:
        self.finish("hello")


@contextmanager
def listening() -> Iterator[Listener]:
    it = Listener(HTTPServer(Application([("/", Hello)], log_function=lambda _: None)), bind("127.0.0.1", 0))
    try:
        yield it
    finally:
        it.close()


def ask(port: int) -> socket.socket:
    """A connection with a request under way; the kernel completes it without the service's help."""
    client = socket.create_connection(("127.0.0.1", port), UNIT)
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    client.setblocking(False)
    return client


async def answered(client: socket.socket) -> bool:
    """Whether the answer is there, up to the end of the connection."""
    received = b""
    async with asyncio.timeout(2 * UNIT):
        while data := await asyncio.get_running_loop().sock_recv(client, 1000):
            received += data
    return received.endswith(b"hello")


async def test_more_connections_than_a_burst_are_all_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one turn of the loop doesn't accept, the next ones do."""
    monkeypatch.setattr(listener, "BURST", 3)
    with listening() as it, ExitStack() as stack:
        clients = [stack.enter_context(ask(it.port)) for _ in range(10)]
        assert all(await asyncio.gather(*map(answered, clients)))


async def test_open_sockets_get_their_turn_in_a_rush(monkeypatch: pytest.MonkeyPatch) -> None:
    """One turn of the loop accepts a burst and no more."""
    monkeypatch.setattr(listener, "BURST", 3)
    accepted: list[int] = []
    with listening() as it, ExitStack() as stack:
        monkeypatch.setattr(it._server, "_handle_connection", lambda sock, _: (accepted.append(1), sock.close()))
        for _ in range(10):
            stack.enter_context(ask(it.port))
        turns = []
        while len(accepted) < 10:
            before = len(accepted)
            await asyncio.sleep(0)
            turns.append(len(accepted) - before)
        assert max(turns) == 3


@pytest.mark.expects_log("not accepting for 0.2 s: Too many open files")
async def test_used_up_descriptors_pause_accepting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line instead of a spin; when there are some again, those who waited are served."""
    monkeypatch.setattr(listener, "PAUSE", 0.2)
    with listening() as it, ask(it.port) as client:
        with no_descriptors():
            for _ in range(100):
                await asyncio.sleep(0)
            assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert await answered(client)


@pytest.mark.expects_log("not accepting")
async def test_close_ends_a_pause_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause over, nothing is listened to: the descriptors may be others' by then."""
    monkeypatch.setattr(listener, "PAUSE", 0.05)
    with listening() as it, ask(it.port):
        port = it.port
        with no_descriptors():
            await asyncio.sleep(0.01)
        it.close()
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), UNIT).close()


async def test_close_frees_the_port_and_may_come_again() -> None:
    """What comes next can listen there."""
    with listening() as it:
        port = it.port
        it.close()
        it.close()
        for sock in bind("127.0.0.1", port):
            sock.close()
