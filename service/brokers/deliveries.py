"""The contract of deliveries: how far each room's log was handed to the operator's receiver, and by whom at the moment.

A *place* is a read position like any other: the epoch and seq up to which a room's events were taken by the receiver.
A room is one process's to send from while that has its lease.

Atomic: each call, for one room. A lease is one of any number of takers'; who has lost it saves no place.
Durable: places are, as the log is. Leases and verdicts may go with the broker.
Gone with it: a room that is forgotten or deleted takes its place along.
Errors: those of `base`. A place that can't be read is counted, and is as if it were not there.
"""

import abc
from collections.abc import Mapping, Sequence

from msgspec import Struct

from service.brokers.base import Part
from service.brokers.log import Position


class Lease(Struct, frozen=True):
    """The room is the taker's now, to go on behind `place`; None: nothing of it was ever sent."""

    place: Position | None


class Deliveries(Part):
    """See the module's docstring."""

    @abc.abstractmethod
    async def begun(self) -> bool:
        """Whether there was ever a receiver; until then rooms are as old as they are."""

    @abc.abstractmethod
    async def begin(self) -> None:
        """From here on a room without a place is a new one, of which all is sent."""

    @abc.abstractmethod
    async def skip(self, places: Mapping[str, Position]) -> None:
        """Leave out what is before these places, in rooms that have none."""

    @abc.abstractmethod
    async def places(self, rooms: Sequence[str]) -> dict[str, Position | None]:
        """How far these rooms' events were sent. Rooms whose part of the broker is away are left out."""

    @abc.abstractmethod
    async def take(self, room: str, holder: str, seconds: float) -> Lease | None:
        """The room is the holder's for so long, unless it is another's (None)."""

    @abc.abstractmethod
    async def save(self, room: str, holder: str, place: Position, seconds: float) -> bool:
        """Keep the place, and the room for so long from now. False, and nothing is done, if it is another's by now."""

    @abc.abstractmethod
    async def release(self, room: str, holder: str) -> None:
        """The room is anybody's, if it was the holder's."""

    @abc.abstractmethod
    async def settle(self, key: str, verdict: bytes, seconds: float) -> bytes:
        """The verdict that holds for `key`: the first that was given, which is kept for so long."""

    @abc.abstractmethod
    async def forget(self, key: str) -> None:
        """The verdict for `key` is kept no longer."""
