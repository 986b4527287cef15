"""One connection to a primary for this process's subscriptions.

redis-py's PubSub reconnects by itself and says nothing; here one task owns the connection, a set holds what is wanted
for, and every confirmation is passed on, because what was published before it may have been missed.

A cluster has a channel in the slot of its name (sharded Pub/Sub), and says so when that moves away.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from redis.asyncio.connection import Connection
from redis.exceptions import ClusterDownError, MovedError, RedisError

from service.brokers.redis.connection import DEADLINES, Connect, Deadlines, hang_up, place_of
from service.brokers.redis.refusals import describe_error
from service.logs import fields

logger = logging.getLogger(__name__)


class Channels:
    """`run` is the task that owns the connection."""

    def __init__(
        self,
        connect: Connect,
        on_message: Callable[[bytes, bytes], None],
        on_subscribed: Callable[[list[bytes]], None],
        deadlines: Deadlines = DEADLINES,
        *,
        place: str = "",
        sharded: bool = False,
        on_moved: Callable[[], None] = lambda: None,
    ) -> None:
        """`place`: see `Commands`. `sharded`: as a cluster has channels.

        `on_moved`: some are another node's, or nobody's, now.
        """
        self._connect = connect
        self._deadlines = deadlines
        self._place = self._at = place
        self._on_message = on_message
        self._on_subscribed = on_subscribed
        self._sharded = sharded
        self._commands = ("SSUBSCRIBE", "SUNSUBSCRIBE") if sharded else ("SUBSCRIBE", "UNSUBSCRIBE")
        self._on_moved = on_moved
        self._wanted: set[bytes] = set()
        self._asked: set[bytes] = set()  # on the connection as it is
        self._held: set[bytes] = set()  # of which it was confirmed
        self._changed = asyncio.Event()
        self._refused = False  # whether something was, which is not in what is held
        self._confirmed: list[bytes] = []
        self._silent_probes = 0  # sent since anything was heard
        self._outdated = False  # whether another connection is wanted
        self.on_trouble: Callable[[str, bool], None] = lambda why, lost: None  # see `Broker.on_trouble`
        self.connected = False

    def subscribe(self, channel: bytes) -> None:
        self._wanted.add(channel)
        self._asked.discard(channel)  # wanted again in the same turn: a confirmation is due all the same
        self._changed.set()

    def unsubscribe(self, channel: bytes) -> None:
        self._wanted.discard(channel)
        self._changed.set()

    def ask_again(self) -> None:
        """For what is not confirmed, if something was refused: a node of a cluster does that with what is another's."""
        if self._refused:
            self._refused = False
            self._asked &= self._held
            self._changed.set()

    def renew(self) -> None:
        """Make another connection: what this one is to is no primary any more, and hears what it is told at best."""
        self._outdated = True
        self._changed.set()

    async def run(self) -> None:
        """Connect, subscribe, read, reconnect; until cancelled."""
        failures = 0
        while True:
            await self._deadlines.wait_to_reconnect(failures)
            connection, self._at = None, self._place
            try:
                self._outdated = False
                async with asyncio.timeout(self._deadlines.connect):
                    connection = await self._connect()
                    self._at = place_of(connection, self._place)
                self._asked.clear()
                self._held.clear()
                self._confirmed.clear()
                self._silent_probes = 0
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
                    reason = describe_error(error)
                    extra = fields("redis_lost", connection="channels", host=self._at, reason=reason)
                    logger.warning("redis channels: %s", reason, extra=extra)
                    self.on_trouble(reason, True)
                failures += 1
            except Exception:
                # A fault of ours in what an answer led to. Connecting again beats a consumer that is dead.
                extra = fields("redis_failed", connection="channels", host=self._at)
                logger.exception("redis channels: failed", extra=extra)
                failures += 1
            finally:
                self.connected = False
                if connection is not None:
                    await hang_up(connection)

    async def _read(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # Waits only when the parser is empty, so a burst is read in one turn of the loop.
            try:
                reply = await connection.read_response(disable_decoding=True)
            except (MovedError, ClusterDownError):
                self._silent_probes = 0
                self._refused = True
                self._on_moved()
                continue
            self._silent_probes = 0
            kind = reply[0] if isinstance(reply, list) else b""
            if kind in (b"message", b"smessage"):
                self._on_message(reply[1], reply[2])
            elif kind in (b"subscribe", b"ssubscribe"):
                if not self._confirmed:
                    loop.call_soon(self._pass_on)
                self._confirmed.append(reply[1])
                self._held.add(reply[1])
            elif kind in (b"unsubscribe", b"sunsubscribe"):
                self._held.discard(reply[1])
                if reply[1] in self._asked:  # unasked for: its slot moved away
                    self._refused = True
                    self._on_moved()

    def _pass_on(self) -> None:
        confirmed, self._confirmed = self._confirmed, []
        if confirmed:
            self._on_subscribed(confirmed)

    async def _write(self, connection: Connection) -> None:
        """Keep what is asked equal to what is wanted, and the connection tried.

        Silence is counted in probes, not in seconds: a loop that was held, and heard nothing for so long, sends one.
        """
        loop = asyncio.get_running_loop()
        probe_at = loop.time() + self._deadlines.probe
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(probe_at):
                        await self._changed.wait()
                if self._outdated:
                    break
                # Whatever else was sent: a subscription taken back in its turn sends nothing.
                if loop.time() >= probe_at:
                    if self._silent_probes >= self._deadlines.silent_probes:
                        silence = self._deadlines.silent_probes * self._deadlines.probe
                        extra = fields("redis_silent", connection="channels", host=self._at, seconds=silence)
                        logger.warning("redis channels: silent for %.0f s", silence, extra=extra)
                        self.on_trouble(f"silent for {silence:.0f} s", True)
                        break
                    probe_at = loop.time() + self._deadlines.probe
                    self._silent_probes += 1
                    await connection.send_command("PING", check_health=False)
                self._changed.clear()
                add, drop = self._wanted - self._asked, self._asked - self._wanted
                self._asked = set(self._wanted)
                for command, names in zip(self._commands, (add, drop), strict=True):
                    # On a cluster one command names channels of one slot.
                    for together in [[name] for name in names] if self._sharded else [names] if names else []:
                        await connection.send_command(command, *together, check_health=False)
        except (RedisError, OSError):
            pass
        await hang_up(connection)  # the reader notices
