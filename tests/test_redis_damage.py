"""Damage in Redis: a key or a value that is none of ours costs its room or its user, is counted and named, no more."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis import Redis

from service import metrics, telemetry
from service.brokers.broker import Broker
from service.brokers.directory import Deed, Sanction
from service.brokers.log import About, Receipt
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.keys import Keyspace
from service.protocol import RequestError

from .brokers import ADA, BOB, CY, change, message, opened, publish, refusal, store, topic
from .metrics import total

pytestmark = pytest.mark.expects_log("damaged record")

GARBAGE: dict[str, Callable[[Any, str], Any]] = {
    "string": lambda redis, key: redis.set(key, "\xff no such thing"),
    "list": lambda redis, key: redis.rpush(key, "x"),
    "set": lambda redis, key: redis.sadd(key, "x"),
    "hash": lambda redis, key: redis.hset(key, "x", "y"),
    "zset": lambda redis, key: redis.zadd(key, {"x": 1}),
    "stream": lambda redis, key: redis.xadd(key, {"x": "y"}),
}

KEYS = Keyspace()


@pytest.fixture(autouse=True)
def said_anew() -> None:
    """A record that another test damaged is logged again."""
    telemetry._damage_said.clear()  # noqa: SLF001  # a minute of silence outlives a test


@pytest.fixture
def redis(redis_url: str) -> Any:
    """A client of the shared Redis."""
    return Redis.from_url(redis_url)


def make(redis_url: str, limit: int = 100) -> RedisBroker:
    return RedisBroker(redis_url, history_limit=limit, history_days=1)


async def outcome(call: Awaitable[Any]) -> Any:
    """What a call answers; being refused is an answer, any other exception isn't."""
    try:
        return await call
    except RequestError as error:
        assert error.code == "unavailable", error
        return error


async def use(broker: Broker, room: str) -> list[Any]:
    """Every call on a room, each once; what was answered."""
    answers = [
        *await publish(broker, message(room), change("react", 1, room=room, emoji="👍", on=True)),
        await outcome(broker.log.newest(room, 50)),
        await outcome(broker.log.newest(room, 50, create=True)),
        await outcome(broker.log.after(room, 0, 50)),
        await outcome(broker.directory.mark_read(room, {"u1": 1})),
        await outcome(broker.directory.reads(room, ["u1"])),
        await outcome(broker.log.keep([room])),
    ]
    answers += [await outcome(broker.log.positions([room])), await outcome(broker.directory.unread("u1"))]
    return answers


async def check_whole(broker: Broker, room: str) -> None:
    """That a room works."""
    _, receipt = await store(broker, message(room, person=BOB), message(room, person=BOB))
    newest, after = await broker.log.newest(room, 50), await broker.log.after(room, 0, 50)
    assert newest is not None and after is not None
    assert json.loads(newest.frames[-1])["seq"] == receipt.seq == newest.position.seq == after.position.seq
    assert (await broker.log.positions([room])) == {room: newest.position}
    await broker.directory.mark_read(room, {"u1": receipt.seq - 1})
    assert (await broker.directory.unread("u1"))[room] == 1
    assert room in await broker.directory.rooms()


@pytest.mark.parametrize("part", [key.partition("}:")[2] for key in KEYS.of_script("bad")])
@pytest.mark.parametrize("kind", GARBAGE)
async def test_a_key_of_another_type_costs_its_room_only(redis: Any, redis_url: str, part: str, kind: str) -> None:
    """Before the room is used and in the midst of its life; it is named; and gone, the room works again."""
    key = f"parley:{{bad}}:{part}"
    async with opened(make(redis_url), "bad", "good") as (broker, _):
        for life in range(2):
            redis.delete(key)
            GARBAGE[kind](redis, key)
            before, kept = total(metrics.DAMAGED), redis.type(key)
            answers = await use(broker, "bad")
            refused = [one for one in answers if isinstance(one, RequestError) and one.code == "unavailable"]
            # A hash or a stream in the place of one may be ours, of today or of release 1.0.
            if refused:
                assert total(metrics.DAMAGED) > before, "counted"
            await check_whole(broker, "good")
            positions = await broker.log.positions(["good", "bad"])
            assert positions["good"] is not None
            assert redis.exists(key), "nothing that isn't ours is deleted"
            if life == 0 and kept == b"string":
                assert refused or part in ("position", "floor", "reads", "about")
            redis.delete(key)
            await store(broker, message("bad"))
        await check_whole(broker, "bad")


