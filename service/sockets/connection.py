"""A socket after its upgrade: written to without futures, bounded, strict.

Measured on one core with 1,000 sockets: Tornado's `write_message` costs 18 to 27 µs a delivery, `Connection.write` 2.7
to 3.8 µs, of which the kernel's send is 2.1; and a connection without IOStream, WebSocketProtocol13 and its read task
keeps a third of the memory.
"""

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, cast

from service.logs import fields
from service.protocol import CloseCode
from service.sockets import framing
from service.sockets.closing import ClosingHandshake, State, Step
from service.sockets.framing import FrameError, FrameParser
from service.sockets.limits import SocketLimits
from service.sockets.unsent import RESET

logger = logging.getLogger(__name__)

SHED_BYTES = 16384  # that may still go out to a socket which is shed; with more it is cut
READ_TOKENS = 0.25  # what a read costs that completes no frame, in frames
CALM_RATE, CALM_BURST = 5.0, 100.0  # frames that a socket may send whatever its neighbours of one address do
CROWDED_BYTES = 600  # a read of more may hold over CALM_BURST frames: what it may cost is asked before, not only after
PONGS = 32  # pings of one read that are answered
PIECE_BYTES = 16384  # as which larger writes are kept
SEND_BUFFER = 131072  # SO_SNDBUF, bytes (Linux doubles it): else the kernel hides 4 MiB a socket from UNSENT_LIMIT
_ABNORMAL = 1006  # RFC 6455 section 7.4.1: an end without a close frame


def _pieces(data: bytes, sent: int = 0) -> list[memoryview]:
    """What of a write is unsent, the last first: whole where it is small and may be other sockets' too, else cut up.

    Pages kept whole, each of its own length, left holes in the heap that no other fitted in: 21 MiB for 8 that waited,
    14 with these (200 readers that never read, tests/attacks). And what the peer took of a page is free.
    """
    if len(data) <= PIECE_BYTES:
        return [memoryview(data)[sent:]]
    return [memoryview(data[start : start + PIECE_BYTES]) for start in range(sent, len(data), PIECE_BYTES)][::-1]


class Owner:
    """Whom a connection tells what happens to it. By itself it does nothing."""

    __slots__ = ()

    def on_message(self, message: str | bytes) -> object:
        """A whole message: text or binary."""

    def on_congested(self) -> None:
        """More than UNSENT_LIMIT waits for the peer; write no durable frames until `on_drained`."""

    def on_drained(self) -> None:
        """The peer took everything."""

    def on_connection_end(self, code: int, reason: str) -> None:
        """The connection is closed or closing; nothing more comes and nothing more can be sent."""


_NOBODY = Owner()


