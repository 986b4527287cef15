"""A TCP proxy that does to a connection what networks do:

delay, cut, freeze, lose the answer to what was done; and what a liar does: answer something else.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from .common import UNIT

_T = TypeVar("_T")
_CHUNK_BYTES = 65536

Rewrite = Callable[[bytes], bytes]
"""What whoever connected gets, instead of the chunk that came from the other side; nothing of it: it is held back."""


class TcpProxy:
    """`with TcpProxy("127.0.0.1", redis.port) as proxy:` forwards `proxy.port` to there until the block ends.

    It runs on a thread with a loop of its own, so that a test which blocks its loop doesn't block the proxy;
    every method may be called from any thread. Faults hold for connections that are open as well as for new
    ones. Each connection asks for a `rewrite` of its own.
    """

    def __init__(self, host: str, port: int, *, seed: int = 0, rewrite: Callable[[], Rewrite] | None = None) -> None:
        self.upstream = (host, port)
        self.rewrite: Callable[[], Rewrite] = rewrite or (lambda: bytes)
        self.port = 0
        self.delay = 0.0
        """Seconds by which each chunk is held up, in either direction, without a change of order."""
        self.refusing = False
        """Whether new connections are closed at once."""
        self.connections_made = 0
        self.replies_lost = 0
        self._random = random.Random(seed)
        self._lose_share = 0.0
        self.lose_after = b""
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp proxy", daemon=True)
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5 * UNIT)
        self._loop.close()

    def drop_connections(self) -> int:
        """Cut every open connection with a reset on both sides; how many there were."""
        return self._run(self._drop())

    def freeze(self) -> None:
        """Forward nothing, on old and new connections, and keep them open."""
        self._call(self.flowing.clear)

    def thaw(self) -> None:
        """Forward again, beginning with what came meanwhile."""
        self._call(self.flowing.set)

    def lose_replies(self, share: float, after: bytes = b"") -> None:
        """Lose that share (0 to 1) of the replies to requests that hold `after`, by default to all requests.

        As in a real network, a lost reply is a connection that is cut after the request was delivered.
        """
        self._lose_share, self.lose_after = share, after

    def _run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10 * UNIT)

    def _call(self, callback: Callable[[], None]) -> None:
        async def call() -> None:
            callback()

        self._run(call())

    async def _drop(self) -> int:
        open_writers = list(self._writers)
        for writer in open_writers:
            _reset(writer)
        return len(open_writers) // 2

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._drop()
        self.flowing.set()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_made += 1
        self._writers.add(writer)
        upstream_writer = None
        try:
            if not self.refusing:
                upstream_reader, upstream_writer = await self.connect()
                self._writers.add(upstream_writer)
                link = _Link(self)
                async with asyncio.TaskGroup() as group:
                    group.create_task(link.pump(reader, upstream_writer, replies=False))
                    group.create_task(link.pump(upstream_reader, writer, replies=True))
        except* (OSError, asyncio.CancelledError):
            pass  # either side may go at any time: that is what the proxy is for
        finally:
            for end in (writer, upstream_writer):
                if end is not None:
                    self._writers.discard(end)
                    end.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the other side, for one that came; `OSError` closes that."""
        return await asyncio.open_connection(*self.upstream)

    def loses(self, request_seen: bool) -> bool:
        """Whether to lose the reply at hand."""
        return request_seen and self._lose_share > 0 and self._random.random() < self._lose_share


class _Link:
    """One connection through the proxy: two pumps that end together."""

    def __init__(self, proxy: TcpProxy) -> None:
        self._proxy = proxy
        self._rewrite = proxy.rewrite()
        self._request_seen = False

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool) -> None:
        """Forward until the end of `reader`, which the other side is told."""
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(reader, chunks, replies=replies))
            group.create_task(self._write(chunks, writer))

    async def _read(
        self, reader: asyncio.StreamReader, chunks: "asyncio.Queue[tuple[float, bytes]]", *, replies: bool
    ) -> None:
        proxy = self._proxy
        loop = asyncio.get_running_loop()
        while data := await reader.read(_CHUNK_BYTES):
            if not replies:
                self._request_seen = self._request_seen or proxy.lose_after in data
            elif self._request_seen:
                self._request_seen = False
                if proxy.loses(True):
                    proxy.replies_lost += 1
                    raise ConnectionResetError("reply lost")
            if replies:
                data = self._rewrite(data)
            if data:
                await chunks.put((loop.time() + proxy.delay, data))
        await chunks.put((loop.time() + proxy.delay, b""))

    async def _write(self, chunks: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await chunks.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._proxy.flowing.wait()
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        # Linger of zero seconds makes close() send a reset instead of a polite end.
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class BlockingProxy(TcpProxy):
    """One that knows no upgrade; with `holds`, it also keeps whatever of an answer goes on."""

    def __init__(self, host: str, port: int, *, blocks: bool = True, holds: bool = False) -> None:
        super().__init__(host, port, rewrite=self._rewrite)
        self.blocks, self.holds = blocks, holds
        self.blocked = 0
        """How many upgrades it refused."""

    def _rewrite(self) -> Rewrite:
        held = False

        def answer(reply: bytes) -> bytes:
            nonlocal held
            if self.blocks and reply.startswith(b"HTTP/1.1 101"):
                self.blocked += 1
                return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            if held:
                return b""
            held = self.holds and b"text/event-stream" in reply
            return reply.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if held else reply

        return answer
