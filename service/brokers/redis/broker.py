"""The broker on Redis: its parts, put together, and the tasks that they need."""

import asyncio
import secrets
from contextlib import suppress
from typing import Any

from service.brokers.broker import Broker
from service.brokers.contents import Contents
from service.brokers.log import Subscriber
from service.brokers.redis import url as redis_url
from service.brokers.redis.connection import DEADLINES, Deadlines
from service.brokers.redis.deliveries import RedisDeliveries
from service.brokers.redis.directory import RedisDirectory
from service.brokers.redis.keys import Keyspace
from service.brokers.redis.log import RedisLog
from service.brokers.redis.names import RedisNames
from service.brokers.redis.presence import RedisPresence
from service.brokers.redis.rooms import RoomIndex
from service.brokers.redis.shards import PROBE_MS, Shards
from service.protocol import RequestError

BROKER_CLOSE_TIMEOUT = 2.0  # seconds in which what waits at the end may still be done

_SCRIPTS = (
    "log+publish",
    "log+history",
    "log+reads",
    "log+rooms",
    "log+forget",
    "visits",
    "presence",
    "names",
    "processes",
    "index",
    "barred",
    "bucket",
    "deliveries",
)


class RedisBroker(Broker):
    """See brokers/ for the contracts and the scripts for how each step is one."""

    log: RedisLog
    presence: RedisPresence
    directory: RedisDirectory
    deliveries: RedisDeliveries

    def __init__(
        self,
        url: str,
        *,
        history_limit: int,
        history_days: float,
        prefix: str = "parley",
        copies: int = 0,
        copies_seconds: float = 1.0,
        self_signed: bool = False,
        channels: bytes = b"",
        deadlines: Deadlines = DEADLINES,
        secret: str = "",
        **presence: Any,
    ) -> None:
        """`prefix`: what all keys and channels begin with; `channels`: what the latter do instead.

        `copies`: how many replicas must hold a message before it is acknowledged, within so many seconds.
        `secret`: with which what was sent under an id is kept, the same in every process.
        `presence`: options of RedisPresence.
        """
        super().__init__()
        process = secrets.token_hex(8)
        keys = Keyspace(prefix, redis_url.parse(url).database, channels)
        shards = self.shards = Shards(
            url,
            "parley-" + process,
            keys,
            _SCRIPTS,
            deadlines,
            self_signed=self_signed,
            copies=copies,
            copies_seconds=copies_seconds,
        )
        shards.on_trouble = lambda why, lost: self.on_trouble(why, lost)
        names = RedisNames(shards)
        index = self.index = RoomIndex(shards, int(history_days * 86400))
        self.log = RedisLog(shards, process, index.note, history_limit=history_limit, contents=Contents(secret))
        self.presence = RedisPresence(shards, process, index.note, names, **presence)
        self.directory = RedisDirectory(shards, names, index, self.presence)
        self.deliveries = RedisDeliveries(shards)
        self._sweeper: list[asyncio.Task[None]] = []

    @property
    def version(self) -> str:  # type: ignore[override]
        return next((shard.commands.version for shard in self.shards.shards if shard.commands.version), "")

    @property
    def available(self) -> bool:
        return self.log.available

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs for it."""
        return [*self.shards.tasks, *self._sweeper]

    async def open(self, subscriber: Subscriber) -> None:
        self.log.open(subscriber)
        self.shards.open()
        self._sweeper = [asyncio.ensure_future(self.index.run())]

    async def try_write(self) -> None:
        await self.shards.on_each("SET", 1, "PX", PROBE_MS)

    def now(self) -> float | None:
        """On a cluster by the clock of one primary, which is taken for that of all."""
        return self.presence.now()

    async def close(self) -> None:
        with suppress(RequestError):
            await self.presence.end()
        await self.shards.close(BROKER_CLOSE_TIMEOUT)
        for task in self._sweeper:
            task.cancel()
        await asyncio.gather(*self._sweeper, return_exceptions=True)
