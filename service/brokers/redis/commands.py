"""One connection to Redis for all of this process's commands, in pipelines with deadlines.

What is asked in one turn of the loop, or while a pipeline is under way, goes as the next pipeline: an awaited redis-py
call costs 57 to 64 µs of CPU, one in a pipeline 8. At most one pipeline is under way, so commands of one lane take
effect in the order of asking. What stores messages goes first in each pipeline, and the other lanes have a bounded part
of it: however much is read, a message waits for one pipeline. Nothing is retried here: a lost reply means "perhaps",
and only the caller knows what to do then.
"""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, cast

import hiredis
from redis.asyncio.connection import Connection
from redis.exceptions import NoScriptError, RedisError, ResponseError

from service.brokers.base import Fault, Unavailable, unavailable
from service.brokers.redis.connection import DEADLINES, Deadlines, hang_up
from service.brokers.redis.refusals import describe, fault_of

logger = logging.getLogger(__name__)

Reply = Callable[[Any], None]  # with the reply, or an exception


class Lane(IntEnum):
    """The queue that a command waits in, in the order in which a pipeline is filled."""

    SENDS = 0  # what stores messages
    STATE = 1  # people, names, tickets, signals: small, and nothing that a message waits for
    READS = 2  # pages and lists


QUEUE_LIMITS = {Lane.SENDS: 20_000, Lane.STATE: 20_000, Lane.READS: 5_000}
"""Commands waiting in a lane, past which a slow Redis counts, for this lane, as an absent one."""
PIPELINE_LIMITS = {Lane.SENDS: 512, Lane.STATE: 128, Lane.READS: 32}
"""What commands of a lane may cost in one pipeline. 32 pages of 10 events take Redis and us about 2 ms."""


class WrongType(Unavailable):
    """A key holds something of another type than ours: `unavailable` to who asked, unless the caller can mend it."""

    def __init__(self) -> None:
        super().__init__("the broker's record is damaged", Fault.DAMAGED)


