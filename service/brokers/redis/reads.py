"""Read positions on Redis, and what is unread behind them."""

import asyncio
from collections.abc import Callable, Sequence

from service.brokers.directory import READERS_LIMIT, UNREAD_ROOMS
from service.brokers.redis.commands import Lane
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import all_of, each_of, room_script, unless_damaged
from service.brokers.redis.values import read_rooms, read_seq
from service.clock import CLOCK

UNREAD_AT_ONCE = 16  # users whose rooms are counted at a time; further ones wait. More could fill the lane of reads


class Reads:
    """The read positions' part of the directory."""

    def __init__(self, shards: Shards, *, readers_limit: int = READERS_LIMIT) -> None:
        self._readers_limit = readers_limit
        self._shards = shards
        self._counting = asyncio.Semaphore(UNREAD_AT_ONCE)

    async def move(self, room: str, marks: dict[str, int]) -> None:
        """Directory.mark_read."""
        args = [part for mark in marks.items() for part in mark]
        told = (self._shards.publish, self._shards.keys.channel(room))
        move = room_script(self._shards, "reads", room, "move", *told, self._readers_limit, *args)
        dropped, *_ = await all_of([unless_damaged(move, []), *(self._visit(user, room) for user in marks)])
        drop_visits(self._shards, room, dropped)

    async def _visit(self, user: str, room: str) -> None:
        key = self._shards.keys.visits(user)
        visit = self._shards.script("visits", (key,), "add", room, CLOCK.now(), UNREAD_ROOMS)
        await unless_damaged(visit, None, "visits", key)

    async def of(self, room: str, users: Sequence[str]) -> dict[str, int]:
        """Directory.reads."""
        if not users:
            return {}
        cost = 1 + len(users) // 10
        ask = room_script(self._shards, "reads", room, "of", *users, lane=Lane.READS, cost=cost)
        scores = await unless_damaged(ask, [None] * len(users))
        key = self._shards.keys.room(room, "reads")[0]
        return {user: seq for user, score in zip(users, scores, strict=True) if (seq := read_seq(score, key))}

    async def unread(self, user: str, choose: Callable[[list[str]], list[str]] = list) -> dict[str, int]:
        """Directory.unread."""
        key = self._shards.keys.visits(user)
        visits = self._shards.script("visits", (key,), "list", UNREAD_ROOMS)
        visited = read_rooms(await unless_damaged(visits, [], "visits", key), key)
        rooms = choose(visited) if visited else []
        if not rooms:  # asked at every connect, and mostly so
            return {}
        work = (room_script(self._shards, "reads", room, "unread", user, lane=Lane.READS) for room in rooms)
        async with self._counting:
            counts = await each_of(unless_damaged(one, None) for one in work)
        for room, count in zip(rooms, counts, strict=True):
            if count == -1:
                self._shards.post("ZREM", key, room)
        return {room: count for room, count in zip(rooms, counts, strict=True) if isinstance(count, int) and count >= 0}


def drop_visits(shards: Shards, room: str, users: Sequence[bytes]) -> None:
    """These users' positions in the room are gone, and the room is none any more that they read in."""
    for user in users:
        shards.post("ZREM", shards.keys.visits(user.decode(errors="replace")), room)
