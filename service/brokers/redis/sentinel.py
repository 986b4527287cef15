"""Who is the primary, by the word of Redis's sentinels (redis.io, "Sentinel client spec")."""

import asyncio

from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from service.brokers.redis.connection import DEADLINES, Connector, hang_up
from service.brokers.redis.refusals import describe_error
from service.brokers.redis.url import RedisUrl


class Sentinels:
    """`open` is what a reconnect does: it asks again, so whatever Redis takes over is found."""

    def __init__(self, url: RedisUrl, connector: Connector, connect_timeout: float = DEADLINES.connect) -> None:
        self._connector = connector
        self._master = url.master
        self._hosts = list(url.hosts)
        self._timeout = connect_timeout / (len(self._hosts) + 1)  # of which the last part is for Redis itself

    async def open(self) -> Connection:
        """A connection to what a sentinel names, if that says itself that it is the master.

        Raises RedisError, OSError, TimeoutError. The sentinel that was believed is asked last the next time: it may be
        the one that is cut off from what the others decide.
        """
        unheard, why = "no sentinel answers", None
        for host, port in list(self._hosts):
            self._hosts.remove((host, port))
            self._hosts.append((host, port))
            try:
                async with asyncio.timeout(self._timeout):
                    address = await self._ask(host, port)
            except (RedisError, OSError, TimeoutError) as error:
                unheard, why = f"the sentinel {host}:{port}: {describe_error(error)}", error
                continue
            if address is None:
                unheard, why = f"the sentinel {host}:{port} knows of no master {self._master!r}", None
                continue
            return await self._open_master(*address)
        raise RedisConnectionError(unheard) from why

    async def _ask(self, host: str, port: int) -> tuple[str, int] | None:
        sentinel = await self._connector.open_sentinel(host, port)
        try:
            await sentinel.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._master)
            answer = await sentinel.read_response(disable_decoding=True)
        finally:
            await hang_up(sentinel)
        if answer is None:
            return None
        try:
            name, number = answer
            return name.decode(), int(number)
        except (TypeError, ValueError, AttributeError):
            raise RedisConnectionError(f"not a sentinel's answer: {answer!r:.200}") from None

    async def _open_master(self, host: str, port: int) -> Connection:
        connection = await self._connector.open(host, port)
        try:
            await connection.send_command("ROLE")
            role = await connection.read_response(disable_decoding=True)
            if role[0] != b"master":
                raise RedisConnectionError(f"{host}:{port}, the master by a sentinel's word, is a {role[0].decode()}")
        except BaseException:
            await hang_up(connection)
            raise
        return connection
