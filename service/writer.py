"""A socket after its upgrade: written to without futures, bounded, strict.

Measured on one core with 1,000 sockets: Tornado's `write_message` costs 18 to 27 µs a delivery, `Connection.write` 2.7
to 3.8 µs, of which the kernel's send is 2.1; and a connection without IOStream, WebSocketProtocol13 and its read task
keeps a third of the memory.
"""

import asyncio
import logging
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, cast

from service import framing
from service.framing import FrameError, FrameParser
from service.protocol import CloseCode

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT = 5.0  # seconds for the peer to answer a close before the socket is cut
READ_BYTES = 65536  # the most that one read takes, so that one busy peer can't hold up the loop
PONGS = 32  # pings of one read that are answered
SEND_BUFFER = 131072  # SO_SNDBUF, bytes (Linux doubles it): else the kernel hides 4 MiB a socket from UNSENT_LIMIT
# RFC 6455 section 7.4.1: a close frame without a code; an end without a close frame.
_NO_STATUS, _ABNORMAL = 1005, 1006
# RST at once instead of lingering in FIN_WAIT for a peer that doesn't read.
_RESET = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """Whom a connection tells what happens to it."""

    def on_message(self, message: str | bytes) -> object:
        """A whole message: text or binary."""

    def on_congested(self) -> None:
        """More than UNSENT_LIMIT waits for the peer; write no durable frames until `on_drained`."""

    def on_drained(self) -> None:
        """The peer took everything."""

    def on_connection_end(self, code: int, reason: str) -> None:
        """The connection is closed or closing; nothing more comes and nothing more can be sent."""


