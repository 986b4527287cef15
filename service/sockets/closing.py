"""The closing handshake without I/O (RFC 6455 sections 5.5.1, 7.1 and 7.4): what is said, awaited, skipped and cut.

`Connection` makes a `ClosingHandshake` at the first close frame, its own or the peer's, tells it what happens, and does
what it answers.
"""

import enum

from service.protocol import CloseCode
from service.sockets.framing import CLOSE, TOKEN_BYTES, FrameError, close_frame, parse_close

# Tokens' worth of what may come between our close frame and the peer's; past it nothing more is read.
FOLLOWING = 256

_NO_STATUS = 1005  # section 7.4.1: a close frame without a code


class State(enum.Enum):
    """What RFC 6455 calls a connection: sections 4.1, 7.1.3, 7.1.4."""

    CONNECTING = enum.auto()  # the handshake is accepted, its answer is not on its way yet
    OPEN = enum.auto()
    CLOSING = enum.auto()  # a close frame was sent or received: the closing handshake is started
    CLOSED = enum.auto()


class Step(enum.Flag):
    """What is to be done next."""

    NOTHING = 0
    STOP_READING = enum.auto()  # what comes now stays with the peer
    END_STREAM = enum.auto()  # say that nothing more comes from us (FIN), and wait for the peer to say the same
    CUT = enum.auto()  # close the socket


class ClosingHandshake:
    """One connection's, from the first close frame on.

    Our stream ends once our close frame is out and the peer's is here, or can't be found, or isn't worth the search:
    section 7.1.1 lets the server end the TCP connection, and clients take any sooner end for a broken one. The socket
    stays open behind it: to close it would reset our last bytes away, if the peer has sent anything that was not read.
    """

    __slots__ = ("_answered_again", "_awaiting", "_finder", "_peer_closed", "_sent", "code", "frame", "reason")

    def __init__(self, frame: bytes, code: int, reason: str, *, peer_closed: bool, framed: bool) -> None:
        self.frame = frame  # ours
        self.code = code  # what the connection is closed with, as its owner is told
        self.reason = reason
        self._finder = CloseFinder(framed)
        self._sent = False
        self._peer_closed = peer_closed
        self._answered_again = False
        self._awaiting = framed and not peer_closed

    @classmethod
    def ours(cls, code: int | None, reason: str) -> "ClosingHandshake":
        """We close. Without a code the frame has none, and 1000 is meant."""
        frame = close_frame(code, reason)
        return cls(frame, code or CloseCode.NORMAL, reason, peer_closed=False, framed=True)

    @classmethod
    def fail(cls, error: FrameError) -> "ClosingHandshake":
        """Section 7.1.7: say why. What follows can't be understood, or isn't worth the reading."""
        frame = close_frame(error.code, error.reason)
        return cls(frame, error.code, error.reason, peer_closed=False, framed=not error.lost)

    @classmethod
    def answer(cls, payload: bytes) -> "ClosingHandshake":
        """The peer closes, and its code is said back; one that is illegal, or a reason that is no text, is refused."""
        try:
            code, reason = parse_close(payload)
        except FrameError as error:
            frame = close_frame(error.code, error.reason)
            return cls(frame, error.code, error.reason, peer_closed=True, framed=False)
        return cls(close_frame(code), code or _NO_STATUS, reason, peer_closed=True, framed=True)

    def sent(self) -> Step:
        """Our close frame is out."""
        self._sent = True
        return Step.NOTHING if self._awaiting else Step.END_STREAM

    def look_through(self, rest: bytes) -> Step:
        """`rest` came in one read with what began this. Behind the peer's close it is nobody's."""
        return Step.NOTHING if self._peer_closed else self.receive(rest)

    def receive(self, data: bytes) -> Step:
        """`data` came, as one read took it."""
        if self._peer_closed:
            # websocket-client answers the answer to its own close, and so once more.
            again, self._answered_again = self._answered_again, True
            return Step.CUT if again else Step.NOTHING
        if self._finder.feed(data):
            self._peer_closed = True
            return self._await_no_more()
        if self._finder.exhausted:
            return Step.STOP_READING | self._await_no_more()
        return Step.NOTHING

    def _await_no_more(self) -> Step:
        awaited, self._awaiting = self._awaiting, False
        return Step.END_STREAM if awaited and self._sent else Step.NOTHING


class CloseFinder:
    """What the peer sends behind our close frame: skipped, frame by frame, up to its own.

    Section 5.5.1 lets what was under way come first, whatever it is; it is neither kept nor unmasked, and `FOLLOWING`
    bounds how much of it there may be. Without `framed` only that is counted: no close frame can be found any more.
    """

    __slots__ = ("_head", "_skip", "_tokens", "framed")

    def __init__(self, framed: bool) -> None:
        self.framed = framed
        self._head = b""  # of a frame: not all of it has come
        self._skip = 0  # bytes of a payload still to come
        self._tokens: float = FOLLOWING

    @property
    def exhausted(self) -> bool:
        """Whether so much came that nothing more is worth reading."""
        return self._tokens <= 0

    def feed(self, data: bytes) -> bool:
        """Whether the peer's close frame begins in what has come so far."""
        self._tokens -= len(data) / TOKEN_BYTES
        if not self.framed:
            return False
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        data = self._head + data[skipped:]
        at = 0
        while len(data) - at >= 2 and not self.exhausted:
            if data[at] & 0x0F == CLOSE:
                return True
            length = data[at + 1] & 0x7F
            payload_at = at + 6 + {126: 2, 127: 8}.get(length, 0)
            if len(data) < payload_at:
                break
            if length >= 126:
                length = int.from_bytes(data[at + 2 : payload_at - 4], "big")
            self._tokens -= 1
            at = min(payload_at + length, len(data))
            self._skip = payload_at + length - at
        self._head = b"" if self.exhausted else data[at:]
        return False
