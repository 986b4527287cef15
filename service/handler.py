"""What every answer over HTTP has: its headers, redirects to https, errors as JSON, refusals that are paced."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable
from functools import partial
from http.client import responses
from types import TracebackType
from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream
from tornado.routing import Matcher
from tornado.web import HTTPError, stream_request_body

from service import protocol
from service.identity import headers
from service.logs import fields
from service.node import NodeHandler
from service.samples import SAMPLES
from service.sockets.answers import AnswerHandler
from service.sockets.tornado_private import answer_headers, stream_of

logger = logging.getLogger(__name__)

CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    503: "unavailable",
}
JSON_HEADERS = (("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store"))
PREFLIGHT_HEADERS = (
    # All that some path answers, at every path: a page can read a 405 only if it may ask.
    ("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-Id"),
    ("Access-Control-Max-Age", "600"),
)
REFUSALS_LIMIT = 5  # answers 429 in a row on one connection; with one more it is closed
BODY_DROPPED = 64  # times that: bytes of a body that are read only to answer 413; more is cut
BODY_WAIT = 2.0  # seconds for such a body to go by


class ApiError(HTTPError):
    """Answers `{"error":{"code","message"}}`."""

    def __init__(self, status: int, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(status, log_message=None)
        self.code = code
        self.sentence = message
        self.retry_after = retry_after


class Handler(NodeHandler, AnswerHandler):
    """Headers of every answer, redirects to https, errors as JSON."""

    insecure = False  # whether it may be answered over http where https is forced: the router's own checks
    _refusals: ClassVar[WeakKeyDictionary[IOStream, int]] = WeakKeyDictionary()  # in a row, by connection

    def initialize(self) -> None:  # type: ignore[override]
        super().initialize(self.node.socket_limits)

    def set_default_headers(self) -> None:
        super().set_default_headers()
        scheme = self.node.proxies.scheme(self.request)
        for name, value in headers.security_headers(scheme, self.node.admission.force_https).items():
            self.set_header(name, value)
        for name, value in self.node.origins.cors_headers(self.request).items():
            self.set_header(name, value)
        self.clear_header("Server")

    def prepare(self) -> None:
        super().prepare()
        admission = self.node.admission
        if self.request.method == "OPTIONS" and "Access-Control-Allow-Origin" in answer_headers(self):
            # Whatever would be refused: a page can read why only after a preflight that succeeds.
            self.answer_preflight()
            self.finish()
            return
        if limit := admission.requests_per_address:
            if not self.count(self.node.proxies.network(self.request), limit):
                raise ApiError(429, "rate_limited", "Too many requests at once from this address.", 1.0)
        if self.insecure or not admission.force_https:
            return
        if self.node.proxies.scheme(self.request) != "https":
            if self.request.method not in ("GET", "HEAD"):
                raise ApiError(403, "https_required", "Use https.")
            if not self.node.origins.serves(self.request.host):
                raise ApiError(403, "forbidden", "This host name is not served here.")
            self.redirect(f"https://{self.request.host}{self.request.uri}", permanent=True)

    def head(self, *args: str) -> Awaitable[None] | None:
        """As GET, without the body, which Tornado leaves out."""
        return self.get(*args)

    def answer_preflight(self) -> None:
        """CORS, for pages on ALLOWED_ORIGINS."""
        for name, text in PREFLIGHT_HEADERS:
            self.set_header(name, text)
        self.set_status(204)

    def on_finish(self) -> None:
        """Who goes on while it is refused must at least connect again: each request costs the loop 0.3 ms."""
        super().on_finish()
        stream = stream_of(self.request)
        if answer_headers(self).get("Connection") == "close":
            stream.close()
        elif self.get_status() == 429:
            self._refusals[stream] = self._refusals.get(stream, 0) + 1
        else:
            self._refusals.pop(stream, None)

    def log_exception(self, typ: Any, value: BaseException | None, tb: TracebackType | None) -> None:
        """Faults of ours, by path: Tornado's own line has the query, which may hold a secret put there by mistake.

        What clients do wrong is answered and not logged; anybody could fill the log with it.
        """
        if not isinstance(value, HTTPError):
            request = self.request
            extra = fields("request_failed", method=request.method, path=request.path)
            logger.error("%s %s failed", request.method, request.path, exc_info=value, extra=extra)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        answer = partial(super().send_error, status_code, **kwargs)
        network = self.node.proxies.network(self.request)
        if status_code == 429 and self.node.rates.refusals.take(network, time.monotonic()):
            pause = self.node.refusal_pause * random.uniform(0.5, 1.5)  # noqa: S311  # jitter, no secret
            asyncio.get_running_loop().call_later(pause, answer)
        else:
            answer()

    def write_refusal(self, status: int, error: BaseException | None) -> None:
        if isinstance(error, ApiError):
            code, message = error.code, error.sentence
            if error.retry_after is not None:
                self.set_header("Retry-After", str(max(1, math.ceil(error.retry_after))))
        else:
            code = CODES.get(status, "error")
            message = responses.get(status, "Unknown")
        self.refused = code
        if status == 429:
            SAMPLES.note("rate", message, network=self.node.proxies.network(self.request))
            stream = stream_of(self.request)
            if self._refusals.get(stream, 0) >= REFUSALS_LIMIT:
                self.set_header("Connection", "close")
        self.write_json({"error": {"code": code, "message": message}})

    def write_json(self, value: Any, status: int | None = None) -> None:
        if status is not None:
            self.set_status(status)
        for name, text in JSON_HEADERS:
            self.set_header(name, text)
        self.finish(protocol.encode(value))


class LargeBody(Matcher):
    """A body over the limit that is still worth reading to its end, so that the answer can be read."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        length = request.headers.get("Content-Length", "")
        known = length.isascii() and length.isdigit() and len(length) < 10
        return {} if known and self._limit_bytes < int(length) <= BODY_DROPPED * self._limit_bytes else None


@stream_request_body
class TooLarge(Handler):
    """413 for a large body, at once. The connection ends once the body has gone by: an earlier end loses the answer."""

    def initialize(self, limit_bytes: int) -> None:  # type: ignore[override]
        super().initialize()
        self._limit_bytes = limit_bytes

    def prepare(self) -> None:
        AnswerHandler.prepare(self)  # and nothing of what others are asked
        connection = cast(HTTP1Connection, self.request.connection)
        connection.set_max_body_size(BODY_DROPPED * self._limit_bytes)
        self._end = asyncio.get_running_loop().call_later(BODY_WAIT, connection.stream.close)
        answer = protocol.encode(
            {"error": {"code": "too_large", "message": f"The body is over {self._limit_bytes} bytes."}}
        )
        self.refused = "too_large"
        self.set_status(413)
        for name, value in (("Connection", "close"), ("Content-Length", str(len(answer))), *JSON_HEADERS):
            self.set_header(name, value)
        self.write(answer)
        self.flush()
        task = asyncio.current_task()
        assert task is not None
        self.under_way.discard(task)  # which waits for the rest of the body, to forget it

    def data_received(self, chunk: bytes) -> None:
        """It is not kept."""

    def gone_by(self, *args: str) -> None:
        self.finish()

    get = head = post = put = patch = delete = options = gone_by

    def on_finish(self) -> None:
        self._end.cancel()
        super().on_finish()
