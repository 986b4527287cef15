"""REDIS_COPIES on real replicas, whose links can be slow or frozen: what is acknowledged, told and read, and when."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from service.brokers.base import Fault, Unavailable
from service.brokers.log import Receipt
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.connection import Deadlines
from service.protocol import RequestError
from service.rooms.rooms import CHECK_INTERVAL, Rooms

from .brokers import message, opened, publish, store, until
from .harness import (
    NO_LIMITS,
    UNIT,
    ChatClient,
    RedisCluster,
    RedisSentinels,
    RedisServer,
    ReplicationLinks,
    ServiceProcess,
    TcpProxy,
    wait_until,
)
from .members import Reader

WAIT = 0.3  # seconds that a message waits for its copy
QUICK = Deadlines(connect=1.0, reply=2.0, reconnect=0.1)
LOG = "parley:{lobby}:log"
loses_redis = pytest.mark.expects_log("WARNING redis (commands|channels): ")


@pytest.fixture(scope="module")
def servers() -> Iterator[RedisSentinels]:
    """A master with one replica, which sentinels take for dead no sooner than the tests are over."""
    with RedisSentinels(replicas=1, replication_delay=0.0, down_after=600.0) as servers:
        yield servers


@pytest.fixture
def links(servers: RedisSentinels) -> Iterator[ReplicationLinks]:
    """The links between them, which are quick again afterwards; all is empty."""
    assert servers.links is not None
    servers.wait_replicated()
    servers.master.cli("FLUSHALL")
    wait_until(servers.master.in_step, "the replica has it", 20 * UNIT)
    yield servers.links
    servers.links.thaw()
    servers.links.delay = 0.0


def at(url: str, copies: int = 1, seconds: float = WAIT) -> RedisBroker:
    return RedisBroker(url, history_limit=100, history_days=1, deadlines=QUICK, copies=copies, copies_seconds=seconds)


def stored_in(server: RedisServer) -> int:
    """How many events of the lobby it has."""
    return int(server.cli("HLEN", LOG))


async def acknowledged(broker: RedisBroker, id: str) -> Receipt:
    """Sent again under its id until it is, as a client does."""
    async with asyncio.timeout(10 * UNIT):
        while True:
            (outcome,) = await publish(broker, message(id=id))
            if isinstance(outcome, Receipt):
                return outcome
            await asyncio.sleep(0.02)


# -- what is acknowledged, and told


async def test_sent_means_that_a_replica_has_it(servers: RedisSentinels, links: ReplicationLinks) -> None:
    """So does what readers are told; without copies neither waits."""
    (replica,) = servers.replicas
    async with opened(at(servers.url, seconds=10 * UNIT), "lobby") as (broker, heard):
        links.freeze()
        sending = asyncio.ensure_future(store(broker, message(), message()))
        await until(lambda: stored_in(servers.master) == 2, "stored")
        await asyncio.sleep(0.1)
        assert stored_in(replica) == 0 and not sending.done() and not heard.publications
        links.thaw()
        await sending
        assert stored_in(replica) == 2
        await until(lambda: len(heard.frames("lobby")) == 2, "the events")
        page = await broker.log.newest("lobby", 10)
        assert page is not None and page.frames == heard.frames("lobby"), "as the script would have told them"
    async with opened(at(servers.url, copies=0)) as (broker, _):
        links.freeze()
        await store(broker, message())
        assert stored_in(replica) == 2


async def test_too_few_copies(servers: RedisSentinels, links: ReplicationLinks) -> None:
    """`unavailable` after its time, and readiness says why. Sent again it is acknowledged once; readers get it once."""
    async with opened(at(servers.url), "lobby") as (broker, heard):
        rooms, reader = Rooms(broker.log, check_interval=0.1), Reader()
        broker.log.subscriber = rooms
        broker.log.unsubscribe("lobby")
        membership = await rooms.join("lobby", reader, may_begin=allowed)
        membership.begin()
        links.freeze()
        before = time.monotonic()
        (outcome,) = await publish(broker, message(id="once"))
        assert isinstance(outcome, Unavailable) and outcome.fault is Fault.COPIES
        assert outcome.message == "too few copies hold the message" and outcome.retry_after
        assert WAIT <= time.monotonic() - before < WAIT + 1 * UNIT
        with pytest.raises(Unavailable) as caught:
            await broker.try_write()
        assert caught.value.fault is Fault.COPIES
        before = time.monotonic()
        for _ in range(10):
            assert await broker.log.newest("lobby", 10) is not None
        assert time.monotonic() - before < 5 * WAIT, "pages wait no more"
        (outcome,) = await publish(broker, message(id="once"))
        assert isinstance(outcome, Unavailable), "a duplicate has no more copies than the first"
        assert not heard.publications and not reader.writes and stored_in(servers.master) == 1
        links.thaw()
        receipt = await acknowledged(broker, "once")
        assert (receipt.seq, receipt.duplicate) == (1, True)
        await broker.try_write()
        running = asyncio.ensure_future(rooms.run())
        await until(lambda: reader.seqs, "found in the log")
        await store(broker, message())
        await until(lambda: reader.seqs == [1, 2], "each once")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        membership.leave()
        await rooms.close()


async def allowed() -> None:
    """A room may begin."""


@loses_redis
async def test_a_replica_that_is_gone(servers: RedisSentinels, links: ReplicationLinks) -> None:
    """The same; once it is back, it goes on."""
    (replica,) = servers.replicas
    async with opened(at(servers.url), "lobby") as (broker, _):
        await store(broker, message())
        replica.kill9()
        (outcome,) = await publish(broker, message())
        assert isinstance(outcome, Unavailable) and outcome.fault is Fault.COPIES
        replica.start()
        receipt = await acknowledged(broker, "after")
        assert receipt.seq == 3
    await asyncio.to_thread(servers.wait_replicated)


async def test_what_waits_for_copies_holds_up_nothing_else(servers: RedisSentinels, links: ReplicationLinks) -> None:
    """People, names, lists, positions. Messages of other rooms, and pages, are next: with the same copies."""
    async with opened(at(servers.url, seconds=10 * UNIT), "lobby", "other") as (broker, _):
        await store(broker, message(), message("other"))
        links.freeze()
        first = asyncio.ensure_future(store(broker, message()))
        await until(lambda: stored_in(servers.master) == 2, "stored")
        await broker.directory.put_ticket("t", b"record", 10)
        assert await broker.directory.take_ticket("t") == b"record"
        await broker.presence.roster("other")
        await broker.directory.rooms()
        assert len(await broker.log.positions(["lobby", "other"])) == 2
        assert not first.done()
        second = asyncio.ensure_future(store(broker, message("other")))
        page = asyncio.ensure_future(broker.log.newest("lobby", 10))
        await asyncio.sleep(0.1)
        assert not page.done(), "what it shows may not be taken back"
        links.thaw()
        await asyncio.gather(first, second, page)


async def test_others_wait_for_one_round_trip_more(servers: RedisSentinels, links: ReplicationLinks) -> None:
    """What came while a batch waits for its copies goes together, whatever the number of rooms, behind that one."""
    rooms = [f"room-{number}" for number in range(10)]
    async with opened(at(servers.url, seconds=10 * UNIT)) as (broker, _):
        await store(broker, message())
        links.delay = 0.2
        began = time.monotonic()
        await store(broker, message())
        alone = time.monotonic() - began
        first = asyncio.ensure_future(store(broker, message()))
        await until(lambda: stored_in(servers.master) == 3, "stored")
        began = time.monotonic()
        await asyncio.gather(*(store(broker, message(room)) for room in rooms))
        assert time.monotonic() - began < 2.5 * alone
        await first


@loses_redis
async def test_a_connection_that_is_cut_while_copies_are_waited_for(
    servers: RedisSentinels, links: ReplicationLinks
) -> None:
    """Everybody is answered once; sent again, each has one place in the log."""
    master = servers.master
    with TcpProxy("127.0.0.1", master.port) as proxy:
        async with opened(at(f"redis://127.0.0.1:{proxy.port}/0"), "lobby") as (broker, _):
            links.freeze()
            events = [message(f"room-{number % 5}", str(number)) for number in range(50)]
            outcomes: list[Receipt | RequestError] = []
            for event in events[:25]:
                broker.log.publish(event, outcomes.append)
            await until(lambda: "flags=b" in master.cli("CLIENT", "LIST"), "the master waits for the replica")
            for event in events[25:]:  # of the same rooms: they wait for those
                broker.log.publish(event, outcomes.append)
            assert not outcomes
            proxy.drop_connections()
            await until(lambda: len(outcomes) == 50, "all answers")
            assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
            links.thaw()
            await until(lambda: broker.available and broker.shards.connections == 2, "connected again")
            again: list[Receipt | RequestError] = [outcomes[0]]
            async with asyncio.timeout(10 * UNIT):
                while any(isinstance(outcome, Unavailable) for outcome in again):
                    again = await publish(broker, *events)
            assert len(outcomes) == 50
            for room in range(5):
                page = await broker.log.newest(f"room-{room}", 100)
                assert page is not None
                assert [json.loads(frame)["text"] for frame in page.frames] == [str(n) for n in range(room, 50, 5)]


# -- a process that dies


async def test_what_a_dead_process_had_no_time_to_tell_is_found(
    servers: RedisSentinels, links: ReplicationLinks
) -> None:
    """Killed between append and broadcast: the others' look at the log finds it, with its next at the latest."""
    (replica,) = servers.replicas
    env = NO_LIMITS | {"REDIS_URL": servers.url, "REDIS_COPIES": "1", "REDIS_COPIES_SECONDS": "20"}
    async with AsyncExitStack() as stack:
        broker, _ = await stack.enter_async_context(opened(at(servers.url)))
        rooms, reader = Rooms(broker.log, check_interval=CHECK_INTERVAL / 4), Reader()
        rooms.handlers = defaultdict(lambda: lambda room, signal: None)
        broker.log.subscriber = rooms
        dying = stack.enter_context(ServiceProcess(env))
        ada = await stack.enter_async_context(ChatClient.open(dying.url, "Ada"))
        await ada.join("lobby")
        membership = await rooms.join("lobby", reader)
        membership.begin()
        running = asyncio.ensure_future(rooms.run())
        await ada.send("lobby", "heard")
        await until(lambda: reader.seqs == [1], "the first")
        links.freeze()
        await ada.raw(json.dumps({"type": "send", "room": "lobby", "id": "untold", "text": "untold"}))
        await until(lambda: stored_in(servers.master) == 2, "stored")
        dying.kill9()
        links.thaw()
        await until(lambda: reader.seqs == [1, 2], "found", CHECK_INTERVAL / 4 + 1 * UNIT)
        assert stored_in(replica) == 2
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        membership.leave()
        await rooms.close()


# -- a cluster


async def test_copies_on_every_primary(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """Each has its own replica, and its own connection for what waits for it."""
    rooms = [f"room-{number}" for number in range(20)]
    async with opened(at(cluster_url, seconds=5 * UNIT), *rooms) as (broker, heard):
        await store(broker, *map(message, rooms))
        await until(lambda: all(len(heard.frames(room)) == 1 for room in rooms), "the events")
        await broker.try_write()
        assert len(broker.shards.shards) == 3 and len(broker.tasks) == 3 * 3 + 2
    async with opened(at(cluster_url, copies=2)) as (broker, _):
        (outcome,) = await publish(broker, message())
        assert isinstance(outcome, Unavailable) and outcome.fault is Fault.COPIES
