"""Redis in every shape that the service takes, for faults that befall all of it at once: F22 and F23."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.harness import RedisCluster, RedisSentinels, RedisServer

from .parts import started

OTHERS = ("unix", "sentinel", "cluster")
"""Shapes beside "redis", one server by TCP."""


class RedisShape:
    """All servers of one Redis. The sentinels, which keep nobody's data, are not among them."""

    def __init__(
        self,
        url: str,
        servers: Sequence[RedisServer],
        primaries: Callable[[], Sequence[RedisServer]],
        wait_serving: Callable[[], object] = lambda: None,
    ) -> None:
        """`url`: the service's. `wait_serving`: until all of them do, after a start."""
        self.url = url
        self.servers = servers
        self.primaries = primaries
        self._wait_serving = wait_serving

    def kill9(self) -> None:
        """SIGKILL to all."""
        first = self.primaries()
        self._order = [*first, *(server for server in self.servers if server not in first)]
        for server in self._order:
            server.kill9()

    def start(self) -> None:
        """Start all that were killed, and wait until they serve. Who was a primary comes first, and stays one."""
        for server in self._order:
            server.start()
        self._wait_serving()


@asynccontextmanager
async def redis_shape(shape: str, environ: Mapping[str, str] | None = None, **flags: Any) -> AsyncIterator[RedisShape]:
    """One of one's own; `environ` and `flags` are each server's."""
    if shape == "sentinel":
        async with started(RedisSentinels(environ=environ, **flags)) as sentinels:
            yield RedisShape(sentinels.url, sentinels.servers, lambda: [sentinels.master], sentinels.wait_replicated)
    elif shape == "cluster":
        async with started(RedisCluster(node_timeout=2.0, environ=environ, **flags)) as nodes:
            yield RedisShape(nodes.url, nodes.nodes, nodes.primaries, nodes.wait_stable)
    else:
        server = RedisServer(**flags)
        server.environ |= environ or {}
        async with started(server):
            url = server.unix_url if shape == "unix" else server.url
            yield RedisShape(url, [server], lambda: [server])
