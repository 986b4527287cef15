"""The one consumer: what the broker broadcasts goes by the cursors to the sockets.

Frames of one loop turn are joined per room into one write per live member (measured at 64 messages in flight: 0.11 µs a
delivery instead of 5). Holes, lost subscriptions, joins, resumes and slow readers all end in the cursors' one
mechanism; what is here is its I/O: reading pages, waking it up, and saying `reset` when it can't go on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from service import telemetry
from service.brokers.base import unavailable
from service.brokers.log import EMPTY_SECONDS, Log, Page, Position, Publication, Subscriber
from service.protocol import RequestError
from service.rooms.cursors import Cursor, Room
from service.sockets.framing import frame

logger = logging.getLogger(__name__)

CHECK_INTERVAL = 2.0  # seconds between looks at every room's position: a lost last message has no successor to show it
KEEP_INTERVAL = EMPTY_SECONDS / 3  # between two words to the broker on the empty rooms that are held here
PAGE_EVENTS = 128  # read from the log at once, or fewer: the broker ends a page at PAGE_BYTES
SIGNAL_BYTES = 4 * 2**20  # of a signal; what is longer is none of ours
# Writing to a room of more than LARGE takes 2 ms, longer than Redis takes to answer, and what this process has on its
# way there would have to wait for it. So the write waits for that instead, for PATIENCE at the most. Measured with
# 4,000 messages a second to a room of 1,000: half of them arrive within 7 ms instead of 11, `sent` leaves within 1 ms
# instead of 5, and 64 authors with one message in flight each get a fifth more through. Many small rooms would lose.
LARGE = 500
PATIENCE = 0.005  # seconds
DEPLOYMENT_SIGNALS = frozenset({"moderate", "named"})  # those that every process gets; all others are a room's
EARLY_LIMIT = 1000  # publications kept beyond a hole; more are read from the log instead
EARLY_BYTES = 2**20  # and their bytes


class Member(Protocol):
    """What a socket is to the relay. Hashable by identity."""

    @property
    def congested(self) -> bool:
        """Whether it must take what it has before more is written."""

    def deliver(self, data: bytes) -> None:
        """Write whole frames."""

    def on_reset(self, room: str, reason: str) -> None:
        """Its membership of `room` ended, because of "epoch" or "trimmed"."""

    def __hash__(self) -> int:
        """By identity."""


class Hall(Room[Member]):
    """A room with what the relay needs to run it."""

    __slots__ = ("arrived", "beginning", "holds", "reads", "ready")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.holds = 0  # memberships, including those whose join is under way
        self.arrived: list[Publication] = []  # in this turn of the loop, or before the room is in step
        self.reads: dict[tuple[str, int], asyncio.Task[Page | None]] = {}  # pages under way, shared
        # Done when the log was looked at. The room is in step from then on, or it has no log yet (`epoch` is None).
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.beginning: asyncio.Task[None] | None = None  # of a room that has no log yet


class Relay(Subscriber):
    """Rooms with members here, kept in step with the broker. `run` is the periodic part; all else is called."""

    def __init__(self, broker: Log) -> None:
        self._broker = broker
        self._loop = asyncio.get_running_loop()
        self._flush_due = False
        self._waiting: asyncio.TimerHandle | None = None  # for one more publication, before a large write
        self._arrived: list[Hall] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self.rooms: dict[str, Hall] = {}
        # By the `kind` of a signal's JSON: called with the room and the payload.
        self.signals: dict[str, Callable[[str, bytes], None]] = {}
        # Called with each room whose signals may have been missed, or will be: it is no longer held here.
        self.on_resync: Callable[[str], None] = lambda room: None
        self._keep_at = self._loop.time() + KEEP_INTERVAL

    # -- holding rooms

    async def hold(self, name: str, may_begin: Callable[[], Awaitable[None]] | None = None) -> Hall:
        """The room, in step with its log, until `release`. Raises `unavailable` when the broker doesn't answer.

        A room that has no log is given one if `may_begin` doesn't raise.
        """
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Hall(name)
            self._broker.subscribe(name)
        room.holds += 1
        if room.epoch is None:
            try:
                if not self._broker.available:
                    raise unavailable("the broker is away")
                await asyncio.shield(room.ready)
                if room.epoch is None:
                    await self._begin(room, may_begin)
            except BaseException:
                self.release(room)
                raise
        return room

    def release(self, room: Hall) -> None:
        room.holds -= 1
        if room.holds == 0 and self.rooms.get(room.name) is room:
            del self.rooms[room.name]
            self._broker.unsubscribe(room.name)
            self.on_resync(room.name)

    def attach(self, room: Hall, member: Member, seq: int) -> None:
        """Make `member` one whose cursor is `seq`; what follows comes by itself."""
        room.join(member, member.deliver, seq)
        if member.congested:  # its `joined` alone was more than it takes
            room.fall_behind(member, seq)
        self._nudge(room, member)

    def fall_behind(self, rooms: Sequence[Hall], member: Member) -> None:
        """`member` can't take more for now."""
        for room in rooms:
            room.fall_behind(member, room.head)

    def recover(self, rooms: Sequence[Hall], member: Member) -> None:
        """`member` took everything: feed it again."""
        for room in rooms:
            self._nudge(room, member)

    def broadcast(self, name: str, data: bytes, but: Container[Any] = ()) -> None:
        """Write a frame that is no event to the live members but some; those behind go without."""
        room = self.rooms.get(name)
        if room is not None:
            for member, write in list(room.live.items()):
                if member not in but:
                    write(data)

    def tell(self, name: str, data: bytes, members: Iterable[Any]) -> None:
        """The same to some only, if they are live members."""
        room = self.rooms.get(name)
        if room is not None and data:
            for write in [room.live[member] for member in members if member in room.live]:
                write(data)

    # -- what arrives

    def on_publication(self, publication: Publication) -> None:
        room = self.rooms.get(publication.room)
        if room is None:
            return  # left while it was on the way
        if not room.arrived:
            self._arrived.append(room)
        room.arrived.append(publication)
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush_or_wait)
        elif self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._loop.call_soon(self._flush)

    def _flush_or_wait(self) -> None:
        if self._broker.publishing and any(len(room.live) > LARGE for room in self._arrived):
            self._waiting = self._loop.call_later(PATIENCE, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        self._waiting = None
        self._flush_due = False
        arrived, self._arrived = self._arrived, []
        for room in arrived:
            if room.epoch is not None:
                try:
                    self._take(room)
                except Exception as error:  # noqa: BLE001 (the other rooms' events wait behind it)
                    self._damaged(room, error)

    def _take(self, room: Hall) -> None:
        publications, room.arrived = room.arrived, []
        fresh: list[bytes] = []
        for publication in publications:
            if publication.epoch == room.epoch:
                fresh += room.advance(publication.seq, publication.frames)
        if len(room.early) > EARLY_LIMIT or room.early_bytes > EARLY_BYTES:
            room.drop_early()
        self._write(room, fresh)
        if any(publication.epoch != room.epoch for publication in publications):
            # The broker's word counts, not the channel's: anybody with access to Redis can publish there.
            self._spawn(self._check([room.name]))
        self._fill_soon(room)

    def _write(self, room: Hall, fresh: list[bytes]) -> None:
        """Give the room's next events, which `advance` just handed out, to its members."""
        if not fresh:
            return
        data = b"".join(map(frame, fresh))
        live = list(room.live.values())
        for write in live:
            write(data)
        telemetry.hot.deliveries += len(fresh) * len(live)
        if room.behind:
            first = room.head - len(fresh) + 1
            for member, cursor in list(room.behind.items()):
                if not cursor.busy and not member.congested:
                    if cursor.seq >= first - 1:
                        self._feed(room, member, first, fresh)
                    else:
                        self._nudge(room, member)

    def _feed(self, room: Hall, member: Member, seq: int, frames: list[bytes]) -> None:
        fresh = room.feed(member, member.deliver, seq, frames)
        if fresh:
            member.deliver(b"".join(map(frame, fresh)))
            telemetry.hot.deliveries += len(fresh)

    def known(self, room: str) -> Position:
        hall = self.rooms.get(room)
        return Position("", 0) if hall is None or hall.epoch is None else Position(hall.epoch, hall.head)

    def on_signal(self, room: str, payload: bytes) -> None:
        try:
            if len(payload) > SIGNAL_BYTES:
                raise ValueError
            kind = msgspec.json.decode(payload, type=_Signal).kind
            if (room == "") is not (kind in DEPLOYMENT_SIGNALS):
                raise ValueError
            handle = self.signals[kind]
            handle(room, payload)
        except (ValueError, KeyError, RecursionError):  # msgspec's are ValueErrors; nested a hundred thousand deep
            telemetry.GARBAGE.inc()

    # -- staying in step

    def on_subscribed(self, rooms: Sequence[str]) -> None:
        for room in rooms:
            self.on_resync(room)
        self._spawn(self._check(rooms))

    async def run(self) -> None:
        """Every few seconds compare every room with its log, and wake what a broker's absence left behind."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            if self._broker.available and self.rooms:
                await self._keep()
                await self._check(list(self.rooms))

    async def _keep(self) -> None:
        """Rooms without events would be forgotten, though somebody is there."""
        if self._loop.time() >= self._keep_at:
            self._keep_at = self._loop.time() + KEEP_INTERVAL
            try:
                await self._broker.keep([name for name, room in self.rooms.items() if room.epoch and not room.head])
            except RequestError:
                self._keep_at = 0.0

    async def _check(self, names: Sequence[str]) -> None:
        """Compare rooms with their logs. After a broker's absence this is what finds the holes."""
        # A publication may overtake the answer, so a log that stands before the head as it was is one that lost events.
        asked = [(room, room.epoch, room.head) for name in names if (room := self.rooms.get(name))]
        try:
            positions = await self._broker.positions([room.name for room, _, _ in asked])
        except RequestError:
            return  # the broker is away; its return brings `on_subscribed`, and `run` looks again
        for (room, epoch, head), position in zip(asked, positions, strict=True):
            if self.rooms.get(room.name) is not room:
                continue
            try:
                await self._compare(room, epoch, head, position)
            except RequestError:
                continue  # the broker is away, or what it has of this room can't be used
            except Exception as error:  # noqa: BLE001 (a room costs itself)
                self._damaged(room, error)

    async def _compare(self, room: Hall, epoch: str | None, head: int, position: Position | None) -> None:
        """A room, which was at (epoch, head), with where its log stands."""
        if epoch is None:
            if position is not None and room.epoch is None:
                self._in_step(room, position)
            if not room.ready.done():
                room.ready.set_result(None)
        elif room.epoch == epoch and not await self._diverged(room, epoch, head, position):
            room.target = max(room.target, position.seq if position else 0)
            self._take(room)  # what has arrived is no hole
            for member in list(room.behind):
                self._nudge(room, member)

    def _damaged(self, room: Hall, error: Exception) -> None:
        telemetry.damaged("room", f"the room {room.name}", repr(error))

    async def _begin(self, room: Hall, may_begin: Callable[[], Awaitable[None]] | None) -> None:
        """Give a room that is held a log; one who may do so is enough for all who wait for it."""
        if room.beginning is None:
            if may_begin is not None:
                await may_begin()
            if room.beginning is None:
                room.beginning = asyncio.ensure_future(self._create(room))
                self._keep_task(room.beginning)
        await asyncio.shield(room.beginning)

    async def _create(self, room: Hall) -> None:
        try:
            page = await self._broker.newest(room.name, 0, create=True)
            assert page is not None
            if room.epoch is None:
                self._in_step(room, page.position)
        finally:
            room.beginning = None

    def _in_step(self, room: Hall, position: Position) -> None:
        room.begin(position.epoch, position.seq)
        self._take(room)

    async def _diverged(self, room: Hall, epoch: str, head: int, position: Position | None) -> bool:
        """Whether the log is no longer the one that this room's members have seen; if so, they are told."""
        if position is not None and position.epoch == epoch:
            if position.seq >= head:
                return False
            # The broker came back without events that were handed out. Counting on would use their seqs twice.
            logger.warning("room %s: the log stands at %d, before %d: new epoch", room.name, position.seq, head)
            await self._broker.renew_epoch(room.name, Position(epoch, head))
        if room.epoch == epoch:
            self._reset(room, "epoch")
            page = await self._broker.newest(room.name, 0, create=True)
            if page is not None and room.epoch == epoch:
                room.begin(page.position.epoch, page.position.seq)
        return True

    def _reset(self, room: Hall, reason: str) -> None:
        members = [*room.live, *room.behind]
        logger.info("room %s: reset (%s) of %d members", room.name, reason, len(members))
        room.live.clear()
        room.behind.clear()
        room.drop_early()
        room.target = room.head
        for member in members:
            member.on_reset(room.name, reason)

    def _fill_soon(self, room: Hall) -> None:
        if room.hole and not room.filling:
            room.filling = True
            self._spawn(self._fill(room))

    async def _fill(self, room: Hall) -> None:
        """Read from the log what did not arrive."""
        try:
            while room.hole and room.epoch is not None:
                epoch, head = room.epoch, room.head
                page = await self._broker.after(room.name, head, PAGE_EVENTS)
                if room.epoch != epoch or await self._diverged(room, epoch, head, page.position if page else None):
                    return
                assert page is not None
                if page.position.seq > room.head and (not page.frames or page.seq > room.head + 1):
                    self._reset(room, "trimmed")  # so too when Redis evicted the whole log but not its position
                    room.begin(page.position.epoch, page.position.seq)
                    return
                if not page.frames:
                    # Somebody published a seq that the log doesn't have: garbage on the channel.
                    telemetry.GARBAGE.inc()
                    room.drop_early()
                    room.target = room.head
                    return
                fresh = room.advance(page.seq, page.frames)
                if fresh:  # else it arrived meanwhile
                    telemetry.HOLES.inc()
                self._write(room, fresh)
                self._write(room, room.advance_early())
        except RequestError:
            return
        except Exception as error:  # noqa: BLE001 (a room costs itself; `run` looks again)
            self._damaged(room, error)
        finally:
            room.filling = False

    # -- feeding those behind

    def _nudge(self, room: Hall, member: Member) -> None:
        cursor = room.behind.get(member)
        if cursor is not None and not cursor.busy and not member.congested and cursor.seq <= room.head:
            cursor.busy = True
            self._spawn(self._catch_up(room, member, cursor))

    async def _catch_up(self, room: Hall, member: Member, cursor: Cursor) -> None:
        """Feed a member from the log until it is at the head, or can't take more."""
        try:
            while room.behind.get(member) is cursor and not member.congested:
                epoch, seq = room.epoch, cursor.seq
                if seq >= room.head:  # at the head it goes live; ahead of it (its page was newer), events will come
                    self._feed(room, member, seq + 1, [])
                    return
                page = await self._read(room, ("after", seq), partial(self._broker.after, room.name, seq, PAGE_EVENTS))
                if room.epoch != epoch or room.behind.get(member) is not cursor:
                    return
                if page is None or page.position.epoch != epoch:
                    await self._check([room.name])
                    return
                if not page.frames or page.seq > seq + 1:
                    room.leave(member)
                    member.on_reset(room.name, "trimmed")
                    return
                self._feed(room, member, page.seq, page.frames)
        except RequestError:
            return  # `run` nudges again
        except Exception as error:  # noqa: BLE001 (as above)
            self._damaged(room, error)
        finally:
            cursor.busy = False

    async def newest(self, room: Hall, limit: int) -> Page:
        """The newest messages of a room that is held, for a member who joins."""
        page = await self._read(room, ("newest", limit), partial(self._broker.newest, room.name, limit, create=True))
        assert page is not None
        return page

    async def _read(
        self, room: Hall, what: tuple[str, int], page: Callable[[], Coroutine[Any, Any, Page | None]]
    ) -> Page | None:
        """A page of the log. Members who ask for the same at once share a read: what it lacks comes as events."""
        read = room.reads.get(what)
        if read is None:
            read = room.reads[what] = asyncio.ensure_future(page())
            self._keep_task(read)
            read.add_done_callback(lambda _: self._forget(room, what, read))
        try:
            return await asyncio.shield(read)
        except asyncio.CancelledError:
            self._forget(room, what, read)  # it took too long; who asks next had better ask anew
            raise

    @staticmethod
    def _forget(room: Hall, what: tuple[str, int], read: "asyncio.Task[Page | None]") -> None:
        if room.reads.get(what) is read:
            del room.reads[what]

    # -- tasks

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _keep_task(self, task: "asyncio.Task[Any]") -> None:
        """Hold one whose outcome is for those who wait for it; they may all have left."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("relay: a task failed", exc_info=task.exception())

    async def close(self) -> None:
        """Stop feeding."""
        if self._waiting is not None:
            self._waiting.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Signal(msgspec.Struct):
    kind: str
