"""`Room`: one room of this process. Its cursors decide; here are their I/O and what tells the members.

Reading pages, filling holes, feeding those behind, and saying `reset` where it can't go on. A join gives a
`Membership`, through which all of a member's life in the room goes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Container, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from service import metrics, telemetry
from service.brokers.base import unavailable
from service.brokers.log import About, Log, Page, Position, Publication
from service.brokers.outages import COSTS
from service.logs import fields
from service.protocol import RequestError, ResetReason, is_plain, plain
from service.rooms.cursors import EARLY_BYTES, EARLY_LIMIT, Cursor, Found, HandedOut, RoomCursors
from service.rooms.tasks import Tasks
from service.sockets.framing import frame

logger = logging.getLogger(__name__)
T = TypeVar("T")

PAGE_EVENTS = 128  # read from the log at once, or fewer: the broker ends a page at PAGE_BYTES
LOOKS_LIMIT = 64  # rooms for which an event is read at a time: what else is to be read has its turn in between


class Bounds(Struct, frozen=True, kw_only=True):
    """What a room reads and keeps at the most."""

    page_events: int = PAGE_EVENTS
    early_limit: int = EARLY_LIMIT
    early_bytes: int = EARLY_BYTES


class Member(Protocol):
    """What a socket is to a room. Hashable by identity."""

    @property
    def congested(self) -> bool:
        """Whether it must take what it has before more is written."""

    def deliver(self, data: bytes) -> None:
        """Write whole frames."""

    def on_reset(self, room: str, reason: ResetReason) -> None:
        """It can't go on in `room`, because of "epoch" or "trimmed". Its membership leaves, or skips and begins."""

    def __hash__(self) -> int:
        """By identity."""


class Membership:
    """What holds a member in a room, from `join` to `leave`. The room is held here as long.

    Nothing is written to the member before `begin`, so its answer can be, and nothing that is said meanwhile is lost.
    """

    __slots__ = ("_began", "_left", "_member", "_room", "missed", "page", "plain", "position", "resumed")

    def __init__(self, room: "Room", member: Member, position: Position) -> None:
        self._room = room
        self._member = member
        self._began = self._left = False
        self.position = position  # after which it begins
        self.resumed = False  # whether that is where it said that it had been
        self.missed = 0  # events between that and the log's end
        self.page: Page | None = None  # the newest messages, if they were asked for, until it begins
        self.plain = False  # whether it knows only the kinds of events that every client knows

    def ask_about(self) -> "asyncio.Future[About]":
        """What the room is about, as of `position` or later: what it lacks comes as events. Await it shielded.

        Those who joined at the same position share a read. Where nothing happened yet, nothing is asked.
        """
        return self._room.ask_about(self.position)

    def begin(self) -> None:
        """From here on what follows `position` comes by itself; or `on_reset`, if the count began again since."""
        self.page = None
        if self._left:  # by the end of its socket, which writing the answer may find
            return
        self._began = True
        if not self._room.enter(self._member, self.position, self.plain):
            self._member.on_reset(self._room.name, "epoch")

    def skip(self) -> None:
        """Begin where the room is now, without what came before."""
        assert self._room.cursors.position is not None
        self.position = self._room.cursors.position

    def fall_behind(self) -> None:
        """The member can't take more for now."""
        self._room.cursors.fall_behind(self._member, self._room.cursors.head)

    def recover(self) -> None:
        """It took everything: feed it again."""
        self._room.nudge(self._member)

    def leave(self) -> None:
        """The end of it; a second time nothing happens."""
        if self._left:
            return
        self._left = True
        if self._began:
            self._room.dismiss(self._member)
        self._room.release()


