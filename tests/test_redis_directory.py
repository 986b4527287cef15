"""Tickets, sanctions, networks and buckets on Redis beside the contract: damaged records, clocks that step."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from service import metrics
from service.brokers.directory import Sanction
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.directory import RedisDirectory
from service.brokers.redis.names import RedisNames
from service.clock import Clock
from service.protocol import encode

from .brokers import opened
from .harness import RedisServer, ServiceProcess
from .metrics import total
from .test_redis_presence import GARBAGE

SANCTIONS = "parley:sanctions"
BUCKET = "parley:{user:u1}:bucket"
says_so = pytest.mark.expects_log("damaged record parley:")


@asynccontextmanager
async def broker(url: str) -> AsyncIterator[RedisBroker]:
    made = RedisBroker(url, history_limit=10, history_days=1)
    async with opened(made):
        yield made


def damaged(kind: str) -> float:
    return total(metrics.DAMAGED.labels(kind))


BAN = Sanction("ban", "lobby", "u1", 0, "m", "spam")


# -- sanctions


@says_so
@pytest.mark.parametrize(
    "value",
    ["", "garbage", "null", "[]", "{}", "1", "\\xff", "[" * 100_000, '{"kind":"ban"}',
     '{"kind":1,"room":"","user":"u2","until":0,"by":"m","reason":""}',
     '{"kind":"ban","room":"","user":"u2","until":"soon","by":"m","reason":""}',
     '{"kind":"ban","room":"","user":"u2","until":1e400,"by":"m","reason":""}'],
)  # fmt: skip
async def test_a_sanction_that_can_not_be_read_spoils_itself(
    redis_url: str, redis_server: RedisServer, value: str, tmp_path: Path
) -> None:
    """The others hold; it is counted and said by its field; it can be written again, and lifted."""
    async with broker(redis_url) as it:
        await it.directory.sanction(BAN, lift=False)
        script = "redis.call('HSET', KEYS[1], 'ban  u2', ARGV[1]) return 1"
        await it.shards.call("EVAL", script, 1, SANCTIONS, value)
        before = damaged("sanction")
        assert await it.directory.sanctions() == [BAN]
        assert damaged("sanction") == before + 1
        assert await it.directory.ban("lobby", "u2") is None
        assert await it.directory.ban("lobby", "u1") == BAN
        again = Sanction("ban", "", "u2", 0, "m", "")
        await it.directory.sanction(again, lift=False)
        assert await it.directory.ban("lobby", "u2") == again
        await it.directory.sanction(again, lift=True)
        assert await it.directory.sanctions() == [BAN]


async def test_a_newer_sanction_is_read_as_far_as_it_is_known(redis_url: str, redis_server: RedisServer) -> None:
    """Fields that this version has no name for, and kinds, are passed on or over."""
    async with broker(redis_url) as it:
        newer = json.loads(encode(BAN)) | {"shade": "grey", "appeal": {"by": []}}
        other = newer | {"kind": "shadow", "user": "u2"}
        redis_server.cli("HSET", SANCTIONS, "ban lobby u1", json.dumps(newer), "shadow lobby u2", json.dumps(other))
        kept = await it.directory.sanctions()
        assert [sanction.kind for sanction in sorted(kept, key=str)] == ["ban", "shadow"]
        assert BAN in kept


@says_so
@pytest.mark.parametrize("kind", [kind for kind in GARBAGE if kind != "hash"])
async def test_no_sanctions_at_all_is_no_reason_to_wait(redis_url: str, redis_server: RedisServer, kind: str) -> None:
    """What stands there is said and goes, whoever comes to it first, and moderators go on."""
    async with broker(redis_url) as it:
        command, *rest = GARBAGE[kind]
        for first in range(3):
            redis_server.cli("DEL", SANCTIONS)
            redis_server.cli(str(command), SANCTIONS, *rest)
            before = damaged("sanction")
            if first == 0:
                assert await it.directory.sanctions() == []
            elif first == 1:
                assert await it.directory.ban("lobby", "u1") is None
            await it.directory.sanction(BAN, lift=False)
            assert damaged("sanction") == before + 1
            assert await it.directory.sanctions() == [BAN]


@pytest.mark.expects_log("damaged record parley:sanctions")
async def test_a_process_is_ready_whatever_its_sanctions_are(redis_url: str, redis_server: RedisServer) -> None:
    """It was what made every process unready for good."""
    redis_server.cli("HSET", SANCTIONS, "ban  u2", "garbage", "garbage", "garbage")
    with ServiceProcess({"REDIS_URL": redis_url}) as service:
        assert service.ready()
    redis_server.cli("SET", SANCTIONS, "garbage")
    with ServiceProcess({"REDIS_URL": redis_url}) as service:
        assert service.ready()


@pytest.mark.expects_log("the (broker's )?clock")
async def test_a_step_of_a_clock_deletes_no_sanction(redis_url: str, redis_server: RedisServer) -> None:
    """Over by a clock that was just set, or that Redis doesn't share: it no longer holds, and stays. Else it goes."""
    async with broker(redis_url) as it:
        await it.presence.beat()
        wall, elapsed = time.time(), 0.0
        clock = Clock(lambda: wall, lambda: elapsed)
        names = RedisNames(it.shards)
        directory = RedisDirectory(it.shards, names, it.index, it.presence, clock=clock)
        brief = Sanction("mute", "", "u1", int((wall + 3600) * 1000), "m", "")
        await directory.sanction(brief, lift=False)
        assert await directory.sanctions() == [brief]
        wall += 86_400 * 365  # the clock is set a year ahead
        assert await directory.sanctions() == [brief]
        elapsed, wall = 100.0, wall + 100.0
        assert await directory.sanctions() == [], "it has stood for long enough to be believed"
        elapsed, wall = 10_000.0, wall + 9900.0
        assert await directory.sanctions() == []
        assert redis_server.cli("HLEN", SANCTIONS) == "1", "Redis's clock disagrees"
        it.presence.pulse.beat(0.0, 0.0, wall)
        assert await directory.sanctions() == await directory.sanctions() == []
        assert redis_server.cli("HLEN", SANCTIONS) == "0"


