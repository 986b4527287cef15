"""The harness itself: a judge or a fault that does nothing would let every other test pass."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
import websockets
from websockets.asyncio.server import Server, ServerConnection, serve

from .faults.crowds import READY, Balancer
from .harness import (
    JWT_SECRET,
    UNIT,
    ChatClient,
    ChatError,
    RedisServer,
    ServiceProcess,
    TcpProxy,
    free_port,
    make_jwt,
    require_tool,
    service_env,
    wait_until,
)
from .harness.common import WORKERS

ROOT = Path(__file__).resolve().parents[1]


# RedisServer


def test_redis_keeps_its_port_and_data_through_a_kill() -> None:
    """An append-only server killed with -9 comes back on the same port with what it had acknowledged."""
    with RedisServer(appendonly="yes", appendfsync="always") as redis:
        port = redis.port
        assert redis.cli("SET", "key", "value") == "OK"
        redis.restart(kill=True)
        assert redis.port == port
        assert redis.cli("GET", "key") == "value"
        folder = redis.folder
    assert not folder.exists()


def test_redis_takes_flags() -> None:
    """A keyword argument arrives in the server's configuration, one with spaces too."""
    with RedisServer(maxmemory="20mb", client_output_buffer_limit="pubsub 1mb 512kb 5") as redis:
        assert redis.cli("CONFIG", "GET", "maxmemory").split() == ["maxmemory", str(20 * 2**20)]
        assert "pubsub 1048576 524288 5" in redis.cli("CONFIG", "GET", "client-output-buffer-limit")


def test_redis_cli_raises_on_an_error_reply() -> None:
    """A command the server refuses fails the test that sent it."""
    with RedisServer() as redis, pytest.raises(RuntimeError, match="unknown command"):
        redis.cli("NOSUCHCOMMAND")


def test_frozen_redis_answers_nothing_until_it_goes_on() -> None:
    """SIGSTOP leaves the connection open and silent; SIGCONT delivers what was asked meanwhile."""
    with RedisServer() as redis, socket.create_connection(("127.0.0.1", redis.port)) as connection:
        redis.sigstop()
        connection.sendall(b"PING\r\n")
        connection.settimeout(0.3 * UNIT)
        with pytest.raises(TimeoutError):
            connection.recv(16)
        redis.sigcont()
        connection.settimeout(5 * UNIT)
        assert connection.recv(16) == b"+PONG\r\n"


def test_redis_with_a_bad_flag_says_why() -> None:
    """A configuration the server refuses raises with its own words, and leaves nothing behind."""
    redis = RedisServer(nosuchflag="1")
    with pytest.raises(RuntimeError, match="nosuchflag"):
        redis.start()
    redis.close()


def test_missing_tool_names_the_install_command() -> None:
    """A tool that is not there fails the run and says how to get it."""
    with pytest.raises(RuntimeError, match="apt-get install some-package"):
        require_tool("no-such-program", "some-package")


def test_wait_until_names_what_did_not_come() -> None:
    """A condition that stays false ends at the deadline, not never."""
    with pytest.raises(TimeoutError, match="pigs fly"):
        wait_until(lambda: False, "pigs fly", 0.05)


# TcpProxy


@pytest.fixture
def redis_proxy(redis_server: RedisServer) -> Iterator[TcpProxy]:
    with TcpProxy("127.0.0.1", redis_server.port, seed=1) as proxy:
        yield proxy


def _connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), 5 * UNIT)