VALUES: dict[str, list[Any]] = {
    "position": ["garbage", ":5", "e:", "e:x", "e:-1", "e:99999999999999999999", b"\xff\xfe:3", "e:3:", ""],
    "floor": ["x", "-1", "99999999999999999999", "nan", "1e9"],
}


@pytest.mark.parametrize(("part", "value"), [(part, value) for part in VALUES for value in VALUES[part]])
async def test_a_string_that_cannot_be_read_is_healed(redis: Any, redis_url: str, part: str, value: str) -> None:
    """The log is kept and counted on; where the epoch is unknown it gets another."""
    async with opened(make(redis_url, limit=10), "bad") as (broker, _):
        await store(broker, *(message("bad", text=f"{number}") for number in range(5)))
        was = (await broker.log.positions(["bad"]))["bad"]
        redis.set(f"parley:{{bad}}:{part}", value)
        await outcome(broker.log.after("bad", 0, 10))
        page = await broker.log.newest("bad", 10, create=True)
        assert page is not None and was is not None
        assert page.position.seq == 5 and len(page.frames) == 5
        assert (page.position.epoch == was.epoch) == (part == "floor")
        for _ in range(30):
            await store(broker, *(message("bad") for _ in range(10)))
        after = await broker.log.after("bad", 0, 500)
        assert after is not None and after.frames and after.position.seq == 305
        await check_whole(broker, "bad")


async def test_a_position_behind_its_log_heals(redis: Any, redis_url: str) -> None:
    """A resend is no duplicate of what nobody got, and nothing is written over."""
    async with opened(make(redis_url), "bad") as (broker, heard):
        await store(broker, *(message("bad", text=f"{number}") for number in range(4)))
        was = (await broker.log.positions(["bad"]))["bad"]
        assert was is not None
        redis.set("parley:{bad}:position", f"{was.epoch}:2")
        (receipt,) = await store(broker, message("bad", text="next"))
        assert (receipt.seq, receipt.duplicate) == (5, False)
        page = await broker.log.after("bad", 0, 50)
        assert page is not None
        assert [json.loads(frame)["text"] for frame in page.frames] == ["0", "1", "2", "3", "next"]
        redis.set("parley:{bad}:position", f"{was.epoch}:1")
        page = await broker.log.newest("bad", 1, create=True)
        assert page is not None and page.position.seq == 5
        assert redis.get("parley:{bad}:position") == f"{was.epoch}:5".encode()
        redis.set("parley:{bad}:position", f"{was.epoch}:1")
        await broker.log.renew_epoch("bad", page.position)
        assert await broker.log.positions(["bad"]) == {"bad": page.position}
        assert heard.publications[-1].seq == 5


async def test_a_lost_position_keeps_the_log(redis: Any, redis_url: str) -> None:
    """Another epoch, the same messages."""
    async with opened(make(redis_url), "bad") as (broker, _):
        await store(broker, *(message("bad", text=f"{number}") for number in range(3)))
        redis.delete("parley:{bad}:position")
        (receipt,) = await store(broker, message("bad", text="3"))
        assert receipt.seq == 4
        page = await broker.log.newest("bad", 50)
        assert page is not None and len(page.frames) == 4


