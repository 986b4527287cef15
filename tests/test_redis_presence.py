"""Presence on Redis: which processes are dead, what they leave behind, and what becomes of damaged records."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import metrics, telemetry
from service.brokers.presence import Roster
from service.brokers.pulse import Pulse
from service.brokers.redis.broker import RedisBroker
from service.protocol import MEMBERS_LIMIT, Person, RequestError

from .brokers import ADA, BOB, CY, Recorder, until
from .harness import UNIT, RedisServer
from .metrics import total

TTL = 0.5 * UNIT  # seconds that a process lives without a beat in these tests
GARBAGE = {
    "string": ("SET", "garbage"),
    "list": ("RPUSH", "garbage"),
    "set": ("SADD", "garbage"),
    "hash": ("HSET", "garbage", "garbage"),
    "sorted set": ("ZADD", 1, "garbage"),
    "stream": ("XADD", "*", "garbage", "garbage"),
}
"""A command that makes a key of each type, without the key."""


KINDS = ("person", "process", "name")


def counted(kind: str) -> float:
    return total(metrics.DAMAGED.labels(kind))


class Process:
    """One process's broker. It is dead once `kill` was called: nothing more is said to Redis."""

    def __init__(self, url: str, **presence: Any) -> None:
        self.broker = RedisBroker(url, history_limit=10, history_days=1, process_ttl=TTL, **presence)
        self.heard = Recorder()
        self.dead = False

    async def start(self) -> None:
        await self.broker.open(self.heard)
        self.broker.log.subscribe("lobby")
        await until(lambda: self.broker.available and "lobby" in self.heard.subscribed, "open")

    async def kill(self) -> None:
        self.dead = True
        for task in self.broker.tasks:
            task.cancel()
        await asyncio.gather(*self.broker.tasks, return_exceptions=True)

    async def beat_for(self, seconds: float, *people: Person) -> None:
        """Live on for so long, with these people in the lobby, as service/rooms/presence.py does."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            if not await self.broker.presence.beat() and people:
                await self.broker.presence.enter("lobby", people)
            await asyncio.sleep(TTL / 10)

    def left(self) -> list[str]:
        """Everybody of whom it was told that they left."""
        return [user for room, signal in self.heard.signals if room == "lobby" for user in signal["left"]]

    async def here(self, room: str = "lobby") -> set[str]:
        return {person.name for person in (await self.broker.presence.roster(room)).members or ()}


@asynccontextmanager
async def processes(url: str, count: int = 2, **presence: Any) -> AsyncIterator[list[Process]]:
    """`presence`: options of RedisPresence."""
    made = [Process(url, **presence) for _ in range(count)]
    await asyncio.gather(*(one.start() for one in made))
    try:
        yield made
    finally:
        for one in made:
            if not one.dead:
                await one.broker.close()


# -- what is left behind


async def test_rooms_that_everybody_left_are_noted_nowhere(redis_url: str, redis_server: RedisServer) -> None:
    """Neither with their people nor with the process that had them."""
    async with processes(redis_url, 1) as (here,):
        for number in range(50):
            await here.broker.presence.enter(f"r{number}", [ADA, BOB])
        assert redis_server.cli("SCARD", f"parley:{{*}}:process:{here.broker.presence.life}:rooms") == "50"
        for number in range(50):
            await here.broker.presence.depart(f"r{number}", ["u1"])
            await here.broker.presence.depart(f"r{number}", ["u2", "nobody"])
        await here.broker.presence.depart("never", ["u1"])
        assert redis_server.cli("KEYS", "*people*") == ""
        assert redis_server.cli("KEYS", "parley:{*}:process:*") == ""
    assert redis_server.cli("EXISTS", "parley:{*}:processes") == "0"


async def test_a_process_is_known_before_its_people_are(redis_url: str, redis_server: RedisServer) -> None:
    """It dies before its first beat, and is cleared up after all the same."""
    async with processes(redis_url) as (short, long):
        await short.broker.presence.enter("lobby", [ADA])
        await short.broker.presence.enter("", [ADA])
        await short.kill()
        assert await long.here() == {"Ada"}
        await long.beat_for(3 * TTL)
        assert await long.here() == await long.here("") == set()
        await until(long.left, "told")
        assert long.left() == ["u1"]
        assert redis_server.cli("KEYS", f"*{short.broker.presence.life}*") == ""


async def test_control_an_unknown_process_leaves_ghosts(redis_url: str, redis_server: RedisServer) -> None:
    """As above, but it was not known: nobody clears up."""
    async with processes(redis_url) as (short, long):
        await short.broker.presence.enter("lobby", [ADA])
        redis_server.cli("ZREM", "parley:{*}:processes", short.broker.presence.life)
        await short.kill()
        await long.beat_for(3 * TTL)
        assert await long.here() == {"Ada"}


async def test_a_dead_processs_people_leave_once(redis_url: str) -> None:
    """Told once, however many processes clear up; who is on another process too stays."""
    async with processes(redis_url, 4) as (dead, *others):
        await dead.broker.presence.enter("lobby", [ADA, BOB])
        await others[0].broker.presence.enter("lobby", [BOB, CY])
        await dead.kill()
        await asyncio.gather(*(one.beat_for(3 * TTL) for one in others))
        for one in others:
            await until(one.left, "told")
            assert one.left() == ["u1"]
        assert await others[0].here() == {"Bob", "Cy"}


async def test_a_crowd_leaves_in_steps(redis_url: str) -> None:
    """A dead process's thousands don't hold up Redis; nor do those who come."""
    crowd = [Person(f"c{number}", f"C{number}") for number in range(1050)]
    async with processes(redis_url, step_limit=100) as (dead, long):
        await dead.broker.presence.enter("lobby", crowd)
        assert await long.broker.presence.roster("lobby") == Roster(1050, None)
        await until(lambda: len(long.heard.signals) == 11, "told in steps")
        await dead.kill()
        await long.beat_for(3 * TTL)
        assert await long.broker.presence.roster("lobby") == Roster(0, [])
        await until(lambda: len(long.left()) == 1050, "told of all")
        assert sorted(long.left()) == sorted(person.id for person in crowd)
        assert max(len(signal["left"]) for _, signal in long.heard.signals) == 100


# -- who can tell who is dead


async def away_and_back(first: Process, second: Process) -> None:
    """Both have people and have beaten for long; then Redis is away for both, and back for the first one first."""
    for one, person in ((first, ADA), (second, BOB)):
        await one.broker.presence.beat()
        await one.broker.presence.enter("lobby", [person])
    await asyncio.gather(first.beat_for(2 * TTL, ADA), second.beat_for(2 * TTL, BOB))
    for one in (first, second):
        one.broker.presence.pulse.lost()  # what a refused or lost beat leaves behind
    await asyncio.sleep(2 * TTL)
    await first.beat_for(0.5 * TTL, ADA)


async def test_who_was_away_clears_up_after_nobody(redis_url: str) -> None:
    """The first to be back can't tell who is dead, and all are back soon: nobody left."""
    async with processes(redis_url) as (first, second):
        await away_and_back(first, second)
        assert await first.here() == {"Ada", "Bob"}
        await asyncio.gather(first.beat_for(3 * TTL, ADA), second.beat_for(3 * TTL, BOB))
        assert await first.here() == {"Ada", "Bob"}
        assert first.left() == second.left() == []


