"""What an attack must not move: a service's memory, descriptors and tasks, and how long others wait for it."""

import asyncio
import os
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from ..harness import UNIT, ServiceProcess, wait_until
from .raw_socket import frame, handshake

MIB = 2**20
SETTLE = 10 * UNIT  # seconds for closed sockets to be let go
LEAST = 20  # answers that say something about how long others wait
FLOOR = 0.0005 * UNIT  # seconds; a quiet machine answers in 0.04 to 0.17 ms, so below it a ratio says nothing


def descriptors(service: ServiceProcess) -> int:
    """Open descriptors of the service's process."""
    return len(os.listdir(f"/proc/{service.pid}/fd"))


def memory_bytes(service: ServiceProcess) -> int:
    """Memory that is the process's own and written to. What it shares with others changes with those."""
    rollup = Path(f"/proc/{service.pid}/smaps_rollup").read_text()
    found = re.search(r"^Private_Dirty:\s+(\d+) kB$", rollup, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def tasks(service: ServiceProcess) -> int:
    """Tasks on the loop of a service started as `tests.attacks.watched`."""
    return _told(service, "tasks")


def rooms(service: ServiceProcess) -> int:
    """Rooms that the broker of a service started as `tests.attacks.hasty` has."""
    return _told(service, "rooms")


def _told(service: ServiceProcess, what: str) -> int:
    told = len(service.stdout)
    service.send_signal(signal.SIGUSR1)
    wait_until(lambda: len(service.stdout) > told, f"the number of {what}")
    return int(service.stdout[told].removeprefix(f"{what} "))


def cpu_seconds(service: ServiceProcess) -> float:
    """Processor time that the service has used so far."""
    fields = Path(f"/proc/{service.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def settles(measure: Callable[[ServiceProcess], int], service: ServiceProcess, start: int, what: str) -> None:
    """Wait until `measure(service)` is back at `start` or below, or fail with what it is instead."""
    try:
        await asyncio.to_thread(wait_until, lambda: measure(service) <= start, what, SETTLE)
    except TimeoutError:
        raise AssertionError(f"{what}: {measure(service)}, at the start {start}") from None


class Pulse:
    """A healthy client beside an attack: `with Pulse(service) as pulse: …; pulse.check()`.

    It sends a ping every 10 ms on a thread of its own and times the pongs. `check` compares with the answers of the
    first `quiet` seconds, before the block begins: the bound is 100 ms, and on a machine that was slow already before
    the attack five times what it took then.
    """

    def __init__(self, service: ServiceProcess, quiet: float = 0.5 * UNIT) -> None:
        self._service = service
        self._quiet = quiet
        self._waits: list[float] = []
        self._before = 0
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        time.sleep(self._quiet)
        self.gather(LEAST)
        self._before = len(self._waits)
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.gather(LEAST)
        self._stop.set()
        self._thread.join(10 * UNIT)

    def _beat(self) -> None:
        try:
            ticket = self._ticket()
            with socket.create_connection(("127.0.0.1", self._service.port), 10 * UNIT) as sock:
                sock.sendall(handshake(self._service.port, protocols=f"chat.v1, ticket.{ticket}"))
                _read_until(sock, b'"welcome"')
                while not self._stop.wait(0.01):
                    began = time.perf_counter()
                    sock.sendall(frame(b"beat", 0x9))
                    _read_until(sock, b"beat")
                    self._waits.append(time.perf_counter() - began)
                sock.sendall(frame(b"", 0x8))
        except (OSError, AssertionError) as error:
            self._failure = error

    def _ticket(self) -> str:
        name = f"Pulse {secrets.token_hex(4)}"
        status, _, body = self._service.request("POST", "/tickets", {"name": name}, {"Origin": self._service.url})
        assert status == 201, body
        found = re.search(rb'"ticket":"([^"]+)"', body)
        assert found
        return found[1].decode()

    def check(self, seconds: float = 0.1 * UNIT) -> float:
        """Fail unless 99 of 100 answers came within `seconds`; the 99th percentile, in seconds."""
        before, during = self._timed(LEAST)
        bound = max(seconds, 5 * _percentile(before, 0.99))
        found = _percentile(during, 0.99)
        assert found <= bound, f"others waited {1000 * found:.0f} ms (p99 of {len(during)}), {1000 * bound:.0f} allowed"
        return found

    @property
    def answers(self) -> int:
        """How many were timed since the block began."""
        if self._failure is not None:
            raise AssertionError(f"the healthy client failed: {self._failure!r}")
        return len(self._waits) - self._before

    def gather(self, answers: int = 200) -> None:
        """Wait for so many answers since the block began: a median of a fixed number, however slow the machine is."""
        wait_until(lambda: self._failure or len(self._waits) - self._before >= answers, "answers", 60 * UNIT)

    def ratio(self, least: int = LEAST) -> float:
        """How many times longer the median answer took than before the block began or than FLOOR, of `least` each."""
        before, during = self._timed(least)
        return _percentile(during, 0.5) / max(_percentile(before, 0.5), FLOOR)

    def _timed(self, least: int) -> tuple[list[float], list[float]]:
        """The answers before and since the block began, by their length: `least` of each, for fewer say too little."""
        self.__exit__()
        assert self._failure is None, f"the healthy client failed: {self._failure!r}"
        before, during = sorted(self._waits[: self._before]), sorted(self._waits[self._before :])
        assert min(len(before), len(during)) >= least, f"{len(before)} and {len(during)} answers say too little"
        return before, during


def _percentile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _read_until(sock: socket.socket, wanted: bytes) -> None:
    received = b""
    while wanted not in received:
        data = sock.recv(65536)
        if not data:
            raise ConnectionError(f"closed: {received[-200:]!r}")
        received += data
