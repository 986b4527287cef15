"""The embedded broker's file on its own thread: what waits to be written is one transaction, on the disk when answered.

While the thread is busy more comes to wait, so with more load batches grow, and the wait for the disk is shared.
Between two transactions it reads, a few things at a time: reads can't hold up what is to be written.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from service import telemetry
from service.brokers.base import Fault, settle, unavailable
from service.brokers.sqlite.opening import DAMAGED_CODES, PRAGMAS, SCHEMA_VERSION, open_database
from service.clock import Clock
from service.logs import fields
from service.protocol import RequestError

logger = logging.getLogger(__name__)

READS_LIMIT = 5_000  # that wait for a busy disk; more are refused
READS_AT_ONCE = 20  # between two transactions; some 5 ms
STALL = 5.0  # seconds after which work that is not done means that the disk is away
_TRY = f"PRAGMA user_version = {SCHEMA_VERSION}"  # writes its page to the write-ahead log, though it changes nothing
_FAULTS = {sqlite3.SQLITE_FULL: Fault.FULL, sqlite3.SQLITE_READONLY: Fault.READ_ONLY}

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
Work = Callable[[], Any]
WorkDone = Callable[[Any], None]  # with what the work returned, or the exception that it raised


class File:
    """`read` and `write` are for the loop. `db`, and what they are given to do, are the thread's."""

    db: sqlite3.Connection
    now = 0  # Unix time in ms when the work under way began

    def __init__(
        self,
        path: str,
        clock: Clock,
        *,
        reads_limit: int = READS_LIMIT,
        stall: float = STALL,
        pragmas: tuple[str, ...] = PRAGMAS,
    ) -> None:
        self._path = path
        self._pragmas = pragmas
        self._clock = clock
        self._reads_limit = reads_limit
        self._stall = stall
        self._thread = ThreadPoolExecutor(1, "sqlite")
        self._writes: list[tuple[Work, WorkDone]] = []
        self._reads: list[tuple[Work, WorkDone]] = []
        self._worker: asyncio.Task[None] | None = None
        self._began: float | None = None  # when the work under way did, by the loop's clock
        self._open = False
        self.writable = False  # whether the disk took what it was last given
        self.on_trouble: Callable[[str], None] = lambda why: None  # on the loop: the disk takes no more, and why
        self.before_batch: Callable[[], None] = lambda: None  # what is added until then goes along

    async def open(self) -> None:
        """Raises ConfigError if the file can't be had."""
        self._loop = asyncio.get_running_loop()
        try:
            self.db = await self._on_thread(partial(open_database, self._path, self._pragmas))
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._open = self.writable = True

    async def close(self) -> None:
        """Finish what waits. SQLite moves the write-ahead log into the file."""
        if self._open:
            self._open = False
            if self._worker is not None:
                await self._worker
            await self._on_thread(self.db.close)
            self._thread.shutdown()

    @property
    def accepting(self) -> bool:
        """Whether it is worth waiting."""
        return self._open and (self._began is None or self._loop.time() - self._began <= self._stall)

    @property
    def available(self) -> bool:
        return self.accepting and self.writable

    def time(self) -> float:
        """The loop's. Raises `unavailable` once closed, as everything does."""
        if not self._open:
            raise unavailable()
        return self._loop.time()

    async def read(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; `unavailable` if the file can't be read."""
        if len(self._reads) >= self._reads_limit:
            raise unavailable()
        return await self._wait(self._reads, work)

    async def write(self, work: Callable[[], T]) -> T:
        """The same, once it is on the disk. What `work` refuses it refuses before it writes; it may be done twice."""
        return await self._wait(self._writes, work)

    async def try_write(self) -> None:
        """Write a page that says what it said before. Raises `unavailable` if the disk doesn't take it.

        Where there is room for a page, and not for a message, tries take the room.
        """
        await self.write(lambda: self.db.execute(_TRY))

    def write_soon(self, work: Work, done: WorkDone) -> None:
        """As `write`, whether or not that is worth while; `done` is called on the loop."""
        self._writes.append((work, done))
        self._begin()

    async def _wait(self, queue: list[tuple[Work, WorkDone]], work: Callable[[], T]) -> T:
        if not self.accepting:
            raise unavailable()
        answer: asyncio.Future[T] = self._loop.create_future()
        queue.append((work, partial(settle, answer)))
        self._begin()
        return await answer

    def _begin(self) -> None:
        if self._worker is None:
            self._worker = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        """Until nothing waits."""
        while self._writes or self._reads:
            self.before_batch()
            writes, self._writes[:] = self._writes[:], []
            if writes:
                await self._do(writes, self.transact)
            reads, self._reads[:READS_AT_ONCE] = self._reads[:READS_AT_ONCE], []
            if reads:
                await self._do(reads, self.answer)
            # After what was just handed out is written, which to a large room takes some ms. What comes until then
            # goes along: fewer transactions.
            await asyncio.sleep(0)
        self._worker = None

    async def _do(self, queue: Sequence[tuple[Work, WorkDone]], way: Callable[[Sequence[Work]], Sequence[Any]]) -> None:
        self.now = self._clock.now_ms()
        try:
            answers = await self._on_thread(partial(way, [work for work, _ in queue]))
        except Exception:  # of what must never fail; nobody may be left waiting for it
            logger.exception("the SQLite thread failed", extra=fields("sqlite_failed"))
            answers = [unavailable()] * len(queue)
        for (_, done), answer in zip(queue, answers, strict=True):
            done(answer)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        self._began = self._loop.time()
        try:
            return await self._loop.run_in_executor(self._thread, work)
        finally:
            self._began = None

    # -- on the thread

    def transact(self, works: Sequence[Work]) -> list[Any]:
        """Do all as one transaction. What each returned or raised.

        If one of them is at fault, a damaged row say, they are done one by one, so that it costs itself only.
        """
        try:
            self.db.execute("BEGIN")
            if not self.writable:  # whatever the works are, they shall find out whether the disk stores again
                self.db.execute(_TRY)
            answers = [_answer(work) for work in works]
            self.db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 (logged; whatever it was, nobody may be left waiting)
            with suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            if len(works) == 1 or _refuses(error):
                return [self._failure(error)] * len(works)
            return [answer for work in works for answer in self.transact([work])]
        if not self.writable:
            logger.info("SQLite stores again", extra=fields("sqlite_stores"))
            self.writable = True
        return answers

    def answer(self, works: Sequence[Work]) -> list[Any]:
        """What each of the works, which only read, returned or raised: the disk may be full."""
        answers: list[Any] = []
        for work in works:
            try:
                answers.append(_answer(work))
            except Exception as error:  # noqa: BLE001 (logged, and raised where it is awaited)
                answers.append(self._failure(error))
        return answers

    def _failure(self, error: Exception) -> Exception:
        """Say it; what is answered instead."""
        if _refuses(error):
            if self.writable:
                logger.error("SQLite can't store: %s", error, extra=fields("sqlite_refused", reason=str(error)))
                self._loop.call_soon_threadsafe(self.on_trouble, str(error))
            self.writable = False
            return unavailable("the database can't be written", _FAULTS.get(_code(error), Fault.DISK))
        # SQLite's own words of damage may quote bytes of the file that are no text: UnicodeDecodeError.
        damage = sqlite3.OperationalError | sqlite3.IntegrityError | UnicodeDecodeError
        if isinstance(error, damage) or type(error) is sqlite3.DatabaseError:
            telemetry.damaged("database", f"SQLITE_PATH {self._path}", error)
            return unavailable("the database is damaged", Fault.DAMAGED)
        logger.error("a call of the broker failed", exc_info=error, extra=fields("sqlite_failed"))
        return error


def _answer(work: Work) -> Any:
    try:
        return work()
    except RequestError as refusal:
        return refusal


def _refuses(error: Exception) -> bool:
    """Whether SQLite failed for want of space, a lock or a working disk: nothing else can be stored either."""
    return isinstance(error, sqlite3.OperationalError) and _code(error) not in (*DAMAGED_CODES, sqlite3.SQLITE_ERROR)


def _code(error: Exception) -> int:
    """The primary one: https://www.sqlite.org/rescode.html. Text that is no UTF-8 has none."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF


def reading(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Makes a method of what has a `file` one that is done on the file's thread, and awaited on the loop."""

    async def read(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return cast(T, await self.file.read(partial(method, self, *args, **kwargs)))

    return read


def writing(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """The same for one that writes, as part of a transaction."""

    async def write(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return cast(T, await self.file.write(partial(method, self, *args, **kwargs)))

    return write