async def test_control_who_was_away_and_clears_up(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above without the rule: the other's people are gone."""
    monkeypatch.setattr(Pulse, "steady", True)
    async with processes(redis_url) as (first, second):
        await away_and_back(first, second)
        assert await first.here() == {"Ada"}


async def test_a_process_that_is_back_is_cleared_up_after_no_further(redis_url: str) -> None:
    """Whoever had begun to clear up after it stops, and what is gone it enters again."""
    async with processes(redis_url) as (slow, other):
        await slow.broker.presence.enter("lobby", [ADA])
        await slow.broker.presence.enter("other", [ADA])
        await asyncio.sleep(1.2 * TTL)
        dead = slow.broker.presence.life
        assert await other.broker.presence.expire("other", dead)
        assert not await slow.broker.presence.beat(), "it learns that it was taken for dead"
        assert not await other.broker.presence.expire("lobby", dead)
        await other.broker.presence.clear_up_after(dead.encode())
        assert (await other.here(), await other.here("other")) == ({"Ada"}, set())
        await slow.broker.presence.enter("lobby", [ADA])
        await slow.broker.presence.enter("other", [ADA])
        assert (await other.here(), await other.here("other")) == ({"Ada"}, {"Ada"})
        assert other.left() == []


@pytest.mark.parametrize("ahead_ms", [3_600_000, 365 * 86_400_000])
async def test_a_life_that_ends_too_late_is_cut(redis_url: str, redis_server: RedisServer, ahead_ms: int) -> None:
    """Redis's clock was ahead when it beat last: the living are not hurt, the dead are found."""
    async with processes(redis_url) as (dead, long):
        await dead.broker.presence.enter("lobby", [ADA])
        await long.broker.presence.enter("lobby", [BOB])
        for one in (dead, long):
            redis_server.cli("ZINCRBY", "parley:{*}:processes", ahead_ms, one.broker.presence.life)
        await dead.kill()
        await long.beat_for(4 * TTL)
        assert await long.here() == {"Bob"}


# -- other lives


@pytest.mark.expects_log("redis commands: ")
async def test_after_a_lost_connection_everybody_is_entered_again(redis_url: str, redis_server: RedisServer) -> None:
    """Under another name. Nobody is told to have left; who left meanwhile goes; a leave is told at once as ever."""
    async with processes(redis_url) as (cut, other):
        await cut.broker.presence.beat()
        await cut.broker.presence.enter("lobby", [ADA, BOB, CY])
        before = cut.broker.presence.life
        connections = cut.broker.shards.connections
        redis_server.cli("CLIENT", "KILL", "TYPE", "normal")
        await until(lambda: cut.broker.shards.connections > connections and cut.broker.available, "back")
        await until(lambda: other.broker.available, "the other, too")
        assert not await cut.broker.presence.beat()
        assert cut.broker.presence.life != before
        await cut.broker.presence.depart("lobby", ["u3"])
        await until(lambda: other.left() == ["u3"], "a leave before the return")
        await cut.broker.presence.enter("lobby", [ADA])  # Bob left while Redis was away
        await until(lambda: other.left() == ["u3", "u2"], "who did not return")
        assert await cut.broker.presence.beat()
        await cut.broker.presence.depart("lobby", ["u1"])
        await until(lambda: other.left() == ["u3", "u2", "u1"], "a leave after it")
        await cut.beat_for(3 * TTL)
        assert redis_server.cli("KEYS", f"*{before}*") == ""


@pytest.mark.expects_log("redis commands: ")
async def test_connections_lost_one_after_the_other_leave_no_ghosts(redis_url: str, redis_server: RedisServer) -> None:
    """Before anybody could be entered again: what several lives ago was noted goes as soon as they come or leave."""
    async with processes(redis_url, 1) as (cut,):
        presence, shards = cut.broker.presence, cut.broker.shards
        await presence.beat()
        await presence.enter("lobby", [ADA, BOB])
        for _ in range(3):
            connections = shards.connections
            redis_server.cli("CLIENT", "KILL", "TYPE", "normal")
            await until(lambda before=connections: shards.connections > before and cut.broker.available, "back")  # type: ignore[misc]
            assert not await presence.beat()
        await presence.depart("lobby", ["u1"])
        assert await cut.here() == {"Bob"}
        await presence.enter("lobby", [CY])
        assert await cut.here() == {"Cy"}


async def test_a_flushed_redis_is_told_again(redis_url: str, redis_server: RedisServer) -> None:
    """The connection lives on; the next beat finds that nothing is known."""
    async with processes(redis_url, 1) as (here,):
        await here.broker.presence.beat()
        assert await here.broker.presence.beat()
        await here.broker.presence.enter("lobby", [ADA])
        redis_server.cli("FLUSHALL")
        await here.broker.presence.enter("lobby", [BOB])  # who comes before that beat doesn't hide it
        assert not await here.broker.presence.beat()
        await here.broker.presence.enter("lobby", [ADA, BOB])
        assert await here.broker.presence.beat()
        assert await here.here() == {"Ada", "Bob"}


async def test_no_name_is_given_away_while_people_are_lost(redis_url: str, redis_server: RedisServer) -> None:
    """From the loss until every process has had the time to enter its people again."""
    async with processes(redis_url, settling=TTL) as (one, other):
        for process, person in ((one, ADA), (other, BOB)):
            await process.broker.presence.beat()
            await process.broker.presence.enter("", [person])
        redis_server.cli("FLUSHALL")
        await one.broker.presence.enter("lobby", [CY])  # by which it is known again
        for process in (one, other):
            with pytest.raises(RequestError, match="lost who is here"):
                await process.broker.directory.claim_name("bob", "stranger", 30)
        assert not await one.broker.presence.beat()
        await one.broker.presence.enter("", [ADA])
        with pytest.raises(RequestError, match="lost who is here"):
            await one.broker.directory.claim_name("bob", "stranger", 30)
        assert not await other.broker.presence.beat()
        await other.broker.presence.enter("", [BOB])
        await asyncio.sleep(1.1 * TTL)
        for process in (one, other):
            for name in ("ada", "bob"):
                assert not await process.broker.directory.claim_name(name, "stranger", 30)
        assert await one.broker.directory.claim_name("cy", "stranger", 30)


async def test_no_name_is_given_away_in_the_moment_of_the_loss(redis_url: str, redis_server: RedisServer) -> None:
    """A claim right behind the word by which Redis knows the process again, before the process hears the answer."""
    async with processes(redis_url, settling=TTL) as (one, other):
        await one.broker.presence.beat()
        await other.broker.presence.beat()
        await other.broker.presence.enter("", [BOB])
        for word in (one.broker.presence.beat, lambda: one.broker.presence.enter("lobby", [CY])):
            redis_server.cli("FLUSHALL")
            told = asyncio.ensure_future(word())
            await asyncio.sleep(0)  # it is sent
            with pytest.raises(RequestError, match="lost who is here"):
                await one.broker.directory.claim_name("bob", "stranger", 30)
            await told


@pytest.mark.parametrize("returns", [True, False])
async def test_no_name_is_given_away_while_a_process_is_missing(
    returns: bool, redis_url: str, redis_server: RedisServer
) -> None:
    """One that comes back late still has its people's names; one that is not back when it would be dead has none."""
    async with processes(redis_url, settling=0.3 * TTL) as (one, other):
        for process, person in ((one, ADA), (other, BOB)):
            await process.broker.presence.beat()
            await process.broker.presence.enter("", [person])
        await one.broker.presence.beat()  # which has heard of the other
        redis_server.cli("FLUSHALL")
        await one.broker.presence.beat()
        await one.broker.presence.enter("", [ADA])
        began = asyncio.get_running_loop().time()
        while (passed := asyncio.get_running_loop().time() - began) < 0.8 * TTL:
            await one.broker.presence.beat()
            with pytest.raises(RequestError, match="lost who is here"):
                await one.broker.directory.claim_name("bob", "stranger", 30)
            await asyncio.sleep(0.1 * TTL)
        assert passed > 0.3 * TTL
        if returns:
            await other.broker.presence.beat()
            await other.broker.presence.enter("", [BOB])

        async def claimed() -> bool | None:
            await one.broker.presence.beat()
            try:
                return await one.broker.directory.claim_name("bob", "stranger", 30)
            except RequestError:
                return None

        while (answer := await claimed()) is None:
            await asyncio.sleep(0.1 * TTL)
        assert answer is not returns


# -- damage

damaged = pytest.mark.expects_log("damaged record parley:")


@damaged
@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("parley:{lobby}:people", "hash"),
        ("parley:{lobby}:people:<life>", "set"),
        ("parley:{*}:people", "hash"),
        ("parley:{*}:people:<life>", "set"),
        ("parley:{*}:processes", "sorted set"),
        ("parley:{*}:process:<life>:rooms", "set"),
    ],
)
async def test_a_key_of_another_type_costs_itself(
    redis_url: str, redis_server: RedisServer, key: str, right: str
) -> None:
    """It is said and goes; presence goes on, here and on the other process, and comes right by entering again."""
    async with processes(redis_url) as (one, other):
        for kind, (command, *rest) in GARBAGE.items():
            for room in ("lobby", ""):
                await one.broker.presence.enter(room, [ADA])
            name = key.replace("<life>", one.broker.presence.life)
            before = sum(map(counted, KINDS))
            redis_server.cli("DEL", name)
            redis_server.cli(str(command), name, *rest)
            for _ in range(2):
                for room in ("", "lobby", "elsewhere"):
                    await other.broker.presence.enter(room, [BOB])
                    await one.broker.presence.roster(room)
                    await one.broker.presence.depart(room, ["u1"])
                    await one.broker.presence.enter(room, [ADA])
                await one.broker.presence.beat()
                await other.broker.presence.beat()
            if kind != right:
                assert sum(map(counted, KINDS)) > before, kind
            for room in ("", "lobby"):
                assert await one.here(room) == {"Ada", "Bob"}, kind
        await other.beat_for(3 * TTL)  # garbage may be taken for a process, or a room, and goes
        assert one.broker.available and other.broker.available


