"""The end of rooms on Redis: empty ones within minutes, old ones by a clock that can be believed, and nothing else."""

import asyncio
import time
from typing import Any

import pytest
from redis import Redis

from service.brokers.log import EMPTY_SECONDS, Position
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.keys import Keyspace
from service.brokers.redis.reads import Reads
from service.brokers.redis.rooms import RoomIndex
from service.clock import STEADY, Clock

from .brokers import ADA, BOB, message, opened, redis_contents, store, until

YEAR = 365 * 86400.0

KEYS = Keyspace()


class Hands(Clock):
    """A clock that is `ahead` seconds, and steady or not."""

    def __init__(self, ahead: float = 0.0, steady: bool = True) -> None:
        self.ahead = ahead
        self._steady = steady

    def now(self) -> float:
        return time.time() + self.ahead

    def steady(self, seconds: float) -> bool:
        assert seconds == STEADY
        return self._steady


@pytest.fixture
def redis(redis_url: str) -> Any:
    """A client of the shared Redis."""
    return Redis.from_url(redis_url)


def make(redis_url: str, seconds: float = 86400.0) -> RedisBroker:
    return RedisBroker(redis_url, history_limit=100, history_days=seconds / 86400)


def index(broker: RedisBroker, seconds: int = 86400, clock: Clock | None = None, **options: Any) -> RoomIndex:
    """An index that looks at rooms however shortly ago they were used."""
    return RoomIndex(broker.shards, seconds, clock=clock or Hands(), sweep_after=-1.0, **options)


async def sweep(broker: RedisBroker, rooms: RoomIndex | None = None) -> None:
    """One look; what it leads to is done."""
    await (rooms or index(broker)).sweep()
    await broker.shards.call("EXISTS", "done")


async def test_an_empty_room_lasts_as_long_as_it_is_held(redis: Any, redis_url: str) -> None:
    """`keep` renews it; something said makes it last; without either it is over within minutes, and leaves nothing."""
    key = "parley:{empty}:position"
    async with opened(make(redis_url)) as (broker, _):
        page = await broker.log.newest("empty", 50, create=True)
        assert page is not None and page.position.seq == 0
        assert EMPTY_SECONDS - 5 < redis.ttl(key) <= EMPTY_SECONDS
        redis.expire(key, 5)
        await broker.log.newest("empty", 50, create=True)
        assert redis.ttl(key) <= 5, "to look is not to hold"
        await broker.log.keep(["empty", "nowhere"])
        assert redis.ttl(key) > EMPTY_SECONDS - 5
        assert redis.keys("parley:{nowhere}:*") == []
        await broker.presence.enter("empty", [ADA])
        await broker.presence.depart("empty", [ADA.id])
        assert await broker.directory.room_count() == 1
        await sweep(broker)
        assert await broker.directory.room_count() == 1
        redis.delete(key)  # its time is over
        await sweep(broker)
        assert (await broker.directory.room_count(), redis.keys("parley:{empty}:*")) == (0, [])


async def test_a_room_in_which_something_was_said_has_no_end_in_redis(redis: Any, redis_url: str) -> None:
    """`keep` doesn't give it one either: a step of Redis's clock would be the end of all rooms."""
    async with opened(make(redis_url)) as (broker, _):
        await broker.log.newest("lobby", 50, create=True)
        await store(broker, message())
        await broker.directory.mark_read("lobby", {"u1": 1})
        await broker.log.keep(["lobby"])
        await sweep(broker)
        keys = redis.keys()
        assert {key: redis.ttl(key) for key in keys} == dict.fromkeys(keys, -1)


async def test_people_keep_a_room_in_the_list(redis_url: str, redis: Any) -> None:
    """Though nothing was ever said there."""
    async with opened(make(redis_url)) as (broker, _):
        await broker.presence.enter("quiet", [ADA])
        await sweep(broker)
        assert await broker.directory.rooms() == {"quiet": 1}
        await broker.presence.depart("quiet", [ADA.id])
        await sweep(broker)
        assert await broker.directory.rooms() == {} and redis.zcard(KEYS.index) == 0


async def test_a_room_whose_last_event_is_old_is_deleted(redis: Any, redis_url: str) -> None:
    """With all that belongs to it, also what its readers have of it; a younger one stays whole."""
    async with opened(make(redis_url, seconds=1)) as (broker, _):
        await store(broker, *(message("old", person=BOB) for _ in range(200)))
        await broker.directory.mark_read("old", {"u1": 5, "u3": 7})
        await asyncio.sleep(1.1)
        await store(broker, message("young", person=BOB), message("young", person=BOB))
        await broker.directory.mark_read("young", {"u1": 1})
        await sweep(broker, index(broker, 1))
        assert redis.keys("parley:{old}:*") == [] and redis.zrange(KEYS.index, 0, -1) == [b"young"]
        await until(lambda: b"old" not in redis.zrange(KEYS.visits("u1"), 0, -1), "forgotten by its readers")
        assert "old" not in redis_contents(redis)
        assert await broker.log.positions(["old"]) == {"old": None}
        assert await broker.directory.unread("u1") == {"young": 1}
        (receipt,) = await store(broker, message("old"))
        assert receipt.seq == 1


