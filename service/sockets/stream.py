"""An event stream in the place of a WebSocket: an HTTP answer that goes on, and frames that come by requests.

What is written to a `Connection` are frames of RFC 6455, whoever it is that listens; here each becomes an event of a
`text/event-stream` (the HTML standard, "Server-sent events"). The bounds on unsent bytes, the budget, the deadlines and
the end are the connection's own.
"""

import enum
import logging
import math
import socket
import time
from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec import Struct

from service.logs import fields
from service.protocol import CloseCode, encode
from service.sockets import framing
from service.sockets.closing import ClosingHandshake
from service.sockets.connection import Connection
from service.sockets.framing import REASON_BYTES, FrameError, FrameParser
from service.sockets.limits import SocketLimits

logger = logging.getLogger(__name__)

PING_COMMENT = b": ping\n\n"  # a comment, which no reader shows
EVENT_TYPES = frozenset({"message", "edited", "removed", "reacted", "topic"})


class PostOutcome(enum.StrEnum):
    """What became of frames that were posted."""

    YES = "yes"  # now, or by an earlier request of the same number
    GONE = "gone"  # the stream is closed, or was never here
    SKIPPED = "skipped"  # a number before theirs is missing
    BEHIND = "behind"  # the reader takes too little of what it is answered; later, perhaps


class _Seen(Struct):
    """What of a frame makes the id of its event."""

    type: str
    room: str = ""
    epoch: str = ""
    seq: int = 0


_decoder = msgspec.json.Decoder(_Seen)


class StreamEnd(ClosingHandshake):
    """The close as an event. The reader has no way to answer it, but to let go of the connection."""

    __slots__ = ()

    def __init__(self, code: int, reason: str) -> None:
        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        said = encode({"code": code, "reason": short})
        event = b"event: close\ndata: " + said + b"\n\n"
        super().__init__(event, code, reason, peer_closed=False, framed=False)


def read_cursor(text: str) -> dict[str, tuple[str, int]]:
    """Epoch and seq by room, of an event's id: `room:epoch:seq`, one for each room, with commas between."""
    found = {}
    for part in text.split(","):
        room, _, position = part.partition(":")
        epoch, _, seq = position.rpartition(":")
        if epoch and seq.isascii() and seq.isdigit() and len(seq) <= 15:
            found[room] = (epoch, int(seq))
    return found


class EventStream(Connection):
    """One answer that goes on. `take` is where the client's frames come in, in the place of the socket's own bytes.

    With `rooms` durable events have an id, which is the cursor of all of them: whoever asks again with the last one it
    saw (`Last-Event-ID`) goes on from there.
    """

    __slots__ = ("__weakref__", "_cursor", "_number")

    # What was written last to any of them, as frames and as events: a room writes the same to each member.
    _translated: ClassVar[tuple[bytes, bytes]] = (b"", b"")

    def __init__(
        self, sock: socket.socket, limits: SocketLimits, head: bytes, address: str = "", *, rooms: bool = False
    ) -> None:
        """`head`: status line and headers of the answer, which go out with what is written before `start`."""
        super().__init__(sock, FrameParser(limits.frame_bytes), limits, head, address)
        self.heard_at = math.inf  # no ping is answered here: a peer that is gone takes no bytes
        self._cursor: dict[str, tuple[str, int]] | None = {} if rooms else None
        self._number = 0  # of the last request whose frames were taken

    # -- to the client

    def write(self, data: bytes) -> None:
        """Write whole frames, as events."""
        super().write(self._shared(data) if self._cursor is None else self._numbered(self._cursor, data))

    def write_ping(self, data: bytes = b"") -> None:
        if self._unsent is None:
            super().write(PING_COMMENT)

    @classmethod
    def _shared(cls, data: bytes) -> bytes:
        frames, events = cls._translated
        if frames is not data:
            events = b"".join(b"data: " + payload + b"\n\n" for payload in framing.payloads(data))
            EventStream._translated = (data, events)
        return events

    @classmethod
    def _numbered(cls, cursor: dict[str, tuple[str, int]], data: bytes) -> bytes:
        events = b""
        for payload in framing.payloads(data):
            if cls._follow_cursor(cursor, payload):
                place = ",".join(f"{room}:{epoch}:{seq}" for room, (epoch, seq) in cursor.items())
                events += b"id: " + place.encode() + b"\n"
            events += b"data: " + payload + b"\n\n"
        return events

    @staticmethod
    def _follow_cursor(cursor: dict[str, tuple[str, int]], payload: bytes) -> bool:
        """Whether the frame moved it."""
        try:
            seen = _decoder.decode(payload)
        except msgspec.ValidationError:  # a frame whose fields of these names are others
            return False
        if seen.type == "joined":
            cursor[seen.room] = (seen.epoch, seen.seq)
        elif seen.type in EVENT_TYPES and seen.room in cursor:
            cursor[seen.room] = (cursor[seen.room][0], seen.seq)
        elif seen.type in ("left", "reset"):
            return cursor.pop(seen.room, None) is not None
        else:
            return False
        return True

    # -- from the client

    def take(self, frames: Sequence[str], number: int = 0) -> PostOutcome:
        """Frames that came by a request, in their order, all or none.

        `number` counts such requests from 1, so that one whose answer was lost may be sent again; 0: it isn't counted.
        They cost what a socket's frames cost, each time.
        """
        if self.closed:
            return PostOutcome.GONE
        try:
            self._check(frames)
        except FrameError as error:
            self.close(error.code, error.reason)
            return PostOutcome.GONE
        if 0 < number <= self._number:
            return PostOutcome.YES
        if number > self._number + 1:
            return PostOutcome.SKIPPED
        if self.congested:
            return PostOutcome.BEHIND
        self._number = number or self._number
        try:
            for text in frames:
                self.owner.on_message(text)
                if self.closed:
                    break
        except Exception:
            logger.exception("a message failed", extra=fields("message_failed", network=self._address))
            self.close(CloseCode.RESTART, "the server failed")
        return PostOutcome.YES

    def _check(self, frames: Sequence[str]) -> None:
        """Let them be paid for. Raises `FrameError` for more than may be sent."""
        sizes = [len(text.encode()) for text in frames]
        if max(sizes, default=0) > self._limits.frame_bytes:
            raise FrameError(CloseCode.TOO_BIG, f"message over {self._limits.frame_bytes} bytes")
        if self._limits.frame_rate > 0:
            self._pay(time.monotonic(), len(sizes) + sum(sizes) / framing.TOKEN_BYTES)

    def _receive(self, data: bytes) -> None:
        """The request was whole: nothing may come behind it on this connection."""
        self.abort()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Say why, and end the answer behind it."""
        if not self.closed:
            self._start_closing(StreamEnd(code or CloseCode.NORMAL, reason or ""))
