"""Ways in which a Redis is there and refuses to write, each with its way back."""

from collections.abc import Callable
from typing import NamedTuple

from service.brokers.base import Fault

from .harness import UNIT, RedisServer, wait_until

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


def disconnected(server: RedisServer) -> Mend:
    """A primary without the replicas that it must have."""
    server.cli("CONFIG", "SET", "min-replicas-to-write", 1)
    return lambda: server.cli("CONFIG", "SET", "min-replicas-to-write", 0)


def unsaved(server: RedisServer) -> Mend:
    """Its last snapshot failed."""
    blocker = server.folder / "dump.rdb"
    blocker.mkdir()  # no file can take its place
    server.cli("CONFIG", "SET", "save", "3600 100000")
    _save(server, "err")

    def mend() -> None:
        blocker.rmdir()
        _save(server, "ok")

    return mend


def _save(server: RedisServer, wanted: str) -> None:
    server.cli("BGSAVE")
    wait_until(lambda: f"rdb_last_bgsave_status:{wanted}" in server.cli("INFO", "persistence"), "a snapshot", 5 * UNIT)


def forbidden(server: RedisServer) -> Mend:
    server.cli("ACL", "SETUSER", "default", "-set")
    return lambda: server.cli("ACL", "SETUSER", "default", "+set")


class Refusal(NamedTuple):
    """`word`: Redis's own first."""

    begin: Callable[[RedisServer], Mend]
    word: str
    fault: Fault


REFUSALS = {
    "full": Refusal(full, "OOM", Fault.FULL),
    "replica": Refusal(replica, "READONLY", Fault.READ_ONLY),
    "stale replica": Refusal(stale_replica, "MASTERDOWN", Fault.PRIMARY),
    "disconnected": Refusal(disconnected, "NOREPLICAS", Fault.COPIES),
    "unsaved": Refusal(unsaved, "MISCONF", Fault.DISK),
    "forbidden": Refusal(forbidden, "NOPERM", Fault.PERMISSION),
}
