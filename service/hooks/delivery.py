"""`Delivery`: what rooms' logs hold goes to the receiver, room by room in order, at least once.

Nothing is queued: what is kept here are the names of rooms that may have something to send, and the log has it. A room
is sent by whoever has its lease, from its place on, one event after the other; so it survives the end of any process.
Rooms become due by what is stored here, and by a look at all rooms now and then, which finds what a process that died
has left. Where the receiver fails, one room tries, and the others wait for what becomes of it.
"""

import asyncio
import logging
import random
import re
from collections.abc import Collection
from contextlib import suppress

from msgspec import Struct

from service.brokers.deliveries import Deliveries
from service.brokers.directory import Directory
from service.brokers.log import Log, Page, Position
from service.clock import CLOCK
from service.hooks import payloads, pending
from service.hooks.receiver import WAIT_FIRST, WAIT_LONGEST, Backoff, Failed, Receiver
from service.logs import fields
from service.protocol import RequestError

logger = logging.getLogger(__name__)

SENDING_ROOMS_LIMIT = 16  # rooms that are sent from at a time
DELIVERY_PAGE_EVENTS = 100  # read at a time
TURN_PAGES = 4  # read before it is another room's turn
DUE_LIMIT = 10_000  # rooms that are known to be due; further ones the next looks find
LEASE_MARGIN = 10.0  # seconds that a lease holds beyond an attempt
SAVE_INTERVAL = 0.25  # seconds between two savings of a place: what a kill then sends again
BUSY_WAIT = 1.0  # seconds before a room is tried again that is another process's, or whose broker is away
START_WAIT = 0.05  # seconds between attempts at the first look
LEAVE_WAIT = 1.0  # seconds, at a process's end, for answers to what is under way: what has none comes twice
ROOMS_LOOK_INTERVAL = 10.0  # seconds between two looks at all rooms
LOOK_EVENTS = 100  # rooms of which a look reads how old what they wait with is


class _Due(Struct):
    """A room that may have something to send: `at` is of the oldest of it, in ms of Unix time; 0: nobody looked."""

    at: int
    backoff: Backoff
    noted: bool = True  # since its log was last read
    until: float = 0.0  # by the loop's clock


class Intervals(Struct, frozen=True, kw_only=True):
    """Seconds."""

    look: float = ROOMS_LOOK_INTERVAL
    save: float = SAVE_INTERVAL
    busy: float = BUSY_WAIT
    leave: float = LEAVE_WAIT
    lease_margin: float = LEASE_MARGIN
    wait_first: float = WAIT_FIRST  # after a failure, at most
    wait_longest: float = WAIT_LONGEST  # after many

    def backoff(self) -> Backoff:
        return Backoff(self.wait_first, self.wait_longest)


DEFAULT_INTERVALS = Intervals()


