"""Redis is cut off, killed, frozen, or its answers are lost: F1 to F4."""

import asyncio
import itertools
import time

import pytest

from service.probe.oracle import RunVerdict
from tests.harness import UNIT, TcpProxy

from .conftest import Table
from .crowds import BY, BY_US, crowd
from .parts import RECOVERY, cluster, own_redis, readiness, room_of, soon, taken_again, under_load
from .swarm import Swarm

pytestmark = [
    pytest.mark.timeout(seconds=300 * UNIT),
    pytest.mark.expects_log(r"redis (commands|channels): |redis refused"),
]


# -- F1: every subscription of both processes is cut, again and again


async def cut_subscriptions(
    seed: int, messages: int, kills: int, rate: float, guard: str | None, by: str = BY_US
) -> tuple[Swarm, RunVerdict]:
    async with (
        own_redis() as redis,
        cluster(redis.url, guard) as processes,
        crowd(by, processes, seed) as swarm,
    ):
        await swarm.enter(80, lambda number: [f"room-{number // 4}"])

        async def faults() -> None:
            for _ in range(kills):
                await asyncio.sleep(swarm.random.uniform(0.5, 1.5) * messages / rate / kills)
                await asyncio.to_thread(redis.cli, "CLIENT", "KILL", "TYPE", "pubsub")

        await under_load(swarm, messages, rate, faults)
        return swarm, await swarm.settle(5 * UNIT if guard else RECOVERY)


@BY
async def test_f1_subscriptions_cut(by: str, seed: int, long_form: bool, table: Table) -> None:
    """What is published while a process has no subscription is found in the log and handed out in its place."""
    messages, kills, rate = (20_000, 50, 800) if long_form else (1500, 6, 500)
    swarm, verdict = await cut_subscriptions(seed, messages, kills, rate, None, by)
    table.row("F1", seed, len(swarm.posted_at), kills, verdict, swarm.worst_lag, by=by)
    verdict.assert_clean()
    assert verdict.acknowledged >= messages and verdict.said == 0
    assert swarm.worst_lag < 5 * UNIT


@pytest.mark.long
async def test_f1_control(seed: int, table: Table) -> None:
    """A plain subscriber loses messages at each cut."""
    _, verdict = await cut_subscriptions(seed, 1000, 6, 500, "holes")
    table.control("F1", f"{verdict.lost} lost copies in 6 faults")
    assert verdict.lost > 0


# -- F2: Redis dies and comes back with what it had stored


async def kill_redis(
    seed: int, messages: int, kills: int, rate: float, guard: str | None, by: str = BY_US
) -> tuple[Swarm, RunVerdict, float]:
    worst = 0.0
    flags = {"appendonly": "yes", "appendfsync": "always"}
    async with (
        own_redis(**flags) as redis,
        cluster(redis.url, guard) as processes,
        crowd(by, processes, seed) as swarm,
    ):
        await swarm.enter(40, room_of(10))
        await swarm.covet()

        async def faults() -> None:
            nonlocal worst
            for _ in range(kills):
                await asyncio.sleep(swarm.random.uniform(0.5, 1.5) * messages / rate / kills)
                await asyncio.to_thread(redis.kill9)
                await asyncio.sleep(swarm.random.uniform(0, 0.5))
                await asyncio.to_thread(redis.start)
                back, known = time.monotonic(), len(swarm.acknowledged_at)
                await asyncio.gather(*(readiness(process, True, RECOVERY) for process in processes))
                await taken_again(swarm, known)
                worst = max(worst, time.monotonic() - back)

        await under_load(swarm, messages, rate, faults)
        return swarm, await swarm.settle(5 * UNIT if guard else RECOVERY), worst


@BY
async def test_f2_redis_killed(by: str, seed: int, long_form: bool, table: Table) -> None:
    """What was acknowledged is there after Redis's death; what was not is sent again and stored once."""
    messages, kills, rate = (10_000, 10, 400) if long_form else (800, 2, 400)
    swarm, verdict, worst = await kill_redis(seed, messages, kills, rate, None, by)
    table.row(
        "F2", seed, len(swarm.posted_at), kills, verdict, worst, f"{swarm.errors['unavailable']} unavailable", by=by
    )
    verdict.assert_clean()
    swarm.assert_all_stayed()
    assert verdict.acknowledged >= messages and verdict.said == 0
    assert worst < 5 * UNIT


@pytest.mark.long
async def test_f2_control(seed: int, table: Table) -> None:
    """Acknowledged before it is stored is lost with Redis."""
    _, verdict, _ = await kill_redis(seed, 600, 2, 400, "stored")
    table.control("F2", f"{verdict.lost} lost copies in 2 faults")
    assert verdict.lost > 0


