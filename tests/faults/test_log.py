"""The log loses events, refuses them, or changes hands: F13 and F14."""

import asyncio
import contextlib

import pytest

from service.brokers.base import Fault
from service.probe.oracle import RunVerdict
from tests.harness import UNIT, ServiceProcess, TcpProxy
from tests.refusals import REFUSALS

from .conftest import Table
from .crowds import BY, BY_US, crowd, recovery
from .parts import (
    RECOVERY,
    cluster,
    own_redis,
    readiness,
    reason,
    refusing,
    replication,
    room_of,
    soon,
    stored_ids,
    taken_again,
    under_load,
)
from .swarm import Swarm

pytestmark = [
    pytest.mark.timeout(seconds=300 * UNIT),
    pytest.mark.expects_log(r"redis (commands|channels): |redis refused|the log stands at"),
]


# -- F13: what a client has yet to see is gone


class Losses:
    """How many clients the events were taken from, in each way, and how many were told."""

    def __init__(self) -> None:
        self.taken = self.told = 0

    def count(self, told: list[bool]) -> None:
        self.taken += len(told)
        self.told += sum(told)


async def lose_the_log(
    seed: int, clients: int, messages: int, guard: str | None, by: str = BY_US
) -> tuple[Swarm, RunVerdict, Losses]:
    """Trim past the cursors of clients that are away, or don't read; FLUSHALL; bring Redis back as it was before."""
    losses = Losses()
    env = {"HISTORY_LIMIT": "50", "UNSENT_LIMIT": "4096", "UNSENT_DEADLINE": "300"}
    async with (
        own_redis() as redis,
        cluster(redis.url, guard, env) as processes,
        crowd(by, processes, seed) as swarm,
    ):
        swarm.text = "x" * 1000
        steady = await swarm.enter(clients, room_of(2))
        away = await swarm.enter(clients, room_of(2))
        # A reader of the library's stops by itself alone, and reads what the kernel has: it is not stuck for long.
        stuck = await swarm.enter(clients, room_of(2), receive_buffer=4096) if by == BY_US else []
        await swarm.load(20, 200, senders=steady)
        await swarm.settle(RECOVERY)

        await swarm.leave(away)
        for client in stuck:
            assert client.wire is not None
            client.wire.transport.pause_reading()
        # The kernel holds some 300 KB for a reader that takes nothing; past that the process must give up on it.
        await swarm.load(messages, 1500, senders=steady)
        await soon(lambda: not swarm.unanswered, "every message is answered", RECOVERY)
        for client in stuck:
            assert client.wire is not None
            client.wire.transport.resume_reading()
        swarm.come_back(away)
        await swarm.all_inside(recovery(by))
        wait = 5 * UNIT if guard else RECOVERY
        with contextlib.suppress(TimeoutError):
            await soon(lambda: all(client.resets["trimmed"] for client in stuck), "resets", wait)
        losses.count([client.resets["trimmed"] > 0 for client in stuck])
        losses.count([client.fresh > 0 for client in away])
        await swarm.settle(wait)

        seen = {client: client.resets["epoch"] for client in swarm.clients}

        async def flush() -> None:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(redis.cli, "FLUSHALL")
            await asyncio.sleep(3)  # time enough for the periodic look at rooms where nobody says anything

        await swarm.leave(away)
        await under_load(swarm, 0, 50, flush) if not guard else await flush()
        swarm.come_back(away)
        await swarm.all_inside(recovery(by))
        losses.count([client.resets["epoch"] > seen[client] for client in [*steady, *stuck]])
        losses.count([client.fresh > 1 for client in away])
        await swarm.settle(wait)

        await asyncio.to_thread(redis.cli, "SAVE")
        await swarm.load(100, 200, senders=steady)
        await swarm.settle(wait)
        seen = {client: client.resets["epoch"] for client in swarm.clients}
        await asyncio.to_thread(redis.restart, kill=True)
        with contextlib.suppress(TimeoutError):
            await soon(lambda: all(client.resets["epoch"] > seen[client] for client in swarm.clients), "resets", wait)
        losses.count([client.resets["epoch"] > seen[client] for client in swarm.clients])
        await swarm.load(20, 200, senders=steady)
        return swarm, await swarm.settle(wait, quiet=1 * UNIT), losses


@BY
async def test_f13_log_lost(by: str, seed: int, long_form: bool, table: Table) -> None:
    """Each client from whom something was taken is told: `reset`, or `resumed: false` when it comes back."""
    clients, messages = (100, 1500) if long_form else (10, 1000)
    swarm, verdict, losses = await lose_the_log(seed, clients, messages, None, by)
    note = f"{losses.told} of {losses.taken} clients told what they lack; {verdict.said} absences said"
    table.row("F13", seed, len(swarm.posted_at), 4, verdict, None, note, by=by)
    verdict.assert_clean()
    assert losses.told == losses.taken == (8 if by == BY_US else 5) * clients
    assert verdict.said > 0


@pytest.mark.long
async def test_f13_control(seed: int, table: Table) -> None:
    """Without resets nobody speaks of what is gone."""
    _, verdict, losses = await lose_the_log(seed, 10, 1000, "resets")
    table.control("F13", f"{losses.told} of {losses.taken} told; {verdict.lost} lost copies")
    assert losses.told < losses.taken and verdict.lost > 0


