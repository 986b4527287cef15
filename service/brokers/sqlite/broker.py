"""The Broker contract in one process: logs, read positions and sanctions in a SQLite file, everything else in memory.

One thread owns the file. What is to be written in a loop turn, and while the thread is busy, goes to it as one batch,
which is one transaction: with more load batches grow, and the wait for the disk is shared by more of them. A batch
takes all that is to be written, and after it reads for a few ms: reads can't hold up sends. A restart empties presence,
names and tickets, as every socket is gone with the process.
"""

import asyncio
import functools
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from service.brokers.base import unavailable
from service.brokers.directory import Sanction
from service.brokers.log import Done, Event, Page, Position, Receipt, Subscriber
from service.brokers.sqlite.memory import Memory
from service.brokers.sqlite.store import Outcome, Store, Work
from service.clock import CLOCK, Clock
from service.protocol import RequestError, encode

logger = logging.getLogger(__name__)

WRITES_LIMIT = 20_000  # events and other writes waiting for a busy disk; more are refused
READS_LIMIT = 5_000  # the same for reads, so that they can't make sends `unavailable`
READS_SECONDS = 0.005  # for reads between two transactions; the rest waits for the next
UNREAD_STEP = 10  # rooms in one read of `unread`: 4 ms, where all of 1,000 messages are unread in each
ROOMS_LISTED = 1000  # rooms that `rooms` names, the latest
STALL = 5.0  # seconds after which a batch that is not done means that the disk is away
UPKEEP_STEPS = 20  # transactions of a few ms in one beat
STEADY = 600.0  # seconds that the clock must have gone without a step before anything old is deleted

T = TypeVar("T")
Call = Callable[[Store], Any]


class _Batch(Struct):
    """What goes to the thread at once. `events` by room, each with who waits for it."""

    events: dict[str, list[tuple[Event, Done]]] = {}
    writes: list[tuple[Call, asyncio.Future[Any]]] = []
    reads: list[tuple[Call, asyncio.Future[Any]]] = []
    now: int = 0


