"""The wall clock is set, and set back: F23. The service's, then Redis's."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import websockets

from service.probe.oracle import RunVerdict
from tests.harness import UNIT, ChatClient, ChatError, ServiceProcess, SteppedClock, make_jwt

from .client import ORIGIN
from .conftest import Table
from .parts import RECOVERY, room_of, service, under_load
from .shapes import OTHERS, redis_shape
from .swarm import Swarm

pytestmark = [pytest.mark.timeout(seconds=400 * UNIT), pytest.mark.expects_log("clock")]

HOUR, YEAR = 3600, 365 * 86400
STEPS = (HOUR, -HOUR, YEAR, -YEAR)
ENV = {"HISTORY_DAYS": "0.02", "PRESENCE_GRACE": "1"}  # half an hour: a step of one would end everything
ROOMS = 5
QUIET = "quiet"  # a room in which nobody speaks meanwhile


class Kept:
    """What stands before the steps, and must stand after them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.history: list[str] = []

    async def lay_down(self) -> None:
        async with self._open("mod", role="moderator") as mod, self._open("reader") as reader:
            await reader.join(QUIET)
            for number in range(20):
                await reader.send(QUIET, f"kept {number}")
            self.history = await self._texts(reader)
            for user, action in (("muted", "mute"), ("banned", "ban")):
                await mod.request("moderate", room=QUIET, user=user, action=action, seconds=1200)

    async def missing(self) -> list[str]:
        """What is no longer as it was."""
        try:
            return await self._missing()
        except (ConnectionError, websockets.ConnectionClosed) as error:
            return [f"nobody gets in, or stays ({error})"]

    async def _missing(self) -> list[str]:
        wrong = []
        async with self._open("reader") as reader, self._open("muted") as muted, self._open("banned") as banned:
            await reader.join(QUIET)
            if (texts := await self._texts(reader)) != self.history:
                wrong.append(f"{len(self.history) - len(texts)} of {len(self.history)} messages gone")
            await muted.join(QUIET)
            for what, attempt in (
                ("the mute", muted.send(QUIET, "not muted?")),
                ("the ban", banned.join(QUIET)),
            ):
                try:
                    await attempt
                    wrong.append(f"{what} no longer holds")
                except ChatError as error:
                    assert error.code == "forbidden", error
        return wrong

    async def ahead(self) -> float:
        """Seconds by which a new message's time is ahead of the true one, or behind."""
        async with self._open("reader") as reader:
            await reader.join("now")
            sent = await reader.send("now", "what time is it")
            return float(sent["at"] / 1000 - time.time())

    async def _texts(self, client: ChatClient) -> list[str]:
        page = await client.history(QUIET, before=2**53 - 1, limit=100)
        return [message["text"] for message in page["messages"]]

    @asynccontextmanager
    async def _open(self, user: str, **claims: str) -> AsyncIterator[ChatClient]:
        token = make_jwt(user, user.title(), **claims)
        async with ChatClient.open(self.url, bearer=token, headers={"Origin": ORIGIN}) as client:
            yield client


@asynccontextmanager
async def stepped(
    whose: str, broker: str, guard: str | None, folder: Path
) -> AsyncIterator[tuple[SteppedClock, ServiceProcess]]:
    """A service on SQLite or a shape of Redis: its own clock can be set, or that of Redis's servers."""
    async with AsyncExitStack() as stack:
        clock = stack.enter_context(SteppedClock())
        env = dict(ENV)
        url = ""
        if broker == "sqlite":
            env["SQLITE_PATH"] = str(folder / "parley.db")
        else:
            environ = clock.environ if whose == "redis" else None
            url = (await stack.enter_async_context(redis_shape(broker, environ))).url
        if whose == "service":
            env |= clock.environ
        process = service(url, guard, env)
        await asyncio.to_thread(process.start)
        try:
            yield clock, process
        finally:
            await asyncio.to_thread(process.stop)


async def set_clock(
    whose: str,
    broker: str,
    seed: int,
    seconds: float,
    guard: str | None,
    folder: Path,
    steps: tuple[int, ...] = STEPS,
) -> tuple[Swarm, RunVerdict, list[str], float]:
    """Step the clock under load, each step for so many seconds.

    The last two: what is gone, be it while the clock stands elsewhere or afterwards; the worst time shown.
    """
    async with (
        stepped(whose, broker, guard, folder) as (clock, process),
        Swarm([process.port], seed) as swarm,
    ):
        kept = Kept(process.url)
        await kept.lay_down()
        await swarm.enter(20, room_of(ROOMS))
        worst = 0.0
        gone: dict[str, None] = {}  # in the order in which it was missed

        async def faults() -> None:
            nonlocal worst
            while len(swarm.heads) < ROOMS:  # a room in which nothing was said yet is forgotten after two minutes
                await asyncio.sleep(0.02)
            for step in steps:
                clock.step(step)
                await asyncio.sleep(seconds)
                gone.update(dict.fromkeys(await kept.missing()))
                clock.step(0)
                await asyncio.sleep(1)
                worst = max(worst, abs(await kept.ahead()))

        await under_load(swarm, 200, 100, faults)
        verdict = await swarm.settle(5 * UNIT if guard else RECOVERY)
        gone.update(dict.fromkeys(await kept.missing()))
        return swarm, verdict, list(gone), worst


BOTH = [("service", "sqlite"), ("service", "redis"), ("redis", "redis")]
FURTHER = [(whose, shape) for shape in OTHERS for whose in ("service", "redis")]


@pytest.mark.parametrize(
    ("whose", "broker"), [*BOTH, *(pytest.param(*pair, marks=pytest.mark.long) for pair in FURTHER)]
)
async def test_f23_clock_set(
    whose: str, broker: str, seed: int, long_form: bool, middle_form: bool, table: Table, tmp_path: Path
) -> None:
    """An hour and a year, forward and back, for ten seconds each: nothing waits, nothing is deleted, time goes on."""
    whole = long_form and (not middle_form or (whose, broker) == BOTH[-1])
    seconds, steps = (10, STEPS) if whole else (2, (YEAR, -HOUR))
    swarm, verdict, gone, worst = await set_clock(whose, broker, seed, seconds, None, tmp_path, steps)
    note = f"times off by {worst:.1f} s at most a second later"
    by = f"{whose}'s, {broker}"
    table.row("F23", seed, len(swarm.posted_at), len(steps), verdict, swarm.worst_lag, note, by=by)
    verdict.assert_clean()
    assert verdict.said == 0 and not gone, gone
    # About hanging: each second of a year that is made up for takes the loop a microsecond at the least.
    assert swarm.worst_lag < 3 * UNIT
    assert worst < 3 * UNIT


@pytest.mark.long
@pytest.mark.expects_log(".")
@pytest.mark.parametrize("broker", ["redis", "sqlite"])
async def test_f23_control(broker: str, seed: int, table: Table, tmp_path: Path) -> None:
    """A service that believes its clock at once forgets what is half an hour old."""
    _, verdict, gone, worst = await set_clock("service", broker, seed, 10, "clock", tmp_path, (YEAR,))
    told = f"{'; '.join(gone) or 'nothing gone'}; {verdict.said} absences said, times off by {worst:.0f} s"
    table.control(f"F23 service's, {broker}", told)
    assert gone or verdict.said or not verdict.clean
