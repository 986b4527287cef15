"""Who is here: this process's share, gathered, and everybody's, as told by the broker.

A person with many sockets counts once a process here, and the broker merges the processes. Leaving waits for the grace,
so that a reload is no leave. Changes are gathered for `PRESENCE_GATHER` seconds into one call a room, and the broker's
answer comes back to every process as one signal; so a thousand joins in a second cost each of the room's sockets two
frames.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from service import signals, telemetry
from service.brokers.presence import BEAT_INTERVAL, Roster, SharedPresence
from service.logs import fields
from service.protocol import MEMBERS_LIMIT, Person, RequestError
from service.protocol import Presence as PresenceFrame

logger = logging.getLogger(__name__)

NOTIFY_ROOMS = 64  # rooms of which the broker is told at a time
PRESENCE_GATHER = 0.7  # seconds; with the way to the broker and back, under one


class _Here(msgspec.Struct):
    """A person on this process, and through how many sockets: none while the grace lasts.

    `told`: whether the broker may know of them; `shown`: whether somebody may have been shown them.
    """

    person: Person
    sockets: int = 0
    told: bool = False
    shown: bool = False


class PresenceTracker:
    """Room "" is the whole deployment: who is online at all, which is what holds a name."""

    def __init__(
        self,
        shared: SharedPresence,
        grace: float,
        show: Callable[[str, PresenceFrame], None],
        gather: float = PRESENCE_GATHER,
        beat_interval: float = BEAT_INTERVAL,
    ) -> None:
        """`grace`, `gather`, `beat_interval` in seconds; `show` shows a frame to a room's members here."""
        self._shared = shared
        self._grace = grace
        self._gather = gather
        self._beat_interval = beat_interval
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._here: dict[str, dict[str, _Here]] = {}
        self._arriving: dict[str, dict[str, _Here]] = {}  # of `_here`, those the broker has yet to be told of
        self._leaving: dict[tuple[str, str], float] = {}  # when their grace ends
        self._rosters: dict[str, asyncio.Future[_Roster]] = {}
        self._beat_at = 0.0

    # -- this process's people

    def enter(self, room: str, person: Person) -> None:
        """One more socket of `person` is in `room`."""
        people = self._here.setdefault(room, {})
        here = people.get(person.id)
        self._leaving.pop((room, person.id), None)
        if here is None or here.person.name != person.name:
            here = people[person.id] = msgspec.structs.replace(here, person=person) if here else _Here(person)
            self._arriving.setdefault(room, {})[person.id] = here
        here.sockets += 1

    def leave(self, room: str, user: str, for_good: bool = False) -> None:
        """One socket less; the last one's leave is told after the grace, or soon if nobody can come back as `user`.

        Of whom the broker was never told it isn't told then, unless somebody was shown them, and so must see them go:
        to hear of them would claim their name again.
        """
        here = self._here[room][user]
        here.sockets -= 1
        if here.sockets:
            return
        if for_good and not (here.told or here.shown):
            self._remove(room, user)
        else:
            self._leaving[room, user] = self._loop.time() + (0.0 if for_good else self._grace)

    def _remove(self, room: str, user: str) -> None:
        for kept in (self._here, self._arriving):
            people = kept.get(room, {})
            people.pop(user, None)
            if not people:
                kept.pop(room, None)
        self._leaving.pop((room, user), None)

    async def run(self) -> None:
        """Tell the broker what changed; beat. Survives its absence: what could not be told is told again.

        After an absence the first thing told is a beat, and then everybody who is here.
        """
        while True:
            if not self._shared.available:
                self._beat_at = 0.0
            try:
                if self._loop.time() >= self._beat_at:
                    await self._beat()
                    self._beat_at = self._loop.time() + self._beat_interval
                await self.flush(self._loop.time())
            except RequestError:
                self._beat_at = 0.0
            await asyncio.sleep(self._gather)

    async def _beat(self) -> None:
        try:
            if not await self._shared.beat():
                self._enter_all_again()
        except RequestError:
            raise
        except Exception as error:  # noqa: BLE001 (what another process left behind must not silence this one)
            telemetry.damaged("process", "what a beat reads", repr(error))

    def _enter_all_again(self) -> None:
        """This process was taken for dead, or the broker forgot: everybody here is new to it."""
        for room, people in self._here.items():
            self._arriving.setdefault(room, {}).update(people)
        self._rosters.clear()

    def _enter_lost(self, room: str, change: signals.Presence) -> None:
        """Who is here and was told to have left was lost; so was everybody, where nobody came or left and none is.

        Not so whose leave is being told: its signal may be here before its answer.
        """
        here = self._here.get(room, {})
        gone = change.left if change.joined or change.left or change.count else list(here)
        lost = {user: here[user] for user in gone if user in here and self._stays(room, user)}
        if lost:
            self._arriving.setdefault(room, {}).update(lost)

    async def flush(self, now: float) -> None:
        """Tell the broker of arrivals, and of leaves whose grace is over by `now`, a time of the loop's.

        `run` does it again and again. Raises `RequestError` while the broker is away.
        """
        # In this order: of who came and went since the last time, the broker must hear the leave last.
        await _all(self._announce_arrivals, {room: list(people) for room, people in self._arriving.items()})
        departing: dict[str, list[str]] = {}
        for (room, user), due in self._leaving.items():
            if due <= now:
                departing.setdefault(room, []).append(user)
        await _all(self._announce_departures, departing)

    async def _announce_arrivals(self, room: str, users: list[str]) -> None:
        arriving = self._arriving.get(room, {})
        told = {user: arriving[user] for user in users if user in arriving}  # without who has left since

        def still(user: str) -> bool:
            stays = told[user].shown or self._stays(room, user)
            if not stays:
                del told[user]  # so that they are told of if they return
            return stays

        for here in told.values():
            here.told = True
        if told:
            await self._shared.enter(room, [here.person for here in told.values()], still)
        waiting = self._arriving.get(room, {})
        for user, here in told.items():
            if waiting.get(user) is here:  # else renamed meanwhile
                del waiting[user]
        if not waiting:
            self._arriving.pop(room, None)

    def _stays(self, room: str, user: str) -> bool:
        """Whether nobody is to be told that they left: so they may still be in their grace."""
        return self._leaving.get((room, user), math.inf) > self._loop.time()

    async def _announce_departures(self, room: str, users: list[str]) -> None:
        await self._shared.depart(room, users)
        for user in users:
            here = self._here.get(room, {}).get(user)  # None: `close` and `run` both told of the leave
            if here is not None and here.sockets:  # came back while the broker was told
                self._arriving.setdefault(room, {})[user] = here
            else:
                self._remove(room, user)

    async def close(self) -> None:
        """Everybody here leaves: their next process has entered them, or nobody has."""
        self._arriving.clear()
        for room, people in self._here.items():
            for user, here in people.items():
                here.sockets = 0
                self._leaving[room, user] = 0.0
        try:
            await self.flush(self._loop.time())
        except RequestError:
            left = "presence: the broker is away; others clear up after this process"
            logger.info(left, extra=fields("presence_left"))

    # -- everybody

    async def roster(self, room: str, person: Person) -> Roster:
        """Who is in a room that this process is subscribed to, as `person`, who is just entering, sees it.

        Read once, then kept by the signals; with those here whom the broker has yet to announce.
        """
        return self._merged(room, await asyncio.shield(self._kept(room)), [person])

    def present(self, room: str) -> Roster | None:
        """The same as it is known now; None while it is being read."""
        kept = self._kept(room)
        if not kept.done() or kept.cancelled() or kept.exception() is not None:
            return None
        return self._merged(room, kept.result(), [])

    def mine(self, room: str) -> list[Person]:
        """Who is there on this process, for somebody to be shown."""
        present = [here for here in self._here.get(room, {}).values() if here.sockets]
        for here in present:
            here.shown = True
        return [here.person for here in present]

    def _kept(self, room: str) -> "asyncio.Future[_Roster]":
        kept = self._rosters.get(room)
        if kept is None:
            kept = self._rosters[room] = asyncio.ensure_future(self._load(room))
            kept.add_done_callback(lambda done: self._drop_failed(room, done))
        return kept

    def _merged(self, room: str, roster: "_Roster", entering: list[Person]) -> Roster:
        # Not looked through in a large room: each of a crowd that comes would look through all.
        here = len(self._here.get(room, ()))
        if roster.members is None or here > MEMBERS_LIMIT:
            return Roster(max(roster.count, here), None)
        members = roster.members | _by_id(self.mine(room))
        for person in entering:
            members.setdefault(person.id, person)
        return Roster(len(members), list(members.values()) if len(members) <= MEMBERS_LIMIT else None)

    async def _load(self, room: str) -> "_Roster":
        roster = await self._shared.roster(room)
        return _Roster(roster.count, None if roster.members is None else _by_id(roster.members))

    def _drop_failed(self, room: str, done: "asyncio.Future[_Roster]") -> None:
        if (done.cancelled() or done.exception() is not None) and self._rosters.get(room) is done:
            del self._rosters[room]

    def size(self, room: str) -> int:
        """How many are in a room, as far as it is known here."""
        kept = self._rosters.get(room)
        told = kept.result().count if kept and kept.done() and not kept.cancelled() and not kept.exception() else 0
        return max(told, len(self._here.get(room, ())))

    def drop_roster(self, room: str) -> None:
        """Read the room's roster again when it is next asked for: signals may have been missed, or will be."""
        self._rosters.pop(room, None)

    def on_signal(self, room: str, change: signals.Presence) -> None:
        """The broker's word on who came and went."""
        self._enter_lost(room, change)
        if not room:  # nobody is told who is online at all
            return
        kept = self._rosters.get(room)
        if kept is not None and not (kept.done() and kept.result().apply(change)):
            self.drop_roster(room)
        frame = PresenceFrame(room=room, count=change.count)
        if change.count <= MEMBERS_LIMIT:
            frame.joined, frame.left = change.joined, change.left
        self._show(room, frame)


