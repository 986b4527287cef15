"""What a primary's INFO tells: version, persistence, eviction, memory, connections, replicas, cluster. No I/O."""

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from service.brokers.redis.url import RedisUrl
from service.config import Settings
from service.findings import Finding, error, warning

OLDEST_REDIS = (6, 2)  # GETDEL
OLDEST_CLUSTER = (7, 0)  # sharded Pub/Sub
MEMORY_FULL = 0.8  # of what there may be
CONNECTIONS = 2  # a process and primary
LAG = 10  # seconds without a word, after which a replica is taken for gone, as Redis itself does

Info = Mapping[str, str]


def read_info(answer: bytes) -> Info:
    """By name."""
    lines = answer.decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def cli(url: RedisUrl, variable: str, place: str) -> str:
    """redis-cli to there, without the password. `place` is a primary's; "": it isn't known."""
    if url.path:
        return f"redis-cli -s {url.path}"
    if url.kind == "one":
        return f'redis-cli -u "${variable}"'
    host, _, port = place.rpartition(":") if place else (url.hosts[0][0], "", str(url.hosts[0][1]))
    return f"redis-cli{' --tls' if url.tls else ''} -h {host.strip('[]')} -p {port}"


class Primary(Struct, frozen=True):
    """A primary: where it is, how redis-cli is called for it, what it said."""

    settings: Settings
    url: RedisUrl
    place: str
    cli: str
    info: Info

    def findings(self) -> list[Finding]:
        """What is wrong with it."""
        parts = (self._version, self._kind, self._persistence, self._memory, self._connections, self._replicas)
        return [finding for part in parts for finding in part()]

    def _number(self, name: str) -> int:
        text = self.info.get(name, "")
        return int(text) if text.isdecimal() else 0

    def _version(self) -> Iterator[Finding]:
        said = self.info.get("redis_version", "")
        version = tuple(map(int, re.findall(r"\d+", said)[:2]))
        oldest = OLDEST_CLUSTER if self.url.kind == "cluster" else OLDEST_REDIS
        if version and version < oldest:
            wanted = ".".join(map(str, oldest))
            cause = f"the Redis at {self.place} is version {said}, and {wanted} or newer is needed"
            yield error("redis-version", self.place, cause, "it lacks commands, so nobody can enter", "upgrade it")

    def _kind(self) -> Iterator[Finding]:
        if self.info.get("cluster_enabled") == "1" and self.url.kind != "cluster":
            cause = f"the Redis at {self.place} belongs to a cluster, and the address doesn't say so"
            fix = f"export REDIS_URL=redis+cluster://{self.place}/"
            yield error("redis-is-cluster", self.place, cause, "it refuses what is in other nodes' slots", fix)

    def _persistence(self) -> Iterator[Finding]:
        if self.info.get("aof_enabled") == "0":
            cause = f"the Redis at {self.place} keeps no append-only file"
            consequence = "a crash or a restart takes what was said since its last snapshot, or all"
            yield warning("redis-persistence", self.place, cause, consequence, f"{self.cli} CONFIG SET appendonly yes")
        for field in ("rdb_last_bgsave_status", "aof_last_write_status"):
            if self.info.get(field, "ok") != "ok":
                cause = f"the Redis at {self.place} could not write its file: {field} is {self.info[field]}"
                fix = f"{self.cli} INFO persistence, its log, and df -h where it runs"
                yield warning(
                    "redis-unsaved", self.place, cause, "soon it takes no write, or a restart loses much", fix
                )
                return

    def _memory(self) -> Iterator[Finding]:
        policy = self.info.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            cause = f"the Redis at {self.place} has maxmemory-policy {policy}"
            fix = f"{self.cli} CONFIG SET maxmemory-policy noeviction"
            yield warning("redis-eviction", self.place, cause, "at maxmemory it deletes acknowledged messages", fix)
        used, limit = self._number("used_memory"), self._number("maxmemory")
        name = "maxmemory" if limit else "its machine's memory"
        limit = limit or self._number("total_system_memory")
        if limit and used > MEMORY_FULL * limit:
            cause = f"the Redis at {self.place} uses {_mib(used)} of {_mib(limit)}, {name}"
            fix = f"{self.cli} CONFIG SET maxmemory {2 * used}, if it has so much; or lower HISTORY_LIMIT, HISTORY_DAYS"
            if used >= limit:
                yield error("redis-full", self.place, cause, "every send is `unavailable`", fix)
            else:
                yield warning("redis-memory", self.place, cause, "when it is full every send is `unavailable`", fix)

    def _connections(self) -> Iterator[Finding]:
        """Old and new processes count together while a deploy replaces them."""
        settings, limit = self.settings, self._number("maxclients")
        each = CONNECTIONS + (1 if settings.redis_copies else 0)
        needed = 2 * settings.web_concurrency * each
        if not limit or (limit >= needed and self._number("connected_clients") <= MEMORY_FULL * limit):
            return
        cause = (
            f"the Redis at {self.place} has {limit} connections, {self.info.get('connected_clients')} of them in use: "
            f"{settings.web_concurrency} processes with {each} each need {needed} while a deploy replaces them"
        )
        fix = f"{self.cli} CONFIG SET maxclients {2 * max(limit, needed)}; or lower WEB_CONCURRENCY, or a larger plan"
        found = error if limit < needed else warning
        yield found("redis-connections", self.place, cause, "processes above it serve without a broker", fix)

    def _replicas(self) -> Iterator[Finding]:
        online = sum(map(_is_online, (text for name, text in self.info.items() if re.fullmatch(r"slave\d+", name))))
        wanted = self.settings.redis_copies
        fix = f"{self.cli} INFO replication says which there are; replicas say REPLICAOF with its address"
        if online < wanted:
            cause = f"the Redis at {self.place} has {online} replicas online, and REDIS_COPIES wants {wanted}"
            consequence = "every send is `unavailable`, as it can't be copied"
            yield error("redis-copies", self.place, cause, consequence, f"{fix}; or lower REDIS_COPIES")
        elif not online and self.url.kind != "one":
            cause = f"the Redis at {self.place} has no replica online"
            yield warning("redis-replicas", self.place, cause, "when it fails nothing can take over", fix)


def _is_online(replica: str) -> bool:
    """`ip=…,port=…,state=online,offset=…,lag=0`"""
    fields = dict(re.findall(r"(\w+)=([^,]*)", replica))
    return fields.get("state") == "online" and int(fields.get("lag") or 0) <= LAG


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
