"""The metrics of all processes on a port, whichever is asked: through memory that they share.

Each process has a place there for life, and writes its figures into it: when it is asked to, every few seconds, and at
its end. Whoever answers asks all, waits for them and adds up. Counting stays what it is in one process, plain numbers
in its own memory: prometheus_client's files cost 1.1 µs a count instead of 0.03, and 2.7 a value of a histogram, and
they leave out what the system knows of a process.

Nothing that was shown is taken back by a death, for it would look to Prometheus as if all had begun anew: figures that
were shown stand in the shared memory, and a process that takes a dead one's place goes on from its counters. What is so
only while a process lives goes with it: gauges, and the figures of the system's and the interpreter's, which stand by
process.
"""

import asyncio
import logging
import mmap
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

import msgspec
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from service import metrics
from service.logs import fields

logger = logging.getLogger(__name__)

PLACE_BYTES = 262_144  # for a process's figures, twice; they are some 20,000
WRITE_INTERVAL = 5.0  # seconds between two of a process's own accord: what a kill then takes of what nobody was shown
FIGURES_FRESH = 1.0  # seconds for which the others aren't asked again
FIGURES_TIMEOUT = 4.0  # seconds for the others' answers; what a process that hangs wrote last counts
FIGURES_LOOK_INTERVAL = 0.002  # seconds between looks for them
_WORD = 8  # bytes

# Of gauges that are no sum over processes.
_MERGED: dict[str, Callable[[float, float], float]] = {
    "parley_broker_available": min,
    "parley_webhook_oldest_seconds": max,
}
_BY_PROCESS = ("process_", "python_")

Sample = tuple[str, dict[str, str], float]
Figures = dict[str, list[Sample]]
"""By family: a process's samples, as they stand in the shared memory."""


def figures(families: Iterable[Metric]) -> Figures:
    """Without the time at which each counter began, which is as many series again, and none of a sum."""
    return {
        family.name: [
            (sample.name, sample.labels, sample.value)
            for sample in family.samples
            if not sample.name.endswith("_created")
        ]
        for family in families
    }


def counted(family: Metric) -> bool:
    """Whether it only ever rises, and outlives its process."""
    return family.type in ("counter", "histogram") and not family.name.startswith(_BY_PROCESS)


def add_up(families: Iterable[Metric], parts: dict[int, tuple[Figures, bool]]) -> list[Metric]:
    """`families` with the samples of `parts`, by place: a process's figures, and whether it lives."""
    return [_add_up(family, parts) for family in families]


def _add_up(family: Metric, parts: dict[int, tuple[Figures, bool]]) -> Metric:
    total = Metric(family.name, family.documentation, family.type)
    merge = _MERGED.get(family.name, float.__add__)
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for place, (part, alive) in parts.items():
        if not (alive or counted(family)):
            continue
        for name, labels, value in part.get(family.name, ()):
            if family.name.startswith(_BY_PROCESS):
                labels = labels | {"process": str(place)}
            key = name, tuple(labels.items())
            found[key] = merge(found[key], float(value)) if key in found else float(value)
    for (name, labelled), value in found.items():
        total.add_sample(name, dict(labelled), value)
    return total


