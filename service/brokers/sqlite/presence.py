"""Presence of the embedded broker: in memory, as there is one process, whose sockets are gone with it."""

from collections.abc import Sequence
from heapq import nsmallest

from service import signals
from service.brokers.presence import Roster, SharedPresence, Still, everybody
from service.brokers.sqlite.log import SqliteLog
from service.brokers.sqlite.names import MemoryNames
from service.protocol import MEMBERS_LIMIT, Person, encode


class MemoryPresence(SharedPresence):
    """`people_in` by room. Who is here holds their name."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self.people_in: dict[str, dict[str, Person]] = {}
        self.names = MemoryNames(lambda user: user in self.people_in.get("", ()))

    @property
    def available(self) -> bool:
        return self._log.file.available

    async def enter(self, room: str, people: Sequence[Person], still: Still = everybody) -> None:
        people = [person for person in people if still(person.id)]
        if not people:
            return
        now = self._log.file.time()
        here = self.people_in.setdefault(room, {})
        came = [person for person in people if here.get(person.id) != person]
        here.update((person.id, person) for person in came)
        if not room:
            self.names.hold(people, now)
        self._tell(room, came, [])

    async def depart(self, room: str, users: Sequence[str]) -> None:
        self._log.file.time()
        here = self.people_in.get(room, {})
        left = [user for user in users if here.pop(user, None) is not None]
        self._tell(room, [], left)
        if not here:
            self.people_in.pop(room, None)

    def _tell(self, room: str, joined: list[Person], left: list[str]) -> None:
        if room and (joined or left):
            count = len(self.people_in[room])
            self._log.signal(room, encode(signals.Presence(joined=joined, left=left, count=count)))
            if self.on_change is not None:
                self.on_change(room, joined, left)

    async def roster(self, room: str) -> Roster:
        self._log.file.time()
        here = self.people_in.get(room, {})
        return Roster(len(here), None if len(here) > MEMBERS_LIMIT else list(here.values()))

    async def people(self, room: str, limit: int, cursor: str = "") -> tuple[list[Person], str]:
        self._log.file.time()
        here = self.people_in.get(room, {})
        users = nsmallest(limit + 1, (user for user in here if user > cursor))
        following = users[limit - 1] if len(users) > limit else ""
        return [here[user] for user in users[:limit]], following

    async def find(self, user: str) -> Person | None:
        self._log.file.time()
        return self.people_in.get("", {}).get(user)

    async def beat(self) -> bool:
        self._log.file.time()
        return True
