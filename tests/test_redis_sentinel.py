"""service/brokers/redis/sentinel.py on real sentinels: who is the master by whose word, and who is it no more."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from service.brokers.base import Fault, Unavailable
from service.brokers.log import Receipt
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.connection import Deadlines

from .brokers import Recorder, message, opened, publish, store, stranger, until
from .harness import UNIT, RedisSentinels, RedisServer, Sentinel, TcpProxy

QUICK = Deadlines(connect=1.0, reply=1.0, probe=0.3, reconnect=0.1)
NAME = "second"  # what these tests' own sentinels call the master, so that the shared ones take no notice of them
loses_redis = pytest.mark.expects_log("WARNING redis (commands|channels): ")
is_refused = pytest.mark.expects_log("WARNING redis refused a command: ")


def at(url: str, **options: Any) -> RedisBroker:
    return RedisBroker(url, history_limit=10, history_days=1, deadlines=QUICK, **options)


@contextmanager
def sentinel(port: int, **lines: str | int) -> Iterator[Sentinel]:
    """One that says that the master is there, whatever it is, and does nothing about it."""
    watched: dict[str, str | int] = {
        f"sentinel monitor {NAME}": f"127.0.0.1 {port} 9",
        f"sentinel down-after-milliseconds {NAME}": 10**9,
    }
    with Sentinel(**watched, **lines) as server:
        yield server


def url_of(*ports: int, query: str = "") -> str:
    return "redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in ports) + f"/{NAME}/0{query}"


def connected_to(server: RedisServer) -> int:
    """How many connections of brokers it has."""
    return server.cli("CLIENT", "LIST").count("name=parley-")


async def says(url: str, caplog: pytest.LogCaptureFixture, words: str) -> Fault | None:
    """No connection is made, and both say why; the fault by which readiness calls it."""
    broker = at(url)
    await broker.open(Recorder())
    try:
        for connection in ("commands", "channels"):
            line = f"redis {connection}: {words}"
            await until(lambda line=line: line in caplog.text, line)  # type: ignore[misc]
        with pytest.raises(Unavailable) as caught:
            await broker.try_write()
        return caught.value.fault
    finally:
        await broker.close()


# -- whose word is believed


async def test_the_master_is_who_a_sentinel_says(redis_sentinels: RedisSentinels, sentinel_url: str) -> None:
    """Both connections go there, and none to the replicas."""
    async with opened(at(sentinel_url), "lobby") as (broker, heard):
        await store(broker, message())
        await until(lambda: heard.frames("lobby"), "the event")
        assert connected_to(redis_sentinels.master) == 2
        assert not any(map(connected_to, redis_sentinels.replicas))


@loses_redis
async def test_a_sentinel_that_names_a_replica_is_not_believed(
    redis_sentinels: RedisSentinels, sentinel_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The server itself says what it is; the next time another sentinel is asked."""
    master, replica = redis_sentinels.master, redis_sentinels.replicas[0]
    with sentinel(replica.port) as liar, sentinel(master.port) as honest:
        async with opened(at(url_of(liar.port, honest.port)), "lobby") as (broker, _):
            await store(broker, message())
            assert connected_to(master) == 2 and connected_to(replica) == 0
    assert f"127.0.0.1:{replica.port}, the master by a sentinel's word, is a slave" in caplog.text


@loses_redis
async def test_a_sentinel_that_names_who_is_gone_is_passed_over(
    redis_sentinels: RedisSentinels, sentinel_url: str
) -> None:
    """One that was cut off from what the others decided."""
    with RedisServer() as gone, sentinel(gone.port) as stale, sentinel(redis_sentinels.master.port) as honest:
        gone.kill9()
        async with opened(at(url_of(stale.port, honest.port)), "lobby") as (broker, _):
            await store(broker, message())


async def test_sentinels_that_do_not_answer_are_passed_over(redis_sentinels: RedisSentinels, sentinel_url: str) -> None:
    """One frozen, one dead: within the deadline of one attempt, and without a word."""
    port = redis_sentinels.master.port
    with sentinel(port) as frozen, sentinel(port) as dead, sentinel(port) as honest:
        frozen.sigstop()
        dead.kill9()
        before = time.monotonic()
        async with opened(at(url_of(frozen.port, dead.port, honest.port)), "lobby") as (broker, _):
            assert time.monotonic() - before < QUICK.connect * UNIT
            await store(broker, message())


