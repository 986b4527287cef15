"""The embedded broker's process is killed, and its disk is full: F7."""

import asyncio
import resource
import sqlite3
from pathlib import Path

import pytest

from service.probe.oracle import RunVerdict
from tests.harness import UNIT, ServiceProcess

from .conftest import Table
from .parts import RECOVERY, readiness, reason, room_of, service, soon, stored_ids, under_load
from .swarm import Swarm

pytestmark = [pytest.mark.timeout(seconds=400 * UNIT), pytest.mark.expects_log("SQLite can't store")]

ROOMS = [f"room-{number}" for number in range(10)]


async def kill_embedded(
    path: Path, seed: int, kills: int, rate: float, guard: str | None
) -> tuple[Swarm, RunVerdict, float]:
    """The last: seconds until messages were taken again after the disk had been full."""
    process = service("", guard, {"SQLITE_PATH": str(path), "HISTORY_LIMIT": "100000"})
    await asyncio.to_thread(process.start)
    try:
        async with Swarm([process.port], seed) as swarm:
            await swarm.enter(20, room_of(len(ROOMS)))

            async def faults() -> None:
                for _ in range(kills):
                    await asyncio.sleep(swarm.random.uniform(0.1, 0.5))
                    await asyncio.to_thread(process.kill9)
                    await asyncio.to_thread(process.start)
                    await swarm.all_inside(RECOVERY)

            await under_load(swarm, 0, rate, faults)
            if guard:
                return swarm, await swarm.settle(3 * UNIT), 0.0
            took = await fill_disk(process, swarm)
            verdict = await swarm.settle(RECOVERY)
            missing = set(swarm.acknowledged_at) - await stored_ids(process.port, ROOMS)
            assert not missing, f"{len(missing)} acknowledged messages are not in the log"
            return swarm, verdict, took
    finally:
        await asyncio.to_thread(process.stop)


async def fill_disk(process: ServiceProcess, swarm: Swarm) -> float:
    """Let writes fail in the kernel, as on a full disk (EFBIG where that has ENOSPC), and then no longer."""
    unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, unlimited[1]))  # the files are larger already
    done = asyncio.Event()
    load = asyncio.ensure_future(swarm.load(0, 300, done))
    try:
        await soon(lambda: swarm.errors["unavailable"] > 50, "unavailable", RECOVERY)
        known = len(swarm.acknowledged_at)
        assert await stored_ids(process.port, ROOMS), "history doesn't read while the disk is full"
        await asyncio.sleep(1)
        assert len(swarm.acknowledged_at) == known, "acknowledged with a full disk"
        assert await reason(process) == (["broker: disk error"], False)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
        took = await soon(lambda: len(swarm.acknowledged_at) > known, "a message is taken", RECOVERY)
        await readiness(process, True, RECOVERY)
        return took
    finally:
        done.set()
        await load


@pytest.mark.long
async def test_f7_embedded_broker_killed(seed: int, tmp_path: Path, table: Table) -> None:
    """What was acknowledged is in the file, which is sound; a full disk is said, and over when there is room again."""
    path = tmp_path / "parley.db"
    swarm, verdict, took = await kill_embedded(path, seed, 50, 300, None)
    database = sqlite3.connect(path)
    sound = database.execute("PRAGMA integrity_check").fetchall()
    database.close()
    note = f"integrity_check {sound[0][0]}; full disk: {swarm.errors['unavailable']} unavailable, over in {took:.1f} s"
    table.row("F7", seed, len(swarm.posted_at), 51, verdict, swarm.worst_return, note)
    verdict.assert_clean()
    assert sound == [("ok",)]
    assert verdict.said == 0
    assert took < 5 * UNIT


@pytest.mark.long
async def test_f7_control(seed: int, tmp_path: Path, table: Table) -> None:
    """What is acknowledged before it is in the file is gone with the process."""
    _, verdict, _ = await kill_embedded(tmp_path / "parley.db", seed, 10, 2000, "stored")
    table.control("F7", f"{verdict.lost} lost copies in 10 faults")
    assert verdict.lost > 0
