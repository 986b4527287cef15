"""Presence of the embedded broker: in memory, as there is one process, whose sockets are gone with it."""

from collections.abc import Sequence

from service import signals
from service.brokers.presence import Roster, SharedPresence
from service.brokers.sqlite.log import SqliteLog
from service.brokers.sqlite.names import Names
from service.protocol import MEMBERS_LIMIT, Person, encode


class MemoryPresence(SharedPresence):
    """`people` by room. Who is here holds their name."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self.people: dict[str, dict[str, Person]] = {}
        self.names = Names(lambda user: user in self.people.get("", ()))

    @property
    def available(self) -> bool:
        return self._log.file.available

    async def enter(self, room: str, people: Sequence[Person]) -> None:
        now = self._log.file.time()
        here = self.people.setdefault(room, {})
        came = [person for person in people if here.get(person.id) != person]
        here.update((person.id, person) for person in came)
        if not room:
            self.names.hold(people, now)
        self._tell(room, came, [])

    async def depart(self, room: str, users: Sequence[str]) -> None:
        self._log.file.time()
        here = self.people.get(room, {})
        left = [user for user in users if here.pop(user, None) is not None]
        self._tell(room, [], left)
        if not here:
            self.people.pop(room, None)

    def _tell(self, room: str, joined: list[Person], left: list[str]) -> None:
        if room and (joined or left):
            count = len(self.people[room])
            self._log.signal(room, encode(signals.Presence(joined=joined, left=left, count=count)))

    async def roster(self, room: str) -> Roster:
        self._log.file.time()
        here = self.people.get(room, {})
        return Roster(len(here), None if len(here) > MEMBERS_LIMIT else list(here.values()))

    async def beat(self) -> bool:
        self._log.file.time()
        return True