def _exchange(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    return connection.recv(4096)


def test_proxy_forwards_both_ways(redis_proxy: TcpProxy) -> None:
    """Without a fault it is a wire."""
    with _connect(redis_proxy) as connection:
        assert _exchange(connection, b"PING\r\n") == b"+PONG\r\n"
    assert redis_proxy.connections_made == 1


async def test_balancer_finds_the_process_that_is_ready_for_many_at_once() -> None:
    """However connections cross, none is refused while a process serves."""

    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(READY)
            return await reader.readline()
        finally:
            writer.close()

    with ServiceProcess({}) as process, Balancer([free_port(), process.port]) as balancer:
        answers = await asyncio.gather(*(ask(balancer.port) for _ in range(50)))
    assert answers == [b"HTTP/1.1 200 OK\r\n"] * 50


def test_proxy_passes_the_end_of_a_stream_on(redis_proxy: TcpProxy) -> None:
    """A side that closes is seen to close by the other."""
    with _connect(redis_proxy) as connection:
        assert _exchange(connection, b"QUIT\r\n") == b"+OK\r\n"
        assert connection.recv(16) == b""


def test_proxy_delays_each_direction(redis_proxy: TcpProxy) -> None:
    """An answer takes the delay twice, and two requests sent at once are not delayed one after the other."""
    redis_proxy.delay = 0.1
    with _connect(redis_proxy) as connection:
        started = time.monotonic()
        assert _exchange(connection, b"PING\r\n") == b"+PONG\r\n"
        assert time.monotonic() - started >= 0.2
        started = time.monotonic()
        for _ in range(10):
            connection.sendall(b"PING\r\n")
            time.sleep(0.01)
        received = b""
        while received.count(b"PONG") < 10:
            received += connection.recv(4096)
        assert time.monotonic() - started < 10 * 0.2


def test_proxy_cuts_connections(redis_proxy: TcpProxy) -> None:
    """Open connections end with a reset, new ones work."""
    with _connect(redis_proxy) as connection:
        assert _exchange(connection, b"PING\r\n") == b"+PONG\r\n"
        assert redis_proxy.drop_connections() == 1
        with pytest.raises(ConnectionResetError):
            connection.recv(16)
    with _connect(redis_proxy) as connection:
        assert _exchange(connection, b"PING\r\n") == b"+PONG\r\n"


def test_proxy_freezes(redis_proxy: TcpProxy) -> None:
    """A frozen proxy keeps the connection and delivers after the thaw."""
    with _connect(redis_proxy) as connection:
        redis_proxy.freeze()
        connection.settimeout(0.2 * UNIT)
        with pytest.raises(TimeoutError):
            _exchange(connection, b"PING\r\n")
        redis_proxy.thaw()
        connection.settimeout(5 * UNIT)
        assert connection.recv(16) == b"+PONG\r\n"


def test_proxy_refuses(redis_proxy: TcpProxy) -> None:
    """While refusing, a connection ends before a byte."""
    redis_proxy.refusing = True
    with _connect(redis_proxy) as connection:
        assert connection.recv(16) == b""


def test_proxy_loses_a_reply_after_the_request_was_done(
    redis_proxy: TcpProxy, redis_server: RedisServer, redis_url: str
) -> None:
    """The request reaches the server, its reply doesn't come, and replies to other requests do."""
    redis_proxy.lose_replies(1.0, after=b"INCR")
    with _connect(redis_proxy) as connection:
        assert _exchange(connection, b"PING\r\n") == b"+PONG\r\n"
        connection.sendall(b"INCR lost\r\n")
        with pytest.raises(ConnectionResetError):
            if connection.recv(16) == b"":
                raise ConnectionResetError
    assert redis_server.cli("GET", "lost") == "1"
    assert redis_proxy.replies_lost == 1


# ChatClient: against a server of a few lines, written from the contract


async def _serve_few_lines(connection: ServerConnection) -> None:
    await connection.send('{"type":"welcome","user":{"id":"u1","name":"Ada"}}')
    async for data in connection:
        assert isinstance(data, str)
        if data == "close":
            await connection.close(4408, "no pong")
            break
        if data == "cut":
            connection.transport.abort()
            break
        if "refused" in data:
            ref = json.loads(data)["ref"]
            error = {"type": "error", "ref": ref, "code": "bad_room", "message": "no"}
            await connection.send(json.dumps(error))
        else:
            await connection.send('{"type":"presence","room":"a"}')
            await connection.send(data)


async def _listen() -> tuple[Server, str]:
    server = await serve(_serve_few_lines, "127.0.0.1", 0, subprotocols=[websockets.Subprotocol("chat.v1")])
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_client_finds_the_answer_among_other_frames() -> None:
    """A request takes the frame with its `ref`; what came before stays to be taken; every frame is kept."""
    server, url = await _listen()
    async with server, ChatClient.open(url, ticket="t") as client:
        assert client.user == {"id": "u1", "name": "Ada"}
        answer = await client.request("ping")
        assert answer["type"] == "ping"
        assert (await client.recv())["type"] == "presence"
        assert [frame["type"] for frame in client.frames] == ["welcome", "presence", "ping"]


async def test_client_raises_the_error_frame() -> None:
    """An `error` in answer to a request is an exception with its code."""
    server, url = await _listen()
    async with server, ChatClient.open(url, ticket="t") as client:
        with pytest.raises(ChatError, match="bad_room"):
            await client.join("refused")


async def test_client_waits_have_deadlines() -> None:
    """A frame that does not come ends in TimeoutError that shows what came instead."""
    server, url = await _listen()
    async with server, ChatClient.open(url, ticket="t") as client:
        await client.ping()
        with pytest.raises(TimeoutError, match=r"sent.*presence"):
            await client.expect("sent", timeout=0.05)
        await client.silence("sent", 0.05)
        with pytest.raises(AssertionError, match="presence"):
            await client.silence("presence")


async def test_client_tells_how_it_was_closed() -> None:
    """The close code and reason are there, and a wait for a frame ends at once."""
    server, url = await _listen()
    async with server, ChatClient.open(url, ticket="t") as client:
        await client.raw("close")
        assert await client.closed() == (4408, "no pong")
        with pytest.raises(ConnectionError, match="4408"):
            await client.recv("message")


async def test_client_tells_a_cut_from_a_close() -> None:
    """A connection that ends without a closing frame counts as 1006."""
    server, url = await _listen()
    async with server, ChatClient.open(url, ticket="t") as client:
        await client.raw("cut")
        assert (await client.closed())[0] == 1006


async def test_client_hands_frames_to_a_log() -> None:
    """`on_frame` sees each frame, and keeps from the client what it takes."""
    server, url = await _listen()
    seen: list[dict[str, Any]] = []

    def take_presence(frame: dict[str, Any]) -> bool:
        seen.append(frame)
        return bool(frame["type"] == "presence")

    async with server, ChatClient.open(url, ticket="t", on_frame=take_presence) as client:
        await client.ping()
        assert [frame["type"] for frame in seen] == ["welcome", "presence", "ping"]
        assert [frame["type"] for frame in client.frames] == ["welcome", "ping"]


def test_jwt_can_be_checked() -> None:
    """A token carries its claims and replaces the given ones."""
    token = make_jwt("7", "Ada", rooms=["a*"], role="moderator", exp=None)
    assert pyjwt.decode(token, JWT_SECRET, ["HS256"]) == {
        "sub": "7",
        "name": "Ada",
        "rooms": ["a*"],
        "role": "moderator",
    }


def test_service_environment_hides_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A REDIS_URL or PORT of the caller's shell does not reach a service under test."""
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    monkeypatch.setenv("PORT", "1")
    env = service_env({"GUESTS": "0"})
    assert "REDIS_URL" not in env and "PORT" not in env
    assert env["GUESTS"] == "0"


def test_free_ports_can_be_bound() -> None:
    """The port is free at the time."""
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", free_port()))


def test_no_port_is_given_twice() -> None:
    """Neither here nor to another worker: who comes back to a service that was killed finds no other test's there."""
    ports = [free_port() for _ in range(100)]
    assert len(set(ports)) == 100 and len({port % WORKERS for port in ports}) == 1
    assert max(ports) < 32_768
