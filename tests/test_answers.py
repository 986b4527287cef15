"""service/sockets/answers.py, acceptor.Server: HTTP answers that nobody takes, and a client's connections."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tornado.web import Application

from service.sockets import acceptor
from service.sockets.answers import AnswerHandler
from service.sockets.limits import SocketLimits
from service.sockets.unsent import Budget

from .brokers import until
from .harness import UNIT
from .serving import serving
from .sockets import socket_limits

SIZE = 1_000_000  # more than the kernels hold with small buffers
GET = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"


class Large(AnswerHandler):
    """An answer of SIZE bytes; `begun` counts."""

    begun = 0

    def get(self) -> None:
        Large.begun += 1
        self.finish(b"x" * SIZE)


@asynccontextmanager
async def server(
    limits: SocketLimits, connections_per_address: int = 0, handler: type[AnswerHandler] = Large
) -> AsyncIterator[int]:
    """Its port."""
    Large.begun = 0
    application = Application([("/large", handler, {"limits": limits})], log_function=lambda handler: None)
    http = acceptor.Server(application, connections_per_address=connections_per_address)
    accepting = acceptor.Acceptor(http, acceptor.bind("127.0.0.1", 0))
    try:
        yield accepting.port
    finally:
        accepting.close()
        await http.close_all_connections()
        assert limits.unsent_total.held_bytes == 0, "bytes are counted that nobody holds"


class Peer:
    """A client with a small buffer that reads when it is told to."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.bind((address, 0))
        self.sock.connect(("127.0.0.1", port))
        self.sock.setblocking(False)

    async def read(self, size: int) -> bytes:
        """So many bytes, unless the end or a reset comes first."""
        data = b""
        async with asyncio.timeout(10 * UNIT):
            while len(data) < size:
                try:
                    part = await asyncio.get_running_loop().sock_recv(self.sock, size - len(data))
                except ConnectionError:
                    break
                if not part:
                    break
                data += part
        return data

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


async def test_an_answer_that_is_taken_counts_until_then() -> None:
    """And is whole."""
    limits = socket_limits()
    async with server(limits) as port:
        with Peer(port) as peer:
            peer.sock.send(GET)
            await until(lambda: limits.unsent_total.held_bytes > 0, "it waits")
            answer = await peer.read(SIZE)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            await until(lambda: limits.unsent_total.held_bytes == 0, "taken")


async def test_an_answer_that_is_not_taken_is_cut_at_its_deadline() -> None:
    """With a reset: the kernel does not keep it either. What was asked behind it is never begun."""
    limits = socket_limits(answer_deadline=0.1)
    async with server(limits) as port:
        with Peer(port) as peer:
            peer.sock.send(GET * 50)
            await until(lambda: limits.unsent_total.held_bytes > 0, "it waits")
            await until(lambda: limits.unsent_total.held_bytes == 0, "the deadline")
            assert len(await peer.read(SIZE)) < SIZE
            await asyncio.sleep(0.05)
            assert Large.begun == 1


async def test_a_client_that_goes_gives_its_share_back() -> None:
    """And what it had asked besides is left undone."""
    limits = socket_limits()
    async with server(limits) as port:
        with Peer(port) as peer:
            peer.sock.send(GET * 50)
            await until(lambda: limits.unsent_total.held_bytes > 0, "it waits")
        await until(lambda: limits.unsent_total.held_bytes == 0, "given back")
        await asyncio.sleep(0.05)
        assert Large.begun == 1


async def test_past_the_budget_the_oldest_answer_is_cut() -> None:
    """HTTP answers and sockets stand in one list."""
    limits = socket_limits(unsent_total=Budget(int(1.5 * SIZE)))
    async with server(limits) as port:
        with Peer(port) as first, Peer(port) as second:
            first.sock.send(GET)
            await until(lambda: limits.unsent_total.held_bytes >= SIZE, "the first waits")
            second.sock.send(GET)
            await until(lambda: Large.begun == 2 and limits.unsent_total.held_bytes <= 1.5 * SIZE, "one is cut")
            assert len(await first.read(SIZE)) < SIZE
            assert len(await second.read(SIZE)) == SIZE


async def test_one_connection_too_many_of_an_address_is_told_at_once() -> None:
    """429 before anything of it is read; others' addresses don't matter, and one that ends makes room."""
    async with server(socket_limits(), connections_per_address=3) as port:
        peers = [Peer(port) for _ in range(3)]
        await asyncio.sleep(0.05)
        with Peer(port) as late:
            head, _, body = (await late.read(1000)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n")
            assert b"\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Retry-After\r\n" in head
            assert f"\r\nContent-Length: {len(body)}".encode() in head
            assert json.loads(body)["error"]["code"] == "rate_limited"
        with Peer(port, "127.0.0.2") as other:
            other.sock.send(GET)
            assert (await other.read(100)).startswith(b"HTTP/1.1 200 OK")
        peers.pop().sock.close()
        await asyncio.sleep(0.05)
        peers.append(Peer(port))
        peers[-1].sock.send(GET)
        assert (await peers[-1].read(100)).startswith(b"HTTP/1.1 200 OK")
        for peer in peers:
            peer.sock.close()


async def test_upgraded_sockets_are_no_http_connections() -> None:
    """They have a count of their own, whose limit is told by 4429."""
    async with serving({"CONNECTIONS_PER_ADDRESS": "2"}) as it, it.socket("/clock"), it.socket("/clock"):
        response = await it.fetch("/healthz")
        assert response.code == 200
        async with it.socket("/clock") as third:
            await third.wait_closed()
            assert third.close_code == 4429


async def test_behind_a_proxy_requests_count_by_their_client() -> None:
    """Until their answers are taken; the proxy's own connections don't."""
    env = {"CONNECTIONS_PER_ADDRESS": "2", "TRUSTED_PROXIES": "1", "LOG_LEVEL": "error"}
    async with serving(env) as it:

        def ask(client: str) -> Any:
            return it.fetch("/healthz", X_Forwarded_For=client)

        assert (await ask("192.0.2.1")).code == 200
        for _ in range(2):
            AnswerHandler.clients.add("192.0.2.1")  # as requests that are under way do
        response = await ask("192.0.2.1")
        assert (response.code, response.headers["Retry-After"]) == (429, "1")
        assert (await ask("192.0.2.2")).code == 200
        for _ in range(2):
            AnswerHandler.clients.remove("192.0.2.1")
        assert [(await ask("192.0.2.1")).code for _ in range(5)] == [200] * 5
        assert AnswerHandler.clients["192.0.2.1"] == 0


async def test_a_request_counts_until_its_answer_is_taken() -> None:
    """Not only until it is made."""

    class Counted(Large):
        def prepare(self) -> None:
            assert self.count("client", 10)

    limits = socket_limits()
    async with server(limits, handler=Counted) as port:
        with Peer(port) as peer:
            peer.sock.send(GET)
            await until(lambda: limits.unsent_total.held_bytes > 0, "it waits")
            assert AnswerHandler.clients["client"] == 1
            await peer.read(SIZE)
            await until(lambda: limits.unsent_total.held_bytes == 0, "taken")
        assert AnswerHandler.clients["client"] == 0
