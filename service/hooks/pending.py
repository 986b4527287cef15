"""Which rooms have something that the receiver has not taken: where their logs end, and where their places are."""

import re
from collections.abc import AsyncIterator

from service.brokers.deliveries import Deliveries
from service.brokers.directory import Directory
from service.brokers.log import Log, Position
from service.hooks import payloads

WALK_ROOMS = 500  # rooms that are looked at together


async def ends(log: Log, directory: Directory, rooms: re.Pattern[str]) -> AsyncIterator[dict[str, Position]]:
    """Of all rooms that have events, some at a time. Raises `Unavailable`."""
    cursor, more = "", True
    while more:
        names, cursor = await directory.walk(WALK_ROOMS, cursor)
        more = bool(cursor)
        found = await log.positions([name for name in names if rooms.match(name)])
        yield {room: end for room, end in found.items() if end is not None and end.seq}


async def pending(
    log: Log, directory: Directory, deliveries: Deliveries, rooms: re.Pattern[str]
) -> AsyncIterator[tuple[str, Position | None, Position]]:
    """Rooms, their places and their ends, where these differ. Raises `Unavailable`."""
    async for some in ends(log, directory, rooms):
        for room, place in (await deliveries.places(list(some))).items():
            if place != some[room]:
                yield room, place, some[room]


async def oldest_at(log: Log, room: str, place: Position | None, end: Position) -> int:
    """When the oldest was said that was not taken, in ms of Unix time; 0 where that can't be read."""
    page = await log.after(room, place.seq if place and place.epoch == end.epoch else 0, 1)
    return payloads.at_of(page.frames[0]) if page and page.frames else 0
