"""What release 1.0 left in Redis: the first touch makes it today's log, and nothing that counts is lost.

`release_1_0/publish.lua` is that release's script, as it was.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from service.brokers.broker import Broker
from service.brokers.log import Event, Position, Receipt
from service.brokers.redis.broker import RedisBroker
from service.protocol import Person, encode

from .brokers import ADA, BOB, CY, change, message, opened, publish, redis_contents, refusal, store

KEYS = [f"parley:{{lobby}}:{part}" for part in ("log", "position", "ids", "ids:old", "marks")]
HISTORY = 50


class Release:
    """A process of release 1.0."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._script = (Path(__file__).parent / "release_1_0" / "publish.lua").read_text()

    def publish(self, *events: Event, ids_limit: int = 10_000) -> list[bytes]:
        args: list[Any] = ["parley:0:lobby", "epoch-1", HISTORY, ids_limit, 3600, "", 0]
        for event in events:
            changed = "" if event.change is None else encode(event.change)
            args += [f"{event.user}\n{event.id}", event.head, event.tail, changed, event.user]
        answers: list[bytes] = self._redis.eval(self._script, len(KEYS), *KEYS, *args)
        return answers

    def mark_read(self, user: str, seq: int) -> None:
        self._redis.hset("parley:{lobby}:reads", user, str(seq))
        self._redis.sadd(f"parley:user:{user}:rooms", "lobby")

    def die_with(self, process: str, person: Person, room: str = "lobby") -> None:
        """As it stood in Redis when a process was killed that had somebody in a room."""
        self._redis.zadd("parley:processes", {process: 1.7e12})
        self._redis.sadd(f"parley:process:{process}:rooms", room)
        self._redis.sadd(f"parley:{{{room}}}:people:{process}", person.id)
        self._redis.hset(f"parley:{{{room}}}:people", person.id, b"1:" + encode(person))


@pytest.fixture
def redis(redis_url: str) -> Any:
    """A client of the shared Redis."""
    return Redis.from_url(redis_url)


def leave_a_room(redis: Any) -> list[bytes]:
    """Five messages of 1.0 and what happened to them; answers what it said of them."""
    old = Release(redis)
    answers = old.publish(
        message(id="m1", text="plain", person=BOB),
        message(id="m2", text="tpyo"),
        message(id="m3", text="hidden words"),
        message(id="m4", text="four", person=CY),
        message(id="m5", text="five", person=Person('a "b" \\ c', "Odd")),
        change("edit", 2, text="typo"),
        change("edit", 3, text="hidden words again"),
        change("react", 1, ADA, emoji="👍", on=True),
        change("react", 1, CY, emoji="👍", on=True),
        change("remove", 3, BOB, moderator=True),
    )
    old.mark_read("u2", 1)
    old.mark_read("u3", 10)
    return answers


async def check_room(broker: Broker, answers: list[bytes]) -> None:
    """That all of it is still there."""
    newest, after = await broker.log.newest("lobby", 50), await broker.log.after("lobby", 0, 50)
    assert newest is not None and after is not None
    assert newest.position == after.position and newest.position.epoch == "epoch-1"
    shown = [json.loads(frame) for frame in newest.frames]
    assert [frame["seq"] for frame in shown] == [1, 2, 3, 4, 5]
    assert [frame.get("text") for frame in shown] == ["plain", "typo", None, "four", "five"]
    assert shown[0]["reactions"] == {"👍": ["u1", "u3"]} and shown[2]["removed"] is True
    assert shown[1]["edited_at"] == int(answers[5].partition(b":")[2])
    events = [json.loads(frame) for frame in after.frames]
    assert [event["seq"] for event in events[:10]] == list(range(1, 11))
    assert events[1]["text"] == "tpyo" and events[5]["text"] == "typo"
    for removed in (events[2], events[6]):
        assert removed["removed"] is True and "text" not in removed
    again = message(id="m1", text="plain", person=BOB)
    seq, _, at = answers[0].partition(b":")
    assert await store(broker, again) == [Receipt(int(seq), int(at), duplicate=True)]
    assert await broker.directory.reads("lobby", ["u1", "u2", "u3"]) == {"u2": 1, "u3": 10}


async def touch_by_publishing(broker: Broker) -> None:
    await publish(broker, change("react", 99, emoji="👍", on=True))


async def touch_by_a_duplicate(broker: Broker) -> None:
    await store(broker, message(id="m2", text="tpyo"))


TOUCHES: list[Callable[[Broker], Awaitable[Any]]] = [
    lambda broker: broker.log.newest("lobby", 50),
    lambda broker: broker.log.newest("lobby", 0, create=True),
    lambda broker: broker.log.after("lobby", 3, 1),
    lambda broker: broker.directory.unread("u2"),
    lambda broker: broker.directory.reads("lobby", ["u2"]),
    lambda broker: broker.directory.mark_read("lobby", {"u2": 1}),
    lambda broker: broker.log.renew_epoch("lobby", Position("another", 99)),
    touch_by_publishing,
    touch_by_a_duplicate,
]


