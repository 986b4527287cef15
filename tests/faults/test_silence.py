"""A router that cuts silent connections: F8."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.probe.oracle import RunVerdict
from tests.harness import UNIT, ServiceProcess, free_port, require_tool

from .conftest import Table
from .parts import RECOVERY, cluster, own_redis, readiness, room_of
from .swarm import Swarm

pytestmark = [pytest.mark.timeout(seconds=300 * UNIT)]

CONFIGURATION = """
defaults
    mode http
    timeout connect 5s
    timeout client {timeout}s
    timeout server {timeout}s
    timeout tunnel {timeout}s
frontend chat
    bind 127.0.0.1:{port}
    default_backend processes
backend processes
    balance leastconn
    option httpchk GET /readyz
    default-server check {check}
{servers}
"""


@contextlib.asynccontextmanager
async def haproxy(
    folder: Path, timeout: int, processes: list[ServiceProcess], check: str = "inter 500ms fall 1 rise 1"
) -> AsyncIterator[int]:
    """haproxy before these processes, which cuts after `timeout` seconds without a byte; its port.

    `check`: how it looks whether they are ready.
    """
    program = require_tool("haproxy", "haproxy")
    port = free_port()
    servers = "\n".join(f"    server p{number} 127.0.0.1:{one.port}" for number, one in enumerate(processes))
    path = folder / "haproxy.cfg"
    path.write_text(CONFIGURATION.format(timeout=timeout, port=port, check=check, servers=servers))
    command = [program, "-db", "-q", "-f", str(path)]
    proxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = ServiceProcess()
    before.port = port
    try:
        await readiness(before, True, RECOVERY)
        yield port
    finally:
        proxy.kill()
        await asyncio.to_thread(proxy.wait)


async def keep_silent(
    folder: Path, seed: int, timeout: int, seconds: float, env: dict[str, str], guard: str | None
) -> tuple[Swarm, RunVerdict]:
    async with (
        own_redis() as redis,
        cluster(redis.url, guard, env) as processes,
        haproxy(folder, timeout, processes) as port,
        Swarm([port], seed) as swarm,
    ):
        await swarm.enter(100, room_of(5))
        await swarm.load(100, 200)
        await swarm.settle()
        await asyncio.sleep(seconds)
        await swarm.load(100, 200)
        return swarm, await swarm.settle()


@pytest.mark.long
async def test_f8_silence_behind_a_router(seed: int, middle_form: bool, tmp_path: Path, table: Table) -> None:
    """Three minutes without a message, behind a router that cuts after 55 s: the pings keep every socket."""
    seconds = 75 if middle_form else 180
    swarm, verdict = await keep_silent(tmp_path, seed, 55, seconds, {}, None)
    cut = sum(swarm.closes.values())
    table.row("F8", seed, len(swarm.posted_at), 1, verdict, None, f"{seconds} s of silence, {cut} of 100 sockets cut")
    verdict.assert_clean()
    assert cut == 0


@pytest.mark.long
async def test_f8_control(seed: int, tmp_path: Path, table: Table) -> None:
    """Without pings the router cuts; shown with 3 s, within which pings each second would keep the sockets."""
    env = {"PING_INTERVAL": "1", "PING_TIMEOUT": "1"}
    swarm, _ = await keep_silent(tmp_path, seed, 3, 8, env, None)
    assert not swarm.closes
    swarm, _ = await keep_silent(tmp_path, seed, 3, 8, env, "pings")
    cut = sum(swarm.closes.values())
    table.control("F8", f"{cut} times cut in 8 s behind a router that cuts after 3 s")
    assert cut >= 100
