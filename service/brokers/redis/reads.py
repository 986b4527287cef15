"""Read positions on Redis, and what is unread behind them."""

from collections.abc import Sequence

from service.brokers.directory import READERS_LIMIT, UNREAD_ROOMS
from service.brokers.redis.commands import Commands, Lane
from service.brokers.redis.keys import all_of, read_rooms, read_seq, room_keys, room_script, unless_damaged, visits_key
from service.clock import CLOCK


class Reads:
    """The read positions' part of the directory."""

    def __init__(self, commands: Commands, prefix: bytes, *, readers_limit: int = READERS_LIMIT) -> None:
        self._readers_limit = readers_limit
        self._commands = commands
        self._prefix = prefix

    async def move(self, room: str, marks: dict[str, int]) -> None:
        """Directory.mark_read."""
        args = [part for mark in marks.items() for part in mark]
        channel = self._prefix + room.encode()
        move = room_script(self._commands, "reads", room, "move", channel, self._readers_limit, *args)
        dropped, *_ = await all_of(unless_damaged(move, []), *(self._visit(user, room) for user in marks))
        drop_visits(self._commands, room, dropped)

    async def _visit(self, user: str, room: str) -> None:
        key = visits_key(user)
        visit = self._commands.script("visits", (key,), "add", room, CLOCK.now(), UNREAD_ROOMS)
        await unless_damaged(visit, None, "visits", key)

    async def of(self, room: str, users: Sequence[str]) -> dict[str, int]:
        """Directory.reads."""
        if not users:
            return {}
        cost = 1 + len(users) // 10
        ask = room_script(self._commands, "reads", room, "of", *users, lane=Lane.READS, cost=cost)
        scores = await unless_damaged(ask, [None] * len(users))
        key = room_keys(room, "reads")[0]
        return {user: seq for user, score in zip(users, scores, strict=True) if (seq := read_seq(score, key))}

    async def unread(self, user: str) -> dict[str, int]:
        """Directory.unread."""
        key = visits_key(user)
        visits = self._commands.script("visits", (key,), "list", UNREAD_ROOMS)
        rooms = read_rooms(await unless_damaged(visits, [], "visits", key), key)
        if not rooms:  # asked at every connect, and mostly so
            return {}
        work = (room_script(self._commands, "reads", room, "unread", user, lane=Lane.READS) for room in rooms)
        counts = await all_of(*(unless_damaged(one, None) for one in work))
        for room, count in zip(rooms, counts, strict=True):
            if count == -1:
                self._commands.post("ZREM", key, room)
        return {room: count for room, count in zip(rooms, counts, strict=True) if count is not None and count >= 0}


def drop_visits(commands: Commands, room: str, users: Sequence[bytes]) -> None:
    """These users' positions in the room are gone, and the room is none any more that they read in."""
    for user in users:
        commands.post("ZREM", visits_key(user.decode(errors="replace")), room)
