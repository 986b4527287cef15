"""Where WebSockets are blocked: an event stream for what comes, and requests for what is sent.

The handshake is that of sockets (`ChatHandler`), in the form that HTTP has for it, and so is all that follows: a
`Session`, which doesn't know over what it talks.
"""

import socket
from typing import cast

from service import signals
from service.api import Api
from service.chat import ChatHandler
from service.handler import PREFLIGHT_HEADERS, ApiError
from service.identity import headers
from service.protocol import ErrorCode, RequestError, encode
from service.session import Session
from service.sockets.answers import AnswerHandler
from service.sockets.connection import Connection
from service.sockets.stream import EventStream, PostOutcome, read_cursor
from service.sockets.upgrade import Refusal

_HEADERS = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-store, no-transform"),  # RFC 9111 section 5.2.2.6: not compressed on the way, either
    ("X-Accel-Buffering", "no"),  # nginx's and others': each event at once
    ("X-Content-Type-Options", "nosniff"),
    ("Connection", "close"),  # the answer has no length; it ends with the connection
)


class StreamHandler(ChatHandler):
    """`GET /events`, or POST of it: what a socket's frames are, as a stream of events.

    A page's `EventSource` can set no header and asks by GET; `fetch` may do either, and by POST says its Origin
    wherever it is. With `room` in the query, which may stand more than once, these rooms are joined at once.
    """

    _rooms: list[str]
    _since = ""

    def prepare(self) -> None:
        """Put what was said as HTTP has it into the words of a socket's handshake, for which all rules are made."""
        asked = self.request
        self._rooms = list(dict.fromkeys(self.get_query_arguments("room")))
        self._since = asked.headers.get("Last-Event-ID") or self.get_query_argument("since", "")
        if "Origin" not in asked.headers and asked.headers.get("Sec-Fetch-Site") == "same-origin":
            # A GET within one origin has no Origin; this header no page can set, nor a page elsewhere have.
            asked.headers["Origin"] = f"{self.node.proxies.scheme(asked)}://{asked.host}"
        ticket = headers.ticket(asked.headers) or self.get_query_argument("ticket", "")
        if ticket:
            asked.headers["Sec-WebSocket-Protocol"] = headers.TICKET_PREFIX + ticket
        if asked.method == "OPTIONS":
            AnswerHandler.prepare(self)  # whatever would be refused, a page can read why only after a preflight
        else:
            super().prepare()

    def options(self) -> None:
        """CORS, for pages on ALLOWED_ORIGINS."""
        for name, text in (*PREFLIGHT_HEADERS, *self.refusal_headers().items()):
            self.set_header(name, text)
        self.set_status(204)
        self.finish()

    async def get(self, *args: str, **kwargs: str) -> None:
        await self.enter()

    async def post(self) -> None:
        await self.enter()

    def head_of_answer(self) -> bytes:
        lines = [*_HEADERS, *self.refusal_headers().items()]
        return b"HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {text}\r\n" for name, text in lines).encode()

    def connect(self, sock: socket.socket, answer: bytes) -> Connection:
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: a peer that is gone is noticed by what it doesn't acknowledge
            deadline_ms = round(2000 * self.limits.answer_deadline)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, deadline_ms)
        return EventStream(sock, self.limits, answer, self.network, rooms=bool(self._rooms))

    async def identify(self) -> None:
        await self.node.mailbox.open()
        await super().identify()

    def begin(self, session: Session, unread: dict[str, int]) -> None:
        stream = cast(EventStream, session.connection)
        session.open(unread, self.node.mailbox.add(stream))
        seen = read_cursor(self._since)
        for room in self._rooms:
            since = {"since": {"epoch": seen[room][0], "seq": seen[room][1]}} if room in seen else {}
            join = {"type": "join", "room": room, "events": ["topic"]} | since
            session.on_message(encode(join).decode())


class FramesHandler(Api):
    """`POST /events/frames`: what a client sends, whose frames come by an event stream.

    The bearer token is `session` of the stream's `welcome`. The body has a frame on each line. `n` in the query counts
    the requests of a stream from 1: one whose answer was lost may be sent again. Answers stand in the stream.
    """

    def refusal(self) -> Refusal | None:
        """Also while the process is leaving: until its streams are closed they serve as sockets do."""
        return self.node.admission.stranger(self.request, guests=True)

    @property
    def sends(self) -> bool:
        return True

    async def post(self) -> None:
        secret = headers.bearer(self.request.headers)
        if secret is None:
            raise ApiError(401, "unauthenticated", "The stream's `session` is needed as a bearer token.")
        frames, number = self._frames(), self.number("n", 0)
        network = self.node.proxies.network(self.request)
        taken = await self.node.mailbox.post(secret, frames, number, network)
        if taken is PostOutcome.GONE:
            raise ApiError(404, "not_found", "There is no such stream any more; open another.")
        if taken is PostOutcome.SKIPPED:
            raise RequestError(ErrorCode.BAD_REQUEST, f"n is {number}, and a number before it did not come")
        if taken is PostOutcome.BEHIND:
            raise RequestError(ErrorCode.RATE_LIMITED, "the stream's reader is behind", 1.0)
        self.set_status(204)
        self.clear_header("Content-Type")
        self.finish()

    def _frames(self) -> list[str]:
        try:
            lines = self.request.body.decode().split("\n")
        except UnicodeDecodeError:
            raise RequestError(ErrorCode.BAD_REQUEST, "the body is not UTF-8") from None
        frames = [line for line in lines if line.strip()]
        if not 0 < len(frames) <= signals.POSTED_LIMIT:
            raise RequestError(
                ErrorCode.BAD_REQUEST, f"the body has {len(frames)} frames, not 1 to {signals.POSTED_LIMIT}"
            )
        return frames
