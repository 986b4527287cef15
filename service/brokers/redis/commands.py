"""One connection to a primary for this process's commands, in pipelines with deadlines.

What is asked in one turn of the loop, or while a pipeline is under way, goes as the next pipeline: an awaited redis-py
call costs 57 to 64 µs of CPU, one in a pipeline 8. At most one pipeline is under way, so commands of one lane take
effect in the order of asking. What stores messages goes first in each pipeline, and the other lanes have a bounded part
of it: however much is read, a message waits for one pipeline. Nothing is retried here: a lost reply means "perhaps",
and only the caller knows what to do then. What a node of a cluster refuses because a slot is another's was not done, so
it is handed on (`on_redirect`).
"""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import partial
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

import hiredis
from redis.asyncio.connection import Connection
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from service import metrics
from service.brokers.base import Fault, Unavailable, settle, unavailable
from service.brokers.redis.connection import DEADLINES, Connect, Deadlines, hang_up, place_of
from service.brokers.redis.refusals import describe_error, fault_of
from service.logs import fields

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


class Command(NamedTuple):
    """What waits to be sent. `tries`: how often it was redirected; `asking`: to a node that is taking the slot over."""

    args: tuple[Any, ...]
    reply: Reply
    lane: Lane
    cost: int
    tries: int = 0
    asking: bool = False


async def answer_of(send: Callable[[Reply], None]) -> Any:
    """What comes as the reply of what is sent, or raised if it is an exception."""
    future = asyncio.get_running_loop().create_future()
    send(partial(settle, future))
    return await future


Redirect = Callable[[Command, ResponseError], bool]
"""Another place is found for a command that was refused, because its slot is another's; False if none is."""
_REDIRECTS = (MovedError, AskError, TryAgainError, ClusterDownError)
_HANDED_ON = object()
_ASKING = hiredis.pack_command(("ASKING",))


class Scripts:
    """Lua files by name, and what Redis calls them: `sha` is the SHA-1 of the source."""

    def __init__(self, names: Sequence[str]) -> None:
        """Of "a+b": a script b that begins with what stands in a."""
        here = Path(__file__).parent
        parts = {name.rpartition("+")[2]: name.split("+") for name in names}
        self.sources = {
            name: b"".join((here / f"{part}.lua").read_bytes() for part in of) for name, of in parts.items()
        }
        self.sha = {name: sha1(source, usedforsecurity=False).hexdigest() for name, source in self.sources.items()}


