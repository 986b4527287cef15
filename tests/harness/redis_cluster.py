"""A Redis Cluster whose primaries can be killed, and whose slots move, while it is in use."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Self

from .common import UNIT, free_port, wait_until
from .redis_server import RedisServer
from .replication import ReplicationLinks

SLOTS = 16384
_MIGRATE_TIMEOUT = 5000  # milliseconds


class ClusterNode(RedisServer):
    """A redis-server that belongs to a cluster. It keeps what it knows of it in its folder."""

    def lines(self, port: int) -> list[str]:
        """Its configuration; the ports for other nodes, and for TLS where it has it, are free ones as well."""
        lines = [*super().lines(port), "cluster-enabled yes", f"cluster-port {free_port()}"]
        return [*lines, f"tls-port {free_port()}"] if self._flags.get("tls-cluster") == "yes" else lines

    @property
    def id(self) -> str:
        """What the cluster calls it, for life."""
        return self.cli("CLUSTER", "MYID")


class RedisCluster:
    """`with RedisCluster() as cluster:` gives three primaries with a replica each, on 127.0.0.1.

    The slots are spread evenly in order of `nodes`, of which the primaries of the start come first.
    """

    def __init__(
        self,
        primaries: int = 3,
        replicas: int = 1,
        *,
        node_timeout: float = 1.0,
        full_coverage: bool = True,
        replication_delay: float | None = None,
        environ: Mapping[str, str] | None = None,
        **flags: str | int,
    ) -> None:
        """`replicas`: of each primary. `node_timeout`: seconds without an answer after which a node is taken for dead.

        `full_coverage`: whether all slots are refused while one has no primary. `replication_delay`: seconds; None is a
        direct link, without `links` that could be frozen. `environ`, beside this process's own, and `flags` are the
        servers'.
        """
        self.nodes: list[ClusterNode] = []
        self.links = None if replication_delay is None else ReplicationLinks(replication_delay)
        self._primaries = primaries
        self._replicas = replicas
        self._environ = environ or {}
        self._flags = flags | {
            "cluster_node_timeout": int(1000 * node_timeout),
            "cluster_require_full_coverage": "yes" if full_coverage else "no",
        }
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Self:
        """Start all, spread the slots and wait until every node serves: some 2 s, which a primary waits by itself."""
        try:
            if self.links is not None:
                self._stack.enter_context(self.links)
            for _ in range(self._primaries * (1 + self._replicas)):
                self._start_node()
            primaries, replicas = self.nodes[: self._primaries], self.nodes[self._primaries :]
            for number, primary in enumerate(primaries):
                first, end = (SLOTS * n // self._primaries for n in (number, number + 1))
                primary.cli("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            self._introduce()
            for number, replica in enumerate(replicas):
                replica.cli("CLUSTER", "REPLICATE", primaries[number % self._primaries].id)
            self.wait_stable()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Stop all and remove their folders."""
        self._stack.close()

    def _start_node(self) -> None:
        node = ClusterNode(**self._flags)
        self._stack.callback(node.close)
        node.environ |= self._environ
        if self.links is not None:
            node.environ |= self.links.environ
        node.start()
        if self.links is not None:
            self.links.lead_to(node.port)
        self.nodes.append(node)

    def _introduce(self) -> None:
        for epoch, node in enumerate(self.nodes, start=1):
            node.cli("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        # Each to all that come after it, for they would hear of each other only bit by bit.
        buses = [self._bus(node) for node in self.nodes]
        for number, node in enumerate(self.nodes):
            for other, bus in zip(self.nodes[number + 1 :], buses[number + 1 :], strict=True):
                node.cli("CLUSTER", "MEET", "127.0.0.1", other.port, bus)
        ids = {node.id for node in self.nodes}
        wait_until(lambda: all(set(self._known(node)) == ids for node in self.nodes), "the nodes have met", 20 * UNIT)

    @staticmethod
    def _bus(node: ClusterNode) -> str:
        return node.cli("CONFIG", "GET", "cluster-port").split()[1]

    @staticmethod
    def _known(node: ClusterNode) -> dict[str, list[str]]:
        """By id, what it says of each node that it has met (CLUSTER NODES): address, flags, primary, …, slots."""
        lines = [line.split() for line in node.cli("CLUSTER", "NODES").splitlines()]
        return {id: fields for id, *fields in lines if "handshake" not in fields[1] and "noaddr" not in fields[1]}

    # -- what there is

    @property
    def url(self) -> str:
        """Its URL for the service: the primaries of the start."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[: self._primaries])
        return f"redis+cluster://{hosts}/"

    @property
    def tls_url(self) -> str:
        """The same by TLS, for servers with `tls_cluster="yes"` and certificates."""
        ports = [node.cli("CONFIG", "GET", "tls-port").split()[1] for node in self.nodes[: self._primaries]]
        return "rediss+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports) + "/"

    @property
    def running(self) -> list[ClusterNode]:
        """The nodes that are neither dead nor frozen."""
        return [node for node in self.nodes if node.running]

    def primaries(self) -> list[ClusterNode]:
        """The nodes that serve slots, as the first living node knows them."""
        return list(dict.fromkeys(self._owners(self.running[0]).values()))

    def replicas_of(self, primary: ClusterNode) -> list[ClusterNode]:
        """Its replicas, dead ones too."""
        known, id = self._known(self.running[0]), primary.id
        return [node for node in self.nodes if (fields := self._at(known, node.port)) and fields[2] == id]

    def owner(self, slot: int) -> ClusterNode:
        """The primary of a slot, as the first living node knows it. Raises KeyError when there is none."""
        return self._owners(self.running[0])[slot]

    def slot_of(self, key: str) -> int:
        """The slot of a key, by the server's own count."""
        return int(self.running[0].cli("CLUSTER", "KEYSLOT", key))

    def _owners(self, node: ClusterNode) -> dict[int, ClusterNode]:
        """Each slot's primary, as that node knows it."""
        owners: dict[int, ClusterNode] = {}
        for address, flags, *rest in self._known(node).values():
            owner = next(node for node in self.nodes if node.port == int(address.partition("@")[0].rpartition(":")[2]))
            # What stands in brackets is on the move.
            for slots in rest[5:] if "master" in flags and "fail" not in flags.split(",") else ():
                if not slots.startswith("["):
                    first, _, last = slots.partition("-")
                    owners |= dict.fromkeys(range(int(first), int(last or first) + 1), owner)
        return owners

    @staticmethod
    def _at(known: dict[str, list[str]], port: int) -> list[str] | None:
        return next((fields for fields in known.values() if f":{port}@" in fields[0]), None)

    # -- changes

    def add_primary(self) -> ClusterNode:
        """One more, without slots. It takes 2 s until it serves."""
        self._start_node()
        *others, node = self.nodes
        for other in others:
            other.cli("CLUSTER", "MEET", "127.0.0.1", node.port, self._bus(node))
        known = {other.id for other in self.nodes}
        wait_until(lambda: all(set(self._known(other)) == known for other in self.nodes), "all know it", 20 * UNIT)
        wait_until(lambda: _fields(node.cli("CLUSTER", "INFO"))["cluster_state"] == "ok", "it serves", 20 * UNIT)
        return node

    def remove(self, node: ClusterNode) -> None:
        """End one that has no slots any more; the others forget it."""
        id = node.id
        self.nodes.remove(node)
        node.close()
        for other in self.nodes:
            other.cli("CLUSTER", "FORGET", id)

    # -- faults

    def kill_primary(self, slot: int) -> ClusterNode:
        """SIGKILL, as if its machine were lost: what is on its way to its replica goes with it. Which node it was."""
        primary = self.owner(slot)
        if self.links is not None:
            self.links.cut(primary.port)
        primary.kill9()
        return primary

    def restart(self, node: ClusterNode) -> None:
        """Start a dead one again, with what it knew of the cluster."""
        node.start()

    def wait_promoted(self, slot: int, old: ClusterNode, timeout: float = 30 * UNIT) -> ClusterNode:
        """Wait until all living nodes know another primary of the slot; which."""

        def owners() -> set[ClusterNode | None]:
            return {self._owners(node).get(slot) for node in self.running}

        def done() -> bool:
            (owner, *others) = owners()
            return not others and owner not in (None, old)

        wait_until(done, f"slot {slot} has another primary", timeout)
        return self.owner(slot)

    def wait_stable(self, timeout: float = 30 * UNIT) -> None:
        """Wait until all living nodes serve, agree on every slot, and every living replica follows its primary."""
        wait_until(lambda: self._stable(self.running), "the cluster serves", timeout)

    def _stable(self, nodes: Iterable[ClusterNode]) -> bool:
        views = []
        for node in nodes:
            state = _fields(node.cli("CLUSTER", "INFO"))
            replication = _fields(node.cli("INFO", "replication"))
            if state["cluster_state"] != "ok" or state["cluster_slots_fail"] != "0":
                return False
            if replication["role"] == "slave" and replication["master_link_status"] != "up":
                return False
            owners = self._owners(node)
            if (node in owners.values()) != (replication["role"] == "master"):
                return False
            views.append(owners)
        return all(view == views[0] for view in views)

    def migrate_slot(
        self,
        slot: int,
        to: ClusterNode,
        between: Callable[[int], object] = lambda step: None,
        keys_at_once: int = 1,
    ) -> int:
        """Move a slot with its keys as `redis-cli --cluster reshard` does; how many keys there were.

        `between` is called, with the number of keys moved so far, before the first, between any two moves and after the
        last: meanwhile the old primary answers ASK for what has moved, and TRYAGAIN for several keys of which one has.
        """
        source = self.owner(slot)
        to.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
        moved = 0
        between(moved)
        while keys := source.cli("CLUSTER", "GETKEYSINSLOT", slot, keys_at_once).splitlines():
            source.cli("MIGRATE", "127.0.0.1", to.port, "", 0, _MIGRATE_TIMEOUT, "KEYS", *keys)
            moved += len(keys)
            between(moved)
        # The new one first, so that at no time both send clients away.
        for node in (to, source, *(node for node in self.primaries() if node not in (to, source))):
            try:
                node.cli("CLUSTER", "SETSLOT", slot, "NODE", to.id)
            except RuntimeError as error:
                # It heard of it already, and became the replica of who took its last slot.
                if node is not source or "only with masters" not in str(error):
                    raise
        return moved

    def refusals(self, word: str) -> int:
        """How often the living nodes have answered an error that begins with this word."""
        stats = (_fields(node.cli("INFO", "errorstats")).get(f"errorstat_{word}", "count=0") for node in self.running)
        return sum(int(count.removeprefix("count=")) for count in stats)

    def flushall(self) -> None:
        """Remove all keys."""
        for node in self.primaries():
            node.cli("FLUSHALL")


def _fields(text: str) -> dict[str, str]:
    """What INFO and CLUSTER INFO say, by name."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
