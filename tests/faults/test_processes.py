"""A web process is killed or told to leave; its clients go on at another: F5, F6 and F11."""

import asyncio
import statistics
import time
from collections import Counter

import pytest
from parley_client.detour import BLOCKED_AFTER

from service.probe.oracle import RunVerdict
from tests.harness import UNIT

from .client import ORIGIN, PROMISED
from .conftest import Table
from .crowds import BY, BY_BOTH, BY_US, DETOURS, LIBRARIES, crowd, recovery
from .parts import RECOVERY, cluster, own_redis, room_of, under_load
from .swarm import Swarm

pytestmark = [pytest.mark.timeout(seconds=600 * UNIT)]


# -- F5: kill -9 of the process that clients hang on


async def kill_processes(
    seed: int, messages: int, kills: int, rate: float, guard: str | None, by: str = BY_US
) -> tuple[Swarm, RunVerdict]:
    async with (
        own_redis() as redis,
        cluster(redis.url, guard) as processes,
        crowd(by, processes, seed) as swarm,
    ):
        await swarm.enter(100, room_of(10))

        async def faults() -> None:
            for number in range(kills):
                await asyncio.sleep(swarm.random.uniform(0.2, 1.0))
                victim = processes[number % 2]
                await asyncio.to_thread(victim.kill9)
                await asyncio.to_thread(victim.start)
                await swarm.all_inside(
                    recovery(by)
                )  # killed again before it held for ten seconds, it counts as a failure

        await under_load(swarm, messages, rate, faults)
        return swarm, await swarm.settle(5 * UNIT if guard else RECOVERY)


@BY_BOTH
async def test_f5_processes_killed(by: str, seed: int, long_form: bool, table: Table) -> None:
    """Nothing is saved at a death, and nothing needs to be: clients resume on the other process."""
    messages, kills, rate = (10_000, 20, 200) if long_form else (600, 2, 200)
    swarm, verdict = await kill_processes(seed, messages, kills, rate, None, by)
    cuts = sum(len(client.returns) for client in swarm.clients)
    table.row("F5", seed, len(swarm.posted_at), kills, verdict, swarm.worst_return, f"{cuts} sockets cut", by=by)
    verdict.assert_clean()
    assert verdict.acknowledged >= messages and verdict.said == 0
    assert cuts >= 30 * kills and all(client.fresh == 0 for client in swarm.clients)
    # Who is cut again and again waits longer and longer, as the library's backoff says.
    assert swarm.worst_return < recovery(by) - RECOVERY + 10 * UNIT


@pytest.mark.long
async def test_f5_control(seed: int, table: Table) -> None:
    """A process that doesn't go by `since` leaves out what came meanwhile."""
    _, verdict = await kill_processes(seed, 600, 2, 200, "resume")
    table.control("F5", f"{verdict.lost} lost copies in 2 faults")
    assert verdict.lost > 0


# -- F6: SIGTERM


class Drains:
    """What the drains of a run showed."""

    def __init__(self) -> None:
        self.seconds: list[float] = []  # from SIGTERM to the end
        self.codes: Counter[int] = Counter()
        self.moments: list[list[float]] = []  # by drain, those that were told: seconds to come
        self.returns = 0

    def crowds(self, drain: float) -> float:
        """The most moments in a tenth of the time, as a multiple of an even spread."""
        worst = 0.0
        for moments in self.moments:
            tenths = Counter(int(10 * moment / drain) for moment in moments)
            worst = max(worst, 10 * max(tenths.values()) / len(moments))
        return worst


async def drain_processes(
    seed: int, sockets: int, times: int, drain: float, rate: float, guard: str | None, by: str = BY_US
) -> tuple[Swarm, RunVerdict, Drains]:
    drains = Drains()
    env = {"DRAIN_SECONDS": str(drain)}
    async with (
        own_redis() as redis,
        cluster(redis.url, guard, env) as processes,
        crowd(by, processes, seed) as swarm,
    ):
        await swarm.enter(100 if by in DETOURS else 200 if by in LIBRARIES else sockets, room_of(20))

        async def faults() -> None:
            # A thousand of the library's, with their balancer in the same process, take half a core to a whole one, and
            # a process has no more: past that sound handshakes time out. The drain sends a hundred away in at least a
            # fifth of its time.
            # By streams no more than these: with a thousand asked for, the one program of Node was too busy to enter.
            most = min(sockets, 300) if by in DETOURS else sockets
            await swarm.enter_while_it_is_quick(most, drain / 10, room_of(20))
            for number in range(times):
                await asyncio.sleep(1)
                leaving = processes[number % 2]
                seen = sum(len(client.returns) for client in swarm.clients)
                told = len(swarm.told)
                began = time.monotonic()
                drains.codes[await asyncio.to_thread(leaving.stop)] += 1
                drains.seconds.append(time.monotonic() - began)
                await swarm.all_inside(RECOVERY)
                drains.moments.append(swarm.told[told:])
                drains.returns += sum(len(client.returns) for client in swarm.clients) - seen
                await asyncio.to_thread(leaving.start)

        await under_load(swarm, 0, rate, faults)
        verdict = await swarm.settle(5 * UNIT if guard else RECOVERY)
        await swarm.leave(swarm.clients)
        for process in processes:
            await asyncio.to_thread(process.kill9)
        return swarm, verdict, drains


