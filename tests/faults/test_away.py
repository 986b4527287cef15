"""Redis is away for longer than a process lives without a beat, or a process is gone before its first: F22."""

import asyncio
import contextlib
import time

import pytest

from service.probe.oracle import RunVerdict
from tests.harness import UNIT

from .conftest import Table
from .parts import (
    RECOVERY,
    cluster,
    own_redis,
    readiness,
    refusing,
    room_of,
    service,
    soon,
    taken_again,
    under_load,
)
from .shapes import OTHERS, redis_shape
from .swarm import Swarm
from .unguarded import SHORT_TTL

pytestmark = [
    pytest.mark.timeout(seconds=300 * UNIT),
    pytest.mark.expects_log(r"redis (commands|channels|cluster): |redis refused"),
]


async def stay_away(seed: int, shape: str, seconds: float, guard: str | None) -> tuple[Swarm, RunVerdict, float]:
    """Redis is dead for so long, and then refuses to write for so long; then a life passes in which others are buried.

    The last is how long it took at most from its return to the next message.
    """
    worst = 0.0
    async with (
        redis_shape(shape, appendonly="yes", appendfsync="always") as redis,
        cluster(redis.url, guard) as processes,
        Swarm([process.port for process in processes], seed) as swarm,
    ):
        await swarm.enter(40, room_of(10))
        await swarm.covet()

        async def recovered() -> None:
            nonlocal worst
            worst = max(worst, await taken_again(swarm))
            await asyncio.gather(*(readiness(process, True, RECOVERY) for process in processes))
            await asyncio.sleep(seconds)

        async def faults() -> None:
            await asyncio.sleep(seconds if guard else 1)  # a process that has just begun buries nobody in any case
            await asyncio.to_thread(redis.kill9)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(redis.start)
            await recovered()
            async with refusing("full", *redis.primaries()):
                await asyncio.sleep(seconds)
            await recovered()

        await under_load(swarm, 0, 50, faults)
        return swarm, await swarm.settle(5 * UNIT if guard else RECOVERY), worst


@pytest.mark.parametrize("shape", ["redis", *(pytest.param(other, marks=pytest.mark.long) for other in OTHERS)])
async def test_f22_redis_away(shape: str, seed: int, long_form: bool, middle_form: bool, table: Table) -> None:
    """Those who stayed did not leave, by anybody's word, and kept their names; their messages came once."""
    whole = long_form and (shape == "redis" or not middle_form)
    swarm, verdict, worst = await stay_away(seed, shape, *((30, None) if whole else (SHORT_TTL + 1, "short")))
    answers = f"{sum(swarm.coveted.values())} strangers got none of {len(swarm.clients)} names"
    note = f"{len(swarm.moved)} told to have left or come, {answers}"
    table.row("F22", seed, len(swarm.posted_at), 2, verdict, worst, note, by=shape)
    verdict.assert_clean()
    assert verdict.said == 0
    swarm.assert_all_stayed()
    assert worst < 5 * UNIT


@pytest.mark.long
async def test_f22_control(seed: int, table: Table) -> None:
    """A process that was away itself takes all others for dead, and nobody asks whose a name is."""
    swarm, _, _ = await stay_away(seed, "redis", SHORT_TTL + 1, "short+witness+names")
    given = swarm.coveted["201"]
    told = f"{len(swarm.moved)} of {len(swarm.clients)} told to have left or come"
    table.control("F22 redis", f"{told}, {given} names given away")
    assert swarm.moved and given


async def killed_at_its_start(seed: int, guard: str) -> float | None:
    """A process gets people as soon as it serves, and is killed within 3 s; how long they were seen after that."""
    async with (
        own_redis() as redis,
        cluster(redis.url, guard, count=1) as (steady,),
        Swarm([steady.port], seed) as swarm,
    ):
        (watcher,) = await swarm.enter(1, room_of(1))
        await asyncio.sleep(2 * SHORT_TTL)
        brief = service(redis.url, guard)
        await asyncio.to_thread(brief.start)
        began = time.monotonic()
        async with Swarm([brief.port], seed) as visitors:
            try:
                await visitors.enter(5, room_of(1))
                # Five, for the first of them is the watcher's user.
                await soon(lambda: watcher.count["room-0"] == 5, "they are seen", RECOVERY)
                assert time.monotonic() - began < 3 * UNIT
            finally:
                await asyncio.to_thread(brief.kill9)
        killed = time.monotonic()
        with contextlib.suppress(TimeoutError):
            await soon(lambda: watcher.count["room-0"] == 1, "they are gone", 5 * SHORT_TTL * UNIT)
            return time.monotonic() - killed
        return None


async def test_a_process_that_dies_young_leaves_no_ghosts(seed: int) -> None:
    """Its people are gone once it would have had to beat."""
    seconds = await killed_at_its_start(seed, "short")
    assert seconds is not None


@pytest.mark.long
async def test_control_a_process_that_dies_unknown_does(seed: int) -> None:
    """Of one that is known by its beats alone its people stay for ever."""
    seconds = await killed_at_its_start(seed, "short+first")
    assert seconds is None
