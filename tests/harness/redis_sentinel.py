"""A Redis with replicas, watched by three sentinels, whose master can be killed or frozen."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import ClassVar, Self

from .common import UNIT, wait_until
from .redis_server import RedisServer
from .replication import ReplicationLinks

NAME = "mymaster"
_SENTINELS = 3
_QUORUM = 2


class Sentinel(RedisServer):
    """A redis-server that watches others. It keeps what it knows in its configuration."""

    arguments: ClassVar[tuple[str, ...]] = ("--sentinel",)
    defaults: ClassVar[dict[str, str]] = {"bind": "127.0.0.1"}


class RedisSentinels:
    """`with RedisSentinels(replication_delay=0.02) as redis:` gives a master, its replicas and their sentinels.

    All are processes of their own on 127.0.0.1. Whoever is master keeps its address for life: a failover makes another
    server the master, and the old one, once it is back, a replica within some seconds.
    """

    def __init__(
        self,
        replicas: int = 2,
        *,
        replication_delay: float | None = None,
        down_after: float = 1.0,
        min_replicas_to_write: int = 0,
        password: str = "",
        sentinel_password: str = "",
        environ: Mapping[str, str] | None = None,
        **flags: str | int,
    ) -> None:
        """`replication_delay`: seconds; None is a direct link, without `links` that could be frozen.

        `down_after`: seconds without an answer after which a server is taken for dead. `environ`, beside this process's
        own, and `flags` are the servers'.
        """
        self.servers: list[RedisServer] = []
        self.sentinels: list[Sentinel] = []
        self.links = None if replication_delay is None else ReplicationLinks(replication_delay)
        self._replicas = replicas
        self._down_after = down_after
        self._password = password
        self._sentinel_password = sentinel_password
        self._environ = environ or {}
        self._flags = flags | {"min_replicas_to_write": min_replicas_to_write, "min_replicas_max_lag": 2}
        if password:
            self._flags |= {"requirepass": password, "masterauth": password}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Self:
        """Start all and wait until the replicas follow and the sentinels know each other and them."""
        try:
            if self.links is not None:
                self._stack.enter_context(self.links)
            master = self._start_server()
            for _ in range(self._replicas):
                self._start_server(replicaof=f"127.0.0.1 {master.port}")
            self.wait_replicated(master)
            for _ in range(_SENTINELS):
                self.sentinels.append(self._stack.enter_context(self._new_sentinel(master)))
            # By default they look for replicas every 10 s and for each other every 2, and wait for four times as long
            # before they make a master that has come back a replica.
            for sentinel in self.sentinels:
                self._ask(sentinel, "SENTINEL", "DEBUG", "info-period", 500, "publish-period", 250)
            wait_until(self._acquainted, "the sentinels know each other", 20 * UNIT)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Stop all and remove their folders."""
        self._stack.close()

    def _start_server(self, **flags: str | int) -> RedisServer:
        server = RedisServer(**self._flags, **flags)
        self._stack.callback(server.close)
        server.environ |= self._environ
        if self.links is not None:
            server.environ |= self.links.environ
        server.start()
        if self.links is not None:
            self.links.lead_to(server.port)
        self.servers.append(server)
        return server

    def _new_sentinel(self, master: RedisServer) -> Sentinel:
        milliseconds = int(1000 * self._down_after)
        lines: dict[str, str | int] = {
            f"sentinel monitor {NAME}": f"127.0.0.1 {master.port} {_QUORUM}",
            f"sentinel down-after-milliseconds {NAME}": milliseconds,
            f"sentinel failover-timeout {NAME}": 3 * milliseconds,
            f"sentinel parallel-syncs {NAME}": self._replicas,
        }
        if self._password:
            lines[f"sentinel auth-pass {NAME}"] = self._password
        if self._sentinel_password:
            lines["requirepass"] = self._sentinel_password
        return Sentinel(**lines)

    # -- what there is

    @property
    def url(self) -> str:
        """Its URL for the service: the sentinels, the master's name, database 0. Without passwords."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{NAME}/0"

    @property
    def master(self) -> RedisServer:
        """The server that a sentinel says is the master. Raises RuntimeError when none answers."""
        for sentinel in self.sentinels:
            if sentinel.running and (server := self._named_by(sentinel)) is not None:
                return server
        raise RuntimeError("no sentinel knows a master")

    @property
    def replicas(self) -> list[RedisServer]:
        """All servers but the master, dead ones too."""
        master = self.master
        return [server for server in self.servers if server is not master]

    @property
    def failovers(self) -> int:
        """How often the sentinels have made a replica the master: more than faults, where they took delay for death."""
        return sum(sentinel.log.count("+promoted-slave") for sentinel in self.sentinels)

    def _named_by(self, sentinel: Sentinel) -> RedisServer | None:
        _, port = self._ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return next((server for server in self.servers if server.port == int(port)), None)

    def _ask(self, server: RedisServer, *command: str | int) -> list[str]:
        """One command's answer, a list of strings as redis-cli shows it."""
        return server.cli(*command).splitlines()

    def _acquainted(self) -> bool:
        for sentinel in self.sentinels:
            answer = self._ask(sentinel, "SENTINEL", "MASTER", NAME)
            known = dict(zip(answer[::2], answer[1::2], strict=False))
            if int(known["num-other-sentinels"]) < _SENTINELS - 1 or int(known["num-slaves"]) < self._replicas:
                return False
        return True

    # -- faults

    def kill_master(self) -> RedisServer:
        """SIGKILL, as if its machine were lost: what is on its way to replicas goes with it. Which server it was."""
        master = self.master
        if self.links is not None:
            self.links.cut(master.port)
        master.kill9()
        return master

    def freeze_master(self) -> RedisServer:
        """SIGSTOP, until `thaw`; which server it was."""
        master = self.master
        master.sigstop()
        return master

    def thaw(self, server: RedisServer) -> None:
        """End its freeze: for a moment it takes itself for the master it was."""
        server.sigcont()

    def restart(self, server: RedisServer) -> None:
        """Start a dead one again, with the configuration that it had: a dead master's doesn't know of its successor."""
        server.start()

    def wait_for_failover(self, old: RedisServer, timeout: float = 30 * UNIT) -> RedisServer:
        """Wait until all sentinels name another master, and it is one; which."""

        def done() -> bool:
            named = {self._named_by(sentinel) for sentinel in self.sentinels if sentinel.running}
            (master, *others) = named
            return not others and master not in (None, old) and self._role(master)[:1] == ["master"]

        wait_until(done, "the sentinels have made another server the master", timeout)
        return self.master

    def wait_replicated(self, master: RedisServer | None = None, timeout: float = 30 * UNIT) -> None:
        """Wait until all living servers follow the master, and have had all its data once."""

        def done() -> bool:
            leader = master or self.master
            followers = [server for server in self.servers if server.running and server is not leader]
            return all(self._follows(server, leader) for server in followers)

        wait_until(done, "all servers follow the master", timeout)

    def _follows(self, server: RedisServer, master: RedisServer) -> bool:
        return self._role(server)[:4] == ["slave", "127.0.0.1", str(master.port), "connected"]

    def _role(self, server: RedisServer) -> list[str]:
        """What it answers to ROLE, nothing when it can't: a change of master cuts connections."""
        try:
            return self._ask(server, "ROLE")
        except RuntimeError:
            return []
