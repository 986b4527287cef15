"""Who is typing: gathered in each process, a few a room, told to its members, and left out where they are too many."""

import asyncio
from collections.abc import Callable

from service import signals
from service.brokers.log import Log
from service.protocol import MEMBERS_LIMIT, Person, encode
from service.signals import TYPISTS_LIMIT

TYPING_GATHER = 0.5  # seconds


class Typists:
    """`note` is called at will; `run` tells the room now and then, of all at once."""

    def __init__(
        self,
        log: Log,
        size: Callable[[str], int],
        show: Callable[[str, list[Person]], None],
        gather: float = TYPING_GATHER,
    ) -> None:
        """`size`: how many are in a room; `show`: shows them to its members here."""
        self._log = log
        self._size = size
        self._show = show
        self._gather = gather
        self._typing: dict[str, dict[str, Person]] = {}

    def note(self, room: str, person: Person) -> None:
        """They are typing there."""
        people = self._typing.setdefault(room, {})
        if len(people) < TYPISTS_LIMIT:
            people[person.id] = person

    def done(self, room: str, user: str) -> None:
        """They said it: who types would be told of after the message, and seem to go on."""
        if room in self._typing:
            self._typing[room].pop(user, None)

    async def run(self) -> None:
        """Tell the rooms."""
        while True:
            await asyncio.sleep(self._gather)
            gathered, self._typing = self._typing, {}
            for room, people in gathered.items():
                if people and self._size(room) <= MEMBERS_LIMIT:
                    self._log.signal(room, encode(signals.Typing(users=list(people.values()))))

    def on_signal(self, room: str, typing: signals.Typing) -> None:
        """Who types in a room, on any process."""
        if self._size(room) <= MEMBERS_LIMIT:
            self._show(room, typing.users)
