"""Who is cut off and comes back: by which client, and how it finds a process that serves."""

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from parley_client.backoff import CAP

from tests.harness import BlockingProxy, ServiceProcess

from .client import Client
from .javascript import JavaScriptClient, many_chats
from .library import PythonClient
from .parts import RECOVERY
from .streams import StreamClient
from .swarm import ClientClass, Swarm

READY = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


class Balancer(BlockingProxy):
    """Passes each new connection on to a process that is ready, in turn."""

    def __init__(self, ports: Sequence[int], blocks: bool = False) -> None:
        super().__init__("127.0.0.1", ports[0], blocks=blocks)
        self._orders = itertools.cycle([*ports[first:], *ports[:first]] for first in range(len(ports)))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # An order of its own, or of two connections that come together one may be asked for the same process twice.
        for port in next(self._orders):
            if await self._ready(port):
                return await asyncio.open_connection("127.0.0.1", port)
        raise ConnectionRefusedError("no process is ready")

    @staticmethod
    async def _ready(port: int) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        try:
            writer.write(READY)
            return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False
        finally:
            writer.close()


# Whose crowd it is, as the rows of the table say it.
BY_US, BY_EVENTS, BY_PYTHON, BY_JAVASCRIPT = "", "sse", "py", "js"
BY_PYTHON_DETOUR, BY_JAVASCRIPT_DETOUR = "py sse", "js sse"

DETOURS = (BY_PYTHON_DETOUR, BY_JAVASCRIPT_DETOUR)
"""The libraries where WebSockets are blocked."""
LIBRARIES = (BY_PYTHON, BY_JAVASCRIPT, *DETOURS)

_NAMES = {
    BY_US: "us",
    BY_EVENTS: "events",
    BY_PYTHON: "python",
    BY_JAVASCRIPT: "javascript",
    BY_PYTHON_DETOUR: "python_detour",
    BY_JAVASCRIPT_DETOUR: "javascript_detour",
}


def _params(*short: str) -> pytest.MarkDecorator:
    """All of them; in the short form these alone."""
    marks = {by: () if by in short else (pytest.mark.long,) for by in _NAMES}
    return pytest.mark.parametrize("by", [pytest.param(by, marks=marks[by], id=name) for by, name in _NAMES.items()])


BY = _params(BY_US)
"""Who is cut off, and comes back: for the faults that the libraries and event streams have to stand, too."""
BY_BOTH = _params(BY_US, BY_PYTHON)
"""The Python client in the short form, too."""


def recovery(by: str) -> float:
    """Seconds in which all of a crowd are back. After several failures a library waits for up to its cap."""
    return RECOVERY + (CAP if by in LIBRARIES else 0)


@asynccontextmanager
async def crowd(by: str, processes: Sequence[ServiceProcess], seed: int) -> AsyncIterator[Swarm]:
    """A swarm of theirs on these processes; a library's chats have one address, that of a balancer."""
    ports = [process.port for process in processes]
    async with AsyncExitStack() as stack:
        client: ClientClass = StreamClient if by == BY_EVENTS else Client
        if by in LIBRARIES:
            ports = [stack.enter_context(Balancer(ports, blocks=by in DETOURS)).port]
            client = PythonClient
            if by in (BY_JAVASCRIPT, BY_JAVASCRIPT_DETOUR):
                client = functools.partial(JavaScriptClient, await stack.enter_async_context(many_chats()))
        yield await stack.enter_async_context(Swarm(ports, seed, client))
