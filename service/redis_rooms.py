"""Which rooms there are, on Redis."""

import time
from collections.abc import Sequence
from typing import Any

from service.broker import Position
from service.protocol import RequestError
from service.redis_commands import Commands, Lane
from service.redis_keys import all_of, parse_position, room_keys

INDEX_SECONDS = 60.0  # how often a busy room is noted as such
INDEX_LIMIT = 10_000  # rooms of which this process remembers when it noted them
ROOMS_LIMIT = 1000  # rooms that `rooms` looks at, the latest


class RedisRooms:
    """The rooms' part of the broker."""

    def __init__(self, commands: Commands, seconds: int) -> None:
        self._commands = commands
        self._seconds = seconds
        self._indexed: dict[str, float] = {}

    def note(self, room: str) -> None:
        """Note that the room is in use, for `rooms`; once in a while is enough."""
        now = time.time()
        if now - self._indexed.get(room, 0.0) > INDEX_SECONDS:
            if len(self._indexed) >= INDEX_LIMIT:
                self._indexed.clear()
            self._indexed[room] = now

            def reply(answer: Any) -> None:
                if isinstance(answer, RequestError):
                    self._indexed.pop(room, None)

            self._commands.send(("ZADD", "parley:rooms", int(now), room), reply)

    async def keep(self, rooms: Sequence[str]) -> None:
        await all_of(*(self._commands.call("EXPIRE", room_keys(room, "position")[0], self._seconds) for room in rooms))

    async def positions(self, rooms: Sequence[str]) -> list[Position | None]:
        if not rooms:
            return []
        keys = (room_keys(room, "position")[0] for room in rooms)
        answer = await self._commands.call("MGET", *keys, lane=Lane.READS, cost=1 + len(rooms) // 10)
        return [parse_position(text) if text else None for text in answer]

    async def room_count(self) -> int:
        count: int = await self._commands.call("ZCARD", "parley:rooms")
        return count

    async def rooms(self) -> dict[str, int]:
        names = [name.decode() for name in await self._commands.call("ZREVRANGE", "parley:rooms", 0, ROOMS_LIMIT - 1)]
        keys = [room_keys(name, "people")[0] for name in names]
        counts = await all_of(*(self._commands.call("HLEN", key, lane=Lane.READS) for key in keys))
        positions = await self.positions(names)
        known = {}
        for name, count, position in zip(names, counts, positions, strict=True):
            if position or count:
                known[name] = count
            else:
                self._commands.forget("ZREM", "parley:rooms", name)
        return known
