"""Hundreds of sockets that type, read, ask for pages and lists, come and go: others write on as before."""

import asyncio
import functools
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from service.admission import page_cost
from service.brokers.broker import Broker
from service.brokers.directory import UNREAD_ROOMS
from service.brokers.redis.broker import RedisBroker
from service.brokers.sqlite.broker import SqliteBroker
from service.protocol import MEMBERS_LIMIT, Person
from service.rooms import reads

from ..brokers import change, message, opened, publish, store
from ..harness import NO_LIMITS, UNIT, ChatClient, RedisServer, ServiceProcess, make_jwt
from ..harness.service_process import ROOT
from .crowding import ONE
from .mob import Order
from .raw_socket import RawSocket

pytestmark = [pytest.mark.alone, pytest.mark.timeout(seconds=300 * UNIT)]

FLOOR = 0.005 * UNIT  # seconds; below it a ratio of medians says nothing
ROOMS = 1000  # that are stored, for lists of them
CHANGES = 950  # behind the last message that a page of none would look for
BURST, RATE = 2000, 200  # of JOIN_RATE_ADDRESS, as it is by default


class Found(NamedTuple):
    """What a mob was answered, and others' median waits in seconds, before and during its attack."""

    seen: Counter[str]
    before: float
    during: float


class Kind(NamedTuple):
    """Of attack: the mob's `kind`, how many people (of all sockets) it is in shorter forms and in the long one."""

    mob: str
    people: tuple[int, int] = (25, 45)


KINDS = {
    "typing": Kind("typing"),
    "read": Kind("read"),
    "read in a crowd": Kind("read", (MEMBERS_LIMIT + 10, MEMBERS_LIMIT + 25)),
    "pages": Kind("pages"),
    "nothing": Kind("nothing"),
    "lists": Kind("lists"),
    "connects": Kind("connects"),
}


async def guests(port: int, number: int, addresses: list[str]) -> list[dict[str, str]]:
    """So many, from the addresses in turn: what POST /tickets answered each."""
    networks = itertools.cycle(addresses)
    return [await RawSocket.guest(port, f"Mob {index}", next(networks)) for index in range(number)]