@damaged
@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "1",
        "1:",
        "1:x",
        "x:{}",
        "1:{}",
        '1:{"id":1,"name":2}',
        '1:{"id":"u9","name":"X"}',
        "-1:{}",
        "9" * 400,
        '99999999:{"id":"u1","name":"Ada"}',
        "\\xff\\xfe",
        '1:{"id":"u1","name":"Ada"',
    ],
)
async def test_a_person_who_can_not_be_read_goes(redis_url: str, redis_server: RedisServer, value: str) -> None:
    """The others stay; their own process is told, and enters them again; and they can leave."""
    async with processes(redis_url) as (one, other):
        await one.broker.presence.enter("lobby", [ADA, BOB])
        for user in ("u1", "stranger"):
            redis_server.cli("HSET", "parley:{lobby}:people", user, value)
        before = counted("person")
        assert "Bob" in await other.here()
        assert counted("person") > before
        assert await other.here() == {"Bob"}
        await until(lambda: "u1" in one.left(), "their process is told")
        await one.broker.presence.enter("lobby", [ADA])
        assert await other.here() == {"Ada", "Bob"}
        redis_server.cli("HSET", "parley:{lobby}:people", "u1", value)
        await one.broker.presence.depart("lobby", ["u1"])
        assert await other.here() == {"Bob"}
        redis_server.cli("HSET", "parley:{lobby}:people", "u2", value)
        await one.broker.presence.enter("lobby", [BOB])
        assert await other.here() == {"Bob"}
        assert (await other.broker.presence.roster("lobby")).count == 1


