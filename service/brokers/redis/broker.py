"""The broker on Redis: its parts, put together, and the tasks that they need.

Two connections a process: one for commands, one for subscriptions (in the log).
"""

import asyncio
import secrets
from contextlib import suppress
from typing import Any

from service.brokers.broker import Broker
from service.brokers.log import Subscriber
from service.brokers.redis.commands import Commands, Lane
from service.brokers.redis.connection import DEADLINES, Deadlines, connector
from service.brokers.redis.directory import RedisDirectory
from service.brokers.redis.keys import channel_prefix
from service.brokers.redis.log import RedisLog
from service.brokers.redis.names import Names
from service.brokers.redis.presence import RedisPresence
from service.brokers.redis.rooms import RoomIndex
from service.protocol import RequestError

_PROBE = "parley:probe"
_PROBE_MS = 10_000

_SCRIPTS = (
    "log+publish",
    "log+history",
    "log+reads",
    "log+rooms",
    "visits",
    "presence",
    "names",
    "processes",
    "bucket",
)


class RedisBroker(Broker):
    """See brokers/ for the contracts and the scripts for how each step is one."""

    log: RedisLog
    presence: RedisPresence
    directory: RedisDirectory

    def __init__(
        self,
        url: str,
        *,
        history_limit: int,
        history_days: float,
        self_signed: bool = False,
        channels: bytes | None = None,
        deadlines: Deadlines = DEADLINES,
        **presence: Any,
    ) -> None:
        """`channels`: what the names of the channels begin with, if not with the database's own prefix.

        `presence`: options of RedisPresence.
        """
        process = secrets.token_hex(8)
        connect = connector(url, self_signed, "parley-" + process, deadlines.connect)
        commands = self.commands = Commands(connect, _SCRIPTS, deadlines)
        prefix = channel_prefix(url) if channels is None else channels
        names = Names(commands)
        index = self.index = RoomIndex(commands, int(history_days * 86400))
        self.log = RedisLog(commands, connect, deadlines, prefix, process, index.note, history_limit=history_limit)
        self.presence = RedisPresence(commands, prefix, process, index.note, names, **presence)
        self.directory = RedisDirectory(commands, prefix, names, index, self.presence)
        self._work = (commands.run, self.log.channels.run, index.run)
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def available(self) -> bool:
        return self.log.available

    async def open(self, subscriber: Subscriber) -> None:
        self.log.open(subscriber)
        self.tasks = [asyncio.ensure_future(run()) for run in self._work]

    async def try_write(self) -> None:
        await self.commands.call("SET", _PROBE, 1, "PX", _PROBE_MS, lane=Lane.STATE)

    async def close(self) -> None:
        with suppress(RequestError):
            await self.presence.end()
        await self.commands.close()
        commands = self.tasks[0]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(commands), 2)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
