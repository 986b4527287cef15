"""Behind the same address stands another Redis: an empty one, one with other credentials, and the first again: F21."""

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence

import pytest

from service.probe.oracle import RunVerdict
from tests.harness import UNIT, RedisServer, TcpProxy

from .client import Client
from .conftest import Table
from .parts import RECOVERY, cluster, own_redis, readiness, room_of, soon, stored_ids, taken_again, under_load
from .swarm import Swarm

pytestmark = [
    pytest.mark.timeout(seconds=300 * UNIT),
    pytest.mark.expects_log(r"redis (commands|channels): |redis refused|the log stands at"),
]

PASSWORD = "word"


class Replacements:
    """What was seen of them."""

    def __init__(self) -> None:
        self.worst = 0.0  # seconds from a Redis that lets the service in to the next message
        self.taken = self.told = 0  # clients from whom what they knew was taken, and who were told
        self.false = 0  # acknowledgements while there was none
        self.said: list[bool] = []  # by process, whether it said why
        self.mixed: set[str] = set()  # messages acknowledged by one that another has too


def times_told(client: Client) -> int:
    """How often a client was told that a log is another: by a reset, or as it came back."""
    return client.resets["epoch"] + client.fresh


async def read_back(port: int, rooms: list[str]) -> set[str]:
    """The ids of what is stored; nobody new is let in before an empty Redis knows again who is here."""
    async with asyncio.timeout(RECOVERY):
        while True:
            with contextlib.suppress(ConnectionError):
                return await stored_ids(port, rooms)
            await asyncio.sleep(0.1)


async def replace(seed: int, seconds: float, guard: str | None) -> tuple[Swarm, RunVerdict, Replacements]:
    """Each is there for so long while people talk: an empty one, one that refuses the password, the first again."""
    seen = Replacements()
    wait = 5 * UNIT if guard else RECOVERY
    async with (
        own_redis(requirepass=PASSWORD) as first,
        own_redis(requirepass=PASSWORD) as empty,
        own_redis(requirepass="another") as strange,
    ):
        with TcpProxy("127.0.0.1", first.port) as proxy:
            url = f"redis://:{PASSWORD}@127.0.0.1:{proxy.port}/0"
            async with (
                cluster(url, guard, {"HISTORY_LIMIT": "100000"}) as processes,
                Swarm([process.port for process in processes], seed) as swarm,
            ):
                await swarm.enter(40, room_of(10))
                await swarm.covet()
                (reader,) = await swarm.enter(1, room_of(10))  # whose name may be another's while they are away

                def put(server: RedisServer) -> None:
                    proxy.upstream = ("127.0.0.1", server.port)
                    proxy.drop_connections()

                async def fall_behind() -> None:
                    """The reader leaves, and something is stored in their room."""
                    await swarm.leave([reader])
                    (room,) = reader.rooms
                    head = swarm.heads[room]
                    await soon(lambda: swarm.heads[room] > head, "something is said behind them", RECOVERY)

                async def serve(server: RedisServer, back: Sequence[Client] = ()) -> set[str]:
                    """It takes messages, and everybody is told that the log is another; the ids it has."""
                    known_of = {client: times_told(client) for client in swarm.clients}
                    put(server)
                    swarm.come_back(back)
                    began, known = time.monotonic(), len(swarm.acknowledged_at)
                    await taken_again(swarm, known)
                    seen.worst = max(seen.worst, time.monotonic() - began)
                    await asyncio.gather(*(readiness(process, True, RECOVERY) for process in processes))

                    def told() -> list[bool]:
                        return [times_told(client) > before for client, before in known_of.items()]

                    with contextlib.suppress(TimeoutError):
                        await soon(lambda: all(told()), "everybody is told", wait)
                    seen.taken += len(told())
                    seen.told += sum(told())
                    return await read_back(processes[0].port, sorted(swarm.heads))

                async def refuse(server: RedisServer) -> None:
                    """It lets nobody in."""
                    lines = [len(process.stderr) for process in processes]
                    put(server)
                    await asyncio.gather(*(readiness(process, False, RECOVERY) for process in processes))
                    known = len(swarm.acknowledged_at)
                    await asyncio.sleep(seconds)
                    seen.false = len(swarm.acknowledged_at) - known
                    for process, count in zip(processes, lines, strict=True):
                        seen.said.append(any(re.search("WRONGPASS", line) for line in process.stderr[count:]))

                async def faults() -> None:
                    await asyncio.sleep(seconds)
                    await fall_behind()
                    before = set(swarm.acknowledged_at)
                    seen.mixed |= before & await serve(empty, [reader])
                    began = time.monotonic()
                    await asyncio.sleep(seconds)
                    between = {id for id in swarm.acknowledged_at if swarm.posted_at[id] > began}
                    await refuse(strange)
                    seen.mixed |= between & await serve(first)
                    await asyncio.sleep(seconds)

                await under_load(swarm, 0, 100, faults)
                with contextlib.suppress(TimeoutError):
                    await soon(lambda: not swarm.wrong_counts(), "who read back is gone", wait)
                return swarm, await swarm.settle(wait), seen


async def test_f21_redis_replaced(seed: int, long_form: bool, table: Table) -> None:
    """Everybody is told that the log is another; a Redis that lets nobody in is said, and waited for."""
    swarm, verdict, seen = await replace(seed, *((5, None) if long_form else (1, "short")))
    note = f"{seen.told} of {seen.taken} clients told; {len(seen.mixed)} messages mixed; {verdict.said} absences said"
    table.row("F21", seed, len(swarm.posted_at), 3, verdict, seen.worst, note)
    verdict.assert_clean()
    swarm.assert_all_known()
    assert seen.told == seen.taken == 2 * len(swarm.clients)
    assert verdict.said > 0
    assert not seen.mixed and not seen.false
    assert seen.said == [True, True]
    assert seen.worst < 5 * UNIT


@pytest.mark.long
async def test_f21_control(seed: int, table: Table) -> None:
    """Without resets everybody goes on in a log that is another."""
    _, verdict, seen = await replace(seed, 1, "short+resets")
    faults = f"{verdict.lost} lost copies, {verdict.conflicting} conflicting"
    table.control("F21", f"{seen.told} of {seen.taken} told; {faults}")
    assert seen.told < seen.taken and not verdict.clean
