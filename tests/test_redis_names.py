"""Names on Redis beside the contract: what a step of its clock does, what is left behind, damaged records."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service import metrics
from service.brokers.redis.broker import RedisBroker

from .brokers import ADA, BOB, opened
from .harness import RedisServer
from .metrics import total
from .test_redis_presence import GARBAGE

NAMES, CLAIMS, HOLDERS = (f"parley:{{*}}:{name}" for name in ("names", "claims", "holders"))
YEAR_MS = 365 * 86_400_000


@asynccontextmanager
async def broker(url: str) -> AsyncIterator[RedisBroker]:
    made = RedisBroker(url, history_limit=10, history_days=1)
    async with opened(made):
        yield made


def damaged() -> float:
    return total(metrics.DAMAGED.labels("name"))


def shift(server: RedisServer, ms: int) -> None:
    """Every time that is kept of names, by so much: as if Redis's clock had been set the other way."""
    for name in server.cli("HKEYS", NAMES).split():
        until, _, user = server.cli("HGET", NAMES, name).partition(":")
        server.cli("HSET", NAMES, name, f"{int(until) + ms}:{user}")
    for name in server.cli("ZRANGE", CLAIMS, 0, -1).split():
        server.cli("ZINCRBY", CLAIMS, ms, name)


# -- what is left


async def test_names_that_nobody_holds_leave_nothing(redis_url: str, redis_server: RedisServer) -> None:
    """A beat sweeps what ran out; who is present, or within a claim, keeps theirs."""
    async with broker(redis_url) as it:
        for number in range(150):
            assert await it.directory.claim_name(f"n{number}", f"x{number}", 0.001)
        await it.directory.claim_name("ada", "u1", 0.001)
        await it.directory.claim_name("claimed", "u7", 30)
        await it.presence.enter("", [ADA])
        await asyncio.sleep(0.05)
        for _ in range(3):
            await it.presence.beat()
        assert sorted(redis_server.cli("HKEYS", NAMES).split()) == ["ada", "claimed"]
        assert sorted(redis_server.cli("ZRANGE", CLAIMS, 0, -1).split()) == ["ada", "claimed"]
        assert sorted(redis_server.cli("HKEYS", HOLDERS).split()) == ["u1", "u7"]
        await it.presence.depart("", ["u1"])
        await it.directory.release_name("u7")
        redis_server.cli("ZADD", CLAIMS, 1, "ada")  # a minute later
        await it.presence.beat()
        assert await it.directory.claim_name("other", "u1", 0.001)
        assert redis_server.cli("HKEYS", NAMES) == "other"


async def test_claims_of_an_earlier_version_hold(redis_url: str, redis_server: RedisServer) -> None:
    """It kept no holders, and so nobody of whom a claim could be taken over."""
    async with broker(redis_url) as it:
        until = int(redis_server.cli("TIME").split()[0]) * 1000 + 30_000
        redis_server.cli("HSET", NAMES, "ada", f"{until}:u1", "gone", "1:u8")
        redis_server.cli("ZADD", CLAIMS, until, "ada", 1, "gone")
        assert not await it.directory.claim_name("ada", "u2", 30, "192.0.2.1")
        assert await it.directory.claim_name("ada", "u1", 30, "192.0.2.1")
        assert await it.directory.claim_name("gone", "u3", 30)


# -- the clock


@pytest.mark.parametrize("ahead_ms", [3_600_000, YEAR_MS])
async def test_claims_that_a_clock_ahead_made_run_out(redis_url: str, redis_server: RedisServer, ahead_ms: int) -> None:
    """Set back, they are cut to a claim's longest time; nothing is given away by the step."""
    async with broker(redis_url) as it:
        await it.directory.claim_name("ada", "u1", 30)
        await it.directory.claim_name("bob", "u2", 30)
        await it.presence.enter("", [ADA])
        shift(redis_server, ahead_ms)
        assert not await it.directory.claim_name("ada", "u9", 30)
        assert not await it.directory.claim_name("bob", "u9", 30)
        await it.presence.beat()
        now = int(redis_server.cli("TIME").split()[0]) * 1000
        for name in ("ada", "bob"):
            assert int(redis_server.cli("HGET", NAMES, name).partition(":")[0]) < now + 700_000
            assert float(redis_server.cli("ZSCORE", CLAIMS, name)) < now + 700_000
        shift(redis_server, -700_000)  # ten minutes later
        assert not await it.directory.claim_name("ada", "u9", 30)
        assert await it.directory.claim_name("bob", "u9", 30)