# -- F14: Redis refuses, or another takes its place

PAUSE = 10  # seconds without writes, in which the other one catches up and takes over


async def phantoms(swarm: Swarm, port: int, rooms: list[str]) -> set[str]:
    """Ids that were handed to clients and are not in the log."""
    seen = {key[2] for client in swarm.clients for place in client.log.places.values() for key in place.got}
    return seen - await stored_ids(port, rooms)


async def not_ready(processes: list[ServiceProcess], fault: Fault) -> None:
    """Each says why, and its metric agrees; an answer may be a second old."""
    async with asyncio.timeout(RECOVERY):
        for process in processes:
            while await reason(process) != ([f"broker: {fault}"], False):
                await asyncio.sleep(0.05)


async def refuse(seed: int, guard: str | None) -> tuple[Swarm, RunVerdict, set[str], float]:
    """Three refusals and a change of master; the last two: phantoms, and seconds until a message was taken again."""
    worst = 0.0
    env = {"HISTORY_LIMIT": "100000"}
    # Redis 7 waits for 5 s, by default, for more replicas before it sends one its data.
    async with own_redis(repl_diskless_sync_delay=0) as redis, own_redis() as other:
        with TcpProxy("127.0.0.1", redis.port) as proxy:
            async with (
                cluster(f"redis://127.0.0.1:{proxy.port}/0", guard, env) as processes,
                Swarm([process.port for process in processes], seed) as swarm,
            ):
                await swarm.enter(40, room_of(10))
                await swarm.covet()

                async def synced() -> None:
                    """The other one follows Redis and has everything, while writes wait."""
                    await asyncio.to_thread(other.cli, "REPLICAOF", "127.0.0.1", redis.port)
                    async with asyncio.timeout(RECOVERY):
                        while (await replication(other))["master_link_status"] != "up":
                            await asyncio.sleep(0.02)
                    await asyncio.to_thread(redis.cli, "CLIENT", "PAUSE", 1000 * PAUSE, "WRITE")
                    offset = int((await replication(redis))["master_repl_offset"])
                    async with asyncio.timeout(PAUSE / 2):
                        while int((await replication(other))["slave_repl_offset"]) < offset:
                            await asyncio.sleep(0.02)

                async def faults() -> None:
                    nonlocal worst
                    await asyncio.sleep(1)
                    for how in ("full", "disconnected"):
                        known = swarm.errors["unavailable"]
                        async with refusing(how, redis):
                            await soon(lambda: swarm.errors["unavailable"] > known + 50, "unavailable", RECOVERY)  # noqa: B023  # awaited here
                            await not_ready(processes, REFUSALS[how].fault)
                        worst = max(worst, await taken_again(swarm))
                    await synced()
                    # The follower takes over with all that was stored; the old one follows it, and refuses.
                    await asyncio.to_thread(other.cli, "REPLICAOF", "NO", "ONE")
                    known = swarm.errors["unavailable"]
                    await asyncio.to_thread(redis.cli, "REPLICAOF", "127.0.0.1", other.port)
                    await asyncio.to_thread(redis.cli, "CLIENT", "UNPAUSE")
                    await soon(lambda: swarm.errors["unavailable"] > known + 50, "unavailable", RECOVERY)
                    await not_ready(processes, Fault.READ_ONLY)
                    proxy.upstream = ("127.0.0.1", other.port)
                    proxy.drop_connections()
                    worst = max(worst, await taken_again(swarm))
                    for process in processes:
                        await readiness(process, True, RECOVERY)

                await under_load(swarm, 0, 200, faults)
                verdict = await swarm.settle(5 * UNIT if guard else RECOVERY)
                return swarm, verdict, await phantoms(swarm, processes[0].port, sorted(swarm.heads)), worst


@pytest.mark.long
async def test_f14_redis_refuses(seed: int, table: Table) -> None:
    """What can't be stored is `unavailable` and shown to nobody; when Redis takes it again, so does the service."""
    swarm, verdict, ghosts, worst = await refuse(seed, None)
    note = f"{swarm.errors['unavailable']} unavailable, {len(ghosts)} phantoms"
    table.row("F14", seed, len(swarm.posted_at), 3, verdict, worst, note)
    verdict.assert_clean()
    swarm.assert_all_stayed()
    assert not ghosts
    assert verdict.said == 0
    assert worst < 5 * UNIT


@pytest.mark.long
async def test_f14_control(seed: int, table: Table) -> None:
    """A script that broadcasts before it writes shows what was never stored."""
    seen: set[str] = set()
    async with (
        own_redis() as redis,
        cluster(redis.url, "order", count=1) as (process,),
        Swarm([process.port], seed) as swarm,
    ):
        await swarm.enter(4, room_of(1))
        await swarm.load(20, 100)
        await swarm.settle()
        acknowledged = len(swarm.acknowledged_at)
        swarm.on_delivery = lambda _, id: seen.add(id)
        async with refusing("full", redis):
            swarm.clients[0].post("room-0")
            await soon(lambda: swarm.errors["unavailable"], "unavailable", RECOVERY)
            await asyncio.sleep(0.2)
            assert len(swarm.acknowledged_at) == acknowledged
            table.control("F14", f"{len(seen)} phantom of 1 message refused")
            assert len(seen) == 1
