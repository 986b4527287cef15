"""Runs of the load generator: publishers that keep messages in flight, or publish by the clock, and receivers.

A run lasts from its first message until the last socket has the last one, and CPU time is read at these two moments, so
no delivery is counted whose work is not, nor the other way round. A sampled socket must see each `seq` in its order; at
the end every socket must have got each message of its room once. Anything else is a `LoadError`, not a result.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from bench.crowd import STALL_TIMEOUT, Crowd, LoadError, Member, Room
from bench.frames import TEXT, FrameReader, client_frame
from bench.machine import Gauge

SAMPLES = 8  # sockets of a run that are parsed whole
READ_AFTER = 0.2  # seconds from a message to its being read
# epoll waits whole milliseconds, so a message would be up to one late. Where messages are far enough apart the
# generator goes round instead; at higher rates Redis, on the same core, needs it more.
SPIN = 0.0015  # seconds before a message
TOLD_LATER = 1.5  # seconds in which the service tells what it gathered, after the last message


_T = TypeVar("_T")


class _Event(msgspec.Struct):
    type: str
    seq: int = 0
    id: str = ""


_decode = msgspec.json.Decoder(_Event).decode
_MESSAGE = b'{"type":"message"'
_ERRORS = (b'{"type":"error"', b'{"type":"reset"')


@dataclass(slots=True)
class Run:
    """What a run did. CPU in seconds, by process of its `Gauge`."""

    seconds: float
    messages: int
    deliveries: int
    cpu: dict[str, float]
    latencies: list[float] = field(default_factory=list)  # seconds from when a message was due to its arrival

    @property
    def cpu_per_delivery(self) -> float:
        """Seconds of the server's CPU."""
        return self.cpu["server"] / self.deliveries

    def share(self, process: str) -> float:
        """Of one core."""
        return self.cpu[process] / self.seconds


class Author:
    """A socket that publishes. While `open`, each answer makes it publish again."""

    def __init__(self, crowd: Crowd, member: Member) -> None:
        self._crowd, self._member, self.fd = crowd, member, member.fd
        self._reader = FrameReader()
        self._acknowledgement = crowd.dialect.acknowledgement
        self._unsent = b""
        self.open = True
        self.sent = self.done = 0

    def publish(self, messages: int) -> None:
        """Send so many new messages."""
        member, room = self._member, self._member.room
        first = room.published + 1
        room.published += messages
        self.sent += messages
        publish, name, index = self._crowd.dialect.publish, room.name, member.index
        data = b"".join([publish(name, index, number) for number in range(first, first + messages)])
        self._unsent += data
        self.flush()

    def flush(self) -> None:
        """Hand the kernel what it takes now."""
        if self._unsent:
            try:
                self._unsent = self._unsent[self._member.sock.send(self._unsent) :]
            except BlockingIOError:
                pass

    def on_data(self, data: bytes) -> None:
        """Count answers and own copies."""
        answers = messages = 0
        for opcode, payload in self._reader.feed(data):
            if opcode != TEXT or payload.startswith(_ERRORS):
                raise LoadError(f"a publisher was told {opcode} {payload[:200]!r}")
            answers += payload.startswith(self._acknowledgement)
            messages += payload.startswith(_MESSAGE)
        self._crowd.count(self.fd, messages)
        self.done += answers
        if answers and self.open:
            self.publish(answers)


class Sample:
    """A receiver whose every message is checked, and timed where `due` knows its number."""

    def __init__(self, crowd: Crowd, member: Member, due: dict[int, float]) -> None:
        self._crowd, self._member, self._due, self.fd = crowd, member, due, member.fd
        self._reader = FrameReader()
        self._seq = member.room.published
        self.latencies: list[float] = []

    def on_data(self, data: bytes) -> None:
        """Check order, note latency."""
        now, due = time.perf_counter(), self._due
        messages = 0
        for opcode, payload in self._reader.feed(data):
            if opcode != TEXT or payload.startswith(_ERRORS):
                raise LoadError(f"a receiver was told {opcode} {payload[:200]!r}")
            if payload.startswith(_MESSAGE):
                event = _decode(payload)
                if event.seq != self._seq + 1:
                    raise LoadError(f"after seq {self._seq} came {event.seq} in {self._member.room.name}")
                self._seq = event.seq
                messages += 1
                if due:
                    self.latencies.append(now - due[int(event.id)])
        self._crowd.count(self.fd, messages)


