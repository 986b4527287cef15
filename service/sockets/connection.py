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
from typing import Any, ClassVar, Protocol, cast

from service.protocol import CloseCode
from service.sockets import framing
from service.sockets.framing import CloseFinder, FrameError, FrameParser, State
from service.sockets.limits import SocketLimits
from service.sockets.unsent import RESET

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT = 5.0  # seconds for the peer to answer a close before the socket is cut
# Sockets that wait for that answer; past it the oldest goes without. Who is refused counts in no other limit.
CLOSING_LIMIT = 1000
SHED_BYTES = 16384  # that may still go out to a socket which is shed; with more it is cut
BURST_SECONDS = 10.0  # of frames that may come at once
READ_TOKENS = 0.25  # what a read costs that completes no frame, in frames
CALM_RATE, CALM_BURST = 5.0, 100.0  # frames that a socket may send whatever its neighbours of one address do
CROWDED_BYTES = 600  # a read of more may hold over CALM_BURST frames: what it may cost is asked before, not only after
READ_BYTES = 65536  # the most that one read takes, so that one busy peer can't hold up the loop
PONGS = 32  # pings of one read that are answered
SEND_BUFFER = 131072  # SO_SNDBUF, bytes (Linux doubles it): else the kernel hides 4 MiB a socket from UNSENT_LIMIT
# RFC 6455 section 7.4.1: a close frame without a code; an end without a close frame.
_NO_STATUS, _ABNORMAL = 1005, 1006