class Room:
    """What a process does for a room that somebody here is in, or is about to be."""

    __slots__ = (
        "_beginning",
        "_let_go",
        "_log",
        "_page_events",
        "_plain",
        "_reads",
        "_ready",
        "_tasks",
        "arrived",
        "cursors",
        "holds",
        "name",
    )

    def __init__(self, name: str, log: Log, tasks: Tasks, let_go: Callable[["Room"], None], bounds: Bounds) -> None:
        """`let_go` is called once nobody holds it any more."""
        self.name = name
        self._log = log
        self._tasks = tasks
        self._let_go = let_go
        self._page_events = bounds.page_events
        self.cursors: RoomCursors[Member] = RoomCursors(bounds.early_limit, bounds.early_bytes)
        self.holds = 0  # memberships, including those whose join is under way
        self.arrived: list[Publication] = []  # in this turn of the loop, or before the room is in step
        self._reads: dict[tuple[str, Any], asyncio.Task[Any]] = {}  # what is being read, shared
        self._plain: set[Member] = set()  # those who know only the kinds of events that every client knows
        # Done when the log was looked at. The room is in step from then on, or it has no log yet.
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._beginning: asyncio.Task[None] | None = None  # of a room that has no log yet

    # -- joining

    async def join(
        self,
        member: Member,
        since: Position | None,
        limit: int | None,
        may_begin: Callable[[], Awaitable[None]] | None,
    ) -> Membership:
        """See `Rooms.join`."""
        self.holds += 1
        try:
            if self.cursors.epoch is None:
                await self._get_in_step(may_begin)
            return await self._place(member, since, limit)
        except BaseException:
            self.release()
            raise

    async def _place(self, member: Member, since: Position | None, limit: int | None) -> Membership:
        """The membership, after `since` if that can be, else at the end of a page of the newest."""
        if since is not None:
            page = await self._log.after(self.name, since.seq, 1)
            if page is not None and self.cursors.resumes(since, page):
                membership = Membership(self, member, Position(page.position.epoch, since.seq))
                membership.resumed = True
                membership.missed = page.position.seq - since.seq
                return membership
        if limit is None:
            assert self.cursors.position is not None
            return Membership(self, member, self.cursors.position)
        newest = partial(self._log.newest, self.name, limit, create=True)
        page = await self._read(("newest", limit), newest)
        assert page is not None
        membership = Membership(self, member, page.position)
        membership.page = page
        return membership

    def release(self) -> None:
        """One hold less."""
        self.holds -= 1
        if self.holds == 0:
            self._let_go(self)

    async def _get_in_step(self, may_begin: Callable[[], Awaitable[None]] | None) -> None:
        if not self._log.answers(self.name):
            raise unavailable("the broker is away")
        await asyncio.shield(self._ready)
        if self.cursors.epoch is None:
            await self._begin(may_begin)

    async def _begin(self, may_begin: Callable[[], Awaitable[None]] | None) -> None:
        """Give the room a log; one who may do so is enough for all who wait for it."""
        if self._beginning is None:
            if may_begin is not None:
                await may_begin()
            if self._beginning is None:
                self._beginning = self._tasks.share(self._create())
        await asyncio.shield(self._beginning)

    async def _create(self) -> None:
        try:
            page = await self._log.newest(self.name, 0, create=True)
            assert page is not None
            if self.cursors.epoch is None:
                self._in_step(page.position)
        finally:
            self._beginning = None

    def _in_step(self, position: Position) -> None:
        self.cursors.begin(position)
        self.take()

    def ask_about(self, position: Position) -> "asyncio.Future[About]":
        """See `Membership.ask_about`."""
        if position.seq == 0:
            nothing: asyncio.Future[About] = asyncio.get_running_loop().create_future()
            nothing.set_result(About())
            return nothing
        return self._share(("about", position), partial(self._log.about, self.name))

    def enter(self, member: Member, position: Position, plain: bool) -> bool:
        """Let a member who has seen the log up to `position` be given what follows; False if that can't be.

        `plain`: in the kinds of events that every client knows.
        """
        entered = self.cursors.enter(member, member.deliver, position, member.congested)
        if entered:
            if plain:
                self._plain.add(member)
            self.nudge(member)
        return entered

    def dismiss(self, member: Member) -> None:
        """It is given nothing any more."""
        self.cursors.leave(member)
        self._plain.discard(member)

    # -- writing

    def broadcast(self, data: bytes, but: Container[Any] = ()) -> None:
        """Write a frame that is no event to all members but some; a slow reader goes without."""
        for member, write in list(self.cursors.live.items()):
            if member not in but:
                write(data)
        self._write_behind(data, [member for member in self.cursors.behind if member not in but])

    def send(self, data: bytes, members: Collection[Any]) -> None:
        """The same to some only, if they are members."""
        live, behind = self.cursors.live, self.cursors.behind
        for write in [live[member] for member in members if member in live]:
            write(data)
        self._write_behind(data, [member for member in members if member in behind])

    @staticmethod
    def _write_behind(data: bytes, members: Iterable[Member]) -> None:
        for member in members:
            if not member.congested:
                member.deliver(data)

    def take(self) -> bytes | None:
        """Hand out what has arrived; answers the last of it that was next."""
        publications, self.arrived = self.arrived, []
        fresh, foreign = self.cursors.arrive(publications)
        self._write(fresh)
        if foreign:
            self._tasks.spawn(compare_rooms(self._log, [self]))
        self._fill_soon()
        return fresh[-1] if fresh else None

    def _write(self, fresh: list[bytes]) -> None:
        """Give the room's next events, which the cursors just handed out, to its members."""
        if not fresh:
            return
        cursors = self.cursors
        data = b"".join(map(frame, fresh))
        live = list(cursors.live.values())
        if self._plain and not all(map(is_plain, fresh)):
            self._write_plain(fresh, data)
        else:
            for write in live:
                write(data)
        metrics.hot.deliveries += len(fresh) * len(live)
        if cursors.behind:
            first = cursors.head - len(fresh) + 1
            for member, cursor in list(cursors.behind.items()):
                if not cursor.busy and not member.congested:
                    if cursor.seq >= first - 1:
                        self._feed(member, first, fresh)
                    else:
                        self.nudge(member)

    def _write_plain(self, fresh: list[bytes], data: bytes) -> None:
        """Give all who are live the events as `data`, some of them in the kinds that every client knows."""
        known = b"".join(map(frame, map(plain, fresh)))
        for member, write in list(self.cursors.live.items()):
            write(known if member in self._plain else data)

    def _feed(self, member: Member, seq: int, frames: list[bytes]) -> None:
        fresh = self.cursors.feed(member, member.deliver, seq, frames)
        if fresh:
            if member in self._plain:
                fresh = list(map(plain, fresh))
            member.deliver(b"".join(map(frame, fresh)))
            metrics.hot.deliveries += len(fresh)

    def _reset(self, members: list[Member], reason: ResetReason) -> None:
        """Tell those who can't go on."""
        if members:
            extra = fields("room_reset", room=self.name, reason=reason, members=len(members))
            COSTS.resets += len(members)
            logger.info("room %s: reset (%s) of %d members", self.name, reason, len(members), extra=extra)
        for member in members:
            member.on_reset(self.name, reason)

    # -- staying in step

    async def compare(self, asked: HandedOut | None, stands: Position | None) -> None:
        """The room, which was at `asked`, with where its log stands. Raises `unavailable`."""
        if asked is None:
            if stands is not None and self.cursors.epoch is None:
                self._in_step(stands)
            if not self._ready.done():
                self._ready.set_result(None)
            return
        found = self.cursors.compare(asked.position, stands)
        if found is not Found.NEXT:
            await self._start_over(found, asked, stands)
        elif stands is not None:
            self.cursors.expect(stands.seq)
            self.take()  # what has arrived is no hole
            for member in list(self.cursors.behind):
                self.nudge(member)

    def doubt(self) -> None:
        """The room's events come by another subscription from here on. What waits here may be of either."""
        if self.cursors.epoch is None:
            return
        arrived, self.arrived = self.arrived, []
        self.cursors.doubt()
        for publication in arrived:
            self.arrived.append(publication)
            self.take()
            self.cursors.doubt()

    async def look(self) -> None:
        """Compare events that were handed out with those that the log has in their places."""
        try:
            for asked in list(self.cursors.doubts):
                page = await self._log.after(self.name, asked.position.seq - 1, 1)
                found = self.cursors.verify(asked, page)
                if found is not Found.NEXT:
                    await self._start_over(found, asked, page.position if page else None)
                    return
        except RequestError:
            return  # `Rooms.run` looks again
        except Exception as error:  # noqa: BLE001 (a room costs itself)
            self.damaged(error)

    async def _start_over(self, found: Found, asked: HandedOut, stands: Position | None) -> None:
        """The log is no longer the one that this room's members have seen: they are told, and it begins again."""
        epoch, seq = asked.position.epoch, asked.position.seq
        if found is Found.LOST and stands is not None:
            # The broker came back without events that were handed out.
            lacks = "room %s: the log stands at %d and lacks what was handed out as %d: new epoch"
            extra = fields("log_lost", room=self.name, seq=seq, count=max(0, seq - stands.seq))
            logger.warning(lacks, self.name, stands.seq, seq, extra=extra)
            await self._log.renew_epoch(self.name, asked.position, asked.frame)
        if self.cursors.epoch == epoch:
            self._reset(self.cursors.reset(), "epoch")  # even if nothing can be read
            page = await self._log.newest(self.name, 0, create=True)
            if page is not None and self.cursors.epoch == epoch:
                self._reset(self.cursors.restart(page.position), "epoch")

    def _fill_soon(self) -> None:
        if self.cursors.begin_fill():
            self._tasks.spawn(self._fill())

    async def _fill(self) -> None:
        """Read from the log what did not arrive."""
        try:
            while self.cursors.hole and (asked := self.cursors.handed_out) is not None:
                if not await self._use(asked, await self._read_on(asked.position.seq)):
                    return
        except RequestError:
            return
        except Exception as error:  # noqa: BLE001 (a room costs itself; `Rooms.run` looks again)
            self.damaged(error)
        finally:
            self.cursors.filling = False

    async def _read_on(self, seq: int) -> Page | None:
        """What follows `seq`, behind that event itself, by which the log is known again."""
        page = await self._log.after(self.name, max(0, seq - 1), self._page_events + 1)
        if page is None or not page.more or page.seq + len(page.frames) - 1 != seq:
            return page
        rest = await self._log.after(self.name, seq, self._page_events)  # that event fills a page
        if rest is None or rest.position.epoch != page.position.epoch or rest.seq != seq + 1:
            return page
        return Page(rest.position, seq, page.frames + rest.frames, rest.more)

    async def _use(self, asked: HandedOut, page: Page | None) -> bool:
        """Hand out a page that was read for the hole; False where that was the last of it."""
        found = self.cursors.fill(asked, page)
        if page is None or found in (Found.OUTDATED, Found.LOST, Found.EPOCH):
            await self._start_over(found, asked, page.position if page else None)
            return False
        if found is Found.TRIMMED:
            self._reset(self.cursors.restart(page.position), "trimmed")
            return False
        if found is Found.FORGED:
            metrics.GARBAGE.inc()
            self.cursors.expect_nothing()
            return False
        fresh = self.cursors.advance(page.seq, page.frames)
        if fresh:  # else it arrived meanwhile
            metrics.HOLES.inc()
            COSTS.holes += 1
        self._write(fresh)
        self._write(self.cursors.advance_early())
        if fresh:
            metrics.DELIVERY.delivered(fresh[-1])
        return True

    def damaged(self, error: Exception) -> None:
        """It costs this room what it was at, and nobody else anything."""
        telemetry.damaged("room", f"the room {self.name}", repr(error))

    # -- feeding those behind

    def nudge(self, member: Member) -> None:
        """Read the log for a member that is behind, and takes what comes."""
        if not member.congested:
            cursor = self.cursors.begin_catch_up(member)
            if cursor is not None:
                COSTS.behind += 1
                metrics.CATCH_UPS.inc()
                self._tasks.spawn(self._catch_up(member, cursor))

    async def _catch_up(self, member: Member, cursor: Cursor) -> None:
        """Feed a member from the log until it is at the head, or can't take more."""
        try:
            while self.cursors.behind.get(member) is cursor and not member.congested:
                asked = Position(self.cursors.epoch or "", cursor.seq)
                if cursor.seq >= self.cursors.head:  # at the head it goes live; ahead of it, events will come
                    self._feed(member, cursor.seq + 1, [])
                    return
                after = partial(self._log.after, self.name, asked.seq, self._page_events)
                page = await self._read(("after", asked.seq), after)
                found = self.cursors.catch_up(member, cursor, asked, page)
                if found is Found.EPOCH:
                    await compare_rooms(self._log, [self])
                elif found is Found.TRIMMED:
                    self.cursors.leave(member)
                    COSTS.resets += 1
                    member.on_reset(self.name, "trimmed")
                if found is not Found.NEXT or page is None:
                    return
                self._feed(member, page.seq, page.frames)
        except RequestError:
            return  # `Rooms.run` nudges again
        except Exception as error:  # noqa: BLE001 (as above)
            self.damaged(error)
        finally:
            cursor.busy = False

    def _share(self, what: tuple[str, Any], work: Callable[[], Coroutine[Any, Any, T]]) -> "asyncio.Task[T]":
        """Something that is read. Members who ask for the same at once share a read: what it lacks comes as events."""
        read = self._reads.get(what)
        if read is None:
            read = self._reads[what] = self._tasks.share(work())
            read.add_done_callback(lambda _: self._drop_read(what, read))
        return read

    async def _read(self, what: tuple[str, int], page: Callable[[], Coroutine[Any, Any, Page | None]]) -> Page | None:
        """A page of the log, shared."""
        read = self._share(what, page)
        try:
            return await asyncio.shield(read)
        except asyncio.CancelledError:
            self._drop_read(what, read)  # it took too long; who asks next had better ask anew
            raise

    def _drop_read(self, what: tuple[str, Any], read: "asyncio.Task[Any]") -> None:
        if self._reads.get(what) is read:
            del self._reads[what]


async def compare_rooms(log: Log, rooms: Sequence[Room]) -> None:
    """Compare rooms with their logs. After a broker's absence this is what finds the holes.

    First all of them by where the logs end, in one question; then those of which events are to be compared.
    """
    # A publication may overtake the answer, so a log that stands before the head as it was is one that lost events.
    asked = [(room, room.cursors.handed_out) for room in rooms]
    try:
        positions = await log.positions([room.name for room in rooms])
    except RequestError:
        return  # the broker is away; its return brings `on_subscribed`, and `Rooms.run` looks again
    for room, handed_out in asked:
        if not room.holds or room.name not in positions:
            continue  # let go of meanwhile, or its part of the broker is away
        try:
            await room.compare(handed_out, positions[room.name])
        except RequestError:
            continue  # the broker is away, or what it has of this room can't be used
        except Exception as error:  # noqa: BLE001 (a room costs itself)
            room.damaged(error)
    doubtful = [room for room in rooms if room.cursors.doubts and room.holds]
    for start in range(0, len(doubtful), LOOKS_LIMIT):
        await asyncio.gather(*(room.look() for room in doubtful[start : start + LOOKS_LIMIT]))
