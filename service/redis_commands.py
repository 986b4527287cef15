"""One connection to Redis for all of this process's commands, in pipelines with deadlines.

What is asked in one turn of the loop, or while a pipeline is under way, goes as the next pipeline: an awaited redis-py
call costs 57 to 64 µs of CPU, one in a pipeline 8. At most one pipeline is under way, so commands take effect in
the order of asking. Nothing is retried here: a lost reply means "perhaps", and only the caller knows what to do then.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from service.broker import unavailable

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 3.0  # seconds
REPLY_TIMEOUT = 4.0  # seconds for a whole pipeline; with PING_INTERVAL, a frozen Redis is noticed within 6
PING_INTERVAL = 2.0  # seconds of idleness after which the connection is tried; Heroku's Redis cuts idle ones at 300
RECONNECT_MIN, RECONNECT_MAX = 0.05, 1.0  # seconds, with full jitter
PIPELINE_LIMIT = 512  # commands
QUEUE_LIMIT = 20_000  # commands waiting, past which a slow Redis counts as an absent one

Reply = Callable[[Any], None]  # with the reply, or an exception


def connector(url: str, self_signed: bool, name: str) -> Callable[[], Connection]:
    """A maker of connections with every timeout and retry set by us: redis-py's defaults differ by constructor."""
    options: dict[str, Any] = {
        "protocol": 2,  # measured a little cheaper to parse than RESP3
        "socket_timeout": None,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "client_name": name,
    }
    if url.startswith("rediss:") and self_signed:
        options["ssl_cert_reqs"] = "none"  # Heroku's certificates are self-signed
    pool = ConnectionPool.from_url(url, **options)
    return pool.make_connection


async def reconnect_delay(failures: int) -> None:
    """Full jitter between attempts, none before the first."""
    if failures:
        await asyncio.sleep(random.uniform(0, min(RECONNECT_MAX, RECONNECT_MIN * 2**failures)))


async def hang_up(connection: Connection) -> None:
    """Close without waiting for a peer that may be frozen."""
    with suppress(Exception):
        await connection.disconnect(nowait=True)


class Commands:
    """`run` is the task that owns the connection. `send` and `call` never wait for it: away means `unavailable`."""

    def __init__(self, connect: Callable[[], Connection], scripts: tuple[str, ...]) -> None:
        self._connect = connect
        here = Path(__file__).parent
        self._sources = {name: (here / f"{name}.lua").read_bytes() for name in scripts}
        self._queue: deque[tuple[tuple[Any, ...], Reply]] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._refused_at = 0.0
        self.scripts: dict[str, str] = {}  # name to SHA-1, once loaded
        self.connected = False
        # Called right before a pipeline is put together, for what gathers until then.
        self.gather: Callable[[], None] = lambda: None
        self.on_connected: Callable[[], None] = lambda: None

    def send(self, args: tuple[Any, ...], reply: Reply) -> None:
        """Queue a command; `reply` is called with its answer or with an exception, once, on a later turn."""
        if not self.connected or len(self._queue) >= QUEUE_LIMIT:
            asyncio.get_running_loop().call_soon(reply, unavailable())
            return
        self._queue.append((args, reply))
        self._wake.set()

    def wake(self) -> None:
        """Something waits in `gather`."""
        self._wake.set()

    async def call(self, *args: Any) -> Any:
        """The command's answer. Raises `unavailable`, also for a refusal (OOM, READONLY, LOADING …)."""
        future = asyncio.get_running_loop().create_future()

        def reply(answer: Any) -> None:
            if not future.done():
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

        self.send(args, reply)
        return await future

    def forget(self, *args: Any) -> None:
        """A command whose answer nobody waits for."""
        self.send(args, lambda answer: None)

    async def script(self, name: str, keys: tuple[str, ...], *args: Any) -> Any:
        """The answer of one of our scripts."""
        return await self.call("EVALSHA", self.scripts.get(name, ""), len(keys), *keys, *args)

    async def run(self) -> None:
        """Connect, work, reconnect; until cancelled, or `close` and the queue is empty."""
        failures = 0
        while not self._closing:
            await reconnect_delay(failures)
            connection = self._connect()
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await cast(Any, connection).connect()  # it has no types
                    await self._load_scripts(connection)
                self.connected, failures = True, 0
                self.on_connected()
                await self._work(connection)
            except (RedisError, OSError, TimeoutError) as error:
                if self.connected or failures == 0:
                    logger.warning("redis commands: %s", _describe(error))
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

    async def _work(self, connection: Connection) -> None:
        while True:
            self.gather()
            if not self._queue:
                if self._closing:
                    return
                self._wake.clear()
                try:
                    async with asyncio.timeout(PING_INTERVAL):
                        await self._wake.wait()
                except TimeoutError:
                    self._queue.append((("PING",), lambda answer: None))
                continue
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), PIPELINE_LIMIT))]
            answered = 0
            try:
                async with asyncio.timeout(REPLY_TIMEOUT):
                    # hiredis packs in C what redis-py's asyncio connection packs in Python: 8 % of a busy process.
                    packed = b"".join([hiredis.pack_command(args) for args, _ in batch])
                    await connection.send_packed_command(packed, check_health=False)
                    for _, reply in batch:
                        try:
                            answer = await connection.read_response(disable_decoding=True)
                        except NoScriptError:
                            raise  # SCRIPT FLUSH: connecting again loads them
                        except ResponseError as error:
                            answer = self._refused(error)
                        answered += 1
                        reply(answer)
            finally:
                for _, reply in batch[answered:]:
                    reply(unavailable())

    def _refused(self, error: ResponseError) -> Exception:
        """OOM, READONLY, LOADING, MISCONF …: Redis is there and won't. Said once a second, however many ask."""
        now = time.monotonic()
        if now - self._refused_at >= 1:
            self._refused_at = now
            logger.warning("redis refused a command: %s", error)
        return unavailable()

    def _fail_waiting(self) -> None:
        self.gather()
        queue, self._queue = self._queue, deque()
        for _, reply in queue:
            reply(unavailable())


def _describe(error: BaseException) -> str:
    return str(error) or type(error).__name__
