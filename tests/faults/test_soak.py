"""Sockets that come and go for a long time: F15."""

import asyncio
import sys
import time

import pytest

from service.probe.oracle import RunVerdict
from tests.attacks import vitals
from tests.harness import UNIT, ServiceProcess

from .conftest import Table
from .parts import RECOVERY, own_redis, room_of, service, soon
from .swarm import Swarm

SOCKETS = 1000
CHURN = 50  # sockets cut, and back, each second: 175 bytes left behind by each would be 5 MiB in ten minutes
MESSAGES = 20  # a second
# Seconds in which everybody is cut six times and nine of ten speak. Until then what is kept for a user is still being
# made, and tables and the allocator's pools grow from the tight order of a thousand sockets that came at once.
WARM_UP = 120.0


class Life:
    """What a run did to the process."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int]] = []  # seconds, bytes
        self.tasks = self.descriptors = (0, 0)  # at the start, at the end

    def slope(self) -> float:
        """Bytes in ten minutes: least squares over the samples."""
        times, sizes = zip(*self.samples, strict=True)
        middle, mean = sum(times) / len(times), sum(sizes) / len(sizes)
        spread = sum((at - middle) ** 2 for at in times)
        found: float = 600 * sum((at - middle) * (size - mean) for at, size in self.samples) / spread
        return found


async def live(seed: int, seconds: float, guard: str | None) -> tuple[Swarm, RunVerdict, Life]:
    life = Life()
    async with own_redis() as redis:
        process = service(redis.url, guard) if guard else service(redis.url)
        if guard is None:
            process.program = (sys.executable, "-m", "tests.attacks.watched")
        await asyncio.to_thread(process.start)
        try:
            async with Swarm([process.port], seed) as swarm:
                start = await vital_numbers(process, guard)
                await swarm.enter(SOCKETS, room_of(20))
                await go_on(process, swarm, life, seconds)
                verdict = await swarm.settle()
                await swarm.leave(swarm.clients)
                if guard is None:
                    # Presence waits for its grace before people are gone, and their rooms with them.
                    await asyncio.sleep(8)
                    await soon(lambda: vitals.descriptors(process) <= start[1], "descriptors are back", RECOVERY)
                end = await vital_numbers(process, guard)
                life.tasks, life.descriptors = (start[0], end[0]), (start[1], end[1])
                return swarm, verdict, life
        finally:
            await asyncio.to_thread(process.stop)


async def vital_numbers(process: ServiceProcess, guard: str | None) -> tuple[int, int]:
    """Tasks and descriptors."""
    tasks = 0 if guard else await asyncio.to_thread(vitals.tasks, process)
    return tasks, vitals.descriptors(process)


async def go_on(process: ServiceProcess, swarm: Swarm, life: Life, seconds: float) -> None:
    """Churn and talk, and look at the memory once a second."""
    done = asyncio.Event()
    load = asyncio.ensure_future(swarm.load(0, MESSAGES, done))
    began = time.monotonic()
    try:
        while (passed := time.monotonic() - began) < seconds:
            for _ in range(10):  # all at the same moment would measure how high bursts pile up, which creeps for long
                swarm.cut(swarm.random.sample(swarm.clients, CHURN // 10))
                await asyncio.sleep(0.1)
            if passed > WARM_UP:
                life.samples.append((passed, await asyncio.to_thread(vitals.memory_bytes, process)))
    finally:
        done.set()
        await load
    await swarm.all_inside(RECOVERY)


async def soak(seed: int, seconds: float, table: Table) -> None:
    swarm, verdict, life = await live(seed, seconds, None)
    slope = life.slope() / 2**20
    note = (
        f"{seconds / 60:.0f} minutes, {SOCKETS} sockets, {slope:+.2f} MiB in 10 minutes, "
        f"tasks {life.tasks[0]} to {life.tasks[1]}, descriptors {life.descriptors[0]} to {life.descriptors[1]}"
    )
    table.row("F15", seed, len(swarm.posted_at), round(seconds) * CHURN, verdict, swarm.worst_return, note)
    verdict.assert_clean()
    assert verdict.said == 0
    assert life.tasks[1] <= life.tasks[0]
    assert life.descriptors[1] <= life.descriptors[0]
    assert slope < 1


@pytest.mark.long
@pytest.mark.timeout(seconds=450 * UNIT)
async def test_f15_five_minutes(seed: int, middle_form: bool, table: Table) -> None:
    """Nothing grows, nothing is left behind."""
    await soak(seed, 240 if middle_form else 300, table)


@pytest.mark.soak
@pytest.mark.timeout(seconds=3900 * UNIT)
async def test_f15_an_hour(seed: int, table: Table) -> None:
    """Nothing grows, nothing is left behind."""
    await soak(seed, 3600, table)


@pytest.mark.long
@pytest.mark.timeout(seconds=450 * UNIT)
async def test_f15_control(seed: int, table: Table) -> None:
    """A socket that the heartbeat holds on to is seen in the slope.

    After as long a time: a burst at the start may leave room in the heap for the first minute's.
    """
    _, _, life = await live(seed, 300, "leak")
    slope = life.slope() / 2**20
    table.control("F15", f"{slope:+.1f} MiB in 10 minutes")
    assert slope > 5
