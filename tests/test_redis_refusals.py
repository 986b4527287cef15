"""service/brokers/redis/refusals.py on a real Redis that refuses: what the log says, and what readiness is told."""

from collections.abc import Callable, Iterator

import pytest

from service.brokers.base import Fault, Unavailable
from service.brokers.redis.broker import RedisBroker

from .brokers import opened, until
from .harness import UNIT, RedisServer, wait_until

loses_redis = pytest.mark.expects_log("WARNING redis (commands|channels): ")
is_refused = pytest.mark.expects_log("WARNING redis refused a command: ")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of the test's own, to do harm to."""
    with RedisServer() as server:
        yield server


def broker_at(server: RedisServer, password: str = "") -> RedisBroker:
    return RedisBroker(
        server.url.replace("//", f"//:{password}@" if password else "//"), history_limit=9, history_days=1
    )


async def fault(broker: RedisBroker) -> Fault | None:
    """What a write is refused with."""
    try:
        await broker.try_write()
    except Unavailable as error:
        return error.fault
    return None


Mend = Callable[[], object]


def full(server: RedisServer) -> Mend:
    server.cli("CONFIG", "SET", "maxmemory", 1)
    return lambda: server.cli("CONFIG", "SET", "maxmemory", 0)


def replica(server: RedisServer) -> Mend:
    server.cli("REPLICAOF", "127.0.0.1", server.port)  # of itself, which it never reaches
    return lambda: server.cli("REPLICAOF", "NO", "ONE")


def stale_replica(server: RedisServer) -> Mend:
    """One that would take writes, but not without its primary."""
    server.cli("CONFIG", "SET", "replica-serve-stale-data", "no", "replica-read-only", "no")
    return replica(server)


def lonely(server: RedisServer) -> Mend:
    server.cli("CONFIG", "SET", "min-replicas-to-write", 1)
    return lambda: server.cli("CONFIG", "SET", "min-replicas-to-write", 0)


def unsaved(server: RedisServer) -> Mend:
    """Its last snapshot failed."""
    blocker = server.folder / "dump.rdb"
    blocker.mkdir()  # no file can take its place
    server.cli("CONFIG", "SET", "save", "3600 1000")
    save(server, "err")

    def mend() -> None:
        blocker.rmdir()
        save(server, "ok")

    return mend


def save(server: RedisServer, wanted: str) -> None:
    server.cli("BGSAVE")
    wait_until(lambda: f"rdb_last_bgsave_status:{wanted}" in server.cli("INFO", "persistence"), "a snapshot", 5 * UNIT)


def forbidden(server: RedisServer) -> Mend:
    server.cli("ACL", "SETUSER", "default", "-set")
    return lambda: server.cli("ACL", "SETUSER", "default", "+set")


@is_refused
@loses_redis
@pytest.mark.parametrize(
    ("refuse", "expected", "word"),
    [
        (full, Fault.FULL, "OOM"),
        (replica, Fault.READ_ONLY, "READONLY"),
        (stale_replica, Fault.PRIMARY, "MASTERDOWN"),
        (lonely, Fault.COPIES, "NOREPLICAS"),
        (unsaved, Fault.DISK, "MISCONF"),
        (forbidden, Fault.PERMISSION, "NOPERM"),
    ],
)
async def test_a_refusal_is_named_and_passes(
    server: RedisServer,
    refuse: Callable[[RedisServer], Mend],
    expected: Fault,
    word: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A write says which; the log has Redis's own first word; once it is mended a write is all it takes."""
    async with opened(broker_at(server)) as (broker, _):
        assert await fault(broker) is None
        mend = refuse(server)
        assert await fault(broker) is expected
        assert f"redis refused a command: {word} " in caplog.text
        mend()
        assert await fault(broker) is None


def change_password(server: RedisServer, old: str, new: str) -> None:
    """With connections cut, which else would stay as they are."""
    login = ("--no-auth-warning", "-a", old) if old else ()
    server.cli(*login, "CONFIG", "SET", "requirepass", new)
    login = ("--no-auth-warning", "-a", new) if new else ()
    server.cli(*login, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


@loses_redis
@pytest.mark.parametrize(("ours", "word"), [("", "NOAUTH"), ("old", "WRONGPASS")])
async def test_other_credentials_are_said_at_the_next_connection(
    server: RedisServer, ours: str, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also in the log, though its end was said before; with ours again all is well without a restart."""
    change_password(server, "", ours)
    async with opened(broker_at(server, ours)) as (broker, _):
        assert await fault(broker) is None
        change_password(server, ours, "another")
        await until(lambda: broker.commands.fault is Fault.CREDENTIALS, "noticed")
        assert await fault(broker) is Fault.CREDENTIALS
        assert f"redis commands: {word} " in caplog.text
        change_password(server, "another", ours)
        await until(lambda: broker.available, "back")
        assert await fault(broker) is None
