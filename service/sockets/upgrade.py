"""The opening handshake, and the takeover: from the 101 on a `Connection` has the socket, and Tornado nothing of it.

No permessage-deflate: it costs ten times the memory a connection (165 KiB), and a kilobyte can unfold to a megabyte.
"""

import base64
import binascii
import hashlib
import logging
import socket
from http.client import responses
from types import TracebackType
from typing import Any, NamedTuple

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.web import HTTPError

from service.logs import fields
from service.sockets import tornado_private
from service.sockets.answers import REQUEST_ID_HEADER, AnswerHandler
from service.sockets.connection import Connection
from service.sockets.framing import FrameParser

logger = logging.getLogger(__name__)

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


class Refusal(NamedTuple):
    """Why somebody is not let in."""

    code: int  # of HTTP or, after the handshake, of the close
    sentence: str
    reason: str  # a word for the metrics


def asks_for_websocket(request: HTTPServerRequest) -> bool:
    """Whether its Upgrade header, a list in any case, has a WebSocket in it.

    RFC 9110 section 7.8: others in the list (h2c) may be ignored, and in HTTP/1.0 the whole header must be.
    """
    return request.version != "HTTP/1.0" and "websocket" in _options(request.headers, "Upgrade")


def _options(headers: HTTPHeaders, name: str) -> list[str]:
    return [option.strip().lower() for option in headers.get(name, "").split(",")]


class UpgradeHandler(AnswerHandler):
    """Answers the opening handshake, makes a `Connection` of the socket, and is done.

    A subclass says who may come, by RequestHandler's `prepare` and the methods here, and in `open` to whom the
    connection belongs.
    """

    network = ""  # where it comes from, as limits know it

    def open(self, connection: Connection) -> None:
        """Give the connection its owner, or close it. What is written here goes out with the handshake's answer."""
        raise NotImplementedError

    def clear(self) -> None:
        """As RequestHandler's, without the Date, which no handshake sends."""
        tornado_private.begin_answer(self)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """None: a subprotocol that wasn't offered must not be answered (RFC 6455 section 4.2.2)."""
        return None

    async def get(self, *args: str, **kwargs: str) -> None:
        """The opening handshake, RFC 6455 section 4.2.1. What is no WebSocket gets 400 or 426 and a sentence."""
        refusal = self._handshake_error()
        if refusal is not None:
            self.refuse(*refusal)
            return
        await self.enter()

    async def enter(self) -> None:
        """Let in who may come, and leave the socket to a connection."""
        await self.identify()
        late = self.late_refusal()
        if late is not None:
            self.refuse(*late)
            return
        answer = self.head_of_answer() + f"{REQUEST_ID_HEADER}: {self.request_id}\r\n\r\n".encode()
        self._take_over(self.detach(), answer)
        tornado_private.let_go(self)

    def head_of_answer(self) -> bytes:
        """Status line and headers that let a client in, without the request's id."""
        headers = self.request.headers
        offered = [part.strip() for part in headers.get("Sec-WebSocket-Protocol", "").split(",")]
        selected = self.select_subprotocol(offered)
        key = headers["Sec-WebSocket-Key"]
        accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        answer += b"Sec-WebSocket-Accept: " + accept + b"\r\n"
        if selected:
            answer += b"Sec-WebSocket-Protocol: " + selected.encode() + b"\r\n"
        self.set_status(101)
        return answer

    async def identify(self) -> None:
        """Find out who comes, between the handshake's checks and its answer."""

    def late_refusal(self) -> Refusal | None:
        """Why the handshake gets a status after all: what may have changed while `identify` waited."""
        return None

    def _handshake_error(self) -> tuple[int, str] | None:
        headers = self.request.headers
        if headers.get("Sec-WebSocket-Version") != "13":
            return 426, "This address speaks WebSocket, RFC 6455 (Sec-WebSocket-Version: 13)."
        if self.request.version == "HTTP/1.0":  # nginx's own, unless told otherwise
            return 400, "A WebSocket handshake needs HTTP/1.1; does a proxy on the way speak 1.0?"
        if not asks_for_websocket(self.request) or "upgrade" not in _options(headers, "Connection"):
            return 400, "A WebSocket handshake has the headers Upgrade: websocket and Connection: Upgrade."
        try:
            key = base64.b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 16:
            return 400, "A WebSocket handshake has a Sec-WebSocket-Key of 16 bytes in base64."
        return None

    def write_refusal(self, status: int, error: BaseException | None) -> None:
        self.refuse(status, responses.get(status, "Unknown"))

    def refuse(self, status: int, sentence: str, reason: str = "handshake") -> None:
        """Answer `status` instead of an upgrade; `reason` is a word for the metrics.

        Section 4.4: a version that isn't spoken learns which one is.
        Old drafts get here too: hixie-76 (Sec-WebSocket-Key1) sends no version at all.
        """
        self.refused = reason
        self.set_status(status)
        self.set_header("Sec-WebSocket-Version", "13")
        if status == 426:
            self.set_header("Upgrade", "websocket")
            self.set_header("Connection", "Upgrade")  # RFC 9110 section 7.8: the one not without the other
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        for name, value in self.refusal_headers().items():
            self.set_header(name, value)
        self.finish(sentence + "\n")

    def refusal_headers(self) -> dict[str, str]:
        """What a refusal carries beside: a page elsewhere may ask by `fetch` why it can't enter."""
        return {}

    def connect(self, sock: socket.socket, answer: bytes) -> Connection:
        """What has the socket from here on; `answer` is yet to be sent."""
        parser = FrameParser(self.limits.frame_bytes, self.limits.fragments)
        return Connection(sock, parser, self.limits, answer, self.network)

    def _take_over(self, stream: IOStream, answer: bytes) -> None:
        if stream.closed():
            return
        sock, received = tornado_private.take_socket(stream)
        # Tornado switches Nagle's algorithm on again after each response; it would hold a second frame for 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self.connect(sock, answer)
        self.leave_request()
        try:
            self.open(connection)
            connection.start(received)
        except Exception:
            # Tornado would answer 500 on a socket that is no longer its own.
            extra = fields("socket_failed", network=self.network, request_id=self.request_id)
            logger.exception("a socket failed to open", extra=extra)
            connection.abort()

    def log_exception(self, typ: Any, value: BaseException | None, tb: TracebackType | None) -> None:
        """By path: Tornado's own line has the query, which may hold a ticket put there by mistake."""
        if not isinstance(value, HTTPError):
            extra = fields("request_failed", path=self.request.path, network=self.network or None)
            logger.error("%s failed", self.request.path, exc_info=value, extra=extra)
