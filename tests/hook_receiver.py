"""An operator's receiver for the tests of service/hooks/: it verifies each request, keeps it, and answers as told."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

KEY = b"a key for tests alone, of 32 b!!"
SECRET = "whsec_" + base64.b64encode(KEY).decode()

Answer = tuple[int, bytes] | None
Behave = Callable[["Request"], Awaitable[Answer]]


class Request:
    """What came: `at` is when, by `time.monotonic`."""

    def __init__(self, handler: RequestHandler) -> None:
        self.at = time.monotonic()
        self.headers = dict(handler.request.headers.get_all())
        self.body = handler.request.body
        self.handler = handler

    @property
    def id(self) -> str:
        return self.headers["Webhook-Id"]

    @property
    def whole(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def type(self) -> str:
        return str(self.whole["type"])

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.whole["data"]
        return found

    def verified(self, key: bytes = KEY) -> bool:
        """By the specification's words, not by the service's code."""
        stamp = self.headers["Webhook-Timestamp"]
        signed = self.id.encode() + b"." + stamp.encode() + b"." + self.body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return expected in self.headers["Webhook-Signature"].split(" ") and abs(time.time() - int(stamp)) < 300


class HookReceiver:
    """`requests`: all that came, `taken`: what was answered 2xx. `behave` says what is answered; None is 204."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.taken: list[Request] = []
        self.under_way = self.most_under_way = 0
        self.behave: Behave = self.accept
        self.port = port
        self._server: HTTPServer | None = None
        self._leaving = asyncio.Event()

    async def accept(self, request: Request) -> Answer:
        return None

    def slowly(self, seconds: float) -> Behave:
        """After so long, or once the receiver stops."""

        async def behave(request: Request) -> Answer:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), seconds)
            return None

        return behave

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def env(self, **more: str) -> dict[str, str]:
        """Settings that have events sent here."""
        return {"WEBHOOK_URL": self.url, "WEBHOOK_SECRET": SECRET, "WEBHOOK_HTTP": "1"} | more

    def ask_env(self, **more: str) -> dict[str, str]:
        """Settings that have messages judged here."""
        return {"WEBHOOK_ASK_URL": self.url, "WEBHOOK_SECRET": SECRET, "WEBHOOK_HTTP": "1"} | more

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        sockets = bind_sockets(self.port, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self._server = HTTPServer(
            Application([(".*", _Handler, {"receiver": self})], log_function=lambda _: None), ssl_options=context
        )
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        """Nobody listens any more; who is answered at the moment is cut."""
        if self._server is not None:
            self._leaving.set()
            while self.under_way:
                await asyncio.sleep(0.01)
            self._leaving.clear()
            self._server.stop()
            await self._server.close_all_connections()
            self._server = None

    # -- what was taken

    def of(self, room: str, *types: str) -> list[Request]:
        """Those of a room, without resets unless they are asked for."""
        wanted = types or ("message", "edited", "removed", "reacted", "topic")
        return [one for one in self.taken if one.data.get("room") == room and one.type in wanted]

    def seqs(self, room: str) -> list[int]:
        """In the order of arrival, each once: as a receiver has them that knows ids."""
        return list(dict.fromkeys(one.data["seq"] for one in self.of(room)))


class _Handler(RequestHandler):
    def initialize(self, receiver: HookReceiver) -> None:
        self.receiver = receiver

    async def post(self) -> None:
        receiver, request = self.receiver, Request(self)
        receiver.requests.append(request)
        receiver.under_way += 1
        receiver.most_under_way = max(receiver.most_under_way, receiver.under_way)
        try:
            answer = await receiver.behave(request)
        finally:
            receiver.under_way -= 1
        if self._finished:
            return
        status, body = answer or (204, b"")
        self.set_status(status)
        if 200 <= status < 300:
            receiver.taken.append(request)
        with suppress(StreamClosedError):  # who asked has given up
            await self.finish(body or None)

    get = post


@asynccontextmanager
async def hook_receiver(context: ssl.SSLContext | None = None) -> AsyncIterator[HookReceiver]:
    """One, for the length of a block."""
    receiver = HookReceiver()
    await receiver.start(context)
    try:
        yield receiver
    finally:
        await receiver.stop()


def statuses(*codes: int) -> Behave:
    """Answers these, one after the other, then 204."""
    left = list(codes)

    async def behave(request: Request) -> Answer:
        return (left.pop(0), b"") if left else None

    return behave