async def test_a_clock_that_is_set_forward_takes_no_name_of_who_is_present(
    redis_url: str, redis_server: RedisServer
) -> None:
    """All claims are over by it, and presence holds."""
    async with broker(redis_url) as it:
        await it.directory.claim_name("ada", "u1", 30)
        await it.presence.enter("", [ADA, BOB])
        shift(redis_server, -YEAR_MS)
        await it.presence.beat()
        assert not await it.directory.claim_name("ada", "u9", 30)
        assert not await it.directory.claim_name("bob", "u9", 30)


# -- damage

says_so = pytest.mark.expects_log("damaged record parley:")


@says_so
@pytest.mark.parametrize(("key", "right"), [(NAMES, "hash"), (CLAIMS, "sorted set"), (HOLDERS, "hash")])
async def test_a_key_of_another_type_costs_itself(
    redis_url: str, redis_server: RedisServer, key: str, right: str
) -> None:
    """It is said and goes. Without the claims alone no name is lost; in the end everything holds again."""
    async with broker(redis_url) as it:
        for kind, (command, *rest) in GARBAGE.items():
            await it.directory.claim_name("ada", "u1", 30)
            await it.presence.enter("", [ADA])
            before = damaged()
            redis_server.cli("DEL", key)
            redis_server.cli(str(command), key, *rest)
            assert await it.directory.claim_name("zoe", "u8", 30)
            await it.directory.release_name("u8")
            if kind != right:
                assert damaged() > before, kind
            if key == CLAIMS:
                assert not await it.directory.claim_name("ada", "u9", 30), kind
            await it.presence.enter("", [ADA])
            await it.presence.beat()
            assert not await it.directory.claim_name("ada", "u9", 30), kind
            assert await it.directory.claim_name("bob", "u9", 30), kind
            await it.directory.release_name("u9")


@says_so
@pytest.mark.parametrize("value", ["", "x", ":", "x:u9", "-1:u9", "1e3:u9", "nan:u9", "\\xff"])
async def test_a_name_that_can_not_be_read_is_free(redis_url: str, redis_server: RedisServer, value: str) -> None:
    """It costs who had it, who has it again by claiming it or coming in; others' names are theirs."""
    async with broker(redis_url) as it:
        await it.directory.claim_name("ada", "u1", 30)
        await it.directory.claim_name("bob", "u2", 30)
        redis_server.cli("HSET", NAMES, "ada", value)
        before = damaged()
        await it.presence.enter("", [ADA])
        assert damaged() > before
        assert not await it.directory.claim_name("ada", "u9", 30)
        assert not await it.directory.claim_name("bob", "u9", 30)
        redis_server.cli("HSET", NAMES, "bob", value)
        redis_server.cli("ZADD", CLAIMS, 1, "bob")
        await it.presence.beat()
        assert await it.directory.claim_name("bob", "u9", 30)


async def test_any_time_and_holder_may_stand_there(redis_url: str, redis_server: RedisServer) -> None:
    """Times past all numbers, holders of another shape: read as what they are worth, and no step fails."""
    async with broker(redis_url) as it:
        redis_server.cli("HSET", NAMES, "ada", "9" * 400 + ":u9", "bob", "1:u8:with:colons")
        redis_server.cli("HSET", HOLDERS, "u9", "garbage", "u3", "a\nb\nc", "u4", "")
        redis_server.cli("ZADD", CLAIMS, "+inf", "ada", "-inf", "bob", 1, "nothing")
        assert not await it.directory.claim_name("ada", "u1", 30)
        await it.presence.beat()
        assert float(redis_server.cli("ZSCORE", CLAIMS, "ada")) < 1e15
        assert await it.directory.claim_name("bob", "u3", 30)
        for user in ("u9", "u4", "u3"):
            assert await it.directory.claim_name(f"new {user}", user, 30)
            await it.directory.release_name(user)


@says_so
async def test_while_presence_can_not_be_read_everybody_keeps_their_name(
    redis_url: str, redis_server: RedisServer
) -> None:
    """Rather than give it to a stranger."""
    async with broker(redis_url) as it:
        await it.directory.claim_name("ada", "u1", 0.001)
        await it.presence.enter("", [ADA])
        redis_server.cli("SET", "parley:{*}:people", "garbage")
        assert not await it.directory.claim_name("ada", "u9", 30)
        await it.presence.enter("", [ADA])
        assert not await it.directory.claim_name("ada", "u9", 30)
        await it.presence.depart("", ["u1"])
        assert await it.directory.claim_name("ada", "u9", 30)
