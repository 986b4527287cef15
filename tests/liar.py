"""A proxy before the service that breaks its promises on the way, so that whoever judges is seen to find it."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Self

from bench.frames import TEXT, FrameReader, server_frame

Lie = Callable[[list[bytes]], list[bytes]]
"""What a socket is sent instead of its next text frame, which is the list's last; the others are what it had so far."""


def truth(frames: list[bytes]) -> list[bytes]:
    return frames[-1:]


def on_message(number: int, lie: Lie) -> Lie:
    """Lie about a socket's nth message and the one after it, which it needs to be told of."""

    def frames_of(frames: list[bytes]) -> list[bytes]:
        messages = [frame for frame in frames if frame.startswith(b'{"type":"message"')]
        told = len(messages) in (number, number + 1) and frames[-1] is messages[-1]
        return lie(messages[number - 1 :]) if told else frames[-1:]

    return frames_of


class Liar:
    """`with Liar(service.port, lie) as liar:` forwards `liar.url` to there until the block ends, on its own thread."""

    def __init__(self, port: int, lie: Lie) -> None:
        self._upstream = port
        self._lie = lie
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = started.result(5)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        ways = [
            asyncio.ensure_future(_pump(reader, up_writer, lambda data: data)),
            asyncio.ensure_future(_pump(up_reader, writer, self._Downward(self._lie))),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the end of the block
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            up_writer.close()
            self._tasks.discard(task)

    class _Downward:
        """What goes to the client: as it is, but for the text frames of a WebSocket."""

        def __init__(self, lie: Lie) -> None:
            self._lie = lie
            self._head = b""
            self._frames: FrameReader | None = None
            self._seen: list[bytes] = []

        def __call__(self, data: bytes) -> bytes:
            if self._frames is None:
                self._head += data
                head, end, rest = self._head.partition(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 101 ") or not end:
                    return data
                self._frames = FrameReader()
                return head + end + self(rest)
            return b"".join(self._told(opcode, payload) for opcode, payload in self._frames.feed(data))

        def _told(self, opcode: int, payload: bytes) -> bytes:
            if opcode != TEXT:
                return server_frame(payload, opcode)
            self._seen.append(payload)
            return b"".join(map(server_frame, self._lie(self._seen)))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(change(data))
            await writer.drain()