# -- F3: Redis is there and says nothing


async def freeze_redis(
    seed: int, seconds: float, times: int, guard: str | None
) -> tuple[Swarm, RunVerdict, float, int]:
    """The last two: how long it took at most until readiness was down, and acknowledgements during a freeze."""
    noticed, false = 0.0, 0
    env = {"PING_INTERVAL": "2", "PING_TIMEOUT": "2"}
    async with (
        own_redis() as redis,
        cluster(redis.url, guard, env) as processes,
        Swarm([process.port for process in processes], seed) as swarm,
    ):
        await swarm.enter(40, room_of(10))
        await swarm.covet()

        async def faults() -> None:
            nonlocal noticed, false
            for _ in range(times):
                await asyncio.sleep(3)
                redis.sigstop()
                frozen = time.monotonic()
                try:
                    await asyncio.sleep(0.5)  # what was answered before is read by now
                    known = len(swarm.acknowledged_at)
                    waits = (readiness(process, False, seconds - 1) for process in processes)
                    await asyncio.gather(*waits)
                    noticed = max(noticed, time.monotonic() - frozen)
                    await asyncio.sleep(max(0.0, frozen + seconds - time.monotonic()))
                    false += len(swarm.acknowledged_at) - known
                finally:
                    redis.sigcont()
                await asyncio.gather(*(readiness(process, True, RECOVERY) for process in processes))

        await under_load(swarm, 0, 100, faults)
        return swarm, await swarm.settle(RECOVERY), noticed, false


def worst_ping_gap(swarm: Swarm) -> float:
    """The longest time that a socket went without a ping."""
    gap = 0.0
    for client in swarm.clients:
        if client.wire is not None:
            times = client.wire.pinged_at
            gap = max([gap, *(after - before for before, after in itertools.pairwise(times))])
    return gap


@pytest.mark.long
@pytest.mark.expects_log("silent for")
async def test_f3_redis_frozen(seed: int, table: Table) -> None:
    """A Redis that doesn't answer is noticed, said, and waited for; clients' sockets don't feel it."""
    swarm, verdict, noticed, false = await freeze_redis(seed, 15, 3, None)
    gap = worst_ping_gap(swarm)
    table.row("F3", seed, len(swarm.posted_at), 3, verdict, noticed, f"until noticed; pings {gap:.1f} s apart")
    verdict.assert_clean()
    swarm.assert_all_stayed()
    assert noticed < 10 * UNIT
    assert false == 0
    assert not swarm.closes and gap < 2 + 1 * UNIT


@pytest.mark.long
async def test_f3_control(seed: int, table: Table) -> None:
    """Without deadlines of our own nobody notices in 15 s."""
    with pytest.raises(TimeoutError, match="/readyz not False"):
        await freeze_redis(seed, 15, 1, "deadlines")
    table.control("F3", "ready all through 14 s of freeze")


# -- F4: the append is done and its answer lost


async def lose_answers(seed: int, messages: int, rate: float, guard: str | None) -> tuple[Swarm, RunVerdict, int]:
    async with own_redis() as redis:
        with TcpProxy("127.0.0.1", redis.port, seed=seed) as proxy:
            async with (
                cluster(f"redis://127.0.0.1:{proxy.port}/0", guard) as processes,
                Swarm([process.port for process in processes], seed) as swarm,
            ):
                await swarm.enter(40, room_of(10))
                proxy.lose_replies(0.05, after=b"ids:old")  # a key that only appends name
                await swarm.load(messages, rate)
                await soon(lambda: not swarm.unanswered, "every message is answered", RECOVERY)
                proxy.lose_replies(0)
                return swarm, await swarm.settle(), proxy.replies_lost


async def test_f4_answers_lost(seed: int, long_form: bool, table: Table) -> None:
    """A message whose acknowledgement was lost is sent again and stored once."""
    messages, rate = (5000, 200) if long_form else (800, 200)
    swarm, verdict, lost = await lose_answers(seed, messages, rate, None)
    waits = [swarm.acknowledged_at[id] - at for id, at in swarm.posted_at.items() if id in swarm.acknowledged_at]
    table.row("F4", seed, len(swarm.posted_at), lost, verdict, max(waits), "until acknowledged")
    verdict.assert_clean()
    assert lost > 0 and verdict.acknowledged >= messages and verdict.said == 0


@pytest.mark.long
async def test_f4_control(seed: int, table: Table) -> None:
    """Without dedupe the retry of what was stored is stored twice."""
    _, verdict, lost = await lose_answers(seed, 600, 200, "dedupe")
    table.control("F4", f"{verdict.repeated} repeated in {lost} faults")
    assert verdict.repeated > 0
