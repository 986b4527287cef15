"""A Redis Cluster, whose primaries die and whose slots move: F17 and F18."""

import asyncio
import time

import pytest

from service.probe.oracle import RunVerdict
from tests.harness import UNIT, RedisCluster

from .conftest import Table
from .parts import RECOVERY, cluster, readiness, room_of, soon, started, stored_ids, under_load
from .swarm import Swarm

pytestmark = [
    pytest.mark.timeout(seconds=300 * UNIT),
    pytest.mark.expects_log(r"redis (commands|channels): |redis refused|the log stands at"),
]

DELAY = 0.02  # seconds by which replicas are late
NODE_TIMEOUT = 2.0  # seconds; on a busy machine a cluster with less patience takes living primaries for dead
PROMPT = 3.0 * UNIT  # seconds after a promotion within which messages are taken
UNDISTURBED = 1.0 * UNIT  # seconds within which they are while another primary is dead
WAIT = 2.0 * UNIT  # seconds that nobody may wait longer while slots move
STEP = 0.02  # seconds between two keys of a slot that moves


async def slots_of(nodes: RedisCluster, rooms: list[str]) -> dict[str, int]:
    """Each room's slot."""
    return {room: await asyncio.to_thread(nodes.slot_of, f"{{{room}}}") for room in rooms}


# -- F17: a primary dies, its replica is promoted, it comes back


class Promotions:
    """What was seen of them."""

    def __init__(self) -> None:
        self.worst = 0.0  # seconds from a primary that may take messages to the next one in its rooms
        self.elsewhere = 0.0  # seconds that an acknowledgement took at most in a room of another primary
        self.gone: set[str] = set()  # acknowledged, and in no log


async def kill_primaries(
    seed: int, kills: int, rate: float, copies: int, guard: str | None
) -> tuple[Swarm, RunVerdict, Promotions]:
    """A primary dies, as if its machine were lost, and comes back when it has a successor."""
    seen = Promotions()
    env = {"REDIS_COPIES": str(copies), "HISTORY_LIMIT": "100000"}
    async with (
        started(RedisCluster(full_coverage=False, node_timeout=NODE_TIMEOUT, replication_delay=DELAY)) as nodes,
        cluster(nodes.url, guard, env) as processes,
        Swarm([process.port for process in processes], seed) as swarm,
    ):
        await swarm.enter(80, room_of(20))
        await swarm.covet()
        slots = await slots_of(nodes, [f"room-{number}" for number in range(20)])

        async def kill(slot: int) -> None:
            owner = await asyncio.to_thread(nodes.owner, slot)
            there = {room for room, at in slots.items() if await asyncio.to_thread(nodes.owner, at) is owner}
            elsewhere = slots.keys() - there
            began = time.monotonic()
            await asyncio.to_thread(nodes.kill_primary, slot)
            await asyncio.to_thread(nodes.wait_promoted, slot, owner)
            promoted = time.monotonic()
            if copies:  # the only one there can be is on the old one
                await asyncio.to_thread(nodes.restart, owner)
            ready = time.monotonic()

            def taken() -> bool:
                ids = (id for id, at in swarm.acknowledged_at.items() if at > ready)
                return any(swarm.posted_in[id] in there for id in ids)

            def answered() -> bool:
                return swarm.worst_wait(elsewhere, began, promoted) < RECOVERY

            seen.worst = max(seen.worst, await soon(taken, "a message is taken", RECOVERY))
            await soon(answered, "messages in other rooms are answered", RECOVERY)
            seen.elsewhere = max(seen.elsewhere, swarm.worst_wait(elsewhere, began, promoted))
            await asyncio.gather(*(readiness(process, True, RECOVERY) for process in processes))
            if not copies:
                await asyncio.to_thread(nodes.restart, owner)
            await asyncio.to_thread(nodes.wait_stable)

        async def faults() -> None:
            for _ in range(kills):
                await asyncio.sleep(swarm.random.uniform(1, 2))
                await kill(slots[swarm.random.choice(list(slots))])

        await under_load(swarm, 0, rate, faults)
        verdict = await swarm.settle(5 * UNIT if guard else RECOVERY)
        await swarm.end()  # who reads back now comes into empty rooms
        seen.gone = set(swarm.acknowledged_at) - await stored_ids(processes[0].port, sorted(swarm.heads))
        return swarm, verdict, seen


