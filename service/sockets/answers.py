"""HTTP answers: the id of the request, a deadline, and their share of the budget for unsent bytes while they wait.

A socket's own `Connection` sees to that by itself; here Tornado's stream holds the bytes. Requests of one connection
are worked off one after the other, the next once the answer is taken, so an answer is all that waits on a connection.
"""

import asyncio
import re
import secrets
import socket
import time
from contextvars import Token
from typing import Any, ClassVar

from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream
from tornado.web import RequestHandler

from service.limits import Counts
from service.logs import REQUEST_ID
from service.sockets import tornado_private
from service.sockets.limits import SocketLimits
from service.sockets.unsent import RESET, Budget

REQUEST_ID_HEADER = "X-Request-Id"
REQUEST_ID_FORM = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")  # what proxies and tracers make; no token is that short


def request_id(headers: HTTPHeaders) -> str:
    """The id that a proxy or the client gave the request, if it can be one that is written on; else a new one."""
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if REQUEST_ID_FORM.fullmatch(given) else secrets.token_hex(16)


def _method(handler: type[RequestHandler], name: str) -> object:
    return getattr(handler, name.lower())


class Answer:
    """What of an answer the kernel did not take at once."""

    __slots__ = ("_budget", "_size", "_stream", "_timer")

    def __init__(self, stream: IOStream, seconds: float, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget
        self._size = tornado_private.unsent_bytes(stream)
        self._timer = asyncio.get_running_loop().call_later(seconds, self.shed)
        self._budget.keep(self, self._size)
        tornado_private.when_sent(stream, self._taken)

    def shed(self) -> None:
        """Cut the connection; a reset, lest what the kernel holds stays for as long as the peer likes."""
        if self._stream.socket is not None:
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._stream.close()
        self._taken()

    def _taken(self, _: object = None) -> None:
        self._timer.cancel()
        self._budget.free(self, self._size)
        self._size = 0


class AnswerHandler(RequestHandler):
    """A handler whose answers have a deadline, and the request's id, as the lines of the log that come of it."""

    clients: ClassVar[Counts] = Counts()  # requests under way, by client
    under_way: ClassVar[set[asyncio.Task[Any]]] = set()  # what works on requests
    limits: SocketLimits
    refused = ""  # why, in a word, where that is the answer
    request_id = ""
    _client: str | None = None
    _outside: Token[str] | None = None  # the context of the log before the request's

    def set_default_headers(self) -> None:
        self.request_id = self.request_id or request_id(self.request.headers)
        self.set_header(REQUEST_ID_HEADER, self.request_id)

    def prepare(self) -> None:
        """A task of its own begins, whose lines have the id from here on."""
        self._outside = REQUEST_ID.set(self.request_id)
        task = asyncio.current_task()
        assert task is not None
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    @classmethod
    async def all_answered(cls, seconds: float) -> None:
        """Wait until every request is answered, and break off those that take longer, which are told so."""
        deadline = time.monotonic() + seconds
        while cls.under_way and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        late = list(cls.under_way)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def leave_request(self) -> None:
        """What comes is not the request's any more: a socket lives on."""
        if self._outside is not None:
            REQUEST_ID.reset(self._outside)
            self._outside = None

    def initialize(self, limits: SocketLimits) -> None:
        self.limits = limits

    @classmethod
    def methods(cls) -> list[str]:
        """Those that it answers."""
        answered = [name for name in cls.SUPPORTED_METHODS if _method(cls, name) is not _method(RequestHandler, name)]
        return [name for name in answered if name != "HEAD" or "GET" in answered]  # HEAD is as GET, where that is

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Tornado's word for a request that is broken off is 500 without a reason, which would be a fault of ours."""
        super().send_error(status_code if kwargs else 503, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what may be asked instead (RFC 9110 section 15.5.6), and nothing of Tornado's own page."""
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.methods()))
        self.write_refusal(status_code, kwargs.get("exc_info", (None, None, None))[1])

    def write_refusal(self, status: int, error: BaseException | None) -> None:
        """The answer's body, and its end."""
        raise NotImplementedError

    def count(self, client: str, limit: int) -> bool:
        """Count the request for `client` until its answer is taken; False where that would be over `limit`."""
        if self.clients[client] >= limit:
            return False
        self._client = client
        self.clients.add(client)
        return True

    def on_finish(self) -> None:
        if self._client is None:
            return
        stream, client = tornado_private.stream_of(self.request), self._client
        if stream.writing():
            tornado_private.when_sent(stream, lambda _: self.clients.remove(client))
        else:
            self.clients.remove(client)

    def flush(self, include_footers: bool = False) -> "asyncio.Future[None]":
        """As Tornado's, through which each answer goes, whole or in pieces."""
        written = super().flush(include_footers)
        stream = tornado_private.stream_of(self.request)
        if stream.writing():
            Answer(stream, self.limits.answer_deadline, self.limits.unsent_total)
        return written
