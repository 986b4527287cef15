"""Thousands of raw client sockets on epoll, no WebSocket library in the way.

A few sockets (publishers, samples) are read first and parsed whole. All others are read into one buffer and their
deliveries counted by a byte that stands once in each message: a count can't be fooled by where a read ends.
"""

import resource
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.dialects import ACCEPT, MARK, Dialect
from bench.frames import CLOSE, TEXT, FrameReader

HANDSHAKES = 100  # at once; a listen queue of 128, Tornado's, takes them
BULK = 64  # sockets read between two looks at the parsed ones: about 0.2 ms
STALL_TIMEOUT = 20.0  # seconds without progress after which a run has failed
BUFFER = 1 << 18  # bytes read at once, at most
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # no TIME_WAIT, which would use up the ports


class LoadError(Exception):
    """The server did what the contract rules out, or stopped answering."""


@dataclass(slots=True, eq=False)
class Room:
    """A room whose members are all ours; `published` counts all its messages so far, so it is the last `seq`."""

    name: str
    members: "list[Member]" = field(default_factory=list)
    published: int = 0


@dataclass(slots=True, eq=False)
class Member:
    """A joined socket and the number of its client."""

    index: int
    sock: socket.socket
    room: Room
    fd: int = -1

    def __post_init__(self) -> None:
        self.fd = self.sock.fileno()


class _Entry:
    """A socket on its way in: handshake, join, joined."""

    def __init__(self, member: Member, join: bytes) -> None:
        self.member = member
        self._join = join
        self._head: bytes | None = b""
        self._reader = FrameReader()

    def advance(self) -> bool:
        """Take what has come; whether this socket is in."""
        data = self.member.sock.recv(BUFFER)
        if not data:
            raise LoadError("the server closed a socket on its way in")
        if self._head is not None:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return False
            if not head.startswith(b"HTTP/1.1 101 ") or ACCEPT not in head:
                raise LoadError(f"the handshake was answered {head[:200]!r}")
            self._head = None
            if not self._join:
                return True
            self.member.sock.send(self._join)
        joined = False
        for opcode, payload in self._reader.feed(data):
            if opcode == CLOSE or (opcode == TEXT and payload.startswith(b'{"type":"error"')):
                raise LoadError(f"the server refused a socket: {payload!r}")
            joined = joined or payload.startswith(b'{"type":"joined"')
        return joined


class Crowd:
    """Sockets of one server, whose processes get them in turn. Rooms fill as `enter` is called."""

    def __init__(self, addresses: Sequence[tuple[str, int]], dialect: Dialect) -> None:
        self.addresses = addresses
        self.dialect = dialect
        self.rooms: dict[str, Room] = {}
        self.members: list[Member] = []
        self.delivered = 0  # messages, all sockets together
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.counts = [0] * descriptors  # the same by descriptor
        self._receive: list[Callable[[bytearray], int]] = [bytearray.__len__] * descriptors
        self._busy = False
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._parsed = select.epoll()
        self._bulk = select.epoll()
        self._handlers: Mapping[int, Callable[[bytes], None]] = {}

    def enter(self, rooms: Iterable[str]) -> float:
        """Connect and join one client for each name in `rooms`; seconds from the first connect to the last `joined`."""
        waiting = []
        for index, name in enumerate(rooms, len(self.members)):
            room = self.rooms.setdefault(name, Room(name))
            waiting.append((self.dialect.upgrade(index), self.dialect.join(name), index, room))
        waiting.reverse()
        entering: dict[int, _Entry] = {}
        start = progress = time.perf_counter()
        with select.epoll() as poll:
            while waiting or entering:
                while waiting and len(entering) < HANDSHAKES:
                    request, join, index, room = waiting.pop()
                    address = self.addresses[index % len(self.addresses)]
                    member = Member(index, self._connect(address, request), room)
                    entering[member.fd] = _Entry(member, join)
                    poll.register(member.fd, select.EPOLLIN)
                for fd, _ in poll.poll(0.1):
                    if entering[fd].advance():
                        poll.unregister(fd)
                        self._admit(entering.pop(fd).member)
                        progress = time.perf_counter()
                if time.perf_counter() - progress > STALL_TIMEOUT:
                    raise LoadError(f"{len(entering)} sockets wait for their handshake or `joined`")
        seconds = time.perf_counter() - start
        for members in (self.members, *(room.members for room in self.rooms.values())):
            members.sort(key=lambda member: member.index)
        return seconds

    def _connect(self, address: tuple[str, int], request: bytes) -> socket.socket:
        sock = socket.create_connection(address, timeout=STALL_TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        sock.send(request)
        sock.setblocking(False)
        return sock

    def _admit(self, member: Member) -> None:
        self.members.append(member)
        member.room.members.append(member)
        self._receive[member.fd] = member.sock.recv_into
        self.counts[member.fd] = 0

    def leave(self) -> None:
        """Close every socket, at once and without a word."""
        self._parsed.close()
        self._bulk.close()
        for member in self.members:
            member.sock.close()
        self.members.clear()
        self.rooms.clear()

    def cast(self, handlers: Mapping[int, Callable[[bytes], None]]) -> None:
        """Say which descriptors are parsed, by whom; each handler counts its own deliveries with `count`."""
        self._parsed.close()
        self._bulk.close()
        self._parsed, self._bulk, self._handlers = select.epoll(), select.epoll(), handlers
        for member in self.members:
            (self._parsed if member.fd in handlers else self._bulk).register(member.fd, select.EPOLLIN)

    def count(self, fd: int, messages: int) -> None:
        """Add deliveries that a handler found."""
        self.counts[fd] += messages
        self.delivered += messages

    def turn(self, wait: float) -> bool:
        """Read who has something. If nobody had last time, wait for a parsed one, so many seconds at most.

        True if there was any. `epoll_wait` counts in milliseconds: a shorter wait takes one.
        """
        buffer, view, receive = self._buffer, self._view, self._receive
        events = self._parsed.poll(0 if self._busy else wait)
        for fd, _ in events:
            size = receive[fd](buffer)
            if not size:
                raise LoadError("the server closed a socket")
            self._handlers[fd](bytes(view[:size]))
        bulk = self._bulk.poll(0, BULK)
        counts, count, delivered = self.counts, buffer.count, 0
        for fd, _ in bulk:
            size = receive[fd](buffer)
            if not size:
                raise LoadError("the server closed a socket")
            found = count(MARK, 0, size)
            counts[fd] += found
            delivered += found
        self.delivered += delivered
        self._busy = bool(bulk or events)
        return self._busy

    def settle(self, quiet: float = 0.3, longest: float = 5.0) -> None:
        """Read until nothing has come for `quiet` seconds: presence is said, buffers are empty."""
        self.cast({})
        last = now = time.perf_counter()
        deadline = now + longest
        while now < deadline and now - last < quiet:
            if self.turn(0.001):
                last = time.perf_counter()
            now = time.perf_counter()