@pytest.mark.long
async def test_f17_primary_killed(seed: int, long_form: bool, table: Table) -> None:
    """What was acknowledged is on the replica that takes over, and rooms of other primaries don't notice."""
    kills = 3 if long_form else 1
    swarm, verdict, seen = await kill_primaries(seed, kills, 150, 1, None)
    note = f"after its return; {seen.elsewhere:.2f} s for an answer in other rooms at most"
    table.row("F17", seed, len(swarm.posted_at), kills, verdict, seen.worst, note)
    verdict.assert_clean()
    swarm.assert_all_stayed()
    assert not seen.gone and verdict.said == 0
    assert not any(client.was_told for client in swarm.clients) and not swarm.closes
    assert seen.worst < PROMPT and seen.elsewhere < UNDISTURBED


@pytest.mark.long
async def test_f17_control(seed: int, table: Table) -> None:
    """Without copies what its replica had not yet is lost, and said."""
    swarm, verdict, seen = await kill_primaries(seed, 3, 300, 0, None)
    told = sum(client.was_told for client in swarm.clients)
    table.control("F17", f"{len(seen.gone)} acknowledged lost in 3 faults, {told} clients told")
    verdict.assert_clean()
    assert seen.gone and told


# -- F18: slots move from one primary to another, key by key


async def move_slots(
    seed: int, rooms: int, rounds: int, rate: float, guard: str | None
) -> tuple[Swarm, RunVerdict, dict[str, int]]:
    """Each room's slot moves, `rounds` times, and that of what is of no room; the last: how often what was answered."""
    async with (
        started(RedisCluster(replicas=0, node_timeout=NODE_TIMEOUT)) as nodes,
        cluster(nodes.url, guard, {"HISTORY_LIMIT": "100000"}) as processes,
        Swarm([process.port for process in processes], seed) as swarm,
    ):
        await swarm.enter(80, room_of(rooms))
        await swarm.covet()
        slots = await slots_of(nodes, [*(f"room-{number}" for number in range(rooms)), "*"])

        async def faults() -> None:
            for _ in range(rounds):
                for slot in slots.values():
                    owner = await asyncio.to_thread(nodes.owner, slot)
                    primaries = await asyncio.to_thread(nodes.primaries)
                    to = swarm.random.choice([node for node in primaries if node is not owner])
                    await asyncio.to_thread(nodes.migrate_slot, slot, to, lambda _: time.sleep(STEP))

        await under_load(swarm, 0, rate, faults)
        verdict = await swarm.settle(5 * UNIT if guard else RECOVERY)
        words = ("ASK", "MOVED", "TRYAGAIN")
        return swarm, verdict, {word: await asyncio.to_thread(nodes.refusals, word) for word in words}


async def test_f18_slots_moved(seed: int, long_form: bool, table: Table) -> None:
    """Nobody misses anything, and nobody waits for long."""
    rooms, rounds = (20, 2) if long_form else (6, 1)
    swarm, verdict, answers = await move_slots(seed, rooms, rounds, 200, None)
    wait = max(swarm.worst_wait(swarm.heads), swarm.worst_lag)
    note = "until acknowledged; " + ", ".join(f"{count} {word}" for word, count in answers.items())
    table.row("F18", seed, len(swarm.posted_at), rounds * (rooms + 1), verdict, wait, note)
    verdict.assert_clean()
    swarm.assert_all_stayed()
    assert verdict.said == 0
    assert not any(client.was_told for client in swarm.clients) and not swarm.closes
    assert answers["ASK"] + answers["TRYAGAIN"] > 0 and answers["MOVED"] > 0
    assert wait < WAIT


@pytest.mark.long
async def test_f18_control(seed: int, table: Table) -> None:
    """A plain subscriber misses what comes between the end of its subscription and the next one."""
    _, verdict, _ = await move_slots(seed, 2, 10, 300, "holes")
    table.control("F18", f"{verdict.lost} lost copies in 30 faults")
    assert verdict.lost > 0