FRAMES = [
    b"garbage",
    b"",
    b"[]",
    b'{"type":"message","room":"bad","seq":2',
    b'{"type":"message","seq":"2"}',
    b'{"type":"message","seq":7}',
    b'{"type":"message","room":"bad","seq":2,"text":"\xff"}',
    b"\xff\xfe",
    b"[" * 100_000,
]


@pytest.mark.parametrize("frame", FRAMES)
async def test_a_frame_that_cannot_be_read_is_left_out(redis: Any, redis_url: str, frame: bytes) -> None:
    """Of history pages; a resume ends before it, and begins behind it."""
    async with opened(make(redis_url), "bad") as (broker, _):
        await store(broker, *(message("bad", text=f"{number}") for number in range(1, 5)))
        before = total(metrics.DAMAGED)
        redis.hset("parley:{bad}:log", "2", frame)
        newest, after = await broker.log.newest("bad", 50), await broker.log.after("bad", 0, 50)
        assert newest is not None and after is not None
        assert all(json.loads(shown) for shown in newest.frames)
        if json.loads(newest.frames[1])["seq"] != 7:
            assert total(metrics.DAMAGED) > before
            assert [json.loads(shown)["seq"] for shown in newest.frames] == [1, 3, 4]
        assert ([json.loads(event)["seq"] for event in after.frames], after.more) == ([1], True)
        behind = await broker.log.after("bad", 1, 50)
        assert behind is not None and behind.seq == 3 and len(behind.frames) == 2
        changes = [change(kind, 2, room="bad", **fields) for kind, fields in CHANGES]
        await publish(broker, *changes, message("bad"))
        await check_whole(broker, "bad")


@pytest.mark.parametrize("kind", [kind for kind in GARBAGE if kind != "hash"])
async def test_a_record_of_another_type_costs_the_topic_alone(redis: Any, redis_url: str, kind: str) -> None:
    """Of a room that is just beginning, or has begun: nothing is refused but a topic, for good, and nothing deleted."""
    damaged = ("bad_request", "the room's record of its topic is damaged")
    async with opened(make(redis_url), "bad") as (broker, _):
        for _ in range(2):
            redis.delete("parley:{bad}:about")
            GARBAGE[kind](redis, "parley:{bad}:about")
            kept = redis.dump("parley:{bad}:about")
            assert await refusal(broker, topic("x", room="bad", moderator=True)) == damaged
            await check_whole(broker, "bad")
            before = total(metrics.DAMAGED)
            assert await broker.log.about("bad") == About()
            assert total(metrics.DAMAGED) == before + 1
            first, second = await publish(broker, topic("x", room="bad", moderator=True), message("bad", person=BOB))
            assert isinstance(first, RequestError) and isinstance(second, Receipt)
            assert redis.dump("parley:{bad}:about") == kept
        redis.delete("parley:{bad}:about")
        await store(broker, topic("whole again", room="bad", moderator=True))
        about = await broker.log.about("bad")
        assert about.topic is not None and (about.topic.text, about.begun) == ("whole again", None)


@pytest.mark.parametrize(
    "value", [b"garbage", b"", b"[]", b"5", b"null", b'{"user":5,"text":5}', b"\xff", b"[" * 100_000]
)
async def test_what_a_room_is_about_costs_itself(redis: Any, redis_url: str, value: bytes) -> None:
    """A topic that can't be read is none, and is written over; without a beginning it is moderators' alone."""
    async with opened(make(redis_url), "bad") as (broker, _):
        await store(broker, message("bad"), topic("x", room="bad"))
        redis.hset("parley:{bad}:about", "topic", value)
        about = await broker.log.about("bad")
        assert about.topic is None and about.begun is not None and about.begun.user == ADA
        await store(broker, topic("y", room="bad"))
        redis.hset("parley:{bad}:about", "begun", value)
        about = await broker.log.about("bad")
        assert about.begun is None and about.topic is not None and about.topic.text == "y"
        assert (await refusal(broker, topic("z", room="bad")))[0] == "forbidden"
        await store(broker, topic("z", room="bad", moderator=True))
        await check_whole(broker, "bad")


