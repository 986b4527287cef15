"""A crowd that only answers pings, and what can be seen from outside of the server's loop meanwhile."""

import select
import time

from bench.crowd import BUFFER, Crowd, LoadError, Member
from bench.frames import CLOSE, PING, PONG, TEXT, FrameReader, client_frame

PROBE_INTERVAL = 0.005  # seconds between probes: a stall is seen too short by this at most
_AT_ONCE = 32  # idle sockets read between two looks at the probe: about 0.3 ms
_PROBE = client_frame(b'{"type":"ping"}')


class Attendance:
    """Reads all sockets of a crowd and answers their pings, as any client must."""

    def __init__(self, crowd: Crowd) -> None:
        self._readers = {member.fd: FrameReader() for member in crowd.members}
        self._members = {member.fd: member for member in crowd.members}
        self._poll = select.epoll()
        self._probe = crowd.members[len(crowd.members) // 2]
        self._probe_poll = select.epoll()
        for fd in self._members:
            (self._probe_poll if fd == self._probe.fd else self._poll).register(fd, select.EPOLLIN)
        self._asked = 0.0  # when the probe's open question was asked; 0 when none is
        self.latencies: list[float] = []  # seconds from ping to pong
        self.pings = 0

    def close(self) -> None:
        """The sockets stay open."""
        self._poll.close()
        self._probe_poll.close()

    def attend(self, seconds: float, probing: bool = False) -> None:
        """Answer for so long. With `probing`, one socket asks `ping` again and again, one question at a time."""
        now = next_probe = time.perf_counter()
        deadline = now + seconds
        while now < deadline:
            if probing and not self._asked and now >= next_probe:
                self._asked, next_probe = now, now + PROBE_INTERVAL
                self._probe.sock.send(_PROBE)
            for _ in self._probe_poll.poll(0.001):
                self._read(self._probe)
            for fd, _ in self._poll.poll(0, _AT_ONCE):
                self._read(self._members[fd])
            now = time.perf_counter()

    def _read(self, member: Member) -> None:
        data = member.sock.recv(BUFFER)
        if not data:
            raise LoadError("the server closed an idle socket")
        for opcode, payload in self._readers[member.fd].feed(data):
            if opcode == PING:
                self.pings += 1
                member.sock.send(client_frame(payload, PONG))
            elif opcode == CLOSE:
                raise LoadError(f"the server closed an idle socket: {payload!r}")
            elif opcode == TEXT and self._asked and member is self._probe and payload.startswith(b'{"type":"pong"'):
                self.latencies.append(time.perf_counter() - self._asked)
                self._asked = 0.0
