"""Connections to Redis: how they are made, and how long they are waited for. redis-py's own defaults differ."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from msgspec import Struct
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from service.brokers.redis import url as redis_url

RECONNECT_MIN = 0.05  # seconds; doubled with each failure


class Deadlines(Struct, frozen=True):
    """Seconds. With these a frozen Redis is noticed within 6, on either connection."""

    connect: float = 3.0
    reply: float = 4.0  # for a whole pipeline
    probe: float = (
        2.0  # of idleness after which a connection is tried with a PING; Heroku's Redis cuts idle ones at 300
    )
    silent_probes: int = 2  # without a byte in answer, `probe` after the last of which a subscribed connection is dead
    reconnect: float = 1.0  # at most between two attempts, with full jitter

    async def wait_to_reconnect(self, failures: int) -> None:
        """Full jitter between attempts, none before the first."""
        if failures:
            longest = min(self.reconnect, RECONNECT_MIN * 2**failures)
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311  # jitter, no secret


DEADLINES = Deadlines()


def connector(
    url: str, self_signed: bool, name: str, connect_timeout: float = DEADLINES.connect
) -> Callable[[], Connection]:
    """A maker of connections with every timeout and retry set by us."""
    parts = redis_url.parse(url)
    options: dict[str, Any] = {
        "db": parts.database,
        "username": parts.username,
        "password": parts.password,
        "protocol": 2,  # measured a little cheaper to parse than RESP3
        "socket_timeout": None,
        "socket_connect_timeout": connect_timeout,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "client_name": name,
    }
    if parts.path:
        # No `socket_keepalive`: it is TCP's, and this constructor fails on it.
        return lambda: cast(Connection, UnixDomainSocketConnection(path=parts.path, **options))
    options |= {"host": parts.host, "port": parts.port, "socket_keepalive": True}
    if parts.tls:
        # Heroku's certificates are self-signed, and name nobody to check them with.
        unchecked = self_signed and "ssl_ca_certs" not in parts.tls_options
        tls_options = ({"ssl_cert_reqs": "none"} if unchecked else {}) | parts.tls_options
        return lambda: SSLConnection(**options, **tls_options)
    return lambda: Connection(**options)


async def hang_up(connection: Connection) -> None:
    """Close without waiting for a peer that may be frozen."""
    with suppress(Exception):
        await connection.disconnect(nowait=True)
