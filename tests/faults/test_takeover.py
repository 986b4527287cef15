"""A replica that lacks the newest events takes over, for one process before the other: F24."""

import asyncio
import contextlib

import pytest

from tests.harness import UNIT, RedisServer, TcpProxy

from .client import Client
from .conftest import Table
from .parts import RECOVERY, cluster, own_redis, replication, soon
from .swarm import Swarm

pytestmark = [
    pytest.mark.timeout(seconds=300 * UNIT),
    pytest.mark.expects_log(r"redis (commands|channels): |redis refused|new epoch"),
]


async def follow(replica: RedisServer, master: RedisServer) -> None:
    """All that the master has is at the replica."""
    await asyncio.to_thread(replica.cli, "REPLICAOF", "127.0.0.1", master.port)
    async with asyncio.timeout(RECOVERY):
        while (await replication(replica))["master_link_status"] != "up":
            await asyncio.sleep(0.02)
        offset = int((await replication(master))["master_repl_offset"])
        while int((await replication(replica))["slave_repl_offset"]) < offset:
            await asyncio.sleep(0.02)


def place(client: Client) -> tuple[str, int]:
    """The epoch, and the seq up to which it has seen its room."""
    found = client.log.places[client.rooms[0]]
    return found.epoch, found.cursor


async def take_over(seed: int, rooms: int, guard: str | None) -> tuple[Swarm, int, int, float]:
    """From how many clients events were taken whose places others have; how many of them were told, within seconds.

    Each room has two clients on the process that comes late to the new master, one of which goes away and comes back
    afterwards, and one on the process that comes early.
    """
    lost, others = 5, 8  # in each room
    async with own_redis(repl_diskless_sync_delay=0) as redis, own_redis() as other:
        with TcpProxy("127.0.0.1", redis.port) as late, TcpProxy("127.0.0.1", redis.port) as early:
            late_url, early_url = (f"redis://127.0.0.1:{proxy.port}/0" for proxy in (late, early))
            async with (
                cluster(late_url, guard, count=1) as (late_process,),
                cluster(early_url, guard, count=1) as (early_process,),
                Swarm([late_process.port], seed) as swarm,
            ):
                stay = await swarm.enter(rooms, lambda number: [f"room-{number}"])
                away = await swarm.enter(rooms, lambda number: [f"room-{number}"])
                swarm.ports = [early_process.port]
                ahead = await swarm.enter(rooms, lambda number: [f"room-{number}"])

                async def say(clients: list[Client], each: int) -> None:
                    for client in clients * each:
                        client.post(client.rooms[0])
                    await soon(lambda: not swarm.unanswered, "every message is answered", RECOVERY)

                async def seen(clients: list[Client], seq: int) -> None:
                    await soon(lambda: all(place(client)[1] == seq for client in clients), "all copies", RECOVERY)

                await say([*stay, *ahead], 3)
                await swarm.settle(RECOVERY)
                await follow(other, redis)
                await asyncio.to_thread(other.cli, "REPLICAOF", "NO", "ONE")
                early.refusing = True
                early.drop_connections()
                await say(stay, lost)
                await seen([*stay, *away], 6 + lost)
                await swarm.leave(away)

                early.upstream = ("127.0.0.1", other.port)
                early.refusing = False
                await say(ahead, others)
                await seen(ahead, 6 + others)
                late.upstream = ("127.0.0.1", other.port)
                late.drop_connections()
                wait = 5 * UNIT if guard else RECOVERY
                with contextlib.suppress(TimeoutError):
                    wait = await soon(lambda: all(client.resets["epoch"] for client in stay), "resets", wait)
                swarm.come_back(away)
                await swarm.all_inside(RECOVERY, away)
                told = sum(client.resets["epoch"] > 0 for client in stay) + sum(client.fresh > 0 for client in away)
                await say([*stay, *away, *ahead], 1)
                await seen([*stay, *away, *ahead], 6 + others + 3)
                for people in zip(stay, away, ahead, strict=True):
                    assert len({place(client) for client in people}) == 1
                return swarm, 2 * rooms, told, wait


async def test_f24_replica_takes_over(seed: int, long_form: bool, table: Table) -> None:
    """Everybody who saw what the new master lacks is told, although it has as many other events by then."""
    swarm, taken, told, wait = await take_over(seed, 100 if long_form else 5, None)
    note = f"{told} of {taken} clients told what they lack"
    table.row("F24", seed, len(swarm.posted_at), 1, None, wait, note)
    assert told == taken
    assert wait < 5 * UNIT


@pytest.mark.long
async def test_f24_control(seed: int, table: Table) -> None:
    """By where the log ends, nobody notices."""
    _, taken, told, _ = await take_over(seed, 5, "identity")
    table.control("F24", f"{told} of {taken} told")
    assert told == 0