class Connection:
    """One socket after its upgrade. Reads whole messages, writes whole frames, never blocks, never awaits.

    Unsent bytes are bounded by what the owner does in `on_congested`: past `unsent_limit` the owner must stop writing
    durable frames until `on_drained`; until then nothing is read from the peer either, so its requests can't add to the
    answers that wait for it.
    """

    __slots__ = (
        "_closing",
        "_fd",
        "_loop",
        "_owner",
        "_parser",
        "_peer_done",
        "_reading",
        "_send",
        "_socket",
        "_timer",
        "_unsent",
        "close_code",
        "close_reason",
        "congested",
        "heard_at",
        "progress_at",
        "unsent_bytes",
    )

    unsent_limit: ClassVar[int] = 262144  # bytes; UNSENT_LIMIT
    closing: ClassVar[set["Connection"]] = set()  # those whose close frame is on its way or unanswered

    def __init__(self, sock: socket.socket, owner: Owner, parser: FrameParser, greeting: bytes = b"") -> None:
        """`greeting` goes out with what is written before `start`, in one system call."""
        self._socket: socket.socket | None = sock
        self._fd = sock.fileno()
        self._send: Callable[[Any], int] = sock.send
        self._owner: Owner | None = owner
        self._parser: FrameParser | None = parser
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[memoryview] | None = deque((memoryview(greeting),))
        self._closing = False
        self._peer_done = False
        self._reading = True
        self._timer: asyncio.TimerHandle | None = None
        self.unsent_bytes = len(greeting)
        self.congested = False
        self.heard_at = self.progress_at = time.monotonic()
        self.close_code: int | None = None
        self.close_reason = ""

    def start(self, received: bytes) -> None:
        """Begin to read; `received` is what the peer sent right behind its handshake."""
        assert self._socket is not None and self._unsent is not None
        # By descriptor: asked for an unknown socket object, the selector formats its repr, two system calls.
        self._loop.add_reader(self._fd, self._on_readable)
        self._unsent = deque((memoryview(b"".join(self._unsent)),))
        self._on_writable()
        if self._unsent is not None:
            self._loop.add_writer(self._fd, self._on_writable)
        if received and self._socket is not None:
            self._receive(received)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written: closed, or closing."""
        return self._closing or self._socket is None

    # -- writing

    def write(self, data: bytes) -> None:
        """Write whole frames. What the kernel doesn't take now is kept and sent when it can be."""
        if self._unsent is None:
            if self._closing:
                return
            try:
                sent = self._send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._lost()
                return
            if sent == len(data):
                return
            self._keep(data, sent)
        elif not self._closing:
            self._unsent.append(memoryview(data))
            self.unsent_bytes += len(data)
        if self.unsent_bytes > self.unsent_limit and not self.congested and self._owner is not None:
            self.congested = True
            self._pause()
            self._owner.on_congested()

    def _keep(self, data: bytes, sent: int) -> None:
        assert self._socket is not None
        self._unsent = deque((memoryview(data)[sent:],))
        self.unsent_bytes = len(data) - sent
        self.progress_at = time.monotonic()
        self._loop.add_writer(self._fd, self._on_writable)

    def _on_writable(self) -> None:
        assert self._unsent is not None and self._socket is not None
        try:
            while self._unsent:
                sent = self._send(self._unsent[0])
                self.unsent_bytes -= sent
                self.progress_at = time.monotonic()
                if sent < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][sent:]
                    return
                self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._lost()
            return
        self._unsent = None
        self._loop.remove_writer(self._fd)
        if self._closing:
            self._shut()
        elif self.congested:
            self.congested = False
            self._resume()
            if self._owner is not None:
                self._owner.on_drained()

    def write_ping(self, data: bytes = b"") -> None:
        """A ping, unless older bytes still wait for the peer: those are as good a sign of life to routers."""
        if self._unsent is None:
            self.write(framing.frame(data, framing.PING))

    # -- reading

    def _pause(self) -> None:
        if self._reading and self._socket is not None:
            self._reading = False
            self._loop.remove_reader(self._fd)

    def _resume(self) -> None:
        if not self._reading and self._socket is not None:
            self._reading = True
            self._loop.add_reader(self._fd, self._on_readable)

    def _on_readable(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._receive(data)
        else:
            self._lost()

    def _receive(self, data: bytes) -> None:
        if self._parser is None:
            return  # discarded: after an offence nothing can be understood any more
        pings = 0
        try:
            for opcode, payload in self._parser.feed(data):
                # Only what is whole counts: a frame that never ends is silence.
                self.heard_at = time.monotonic()
                if opcode == framing.CLOSE:
                    self._on_close_frame(cast(bytes, payload))
                    return
                if self._closing:
                    if self._parser is None:
                        return
                    continue
                if opcode == framing.PING:
                    # Section 5.5.3 allows to answer only the latest ping: none while older bytes wait for the peer, and
                    # few of a flood, whose answers would cost five times what reading it does.
                    pings += 1
                    if self._unsent is None and pings <= PONGS:
                        self.write(framing.frame(cast(bytes, payload), framing.PONG))
                elif opcode != framing.PONG and self._owner is not None:
                    self._owner.on_message(payload)
        except FrameError as error:
            self._parser = None
            self.close(error.code, error.reason)
        except Exception:
            logger.exception("a message failed")
            self.close(CloseCode.RESTART, "the server failed")

    # -- the end

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame behind what is under way, and cut the socket when the peer answers or in 5 seconds."""
        if self.closed:
            return
        self.close_code = self.close_code or code or CloseCode.NORMAL
        if code == CloseCode.POLICY_VIOLATION:
            self._parser = None  # a flood goes on for a while; it is not worth reading
        self.close_reason = self.close_reason or reason or ""
        self._farewell(framing.close_frame(code, reason or ""))

    def _farewell(self, data: bytes) -> None:
        if self._unsent:
            # Whole frames that wait are dropped, a begun one must be finished for the close frame to be understood.
            self._unsent = deque((self._unsent[0], memoryview(data)))
            self.unsent_bytes = len(self._unsent[0]) + len(data)
        else:
            self.write(data)
        self._closing = True
        self._resume()
        if self._socket is not None:
            self.closing.add(self)
            self._timer = self._loop.call_later(CLOSE_TIMEOUT, self._lost)
            if self._unsent is None:
                self._shut()
        self._tell_owner()

    def _on_close_frame(self, payload: bytes) -> None:
        code, reason = framing.parse_close(payload)
        self._parser = None
        self._peer_done = True
        if self._closing:
            self._lost()
            return
        self.close_code, self.close_reason = code or _NO_STATUS, reason
        self._farewell(framing.close_frame(code))

    def _shut(self) -> None:
        """Nothing more to send. Unless the peer is done too, read on: closing now would reset our last bytes away."""
        if self._peer_done:
            self._lost()
            return
        assert self._socket is not None
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._lost()

    def abort(self) -> None:
        """Cut the socket without a word."""
        self._lost()

    @classmethod
    async def all_closed(cls, seconds: float) -> None:
        """Wait until every close is answered, and cut those that take longer."""
        deadline = time.monotonic() + seconds
        while cls.closing and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(cls.closing):
            connection.abort()

    def _lost(self) -> None:
        if self._socket is None:
            return
        self.closing.discard(self)
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        if self._timer is not None:
            self._timer.cancel()
        if self._unsent:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()
        self._socket = self._parser = self._timer = None
        self._unsent = None
        self.unsent_bytes = 0
        self._closing = True
        self.close_code = self.close_code or _ABNORMAL
        self._tell_owner()

    def _tell_owner(self) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.on_connection_end(cast(int, self.close_code), self.close_reason)
