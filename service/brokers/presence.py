"""The contract of presence: who is in which room, over all processes.

A process enters the people whom it has; the broker merges the processes, and a person is there while at least one has
them. The room "" stands for the whole deployment. What a process entered is gone with it, `PROCESS_TTL` after its last
beat. Nothing here is durable: a broker that was emptied is told again by each process, after its next beat.

Atomic: each step of a person in a room, with the signal that tells others of it.
Ordered: not at all with the log; a signal may be lost, and the roster is the truth.
Errors: those of `base`.
"""

import abc
from collections.abc import Callable, Sequence

from msgspec import Struct

from service.brokers.base import Part
from service.protocol import Person

PROCESS_TTL = 25.0  # seconds without a beat after which a process's people are gone
BEAT_INTERVAL = 5.0  # seconds
PEOPLE_LIMIT = 1000  # people that are asked for at a time


class Roster(Struct, frozen=True):
    """Who is in a room: all of them, or past `MEMBERS_LIMIT` only how many."""

    count: int
    members: list[Person] | None


Changed = Callable[[str, list[Person], list[str]], None]
"""A room, who came to it and who left."""


Still = Callable[[str], bool]
"""Whether a user, by id, is still here."""


def everybody(_: str) -> bool:
    """All are."""
    return True


class SharedPresence(Part):
    """See the module's docstring."""

    on_change: Changed | None = None
    """Called on the loop, on the one process whose word it was; on none, where that ends before it hears the answer."""

    @abc.abstractmethod
    async def enter(self, room: str, people: Sequence[Person], still: Still = everybody) -> None:
        """These people are here on this process. Others are told (a `presence` signal) of whoever is new.

        The process is known before its people are. In the room "" their names are claimed again where they are free.
        `still` is asked once of each user, right before they are told of: who has left would hold their name again.
        """

    @abc.abstractmethod
    async def depart(self, room: str, users: Sequence[str]) -> None:
        """They are no longer on this process. Others are told of whoever is now on none."""

    @abc.abstractmethod
    async def roster(self, room: str) -> Roster:
        """Who is here, over all processes."""

    @abc.abstractmethod
    async def people(self, room: str, limit: int, cursor: str = "") -> tuple[list[Person], str]:
        """About `limit` of those who are here, and the cursor behind them; "" when those were the last.

        Who is here all the while is among them, perhaps twice. Raises `bad_request` for what is no cursor.
        """

    @abc.abstractmethod
    async def find(self, user: str) -> Person | None:
        """Somebody who is online, in whatever room."""

    @abc.abstractmethod
    async def beat(self) -> bool:
        """Say that this process lives; clear up after those that don't (no beat for `PROCESS_TTL`).

        Only a process that has itself beaten for a whole `PROCESS_TTL` without a gap or a step of the broker's clock
        clears up: who was away can't tell who else was. False when this process was itself taken for dead: it must
        enter its people again.
        """