class _Session:
    """One run: who publishes, who is sampled, what was there before."""

    def __init__(self, crowd: Crowd, rooms: Sequence[Room], publishers: int, gauge: Gauge) -> None:
        self.crowd, self.rooms, self._gauge = crowd, rooms, gauge
        self.due: dict[int, float] = {}
        self.authors = [Author(crowd, member) for room in rooms for member in room.members[:publishers]]
        readers = [member for room in rooms for member in room.members[publishers:]]
        self._samples = [Sample(crowd, member, self.due) for member in evenly(readers, SAMPLES)]
        handlers = {author.fd: author.on_data for author in self.authors}
        crowd.cast(handlers | {sample.fd: sample.on_data for sample in self._samples})
        self._published = [room.published for room in rooms]
        self._counts = crowd.counts.copy()
        self._delivered = crowd.delivered
        self._before = gauge.read()
        self.start = time.perf_counter()

    def finish(self) -> Run:
        """Let what is under way arrive; check that each socket has each message once."""
        crowd = self.crowd
        for author in self.authors:
            author.open = False
        messages = [room.published - before for room, before in zip(self.rooms, self._published, strict=True)]
        expected = sum(count * len(room.members) for room, count in zip(self.rooms, messages, strict=True))
        seen, progress = crowd.delivered, time.perf_counter()
        while crowd.delivered - self._delivered < expected or any(one.done < one.sent for one in self.authors):
            crowd.turn(0.001)
            for author in self.authors:
                author.flush()
            now = time.perf_counter()
            if crowd.delivered != seen:
                seen, progress = crowd.delivered, now
            elif now - progress > STALL_TIMEOUT:
                missing = expected - crowd.delivered + self._delivered
                raise LoadError(f"{missing} of {expected} deliveries did not come")
        seconds, after = time.perf_counter() - self.start, self._gauge.read()
        for room, count in zip(self.rooms, messages, strict=True):
            for member in room.members:
                got = crowd.counts[member.fd] - self._counts[member.fd]
                if got != count:
                    raise LoadError(f"a socket of {room.name} got {got} of {count} messages")
        cpu = {name: after[name] - self._before[name] for name in after}
        latencies = [latency for sample in self._samples for latency in sample.latencies]
        return Run(seconds, sum(messages), expected, cpu, latencies)


def evenly(items: Sequence[_T], count: int) -> list[_T]:
    """At most `count` of them, from the first to the last."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def closed_loop(
    crowd: Crowd, rooms: Sequence[Room], gauge: Gauge, *, publishers: int, in_flight: int, seconds: float
) -> Run:
    """The first `publishers` members of each room keep `in_flight` messages each unanswered, for so long."""
    session = _Session(crowd, rooms, publishers, gauge)
    for author in session.authors:
        author.publish(in_flight)
    deadline = session.start + seconds
    while time.perf_counter() < deadline:
        crowd.turn(0.001)
    return session.finish()


def open_loop(crowd: Crowd, room: Room, gauge: Gauge, *, rate: float, seconds: float) -> Run:
    """One member publishes `rate` messages a second by the clock, whatever the answers. A latency counts from the
    moment a message was due, so that a server (or this generator) that falls behind can't hide it."""
    session = _Session(crowd, [room], 1, gauge)
    (author,) = session.authors
    author.open = False
    total, issued, base = max(1, round(rate * seconds)), 0, room.published
    spin = SPIN if rate * SPIN <= 0.5 else 0.0
    while issued < total:
        now = time.perf_counter()
        ready = min(total, int((now - session.start) * rate) + 1)
        if ready > issued:
            for number in range(issued, ready):
                session.due[base + 1 + number] = session.start + number / rate
            author.publish(ready - issued)
            issued = ready
        author.flush()
        pause = session.start + issued / rate - time.perf_counter()
        crowd.turn(0.0 if pause <= spin else min(pause, 0.001))
    return session.finish()


def by_the_clock(crowd: Crowd, rooms: Sequence[Room], gauge: Gauge, *, rate: float, seconds: float, read: bool) -> Run:
    """`rate` messages a second, each to the next of the rooms by its first member, for so long. With `read`, every
    member says soon after that it has read the message, as pages that are looked at do."""
    session = _Session(crowd, rooms, 1, gauge)
    for author in session.authors:
        author.open = False
    total, issued = max(1, round(rate * seconds)), 0
    unread: deque[tuple[float, Room, int]] = deque()  # since when, in the order of time
    end = session.start + total / rate + (TOLD_LATER if read else 0)
    while (now := time.perf_counter()) < end:
        while issued < total and now >= session.start + issued / rate:
            room = rooms[issued % len(rooms)]
            session.authors[issued % len(rooms)].publish(1)
            issued += 1
            if read:
                unread.append((now, room, room.published))
        while unread and now >= unread[0][0] + READ_AFTER:
            _, room, seq = unread.popleft()
            frame = client_frame(f'{{"type":"read","room":"{room.name}","seq":{seq}}}'.encode())
            for member in room.members:
                member.sock.send(frame)
        crowd.turn(0.001)
    return session.finish()


def blast(crowd: Crowd, gauge: Gauge, *, frames: int, seconds: float) -> Run:
    """Take what `baselines/blaster.py` sends: `frames` messages a send, to all members but the first."""
    leader, *others = crowd.members
    reader = FrameReader()
    rounds: list[int] = []

    def on_data(data: bytes) -> None:
        rounds.extend(msgspec.json.decode(payload)["rounds"] for _, payload in reader.feed(data))

    crowd.cast({leader.fd: on_data})
    counts, before, start = crowd.counts.copy(), gauge.read(), time.perf_counter()
    leader.sock.send(client_frame(msgspec.json.encode({"frames": frames, "seconds": seconds})))
    delivered = crowd.delivered
    while not rounds or crowd.delivered - delivered < rounds[0] * frames * len(others):
        crowd.turn(0.001)
        if time.perf_counter() - start > seconds + STALL_TIMEOUT:
            raise LoadError("the blaster's messages did not all come")
    elapsed, after = time.perf_counter() - start, gauge.read()
    if any(crowd.counts[member.fd] - counts[member.fd] != rounds[0] * frames for member in others):
        raise LoadError("deliveries were counted wrong")
    cpu = {name: after[name] - before[name] for name in after}
    return Run(elapsed, rounds[0] * frames, rounds[0] * frames * len(others), cpu)
