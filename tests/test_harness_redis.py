"""The harness's forms of Redis: what their faults do to a plain client, which is what they are for."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError, TryAgainError
from redis.sentinel import Sentinel as SentinelClient

from .harness import UNIT, RedisCluster, RedisSentinels, RedisServer, wait_until

DELAY = 0.05
DOWN_AFTER = 4 * UNIT  # seconds, so that nobody is taken for dead on a busy machine and a second failover follows


@contextmanager
def connected(server: RedisServer, password: str | None = None, timeout: float = 5 * UNIT) -> Iterator[redis.Redis]:
    """A client with one connection, which follows nobody."""
    client = redis.Redis(
        port=server.port,
        password=password,
        socket_timeout=timeout,
        decode_responses=True,
        single_connection_client=True,
    )
    with client:
        yield client


def written(client: redis.Redis, key: str, value: str, copies: int) -> float:
    """Write; how long it takes until so many replicas have it."""
    client.set(key, value)
    started = time.monotonic()
    assert client.wait(copies, int(5000 * UNIT)) >= copies
    return time.monotonic() - started


# RedisSentinels


def test_a_dead_master_is_followed_by_a_replica() -> None:
    """What a replica had stays, clients that ask a sentinel find it, the dead one comes back as a replica."""
    with RedisSentinels(
        replication_delay=DELAY, down_after=DOWN_AFTER, password="word", sentinel_password="other"
    ) as servers:
        hosts = [("127.0.0.1", sentinel.port) for sentinel in servers.sentinels]
        assert servers.url == "redis+sentinel://" + ",".join(f"{host}:{port}" for host, port in hosts) + "/mymaster/0"
        asked = SentinelClient(hosts, sentinel_kwargs={"password": "other"})
        old = servers.master
        assert asked.discover_master("mymaster") == ("127.0.0.1", old.port)
        assert len(servers.replicas) == 2
        with connected(old, "word") as client:
            assert written(client, "key", "1", 2) >= 2 * DELAY
        assert servers.kill_master() is old
        with pytest.raises(redis.ConnectionError), connected(old, "word") as client:
            client.ping()
        new = servers.wait_for_failover(old)
        assert new is not old and new is servers.master and servers.failovers == 1
        assert asked.discover_master("mymaster") == ("127.0.0.1", new.port)
        servers.wait_replicated()
        with connected(new, "word") as client:
            assert client.get("key") == "1"
            assert written(client, "key", "2", 1) >= 2 * DELAY, "the new links are not slow"
        servers.restart(old)
        servers.wait_replicated()
        with connected(old, "word") as client, pytest.raises(redis.ReadOnlyError):
            client.set("key", "3")
        for sentinel in servers.sentinels:
            sentinel.close()
        with pytest.raises(RuntimeError, match="no sentinel"):
            _ = servers.master


def test_a_frozen_master_takes_itself_for_one_once_it_is_thawed() -> None:
    """Nothing answers while it is frozen; afterwards it takes a write, which is lost when the sentinels correct it."""
    with RedisSentinels() as servers, connected(servers.master, timeout=0.3 * UNIT) as client:
        client.set("kept", "yes")
        assert client.wait(2, int(5000 * UNIT)) == 2
        old = servers.freeze_master()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        servers.wait_for_failover(old)
        servers.thaw(old)
        with connected(old) as late:
            late.set("lost", "yes")
        servers.wait_replicated()
        with connected(old) as follower:
            assert (follower.get("kept"), follower.get("lost")) == ("yes", None)


def test_a_master_without_replicas_refuses() -> None:
    """Links can be frozen: no replica has what is written, and `min-replicas-to-write` says so after its lag."""
    with RedisSentinels(replication_delay=0.0, min_replicas_to_write=1) as servers:
        assert servers.links is not None
        with connected(servers.master) as client:
            client.set("a", "b")
            assert client.wait(1, int(5000 * UNIT)) >= 1
            servers.links.freeze()
            client.set("a", "c")
            assert client.wait(1, 200) == 0

            def refused() -> bool:
                try:
                    client.set("a", "d")
                except ResponseError as error:
                    return str(error).startswith("NOREPLICAS")
                return False

            wait_until(refused, "the master refuses to write", 10 * UNIT)
            servers.links.thaw()
            wait_until(lambda: not refused(), "the master takes writes again", 10 * UNIT)
            assert client.wait(2, int(5000 * UNIT)) == 2


@pytest.mark.parametrize(("kind", "last"), [(RedisSentinels, "wait_replicated"), (RedisCluster, "wait_stable")])
def test_a_start_that_fails_leaves_nothing(
    kind: type[RedisSentinels | RedisCluster], last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had been started by then is ended and removed."""

    def fail(*_: object) -> None:
        raise TimeoutError("not in time")

    monkeypatch.setattr(kind, last, fail)
    servers = kind(replication_delay=0.0)
    with pytest.raises(TimeoutError, match="not in time"):
        servers.start()
    started = servers.servers if isinstance(servers, RedisSentinels) else servers.nodes
    assert len(started) > 1
    assert not any(server.running or server.folder.exists() for server in started)


