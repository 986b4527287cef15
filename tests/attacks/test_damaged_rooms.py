"""Somebody with access to Redis spoils all keys of a room: that is told there, and costs no other room or socket."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis import Redis

from ..harness import NO_LIMITS, UNIT, ChatClient, ChatError, ServiceProcess
from ..serving import serving
from ..test_docs import documented_keys
from .crowding import SEVERAL

CROWD = 10

GARBAGE: dict[str, Callable[[Any, str], Any]] = {
    "string": lambda redis, key: redis.set(key, b"\xff garbage"),
    "list": lambda redis, key: redis.rpush(key, "x"),
    "set": lambda redis, key: redis.sadd(key, "x"),
    "hash": lambda redis, key: redis.hset(key, "x", "y"),
    "zset": lambda redis, key: redis.zadd(key, {"x": 1}),
    "stream": lambda redis, key: redis.xadd(key, {"x": "y"}),
}
KEYS = [key.replace("<room>", "bad") for key in documented_keys() if "<room>" in key and "<process>" not in key]


async def outcome(work: Any) -> str:
    """The answer's type, or the code of its error."""
    try:
        answer = await work
    except ChatError as error:
        return error.code
    return str(answer["type"])


async def use(client: ChatClient, room: str) -> list[str]:
    """Everything that a client can ask of a room that it is in."""
    return [
        await outcome(client.send(room, "hello")),
        await outcome(client.request("react", room=room, id=client.new_id(), target=1, emoji="👍", on=True)),
        await outcome(client.history(room, before=2**53 - 1)),
    ]


@pytest.mark.expects_log("damaged record|room bad: |redis refused")
@pytest.mark.parametrize("kind", GARBAGE)
async def test_a_spoilt_room_costs_nobody_else(redis_url: str, kind: str) -> None:
    """Whoever is in it keeps the socket and the other rooms, others enter and write; mended, it works again."""
    redis = Redis.from_url(redis_url)
    async with (
        serving({"REDIS_URL": redis_url}) as it,
        ChatClient.open(it.url, "Ada") as ada,
        ChatClient.open(it.url, "Bob") as bob,
    ):
        for client in (ada, bob):
            await client.join("good")
        await ada.join("bad")
        assert await use(ada, "bad") == ["sent", "sent", "history"], "the control"
        redis.delete(*KEYS)
        for key in KEYS:
            GARBAGE[kind](redis, key)
        for _ in range(3):
            said = await use(ada, "bad")
            assert set(said) <= {"unavailable", "not_joined", "history"} and said[0] != "sent"
            await ada.raw('{"type":"read","room":"good","seq":1}')
            assert await use(bob, "good") == ["sent", "sent", "history"]
            await ada.recv("message", room="good")
            await asyncio.sleep(0.7)  # presence and read positions are told meanwhile
        assert await outcome(bob.join("bad")) == "unavailable"
        async with ChatClient.open(it.url, "Cy") as cy:
            await cy.join("good")
            assert (await use(cy, "good"))[0] == "sent"
        assert (await it.fetch("/readyz")).code == 200
        assert b"parley_damaged_records_total{" in (await it.fetch("/metrics")).body
        redis.delete(*KEYS)
        async with asyncio.timeout(20 * UNIT):
            while await outcome(bob.join("bad")) != "joined":
                await asyncio.sleep(0.2)
        assert (await use(bob, "bad"))[0] == "sent"
        assert (ada.close_code, bob.close_code) == (None, None)


async def say_in_spite(env: dict[str, str], addresses: list[str], command: tuple[str, ...] = ("service",)) -> list[str]:
    """What the room has, oldest first, of a crowd who say one thing each until it is acknowledged.

    Meanwhile a key is of another type that is written in the midst of storing: by many events in one step.
    """
    redis = Redis.from_url(env["REDIS_URL"])
    key = "parley:{bad}:authors"
    async with AsyncExitStack() as stack:
        service = stack.enter_context(ServiceProcess(env | NO_LIMITS, command=command))
        crowd = []
        for number, address in zip(range(CROWD), itertools.cycle(addresses)):
            entering = ChatClient.open(service.url, f"Guest {number}", address=address)
            crowd.append(await stack.enter_async_context(entering))
            await crowd[-1].join("bad")
        first = await crowd[0].send("bad", "before")
        kept = redis.dump(key)
        assert kept is not None
        redis.delete(key)
        redis.set(key, "in the way")
        refused = [await outcome(guest.send("bad", guest.user["name"], id="mine")) for guest in crowd]
        refused += await asyncio.gather(*(outcome(guest.send("bad", guest.user["name"], id="mine")) for guest in crowd))
        assert set(refused) == {"unavailable"}
        redis.restore(key, 0, kept, replace=True)
        sent = await asyncio.gather(*(guest.send("bad", guest.user["name"], id="mine") for guest in crowd))
        seqs = {first["seq"], *(answer["seq"] for answer in sent)}
        for guest in crowd:
            heard: set[int] = set()
            while max(heard, default=0) < max(seqs):
                heard.add((await guest.recv("message", room="bad"))["seq"])
            assert heard >= seqs
        page = await crowd[0].history("bad", before=2**53 - 1, limit=200)
        return [message["text"] for message in page["messages"]]


@pytest.mark.expects_log("damaged record|redis refused")
async def test_what_fails_in_its_midst_leaves_nothing_of_it(redis_url: str, addresses: list[str]) -> None:
    """Acknowledged at last, each message is there once, has a place, and everybody heard it.

    Of Redis alone: its scripts are not taken back where they fail. A step of SQLite's is a transaction.
    """
    texts = await say_in_spite({"REDIS_URL": redis_url}, addresses)
    assert texts[0] == "before" and sorted(texts[1:]) == sorted(f"Guest {number}" for number in range(CROWD))


@pytest.mark.long
@pytest.mark.expects_log("damaged record|redis refused")
async def test_control_without_looking_first_it_does(redis_url: str) -> None:
    """What was refused is there all the same, and again for each time that it was tried."""
    texts = await say_in_spite({"REDIS_URL": redis_url}, SEVERAL, ("tests.faults.unguarded", "checks"))
    assert len(texts) > CROWD + 1