class Connection:
    """One socket after its upgrade. Reads whole messages, writes whole frames, never blocks, never awaits.

    Unsent bytes are bounded by what the owner does in `on_congested`: past `limits.unsent_bytes` it must stop writing
    durable frames until `on_drained`; until then nothing is read from the peer either, so its requests can't add to the
    answers that wait for it. All connections share one budget, `limits.unsent_total`.

    What the peer sends costs it tokens: one a frame of any kind, and one for every TOKEN_BYTES; who has none left is
    closed 1008. Past CALM_RATE it draws on those of its address, too, which many sockets share.
    """

    __slots__ = (
        "_address",
        "_calm_until",
        "_closing",
        "_fd",
        "_limits",
        "_loop",
        "_paid_until",
        "_parser",
        "_send",
        "_socket",
        "_state",
        "_unsent",
        "congested",
        "heard_at",
        "owner",
        "progress_at",
        "unsent_bytes",
    )

    # Whose close frame is on its way or unanswered, oldest first, and what will cut them.
    closing: ClassVar[dict["Connection", asyncio.TimerHandle]] = {}

    def __init__(
        self,
        sock: socket.socket,
        parser: FrameParser,
        limits: SocketLimits,
        greeting: bytes = b"",
        address: str = "",
    ) -> None:
        """`greeting` goes out with what is written before `start`, in one system call; `address` is the peer's."""
        self._socket = sock
        self._fd = sock.fileno()
        self._send: Callable[[Any], int] = sock.send
        self.owner: Owner = _NOBODY
        self._parser = parser
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[list[memoryview]] | None = deque((_pieces(greeting),))  # by the write
        self._state = State.CONNECTING
        self._closing: ClosingHandshake | None = None  # from CLOSING on
        self._address = address
        self._paid_until = self._calm_until = 0.0  # as TokenBucket keeps it; two objects less a socket
        self.unsent_bytes = len(greeting)
        self._limits.unsent_total.keep(self, len(greeting))
        self.congested = False
        self.heard_at = self.progress_at = time.monotonic()

    def start(self, received: bytes) -> None:
        """Begin to read; `received` is what the peer sent right behind its handshake."""
        if self._state is State.CLOSED:
            return
        if self._state is State.CONNECTING:
            self._state = State.OPEN
        # By descriptor: asked for an unknown socket object, the selector formats its repr, two system calls.
        self._loop.add_reader(self._fd, self._on_readable)
        written = b"".join(piece for pieces in self._unsent or () for piece in reversed(pieces))
        self._unsent = deque((_pieces(written),))
        self._on_writable()
        if self._unsent is not None:
            self._loop.add_writer(self._fd, self._on_writable)
        if received and self._state is not State.CLOSED:
            self._receive(received)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written: closed, or closing."""
        return self._state is State.CLOSING or self._state is State.CLOSED

    # -- writing

    def write(self, data: bytes) -> None:
        """Write whole frames. What the kernel doesn't take now is kept and sent when it can be."""
        if self._unsent is None:
            if self._state is not State.OPEN:
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
        elif self._state is State.CLOSING:
            return
        else:
            self._unsent.append(_pieces(data))
            self.unsent_bytes += len(data)
            self._limits.unsent_total.keep(self, len(data))
        if self.unsent_bytes > self._limits.unsent_bytes and not self.congested:
            self.congested = True
            self._loop.remove_reader(self._fd)
            self.owner.on_congested()

    def _keep(self, data: bytes, sent: int) -> None:
        self._unsent = deque((_pieces(data, sent),))
        self.unsent_bytes = len(data) - sent
        self._limits.unsent_total.keep(self, self.unsent_bytes)
        self.progress_at = time.monotonic()
        self._loop.add_writer(self._fd, self._on_writable)

    def _on_writable(self) -> None:
        assert self._unsent is not None
        try:
            while self._unsent:
                pieces = self._unsent[0]
                while pieces:
                    sent = self._send(pieces[-1])
                    self.unsent_bytes -= sent
                    self._limits.unsent_total.progress(self, sent)
                    self.progress_at = time.monotonic()
                    if sent < len(pieces[-1]):
                        pieces[-1] = pieces[-1][sent:]
                        return
                    pieces.pop()
                self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._lost()
            return
        self._unsent = None
        self._limits.unsent_total.free(self, 0)
        self._loop.remove_writer(self._fd)
        if self._closing is not None:
            self._follow(self._closing.sent())
        elif self.congested:
            self.congested = False
            self._loop.add_reader(self._fd, self._on_readable)
            self.owner.on_drained()

    def write_ping(self, data: bytes = b"") -> None:
        """A ping, unless older bytes still wait for the peer: those are as good a sign of life to routers."""
        if self._unsent is None:
            self.write(framing.frame(data, framing.PING))

    # -- reading

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(self._limits.read_bytes)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._receive(data)
        else:
            self._lost()

    def _receive(self, data: bytes) -> None:
        if self._closing is not None:
            self._follow(self._closing.receive(self._parser.rest() + data))
            return
        try:
            self._take(data)
        except FrameError as error:
            self._start_closing(ClosingHandshake.fail(error))
        except Exception:
            logger.exception("a message failed", extra=fields("message_failed", network=self._address))
            self.close(CloseCode.RESTART, "the server failed")
        self._look_through()

    def _look_through(self) -> None:
        """Find the peer's close in the rest of the read in which the closing began."""
        if self._closing is not None and self._state is State.CLOSING:
            self._follow(self._closing.look_through(self._parser.rest()))

    def _take(self, data: bytes) -> None:
        """Read what came while open, and let the peer pay for it. Raises `FrameError`."""
        parser = self._parser
        now = time.monotonic()
        tokens = parser.tokens = self._tokens(now, len(data))
        messages = parser.feed(data)
        pings = 0
        try:
            for opcode, payload in messages:
                # Only what is whole counts: a frame that never ends is silence.
                self.heard_at = now
                if opcode == framing.PING:
                    # Section 5.5.3 allows to answer only the latest ping: none while older bytes wait for the peer, and
                    # few of a flood, whose answers would cost five times what reading it does.
                    pings += 1
                    if self._unsent is None and pings <= PONGS:
                        self.write(framing.frame(cast(bytes, payload), framing.PONG))
                elif opcode == framing.CLOSE:
                    self._start_closing(ClosingHandshake.answer(cast(bytes, payload)))
                elif opcode != framing.PONG:
                    self.owner.on_message(payload)
                if self._state is not State.OPEN:
                    return
        finally:
            messages.close()  # now: what it has not taken is looked through for the peer's close
        if self._limits.frame_rate > 0:
            self._pay(now, (tokens - parser.tokens or READ_TOKENS) + len(data) / framing.TOKEN_BYTES)

    def _tokens(self, now: float, size: int) -> float:
        """How many frames may come in a read of `size` bytes. One that can't hold many pays afterwards alone."""
        if size <= CROWDED_BYTES or self._limits.frame_rate <= 0:
            return framing.UNLIMITED
        own = (now + self._limits.burst_seconds - max(now, self._paid_until)) * self._limits.frame_rate
        calm = CALM_BURST - max(0.0, self._calm_until - now) * CALM_RATE
        shared = calm + self._limits.address_frames.left(self._address, now)
        return min(own, shared) - size / framing.TOKEN_BYTES

    def _pay(self, now: float, tokens: float) -> None:
        """Raises `FrameError` when the socket has too few, or its address has and it is one of those who flood."""
        self._paid_until = max(now, self._paid_until) + tokens / self._limits.frame_rate
        if self._paid_until > now + self._limits.burst_seconds:
            raise FrameError(CloseCode.POLICY_VIOLATION, "too many frames")
        calm_until = max(now, self._calm_until) + tokens / CALM_RATE
        if calm_until <= now + CALM_BURST / CALM_RATE:
            self._calm_until = calm_until
        elif self._limits.address_frames.take(self._address, now, tokens):
            raise FrameError(CloseCode.POLICY_VIOLATION, "too many frames from this address")

    # -- the end

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Start the closing handshake: a close frame behind what is under way, and the peer's awaited for 5 seconds."""
        if not self.closed:
            self._start_closing(ClosingHandshake.ours(code, reason or ""))

    def _start_closing(self, closing: ClosingHandshake) -> None:
        self._closing = closing
        if self._unsent:
            # Writes that wait are dropped, a begun one must be finished for the close frame to be understood.
            before = self.unsent_bytes
            self._unsent = deque((self._unsent[0], [memoryview(closing.frame)]))
            self.unsent_bytes = sum(map(len, self._unsent[0])) + len(closing.frame)
            self._limits.unsent_total.progress(self, before - self.unsent_bytes)
        else:
            Connection.write(self, closing.frame)  # as it is, also where frames are written in another form
            if self.closed:
                return
        self._state = State.CLOSING
        if self.congested:
            self._loop.add_reader(self._fd, self._on_readable)  # for the peer's close
        self.closing[self] = self._loop.call_later(self._limits.close_timeout, self._lost)
        if len(self.closing) > self._limits.closing:  # who is refused counts in no other limit
            next(iter(self.closing))._lost()  # noqa: SLF001  # one of this class
        if self._unsent is None:
            self._follow(closing.sent())
        self._tell_end(closing.code, closing.reason)

    def _follow(self, step: Step) -> None:
        if Step.STOP_READING in step:
            self._loop.remove_reader(self._fd)
        if Step.END_STREAM in step:
            self._end_stream()
        if Step.CUT in step:
            self._lost()

    def _end_stream(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._lost()

    def shed(self) -> None:
        """The peer takes nothing, and the process needs the memory."""
        again = self._state is State.CLOSING
        self.close(CloseCode.TOO_SLOW, "too slow for too long")
        if again or self.unsent_bytes > SHED_BYTES:
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
        if self._state is State.CLOSED:
            return
        self._state = State.CLOSED
        timer = self.closing.pop(self, None)
        if timer is not None:
            timer.cancel()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        if self._unsent:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._socket.close()
        self._unsent = None
        self._limits.unsent_total.free(self, self.unsent_bytes)
        self.unsent_bytes = 0
        code, reason = (self._closing.code, self._closing.reason) if self._closing else (_ABNORMAL, "")
        self._tell_end(code, reason)

    def _tell_end(self, code: int, reason: str) -> None:
        """Once, and let go of the owner, which holds on to `write`: the collector of circles is rarely asked."""
        owner, self.owner = self.owner, _NOBODY
        owner.on_connection_end(code, reason)
