"""`Rooms`, the one consumer: what the broker broadcasts goes by the rooms' cursors to the sockets.

The directory of the rooms that are held here, the routing of what arrives, and the flush: the frames of one turn of the
loop are joined per room into one write per live member (measured at 64 messages in flight: 0.11 µs a delivery instead
of 5). What a room does is in room.py, what decides order in cursors.py.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Container, Sequence
from typing import Any

from service import metrics, signals
from service.brokers.log import EMPTY_SECONDS, Log, Position, Publication, Subscriber
from service.protocol import RequestError
from service.rooms.room import Bounds, Member, Membership, Room, compare_rooms
from service.rooms.tasks import Tasks

CHECK_INTERVAL = 2.0  # seconds between looks at every room's position: a lost last message has no successor to show it
KEEP_INTERVAL = EMPTY_SECONDS / 3  # between two words to the broker on the empty rooms that are held here
# Writing to a room of more than LARGE takes 2 ms, longer than Redis takes to answer, and what this process has on its
# way there would have to wait for it. So the write waits for that instead, for FLUSH_WAIT at the most. Measured with
# 4,000 messages a second to a room of 1,000: half of them arrive within 7 ms instead of 11, `sent` leaves within 1 ms
# instead of 5, and 64 authors with one message in flight each get a fifth more through. Many small rooms would lose.
LARGE = 500
FLUSH_WAIT = 0.005  # seconds


class Rooms(Subscriber):
    """Rooms with members here, kept in step with the broker. `run` is the periodic part; all else is called."""

    def __init__(
        self,
        log: Log,
        *,
        check_interval: float = CHECK_INTERVAL,
        keep_interval: float = KEEP_INTERVAL,
        large: int = LARGE,
        flush_wait: float = FLUSH_WAIT,
        bounds: Bounds | None = None,
    ) -> None:
        """Intervals and waits in seconds; `large` in live members."""
        self._log = log
        self._check_interval = check_interval
        self._keep_interval = keep_interval
        self._large = large
        self._flush_wait = flush_wait
        self._bounds = bounds or Bounds()
        self._loop = asyncio.get_running_loop()
        self._keep_at = self._loop.time() + keep_interval
        self._flush_due = False
        self._waiting: asyncio.TimerHandle | None = None  # for one more publication, before a large write
        self._arrived: list[Room] = []
        self.tasks = Tasks()
        self.by_name: dict[str, Room] = {}
        self.handlers: dict[type[signals.AnySignal], Callable[[str, Any], None]] = {}  # of signals: room, signal
        # Called with each room whose signals may have been missed, or will be: it is no longer held here.
        self.on_resync: Callable[[str], None] = lambda room: None

    # -- members

    async def join(
        self,
        name: str,
        member: Member,
        since: Position | None = None,
        limit: int | None = None,
        may_begin: Callable[[], Awaitable[None]] | None = None,
    ) -> Membership:
        """A place in the room, which is in step with its log then. Write its answer, and `begin`; or `leave`.

        After `since`, if all that followed is still there (`resumed`); else at the end of the `page` of the newest
        `limit` messages; without a `limit` no page is read, and it is where the room is now. A room that has no log is
        given one if `may_begin` doesn't raise. Raises `unavailable` when the broker doesn't answer.
        """
        room = self.by_name.get(name)
        if room is None:
            room = self.by_name[name] = Room(name, self._log, self.tasks, self._let_go, self._bounds)
            self._log.subscribe(name)
        return await room.join(member, since, limit, may_begin)

    def _let_go(self, room: Room) -> None:
        del self.by_name[room.name]
        self._log.unsubscribe(room.name)
        self.on_resync(room.name)

    def sockets(self, name: str) -> int:
        """How many members a room has on this process."""
        room = self.by_name.get(name)
        return len(room.cursors.live) + len(room.cursors.behind) if room is not None else 0

    def broadcast(self, name: str, data: bytes, but: Container[Any] = ()) -> None:
        """Write a frame that is no event to all members of a room but some; slow readers go without."""
        room = self.by_name.get(name)
        if room is not None:
            room.broadcast(data, but)

    def send(self, name: str, data: bytes, members: Collection[Any]) -> None:
        """The same to some only, if they are members."""
        room = self.by_name.get(name)
        if room is not None and data:
            room.send(data, members)

    # -- what the broker tells

    def on_publication(self, publication: Publication) -> None:
        room = self.by_name.get(publication.room)
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
        if self._log.publishing and any(len(room.cursors.live) > self._large for room in self._arrived):
            self._waiting = self._loop.call_later(self._flush_wait, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        self._waiting = None
        self._flush_due = False
        arrived, self._arrived = self._arrived, []
        last = None
        for room in arrived:
            if room.cursors.epoch is not None:
                try:
                    last = room.take() or last
                except Exception as error:  # noqa: BLE001 (the other rooms' events wait behind it)
                    room.damaged(error)
        if last is not None:
            metrics.DELIVERY.delivered(last)

    def known(self, room: str) -> Position:
        held = self.by_name.get(room)
        return (held and held.cursors.position) or Position("", 0)

    def on_signal(self, room: str, payload: bytes) -> None:
        try:
            signal = signals.decode(room, payload)
        except ValueError:  # anybody with access to Redis can publish there
            metrics.GARBAGE.inc()
            return
        self.handlers[type(signal)](room, signal)

    def on_deleted(self, room: str, signal: signals.Deleted) -> None:
        """The room's members learn that its log has another life now."""
        self.tasks.spawn(self._check([room]))

    def on_subscribed(self, rooms: Sequence[str]) -> None:
        for name in rooms:
            self.on_resync(name)
            room = self.by_name.get(name)
            if room is not None:
                room.doubt()
        self.tasks.spawn(self._check(rooms))

    # -- staying in step

    async def run(self) -> None:
        """Every few seconds compare every room with its log, and wake what a broker's absence left behind."""
        while True:
            await asyncio.sleep(self._check_interval)
            if self.by_name:
                await self._keep()
                await self._check(list(self.by_name))

    async def _check(self, names: Sequence[str]) -> None:
        await compare_rooms(self._log, [self.by_name[name] for name in names if name in self.by_name])

    async def _keep(self) -> None:
        """Rooms without events would be forgotten, though somebody is there."""
        if self._loop.time() >= self._keep_at:
            self._keep_at = self._loop.time() + self._keep_interval
            held = ((room.name, room.cursors) for room in self.by_name.values())
            try:
                await self._log.keep([name for name, cursors in held if cursors.epoch and not cursors.head])
            except RequestError:
                self._keep_at = 0.0

    async def close(self) -> None:
        """Stop feeding."""
        if self._waiting is not None:
            self._waiting.cancel()
        await self.tasks.close()
