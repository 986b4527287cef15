"""Connections to Redis: how they are made, and how long they are waited for. redis-py's own defaults differ."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

from msgspec import Struct
from redis.asyncio.connection import Connection, RedisSSLContext, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from service.brokers.redis.url import RedisUrl

RECONNECT_MIN = 0.05  # seconds; doubled with each failure

Connect = Callable[[], Awaitable[Connection]]
"""An open connection to a primary, made anew. Raises RedisError, OSError, TimeoutError."""


class Deadlines(Struct, frozen=True):
    """Seconds. With these a frozen Redis is noticed within 6, on either connection."""

    connect: float = 3.0
    reply: float = 4.0  # for a whole pipeline
    probe: float = (
        2.0  # of idleness after which a connection is tried with a PING; Heroku's Redis cuts idle ones at 300
    )
    silent_probes: int = 2  # without a byte in answer, `probe` after the last of which a subscribed connection is dead
    reconnect: float = 1.0  # at most between two attempts, with full jitter
    look: float = 10.0  # between looks at a cluster's map where nothing says that it changed

    async def wait_to_reconnect(self, failures: int) -> None:
        """Full jitter between attempts, none before the first."""
        if failures:
            longest = min(self.reconnect, RECONNECT_MIN * 2**failures)
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311  # jitter, no secret


DEADLINES = Deadlines()


class Connector:
    """Makes connections with every timeout and retry set by us."""

    def __init__(
        self, url: RedisUrl, name: str, *, self_signed: bool = False, connect_timeout: float = DEADLINES.connect
    ) -> None:
        """`self_signed`: nobody is named who vouches for Redis's certificate, unless the URL names them."""
        self._url = url
        self._trusting: ssl.SSLContext | None = None  # made once, where no file can change it
        options: dict[str, Any] = {
            "protocol": 2,  # measured a little cheaper to parse than RESP3
            "socket_timeout": None,
            "socket_connect_timeout": connect_timeout,
            "retry": Retry(NoBackoff(), 0),
            "health_check_interval": 0,
            # For CLIENT LIST: Redis 7.0 refuses to be told, and a refusal is a circle of objects around the connection.
            "driver_info": None,
        }
        self._plain = options
        self._named = {
            "db": url.database,
            "username": url.username,
            "password": url.password,
            "client_name": name,
        }
        # Heroku's certificates are self-signed, and name nobody to check them with.
        unchecked = self_signed and "ssl_ca_certs" not in url.tls_options
        self._tls = ({"ssl_cert_reqs": "none"} if unchecked else {}) | url.tls_options

    def make(self, host: str = "", port: int = 0) -> Connection:
        """One to there, or to the URL's one place, which is not open yet."""
        options = self._plain | self._named
        if self._url.path:
            # No `socket_keepalive`: it is TCP's, and this constructor fails on it.
            return cast(Connection, UnixDomainSocketConnection(path=self._url.path, **options))
        return self._tcp(host or self._url.host, port or self._url.port, options)

    async def open(self, host: str = "", port: int = 0) -> Connection:
        """The same, open. Raises RedisError, OSError."""
        return await _connected(self.make(host, port))

    async def open_sentinel(self, host: str, port: int) -> Connection:
        """A connection to a sentinel, which has credentials of its own. Raises RedisError, OSError."""
        credentials = {"username": self._url.sentinel_username, "password": self._url.sentinel_password}
        return await _connected(self._tcp(host, port, self._plain | credentials))

    def tls_context(self) -> ssl.SSLContext:
        """How a server's certificate is checked."""
        return self._context(SSLConnection(**self._tls).ssl_context)

    def _tcp(self, host: str, port: int, options: dict[str, Any]) -> Connection:
        options = options | {"host": host, "port": port, "socket_keepalive": True}
        if not self._url.tls:
            return Connection(**options)
        connection = SSLConnection(**options, **self._tls)
        connection.ssl_context.context = self._context(connection.ssl_context)
        return connection

    def _context(self, wanted: RedisSSLContext) -> ssl.SSLContext:
        """redis-py's believes the system's authorities beside the one that is named, and is made for each connection.

        The system's take 17 ms of the loop to read, so once is enough; a file may be another the next time.
        """
        if self._trusting is not None:
            return self._trusting
        if wanted.ca_certs or wanted.cert_reqs is ssl.CERT_NONE:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            context = ssl.create_default_context()
        context.check_hostname = wanted.check_hostname
        context.verify_mode = wanted.cert_reqs
        if wanted.ca_certs:
            context.load_verify_locations(wanted.ca_certs)
        if wanted.certfile:
            context.load_cert_chain(wanted.certfile, wanted.keyfile)
        if not wanted.ca_certs and not wanted.certfile:
            self._trusting = context
        return context


async def _connected(connection: Connection) -> Connection:
    try:
        await cast(Any, connection).connect()  # it has no types
    except BaseException:
        await hang_up(connection)
        raise
    return connection


def place_of(connection: Connection, otherwise: str) -> str:
    """The address that it leads to; `otherwise` where it leads to a unix socket."""
    host = getattr(connection, "host", "")
    return f"{host}:{connection.port}" if host else otherwise


async def hang_up(connection: Connection) -> None:
    """Close without waiting for a peer that may be frozen."""
    with suppress(Exception):
        await connection.disconnect(nowait=True)
