"""The broker in one process: logs, read positions and sanctions in a SQLite file, everything else in memory.

A restart empties presence, names and tickets, as every socket is gone with the process.
"""

import asyncio
import logging
import sqlite3
from typing import Any

from service.brokers.broker import Broker
from service.brokers.contents import Contents
from service.brokers.log import Subscriber
from service.brokers.sqlite.deliveries import SqliteDeliveries
from service.brokers.sqlite.directory import SqliteDirectory
from service.brokers.sqlite.file import File
from service.brokers.sqlite.log import SqliteLog
from service.brokers.sqlite.presence import MemoryPresence
from service.clock import CLOCK, STEADY, Clock
from service.logs import fields
from service.protocol import RequestError

logger = logging.getLogger(__name__)

UPKEEP_INTERVAL = 5.0  # seconds
UPKEEP_STEPS = 20  # transactions of a few ms in one round
DAY_MS = 24 * 3600 * 1000


class SqliteBroker(Broker):
    """`open` raises ConfigError (naming SQLITE_PATH) if the file can't be had."""

    log: SqliteLog
    presence: MemoryPresence
    directory: SqliteDirectory
    deliveries: SqliteDeliveries
    version = sqlite3.sqlite_version

    def __init__(
        self,
        path: str,
        *,
        history_limit: int,
        history_days: float,
        clock: Clock = CLOCK,
        file: File | None = None,
        upkeep_interval: float = UPKEEP_INTERVAL,
        secret: str = "",
        **log: Any,
    ) -> None:
        """`file`: in the place of one made of `path`. `log`: options of SqliteLog.

        `secret`: with which what was sent under an id is kept.
        """
        super().__init__()
        self._clock = clock
        self._upkeep_interval = upkeep_interval
        self._file = file or File(path, clock)
        self._file.on_trouble = lambda why: self.on_trouble(why, False)
        self.log = SqliteLog(self._file, history_limit, int(history_days * DAY_MS), contents=Contents(secret), **log)
        self.presence = MemoryPresence(self.log)
        self.directory = SqliteDirectory(self.log, self.presence)
        self.deliveries = SqliteDeliveries(self._file)

    @property
    def available(self) -> bool:
        return self.log.available

    async def open(self, subscriber: Subscriber) -> None:
        self.log.open(subscriber)
        await self._file.open()
        self._upkeep = asyncio.ensure_future(self._run_upkeep())

    async def try_write(self) -> None:
        await self._file.try_write()

    def now(self) -> float | None:
        return self._clock.now()

    async def close(self) -> None:
        self._upkeep.cancel()
        await asyncio.gather(self._upkeep, return_exceptions=True)
        await self._file.close()

    async def _run_upkeep(self) -> None:
        while True:
            await asyncio.sleep(self._upkeep_interval)
            try:
                await self.upkeep()
            except RequestError:
                continue  # the disk is away, and that was said
            except Exception:
                logger.exception("the upkeep failed", extra=fields("sqlite_failed"))

    async def upkeep(self) -> None:
        """What runs out goes, once the clock can be trusted; a disk that refused is tried again."""
        self.directory.sweep()
        self.deliveries.sweep()
        await self.log.tidy()
        if not self._file.writable:
            await self._file.try_write()
        if self._clock.steady(STEADY):
            await self.directory.lift_over()
            for _ in range(UPKEEP_STEPS):
                if not await self.log.age():
                    break
