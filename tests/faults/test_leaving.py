"""What platforms do when a process is to leave: F19 and F20."""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.config import SETTINGS
from service.probe.oracle import RunVerdict
from tests.harness import UNIT, ServiceProcess
from tests.harness.service_process import ROOT

from .conftest import Table
from .parts import RECOVERY, cluster, open_sockets, own_redis, room_of, soon, under_load
from .swarm import Swarm
from .test_silence import haproxy

pytestmark = [pytest.mark.long, pytest.mark.timeout(seconds=600 * UNIT)]

HAPROXY = ROOT / "deploy" / "haproxy.cfg"
COMING = 0.03  # seconds from one handshake to the next, beside those of who is sent away
BACK = 3.0 * UNIT  # seconds within which everybody must be back


# -- F19: SIGTERM to all, again and again, and to one; SIGHUP


class Leaving:
    """Services of two processes each, and what the signals did."""

    def __init__(self, services: list[ServiceProcess], swarm: Swarm) -> None:
        self.services = services
        self.swarm = swarm
        self.codes: list[int] = []
        self.cut = 0  # sockets that were killed before their moment
        self.cut_return = 0.0  # seconds that the slowest of those took until it was in all rooms again

    async def hang_up(self, service: ServiceProcess) -> None:
        """SIGHUP to the group, as of a terminal that is closed: nothing."""
        closes = self.swarm.closes.total()
        service.signal_group(signal.SIGHUP)
        await asyncio.sleep(0.5)
        assert self.swarm.closes.total() == closes and service.alive

    async def end(self, service: ServiceProcess, group: bool) -> None:
        """SIGTERM to the group or the parent, three times, and a start."""
        tell = service.signal_group if group else service.send_signal
        tell(signal.SIGTERM)
        for _ in range(2):
            await asyncio.sleep(0.3)
            tell(signal.SIGTERM)
        self.codes.append(await asyncio.to_thread(service.stop))
        await asyncio.to_thread(service.start)
        await self.swarm.all_inside(RECOVERY)

    async def end_one(self, service: ServiceProcess) -> None:
        """SIGTERM to one process of two, twice; another takes its place."""
        eldest = service.children[0]
        for _ in range(2):
            os.kill(eldest, signal.SIGTERM)
            await asyncio.sleep(0.3)
        await soon(lambda: eldest not in service.children and len(service.children) == 2, "another", RECOVERY)
        await self.swarm.all_inside(RECOVERY)

    async def kill_early(self, service: ServiceProcess) -> None:
        """SIGKILL when all, who are there, were just promised moments: they come back at once."""
        before, told = self.swarm.closes[1006], len(self.swarm.told)
        service.signal_group(signal.SIGTERM)
        await soon(lambda: len(self.swarm.told) == told + len(self.swarm.clients), "the moments are told", RECOVERY)
        killed_at = time.monotonic()
        service.signal_group(signal.SIGKILL)
        await asyncio.to_thread(service.kill9)
        await self.swarm.all_inside(RECOVERY)
        returns = [back - lost for client in self.swarm.clients for lost, back in client.returns if lost >= killed_at]
        await asyncio.to_thread(service.start)
        self.swarm.early.clear()
        self.cut, self.cut_return = self.swarm.closes[1006] - before, max(returns)


@contextlib.asynccontextmanager
async def leaving(seed: int, sockets: int, drain: float, guard: str | None) -> AsyncIterator[Leaving]:
    env = {"WEB_CONCURRENCY": "2", "DRAIN_DELAY": "0.5", "DRAIN_SECONDS": str(drain)}
    async with (
        own_redis() as redis,
        cluster(redis.url, guard, env, own_group=True) as services,
        Swarm([service.port for service in services], seed) as swarm,
    ):
        await swarm.enter(sockets, room_of(20))
        yield Leaving(services, swarm)
        await swarm.leave(swarm.clients)