class _Families(Collector):
    """What generate_latest takes."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(families: list[Metric]) -> bytes:
    """The Prometheus text format, version 0.0.4."""
    return generate_latest(_Families(families))


class SharedMemory:
    """Places for the figures of so many processes, which are forked after it was made.

    A place has the pid that it belongs to (0: nobody), the number of its last writing, and two buffers that are written
    in turn: a process that is killed while it writes leaves the one before. Each has that number too, so a reader knows
    that what it read was not being written.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.name = secrets.token_hex(4)
        self._memory = mmap.mmap(-1, places * (2 * _WORD + 2 * PLACE_BYTES))  # pages that nobody writes cost nothing
        self._bytes = memoryview(self._memory)
        self._words = self._bytes.cast("Q")
        self._bells = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(places)]

    def _word(self, place: int) -> int:
        return place * (2 * _WORD + 2 * PLACE_BYTES) // _WORD

    def _buffer(self, place: int, number: int) -> int:
        """The first byte of the buffer of that writing: the number again, the length, the figures."""
        return (self._word(place) + 2) * _WORD + number % 2 * PLACE_BYTES

    def owner(self, place: int) -> int:
        """The pid of the process that lives there, or 0."""
        return self._words[self._word(place)]

    def settle(self, place: int, pid: int) -> None:
        self._words[self._word(place)] = pid

    def number(self, place: int) -> int:
        """How often it was written."""
        return self._words[self._word(place) + 1]

    def write(self, place: int, data: bytes) -> None:
        """Raises `ValueError` for more than there is room for."""
        if len(data) > PLACE_BYTES - 2 * _WORD:
            raise ValueError(f"{len(data)} bytes of metrics")
        number = self.number(place) + 1
        start = self._buffer(place, number)
        self._words[start // _WORD] = 0  # nobody's, until it is whole
        self._words[start // _WORD + 1] = len(data)
        self._bytes[start + 2 * _WORD : start + 2 * _WORD + len(data)] = data
        self._words[start // _WORD] = number
        self._words[self._word(place) + 1] = number

    def read(self, place: int) -> bytes:
        """What was written last; nothing where nobody ever did."""
        while number := self.number(place):
            start = self._buffer(place, number)
            length = self._words[start // _WORD + 1]
            data = bytes(self._bytes[start + 2 * _WORD : start + 2 * _WORD + min(length, PLACE_BYTES)])
            if self._words[start // _WORD] == number:  # else it was written over meanwhile
                return data
        return b""

    def bell(self, place: int) -> int:
        """The descriptor by which its process is asked to write."""
        return self._bells[place]

    def ring(self, place: int) -> None:
        with suppress(BlockingIOError):
            os.eventfd_write(self._bells[place], 1)

    def close(self) -> None:
        for bell in self._bells:
            os.close(bell)


class Totals:
    """What `/metrics` shows; `alone` there is nobody else.

    `refresh` is awaited before a process's figures are shown, for what must be asked for.
    """

    def __init__(self) -> None:
        self.refresh: Callable[[], Awaitable[None]] = nothing
        self._name = secrets.token_hex(4)

    @property
    def group(self) -> str:
        """A name of those whose figures are added up here, which no others have."""
        return self._name

    @property
    def first(self) -> bool:
        """Whether what one process says for all is this one's to say."""
        return True

    async def families(self) -> list[Metric]:
        await self.refresh()
        families = list(metrics.REGISTRY.collect())
        return add_up(families, {0: (figures(families), True)})


class SharedTotals(Totals):
    """The same over all processes; `open` in this one's loop, `close` at its end."""

    def __init__(
        self, memory: SharedMemory, place: int, fresh: float = FIGURES_FRESH, wait: float = FIGURES_TIMEOUT
    ) -> None:
        """`fresh`, `wait`: seconds."""
        super().__init__()
        self._memory = memory
        self._name = memory.name
        self._place = place
        self._fresh = fresh
        self._wait = wait
        self._others_until = 0.0
        self._asking = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._inherited = _decoded(memory.read(place))

    @property
    def first(self) -> bool:
        return not any(self._memory.owner(place) for place in range(self._place))

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._memory.bell(self._place), self._on_bell)
        self._memory.settle(self._place, os.getpid())
        self._keep()

    def close(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._memory.bell(self._place))
        for task in self._tasks:
            task.cancel()
        self._write()

    def _keep(self) -> None:
        self._write()
        self._timer = self._loop.call_later(WRITE_INTERVAL, self._keep)

    def _on_bell(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._memory.bell(self._place))
        if not self._tasks:
            task = self._loop.create_task(self._answer())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self) -> None:
        await self.refresh()
        self._write()

    def _write(self) -> None:
        """What was there before this process is in it, of what is counted."""
        families = list(metrics.REGISTRY.collect())
        own = figures(families)
        whole = add_up([family for family in families if counted(family)], {0: (self._inherited, True), 1: (own, True)})
        try:
            self._memory.write(self._place, msgspec.msgpack.encode(own | figures(whole)))
        except ValueError:
            logger.exception("the metrics of this process are not shared", extra=fields("metrics_too_long"))

    async def families(self) -> list[Metric]:
        """What is shown is in the shared memory first: no death takes it back."""
        async with self._asking:
            waiting = self._ask() if time.monotonic() >= self._others_until else {}
            await self.refresh()
            self._write()
            await self._answers(waiting)
            if waiting:
                self._others_until = time.monotonic() + self._fresh
        parts = {
            place: (_decoded(self._memory.read(place)), bool(self._memory.owner(place)))
            for place in range(self._memory.places)
        }
        return add_up(list(metrics.REGISTRY.collect()), parts)

    def _ask(self) -> dict[int, int]:
        """Those that live, and how often they had written before."""
        others = [place for place in range(self._memory.places) if place != self._place and self._memory.owner(place)]
        waiting = {place: self._memory.number(place) for place in others}
        for place in others:
            self._memory.ring(place)
        return waiting

    async def _answers(self, waiting: dict[int, int]) -> None:
        deadline = time.monotonic() + self._wait
        while any(
            self._memory.number(place) == number and self._memory.owner(place) for place, number in waiting.items()
        ):
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(FIGURES_LOOK_INTERVAL)


async def nothing() -> None:
    """There is nothing to be asked for."""


def _decoded(data: bytes) -> Figures:
    return msgspec.msgpack.decode(data, type=Figures) if data else {}


current = Totals()
"""This process's; the supervisor puts shared ones in its place."""