class Commands:
    """`run` is the task that owns the connection. `send` and `call` never wait for it: away means `unavailable`."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        scripts: tuple[str, ...],
        deadlines: Deadlines = DEADLINES,
        *,
        queue_limits: Mapping[Lane, int] = QUEUE_LIMITS,
        pipeline_limits: Mapping[Lane, int] = PIPELINE_LIMITS,
    ) -> None:
        self._connect = connect
        self._deadlines = deadlines
        self._queue_limits = queue_limits
        self._pipeline_limits = pipeline_limits
        here = Path(__file__).parent
        # "a+b": a script b that begins with what stands in a.
        parts = {name.rpartition("+")[2]: name.split("+") for name in scripts}
        self._sources = {
            name: b"".join((here / f"{part}.lua").read_bytes() for part in of) for name, of in parts.items()
        }
        self._queues: dict[Lane, deque[tuple[tuple[Any, ...], Reply, int]]] = {lane: deque() for lane in Lane}
        self._wake = asyncio.Event()
        self._closing = False
        self._refused_at = 0.0
        self._policy = "noeviction"  # Redis's, as last seen
        self.scripts: dict[str, str] = {}  # name to SHA-1, once loaded
        self.connected = False
        self.fault = Fault.AWAY  # why there is no connection, where there is none
        self.connections = 0  # made so far; what an earlier one was told, Redis may have lost
        # Called right before a pipeline is put together, for what gathers until then.
        self.gather: Callable[[], None] = lambda: None
        self.on_connected: Callable[[], None] = lambda: None

    def send(self, args: tuple[Any, ...], reply: Reply, lane: Lane = Lane.STATE, cost: int = 1) -> None:
        """Queue a command; `reply` is called with its answer or with an exception, once, on a later turn.

        `cost`: how much of its lane's part of a pipeline it takes; about 1 for each ten keys or events that it reads.
        """
        queue = self._queues[lane]
        if not self.connected or len(queue) >= self._queue_limits[lane]:
            asyncio.get_running_loop().call_soon(reply, unavailable(fault=self.fault))
            return
        queue.append((args, reply, cost))
        self._wake.set()

    def wake(self) -> None:
        """Something waits in `gather`."""
        self._wake.set()

    async def call(self, *args: Any, lane: Lane = Lane.STATE, cost: int = 1) -> Any:
        """The command's answer. Raises `unavailable`, also for a refusal (OOM, READONLY, LOADING …), or `WrongType`."""
        future = asyncio.get_running_loop().create_future()

        def reply(answer: Any) -> None:
            if not future.done():
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

        self.send(args, reply, lane, cost)
        return await future

    def post(self, *args: Any) -> None:
        """A command whose answer nobody waits for."""
        self.send(args, lambda answer: None)

    async def script(
        self, name: str, keys: Sequence[str | bytes], *args: Any, lane: Lane = Lane.STATE, cost: int = 1
    ) -> Any:
        """The answer of one of our scripts."""
        sha = self.scripts.get(name, "")
        return await self.call("EVALSHA", sha, len(keys), *keys, *args, lane=lane, cost=cost)

    async def run(self) -> None:
        """Connect, work, reconnect; until cancelled, or `close` and the queue is empty."""
        failures = 0
        while not self._closing:
            await self._deadlines.wait_to_reconnect(failures)
            connection = self._connect()
            try:
                async with asyncio.timeout(self._deadlines.connect):
                    await cast(Any, connection).connect()  # it has no types
                    await self._load_scripts(connection)
                    await self._look_at_policy(connection)
                self.connected, self.fault, failures = True, Fault.AWAY, 0
                self.connections += 1
                self.on_connected()
                await self._work(connection)
            except (RedisError, OSError, TimeoutError) as error:
                before, self.fault = self.fault, fault_of(error)
                if self.connected or failures == 0 or self.fault != before:
                    logger.warning("redis commands: %s", describe(error))
                failures += 1
            except Exception:
                # A fault of ours in what an answer led to. Connecting again beats a consumer that is dead.
                logger.exception("redis commands: failed")
                failures += 1
            finally:
                self.connected = False
                self._fail_waiting()
                await hang_up(connection)

    async def close(self) -> None:
        """Let `run` end once what waits is done."""
        self._closing = True
        self._wake.set()

    async def _load_scripts(self, connection: Connection) -> None:
        for name, source in self._sources.items():
            await connection.send_command("SCRIPT", "LOAD", source)
            self.scripts[name] = (await connection.read_response()).decode()

    async def _look_at_policy(self, connection: Connection) -> None:
        """Under any policy but noeviction a full Redis deletes what it has acknowledged. Said once a policy."""
        await connection.send_command("INFO", "memory")
        try:
            info = await connection.read_response()
        except ResponseError:  # a user who may not ask
            return
        found = re.search(rb"maxmemory_policy:([a-z-]+)", info)
        policy = found[1].decode() if found else "noeviction"
        if policy not in ("noeviction", self._policy):
            logger.warning("redis: maxmemory-policy is %s: at maxmemory it deletes messages; set noeviction", policy)
        self._policy = policy

    async def _work(self, connection: Connection) -> None:
        while True:
            self.gather()
            batch = self._next()
            if not batch:
                if self._closing:
                    return
                self._wake.clear()
                try:
                    async with asyncio.timeout(self._deadlines.probe):
                        await self._wake.wait()
                except TimeoutError:
                    self._queues[Lane.STATE].append((("PING",), lambda answer: None, 1))
                continue
            answered = 0
            try:
                async with asyncio.timeout(self._deadlines.reply):
                    # hiredis packs in C what redis-py's asyncio connection packs in Python: 8 % of a busy process.
                    packed = b"".join([hiredis.pack_command(args) for args, _, _ in batch])
                    await connection.send_packed_command(packed, check_health=False)
                    for _, reply, _ in batch:
                        try:
                            answer = await connection.read_response(disable_decoding=True)
                        except NoScriptError:
                            raise  # SCRIPT FLUSH: connecting again loads them
                        except ResponseError as error:
                            answer = self._refused(error)
                        answered += 1
                        reply(answer)
            finally:
                for _, reply, _ in batch[answered:]:
                    reply(unavailable())

    def _next(self) -> list[tuple[tuple[Any, ...], Reply, int]]:
        """The next pipeline: from each lane what came first, until it is empty or has had its part."""
        batch = []
        for lane, queue in self._queues.items():
            left = self._pipeline_limits[lane]
            while queue and left > 0:
                batch.append(queue.popleft())
                left -= batch[-1][2]
        return batch

    def _refused(self, error: ResponseError) -> Exception:
        """OOM, READONLY, MISCONF …: Redis is there and won't. Said once a second, however many ask."""
        if "WRONGTYPE" in str(error):
            return WrongType()
        now = time.monotonic()
        if now - self._refused_at >= 1:
            self._refused_at = now
            logger.warning("redis refused a command: %s", describe(error))
        return unavailable(fault=fault_of(error))

    def _fail_waiting(self) -> None:
        self.gather()
        queues, self._queues = self._queues, {lane: deque() for lane in Lane}
        for queue in queues.values():
            for _, reply, _ in queue:
                reply(unavailable(fault=self.fault))
