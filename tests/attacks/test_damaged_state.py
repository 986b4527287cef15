"""Somebody with access to Redis spoils what processes share beside the rooms: each costs itself, nobody a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from redis import Redis

from service.brokers.deliveries import Lease
from service.brokers.log import Position
from service.brokers.redis.broker import RedisBroker

from ..brokers import opened
from ..harness import UNIT, ChatClient, ChatError, ServiceProcess, make_jwt
from ..test_docs import documented_keys
from .test_damaged_rooms import GARBAGE

ROOM = "parley:{lobby}:people"
UNSETTLED = "parley:{*}:unsettled"


def shared_keys(redis: Any, user: str) -> list[str]:
    """All in the table of keys that are no room's (test_damaged_rooms.py has those), and who is in the lobby."""
    lives = [life.decode() for life in redis.zrange("parley:{*}:processes", 0, -1)] or ["0" * 16]
    parts = {"<id>": [user], "<process>": lives, "<hash>": ["a" * 64], "<digest>": ["b" * 32]}
    found = [ROOM, *(f"{ROOM}:{life}" for life in lives)]
    for shape in documented_keys():
        if "<room>" not in shape:
            part = next((part for part in parts if part in shape), "")
            found += [shape.replace(part, value) for value in parts[part]] if part else [shape]
    assert not [key for key in found if "<" in key], "a part that is not known here"
    return found


@asynccontextmanager
async def two_processes(redis_url: str, guard: str) -> AsyncIterator[tuple[ServiceProcess, ServiceProcess]]:
    """That live for SHORT_TTL without a beat (tests/faults/unguarded.py), so that beats come twice a second."""
    env, command = {"REDIS_URL": redis_url, "PRESENCE_GRACE": "0"}, ("tests.faults.unguarded", guard)
    with ServiceProcess(env, command=command) as one, ServiceProcess(env, command=command) as other:
        yield one, other


async def count(client: ChatClient, wanted: int) -> int:
    """How many are in the lobby: so many, if that comes true within some seconds."""
    seen = -1
    with suppress(TimeoutError):
        async with asyncio.timeout(4 * UNIT):
            while seen != wanted:
                seen = (await client.join("lobby"))["count"]
                await asyncio.sleep(0.1)
    return seen


@asynccontextmanager
async def newcomer(url: str, name: str) -> AsyncIterator[ChatClient]:
    """A guest who comes in, once names may be claimed again: not before everybody who was lost is entered again."""
    client = None
    async with asyncio.timeout(10 * UNIT):
        while client is None:
            try:
                client = await ChatClient.enter(url, name)
            except ChatError as error:
                assert error.code == "unavailable", error
                await asyncio.sleep(0.2)
    try:
        yield client
    finally:
        await client.close()


@pytest.mark.expects_log("damaged record|redis refused|the broker's clock")
async def test_spoilt_records_cost_themselves(redis_url: str) -> None:
    """Of each type under each key: sockets stay, messages flow, people are counted again, newcomers and bans hold."""
    redis = Redis.from_url(redis_url)
    moderator = make_jwt("mod", "Mod", role="moderator")
    async with (
        two_processes(redis_url, "short") as (one, other),
        ChatClient.open(one.url, "Ada") as ada,
        ChatClient.open(other.url, "Bob") as bob,
        ChatClient.open(one.url, jwt=moderator) as mod,
    ):
        for client in (ada, bob):
            await client.join("lobby")
        assert await count(ada, 2) == 2, "the control"
        for number, (kind, plant) in enumerate(GARBAGE.items()):
            for key in shared_keys(redis, ada.user["id"]):
                redis.delete(key)
                plant(redis, key)
            for _ in range(3):
                await ada.send("lobby", "still here")
                await bob.recv("message", room="lobby")
                await asyncio.sleep(0.7)  # a beat, and what is gathered
            assert await count(ada, 2) == 2 and await count(bob, 2) == 2, kind
            async with newcomer(other.url, f"Cy {number}") as cy:
                assert await count(cy, 3) == 3, kind
            await mod.request("moderate", room="lobby", user="somebody", action="ban", seconds=60)
            assert redis.hlen("parley:sanctions") >= 1
            assert one.ready() and other.ready(), kind
        assert (ada.close_code, bob.close_code, mod.close_code) == (None, None, None)


@pytest.mark.expects_log("damaged record|redis refused|the broker's clock")
async def test_control_scripts_that_keep_what_they_can_not_read(redis_url: str) -> None:
    """The room's people stay lost: whoever comes is not seen."""
    redis = Redis.from_url(redis_url)
    async with (
        two_processes(redis_url, "short+mending") as (one, _),
        ChatClient.open(one.url, "Ada") as ada,
    ):
        await ada.join("lobby")
        assert await count(ada, 1) == 1
        redis.delete(ROOM)
        redis.set(ROOM, "garbage")
        async with ChatClient.open(one.url, "Cy") as cy:
            await asyncio.sleep(2)
            await cy.join("lobby")
            assert redis.type(ROOM) == b"string"


@pytest.mark.expects_log("damaged record")
@pytest.mark.parametrize("seconds", [None, 86400], ids=["for ever", "for a day"])
async def test_nobody_waits_as_long_as_a_forged_loss_says(redis_url: str, seconds: int | None) -> None:
    """Names are withheld while Redis is said to have lost who is here: for seconds, whatever else stands there."""
    redis = Redis.from_url(redis_url)
    with ServiceProcess({"REDIS_URL": redis_url}) as service:
        redis.set(UNSETTLED, "1", ex=seconds)
        async with newcomer(service.url, "Ada") as ada:
            await ada.join("lobby")
        assert not redis.exists(UNSETTLED)


async def test_control_a_loss_that_was_told_withholds_names(redis_url: str) -> None:
    """As a process tells it: for some seconds."""
    redis = Redis.from_url(redis_url)
    with ServiceProcess({"REDIS_URL": redis_url}) as service:
        redis.set(UNSETTLED, "1", ex=30)
        with pytest.raises(ChatError, match="unavailable"):
            await ChatClient.enter(service.url, "Ada")


@pytest.mark.expects_log("damaged record")
@pytest.mark.parametrize("kind", GARBAGE)
async def test_what_the_receiver_said_is_not_lost_with_its_keys(redis_url: str, kind: str) -> None:
    """A verdict is the one that was just given, a room is taken and its place saved, the first of all is known."""
    redis, place = Redis.from_url(redis_url), Position("e", 5)
    async with opened(RedisBroker(redis_url, history_limit=100, history_days=1)) as (broker, _):
        deliveries = broker.deliveries
        for key in ("parley:verdict:" + "b" * 32, "parley:{*}:place", "parley:{lobby}:place", "parley:{lobby}:sender"):
            GARBAGE[kind](redis, key)
        assert await deliveries.begun()
        if kind != "string":  # which is another's word, and believed for as long as it stands
            assert await deliveries.settle("b" * 32, b"{}", 60) == b"{}"
            assert await deliveries.take("lobby", "me", 10) == Lease(None)
            assert await deliveries.save("lobby", "me", place, 10)
            assert await deliveries.places(["lobby"]) == {"lobby": place}
