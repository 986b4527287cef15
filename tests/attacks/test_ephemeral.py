"""Hundreds of sockets of one address that type, read and ask for pages and lists: others write on as before."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import Counter

import pytest

from ..harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt
from ..harness.service_process import ROOT

pytestmark = [pytest.mark.alone, pytest.mark.timeout(seconds=300 * UNIT)]

MOB = "127.0.0.2"
FLOOR = 0.005 * UNIT  # seconds; below it a ratio of medians says nothing


async def waits(client: ChatClient, seconds: float) -> list[float]:
    """How long each of a few messages a second waited for its acknowledgement. None may be refused."""
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        await client.send("tea", "in peace")
        taken.append(time.monotonic() - began)
        await asyncio.sleep(0.1)
    return taken


async def mob(
    service: ServiceProcess, other: ChatClient, kind: str, sockets: int, seconds: float
) -> tuple[Counter[str], float, float]:
    """What the mob was answered, and the median wait of another's messages before and during the attack."""
    guests = sockets // 4 if sockets < 100 else sockets // 20
    arguments = [service.port, MOB, sockets, guests, seconds, seconds, kind]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.attacks.mob", *map(str, arguments), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(120 * UNIT):
        assert await process.stdout.readline() == b"quiet\n"
        before = await waits(other, 0.8 * seconds)
        assert await process.stdout.readline() == b"attack\n"
        during = await waits(other, 0.9 * seconds)
        seen = Counter(json.loads(await process.stdout.readline()))
        assert await process.wait() == 0
    return seen, statistics.median(before), statistics.median(during)


@pytest.mark.parametrize("kind", ["typing", "read", "pages", "lists"])
async def test_a_mob_that_asks_for_cheap_things_slows_nobody(
    broker_env: dict[str, str], kind: str, long_form: bool, middle_form: bool
) -> None:
    """900 sockets of 45 guests, with the limits at their defaults; fewer of each in shorter forms."""
    sockets, seconds = (300, 4.0) if middle_form else (900, 20.0) if long_form else (100, 2.0)
    with ServiceProcess(broker_env | {"SEND_BURST": "1000"}) as service:
        async with ChatClient.open(service.url, bearer=make_jwt("u-ada", "Ada")) as ada:
            await ada.join("lobby")
            for number in range(250 if kind == "pages" else 1):
                await ada.send("lobby", f"{number} " + "word " * 20)
            await ada.join("tea")
            seen, before, during = await mob(service, ada, kind, sockets, seconds)
        assert not seen["unavailable"] and not seen["status 503"], seen
        assert during <= 2 * max(before, FLOOR), f"{1000 * before:.1f} ms, then {1000 * during:.1f} ms: {seen}"
        if kind == "typing":
            # Ten of a room each half second, to each socket.
            assert 0 < seen["typing"] <= sockets * (seconds + 1) * 20, seen
        if kind == "pages":
            # The address's burst and rate, by four a page.
            assert seen["history"] <= (2000 + 200 * seconds * 1.5) / 4, seen


async def test_unguarded_typing_reaches_everybody_each_time() -> None:
    """What bounds it is what users and an address may type: without that each hears every other."""
    with ServiceProcess(NO_LIMITS) as service:
        async with ChatClient.open(service.url, bearer=make_jwt("u-ada", "Ada")) as ada:
            await ada.join("tea")
            unbounded, *_ = await mob(service, ada, "typing", 60, 2.0)
    with ServiceProcess({"SEND_RATE_ADDRESS": "5"}) as service:
        async with ChatClient.open(service.url, bearer=make_jwt("u-ada", "Ada")) as ada:
            await ada.join("tea")
            bounded, *_ = await mob(service, ada, "typing", 60, 2.0)
    assert bounded["typing"] * 2 < unbounded["typing"], (bounded, unbounded)
