"""A relay between a browser and the service that counts what a browser's own tools show in part only: requests of every
kind, a service worker's among them, and the bytes that came back for each.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_PIECE = 1 << 16  # bytes read at once


@dataclass(slots=True)
class Request:
    """One request of HTTP, and bytes of its answer: head and body."""

    method: str
    path: str
    status: int = 0
    received: int = 0
    frames: int = 0  # bytes of a socket's frames, which are no part of `received`

    @property
    def api(self) -> bool:
        """Whether it asked for somebody's data and not for a part of the page."""
        return self.path.partition("?")[0] in ("/tickets", "/rooms", "/socket")


class Wire:
    """What went over the relay, in the order in which it was asked for."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def quiet(self, seconds: float = 1.0) -> None:
        """Until no request has come, and no answer grown, for so long."""
        before = None
        while before != (now := (len(self.requests), sum(request.received for request in self.requests))):
            before = now
            await asyncio.sleep(seconds)


@asynccontextmanager
async def wire(target: tuple[str, int]) -> AsyncIterator[Wire]:
    """A relay to `target`, listening."""
    counts = Wire()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_Relay(counts).run(reader, writer, target))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    counts.port = server.sockets[0].getsockname()[1]
    try:
        yield counts
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Relay:
    """One connection. Browsers don't pipeline: what they write after an answer began is a new request."""

    def __init__(self, counts: Wire) -> None:
        self._counts = counts
        self._request: Request | None = None
        self._upgraded = False

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int]) -> None:
        try:
            up, down = await asyncio.open_connection(*target)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._up(reader, down))
                    both.create_task(self._down(up, writer))
            finally:
                down.close()
        except* OSError:
            pass  # either end went
        finally:
            writer.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            if not self._upgraded and (self._request is None or self._request.status):
                method, path, _ = piece.split(b" ", 2)
                self._request = Request(method.decode(), path.decode())
                self._counts.requests.append(self._request)
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            self._count(piece)
            writer.write(piece)
            await writer.drain()
        writer.close()

    def _count(self, piece: bytes) -> None:
        request = self._request
        if request is None:
            return
        if not request.status:
            request.status = int(piece.split(b" ", 2)[1])
            if request.status == 101:
                self._upgraded = True
                head, end, piece = piece.partition(b"\r\n\r\n")
                request.received += len(head + end)
        if self._upgraded:
            request.frames += len(piece)
        else:
            request.received += len(piece)