class _Roster(msgspec.Struct):
    """A room's people as last told; `members` is None past MEMBERS_LIMIT."""

    count: int
    members: dict[str, Person] | None

    def apply(self, change: signals.Presence) -> bool:
        """Take a change in; False when this no longer agrees with the broker and must be read again."""
        self.count = change.count
        if self.members is None:
            return change.count > MEMBERS_LIMIT
        if change.count > MEMBERS_LIMIT:
            self.members = None
            return True
        self.members |= _by_id(change.joined)
        for user in change.left:
            self.members.pop(user, None)
        return len(self.members) == change.count


def _by_id(people: Iterable[Person]) -> dict[str, Person]:
    return {person.id: person for person in people}


async def _all(notify: Callable[[str, list[str]], Awaitable[None]], users: dict[str, list[str]]) -> None:
    """`notify` of each room's users, `NOTIFY_ROOMS` at a time, so that others get their turn.

    The broker's absence is raised, after all are done. Any other fault is the room's alone: its people are told of
    again, and the others' are not kept waiting.
    """
    rooms, away = list(users), []
    for start in range(0, len(rooms), NOTIFY_ROOMS):
        part = rooms[start : start + NOTIFY_ROOMS]
        for room, answer in zip(
            part,
            await asyncio.gather(*(notify(room, users[room]) for room in part), return_exceptions=True),
            strict=True,
        ):
            if isinstance(answer, RequestError):
                away.append(answer)
            elif isinstance(answer, Exception):
                telemetry.damaged("presence", f"the people of {room or 'the deployment'}", repr(answer))
    if away:
        raise away[0]
