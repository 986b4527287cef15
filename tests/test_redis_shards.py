"""service/brokers/redis/shards.py on real clusters: slots that move, nodes that go, come and tell of others."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.brokers import redis
from service.brokers.base import Fault, Unavailable
from service.brokers.broker import Broker
from service.brokers.directory import Sanction
from service.brokers.log import Receipt
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.commands import Command, answer_of
from service.brokers.redis.connection import Deadlines
from service.brokers.redis.slots import slot_of
from service.protocol import RequestError

from .brokers import ADA, BOB, Recorder, change, message, opened, publish, refusal, store, stranger, until
from .harness import UNIT, ClusterNode, RedisCluster, RedisServer, wait_until

QUICK = Deadlines(connect=1.0, reply=1.0, probe=0.3, reconnect=0.1, look=0.3)
loses_a_node = pytest.mark.expects_log("WARNING redis (commands|channels): ")
is_refused = pytest.mark.expects_log("WARNING redis refused a command: ")
loses_the_map = pytest.mark.expects_log("WARNING redis cluster: no node tells ")


def at(url: str, **options: Any) -> RedisBroker:
    return RedisBroker(url, history_limit=1000, history_days=1, deadlines=QUICK, **options)


def room_of(cluster: RedisCluster, node: ClusterNode, number: int = 0) -> str:
    """A room that the node has; another for each number."""
    rooms = (f"room-{number}" for number in itertools.count(100 * number))
    return next(room for room in rooms if cluster.owner(slot_of(f"{{{room}}}")) is node)


def other_than(cluster: RedisCluster, node: ClusterNode) -> ClusterNode:
    """Another primary."""
    return next(other for other in cluster.primaries() if other is not node)


async def texts(broker: Broker, room: str) -> list[str]:
    """The room's messages, in the log's order."""
    page = await broker.log.newest(room, 1000)
    return [json.loads(frame)["text"] for frame in page.frames] if page else []


Outcome = Receipt | RequestError


async def talk(broker: Broker, room: str, count: int, pause: float) -> list[Outcome]:
    """Publish numbers, one after the other without waiting for what becomes of them; the outcomes in order."""
    loop = asyncio.get_running_loop()
    outcomes: list[asyncio.Future[Outcome]] = []
    for number in range(count):
        outcomes.append(loop.create_future())
        broker.log.publish(message(room, str(number)), outcomes[-1].set_result)
        await asyncio.sleep(pause)
    async with asyncio.timeout(10 * UNIT):
        return list(await asyncio.gather(*outcomes))


def clients(nodes: list[ClusterNode]) -> list[list[str]]:
    """Which connections of brokers each node has."""
    return [[line for line in node.cli("CLIENT", "LIST").splitlines() if "name=parley-" in line] for node in nodes]


SCRIPTS = {path.stem for path in Path(redis.__file__).parent.glob("*.lua")} - {"log"}  # with which others begin


# -- where things are


@contextmanager
def lent(cluster: RedisCluster, room: str) -> Iterator[tuple[int, ClusterNode]]:
    """The room's slot and another primary, for it to go to; afterwards it is back where it was."""
    slot = slot_of(f"{{{room}}}")
    home = cluster.owner(slot)
    try:
        yield slot, other_than(cluster, home)
    finally:
        if cluster.owner(slot) is not home:
            cluster.migrate_slot(slot, home, keys_at_once=100)


@asynccontextmanager
async def half_moved(cluster: RedisCluster, slot: int, to: ClusterNode, keys: int) -> AsyncIterator[None]:
    """So many of the slot's keys are there during the block, all of them behind it."""
    reached, go_on = threading.Event(), threading.Event()

    def pause(moved: int) -> None:
        if moved == keys:
            reached.set()
            go_on.wait(30 * UNIT)

    move = asyncio.ensure_future(asyncio.to_thread(cluster.migrate_slot, slot, to, pause))
    try:
        await until(reached.is_set, "half of the keys moved")
        yield
    finally:
        go_on.set()
        await move


