"""What the fault tests put together: processes that share a Redis, and waits that don't block the loop."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.harness import UNIT, ChatClient, RedisServer, ServiceProcess, make_jwt
from tests.refusals import REFUSALS

from .client import ORIGIN
from .swarm import LOAD_ENV, Swarm


def service(
    url: str, guard: str | None = None, env: Mapping[str, str] | None = None, own_group: bool = False
) -> ServiceProcess:
    """A process on the Redis at `url` ("": the embedded broker), without `guard` (see unguarded.py) if there is one."""
    command = ("service",) if guard is None else ("tests.faults.unguarded", guard)
    broker = {"REDIS_URL": url} if url else {}
    return ServiceProcess({**LOAD_ENV, **broker, **(env or {})}, command=command, own_group=own_group)


@asynccontextmanager
async def cluster(
    url: str, guard: str | None = None, env: Mapping[str, str] | None = None, count: int = 2, own_group: bool = False
) -> AsyncIterator[list[ServiceProcess]]:
    """`count` processes on one Redis, stopped at the end."""
    processes = [service(url, guard, env, own_group) for _ in range(count)]
    try:
        await asyncio.gather(*(asyncio.to_thread(process.start) for process in processes))
        yield processes
    finally:
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes))


@asynccontextmanager
async def refusing(how: str, *servers: RedisServer) -> AsyncIterator[None]:
    """They answer and refuse to write (refusals.py), until the block ends."""
    async with AsyncExitStack() as stack:
        for server in servers:
            stack.push_async_callback(asyncio.to_thread, await asyncio.to_thread(REFUSALS[how].begin, server))
        yield


class Startable(Protocol):
    """A part of the harness, which blocks while it starts and ends."""

    def start(self) -> Any: ...
    def close(self) -> None: ...


Started = TypeVar("Started", bound=Startable)


@asynccontextmanager
async def started(part: Started) -> AsyncIterator[Started]:
    """A part of one's own, which may be killed."""
    await asyncio.to_thread(part.start)
    try:
        yield part
    finally:
        await asyncio.to_thread(part.close)


def own_redis(**flags: str | int) -> AbstractAsyncContextManager[RedisServer]:
    """A Redis that may be killed."""
    return started(RedisServer(**flags))


async def replication(server: RedisServer) -> dict[str, str]:
    """What it says of it (INFO replication), by name."""
    lines = (await asyncio.to_thread(server.cli, "INFO", "replication")).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


async def soon(condition: Callable[[], object], what: str, timeout: float) -> float:
    """Wait until `condition()` is true; the seconds it took. Raises TimeoutError naming `what`."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > timeout:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def readiness(process: ServiceProcess, wanted: bool, timeout: float) -> float:
    """Wait until /readyz says so; the seconds it took."""
    began = time.monotonic()
    while await asyncio.to_thread(process.ready) is not wanted:
        if time.monotonic() - began > timeout:
            raise TimeoutError(f"/readyz not {wanted} within {timeout:g} s")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def reason(process: ServiceProcess) -> tuple[list[str], bool]:
    """Why a process is not ready, and whether the metric says that the broker is there."""
    _, _, body = await asyncio.to_thread(process.request, "GET", "/readyz")
    return json.loads(body)["reason"], await metric(process, "parley_broker_available") == 1


async def taken_again(swarm: Swarm, known: int | None = None) -> float:
    """Wait until a message is acknowledged, beyond the `known` ones or those there are; the seconds it took."""
    known = len(swarm.acknowledged_at) if known is None else known
    return await soon(lambda: len(swarm.acknowledged_at) > known, "a message is taken", RECOVERY)


def room_of(rooms: int) -> Callable[[int], list[str]]:
    """The nth client is in room n modulo `rooms`."""
    return lambda number: [f"room-{number % rooms}"]


async def under_load(
    swarm: Swarm, messages: int, rate: float, faults: Callable[[], Awaitable[None]], rooms: tuple[str, ...] = ()
) -> int:
    """Run `faults` while messages are posted, at least so many and until it is done; how many there were."""
    done = asyncio.Event()
    load = asyncio.ensure_future(swarm.load(messages, rate, done, rooms=rooms))
    try:
        await faults()
    except BaseException:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        raise
    done.set()
    return await load


async def stored_ids(port: int, rooms: Sequence[str]) -> set[str]:
    """The ids of all messages in these rooms' logs, as history pages show them."""
    stored: set[str] = set()
    url = f"http://127.0.0.1:{port}"
    async with ChatClient.open(url, bearer=make_jwt("judge", "judge"), headers={"Origin": ORIGIN}) as judge:
        for room in rooms:
            joined = await judge.join(room, limit=100)
            page, more = joined["messages"], joined["more"]
            while page:
                stored |= {message["id"] for message in page}
                if not more:
                    break
                answer = await judge.history(room, before=page[0]["seq"], limit=100)
                page, more = answer["messages"], answer["more"]
    return stored


async def open_sockets(process: ServiceProcess) -> int:
    """How many chat sockets a process holds, by its metrics."""
    return int(await metric(process, "parley_sockets"))


async def metric(process: ServiceProcess, name: str) -> float:
    """The value of one without labels."""
    _, _, body = await asyncio.to_thread(process.request, "GET", "/metrics")
    (value,) = (line.split()[1] for line in body.decode().splitlines() if line.startswith(f"{name} "))
    return float(value)


def resident_bytes(pid: int) -> int:
    """The memory that a process holds (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


RECOVERY = 30 * UNIT
