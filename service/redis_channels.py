"""One connection to Redis for all of this process's subscriptions.

redis-py's PubSub reconnects by itself and says nothing; here one task owns the connection, a set holds what is wished
for, and every confirmation is passed on, because what was published before it may have been missed.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from redis.asyncio.connection import Connection
from redis.exceptions import RedisError

from service.redis_commands import CONNECT_TIMEOUT, PING_INTERVAL, hang_up, reconnect_delay

logger = logging.getLogger(__name__)

SILENCE_LIMIT = 4.0  # seconds without a byte, not even the answer to a ping, after which the connection is dead


class Channels:
    """`run` is the task that owns the connection."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        on_message: Callable[[bytes, bytes], None],
        on_subscribed: Callable[[list[bytes]], None],
    ) -> None:
        self._connect = connect
        self._on_message = on_message
        self._on_subscribed = on_subscribed
        self._wished: set[bytes] = set()
        self._asked: set[bytes] = set()  # on the connection as it is
        self._changed = asyncio.Event()
        self._confirmed: list[bytes] = []
        self._heard_at = 0.0
        self.connected = False

    def subscribe(self, channel: bytes) -> None:
        self._wished.add(channel)
        self._asked.discard(channel)  # wished for again in the same turn: a confirmation is due all the same
        self._changed.set()

    def unsubscribe(self, channel: bytes) -> None:
        self._wished.discard(channel)
        self._changed.set()

    async def run(self) -> None:
        """Connect, subscribe, read, reconnect; until cancelled."""
        failures = 0
        while True:
            await reconnect_delay(failures)
            connection = self._connect()
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await cast(Any, connection).connect()  # it has no types
                self._asked.clear()
                self._confirmed.clear()
                self._heard_at = time.monotonic()
                self._changed.set()
                writer = asyncio.ensure_future(self._write(connection))
                try:
                    self.connected, failures = True, 0
                    await self._read(connection)
                finally:
                    writer.cancel()
                    await asyncio.gather(writer, return_exceptions=True)
            except (RedisError, OSError, TimeoutError) as error:
                if self.connected or failures == 0:
                    logger.warning("redis channels: %s", str(error) or type(error).__name__)
                failures += 1
            except Exception:
                # A fault of ours in what an answer led to. Connecting again beats a consumer that is dead.
                logger.exception("redis channels: failed")
                failures += 1
            finally:
                self.connected = False
                await hang_up(connection)

    async def _read(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # Waits only when the parser is empty, so a burst is read in one turn of the loop.
            reply = await connection.read_response(disable_decoding=True)
            self._heard_at = time.monotonic()
            kind = reply[0] if isinstance(reply, list) else b""
            if kind == b"message":
                self._on_message(reply[1], reply[2])
            elif kind == b"subscribe":
                if not self._confirmed:
                    loop.call_soon(self._pass_on)
                self._confirmed.append(reply[1])

    def _pass_on(self) -> None:
        confirmed, self._confirmed = self._confirmed, []
        if confirmed:
            self._on_subscribed(confirmed)

    async def _write(self, connection: Connection) -> None:
        """Keep what is asked equal to what is wished, and the connection tried."""
        loop = asyncio.get_running_loop()
        ping_at = loop.time() + PING_INTERVAL
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(ping_at):
                        await self._changed.wait()
                if loop.time() >= ping_at:  # whatever else was sent: a wish taken back in its turn sends nothing
                    ping_at = loop.time() + PING_INTERVAL
                    await connection.send_command("PING", check_health=False)
                if time.monotonic() - self._heard_at > SILENCE_LIMIT:
                    logger.warning("redis channels: silent for %.0f s", SILENCE_LIMIT)
                    break
                self._changed.clear()
                add, drop = self._wished - self._asked, self._asked - self._wished
                self._asked = set(self._wished)
                if add:
                    await connection.send_command("SUBSCRIBE", *add, check_health=False)
                if drop:
                    await connection.send_command("UNSUBSCRIBE", *drop, check_health=False)
        except (RedisError, OSError):
            pass
        await hang_up(connection)  # the reader notices