@BY
async def test_f6_drain(by: str, seed: int, long_form: bool, middle_form: bool, table: Table) -> None:
    """Sockets are sent away one after another with a ticket for the next process, which lets them go on."""
    sockets, times, drain, rate = (1000, 10, 20.0, 100) if long_form else (200, 1, 4.0, 100)
    times = 3 if middle_form else times
    swarm, verdict, drains = await drain_processes(seed, sockets, times, drain, rate, None, by)
    crowds = drains.crowds(drain)
    late = statistics.median(map(abs, swarm.late))
    count = len(swarm.clients)  # of the library's as many as the process carries
    note = f"{count} sockets; exit in {max(drains.seconds):.1f} s at most"
    note += f"; a tenth of the drain had {crowds:.1f} x an even share at most"
    note += f", and half were sent away within {late:.2f} s of their moment"
    table.row("F6", seed, len(swarm.posted_at), times, verdict, swarm.worst_return, note, by=by)
    verdict.assert_clean()
    assert verdict.said == 0
    assert drains.codes == {0: times} and max(drains.seconds) < drain + 5 * UNIT
    assert set(swarm.closes) == {1012} and swarm.closes[1012] == len(swarm.told) >= count // 2
    assert drains.returns == swarm.closes[1012]
    assert all(client.fresh == 0 for client in swarm.clients)
    assert not swarm.errors and swarm.failures == (BLOCKED_AFTER * count if by in DETOURS else 0)
    # Each has a part of the time of its own, so that only those at a tenth's edges may be in another. When they arrive
    # is the machine's affair too, if it pauses.
    assert crowds < 1.5 and max(swarm.told) > 0.8 * drain
    # Who read `reconnect` late takes the moment that it names for a later one.
    assert all(early < PROMISED + swarm.worst_pause for early in swarm.early) and late < drain / 20


@pytest.mark.long
async def test_f6_control(seed: int, table: Table) -> None:
    """A drain of no length brings everybody back at once; without resume they lack what came meanwhile."""
    _, verdict, drains = await drain_processes(seed, 200, 2, 0.0, 200, "resume")
    crowds = drains.crowds(4.0)
    table.control("F6", f"{verdict.lost} lost copies, {crowds:.1f} x an even share at once")
    assert verdict.lost > 0 and crowds > 5


# -- F11: everybody is cut at once


async def use_again(port: int, ticket: str) -> bool:
    """Whether a ticket that was used lets in once more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {ORIGIN}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        f"Sec-WebSocket-Protocol: chat.v1, ticket.{ticket}\r\n\r\n"
    )
    try:
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        first = (await reader.readexactly(1))[0]
        return first & 15 == 1  # `welcome`; else the close frame 4401
    finally:
        writer.close()


async def cut_everybody(seed: int, sockets: int, times: int, guard: str | None) -> tuple[Swarm, RunVerdict, int, float]:
    """The last two: tickets that served twice, and seconds until all were back."""
    twice, worst = 0, 0.0
    async with (
        own_redis() as redis,
        cluster(redis.url, guard) as processes,
        Swarm([process.port for process in processes], seed) as swarm,
    ):
        swarm.by_ticket = True
        await swarm.enter(sockets, room_of(20))

        async def faults() -> None:
            nonlocal twice, worst
            for _ in range(times):
                await asyncio.sleep(1)
                began = time.monotonic()
                swarm.cut(swarm.clients)
                await swarm.all_inside(60 * UNIT)
                worst = max(worst, time.monotonic() - began)
                used = [client.used_ticket for client in swarm.random.sample(swarm.clients, 50)]
                twice += sum([await use_again(swarm.ports[0], ticket) for ticket in used if ticket])

        await under_load(swarm, 0, 50, faults)
        return swarm, await swarm.settle(), twice, worst


@pytest.mark.long
async def test_f11_everybody_cut(seed: int, table: Table) -> None:
    """A herd comes back with full jitter and fresh tickets, each of which serves once."""
    swarm, verdict, twice, worst = await cut_everybody(seed, 2000, 3, None)
    note = f"2000 sockets; {twice} of 150 used tickets served again"
    table.row("F11", seed, len(swarm.posted_at), 3, verdict, worst, note)
    verdict.assert_clean()
    assert worst < 30 * UNIT
    assert twice == 0
    assert not swarm.errors and not swarm.failures and not swarm.refusals
    assert set(swarm.closes) == {1006}


@pytest.mark.long
async def test_f11_control(seed: int, table: Table) -> None:
    """A ticket that is read and not taken serves again."""
    _, _, twice, _ = await cut_everybody(seed, 100, 1, "once")
    table.control("F11", f"{twice} of 50 used tickets served again")
    assert twice > 0
