"""Somebody with access to Redis spoils what processes share beside the rooms: each costs itself, nobody a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from redis import Redis

from ..harness import UNIT, ChatClient, ChatError, ServiceProcess, make_jwt
from .test_damaged_rooms import GARBAGE

EVERYBODY = [f"parley:{{*}}:{name}" for name in ("people", "names", "claims", "holders")]
ROOM = "parley:{lobby}:people"
COMMON = [*EVERYBODY, ROOM, "parley:{*}:processes", "parley:sanctions"]


def keys_of_processes(redis: Any) -> list[str]:
    """What bears the name of a process: its people and rooms."""
    return [key.decode() for pattern in ("parley:{*:people:*", "parley:{*}:process:*") for key in redis.keys(pattern)]


def keys_of_users(user: str) -> list[str]:
    return [f"parley:{{user:{user}}}:bucket", f"parley:networks:{user}"]


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
            for key in [*COMMON, *keys_of_processes(redis), *keys_of_users(ada.user["id"])]:
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