@pytest.mark.expects_log("the parent process is gone; leaving")
async def test_f19_signals(seed: int, middle_form: bool, table: Table) -> None:
    """Every socket keeps the moment that it was promised, or comes back at once; who was told to leave ends with 0."""
    sockets, drain = (200, 2.0) if middle_form else (1000, 10.0)
    async with leaving(seed, sockets, drain, None) as it:
        first, second = it.services

        async def faults() -> None:
            await it.hang_up(first)
            await it.end(first, group=True)
            await it.end(second, group=False)
            await it.kill_early(first)  # where all are by now
            await it.end_one(second)

        await under_load(it.swarm, 0, 100, faults)
        verdict = await it.swarm.settle()
    swarm = it.swarm
    kept = swarm.closes[1012]
    note = f"{kept} sockets kept their moment, {it.cut} were killed before it and back in {it.cut_return:.2f} s; exit 0"
    table.row("F19", seed, len(swarm.posted_at), 5, verdict, swarm.worst_return, note)
    verdict.assert_clean()
    assert verdict.said == 0 and it.codes == [0, 0]
    assert not swarm.early, f"{len(swarm.early)} sockets were cut before their moment"
    assert kept + it.cut == len(swarm.told) and kept >= sockets and it.cut >= sockets // 2
    assert it.cut_return < BACK and swarm.worst_return < 10 * UNIT
    assert not swarm.errors and all(client.fresh == 0 for client in swarm.clients)


async def test_f19_control(seed: int, table: Table) -> None:
    """Where a second SIGTERM hurries, the whole group's first one is enough to break every promise."""
    async with leaving(seed, 100, 4.0, "promise") as it:
        await it.end(it.services[0], group=True)
        kept, ended = len(it.swarm.told) - len(it.swarm.early), it.swarm.closes.total()
    table.control("F19", f"{ended - kept} of {ended} sockets cut without a moment or before it")
    assert ended - kept > ended / 2 > 0


# -- F20: a rolling restart behind a balancer


class Rolled:
    """What a rolling restart showed."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.back: list[float] = []  # seconds after each new process was ready until everybody was in
        self.refused = 0
        self.handshakes = 0


async def fed(swarm: Swarm, process: ServiceProcess) -> None:
    """Wait until the balancer sends somebody there."""
    coming = asyncio.ensure_future(swarm.cut_now_and_then(COMING))
    try:
        async with asyncio.timeout(RECOVERY):
            while not await open_sockets(process):
                await asyncio.sleep(0.1)
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def roll(folder: Path, seed: int, sockets: int, delay: str, drain: float) -> tuple[Swarm, RunVerdict, Rolled]:
    """One process after the other ends and begins, while clients come through haproxy at any moment."""
    (check,) = re.findall(r"default-server check (.*)", HAPROXY.read_text())
    rolled = Rolled()
    env = {"DRAIN_DELAY": delay, "DRAIN_SECONDS": str(drain)}
    async with (
        own_redis() as redis,
        cluster(redis.url, None, env) as processes,
        haproxy(folder, 55, processes, check) as port,
        Swarm([port], seed) as swarm,
    ):
        await swarm.enter(sockets, room_of(20))

        async def faults() -> None:
            for process in processes:
                coming = asyncio.ensure_future(swarm.cut_now_and_then(COMING))
                rolled.codes.append(await asyncio.to_thread(process.stop))
                await asyncio.to_thread(process.start)
                ready = time.monotonic()
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
                await swarm.all_inside(RECOVERY)
                rolled.back.append(time.monotonic() - ready)
                await fed(swarm, process)

        await under_load(swarm, 0, 100, faults)
        rolled.refused = swarm.failures
        rolled.handshakes = sockets + swarm.closes.total() + rolled.refused
        verdict = await swarm.settle()
        await swarm.leave(swarm.clients)
        return swarm, verdict, rolled


async def test_f20_rolling_restart(seed: int, middle_form: bool, tmp_path: Path, table: Table) -> None:
    """By the example's own lines and the setting's default: new sockets are taken until haproxy has looked."""
    sockets, drain = (200, 3.0) if middle_form else (1000, 20.0)
    delay = SETTINGS["DRAIN_DELAY"].default
    swarm, verdict, rolled = await roll(tmp_path, seed, sockets, delay, drain)
    back = max(rolled.back)
    note = f"{rolled.refused} of {rolled.handshakes} handshakes refused; all in {back:.2f} s after a new process"
    table.row("F20", seed, len(swarm.posted_at), 2, verdict, swarm.worst_return, note)
    verdict.assert_clean()
    assert verdict.said == 0 and rolled.codes == [0, 0]
    assert rolled.refused == 0, f"{swarm.refusals} {swarm.failures}"
    assert not swarm.early and not swarm.errors and all(client.fresh == 0 for client in swarm.clients)
    assert back < BACK and swarm.worst_return < BACK


async def test_f20_control(seed: int, tmp_path: Path, table: Table) -> None:
    """Without the delay new sockets are refused while haproxy still sends them."""
    swarm, _, rolled = await roll(tmp_path, seed, 100, "0", 3.0)
    table.control("F20", f"{rolled.refused} of {rolled.handshakes} handshakes refused")
    assert swarm.refusals["503"] > 0