@damaged
async def test_who_is_no_process_goes(redis_url: str, redis_server: RedisServer) -> None:
    """Members of parley:{*}:processes and of a dead process's rooms may be anything; no beat fails by them."""
    async with processes(redis_url, 1) as (here,):
        await here.broker.presence.enter("lobby", [ADA])
        dead = "0123456789abcdef"
        for member in ("garbage", "\\xff\\xfe", "a:b\\n", "", dead):
            redis_server.cli("EVAL", f'return redis.call("ZADD", KEYS[1], 1, "{member}")', 1, "parley:{*}:processes")
        redis_server.cli("ZADD", "parley:{*}:processes", "-inf", "low", "+inf", "high")
        for room in ("\\xff", "}", "", "lobby", "*"):
            add = f'return redis.call("SADD", KEYS[1], "{room}")'
            redis_server.cli("EVAL", add, 1, f"parley:{{*}}:process:{dead}:rooms")
        await here.beat_for(4 * TTL)
        assert await here.broker.presence.beat()
        assert redis_server.cli("ZRANGE", "parley:{*}:processes", 0, -1) == here.broker.presence.life
        assert redis_server.cli("EXISTS", f"parley:{{*}}:process:{dead}:rooms") == "0"
        assert await here.here() == {"Ada"}


