"""The Broker contract in one process: logs, read positions and sanctions in a SQLite file, everything else in memory.

One thread owns the file. The operations of a loop turn, and those that come while the thread is busy, go to it as one
batch, which is one transaction: with more load batches grow, and the wait for the disk is shared by more of them.
A restart empties presence, names and tickets, as every socket is gone with the process.
"""

import asyncio
import functools
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from service.broker import (
    NETWORK_SECONDS,
    NETWORKS_LIMIT,
    Broker,
    Done,
    Event,
    Listener,
    Page,
    Position,
    Roster,
    Sanction,
    unavailable,
)
from service.protocol import MEMBERS_LIMIT, Person, encode
from service.sqlite_names import Names
from service.sqlite_store import Call, Outcomes, Store, Work, now_ms

logger = logging.getLogger(__name__)

PENDING_LIMIT = 20_000  # operations waiting for a busy disk; more are refused
STALL = 5.0  # seconds after which a batch that is not done means that the disk is away
CHARGE_SECONDS = 10.0  # how far a user's bucket can be overdrawn

T = TypeVar("T")


class SqliteBroker(Broker):
    """See broker.py for the contract. `open` raises ConfigError (naming SQLITE_PATH) if the file can't be had."""

    def __init__(self, path: str, *, history_limit: int, history_days: float) -> None:
        self._make_store = functools.partial(Store, path, history_limit=history_limit, history_days=history_days)
        self._queue: queue.SimpleQueue[list[Work] | None] = queue.SimpleQueue()
        self._open = False
        self._writable = False  # whether the file took what it was last given
        self._works: list[Work] = []  # the next batch, and who waits for each part of it
        self._waiting: list[list[Done] | asyncio.Future[Any]] = []
        self._pending = 0
        self._flush_due = False
        self._under_way: list[list[Done] | asyncio.Future[Any]] = []
        self._sent_at = 0.0
        self._subscribed: set[str] = set()
        self._subscribing: list[str] = []
        self._tickets: dict[str, tuple[bytes, float]] = {}  # record, end
        self._names = Names(lambda user: user in self._people.get("", ()))
        self._people: dict[str, dict[str, Person]] = {}
        self._networks: dict[str, dict[str, float]] = {}  # of guests, with the ends of that knowledge, the latest last
        self._charges: dict[str, float] = {}  # when the user's bucket is full again

    @property
    def available(self) -> bool:  # type: ignore[override]
        return self._writable and self._accepting()

    @property
    def publishing(self) -> bool:  # type: ignore[override]
        return bool(self._under_way or self._works)

    def _accepting(self) -> bool:
        stalled = bool(self._under_way) and self._loop.time() - self._sent_at > STALL
        return self._open and not stalled and self._pending < PENDING_LIMIT

    async def open(self, listener: Listener) -> None:
        self.listener = listener
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
            while (batch := self._queue.get()) is not None:
                self._loop.call_soon_threadsafe(self._finish, store.run(batch))
        except Exception:
            logger.exception("the SQLite thread failed")
        finally:
            store.close()
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        """The thread is done: after `close`, or by a fault, which must not leave anybody waiting."""
        self._open = False
        for waiting in (*self._under_way, *self._waiting):
            if isinstance(waiting, list):
                for done in waiting:
                    self._guard(done, unavailable())
            elif not waiting.done():
                waiting.set_exception(unavailable())
        self._under_way, self._works, self._waiting = [], [], []
        self._closed.set_result(None)

    def _schedule(self) -> None:
        self._pending += 1
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flush_due and not self._under_way:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Send off what waits as the next batch. After `close`, an empty one ends the thread."""
        self._flush_due = False
        if self._under_way:
            return
        if self._works:
            self._sent_at = self._loop.time()
            self._queue.put(self._works)
            self._under_way = self._waiting
            self._works, self._waiting, self._pending = [], [], 0
        elif not self._open:
            self._queue.put(None)

    def _finish(self, outcomes: Outcomes) -> None:
        answered, self._under_way = self._under_way, []
        if outcomes.stored is not None:
            self._writable = outcomes.stored
        for waiting, answer in zip(answered, outcomes.answers, strict=True):
            if isinstance(waiting, list) and isinstance(answer, list):
                for done, receipt in zip(waiting, answer, strict=True):
                    self._guard(done, receipt)
            elif isinstance(waiting, asyncio.Future) and not waiting.done():  # else its caller was cancelled
                if isinstance(answer, Exception):
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)
        for publication in outcomes.fresh:
            if publication.room in self._subscribed:
                self._guard(self.listener.on_publication, publication)
        if self._works or not self._open:
            # After what was just handed out is written, which to a large room takes some ms. What comes until then
            # goes along: fewer transactions, and in a room of 1,000 under load 99 % arrive a fifth earlier.
            self._flush_soon()

    def _guard(self, callback: Callable[[T], None], value: T) -> None:
        """Call back; a fault there is its own, and must not cost the others of the batch their answer."""
        try:
            callback(value)
        except Exception:
            logger.exception("a callback of the broker failed")

    async def _call(self, work: Callable[[Store], T], *, reads: bool = False) -> T:
        if not self._accepting():
            raise unavailable()
        answer: asyncio.Future[T] = self._loop.create_future()
        self._works.append(Call(work, reads))
        self._waiting.append(answer)
        self._schedule()
        return await answer

    # -- the log

    def publish(self, event: Event, done: Done) -> None:
        if not self._accepting():
            self._loop.call_soon(done, unavailable())
            return
        last = self._works[-1] if self._works else None
        waiting = self._waiting[-1] if self._waiting else None
        if isinstance(last, list) and isinstance(waiting, list):
            last.append(event)
            waiting.append(done)
        else:
            self._works.append([event])
            self._waiting.append([done])
        self._schedule()

    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        return await self._call(lambda store: store.log.newest(room, limit, before, create, now_ms()), reads=True)

    async def after(self, room: str, seq: int, limit: int) -> Page | None:
        return await self._call(lambda store: store.log.after(room, seq, limit), reads=True)

    async def positions(self, rooms: Sequence[str]) -> list[Position | None]:
        return await self._call(lambda store: [store.log.position(room) for room in rooms], reads=True)

    async def keep(self, rooms: Sequence[str]) -> None:
        self._now()

    async def room_count(self) -> int:
        return len(await self.rooms())

    async def renew_epoch(self, room: str, lost: Position) -> None:
        await self._call(lambda store: store.log.renew_epoch(room, lost))

    # -- reach

    def subscribe(self, room: str) -> None:
        self._subscribed.add(room)
        self._subscribing.append(room)
        if len(self._subscribing) == 1:
            self._loop.call_soon(self._confirm)

    def _confirm(self) -> None:
        rooms, self._subscribing = self._subscribing, []
        wished = [room for room in dict.fromkeys(rooms) if room in self._subscribed]
        if wished:
            self.listener.on_subscribed(wished)

    def unsubscribe(self, room: str) -> None:
        self._subscribed.discard(room)

    def signal(self, room: str, payload: bytes) -> None:
        self._loop.call_soon(self._deliver, room, payload)

    def _deliver(self, room: str, payload: bytes) -> None:
        if self._open and (room == "" or room in self._subscribed):
            self.listener.on_signal(room, payload)

    # -- tickets and names

    def _now(self) -> float:
        """The time for what lives in memory. Raises `unavailable` once closed, as everything does."""
        if not self._open:
            raise unavailable()
        return self._loop.time()

    async def put_ticket(self, key: str, record: bytes, seconds: float) -> None:
        self._tickets[key] = (record, self._now() + seconds)

    async def take_ticket(self, key: str) -> bytes | None:
        now = self._now()
        record, end = self._tickets.pop(key, (None, 0.0))
        return record if end > now else None

    async def claim_name(self, name: str, user: str, seconds: float, network: str = "") -> bool:
        return self._names.claim(name, user, seconds, network, self._now())

    async def release_name(self, user: str) -> None:
        self._now()
        self._names.release(user)

    # -- presence

    async def enter(self, room: str, people: Sequence[Person]) -> None:
        self._now()
        here = self._people.setdefault(room, {})
        came = [person for person in people if here.get(person.id) != person]
        here.update((person.id, person) for person in came)
        if not room:
            self._names.hold(people, self._now())
        self._tell_presence(room, came, [])

    async def depart(self, room: str, users: Sequence[str]) -> None:
        self._now()
        here = self._people.get(room, {})
        left = [user for user in users if here.pop(user, None) is not None]
        self._tell_presence(room, [], left)
        if not here:
            self._people.pop(room, None)

    def _tell_presence(self, room: str, joined: list[Person], left: list[str]) -> None:
        if room and (joined or left):
            count = len(self._people[room])
            self.signal(room, encode({"kind": "presence", "joined": joined, "left": left, "count": count}))

    async def roster(self, room: str) -> Roster:
        self._now()
        here = self._people.get(room, {})
        return Roster(len(here), None if len(here) > MEMBERS_LIMIT else list(here.values()))

    async def beat(self) -> bool:
        now = self._now()
        self._tickets = {key: kept for key, kept in self._tickets.items() if kept[1] > now}
        self._names.sweep(now)
        self._networks = {user: kept for user, kept in self._networks.items() if max(kept.values()) > now}
        self._charges = {user: full_at for user, full_at in self._charges.items() if full_at > now}
        await self._call(Store.beat)
        return True

    # -- read positions

    async def mark_read(self, room: str, marks: dict[str, int]) -> None:
        moved = await self._call(lambda store: store.mark_read(room, marks))
        if moved:
            self.signal(room, encode({"kind": "read", "reads": moved}))

    async def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        return await self._call(lambda store: store.reads(room, users), reads=True)

    async def unread(self, user: str) -> dict[str, int]:
        return await self._call(lambda store: store.unread(user), reads=True)

    # -- rooms and sanctions

    async def rooms(self) -> dict[str, int]:
        names = await self._call(Store.rooms, reads=True)
        names += [name for name in self._people if name]
        return {name: len(self._people.get(name, ())) for name in names}

    async def sanction(self, sanction: Sanction, lift: bool) -> None:
        await self._call(lambda store: store.sanction(sanction, lift))

    async def sanctions(self) -> list[Sanction]:
        return await self._call(Store.sanctions, reads=True)

    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        return await self._call(lambda store: store.ban(room, user, network), reads=True)

    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        end = self._now() + NETWORK_SECONDS
        for user, network in networks:
            known = self._networks.setdefault(user, {})
            known.pop(network, None)
            known[network] = end
            if len(known) > NETWORKS_LIMIT:
                del known[next(iter(known))]

    async def networks(self, user: str) -> list[str]:
        now = self._now()
        return [network for network, end in self._networks.get(user, {}).items() if end > now]

    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        now = self._now()
        if rate <= 0:
            return 0.0
        # As limits.TokenBucket, but charged after the fact: what was sent counts even when the bucket is overdrawn.
        full_at = max(self._charges.get(user, now), now) + messages / rate
        overdrawn = min(full_at - now - burst / rate, CHARGE_SECONDS)
        self._charges[user] = now + burst / rate + overdrawn
        return max(0.0, overdrawn)
