"""A good client, as docs/protocol.md asks of one, compact enough that two thousand fit on one event loop.

It keeps a message until `sent`, sends it again under the same id after a lost socket, `unavailable` or silence, comes
back when `reconnect` said, with full jitter if it was cut without or before, on another process where there is one, and
resumes with `since`. A delivery costs some 10 µs here, most of it the oracle's.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tests.harness import UNIT, make_jwt

if TYPE_CHECKING:
    from .swarm import Swarm

ORIGIN = "http://127.0.0.1"
ENTER_TIMEOUT = 15 * UNIT  # seconds for the handshake and the joins
ANSWER_TIMEOUT = 8 * UNIT  # seconds without `sent` after which a message is sent again
RETURN_BASE, RETURN_CAP = 0.1, 2.0  # seconds, doubled with each failure, with full jitter

PROMISED = 0.5  # seconds before the moment that `reconnect` named which are still at it

Frame = dict[str, Any]


def text_frame(text: bytes) -> bytes:
    """A client's text frame (RFC 6455 section 5.2), masked with zeros: no proxy cache is to be protected here."""
    length = len(text)
    head = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return head + b"\0\0\0\0" + text


async def post_ticket(port: int, body: dict[str, str], headers: str = "") -> tuple[str, bytes]:
    """What POST /tickets answers: the status, "" if there is none, and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        content = msgspec.json.encode(body)
        head = (
            f"POST /tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {ORIGIN}\r\nContent-Length: {len(content)}\r\n"
            f"Content-Type: application/json\r\n{headers}Connection: close\r\n\r\n"
        )
        writer.write(head.encode() + content)
        answer = await reader.read()
    finally:
        writer.close()
    return answer[9:12].decode(), answer.partition(b"\r\n\r\n")[2]


class Wire(asyncio.Protocol):
    """One socket from the client's side: text frames in and out, pings answered."""

    def __init__(self, owner: "Client", request: bytes) -> None:
        self._owner = owner
        self._request = request
        self._rest = b""
        self._upgraded = False
        self.close_code: int | None = None
        self.pinged_at: list[float] = []
        self.ended = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.write(self._request)

    def abort(self) -> None:
        """End it without a word, if it has begun."""
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        position = 0
        if not self._upgraded:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            if not data.startswith(b"HTTP/1.1 101 "):
                self._owner.swarm.refusals[data[9:12].decode()] += 1
                self.transport.abort()
                return
            self._upgraded = True
            position = end + 4
        while (end := self._frame_end(data, position)) > 0:
            start = position + (2 if data[position + 1] < 126 else 4 if data[position + 1] == 126 else 10)
            opcode, payload = data[position] & 15, data[start:end]
            position = end
            if opcode == 1:
                self._owner.on_frame(msgspec.json.decode(payload))
            elif opcode == 9:
                self.pinged_at.append(time.monotonic())
                self.transport.write(bytes((0x8A, 0x80 | len(payload))) + b"\0\0\0\0" + payload)
            elif opcode == 8:
                self.close_code = int.from_bytes(payload[:2], "big")
                self.transport.write(b"\x88\x82\0\0\0\0" + payload[:2])
                self.transport.close()
        self._rest = data[position:]

    @staticmethod
    def _frame_end(data: bytes, start: int) -> int:
        """Where the frame at `start` ends; 0 while it is not there as a whole."""
        if len(data) < start + 2:
            return 0
        length, start = data[start + 1], start + 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        return start + length if start + length <= len(data) else 0

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def send(self, **frame: Any) -> None:
        if not self.transport.is_closing():  # asyncio warns of writes to a socket whose end it has yet to tell
            self.transport.write(text_frame(msgspec.json.encode(frame)))


