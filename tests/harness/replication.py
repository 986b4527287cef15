"""Slow links between the servers of one Redis, which clients, sentinels and a cluster's own bus don't feel."""

import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from .common import require_tool
from .proxy import TcpProxy

SOURCE = Path(__file__).with_name("replication.c")


class ReplicationLinks:
    """`with ReplicationLinks(0.02) as links: … start servers with links.environ, then links.lead_to(server.port) …`.

    A server with that environment reaches the others through a proxy before each, whoever made it their replica, so the
    links are slow after a failover too. All who have no such environment reach a server directly.
    """

    def __init__(self, delay: float) -> None:
        """`delay`: seconds by which what a replica is told, and what it says, is late."""
        self.proxies: dict[int, TcpProxy] = {}
        self._delay = delay
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-links-")))
        compiler = require_tool("tcc", "tcc")
        subprocess.run([compiler, "-shared", "-o", folder / "replication.so", SOURCE], check=True)
        self._file = folder / "links"
        self._file.touch()
        self.environ = {"LD_PRELOAD": str(folder / "replication.so"), "REPLICATION_LINKS": str(self._file)}
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def lead_to(self, port: int) -> TcpProxy:
        """Put a proxy before the server on that port, for those that connect to it from now on."""
        proxy = self._stack.enter_context(TcpProxy("127.0.0.1", port))
        proxy.delay = self._delay
        self.proxies[port] = proxy
        lines = "".join(f"{port} {proxy.port}\n" for port, proxy in self.proxies.items())
        # In one step: a server may read it at any time.
        fresh = self._file.with_suffix(".new")
        fresh.write_text(lines)
        fresh.replace(self._file)
        return proxy

    @property
    def delay(self) -> float:
        return self._delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._delay = seconds
        for proxy in self.proxies.values():
            proxy.delay = seconds

    def cut(self, port: int) -> None:
        """End the links to the server on that port, with what is on its way."""
        self.proxies[port].drop_connections()

    def freeze(self) -> None:
        """Nothing reaches a replica, and nothing comes from it, while its links stay open."""
        for proxy in self.proxies.values():
            proxy.freeze()

    def thaw(self) -> None:
        """End the freeze."""
        for proxy in self.proxies.values():
            proxy.thaw()