@pytest.mark.parametrize(
    ("ahead", "steady"),
    [(0, False), (YEAR, False), (YEAR, True), (-YEAR, True), (3600, True), (-3600, True), (120, True)],
)
async def test_no_step_of_a_clock_deletes_a_room(redis: Any, redis_url: str, ahead: float, steady: bool) -> None:
    """Neither one that was just noticed nor one that Redis knows nothing of, in whichever of the two it was."""
    async with opened(make(redis_url, seconds=1)) as (broker, _):
        await store(broker, message())
        await asyncio.sleep(1.1)
        before = redis_contents(redis)
        await sweep(broker, index(broker, 1, Hands(ahead, steady)))
        assert redis_contents(redis) == before
        await sweep(broker, index(broker, 1))
        assert redis.keys("parley:{lobby}:*") == [], "the control: by a clock that is right it goes"


async def test_a_room_that_is_used_while_it_is_looked_at_stays(redis: Any, redis_url: str) -> None:
    """With what was said meanwhile; and in the list, where its place is not the one that was seen."""
    async with opened(make(redis_url, seconds=1)) as (broker, _):
        await store(broker, message())
        await asyncio.sleep(1.1)
        rooms = index(broker, 1)
        seen = redis.zscore(KEYS.index, "lobby")
        await store(broker, message())
        await rooms.sweep_room("lobby", str(int(seen)).encode(), time.time())
        assert await broker.log.positions(["lobby"]) != {"lobby": None}
        await asyncio.sleep(1.1)
        redis.zadd(KEYS.index, {"lobby": seen + 1})
        await rooms.sweep_room("lobby", str(int(seen)).encode(), time.time())
        assert await broker.log.positions(["lobby"]) == {"lobby": None}
        assert redis.zscore(KEYS.index, "lobby") == seen + 1, "somebody is about to use it"
        await rooms.sweep_room("lobby", str(int(seen) + 1).encode(), time.time())
        assert redis.zscore(KEYS.index, "lobby") is None


async def test_the_walk_reaches_every_room(redis: Any, redis_url: str) -> None:
    """Also those behind many that stay, and those that a stepped clock noted in the future."""
    async with opened(make(redis_url)) as (broker, _):
        await store(broker, *(message(f"room-{number}") for number in range(25)))
        redis.zadd(KEYS.index, {f"gone-{number}": time.time() + YEAR for number in range(8)})
        rooms = index(broker, sweep_rooms=10)
        for _ in range(10):
            await sweep(broker, rooms)
        assert sorted(redis.zrange(KEYS.index, 0, -1)) == sorted(f"room-{number}".encode() for number in range(25))


async def test_the_task_that_clears_up_outlives_an_absence(redis_url: str) -> None:
    """What it is refused it asks for again."""
    looks = 0

    class Counting(RoomIndex):
        async def sweep(self) -> None:
            nonlocal looks
            looks += 1
            await super().sweep()

    async with opened(make(redis_url)) as (broker, _):
        task = asyncio.ensure_future(Counting(broker.shards, 86400, sweep_interval=0.01).run())
        commands = broker.shards.shards[0].commands
        commands.connected = False
        await until(lambda: looks > 3, "looks at nothing")
        commands.connected = True
        await until(lambda: looks > 6, "looks again")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_read_positions_of_a_room_are_bounded(redis: Any, redis_url: str) -> None:
    """Those who read furthest are kept; who goes loses the room from theirs too."""
    async with opened(make(redis_url)) as (broker, _):
        reads = Reads(broker.shards, readers_limit=3)
        await store(broker, *(message(person=BOB) for _ in range(10)))
        await reads.move("lobby", {f"r{number}": number for number in range(1, 7)})
        everybody = [f"r{number}" for number in range(1, 7)]
        assert await reads.of("lobby", everybody) == {"r4": 4, "r5": 5, "r6": 6}
        await until(lambda: not redis.exists(KEYS.visits("r1")), "forgotten")
        await reads.move("lobby", {"r1": 9})
        assert await reads.of("lobby", everybody) == {"r1": 9, "r5": 5, "r6": 6}
        assert await reads.unread("r1") == {"lobby": 1}


async def test_a_log_and_its_parts_stay_as_many_as_each_other(redis: Any, redis_url: str) -> None:
    """Whatever comes and goes, nothing of what was trimmed stays behind in any of a room's keys."""
    async with opened(make(redis_url)) as (broker, _):
        for number in range(100):
            await store(broker, *(message(person=person) for person in (ADA, BOB) for _ in range(number % 7)))
        kept = redis.zcard("parley:{lobby}:messages")
        assert 100 <= kept <= 220
        assert redis.hlen("parley:{lobby}:log") == redis.zcard("parley:{lobby}:authors") == kept
        position = (await broker.log.positions(["lobby"]))["lobby"]
        assert position is not None and position == Position(
            position.epoch, int(redis.get("parley:{lobby}:floor")) + kept
        )