def lost_to(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Where the connections led that the log says were lost, line by line."""
    return [record.__dict__["fields"]["host"] for record in caplog.records]


@loses_redis
async def test_no_sentinel_at_all(
    redis_sentinels: RedisSentinels, sentinel_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The last one's fault is said, and of whom; it is found once it is there, and then the log names the master."""
    with sentinel(redis_sentinels.master.port) as only:
        only.stop()
        broker = at(url_of(only.port))
        await broker.open(Recorder())
        await until(lambda: f"redis commands: the sentinel 127.0.0.1:{only.port}: " in caplog.text, "said")
        only.start()
        await until(lambda: broker.available, "found")
        await store(broker, message())
        before = len(caplog.records)
        redis_sentinels.master.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(lambda: lost_to(caplog)[before:], "lost")
        await broker.close()
    assert set(lost_to(caplog)[:before]) == {f"127.0.0.1:{only.port}/{NAME}"}
    assert set(lost_to(caplog)[before:]) == {f"127.0.0.1:{redis_sentinels.master.port}"}


@loses_redis
async def test_a_master_that_no_sentinel_knows(
    redis_sentinels: RedisSentinels, caplog: pytest.LogCaptureFixture
) -> None:
    """By its name: it may be misspelt."""
    port = redis_sentinels.sentinels[0].port
    assert await says(url_of(port), caplog, f"the sentinel 127.0.0.1:{port} knows of no master '{NAME}'") is Fault.AWAY


@loses_redis
async def test_a_sentinel_with_a_password(
    redis_sentinels: RedisSentinels, sentinel_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own words stand in the log, and readiness says what it is. The right one is not the server's."""
    with sentinel(redis_sentinels.master.port, requirepass="word") as locked:
        name = f"the sentinel 127.0.0.1:{locked.port}"
        assert await says(url_of(locked.port), caplog, f"{name}: NOAUTH") is Fault.CREDENTIALS
        wrong = url_of(locked.port, query="?sentinel_password=other")
        assert await says(wrong, caplog, f"{name}: WRONGPASS") is Fault.CREDENTIALS
        async with opened(at(url_of(locked.port, query="?sentinel_password=word")), "lobby") as (broker, _):
            await store(broker, message())
    assert "other" not in caplog.text


@loses_redis
async def test_a_redis_in_the_place_of_a_sentinel(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Its own words."""
    await says(url_of(redis_server.port), caplog, f"the sentinel 127.0.0.1:{redis_server.port}: ERR unknown command")


@loses_redis
@pytest.mark.parametrize(
    "answer",
    [b"+OK", b":1", b"*0", b"*1\r\n$1\r\nh", b"*2\r\n$1\r\nh\r\n$1\r\nx", b"*2\r\n:1\r\n:1"],
    ids=["word", "number", "empty", "host", "no-port", "no-host"],
)
async def test_what_is_no_answer_is_said(
    redis_sentinels: RedisSentinels, sentinel_url: str, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Another is asked."""
    async with stranger(b"SENTINEL", answer) as port:
        await says(url_of(port), caplog, f"the sentinel 127.0.0.1:{port}: not a sentinel's answer")
        with sentinel(redis_sentinels.master.port) as honest:
            async with opened(at(url_of(port, honest.port)), "lobby") as (broker, _):
                await store(broker, message())


# -- a master that is none any more


async def stored_in_the_end(broker: RedisBroker, id: str) -> Receipt:
    """Send it again until it is acknowledged, as a client does."""
    async with asyncio.timeout(10 * UNIT):
        while True:
            (outcome,) = await publish(broker, message(id=id))
            if isinstance(outcome, Receipt):
                return outcome
            await asyncio.sleep(0.05)


@loses_redis
@is_refused
async def test_another_master_is_followed(redis_sentinels: RedisSentinels, sentinel_url: str) -> None:
    """By all connections, as soon as the sentinels have agreed; what was stored is there."""
    async with opened(at(sentinel_url, copies=1), "lobby") as (broker, heard):
        await store(broker, message())
        old = redis_sentinels.master
        redis_sentinels.sentinels[0].cli("SENTINEL", "FAILOVER", "mymaster")
        new = await asyncio.to_thread(redis_sentinels.wait_for_failover, old)
        assert (await stored_in_the_end(broker, "after")).seq == 2
        await until(lambda: heard.subscribed.count("lobby") == 2, "confirmed there")
        await store(broker, message(text="heard"))
        await until(lambda: b'"heard"' in b"".join(heard.frames("lobby")), "the event")
        await until(lambda: (connected_to(old), connected_to(new)) == (0, 3), "all connections there")
    await asyncio.to_thread(redis_sentinels.wait_replicated)


@loses_redis
@is_refused
@pytest.mark.parametrize("copies", [0, 1])
async def test_another_master_behind_the_same_name_is_followed(copies: int) -> None:
    """As in a managed failover. READONLY is the word for it, and the subscriptions, which hear no such word, go too."""
    with ExitStack() as stack:
        start = stack.enter_context
        old, third = start(RedisServer()), start(RedisServer())
        new, proxy = start(RedisServer(replicaof=f"127.0.0.1 {old.port}")), start(TcpProxy("127.0.0.1", old.port))
        third.cli("REPLICAOF", "127.0.0.1", new.port)
        url = f"redis://127.0.0.1:{proxy.port}/0"
        async with opened(at(url, copies=copies, copies_seconds=1.0), "lobby") as (broker, heard):
            await stored_in_the_end(broker, "before")  # the replica may yet have to come
            await until(lambda: new.cli("EXISTS", "parley:{lobby}:log") == "1", "replicated")
            new.cli("REPLICAOF", "NO", "ONE")
            old.cli("REPLICAOF", "127.0.0.1", new.port)
            proxy.upstream = ("127.0.0.1", new.port)
            (outcome,) = await publish(broker, message())
            assert isinstance(outcome, Unavailable) and outcome.fault is Fault.READ_ONLY
            assert (await stored_in_the_end(broker, "after")).seq == 2
            connections = 3 if copies else 2
            await until(lambda: (connected_to(old), connected_to(new)) == (0, connections), "all connections there")
            await until(lambda: heard.subscribed.count("lobby") == 2, "confirmed there")
            await until(lambda: broker.available, "all of it")
            made = broker.shards.connections
            (receipt,) = await store(broker, message())
            await until(lambda: b'"seq":3' in b"".join(heard.frames("lobby")), "the event")
            assert receipt.seq == 3 and broker.shards.connections == made