class SqliteBroker(Memory):
    """See brokers/base.py for the contract. `open` raises ConfigError (naming SQLITE_PATH) if the file can't be had."""

    def __init__(
        self,
        path: str,
        *,
        history_limit: int,
        history_days: float,
        clock: Clock = CLOCK,
        writes_limit: int = WRITES_LIMIT,
        reads_limit: int = READS_LIMIT,
        stall: float = STALL,
        store: type[Store] = Store,
        **log: int,
    ) -> None:
        super().__init__()
        self._make_store = functools.partial(store, path, history_limit=history_limit, history_days=history_days, **log)
        self._clock = clock
        self._limits = (writes_limit, reads_limit)
        self._stall = stall
        self._batches: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._writable = False  # whether the file took what it was last given
        self._next = _Batch()
        self._writes_waiting = 0
        self._under_way: _Batch | None = None
        self._flush_due = False
        self._sent_at = 0.0

    @property
    def available(self) -> bool:
        return self._writable and self._accepting() and self._writes_waiting < self._limits[0]

    @property
    def publishing(self) -> bool:
        return bool(self._next.events or (self._under_way and self._under_way.events))

    def _accepting(self) -> bool:
        stalled = self._under_way is not None and self._loop.time() - self._sent_at > self._stall
        return self._open and not stalled

    async def open(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="sqlite", daemon=True)
        self._thread.start()
        await opened
        self._open = self._writable = True

    async def close(self) -> None:
        if self._open:
            self._open = False
            self._flush()
            await self._closed
            self._thread.join()

    # -- the thread and its batches

    def _run(self, opened: asyncio.Future[None]) -> None:
        """The thread: opens the file, does batches until None comes, closes the file."""
        try:
            store = self._make_store()
        except Exception as error:  # noqa: BLE001 (raised where it is awaited)
            self._loop.call_soon_threadsafe(opened.set_exception, error)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        try:
            while (batch := self._batches.get()) is not None:
                work: list[Work] = [[event for event, _ in events] for events in batch.events.values()]
                work += [call for call, _ in batch.writes]
                if work:
                    self._loop.call_soon_threadsafe(self._written, batch, store.write(work, batch.now))
                self._loop.call_soon_threadsafe(self._finish, batch, self._read_some(store, batch))
        except Exception:
            logger.exception("the SQLite thread failed")
        finally:
            store.close()
            self._loop.call_soon_threadsafe(self._end)

    @staticmethod
    def _read_some(store: Store, batch: _Batch) -> list[Any]:
        """The answers to as many of the reads as there is time for, one at least."""
        end = time.monotonic() + READS_SECONDS
        answers: list[Any] = []
        for call, _ in batch.reads:
            answers.append(store.read(call))
            if time.monotonic() > end:
                break
        return answers

    def _end(self) -> None:
        """The thread is done: after `close`, or by a fault, which must not leave anybody waiting."""
        self._open = False
        for batch in (self._under_way, self._next):
            if batch is not None:
                for _, done in itertools.chain(*batch.events.values()):
                    self._guard(done, unavailable())
                for _, waiting in (*batch.writes, *batch.reads):
                    _settle(waiting, unavailable())
        self._under_way, self._next = None, _Batch()
        self._closed.set_result(None)

    def _flush_soon(self) -> None:
        if not self._flush_due and self._under_way is None:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Send off what waits as the next batch. After `close`, an empty one ends the thread."""
        self._flush_due = False
        if self._under_way is not None:
            return
        batch = self._next
        if batch.events or batch.writes or batch.reads:
            self._next = _Batch()
            self._writes_waiting = 0
            batch.now = self._clock.now_ms()
            self._sent_at = self._loop.time()
            self._under_way = batch
            self._batches.put(batch)
        elif not self._open:
            self._batches.put(None)

    def _written(self, batch: _Batch, outcome: Outcome) -> None:
        if outcome.stored is not None:
            self._writable = outcome.stored
        answers = iter(outcome.answers)
        for events in batch.events.values():
            for (_, done), receipt in zip(events, next(answers), strict=True):
                self._guard(done, receipt)
        for _, waiting in batch.writes:
            _settle(waiting, next(answers))
        batch.events, batch.writes = {}, []
        for publication in outcome.fresh:
            if publication.room in self._subscribed:
                self._guard(self.subscriber.on_publication, publication)

    def _finish(self, batch: _Batch, answers: list[Any]) -> None:
        self._under_way = None
        for (_, waiting), answer in zip(batch.reads, answers, strict=False):
            _settle(waiting, answer)
        self._next.reads[:0] = batch.reads[len(answers) :]
        # After what was just handed out is written, which to a large room takes some ms. What comes until then goes
        # along: fewer transactions, and in a room of 1,000 under load 99 % arrive a fifth earlier.
        self._flush_soon()

    def _guard(self, callback: Callable[[T], None], value: T) -> None:
        """Call back; a fault there is its own, and must not cost the others of the batch their answer."""
        try:
            callback(value)
        except Exception:
            logger.exception("a callback of the broker failed")

    async def _write(self, call: Callable[[Store], T]) -> T:
        if not self._accepting() or self._writes_waiting >= self._limits[0]:
            raise unavailable()
        self._writes_waiting += 1
        return await self._wait(self._next.writes, call)

    async def _read(self, call: Callable[[Store], T]) -> T:
        if not self._accepting() or len(self._next.reads) >= self._limits[1]:
            raise unavailable()
        return await self._wait(self._next.reads, call)

    async def _wait(self, lane: list[tuple[Call, asyncio.Future[Any]]], call: Callable[[Store], T]) -> T:
        answer: asyncio.Future[T] = self._loop.create_future()
        lane.append((call, answer))
        self._flush_soon()
        return await answer

    # -- the log

    def publish(self, event: Event, done: Done) -> None:
        if not self._accepting() or self._writes_waiting >= self._limits[0]:
            self._loop.call_soon(done, unavailable())
            return
        self._writes_waiting += 1
        self._next.events.setdefault(event.room, []).append((event, done))
        self._flush_soon()

    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        now = self._now()
        return await self._read(lambda store: store.log.newest(room, limit, before, create, now))

    async def after(self, room: str, seq: int, limit: int) -> Page | None:
        now = self._now()
        return await self._read(lambda store: store.log.after(room, seq, limit, now))

    async def positions(self, rooms: Sequence[str]) -> list[Position | None]:
        now = self._now()
        return await self._read(lambda store: [store.log.position(room, now) for room in rooms])

    async def keep(self, rooms: Sequence[str]) -> None:
        now = self._now()
        await self._read(lambda store: store.log.hold(rooms, now))

    async def room_count(self) -> int:
        return await self._read(lambda store: store.log.count())

    async def renew_epoch(self, room: str, lost: Position) -> None:
        await self._write(lambda store: store.log.renew_epoch(room, lost))

    async def beat(self) -> bool:
        now = self._now()
        self._sweep()
        await self._read(lambda store: store.log.forget_empty(now))
        await self._read(Store.scrub)
        wall = self._clock.now_ms()
        if self._clock.steady(STEADY):
            for _ in range(UPKEEP_STEPS):
                if not await self._write(lambda store: store.age(wall)):
                    break
        elif not self._writable:
            await self._write(lambda store: None)  # finds out whether the disk stores again
        return True

    # -- read positions

    async def mark_read(self, room: str, marks: dict[str, int]) -> None:
        now = self._clock.now_ms()
        moved = await self._write(lambda store: store.mark_read(room, marks, now))
        if moved:
            self.signal(room, encode({"kind": "read", "reads": moved}))

    async def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        return await self._read(lambda store: store.reads(room, users))

    async def unread(self, user: str) -> dict[str, int]:
        rooms = await self._read(lambda store: store.read_rooms(user))
        counts: dict[str, int] = {}
        for start in range(0, len(rooms), UNREAD_STEP):
            some = rooms[start : start + UNREAD_STEP]
            counts |= await self._read(lambda store, some=some: store.unread(user, some))  # type: ignore[misc]
        return counts

    # -- rooms and sanctions

    async def rooms(self) -> dict[str, int]:
        busy = [name for name in itertools.islice(self._people, ROOMS_LISTED) if name]
        names = busy + await self._read(lambda store: store.log.names(ROOMS_LISTED))
        return {name: len(self._people.get(name, ())) for name in list(dict.fromkeys(names))[:ROOMS_LISTED]}

    async def sanction(self, sanction: Sanction, lift: bool) -> None:
        await self._write(lambda store: store.sanction(sanction, lift))

    async def sanctions(self) -> list[Sanction]:
        now = self._clock.now_ms()
        return await self._read(lambda store: store.sanctions(now))

    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        now = self._clock.now_ms()
        return await self._read(lambda store: store.ban(room, user, network, now))


def _settle(waiting: asyncio.Future[Any], answer: Receipt | RequestError | Any) -> None:
    if waiting.done():  # its caller was cancelled
        return
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