def _rest(data: bytes | memoryview, sent: int) -> memoryview:
    """What of `data` is unsent, without keeping more than twice as much in memory for it."""
    view = memoryview(data)[sent:]
    return view if 2 * len(view) >= len(view.obj) else memoryview(bytes(view))  # type: ignore[arg-type]


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

    Unsent bytes are bounded by what the owner does in `on_congested`: past `limits.unsent_bytes` it must stop writing
    durable frames until `on_drained`; until then nothing is read from the peer either, so its requests can't add to the
    answers that wait for it. All connections share one budget, `limits.unsent_total`.

    What the peer sends costs it tokens: one a frame of any kind, and one for every TOKEN_BYTES; who has none left is
    closed 1008. Past CALM_RATE it draws on those of its address, too, which many sockets share.
    """

    __slots__ = (
        "_address",
        "_calm_until",
        "_close_received",
        "_fd",
        "_limits",
        "_loop",
        "_owner",
        "_paid_until",
        "_parser",
        "_reading",
        "_send",
        "_socket",
        "_state",
        "_timer",
        "_unsent",
        "close_code",
        "close_reason",
        "congested",
        "heard_at",
        "progress_at",
        "unsent_bytes",
    )

    closing: ClassVar[dict["Connection", None]] = {}  # whose close frame is on its way or unanswered, oldest first

    def __init__(
        self,
        sock: socket.socket,
        owner: Owner,
        parser: FrameParser,
        limits: SocketLimits,
        greeting: bytes = b"",
        address: str = "",
    ) -> None:
        """`greeting` goes out with what is written before `start`, in one system call; `address` is the peer's."""
        self._socket: socket.socket | None = sock
        self._fd = sock.fileno()
        self._send: Callable[[Any], int] = sock.send
        self._owner: Owner | None = owner
        self._parser: FrameParser | CloseFinder | None = parser
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[memoryview] | None = deque((memoryview(greeting),))
        self._state = State.OPEN
        self._close_received = False
        self._reading = True
        self._timer: asyncio.TimerHandle | None = None
        self._address = address
        self._paid_until = self._calm_until = 0.0  # as TokenBucket keeps it; two objects less a socket
        self.unsent_bytes = len(greeting)
        self._limits.unsent_total.keep(self, len(greeting))
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
        return self._state is not State.OPEN

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
        elif self._state is State.OPEN:
            self._unsent.append(memoryview(data))
            self.unsent_bytes += len(data)
            self._limits.unsent_total.keep(self, len(data))
        if self.unsent_bytes > self._limits.unsent_bytes and not self.congested and self._owner is not None:
            self.congested = True
            self._pause()
            self._owner.on_congested()

    def _keep(self, data: bytes, sent: int) -> None:
        assert self._socket is not None
        self._unsent = deque((_rest(data, sent),))
        self.unsent_bytes = len(data) - sent
        self._limits.unsent_total.keep(self, self.unsent_bytes)
        self.progress_at = time.monotonic()
        self._loop.add_writer(self._fd, self._on_writable)

    def _on_writable(self) -> None:
        assert self._unsent is not None and self._socket is not None
        try:
            while self._unsent:
                sent = self._send(self._unsent[0])
                self.unsent_bytes -= sent
                self._limits.unsent_total.progress(self, sent)
                self.progress_at = time.monotonic()
                if sent < len(self._unsent[0]):
                    self._unsent[0] = _rest(self._unsent[0], sent)
                    return
                self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._lost()
            return
        self._unsent = None
        self._limits.unsent_total.free(self, 0)
        self._loop.remove_writer(self._fd)
        if self._state is State.CLOSING:
            self._close_sent()
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
        if self._state is State.OPEN:
            try:
                self._take(data)
            except FrameError as error:
                self._fail(error)
            except Exception:
                logger.exception("a message failed")
                self.close(CloseCode.RESTART, "the server failed")
            data = b""
        if self._state is State.CLOSING:
            self._await_close(data)

    def _take(self, data: bytes) -> None:
        """Read what came while open, and let the peer pay for it. Raises `FrameError`."""
        parser = cast(FrameParser, self._parser)
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
                    self._on_close_frame(cast(bytes, payload))
                elif opcode != framing.PONG and self._owner is not None:
                    self._owner.on_message(payload)
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
        own = (now + BURST_SECONDS - max(now, self._paid_until)) * self._limits.frame_rate
        calm = CALM_BURST - max(0.0, self._calm_until - now) * CALM_RATE
        shared = calm + self._limits.address_frames.left(self._address, now)
        return min(own, shared) - size / framing.TOKEN_BYTES

    def _pay(self, now: float, tokens: float) -> None:
        """Raises `FrameError` when the socket has too few, or its address has and it is one of those who flood."""
        self._paid_until = max(now, self._paid_until) + tokens / self._limits.frame_rate
        if self._paid_until > now + BURST_SECONDS:
            raise FrameError(CloseCode.POLICY_VIOLATION, "too many frames")
        calm_until = max(now, self._calm_until) + tokens / CALM_RATE
        if calm_until <= now + CALM_BURST / CALM_RATE:
            self._calm_until = calm_until
        elif self._limits.address_frames.take(self._address, now, tokens):
            raise FrameError(CloseCode.POLICY_VIOLATION, "too many frames from this address")

    # -- the end

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Start the closing handshake: a close frame behind what is under way, and the peer's awaited for 5 seconds.

        Section 7.1.1: then it is the server that ends the TCP connection. Any sooner, and clients take the end for a
        broken connection.
        """
        if self._state is not State.OPEN:
            return
        self.close_code = self.close_code or code or CloseCode.NORMAL
        self.close_reason = self.close_reason or reason or ""
        self._farewell(framing.close_frame(code, reason or ""))

    def _fail(self, error: FrameError) -> None:
        """Section 7.1.7: say why; what follows can't be understood, or isn't worth the reading."""
        if error.lost:
            self._parser = CloseFinder(framed=False)
        self.close(error.code, error.reason)

    def _farewell(self, data: bytes) -> None:
        if self._unsent:
            # Whole frames that wait are dropped, a begun one must be finished for the close frame to be understood.
            before = self.unsent_bytes
            self._unsent = deque((self._unsent[0], memoryview(data)))
            self.unsent_bytes = len(self._unsent[0]) + len(data)
            self._limits.unsent_total.progress(self, before - self.unsent_bytes)
        else:
            self.write(data)
        if self._socket is not None:
            self._state = State.CLOSING
            self._resume()
            self.closing[self] = None
            if len(self.closing) > CLOSING_LIMIT:
                next(iter(self.closing))._lost()
            self._timer = self._loop.call_later(CLOSE_TIMEOUT, self._lost)
            if self._unsent is None:
                self._close_sent()
        self._tell_owner()

    def _on_close_frame(self, payload: bytes) -> None:
        self._close_received = True
        code, reason = framing.parse_close(payload)
        self.close_code, self.close_reason = code or _NO_STATUS, reason
        self._farewell(framing.close_frame(code))

    def _close_sent(self) -> None:
        """Our close frame is out: the connection ends with the peer's. One that can't be found is not waited for."""
        if self._close_received or (isinstance(self._parser, CloseFinder) and not self._parser.framed):
            self._end_stream()

    def _await_close(self, data: bytes) -> None:
        """Skip what the peer sends before its close frame, as long as that is worth the while."""
        if self._close_received:
            # What is behind it is nobody's. websocket-client answers the answer to its own close, and so once more.
            if data and self._parser is None:
                self._lost()
            elif data:
                self._parser = None
            return
        if isinstance(self._parser, FrameParser):
            data = self._parser.rest() + data
            self._parser = CloseFinder(framed=True)
        if self._parser is None:
            return
        if self._parser.feed(data):
            self._close_received = True
            if self._unsent is None:
                self._end_stream()
        elif self._parser.exhausted:
            self._pause()
            self._parser = None
            if self._unsent is None:
                self._end_stream()

    def _end_stream(self) -> None:
        """Say that nothing more comes from us, and wait for the peer to say the same (section 7.1.1).

        To close the socket now would reset our last bytes away, if the peer has sent anything that was not read.
        """
        assert self._socket is not None
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
        if self._socket is None:
            return
        self.closing.pop(self, None)
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        if self._timer is not None:
            self._timer.cancel()
        if self._unsent:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._socket.close()
        self._socket = self._parser = self._timer = None
        self._unsent = None
        self._limits.unsent_total.free(self, self.unsent_bytes)
        self.unsent_bytes = 0
        self._state = State.CLOSED
        self.close_code = self.close_code or _ABNORMAL
        self._tell_owner()

    def _tell_owner(self) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.on_connection_end(cast(int, self.close_code), self.close_reason)