class Commands:
    """`run` is the task that owns the connection. `send` and `call` never wait for it: away means `unavailable`."""

    def __init__(
        self,
        connect: Connect,
        scripts: Scripts,
        deadlines: Deadlines = DEADLINES,
        *,
        place: str = "",
        copies: int = 0,
        copies_seconds: float = 0.0,
        on_redirect: Redirect | None = None,
        queue_limits: Mapping[Lane, int] = QUEUE_LIMITS,
        pipeline_limits: Mapping[Lane, int] = PIPELINE_LIMITS,
    ) -> None:
        """`place`: what the log says of where it leads, while there is no connection that knows.

        `copies`: how many replicas must have a pipeline that stores messages before it is answered at all,
        within so many seconds, after which it is refused.
        """
        self._connect = connect
        self._deadlines = deadlines
        self._place = self._at = place
        self._copies = copies
        self._copies_seconds = copies_seconds
        # For a pipeline: a Redis that is only waiting for its replicas is not taken for a frozen one.
        self._reply_seconds = max(deadlines.reply, copies_seconds + deadlines.probe) if copies else deadlines.reply
        self._on_redirect = on_redirect
        self._queue_limits = queue_limits
        self._pipeline_limits = pipeline_limits
        self._scripts = scripts
        self._queues: dict[Lane, deque[Command]] = {lane: deque() for lane in Lane}
        self._wake = asyncio.Event()
        self._closing = False
        self._refused_at = 0.0
        self._policy = "noeviction"  # Redis's, as last seen
        self.version = ""  # the same, of its program
        self._demoted = ""  # what it said if it is no primary any more
        self._outdated = False  # whether another connection was told so
        self.copied = True  # whether there were enough copies of the last pipeline
        self.connected = False
        self.fault = Fault.AWAY  # why there is no connection, where there is none
        self.connections = 0  # made so far; what an earlier one was told, Redis may have lost
        # Called right before a pipeline is put together, for what gathers until then.
        self.gather: Callable[[], None] = lambda: None
        self.on_lost: Callable[[], None] = lambda: None  # also what gathers is lost
        self.on_trouble: Callable[[str, bool], None] = lambda why, lost: None  # see `Broker.on_trouble`
        self.on_demoted: Callable[[], None] = lambda: None  # it answers, and is no primary any more

    def send(self, args: tuple[Any, ...], reply: Reply, lane: Lane = Lane.STATE, cost: int = 1) -> None:
        """Queue a command; `reply` is called with its answer or with an exception, once, on a later turn.

        `cost`: how much of its lane's part of a pipeline it takes; about 1 for each ten keys or events that it reads.
        """
        self.push(Command(args, reply, lane, cost))

    def push(self, command: Command) -> None:
        """The same, of one that another node may have refused."""
        queue = self._queues[command.lane]
        if not self.connected or len(queue) >= self._queue_limits[command.lane]:
            asyncio.get_running_loop().call_soon(command.reply, unavailable(fault=self.fault))
            return
        queue.append(command)
        self._wake.set()

    def wake(self) -> None:
        """Something waits in `gather`."""
        self._wake.set()

    def renew(self) -> None:
        """Make another connection: what this one is to is no primary any more, though it may not have said so here."""
        self._outdated = True
        self._wake.set()

    async def run(self) -> None:
        """Connect, work, reconnect; until cancelled, or `close` and the queue is empty."""
        failures = 0
        while not self._closing:
            await self._deadlines.wait_to_reconnect(failures)
            connection, self._at = None, self._place
            try:
                async with asyncio.timeout(self._deadlines.connect):
                    connection = await self._connect()
                    self._at = place_of(connection, self._place)
                    await self._load_scripts(connection)
                    await self._ask_about(connection)
                self.connected, self.fault, failures = True, Fault.AWAY, 0
                self._demoted, self._outdated = "", False
                self.connections += 1
                await self._work(connection)
            except (RedisError, OSError, TimeoutError) as error:
                before, self.fault = self.fault, fault_of(error)
                if self.connected or failures == 0 or self.fault != before:
                    reason = describe_error(error)
                    extra = fields("redis_lost", connection="commands", host=self._at, reason=reason)
                    logger.warning("redis commands: %s", reason, extra=extra)
                    self.on_trouble(reason, True)
                failures += 1
            except Exception:
                # A fault of ours in what an answer led to. Connecting again beats a consumer that is dead.
                extra = fields("redis_failed", connection="commands", host=self._at)
                logger.exception("redis commands: failed", extra=extra)
                failures += 1
            finally:
                self.connected = False
                self._fail_waiting()
                if connection is not None:
                    await hang_up(connection)

    async def close(self) -> None:
        """Let `run` end once what waits is done."""
        self._closing = True
        self._wake.set()

    async def _load_scripts(self, connection: Connection) -> None:
        for source in self._scripts.sources.values():
            await connection.send_command("SCRIPT", "LOAD", source)
            await connection.read_response()

    async def _ask_about(self, connection: Connection) -> None:
        """Its version, and what it does when it is full.

        Under any policy but noeviction it then deletes what it has acknowledged. Said once a policy.
        """
        await connection.send_command("INFO")
        try:
            info = await connection.read_response()
        except ResponseError:  # a user who may not ask
            return
        version = re.search(rb"(?:valkey|redis)_version:([0-9a-z.-]+)", info)  # Valkey says its own first
        self.version = version[1].decode() if version else ""
        found = re.search(rb"maxmemory_policy:([a-z-]+)", info)
        policy = found[1].decode() if found else "noeviction"
        if policy not in ("noeviction", self._policy):
            deletes = "redis: maxmemory-policy is %s: at maxmemory it deletes messages; set noeviction"
            logger.warning(deletes, policy, extra=fields("redis_policy", reason=policy))
        self._policy = policy

    async def _work(self, connection: Connection) -> None:
        while True:
            if self._outdated:
                raise RedisConnectionError("no primary any more")
            if self._demoted:
                self.on_demoted()
                raise RedisConnectionError(self._demoted)
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
                    self._queues[Lane.STATE].append(Command(("PING",), lambda answer: None, Lane.STATE, 1))
                continue
            await self._exchange(connection, batch)

    async def _exchange(self, connection: Connection, batch: list[Command]) -> None:
        """Send a pipeline, and hand out its answers as they come, or once there are copies of it."""
        answered = 0
        held: list[Any] = []
        copies = self._copies and any(command.lane is Lane.SENDS for command in batch)
        try:
            async with asyncio.timeout(self._reply_seconds):
                # hiredis packs in C what redis-py's asyncio connection packs in Python: 8 % of a busy process.
                pack = hiredis.pack_command
                packed = b"".join([_ASKING + pack(one.args) if one.asking else pack(one.args) for one in batch])
                if copies:
                    wait: tuple[Any, ...] = ("WAIT", self._copies, int(1000 * self._copies_seconds))
                    packed += pack(wait)
                sent_at = time.monotonic()
                await connection.send_packed_command(packed, check_health=False)
                for command in batch:
                    answer = await self._answer(connection, command)
                    if sent_at:
                        metrics.ROUND_TRIP.observe(time.monotonic() - sent_at)
                        sent_at = 0.0
                    if copies:
                        held.append(answer)
                        continue
                    answered += 1
                    if answer is not _HANDED_ON:
                        command.reply(answer)
                if copies:
                    enough = self.copied = await self._read_copies(connection) >= self._copies
                    for command, answer in zip(batch, held, strict=True):
                        answered += 1
                        if answer is not _HANDED_ON:
                            command.reply(answer if enough or isinstance(answer, Exception) else _too_few_copies())
        finally:
            for number, command in enumerate(batch[answered:], answered):
                answer = held[number] if number < len(held) else None
                if answer is not _HANDED_ON:
                    command.reply(answer if isinstance(answer, Exception) else unavailable())

    async def _read_copies(self, connection: Connection) -> int:
        """The answer to WAIT: how many replicas have all."""
        try:
            return int(await connection.read_response(disable_decoding=True))
        except ResponseError:
            if not self._demoted:
                raise
            return 0  # a replica has none, and refuses to be asked

    async def _answer(self, connection: Connection, command: Command) -> Any:
        """The answer or the error that stands for it; `_HANDED_ON` where another node is asked instead."""
        try:
            if command.asking:
                with suppress(ResponseError):  # then the command is refused too, in an answer of its own
                    await connection.read_response()
            return await connection.read_response(disable_decoding=True)
        except NoScriptError:
            raise  # SCRIPT FLUSH: connecting again loads them
        except ResponseError as error:
            error.__traceback__ = None  # a circle around all of this: it leads to redis-py's frame, which has the error
            if isinstance(error, (ReadOnlyError, MasterDownError)):
                # The connection of a replica is of no use, whatever it was before.
                self._demoted = describe_error(error)
            elif isinstance(error, _REDIRECTS) and self._on_redirect is not None:
                return _HANDED_ON if self._on_redirect(command, error) else self._refused(error, Fault.CLUSTER)
            return self._refused(error)

    def _next(self) -> list[Command]:
        """The next pipeline: from each lane what came first, until it is empty or has had its part."""
        batch = []
        for lane, queue in self._queues.items():
            left = self._pipeline_limits[lane]
            while queue and left > 0:
                batch.append(queue.popleft())
                left -= batch[-1].cost
        return batch

    def _refused(self, error: ResponseError, fault: Fault | None = None) -> Exception:
        """OOM, READONLY, MISCONF …: Redis is there and won't. Said once a second, however many ask."""
        if "WRONGTYPE" in str(error):
            return WrongType()
        now = time.monotonic()
        if now - self._refused_at >= 1:
            self._refused_at = now
            reason = describe_error(error)
            extra = fields("redis_refused", host=self._at, reason=reason)
            logger.warning("redis refused a command: %s", reason, extra=extra)
            self.on_trouble(reason, False)
        return unavailable(fault=fault or fault_of(error))

    def _fail_waiting(self) -> None:
        self.on_lost()
        queues, self._queues = self._queues, {lane: deque() for lane in Lane}
        for queue in queues.values():
            for command in queue:
                command.reply(unavailable(fault=self.fault))


def _too_few_copies() -> Unavailable:
    return unavailable("too few copies hold the message", Fault.COPIES)
