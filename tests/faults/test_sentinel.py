"""Redis with replicas and sentinels, whose master dies or freezes: F16."""

import asyncio
import time

import pytest

from service.probe.oracle import RunVerdict
from tests.harness import UNIT, RedisSentinels

from .conftest import Table
from .parts import RECOVERY, cluster, readiness, room_of, started, stored_ids, taken_again, under_load
from .swarm import Swarm

pytestmark = [
    pytest.mark.timeout(seconds=300 * UNIT),
    pytest.mark.expects_log(r"redis (commands|channels): |redis refused|the log stands at"),
]

DELAY = 0.02  # seconds by which replicas are late
DOWN_AFTER = 3.0  # seconds; on a busy machine sentinels with less patience take living masters for dead
PROMPT = 3.0 * UNIT  # seconds after the servers' own time within which messages are taken


class Failovers:
    """What was seen of them."""

    def __init__(self) -> None:
        self.worst = 0.0  # seconds from a master that may take messages to the next one
        self.gone: set[str] = set()  # acknowledged, and in no log
        self.losers = self.told = 0  # clients in rooms of those, and how many of these were told


async def fail_over(
    seed: int, faults: list[str], rate: float, copies: int, guard: str | None
) -> tuple[Swarm, RunVerdict, Failovers]:
    """The master is killed, as if its machine were lost, or frozen until it has a successor; then it follows that."""
    seen = Failovers()
    env = {"REDIS_COPIES": str(copies), "HISTORY_LIMIT": "100000"}
    async with (
        started(RedisSentinels(replication_delay=DELAY, down_after=DOWN_AFTER)) as servers,
        cluster(servers.url, guard, env) as processes,
        Swarm([process.port for process in processes], seed) as swarm,
    ):
        await swarm.enter(40, room_of(10))
        await swarm.covet()

        async def fail() -> None:
            for fault in faults:
                await asyncio.sleep(swarm.random.uniform(1, 2))
                old = await asyncio.to_thread(servers.kill_master if fault == "killed" else servers.freeze_master)
                await asyncio.to_thread(servers.wait_for_failover, old)
                if copies:  # there are none until the other replica follows, which Redis takes a second or two for
                    await asyncio.to_thread(servers.wait_replicated)
                began = time.monotonic()
                await taken_again(swarm)
                seen.worst = max(seen.worst, time.monotonic() - began)
                await asyncio.gather(*(readiness(process, True, RECOVERY) for process in processes))
                await asyncio.to_thread(servers.restart if fault == "killed" else servers.thaw, old)
                await asyncio.to_thread(servers.wait_replicated)

        await under_load(swarm, 0, rate, fail)
        # One of two copies outlives a master's death, and not what a replica without it does beside a living one.
        assert servers.failovers == len(faults), "the sentinels took a living master for dead"
        verdict = await swarm.settle(5 * UNIT if guard else RECOVERY)
        await swarm.end()  # who reads back now comes into empty rooms
        seen.gone = set(swarm.acknowledged_at) - await stored_ids(processes[0].port, sorted(swarm.heads))
        rooms = {swarm.posted_in[id] for id in seen.gone}
        losers = [client for client in swarm.clients if rooms.intersection(client.rooms)]
        seen.losers, seen.told = len(losers), sum(client.was_told for client in losers)
        return swarm, verdict, seen


@pytest.mark.long
async def test_f16_failover_with_copies(seed: int, long_form: bool, table: Table) -> None:
    """What a replica has was acknowledged, and only that was handed out: nobody notices but by a wait."""
    faults = ["killed", "frozen"] * (3 if long_form else 1)
    swarm, verdict, seen = await fail_over(seed, faults, 200, 1, None)
    note = f"after the servers' time; {swarm.errors['unavailable']} unavailable, {len(seen.gone)} acknowledged lost"
    table.row("F16", seed, len(swarm.posted_at), len(faults), verdict, seen.worst, note)
    verdict.assert_clean()
    swarm.assert_all_stayed()
    assert not seen.gone and verdict.said == 0
    assert not any(client.was_told for client in swarm.clients) and not swarm.closes
    assert seen.worst < PROMPT


@pytest.mark.long
@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_f16_failover_without_copies(fault: str, seed: int, table: Table) -> None:
    """What no replica had yet is lost with the master, and everybody in its room is told.

    A frozen one has answered nobody whose message is not under way to its replicas: the links go on. What it still
    takes when it is thawed, before it hears of its successor, is in no log afterwards, and has another number there.
    """
    _, verdict, seen = await fail_over(seed, [fault] * 3, 300, 0, None)
    lost = f"{len(seen.gone)} acknowledged lost in 3 faults, {seen.told} of {seen.losers} clients told"
    table.control("F16", f"{fault} without copies {lost}")
    if fault == "frozen":
        verdict.conflicting = 0
    verdict.assert_clean()
    assert seen.told == seen.losers
    assert seen.gone or fault == "frozen"
    assert seen.worst < PROMPT


@pytest.mark.long
async def test_f16_control(seed: int, table: Table) -> None:
    """Without resets they are lost in silence."""
    _, verdict, seen = await fail_over(seed, ["killed"] * 3, 300, 0, "resets")
    lost = f"{len(seen.gone)} acknowledged lost, {seen.told} of {seen.losers} told, {verdict.lost} lost copies"
    table.control("F16", f"without resets too {lost}, {verdict.conflicting} conflicting")
    assert seen.gone and seen.told < seen.losers and not verdict.clean