@pytest.mark.parametrize("touch", range(len(TOUCHES)))
async def test_a_room_of_release_1_0_is_converted_at_first_touch(redis: Any, redis_url: str, touch: int) -> None:
    """Whatever touches it first: history, resume, dedupe, marks and read positions are as they were."""
    answers = leave_a_room(redis)
    assert "hidden words" in redis_contents(redis)
    async with opened(RedisBroker(redis_url, history_limit=HISTORY, history_days=1)) as (broker, _):
        await TOUCHES[touch](broker)
        await check_room(broker, answers)
        assert await broker.directory.unread("u2") == {"lobby": 3}, "2, 4 and 5: 3 is removed"
        assert await broker.directory.unread("u3") == {"lobby": 0}
        assert "hidden words" not in redis_contents(redis)
        assert await refusal(broker, change("edit", 3, text="x")) == ("bad_request", "the message is removed")
        assert await refusal(broker, change("edit", 1, CY, text="x")) == ("forbidden", "only its author may do that")
        (same,) = await store(broker, change("react", 1, CY, emoji="👍", on=True))
        assert same == Receipt(10, same.at, duplicate=True)
        await store(broker, change("remove", 2))
        assert "tpyo" not in redis_contents(redis) and "typo" not in redis_contents(redis)


async def test_nothing_of_a_converted_room_has_an_end(redis: Any, redis_url: str) -> None:
    """1.0 let Redis count the days; from here on the service does."""
    leave_a_room(redis)
    assert redis.ttl("parley:{lobby}:position") > 0
    async with opened(RedisBroker(redis_url, history_limit=HISTORY, history_days=1)) as (broker, _):
        await broker.log.newest("lobby", 1)
        await broker.directory.mark_read("lobby", {"u2": 2})
        assert {key: redis.ttl(key) for key in redis.keys("parley:{lobby}:*")} == dict.fromkeys(
            redis.keys("parley:{lobby}:*"), -1
        )


async def test_a_new_message_is_the_first_touch(redis: Any, redis_url: str) -> None:
    """It counts on, in the life that 1.0 began."""
    answers = leave_a_room(redis)
    async with opened(RedisBroker(redis_url, history_limit=HISTORY, history_days=1), "lobby") as (broker, _):
        (receipt,) = await store(broker, message(text="new", person=BOB))
        assert receipt.seq == 11
        assert await broker.log.positions(["lobby"]) == {"lobby": Position("epoch-1", 11)}
        await store(broker, change("remove", 11, BOB))
        page = await broker.log.newest("lobby", 50)
        assert page is not None and len(page.frames) == 6
        assert len(answers) == 10


async def test_a_trimmed_log_of_1_0_says_where_it_begins(redis: Any, redis_url: str) -> None:
    """What it no longer had is trimmed here too, and ids of both generations are known."""
    old = Release(redis)
    for number in range(400):
        old.publish(message(id=f"n{number}", person=BOB), ids_limit=150)
    first = int(redis.xrange("parley:{lobby}:log", count=1)[0][0].partition(b"-")[0])
    assert first > 1
    async with opened(RedisBroker(redis_url, history_limit=HISTORY, history_days=1)) as (broker, _):
        page = await broker.log.after("lobby", 0, 5000)
        assert page is not None and not page.more
        assert [json.loads(frame)["seq"] for frame in page.frames] == list(range(first, 401))
        for number in (399, 310, 200):
            (receipt,) = await store(broker, message(id=f"n{number}", person=BOB))
            assert (receipt.seq, receipt.duplicate) == (number + 1, True)


async def test_an_edit_whose_message_1_0_had_trimmed_keeps_no_text(redis: Any, redis_url: str) -> None:
    """It may be of a removed message: 1.0 forgot that with the message."""
    old = Release(redis)
    old.publish(
        message(), change("edit", 1, text="words of one that is gone"), message(), change("edit", 3, text="kept")
    )
    redis.xdel("parley:{lobby}:log", "1-0")
    redis.hdel("parley:{lobby}:marks", "1")
    async with opened(RedisBroker(redis_url, history_limit=HISTORY, history_days=1)) as (broker, _):
        page = await broker.log.after("lobby", 1, 50)
        assert page is not None
        assert [json.loads(frame).get("text") for frame in page.frames] == [None, "hello", "kept"]
        assert "one that is gone" not in redis_contents(redis)


async def test_release_1_0_is_refused_by_a_converted_room(redis: Any, redis_url: str) -> None:
    """While a deploy replaces processes: never a log of both kinds."""
    leave_a_room(redis)
    async with opened(RedisBroker(redis_url, history_limit=HISTORY, history_days=1)) as (broker, _):
        await broker.log.newest("lobby", 1)
        before = redis.hgetall("parley:{lobby}:log")
        with pytest.raises(Exception, match="WRONGTYPE"):
            Release(redis).publish(message())
        assert redis.hgetall("parley:{lobby}:log") == before
        (receipt,) = await store(broker, message())
        assert receipt.seq == 11


async def test_the_people_of_processes_that_died_go(redis: Any, redis_url: str) -> None:
    """They were noted elsewhere; whoever comes first takes them over, and clears up after them."""
    before = Release(redis)
    before.die_with("0123456789abcdef", ADA)
    before.die_with("fedcba9876543210", BOB, "tea")
    redis.zadd("parley:processes", {"garbage": 1})
    made = RedisBroker(redis_url, history_limit=HISTORY, history_days=1, process_ttl=0.2)
    async with opened(made, "lobby") as (broker, heard):
        assert (await broker.presence.roster("lobby")).count == 1
        await broker.presence.enter("lobby", [CY])
        for _ in range(20):
            await broker.presence.beat()
            await asyncio.sleep(0.02)
        assert (await broker.presence.roster("lobby")).members == [CY]
        assert (await broker.presence.roster("tea")).count == 0
        assert [user for _, signal in heard.signals for user in signal["left"]] == ["u1"]
        assert redis.keys("parley:process*") == [] and redis.zcard("parley:{*}:processes") == 1