async def furnish(broker_env: dict[str, str], kind: str, users: list[str]) -> None:
    """What the attack is about, in the broker: rooms in which all have read, or a message behind changes."""
    broker: Broker
    if "REDIS_URL" in broker_env:
        broker = RedisBroker(broker_env["REDIS_URL"], history_limit=1000, history_days=30)
    else:
        broker = SqliteBroker(broker_env["SQLITE_PATH"], history_limit=1000, history_days=30)
    async with opened(broker):
        if kind == "pages":
            await store(broker, *(message(text=f"{number} " + "word " * 20) for number in range(250)))
        elif kind in ("lists", "connects"):
            for start in range(0, ROOMS, 100):
                await publish(broker, *(message(f"room-{number}") for number in range(start, start + 100)))
            await publish(broker, *(message(f"room-{number}") for number in range(UNREAD_ROOMS)))
            for number in range(UNREAD_ROOMS):
                await broker.directory.mark_read(f"room-{number}", dict.fromkeys(users, 1))
            assert (await broker.directory.unread(users[0])) == {f"room-{n}": 1 for n in range(UNREAD_ROOMS)}
        elif kind == "nothing":
            messages = await store(broker, *(message() for _ in range(CHANGES // 50)))
            people = [Person(f"r{number}", "Reader") for number in range(50)]
            for target in messages:
                likes = (change("react", target.seq, person, emoji="👍", on=True) for person in people)
                await store(broker, *likes)


async def waits(client: ChatClient, seconds: float) -> list[float]:
    """How long each of a few messages a second waited for its acknowledgement. None may be refused."""
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        await client.send("tea", "in peace")
        taken.append(time.monotonic() - began)
        await asyncio.sleep(0.1)
    return taken


async def write_on(client: ChatClient) -> None:
    """In the lobby, as fast as anybody may for long, until cancelled."""
    while True:
        await client.send("lobby", "news")
        await asyncio.sleep(0.1)


async def mob(
    broker_env: dict[str, str],
    kind: str,
    *,
    people: int,
    sockets: int,
    seconds: float,
    addresses: list[str] = ONE,
    pace: float = 1.0,
    env: dict[str, str] | None = None,
    command: tuple[str, ...] = ("service",),
) -> Found:
    """Let so many people attack, by so many sockets, a service with the limits of `env`."""
    with ServiceProcess(broker_env | NO_LIMITS) as service:  # guests are the same ones afterwards
        mobsters = await guests(service.port, people, addresses)
    await furnish(broker_env, kind, [guest["user"]["id"] for guest in mobsters])  # type: ignore[index]
    with ServiceProcess(broker_env | {"SEND_BURST": "1000"} | (env or {}), command=command) as service:
        order = Order(
            port=service.port,
            addresses=addresses,
            guests=[guest["guest"] for guest in mobsters],
            sockets=0 if kind in ("lists", "connects") else sockets,
            kind=kind,
            quiet=seconds,
            seconds=seconds,
            pace=pace,
        )
        async with (
            ChatClient.open(service.url, bearer=make_jwt("u-ada", "Ada")) as ada,
            ChatClient.open(service.url, bearer=make_jwt("u-bob", "Bob")) as bob,
        ):
            await bob.join("lobby")
            await ada.join("tea")
            return await attack(order, ada, bob)


async def attack(order: Order, ada: ChatClient, bob: ChatClient) -> Found:
    """Ada's messages are timed; Bob has something to say where the mob reads."""
    arguments = (sys.executable, "-m", "tests.attacks.mob", msgspec.json.encode(order).decode())
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(200 * UNIT):
        assert await process.stdout.readline() == b"quiet\n"
        writing = asyncio.ensure_future(write_on(bob) if order.kind == "read" else asyncio.sleep(0))
        before = await waits(ada, 0.8 * order.seconds)
        assert await process.stdout.readline() == b"attack\n"
        during = await waits(ada, 0.9 * order.seconds)
        seen = Counter(json.loads(await process.stdout.readline()))
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        assert await process.wait() == 0
    return Found(seen, statistics.median(before), statistics.median(during))


def bounds(kind: str, people: int, sockets: int, seconds: float, addresses: int) -> dict[str, float]:
    """How much of each the mob may have been answered, with the limits at their defaults.

    What is read is charged to the address. Whoever is slow may get what came due later, for half as long again.
    """
    pages = addresses * (BURST + RATE * seconds * 1.5)
    turns = 1.5 * seconds / reads.READS_GATHER + 1  # in which what was typed and read is told
    return {
        "typing": {"typing": sockets * 10 * turns},
        "read": {"read": sockets * people * turns},
        "read in a crowd": {"read": sockets * turns},
        "pages": {"history": pages / page_cost(200)},
        "nothing": {"history": pages},
        "lists": {"status 200": pages / page_cost(ROOMS)},
        "connects": {"welcome": pages},
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_mob_that_asks_for_cheap_things_slows_nobody(
    broker_env: dict[str, str], kind: str, addresses: list[str], long_form: bool, middle_form: bool
) -> None:
    """900 sockets of 45 guests or of 225, with the limits at their defaults; fewer of each in shorter forms."""
    sockets, seconds = (300, 4.0) if middle_form else (900, 20.0) if long_form else (100, 2.0)
    people = KINDS[kind].people[long_form and not middle_form]
    sockets = max(sockets, people)
    found = await mob(broker_env, KINDS[kind].mob, people=people, sockets=sockets, seconds=seconds, addresses=addresses)
    seen = found.seen
    assert not seen["unavailable"] and not seen["status 503"], seen
    for answer, most in bounds(kind, people, sockets, seconds, len(addresses)).items():
        assert 0 < seen[answer] <= most, f"{most} allowed: {seen}"
    before, during = 1000 * found.before, 1000 * found.during
    assert found.during <= 2 * max(found.before, FLOOR), f"{before:.1f} ms, then {during:.1f} ms: {seen}"


TIGHT = {"SEND_RATE_ADDRESS": "5", "JOIN_RATE_ADDRESS": "6"}
# A list costs 20, and 10 for counting what is unread, which all ask for before any list is done.
SOME_LISTS = {"JOIN_RATE_ADDRESS": "40"}
UNGUARDED = "tests.faults.unguarded"
# By kind: what holds it in the test above, and what it is like without that; what the mob is answered more of then.
CONTROLS: dict[str, tuple[dict[str, str], dict[str, str], tuple[str, ...], str]] = {
    "typing": (TIGHT, NO_LIMITS, ("service",), "typing"),
    "read": ({}, {}, (UNGUARDED, "gathering"), "read"),
    "read in a crowd": ({}, {}, (UNGUARDED, "receipts"), "read"),
    "pages": (TIGHT, NO_LIMITS, ("service",), "history"),
    "nothing": (TIGHT, NO_LIMITS, ("service",), "history"),
    "lists": (SOME_LISTS, NO_LIMITS, ("service",), "status 200"),
    "connects": (TIGHT, NO_LIMITS, ("service",), "welcome"),
}


@pytest.mark.parametrize("kind", CONTROLS)
@pytest.mark.long
async def test_control_without_its_guard_a_mob_is_answered_each_time(
    broker_env: dict[str, str], redis_server: RedisServer, tmp_path: Path, kind: str
) -> None:
    """More than twice as often as with what users and an address may do, and with what is gathered or left out."""
    bounded, unbounded, command, answer = CONTROLS[kind]
    people = KINDS[kind].people[0] if kind == "read in a crowd" else 15
    few = functools.partial(
        mob, broker_env, KINDS[kind].mob, people=people, sockets=max(people, 40), seconds=2.0, pace=0.2
    )
    held = await few(env=bounded)
    redis_server.cli("FLUSHALL")
    for file in tmp_path.glob("parley.db*"):
        file.unlink()
    free = await few(env=unbounded, command=command)
    assert 0 < 2 * held.seen[answer] < free.seen[answer], (held.seen, free.seen)
