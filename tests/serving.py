"""The service on the test's own loop, with HTTP and plain WebSockets to it; ChatClient speaks the chat.

One at a time: its sockets are kept by class. Two processes are two `ServiceProcess`es, or one of them beside this.
"""

import gc
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from websockets.asyncio.client import ClientConnection, connect

from service import config
from service.app import Gathering
from service.lifecycle import Service, Waits
from service.node import Node
from service.pages import STATIC

from .harness import JWT_SECRET, NO_LIMITS, SECRET_KEY, UNIT, ChatError

GATHER = 0.02  # seconds, for presence, read positions and typing: what they gather is not what most tests are about


class Served:
    """A running service and ways to it."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def node(self) -> Node:
        return self.service.node

    @property
    def port(self) -> int:
        return self.service.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def fetch(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> HTTPResponse:
        """One request, redirects not followed. `body` goes as JSON unless bytes; `X_Y=…` is the header X-Y."""
        client = AsyncHTTPClient(force_instance=True)
        try:
            return await client.fetch(
                self.url + path,
                method=method,
                body=body if isinstance(body, bytes | None) else json.dumps(body).encode(),
                headers={name.replace("_", "-"): value for name, value in headers.items()},
                follow_redirects=False,
                decompress_response=False,  # what Accept-Encoding asks for is the test's to say, and to see
                raise_error=False,
                allow_nonstandard_methods=True,
                request_timeout=10 * UNIT,
            )
        finally:
            client.close()

    @asynccontextmanager
    async def socket(self, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
        """A plain WebSocket of this origin."""
        options = {"origin": self.url, "compression": None, "proxy": None, "ping_interval": None} | options
        async with connect(self.url.replace("http", "ws", 1) + path, **options) as socket:
            yield socket


def environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Settings for tests, `environ` on top: no limits, nothing kept, no wait at the end."""
    base = {"HOST": "127.0.0.1", "PORT": "0", "SQLITE_PATH": ":memory:", "PRESENCE_GRACE": "0"}
    base |= {"DRAIN_DELAY": "0", "DRAIN_SECONDS": "0"}
    return base | {"SECRET_KEY": SECRET_KEY, "JWT_SECRET": JWT_SECRET} | NO_LIMITS | dict(environ or {})


@asynccontextmanager
async def serving(
    environ: Mapping[str, str] | None = None, gather: float = GATHER, static: Path = STATIC, **waits: float
) -> AsyncIterator[Served]:
    """The service with `environment(environ)`, these `Waits` and files for browsers, until the block ends."""
    gathering = Gathering(presence=gather, reads=gather, typing=gather)
    service = Service(config.load(environment(environ)), waits=Waits(gathering=gathering, **waits), static=static)
    await service.start()
    try:
        yield Served(service)
    finally:
        await service.close()


def alive(*kinds: type) -> int:
    """How many objects of these classes there are, dead ones that wait for the collector of circles among them."""
    return sum(issubclass(type(found), kinds) for found in gc.get_objects())


def fields(frame: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those fields of a frame that are there."""
    return {name: frame[name] for name in names if name in frame}


def answer(response: HTTPResponse) -> Any:
    """The JSON body."""
    return json.loads(response.body)


async def refused(request: Any) -> tuple[str, dict[str, Any]]:
    """The code of the error that answers, and the frame."""
    with pytest.raises(ChatError) as caught:
        await request
    return caught.value.code, caught.value.frame


async def outcome(request: Any) -> str:
    """What came of a request: "ok" or why not."""
    try:
        await request
    except ChatError as error:
        return str(error.frame["message"])
    return "ok"
