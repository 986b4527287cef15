"""Read positions on Redis, and what is unread behind them."""

from collections.abc import Awaitable, Callable, Sequence

from service.broker import Position
from service.redis_commands import Commands
from service.redis_keys import all_of, room_keys


class RedisReads:
    """The read positions' part of the broker."""

    def __init__(
        self,
        commands: Commands,
        positions: Callable[[Sequence[str]], Awaitable[list[Position | None]]],
        prefix: bytes,
        seconds: int,
    ) -> None:
        self._commands = commands
        self._positions = positions
        self._prefix = prefix
        self._seconds = seconds

    async def mark_read(self, room: str, marks: dict[str, int]) -> None:
        args = [part for mark in marks.items() for part in mark]
        noted = []
        for user in marks:
            key = f"parley:user:{user}:rooms"
            noted += [self._commands.call("SADD", key, room), self._commands.call("EXPIRE", key, self._seconds)]
        keys = room_keys(room, "reads", "position")
        await all_of(
            *noted, self._commands.script("state", keys, "read", self._prefix + room.encode(), self._seconds, *args)
        )

    async def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        if not users:
            return {}
        seqs = await self._commands.call("HMGET", room_keys(room, "reads")[0], *users)
        return {user: int(seq) for user, seq in zip(users, seqs, strict=True) if seq}

    async def unread(self, user: str) -> dict[str, int]:
        noted = f"parley:user:{user}:rooms"
        rooms = [room.decode() for room in await self._commands.call("SMEMBERS", noted)]
        if not rooms:  # asked at every connect, and mostly so
            return {}
        seqs = await all_of(*(self._commands.call("HGET", room_keys(room, "reads")[0], user) for room in rooms))
        positions = await self._positions(rooms)
        counts = {}
        for room, seq, position in zip(rooms, seqs, positions, strict=True):
            if seq and position:
                counts[room] = max(0, position.seq - int(seq))
            else:
                self._commands.forget("SREM", noted, room)
        return counts