class Client:
    """One good client with one socket at a time. `outbox` holds what is not acknowledged, in order."""

    def __init__(self, swarm: "Swarm", user: str, rooms: Sequence[str], receive_buffer: int = 0) -> None:
        self.swarm = swarm
        self.user = user
        self.rooms = tuple(rooms)
        self.log = swarm.oracle.receiver(user)
        self.outbox: dict[str, tuple[str, float]] = {}  # id to room and the time it was last sent
        self.wire: Wire | None = None
        self.inside: set[str] = set()
        self.lost_at: float | None = None
        self.returns: list[tuple[float, float]] = []  # when it was cut, when it was back in all rooms
        self.resumed = self.fresh = 0
        self.count: dict[str, int] = {}  # by room, how many are there as presence last said
        self.resets: Counter[str] = Counter()
        self.ticket: str | None = None  # for the next handshake
        self.used_ticket: str | None = None
        self.group = ""  # under what its latencies are counted
        self.task: asyncio.Task[None] | None = None
        self._return_at = 0.0
        self.entered = asyncio.Event()
        self._receive_buffer = receive_buffer
        self._sequence = 0
        self._port = len(swarm.clients)
        self._token = make_jwt(user, user, exp=int(time.time()) + 86400)  # the longest run is an hour

    # -- its life

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                async with asyncio.timeout(ENTER_TIMEOUT):
                    await self._enter()
                failures = 0
                assert self.wire is not None
                await self.wire.ended
                self.lost_at = time.monotonic()
                code = self.wire.close_code or 1006
                if self._return_at - self.lost_at > PROMISED:
                    self.swarm.early.append(self._return_at - self.lost_at)
                    self._return_at = 0.0  # nobody is there any more who keeps it
                elif code == 1012:
                    self.swarm.late.append(self.lost_at - self._return_at)
                self.swarm.closes[code] += 1
            except (OSError, TimeoutError):
                failures += 1
                self.swarm.failures += 1
            finally:
                self.entered.clear()
                self.inside.clear()
                if self.wire is not None:
                    self.wire.abort()
            self._port += 1
            wait = self._return_at - time.monotonic()
            if wait <= 0:
                wait = self.swarm.random.uniform(0, min(RETURN_CAP, RETURN_BASE * 2**failures))
            await asyncio.sleep(wait)

    async def _enter(self) -> None:
        port = self.swarm.ports[self._port % len(self.swarm.ports)]
        ticket, self.ticket = self.ticket, None
        if ticket is None and self.swarm.by_ticket:
            ticket = await self._get_ticket(port)
        self.used_ticket = ticket
        self.wire = wire = self._make_wire(ticket)
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        if self._receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        try:
            await loop.sock_connect(sock, ("127.0.0.1", port))
            await loop.create_connection(lambda: wire, sock=sock)
        except BaseException:
            sock.close()
            raise
        entered = asyncio.ensure_future(self.entered.wait())
        try:
            done, _ = await asyncio.wait((entered, wire.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            entered.cancel()
        if entered not in done:  # who was let in may be out again by now: a loss, no refusal
            if wire.close_code is not None:
                self.swarm.closes[wire.close_code] += 1
            raise ConnectionError("refused")

    def _make_wire(self, ticket: str | None) -> Wire:
        """The connection to be, by a ticket or else a token."""
        offered = "chat.v1" if ticket is None else f"chat.v1, ticket.{ticket}"
        request = (
            f"GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Origin: {ORIGIN}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Protocol: {offered}\r\n"
        )
        if ticket is None:
            request += f"Authorization: Bearer {self._token}\r\n"
        return Wire(self, (request + "\r\n").encode())

    async def _get_ticket(self, port: int) -> str:
        """From POST /tickets. Raises ConnectionError for any other answer than 201."""
        status, body = await post_ticket(port, {}, f"Authorization: Bearer {self._token}\r\n")
        if status != "201":
            self.swarm.refusals[status] += 1
            raise ConnectionError(f"POST /tickets: {status or 'no answer'}")
        ticket: str = msgspec.json.decode(body)["ticket"]
        return ticket

    @property
    def promised(self) -> bool:
        """Whether `reconnect` named a moment that is still to come."""
        return self._return_at > time.monotonic()

    @property
    def was_told(self) -> bool:
        """Whether something was ever said to be missing."""
        return self.resets.total() > 0 or self.fresh > 0

    def _join(self, room: str, afresh: bool = False) -> None:
        since = None if afresh else self.log.since(room)
        if self.wire is not None:
            request = {"type": "join", "room": room, "limit": 1, "ref": room}
            self.wire.send(**request if since is None else request | {"since": since})

    # -- what it says

    def post(self, room: str) -> None:
        """Send a message, now or when it can."""
        self._sequence += 1
        id = f"{self.user}.{self._sequence}"
        self.outbox[id] = room, time.monotonic()
        self.swarm.posted_at[id] = time.monotonic()
        self.swarm.posted_in[id] = room
        self._send(id)

    def _send(self, id: str) -> None:
        if id in self.outbox and self.entered.is_set() and self.wire is not None:
            room = self.outbox[id][0]
            self.outbox[id] = room, time.monotonic()
            self.wire.send(type="send", room=room, id=id, text=self.swarm.text, ref=id)

    def send_overdue(self) -> None:
        """Send again what has been without an answer for too long."""
        now = time.monotonic()
        for id, (_, at) in list(self.outbox.items()):
            if now - at > ANSWER_TIMEOUT:
                self._send(id)

    # -- what it hears

    def on_frame(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "message":
            self.log.observe(frame)
            self.swarm.delivered(self, frame["id"])
        elif kind == "sent":
            if self.outbox.pop(frame["id"], None) is not None:
                self.swarm.acknowledged(self, frame)
        elif kind == "joined":
            self._joined(frame)
        elif kind == "presence":
            self.count[frame["room"]] = frame["count"]
            users = {person["id"] for person in frame.get("joined") or ()}.union(frame.get("left") or ())
            self.swarm.moved |= {(frame["room"], user) for user in users}
        elif kind == "error":
            self._refused(frame)
        elif kind == "welcome":
            for room in self.rooms:
                self._join(room)
        elif kind == "reset":
            self.resets[frame["reason"]] += 1
            self.log.observe(frame)
            if frame["reason"] == "epoch":
                self.swarm.heads.pop(frame["room"], None)  # of another count
            self._join(frame["room"], afresh=True)
        elif kind == "reconnect":
            self.ticket = frame.get("ticket")
            self._return_at = time.monotonic() + frame["in_ms"] / 1000
            self.swarm.told.append(frame["in_ms"] / 1000)

    def _joined(self, frame: Frame) -> None:
        if frame["resumed"]:
            self.resumed += 1
        elif self.log.since(frame["room"]) is not None:
            self.fresh += 1
        self.log.observe(frame)
        self.count[frame["room"]] = frame["count"]
        self.inside.add(frame["room"])
        if len(self.inside) == len(self.rooms) and not self.entered.is_set():
            if self.lost_at is not None:
                self.returns.append((self.lost_at, time.monotonic()))
                self.lost_at = None
            self.entered.set()
            for id in list(self.outbox):
                self._send(id)

    def _refused(self, frame: Frame) -> None:
        self.swarm.errors[frame["code"]] += 1
        ref = frame.get("ref") or ""
        wait = frame.get("retry_after", 1.0) * self.swarm.random.uniform(0.5, 1.5)
        again = self._send if ref in self.outbox else self._join if ref in self.rooms else None
        if again is not None:
            asyncio.get_running_loop().call_later(wait, again, ref)