async def test_what_an_earlier_life_was_about_goes_with_the_first_event(redis: Any, redis_url: str) -> None:
    """A process of an earlier version deleted the room, and didn't know of this key."""
    async with opened(make(redis_url), "bad") as (broker, _):
        await store(broker, message("bad"), topic("x", room="bad"))
        kept = redis.dump("parley:{bad}:about")
        redis.delete(*(key for key in redis.keys("parley:{bad}:*") if not key.endswith(b"about")))
        (said,) = await store(broker, message("bad", person=BOB))
        assert said.seq == 1
        about = await broker.log.about("bad")
        assert about.topic is None and about.begun is not None and about.begun.user == BOB
        redis.delete(*redis.keys("parley:{bad}:*"))
        redis.restore("parley:{bad}:about", 0, kept)
        (again,) = await store(broker, topic("x", CY, room="bad"))
        assert (again.seq, again.duplicate) == (1, False)
        assert (await refusal(broker, topic("y", room="bad")))[0] == "forbidden"


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("react", {"emoji": "👍", "on": True}),
    ("react", {"emoji": "👍", "on": False}),
    ("edit", {"text": "x"}),
    ("remove", {}),
]
MARKS = ["garbage", "[]", "5", "null", '{"reactions":5}', '{"reactions":{"👍":5}}', '{"reactions":{"👍":[5,null]}}',
         '{"edits":[null,"x",{}]}', '{"retracted":{"u1":"x"}}', '{"retracted":[1]}', '{"text":5,"edited_at":"x"}',
         "[" * 100_000]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
async def test_marks_that_cannot_be_read_are_none(redis: Any, redis_url: str, mark: str) -> None:
    """The message is shown as it was sent, and can be changed."""
    async with opened(make(redis_url), "bad") as (broker, _):
        await store(broker, message("bad", text="one"), message("bad", text="two"))
        before = total(metrics.DAMAGED)
        redis.hset("parley:{bad}:marks", "1", mark)
        page = await broker.log.newest("bad", 50)
        assert page is not None
        assert total(metrics.DAMAGED) > before
        assert [json.loads(frame)["text"] for frame in page.frames] == ["one", "two"]
        for kind, fields in CHANGES:
            (said,) = await publish(broker, change(kind, 1, room="bad", **fields))
            assert isinstance(said, Receipt), (kind, said)
        page = await broker.log.newest("bad", 50)
        assert page is not None and json.loads(page.frames[0])["removed"] is True