# RedisCluster


def key_of(cluster: RedisCluster, node: RedisServer) -> str:
    """A key that the node serves."""
    keys = (f"{{{number}}}" for number in itertools.count())
    return next(key for key in keys if cluster.owner(cluster.slot_of(key)) is node)


def test_a_dead_primary_is_followed_by_its_replica() -> None:
    """Other slots are served meanwhile, what the replica had stays, the dead one comes back as a replica."""
    with RedisCluster(full_coverage=False, replication_delay=DELAY) as cluster:
        here = "{here}"
        old = cluster.owner(slot := cluster.slot_of(here))
        other = next(node for node in cluster.primaries() if node is not old)
        assert len(cluster.primaries()) == 3 and len(cluster.replicas_of(old)) == 1
        with connected(old) as client:
            assert written(client, here, "1", 1) >= 2 * DELAY
        there = key_of(cluster, other)
        assert cluster.kill_primary(slot) is old
        with connected(other) as client:
            client.set(there, "1")
            with pytest.raises((MovedError, ClusterDownError)):
                client.get(here)
            new = cluster.wait_promoted(slot, old)
            assert new is not old and new is cluster.owner(slot)
            assert client.get(there) == "1"
            with pytest.raises(MovedError, match=f":{new.port}"):
                client.get(here)
        cluster.restart(old)
        cluster.wait_stable()
        assert old in cluster.replicas_of(new)
        with connected(new) as client:
            assert client.get(here) == "1"
            assert written(client, here, "2", 1) >= 2 * DELAY, "the new link is not slow"
            with redis.RedisCluster(host="127.0.0.1", port=other.port, decode_responses=True) as everywhere:
                assert everywhere.get(here) == "2"
            cluster.flushall()
            assert client.get(here) is None


def test_a_slot_moves_key_by_key() -> None:
    """Its old primary answers ASK for what has moved, TRYAGAIN for half of it, then MOVED, and ends subscriptions."""
    with RedisCluster(replicas=0) as cluster:
        slot = cluster.slot_of("{here}")
        old = cluster.owner(slot)
        new = next(node for node in cluster.primaries() if node is not old)
        answers: list[str] = []
        with connected(old) as client, connected(old) as subscriber, connected(new) as next_client:
            for number in range(3):
                client.set(f"{{here}}{number}", number)
            heard = subscriber.pubsub()
            heard.ssubscribe("{here}")
            assert heard.get_sharded_message(timeout=5 * UNIT) is not None

            def ask(moved: int) -> None:
                for keys in (("{here}0",), ("{here}0", "{here}1", "{here}2")):
                    try:
                        client.mget(keys)
                        answers.append(f"{moved} here")
                    except (AskError, TryAgainError) as error:
                        answers.append(f"{moved} {type(error).__name__}")
                        if isinstance(error, AskError):
                            assert error.port == new.port

            assert cluster.migrate_slot(slot, new, ask) == 3
            assert answers[:2] == ["0 here", "0 here"]
            assert {"1 TryAgainError", "2 TryAgainError"} <= set(answers)
            assert answers[-2:] == ["3 AskError", "3 AskError"]
            with pytest.raises(MovedError, match=f":{new.port}"):
                client.get("{here}0")
            assert cluster.refusals("ASK") == answers.count("1 AskError") + answers.count("2 AskError") + 2
            assert cluster.refusals("MOVED") == 1 and cluster.refusals("CROSSSLOT") == 0
            assert next_client.mget("{here}0", "{here}1", "{here}2") == ["0", "1", "2"]
            ended = heard.get_sharded_message(timeout=5 * UNIT)
            assert ended is not None and ended["type"] == "sunsubscribe"
            heard.close()
        cluster.wait_stable()
        assert cluster.owner(slot) is new


def test_a_cluster_may_have_one_primary() -> None:
    """Which serves every slot."""
    with RedisCluster(primaries=1, replicas=0) as cluster:
        (node,) = cluster.primaries()
        assert cluster.url == f"redis+cluster://127.0.0.1:{node.port}/"
        assert cluster.owner(0) is node is cluster.owner(16383)
        with connected(node) as client:
            assert client.set("a", "b")