# -- tickets, networks


@says_so
@pytest.mark.parametrize("kind", [kind for kind in GARBAGE if kind != "string"])
async def test_a_ticket_of_another_type_is_none(redis_url: str, redis_server: RedisServer, kind: str) -> None:
    """Who brings it is refused, not told to wait for ever."""
    async with broker(redis_url) as it:
        command, *rest = GARBAGE[kind]
        redis_server.cli(str(command), "parley:ticket:t", *rest)
        before = damaged("ticket")
        assert await it.directory.take_ticket("t") is None
        assert damaged("ticket") == before + 1
        await it.directory.put_ticket("t", b"right", 30)
        assert await it.directory.take_ticket("t") == b"right"


@says_so
@pytest.mark.parametrize("kind", [kind for kind in GARBAGE if kind != "sorted set"])
async def test_networks_of_another_type_are_none(redis_url: str, redis_server: RedisServer, kind: str) -> None:
    """Known again from the next word on."""
    async with broker(redis_url) as it:
        command, *rest = GARBAGE[kind]
        redis_server.cli(str(command), "parley:networks:u1", *rest)
        assert await it.directory.networks("u1") == []
        await it.directory.note_networks([("u1", "192.0.2.1"), ("u2", "192.0.2.2")])
        assert (await it.directory.networks("u1"), await it.directory.networks("u2")) == (["192.0.2.1"], ["192.0.2.2"])


# -- buckets


@pytest.mark.parametrize("ahead_s", [60, 3600, 365 * 86_400])
async def test_a_bucket_of_a_clock_ahead_begins_anew(redis_url: str, redis_server: RedisServer, ahead_s: int) -> None:
    """Full in an hour: no bucket is ever emptied by so much. One that is overdrawn stays so."""
    async with broker(redis_url) as it:
        now = int(redis_server.cli("TIME").split()[0]) * 1000
        redis_server.cli("SET", BUCKET, now + ahead_s * 1000)
        # In one pipeline: it is full, and gone, in a tenth of a second.
        wait, kept = await asyncio.gather(it.directory.charge("u1", 1, 10.0, 20.0), it.shards.call("GET", BUCKET))
        assert wait == 0 and float(kept) < now + 3000
        assert 5 < await it.directory.charge("u1", 10_000, 10.0, 20.0) <= 10
        assert 5 < await it.directory.charge("u1", 1, 10.0, 20.0) <= 10


@says_so
@pytest.mark.parametrize("value", ["", "garbage", "nan", "-nan", "inf", "-inf", "1e400", "0x", "-1", "\\xff"])
async def test_a_bucket_that_can_not_be_read_is_full(redis_url: str, redis_server: RedisServer, value: str) -> None:
    """It costs nobody anything."""
    async with broker(redis_url) as it:
        redis_server.cli("SET", BUCKET, value)
        wait, kept = await asyncio.gather(it.directory.charge("u1", 1, 10.0, 20.0), it.shards.call("GET", BUCKET))
        assert wait == 0 and float(kept) > 1e12


@says_so
@pytest.mark.parametrize("kind", [kind for kind in GARBAGE if kind != "string"])
async def test_a_bucket_of_another_type_is_full(redis_url: str, redis_server: RedisServer, kind: str) -> None:
    """Counted, said, and replaced."""
    async with broker(redis_url) as it:
        command, *rest = GARBAGE[kind]
        redis_server.cli(str(command), BUCKET, *rest)
        before = damaged("bucket")
        assert await it.directory.charge("u1", 1, 10.0, 20.0) == 0
        assert damaged("bucket") == before + 1
        assert await it.directory.charge("u1", 30, 10.0, 20.0) > 0