async def test_each_command_goes_to_who_has_its_slot(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """No node has to say MOVED. Each primary has two connections of the process, and its rooms' keys and channels."""
    primaries = redis_cluster.primaries()
    rooms = {room_of(redis_cluster, node): node for node in primaries}
    for node in primaries:
        node.cli("CONFIG", "RESETSTAT")
    async with opened(at(cluster_url), *rooms) as (broker, heard):
        for room in rooms:
            await store(broker, message(room), message(room))
            await broker.presence.enter(room, [ADA])
            await broker.directory.mark_read(room, {"u1": 1})
        for number in range(20):
            await broker.directory.put_ticket(str(number), b"record", 10)
            assert await broker.directory.take_ticket(str(number)) == b"record"
        assert await broker.directory.rooms() == dict.fromkeys(rooms, 1)
        assert await broker.directory.unread("u1") == dict.fromkeys(rooms, 0)
        positions = await broker.log.positions(list(rooms))
        assert [position.seq for position in positions.values() if position] == [2, 2, 2]
        await broker.try_write()
        for room, node in rooms.items():
            await until(lambda room=room: len(heard.frames(room)) == 2, "the events")  # type: ignore[misc]
            assert node.cli("EXISTS", f"parley:{{{room}}}:log") == "1"
            assert f"parley:0:{{{room}}}" in node.cli("PUBSUB", "SHARDCHANNELS").split()
        assert [len(lines) for lines in clients(redis_cluster.nodes)] == [2, 2, 2, 0, 0, 0]
    assert not any("MOVED" in node.cli("INFO", "errorstats") for node in primaries)
    await until(lambda: not any(clients(redis_cluster.nodes)), "the connections closed")


@loses_a_node
async def test_the_log_names_the_primary_that_was_lost(
    redis_cluster: RedisCluster, cluster_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In a field, beside what it said: "Connection closed by server." would fit each of them."""
    node = redis_cluster.primaries()[1]
    async with opened(at(cluster_url)) as (broker, _):
        for kind in ("normal", "pubsub"):
            node.cli("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

        def lost() -> list[dict[str, Any]]:
            lines = (record.__dict__["fields"] for record in caplog.records if "fields" in record.__dict__)
            return [line for line in lines if line["event"] == "redis_lost"]

        await until(lambda: {line["connection"] for line in lost()} >= {"commands", "channels"}, "both lost")
        await until(lambda: broker.available, "back")
    assert {line["host"] for line in lost()} == {f"127.0.0.1:{node.port}"}


async def test_each_script_names_keys_of_one_slot(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """Also the channel that it broadcasts in: a node refuses all else."""
    called = set()
    async with opened(at(cluster_url), "lobby") as (broker, _):
        names = {broker.shards.evalsha(name, ["key"])[1]: name for name in SCRIPTS}

        def look_at(push: Callable[[Command], None], command: Command) -> None:
            if command.args[0] == "EVALSHA":
                _, sha, count, *rest = command.args
                channels = [arg for arg in rest[count:] if isinstance(arg, bytes) and arg.startswith(b"parley:")]
                assert len({slot_of(key) for key in (*rest[:count], *channels)}) == 1, command.args
                called.add(names[sha])
            push(command)

        for shard in broker.shards.shards:
            shard.commands.push = partial(look_at, shard.commands.push)  # type: ignore[method-assign]
        log, presence, directory = broker.log, broker.presence, broker.directory
        await presence.beat()
        for room in ("lobby", "r1", "r2"):
            (first,) = await store(broker, message(room))
            await store(broker, change("edit", first.seq, room=room, text="other"))
            await log.newest(room, 10, create=True)
            await log.after(room, 0, 10)
            position = (await log.positions([room]))[room]
            assert position is not None
            await log.keep([room])
            await log.renew_epoch(room, position)
            await directory.mark_read(room, {"u1": 2, "u2": 1})
            assert await directory.reads(room, ["u1"]) == {"u1": 2}
            await presence.enter(room, [ADA, BOB])
            await presence.depart(room, ["u1"])
            assert (await presence.roster(room)).members == [BOB]
            await log.forget_user(room, "u9")
            assert await broker.deliveries.take(room, "h", 10) is not None
            await broker.deliveries.release(room, "h")
            await broker.index.sweep_room(room, b"1", time.time())
        await presence.enter("", [ADA])
        assert await directory.claim_name("ada", "u1", 10)
        await directory.release_name("u1")
        await directory.unread("u1")
        await directory.charge("u1", 1, 10, 10)
        await directory.sanction(Sanction("ban", "", "u3", 0, "m", ""), lift=False)
        await broker.shards.script("index", (broker.shards.keys.index,), "r1", b"0")
        await presence.clear_up_after(b"0" * 16)
    assert called == SCRIPTS


# -- slots that move


async def test_order_is_kept_while_a_slot_moves(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """500 messages are asked for across the move: each is stored once, in the order of asking, and heard."""
    room = room_of(redis_cluster, redis_cluster.primaries()[0])
    with lent(redis_cluster, room) as (slot, to):
        async with opened(at(cluster_url), room) as (broker, heard):
            talking = asyncio.ensure_future(talk(broker, room, 500, 0.001))
            await asyncio.sleep(0.1)
            await asyncio.to_thread(redis_cluster.migrate_slot, slot, to, keys_at_once=100)
            outcomes = await talking
            assert [outcome.seq for outcome in outcomes if isinstance(outcome, Receipt)] == list(range(1, 501))
            assert await texts(broker, room) == list(map(str, range(500)))
            assert heard.subscribed.count(room) == 2, "told that some may have been missed"
            (receipt,) = await store(broker, message(room, "behind"))
            await until(lambda: b'"behind"' in b"".join(heard.frames(room)), "the event")
            assert receipt.seq == 501


async def test_a_subscription_goes_with_its_slot(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """Nobody says anything there: the node's own word is enough, and others' rooms stay as they are."""
    room = room_of(redis_cluster, redis_cluster.primaries()[0])
    stays = room_of(redis_cluster, redis_cluster.primaries()[1])
    with lent(redis_cluster, room) as (slot, to):
        async with opened(at(cluster_url), room, stays) as (broker, heard):
            heard.subscribed.clear()
            await asyncio.to_thread(redis_cluster.migrate_slot, slot, to)
            await until(lambda: heard.subscribed, "confirmed")
            assert f"parley:0:{{{room}}}" in to.cli("PUBSUB", "SHARDCHANNELS").split()
            broker.log.signal(room, b'{"to":"all"}')
            await until(lambda: heard.signals == [(room, {"to": "all"})], "the signal")
            assert set(heard.subscribed) == {room}
            broker.log.unsubscribe(room)
            await until(lambda: room not in to.cli("PUBSUB", "SHARDCHANNELS"), "unsubscribed where it is now")


@is_refused
async def test_half_a_slot_is_found_in_both_places(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """One key is asked for where it went (ASK). Several wait until all are there (TRYAGAIN), but not for ever."""
    room = room_of(redis_cluster, redis_cluster.primaries()[0])
    keys = [f"{{{room}}}{number}" for number in range(4)]
    with lent(redis_cluster, room) as (slot, to):
        async with opened(at(cluster_url), room) as (broker, _):
            call = broker.shards.call
            for key in keys:
                await call("SET", key, key)
            async with half_moved(redis_cluster, slot, to, 2):
                assert [await call("GET", key) for key in keys] == [key.encode() for key in keys]
                both = asyncio.ensure_future(call("MGET", *keys))
                before = time.monotonic()
                (outcome,) = await publish(broker, message(room))
                assert isinstance(outcome, Unavailable) and outcome.fault is Fault.CLUSTER
                assert 1 < time.monotonic() - before < 4 * UNIT
                with pytest.raises(Unavailable):
                    await both
                both = asyncio.ensure_future(call("MGET", *keys))
                said = asyncio.ensure_future(publish(broker, message(room)))
                await asyncio.sleep(0.1)
                assert not both.done() and not said.done()
            assert await both == [key.encode() for key in keys]
            (receipt,) = await said
            assert isinstance(receipt, Receipt) and receipt.seq == 1


@is_refused
async def test_what_waits_for_a_slot_is_answered_at_the_end(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """By when `close` returns, each publish once; nothing is sent after it."""
    room = room_of(redis_cluster, redis_cluster.primaries()[0])
    outcomes: list[Outcome] = []
    with lent(redis_cluster, room) as (slot, to):
        async with opened(at(cluster_url), room) as (broker, _):
            for number in range(2):
                await broker.shards.call("SET", f"{{{room}}}{number}", "")
            async with half_moved(redis_cluster, slot, to, 1):
                for number in range(600):  # more than one batch
                    broker.log.publish(message(room, str(number)), outcomes.append)
                await asyncio.sleep(0.1)
                assert not outcomes
                await broker.close()
                assert len(outcomes) == 600
                assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
                await asyncio.sleep(0.1)
                assert len(outcomes) == 600
        async with opened(at(cluster_url)) as (broker, _):
            assert await texts(broker, room) == []


@is_refused
async def test_a_cluster_that_is_down_says_so(redis_cluster: RedisCluster, cluster_url: str) -> None:
    """A slot without a primary, where all are wanted: `unavailable` at once, with the node's word in the log."""
    slot = slot_of("{nowhere}")
    home = redis_cluster.owner(slot)
    async with opened(at(cluster_url), "lobby") as (broker, heard):
        for node in redis_cluster.primaries():
            node.cli("CLUSTER", "DELSLOTS", slot)
        try:
            before = time.monotonic()
            (outcome,) = await publish(broker, message())
            assert isinstance(outcome, Unavailable) and outcome.fault is Fault.CLUSTER
            with pytest.raises(Unavailable) as caught:
                await broker.try_write()
            assert caught.value.fault is Fault.CLUSTER
            assert time.monotonic() - before < 0.5 * UNIT
            broker.log.subscribe("nowhere")
            await asyncio.sleep(0.3)
            assert "nowhere" not in heard.subscribed
        finally:
            home.cli("CLUSTER", "ADDSLOTS", slot)
            for node in redis_cluster.primaries():
                if node is not home:
                    node.cli("CLUSTER", "SETSLOT", slot, "NODE", home.id)
            await asyncio.to_thread(redis_cluster.wait_stable)
        await store(broker, message())
        await until(lambda: "nowhere" in heard.subscribed, "confirmed once somebody has it")


# -- what nodes tell


@contextmanager
def announced(cluster: RedisCluster, kind: str, host: str) -> Iterator[None]:
    """Nodes tell of each other by what is preferred, which is a hostname that all have, or that none has ("")."""

    def configure(kind: str, host: str) -> None:
        for node in cluster.nodes:
            node.cli("CONFIG", "SET", "cluster-preferred-endpoint-type", kind, "cluster-announce-hostname", host)

    def known() -> set[int]:
        """Of how many nodes each knows the hostname."""
        return {node.cli("CLUSTER", "NODES").count(f",{host} ") for node in cluster.nodes}

    configure(kind, host)
    try:
        wait_until(lambda: not host or known() == {len(cluster.nodes)}, "known")
        yield
    finally:
        configure("ip", "")
        wait_until(lambda: not host or known() == {0}, "no longer known")


@pytest.mark.parametrize(
    ("kind", "host", "found"),
    [
        ("hostname", "localhost", "localhost"),
        ("hostname", "", "127.0.0.1"),  # a question mark stands for it
        ("unknown-endpoint", "", "127.0.0.1"),
    ],
)
async def test_nodes_are_found_as_they_are_announced(
    redis_cluster: RedisCluster,
    cluster_url: str,
    kind: str,
    host: str,
    found: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By their hostnames, or where the node is that was asked; MOVED may name none either."""
    caplog.set_level("INFO", "service.brokers.redis.shards")
    room = room_of(redis_cluster, redis_cluster.primaries()[0])
    with announced(redis_cluster, kind, host), lent(redis_cluster, room) as (slot, to):
        async with opened(at(cluster_url), room) as (broker, _):
            await store(broker, message(room))
            await asyncio.to_thread(redis_cluster.migrate_slot, slot, to, keys_at_once=100)
            (receipt,) = await store(broker, message(room))
            assert receipt.seq == 2
        named = {record.getMessage().split()[2] for record in caplog.records if "is a primary" in record.getMessage()}
        assert named == {f"{found}:{node.port}" for node in redis_cluster.primaries()}


@loses_a_node
async def test_a_host_where_nobody_is_is_said(
    redis_cluster: RedisCluster, cluster_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By its name; once nodes announce where they can be reached, all are."""
    broker = at(cluster_url)
    with announced(redis_cluster, "hostname", "127.0.0.2"):
        await broker.open(Recorder())
        await until(lambda: "connecting to 127.0.0.2:" in caplog.text, "said")
        (outcome,) = await publish(broker, message())
        assert isinstance(outcome, Unavailable)
    try:
        await until(lambda: broker.available, "found")
        await store(broker, message())
    finally:
        await broker.close()


@pytest.mark.parametrize(
    "slots",
    [b"+OK", b"*0", b"*-1", b"*1\r\n:5", b"-ERR no", b"*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\nh\r\n:1"],
    ids=["word", "empty", "nil", "numbers", "error", "too-many-slots"],
)
async def test_who_tells_no_map_is_passed_over(redis_cluster: RedisCluster, cluster_url: str, slots: bytes) -> None:
    """The next one is asked, and the stranger no more once the nodes are known to be without it."""
    async with stranger(b"CLUSTER", slots) as port:
        url = cluster_url.replace("://", f"://127.0.0.1:{port},")
        async with opened(at(url), "lobby") as (broker, _):
            await store(broker, message())


@loses_the_map
async def test_what_is_no_cluster_is_said(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """A Redis by itself, by a cluster's URL: its own words, once."""
    broker = at(f"redis+cluster://127.0.0.1:{redis_server.port}/")
    await broker.open(Recorder())
    await until(lambda: "cluster support disabled" in caplog.text, "said")
    await asyncio.sleep(0.5)
    (outcome,) = await publish(broker, message())
    assert isinstance(outcome, Unavailable)
    with pytest.raises(Unavailable):
        await broker.try_write()
    await broker.close()
    assert caplog.text.count("cluster support disabled") == 1


# -- deployments


@pytest.mark.parametrize("url", ["redis_url", "cluster_url"])
async def test_deployments_with_prefixes_of_their_own_share_nothing(request: pytest.FixtureRequest, url: str) -> None:
    """People, names, channels, sanctions, rooms, reads, tickets: each has its own under the same names."""
    url = request.getfixturevalue(url)
    async with (
        opened(at(url, prefix="one"), "lobby") as (one, heard_one),
        opened(at(url, prefix="one.2"), "lobby") as (two, heard_two),
    ):
        for broker in (one, two):
            assert await broker.presence.beat()
        await one.presence.enter("lobby", [ADA])
        await one.presence.enter("", [ADA])
        assert await one.directory.claim_name("ada", "u1", 10)
        await one.directory.sanction(Sanction("ban", "", "u2", 0, "m", ""), lift=False)
        await one.directory.sanction(Sanction("mute", "lobby", "u3", 0, "m", ""), lift=False)
        await one.directory.put_ticket("t", b"record", 10)
        await one.directory.note_networks([("u1", "192.0.2.1")])
        await store(one, message())
        await one.directory.mark_read("lobby", {"u1": 1})
        one.log.signal("", b'{"for":"one"}')
        one.log.signal("lobby", b'{"for":"one"}')
        await until(lambda: len(heard_one.signals) >= 4, "the signals")
        assert await refusal(one, message(person=BOB)) == ("forbidden", "you may not enter this room")
        assert not heard_two.signals and not heard_two.publications
        assert (await two.presence.roster("lobby")).members == (await two.presence.roster("")).members == []
        assert await two.directory.claim_name("ada", "u9", 10)
        assert await two.directory.sanctions() == [] and await two.directory.ban("lobby", "u2") is None
        assert await two.directory.take_ticket("t") is None
        assert await two.directory.networks("u1") == []
        assert await two.directory.rooms() == {} and await two.directory.room_count() == 0
        assert await two.log.newest("lobby", 10) is None
        assert await two.directory.reads("lobby", ["u1"]) == await two.directory.unread("u1") == {}
        (receipt,) = await store(two, message(person=BOB))
        assert receipt.seq == 1
        assert await one.directory.take_ticket("t") == b"record"


@pytest.mark.parametrize("url", ["redis_url", "cluster_url"])
async def test_a_ban_everywhere_holds_in_the_step_of_every_room(
    request: pytest.FixtureRequest, url: str, redis_cluster: RedisCluster
) -> None:
    """On every primary, wherever somebody is, for a process that was told nothing; until it is lifted."""
    url = request.getfixturevalue(url)
    rooms = [room_of(redis_cluster, node, number) for node in redis_cluster.primaries() for number in range(2)]
    ban = Sanction("ban", "", "u2", 0, "m", "")
    async with opened(at(url)) as (moderator, _), opened(at(url), *rooms) as (broker, _):
        await moderator.directory.sanction(ban, lift=False)
        outcomes = await publish(broker, *(message(room, person=BOB) for room in rooms))
        assert [str(outcome) for outcome in outcomes] == ["you may not enter this room"] * len(rooms)
        await store(broker, *(message(room, person=ADA) for room in rooms))
        await moderator.directory.sanction(ban, lift=True)
        await store(broker, *(message(room, person=BOB) for room in rooms))


# -- nodes that go and come


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[RedisCluster]:
    """One to do harm to, which serves what it can."""
    with RedisCluster(full_coverage=False, node_timeout=0.5) as cluster:
        yield cluster


@pytest.fixture
def cluster(own_cluster: RedisCluster) -> RedisCluster:
    """The same, whole and empty."""
    for node in own_cluster.nodes:
        if not node.running:
            own_cluster.restart(node)
    own_cluster.wait_stable()
    own_cluster.flushall()
    return own_cluster


async def writable(broker: RedisBroker) -> None:
    """Wait until every primary takes a write."""
    async with asyncio.timeout(20 * UNIT):
        while True:
            try:
                return await broker.try_write()
            except Unavailable:
                await asyncio.sleep(0.05)


def victim_of(cluster: RedisCluster) -> ClusterNode:
    """A primary that has none of the keys that belong to no room."""
    spared = {cluster.owner(slot_of(key)) for key in ("parley:rooms", "parley:sanctions", "{*}")}
    return next(node for node in cluster.primaries() if node not in spared)


@loses_a_node
async def test_a_dead_primary_costs_its_own_rooms_alone(cluster: RedisCluster) -> None:
    """Theirs are `unavailable` at once, until a replica has taken over. The others' go on without a word of it."""
    victim = victim_of(cluster)
    here, there = room_of(cluster, victim), room_of(cluster, other_than(cluster, victim))
    async with opened(at(cluster.url), here, there) as (broker, heard):
        await store(broker, message(here), message(there))
        await broker.directory.mark_read(here, {"u2": 1})
        await broker.directory.mark_read(there, {"u2": 1})
        shard = broker.shards.of(f"{{{here}}}")
        assert shard is not None and await answer_of(partial(shard.commands.send, ("WAIT", 1, int(5000 * UNIT)))) == 1
        talking = asyncio.ensure_future(talk(broker, there, 200, 0.01))
        await asyncio.sleep(0.1)
        cluster.kill_primary(slot_of(f"{{{here}}}"))
        await until(lambda: not broker.log.answers(here), "noticed")
        before = time.monotonic()
        (outcome,) = await publish(broker, message(here))
        assert isinstance(outcome, Unavailable)
        with pytest.raises(Unavailable):
            await broker.log.newest(here, 10)
        with pytest.raises(Unavailable):
            await broker.try_write()
        assert time.monotonic() - before < 0.5 * UNIT
        assert broker.log.answers(there) and not broker.available
        with pytest.raises(Unavailable):
            await broker.directory.sanction(Sanction("ban", "", "u2", 0, "m", ""), lift=False)
        assert await refusal(broker, message(there, person=BOB)) == ("forbidden", "you may not enter this room")
        assert list(await broker.log.positions([here, there])) == [there]
        assert list(await broker.directory.rooms()) == [there]
        assert list(await broker.directory.unread("u2")) == [there]
        await until(lambda: broker.log.answers(here), "a replica has taken over", 20 * UNIT)
        (receipt,) = await store(broker, message(here, "again"))
        await until(lambda: b'"again"' in b"".join(heard.frames(here)), "the event")
        assert receipt.seq == 2
        outcomes = await talking
        assert [outcome.seq for outcome in outcomes if isinstance(outcome, Receipt)] == list(range(2, 202))
        assert len(heard.frames(there)) == 201
        assert heard.subscribed.count(there) == 1 and heard.subscribed.count(here) >= 2
        await until(lambda: broker.available, "all of it")
        await broker.try_write()
        cluster.restart(victim)
        await asyncio.to_thread(cluster.wait_stable)
        await store(broker, message(here), message(there))


@loses_a_node
@is_refused
async def test_a_frozen_primary_costs_its_own_rooms_alone(cluster: RedisCluster) -> None:
    """Each publish is answered within the deadline; once it thaws, it is the replica that it was made."""
    victim = victim_of(cluster)
    here, there = room_of(cluster, victim), room_of(cluster, other_than(cluster, victim))
    async with opened(at(cluster.url), here, there) as (broker, heard):
        await store(broker, message(here), message(there))
        await asyncio.to_thread(wait_until, victim.in_step, "the replica has it", 20 * UNIT)
        talking = asyncio.ensure_future(talk(broker, there, 200, 0.01))
        victim.sigstop()
        try:
            before = time.monotonic()
            outcomes = await publish(broker, *(message(here) for _ in range(10)))
            assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
            assert time.monotonic() - before < QUICK.reply + 1 * UNIT
            await until(lambda: broker.log.answers(here), "a replica has taken over", 20 * UNIT)
            await store(broker, message(here))
        finally:
            victim.sigcont()
        outcomes = await talking
        assert all(isinstance(outcome, Receipt) for outcome in outcomes)
        await asyncio.to_thread(cluster.wait_stable)
        await until(lambda: broker.available, "all of it")
        (receipt,) = await store(broker, message(here, "thawed"))
        await until(lambda: b'"thawed"' in b"".join(heard.frames(here)), "the event")
        assert receipt.seq == 3


@loses_a_node
@loses_the_map
@is_refused
async def test_all_nodes_away_and_back(cluster: RedisCluster, caplog: pytest.LogCaptureFixture) -> None:
    """Said once; everything is `unavailable` at once meanwhile; then it serves, and says that events may be missed."""
    rooms = [room_of(cluster, node) for node in cluster.primaries()]
    async with opened(at(cluster.url), *rooms) as (broker, heard):
        for node in cluster.nodes:
            node.kill9()
        await until(lambda: "no node tells" in caplog.text, "noticed", 10 * UNIT)
        before = time.monotonic()
        outcomes = await publish(broker, *map(message, rooms))
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        assert time.monotonic() - before < 0.5 * UNIT
        heard.subscribed.clear()
        for node in cluster.nodes:
            node.start()
        await until(lambda: broker.available, "back", 20 * UNIT)
        await until(lambda: set(rooms) <= set(heard.subscribed), "confirmed")
        await writable(broker)  # for 2 s no node serves
        await store(broker, *map(message, rooms))
        await until(lambda: all(heard.frames(room) for room in rooms), "the events")
        assert caplog.text.count("no node tells") == 1


async def test_primaries_that_come_and_go(cluster: RedisCluster) -> None:
    """Connections are made to one when it is first asked, and dropped once it has had no slots for a while."""
    room = room_of(cluster, cluster.primaries()[0])
    async with opened(at(cluster.url), room) as (broker, heard):
        await store(broker, message(room))
        await broker.presence.beat()
        assert await broker.presence.beat()
        running, connections = len(broker.tasks), broker.shards.connections
        node = cluster.add_primary()
        with lent(cluster, room) as (slot, _):
            for number in range(2):
                await broker.shards.call("SET", f"{{{room}}}{number}", number)
            async with half_moved(cluster, slot, node, 2):
                for number in range(2):  # it has no slots yet
                    assert await broker.shards.call("GET", f"{{{room}}}{number}") == b"%d" % number
            await until(lambda: heard.subscribed.count(room) == 2, "confirmed there")
            (receipt,) = await store(broker, message(room))
            assert receipt.seq == 2
            assert len(broker.tasks) == running + 2 and broker.shards.connections == connections + 1
            assert list(map(len, clients([node]))) == [2]
            assert not await broker.presence.beat(), "Redis may lack what it was told"
            assert await broker.presence.beat()
        (receipt,) = await store(broker, message(room))
        assert receipt.seq == 3
        await until(lambda: not any(clients([node])), "the connections dropped")
        assert len(broker.tasks) == running and broker.shards.connections == connections + 1
        assert await broker.presence.beat()
        cluster.remove(node)
        await asyncio.to_thread(cluster.wait_stable)
        await store(broker, message(room))
