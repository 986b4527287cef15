"""Who is typing: gathered, a few a room, told to the room's members, and left out where it would be for too many."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from service.brokers.log import Log
from service.protocol import MEMBERS_LIMIT, Person, encode

GATHER = 0.5  # seconds
SHOWN_LIMIT = 10  # people of a room in one signal; more can't be told apart in half a second


class _Typing(msgspec.Struct):
    """The signal."""

    users: Annotated[list[Person], Meta(max_length=SHOWN_LIMIT)]


class Typists:
    """`note` is called at will; `run` tells the room now and then, of all at once."""

    def __init__(self, log: Log, size: Callable[[str], int], show: Callable[[str, list[Person]], None]) -> None:
        """`size`: how many are in a room; `show`: shows them to its members here."""
        self._log = log
        self._size = size
        self._show = show
        self._typing: dict[str, dict[str, Person]] = {}

    def note(self, room: str, person: Person) -> None:
        """They are typing there."""
        people = self._typing.setdefault(room, {})
        if len(people) < SHOWN_LIMIT:
            people[person.id] = person

    def done(self, room: str, user: str) -> None:
        """They said it: who types would be told of after the message, and seem to go on."""
        if room in self._typing:
            self._typing[room].pop(user, None)

    async def run(self) -> None:
        """Tell the rooms."""
        while True:
            await asyncio.sleep(GATHER)
            gathered, self._typing = self._typing, {}
            for room, people in gathered.items():
                if people and self._size(room) <= MEMBERS_LIMIT:
                    self._log.signal(room, encode({"kind": "typing", "users": list(people.values())}))

    def on_signal(self, room: str, payload: bytes) -> None:
        """Who types in a room, on any process."""
        users = msgspec.json.decode(payload, type=_Typing).users
        if self._size(room) <= MEMBERS_LIMIT:
            self._show(room, users)