class Delivery:
    """`run` sends, `look` finds; both until cancelled. `note` is for who stored something."""

    def __init__(
        self,
        log: Log,
        directory: Directory,
        deliveries: Deliveries,
        receiver: Receiver,
        holder: str,
        *,
        kinds: Collection[str],
        rooms: re.Pattern[str],
        intervals: Intervals = DEFAULT_INTERVALS,
        due_limit: int = DUE_LIMIT,
    ) -> None:
        """`holder`: what this process is called in leases."""
        self._log = log
        self._directory = directory
        self._deliveries = deliveries
        self._receiver = receiver
        self._holder = holder
        self._kinds = frozenset(kinds)
        self._rooms = rooms
        self._intervals = intervals
        self._due_limit = due_limit
        self._lease = receiver.timeout + intervals.lease_margin
        self._loop = asyncio.get_running_loop()
        self._due: dict[str, _Due] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._begun = asyncio.Event()
        self._wake = asyncio.Event()
        self._leaving = False

    def note(self, room: str) -> None:
        """Something may be there to send."""
        due = self._due.get(room)
        if due is not None:
            due.noted = True
        elif self._rooms.match(room) and len(self._due) < self._due_limit:
            self._due[room] = _Due(CLOCK.now_ms(), self._intervals.backoff())
            self._wake.set()

    @property
    def begun(self) -> bool:
        """Whether all that is said from now on is sent."""
        return self._begun.is_set()

    @property
    def rooms_due(self) -> int:
        return len(self._due)

    @property
    def oldest_seconds(self) -> float:
        """How old the oldest is that was not sent, as far as it is known here."""
        ats = [due.at for due in self._due.values() if due.at]
        return max(0.0, CLOCK.now() - min(ats) / 1000) if ats else 0.0

    # -- sending

    async def run(self) -> None:
        try:
            await self._begun.wait()
            while True:
                self._wake.clear()
                wait = self._start()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
        finally:
            self._leaving = True
            if self._sending:
                await asyncio.wait(self._sending.values(), timeout=self._intervals.leave)
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)
            self._sending.clear()  # of those that had not even begun

    def _start(self) -> float | None:
        """Begin with what may be sent now; seconds until there may be more, None for "once something happens"."""
        now, backoff = self._loop.time(), self._receiver.backoff
        if backoff.until > now:
            return backoff.until - now
        free = (1 if backoff.failures else SENDING_ROOMS_LIMIT) - len(self._sending)
        wait: float | None = None
        for room, due in self._due.items():
            if free <= 0:
                return None  # the end of one wakes
            if room in self._sending:
                continue
            if due.until > now:
                wait = due.until - now if wait is None else min(wait, due.until - now)
            else:
                self._sending[room] = self._loop.create_task(self._send(room, due))
                free -= 1
        return wait

    async def _send(self, room: str, due: _Due) -> None:
        try:
            done = await self._take_turn(room, due)
            if done and not due.noted:
                del self._due[room]
            else:
                self._due[room] = self._due.pop(room)  # behind the others
        except RequestError:  # the broker is away, at least for this room
            due.until = self._loop.time() + self._intervals.busy
        except Exception:
            due.backoff.fail()
            due.until = due.backoff.until
            logger.exception("webhook: a room could not be sent from", extra=fields("webhook_failed", room=room))
        finally:
            del self._sending[room]
            self._wake.set()

    async def _take_turn(self, room: str, due: _Due) -> bool:
        """Send what there is, but not for ever; whether that was all."""
        taken = self._loop.time()
        lease = await self._deliveries.take(room, self._holder, self._lease)
        if lease is None:
            due.at = 0  # whose it is knows
            due.until = self._loop.time() + self._intervals.busy
            return False
        epoch, seq = (lease.place.epoch, lease.place.seq) if lease.place else ("", 0)
        turn = _Turn(room, epoch, seq, taken + self._lease)
        try:
            return await self._send_pages(turn, due)
        except Failed as failed:
            due.backoff.fail(failed.retry_after)
            due.until = due.backoff.until
            return False
        finally:
            with suppress(RequestError):
                await self._save(turn)
                await self._deliveries.release(room, self._holder)

    async def _send_pages(self, turn: "_Turn", due: _Due) -> bool:
        for _ in range(TURN_PAGES):
            due.noted = False
            page = await self._log.after(turn.room, turn.seq, DELIVERY_PAGE_EVENTS)
            if page is None:
                return True
            turn.epoch = turn.epoch or page.position.epoch
            reason = turn.missing(page)
            if reason and not await self._say_missing(turn, page, reason):
                return False
            if reason == "epoch":
                continue  # it is read from its beginning
            if not page.frames:
                return True
            for seq, frame in enumerate(page.frames, page.seq):
                due.at = payloads.at_of(frame)
                if not await self._send_event(turn, seq, frame):
                    return False
                due.backoff.succeed()
            due.at = 0
        return False

    async def _send_event(self, turn: "_Turn", seq: int, frame: bytes) -> bool:
        """False if the room is another's by now, or soon: this process leaves."""
        if self._leaving:
            return False
        if payloads.kind_of(frame) in self._kinds:
            id = payloads.event_id(turn.room, turn.epoch, seq)
            if not await self._post(turn, id, payloads.event(frame, turn.epoch)):
                return False
        turn.seq, turn.moved = seq, True
        due = self._loop.time() - turn.saved_at >= self._intervals.save
        return not due or await self._save(turn)

    async def _say_missing(self, turn: "_Turn", page: Page, reason: str) -> bool:
        """Say that what comes next doesn't follow what came last, and go on there."""
        fresh = Position(page.position.epoch, 0 if reason == "epoch" else turn.before(page))
        body = payloads.reset(turn.room, reason, fresh, CLOCK.now_ms())
        if not await self._post(turn, payloads.reset_id(turn.room, fresh), body):
            return False
        turn.epoch, turn.seq, turn.moved = fresh.epoch, fresh.seq, True
        return await self._save(turn)

    async def _post(self, turn: "_Turn", id: str, body: bytes) -> bool:
        """Send one, while the room is surely this process's. Raises `Failed`; False if it is another's by now."""
        short = turn.lease_until - self._loop.time() < self._receiver.timeout + 1
        if short and not await self._save(turn, always=True):
            return False
        await self._receiver.post("event", id, body, read=len)
        return True

    async def _save(self, turn: "_Turn", always: bool = False) -> bool:
        """Keep the place, and the room for a while longer; whether it is still this process's."""
        if not turn.epoch or not (turn.moved or always):
            return True
        turn.moved, turn.saved_at = False, self._loop.time()
        place = Position(turn.epoch, turn.seq)
        kept = await self._deliveries.save(turn.room, self._holder, place, self._lease)
        turn.lease_until = turn.saved_at + self._lease
        return kept

    # -- finding

    async def look(self) -> None:
        """Look at all rooms, now and then, for what nobody sends."""
        while True:
            wait = self._intervals.look
            try:
                if not await self._deliveries.begun():
                    await self._begin()
                self._begun.set()
                await self._find()
            except RequestError:  # the broker is away
                wait = self._intervals.busy if self.begun else START_WAIT
            await asyncio.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311  # jitter, no secret

    async def _begin(self) -> None:
        """What was said before isn't sent. A broker that has lost that there is a receiver is told again."""
        if not self.begun:
            async for ends in pending.ends(self._log, self._directory, self._rooms):
                if await self._deliveries.begun():  # another was quicker, and what is said since is to be sent
                    return
                await self._deliveries.skip(ends)
        await self._deliveries.begin()

    async def _find(self) -> None:
        unread = LOOK_EVENTS
        async for room, place, end in pending.pending(self._log, self._directory, self._deliveries, self._rooms):
            if room not in self._due:
                self.note(room)
                due = self._due.get(room)
                if due is not None and unread:
                    unread -= 1
                    due.at = await pending.oldest_at(self._log, room, place, end)


class _Turn(Struct):
    """How far a room was sent, by one who has its lease until then (the loop's clock)."""

    room: str
    epoch: str
    seq: int
    lease_until: float
    saved_at: float = 0.0
    moved: bool = False  # since it was saved

    def missing(self, page: Page) -> str:
        """Why the page, or the log as a whole, doesn't follow; "" where it does."""
        if page.position.epoch != self.epoch or page.position.seq < self.seq:
            return "epoch"
        return "trimmed" if self.before(page) > self.seq else ""

    def before(self, page: Page) -> int:
        """Up to where nothing is there any more; what can't be read at a log's end is as if it were trimmed."""
        if page.frames:
            return page.seq - 1
        return self.seq if page.more else page.position.seq