async def test_lost_people_are_told_to_all(redis_url: str, redis_server: RedisServer) -> None:
    """A count of nobody, on which each process enters its own again: of the whole deployment, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry, "damaged", lambda *_: None)
        async with processes(redis_url) as (one, other):
            for room in ("lobby", ""):
                await one.broker.presence.enter(room, [ADA])
            one.heard.signals.clear()
            redis_server.cli("SET", "parley:{lobby}:people", "x")
            redis_server.cli("SET", "parley:{*}:people", "x")
            assert await other.broker.presence.roster("lobby") == Roster(0, [])
            assert await other.broker.presence.roster("") == Roster(0, [])
            nobody = {"kind": "presence", "joined": [], "left": [], "count": 0, "v": 1}
            await until(lambda: len(one.heard.signals) == 2, "told")
            assert one.heard.signals == [("lobby", nobody), ("", nobody)]


async def test_a_large_room_is_read_for_its_count_only(redis_url: str, redis_server: RedisServer) -> None:
    """Past the limit nobody's record is read, however it looks."""
    async with processes(redis_url, 1) as (here,):
        await here.broker.presence.enter("lobby", [Person(f"c{n}", f"C{n}") for n in range(MEMBERS_LIMIT + 1)])
        redis_server.cli("HSET", "parley:{lobby}:people", "c1", "garbage")
        assert await here.broker.presence.roster("lobby") == Roster(MEMBERS_LIMIT + 1, None)


async def test_signals_are_json(redis_url: str) -> None:
    """Whatever stands in a name or an id."""
    odd = Person('u"\\\u2028', 'N"\\</script>\U0001f469‍🚀')
    async with processes(redis_url, 1) as (here,):
        await here.broker.presence.enter("lobby", [odd])
        await here.broker.presence.depart("lobby", [odd.id])
        await until(lambda: len(here.heard.signals) == 2, "told")
        assert here.heard.signals[0][1]["joined"] == [json.loads(json.dumps({"id": odd.id, "name": odd.name}))]
        assert here.left() == [odd.id]