async def test_members_that_are_no_numbers_cost_nothing_else(redis: Any, redis_url: str) -> None:
    """In the sorted sets of a log, of read positions and of the rooms that a user read in; and as ids."""
    async with opened(make(redis_url, limit=10), "bad") as (broker, _):
        (first,) = await store(broker, message("bad", id="known", person=BOB))
        await broker.directory.mark_read("bad", {"u1": 1})
        for part in ("messages", "changes", "authors"):
            redis.zadd(f"parley:{{bad}}:{part}", {"x": -1, "nan": 3, "inf": 1e300, "99999999999999999999": 1e20})
        redis.zadd("parley:{bad}:reads", {"u1": float("inf"), "u2": -5, "u3": 1e300})
        redis.zadd(KEYS.visits("u1"), {"no room": 1, b"\xff": 2, "../x": 3})
        redis.hset("parley:{bad}:ids", mapping={"2:u2known": "garbage", "2:u2other": "1"})
        assert await broker.directory.reads("bad", ["u1", "u2", "u3"]) == {}
        assert set(await broker.directory.unread("u1")) == {"bad"}
        for _ in range(30):
            await store(broker, *(message("bad", person=BOB) for _ in range(10)))
        (again,) = await store(broker, message("bad", id="known", person=BOB))
        assert again.seq == 302 and first.seq == 1, "its record was lost, so it is stored again"
        page = await broker.log.newest("bad", 300)
        assert page is not None and json.loads(page.frames[-1])["seq"] == 302


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("key", [KEYS.index, KEYS.sanctions, KEYS.trail, KEYS.visits("u1"), "parley:{good}:people"])
async def test_a_shared_key_of_another_type_stops_nothing(redis: Any, redis_url: str, key: str, kind: str) -> None:
    """Messages go on; what the key stands for is as good as empty."""
    async with opened(make(redis_url), "good") as (broker, _):
        GARBAGE[kind](redis, key)
        await store(broker, message("good", person=BOB), message("good", person=BOB))
        page = await broker.log.newest("good", 50)
        assert page is not None and len(page.frames) == 2
        await broker.directory.mark_read("good", {"u1": 1, "u2": 1})
        assert await broker.directory.reads("good", ["u1", "u2"]) == {"u1": 1, "u2": 1}
        assert isinstance(await broker.directory.rooms(), dict) and isinstance(await broker.directory.room_count(), int)
        assert isinstance(await broker.directory.unread("u1"), dict) and isinstance(
            await broker.directory.sanctions(), list
        )
        assert await broker.directory.unread("u2") == {"good": 0}
        assert await broker.directory.ban("good", "u1") is None
        assert await broker.directory.trail() == []
        deed = Deed("d1", 2, "ban", ADA, BOB, "good")
        await broker.directory.record(deed)
        assert await broker.directory.trail() == [deed]
        assert isinstance(broker, RedisBroker)
        await broker.index.sweep()


@pytest.mark.parametrize(
    "value", [b"garbage", b"", b"[]", b'{"kind":"ban"}', b"\xff", b'{"kind":5,"until":"x"}', b"[" * 100_000]
)
async def test_a_sanction_that_cannot_be_read_spoils_only_itself(redis: Any, redis_url: str, value: bytes) -> None:
    """The others hold, for those who read them all and in the step of a send."""
    async with opened(make(redis_url), "lobby") as (broker, _):
        held = Sanction("mute", "", "u2", 0, "m", "")
        await broker.directory.sanction(held, lift=False)
        for field in ("ban  u1", "mute lobby u1", "x"):
            redis.hset(KEYS.sanctions, field, value)
        for key in KEYS.room("lobby", "sanctions", "barred"):
            redis.hset(key, mapping={"ban u1": value, "mute u1": value})
        before = total(metrics.DAMAGED)
        assert await broker.directory.sanctions() == [held]
        assert total(metrics.DAMAGED) >= before + 3
        assert await broker.directory.ban("lobby", "u1") is None
        first, second = await publish(broker, message(person=ADA), message(person=BOB))
        assert isinstance(first, Receipt)
        assert isinstance(second, RequestError) and second.code == "forbidden"


async def test_a_script_that_is_refused_leaves_nothing(redis: Any, redis_url: str) -> None:
    """A key in its way, in a batch of many: no event, no id, no position of it, and all are told."""
    async with opened(make(redis_url), "bad") as (broker, heard):
        await store(broker, message("bad", id="first"))
        parts = {key: redis.dump(key) for key in redis.keys("parley:{bad}:*")}
        for part in ("authors", "changes", "marks", "ids:old"):
            key = f"parley:{{bad}}:{part}"
            kept = redis.dump(key)
            redis.delete(key)
            redis.set(key, "x")
            batch = [message("bad", id="new"), change("edit", 1, room="bad", text="x"), message("bad")]
            said = await publish(broker, *batch)
            assert all(isinstance(one, RequestError) and one.code == "unavailable" for one in said), part
            redis.delete(key)
            if kept is not None:
                redis.restore(key, 0, kept)
            assert {key: redis.dump(key) for key in redis.keys("parley:{bad}:*")} == parts, part
        assert len(heard.frames("bad")) == 1
        (receipt,) = await store(broker, message("bad", id="new"))
        assert (receipt.seq, receipt.duplicate) == (2, False)
