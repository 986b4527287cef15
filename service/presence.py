"""Who is here and what they have read: this process's share, gathered, and everybody's, as told by the broker.

A person with many sockets counts once a process here, and the broker merges the processes. Leaving waits for the grace,
so that a reload is no leave. Changes are gathered for `GATHER` seconds into one call a room, and the broker's answer
comes back to every process as one signal; so a thousand joins in a second cost each room's sockets two small frames.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

import msgspec

from service.broker import BEAT_INTERVAL, Broker, Roster
from service.protocol import MEMBERS_LIMIT, Person, RequestError
from service.protocol import Presence as PresenceFrame

logger = logging.getLogger(__name__)

GATHER = 0.7  # seconds; with the way to the broker and back, under one


class _Change(msgspec.Struct):
    """The broker's `presence` signal."""

    joined: list[Person]
    left: list[str]
    count: int


class _Reads(msgspec.Struct):
    """The broker's `read` signal."""

    reads: dict[str, int]


class _Here(msgspec.Struct):
    """A person on this process: through how many sockets, and since when through none."""

    person: Person
    sockets: int = 0
    gone_at: float = 0.0
    entered: bool = False  # whether the broker was told


class Presence:
    """Room "" is the whole deployment: who is online at all, which is what holds a name."""

    def __init__(
        self,
        broker: Broker,
        grace: float,
        tell: Callable[[str, PresenceFrame], None],
        tell_reads: Callable[[str, dict[str, int]], None],
    ) -> None:
        self._broker = broker
        self._grace = grace
        self._tell = tell
        self._tell_reads = tell_reads
        self._loop = asyncio.get_running_loop()
        self._here: dict[str, dict[str, _Here]] = {}
        self._leaving: dict[tuple[str, str], float] = {}  # in the order of leaving, so the oldest come first
        self._arriving: dict[str, dict[str, _Here]] = {}
        self._marks: dict[str, dict[str, int]] = {}
        self._rosters: dict[str, asyncio.Future[_Roster]] = {}

    # -- this process's people

    def enter(self, room: str, person: Person) -> None:
        """One more socket of `person` is in `room`."""
        here = self._here.setdefault(room, {}).get(person.id)
        if here is None:
            here = self._here[room][person.id] = _Here(person)
        here.sockets += 1
        self._leaving.pop((room, person.id), None)
        if not here.entered or here.person.name != person.name:
            here.person = person
            self._arriving.setdefault(room, {})[person.id] = here

    def leave(self, room: str, user: str) -> None:
        """One socket less; the last one's leave is told after the grace."""
        here = self._here[room][user]
        here.sockets -= 1
        if here.sockets == 0:
            here.gone_at = self._loop.time()
            self._leaving[room, user] = here.gone_at + self._grace

    async def run(self) -> None:
        """Tell the broker what changed; beat. Survives its absence: what could not be told is told again."""
        beat_at = 0.0
        while True:
            try:
                if self._loop.time() >= beat_at:
                    beat_at = self._loop.time() + BEAT_INTERVAL
                    if not await self._broker.beat():
                        self._enter_again()
                await self.flush()
            except RequestError:
                pass  # away; nothing is forgotten
            await asyncio.sleep(GATHER)

    def _enter_again(self) -> None:
        """This process was taken for dead, or the broker forgot: everybody here is new to it."""
        for room, people in self._here.items():
            for user, here in people.items():
                if here.sockets:
                    here.entered = False
                    self._arriving.setdefault(room, {})[user] = here
        for room in list(self._rosters):
            self.forget(room)

    async def flush(self, everybody: bool = False) -> None:
        """Tell the broker of arrivals, of leaves past their grace (or all of them), and of read positions."""
        arriving, self._arriving = self._arriving, {}
        departing = self._departing(everybody)
        marks, self._marks = self._marks, {}
        calls = [self._tell_arrival(room, people) for room, people in arriving.items()]
        calls += [self._tell_departure(room, users) for room, users in departing.items()]
        calls += [self._tell_marks(room, positions) for room, positions in marks.items()]
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, RequestError):
                raise answer

    def _departing(self, everybody: bool) -> dict[str, list[str]]:
        now = self._loop.time()
        departing: dict[str, list[str]] = {}
        for (room, user), due in list(self._leaving.items()):
            if due > now and not everybody:
                break
            del self._leaving[room, user]
            self._here[room].pop(user)
            if not self._here[room]:
                del self._here[room]
            departing.setdefault(room, []).append(user)
        return departing

    async def _tell_arrival(self, room: str, people: dict[str, _Here]) -> None:
        try:
            await self._broker.enter(room, [here.person for here in people.values()])
        except RequestError:
            waiting = self._arriving.setdefault(room, {})
            for user, here in people.items():
                if here.sockets:
                    waiting.setdefault(user, here)
            raise
        for here in people.values():
            here.entered = True

    async def _tell_departure(self, room: str, users: list[str]) -> None:
        try:
            await self._broker.depart(room, users)
        except RequestError:
            for user in users:
                people = self._here.setdefault(room, {})
                if user not in people:
                    people[user] = _Here(Person(user, ""), entered=True)
                    self._leaving[room, user] = 0.0
            raise

    # -- everybody

    async def roster(self, room: str) -> Roster:
        """Who is in a room that this process is subscribed to: read once, then kept by the signals."""
        kept = self._rosters.get(room)
        if kept is None:
            kept = self._rosters[room] = asyncio.ensure_future(self._load(room))
            kept.add_done_callback(lambda done: self._drop_failed(room, done))
        roster = await asyncio.shield(kept)
        return Roster(roster.count, None if roster.members is None else list(roster.members.values()))

    async def _load(self, room: str) -> "_Roster":
        roster = await self._broker.roster(room)
        members = None if roster.members is None else {person.id: person for person in roster.members}
        return _Roster(roster.count, members)

    def _drop_failed(self, room: str, done: "asyncio.Future[_Roster]") -> None:
        if (done.cancelled() or done.exception() is not None) and self._rosters.get(room) is done:
            del self._rosters[room]

    def merged(self, room: str, roster: Roster, person: Person) -> Roster:
        """The roster as `person`, who is just entering, sees it: with those here whom the broker has yet to announce."""
        here = self._here.get(room, {})
        if roster.members is None or len(here) > MEMBERS_LIMIT:
            return Roster(max(roster.count, len(here)), None)
        members = {member.id: member for member in roster.members}
        members |= {user: entry.person for user, entry in here.items() if entry.sockets and user not in members}
        members.setdefault(person.id, person)
        return Roster(len(members), list(members.values()) if len(members) <= MEMBERS_LIMIT else None)

    def forget(self, room: str) -> None:
        """Read the room's roster again when it is next asked for: signals may have been missed, or will be."""
        self._rosters.pop(room, None)

    def on_presence(self, room: str, payload: bytes) -> None:
        """The broker's word on who came and went."""
        change = msgspec.json.decode(payload, type=_Change)
        kept = self._rosters.get(room)
        if kept is not None and kept.done():
            if not kept.result().apply(change):
                self.forget(room)
        frame = PresenceFrame(room=room, count=change.count)
        if change.count <= MEMBERS_LIMIT:
            frame.joined, frame.left = change.joined, change.left
        self._tell(room, frame)

    # -- read positions

    def mark_read(self, room: str, user: str, seq: int) -> None:
        """The user has read up to `seq`; told with the next gathering."""
        marks = self._marks.setdefault(room, {})
        marks[user] = max(seq, marks.get(user, 0))

    async def _tell_marks(self, room: str, marks: dict[str, int]) -> None:
        await self._broker.mark_read(room, marks)

    async def reads(self, room: str, members: Iterable[Person]) -> dict[str, int]:
        """What these people have read."""
        return await self._broker.reads(room, [person.id for person in members])

    def on_read(self, room: str, payload: bytes) -> None:
        """The broker's word on whose read position moved."""
        self._tell_reads(room, msgspec.json.decode(payload, type=_Reads).reads)

    async def close(self) -> None:
        """Everybody here leaves: their next process has entered them, or nobody has."""
        for room, people in self._here.items():
            for user, here in people.items():
                if here.sockets:
                    here.sockets = 0
                    self._leaving[room, user] = 0.0
        try:
            await self.flush(everybody=True)
        except RequestError:
            logger.info("presence: the broker is away; others clear up after this process")


class _Roster(msgspec.Struct):
    """A room's people as last told; `members` is None past MEMBERS_LIMIT, until it is read again below it."""

    count: int
    members: dict[str, Person] | None

    def apply(self, change: _Change) -> bool:
        """Take a change in; False when this no longer agrees with the broker and must be read again."""
        self.count = change.count
        if self.members is None:
            return change.count > MEMBERS_LIMIT
        for person in change.joined:
            self.members[person.id] = person
        for user in change.left:
            self.members.pop(user, None)
        if change.count > MEMBERS_LIMIT:
            self.members = None
            return True
        return len(self.members) == change.count
