"""The index of the rooms on Redis, and their end."""

import asyncio
from typing import Any

from service.brokers.directory import ROOMS_LISTED
from service.brokers.log import EMPTY_SECONDS
from service.brokers.redis.commands import Lane
from service.brokers.redis.reads import drop_visits
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import all_of, each_of, read_positions, room_script, unless_damaged
from service.brokers.redis.values import read_room, read_rooms
from service.clock import CLOCK, STEADY, Clock
from service.protocol import ErrorCode, RequestError

INDEX_SECONDS = 60.0  # how often a busy room is noted as such
INDEX_LIMIT = 10_000  # rooms of which this process remembers when it noted them
ROOMS_SWEEP_INTERVAL = 10.0  # seconds between two looks at rooms that may be over
SWEEP_ROOMS = 500  # looked at each time, in a walk around the index; some 5 ms of Redis
SWEEP_AFTER = 2.0 * EMPTY_SECONDS  # seconds since its last use, before which a room is not looked at


class RoomIndex:
    """Which rooms are in use, by the last of it. `run` is the task that clears up.

    Nothing that lasts has a time to live in Redis, where one step of its clock would delete it all. The service counts
    the days instead, and believes no clock that has just stepped.
    """

    def __init__(
        self,
        shards: Shards,
        seconds: int,
        *,
        clock: Clock = CLOCK,
        sweep_interval: float = ROOMS_SWEEP_INTERVAL,
        sweep_rooms: int = SWEEP_ROOMS,
        sweep_after: float = SWEEP_AFTER,
    ) -> None:
        """`seconds`: how long a room stays after its last event."""
        self._clock = clock
        self._sweep_interval = sweep_interval
        self._sweep_rooms = sweep_rooms
        self._sweep_after = sweep_after
        self._shards = shards
        self._index = shards.keys.index
        self._seconds = seconds
        self._indexed: dict[str, float] = {}
        self._swept = 0  # how far the walk around the index came

    def note(self, room: str) -> None:
        """Note that the room is in use, for `rooms`; once in a while is enough."""
        now = self._clock.now()
        if abs(now - self._indexed.get(room, 0.0)) > INDEX_SECONDS:
            if len(self._indexed) >= INDEX_LIMIT:
                self._indexed.clear()
            self._indexed[room] = now

            def reply(answer: Any) -> None:
                if isinstance(answer, RequestError):
                    self._indexed.pop(room, None)

            self._shards.send(("ZADD", self._index, int(now), room), reply)

    async def count(self) -> int:
        """Directory.room_count."""
        count: int = await unless_damaged(self._shards.call("ZCARD", self._index), 0, "rooms", self._index)
        return count

    async def people(self) -> dict[str, int]:
        """Directory.rooms."""
        latest = self._shards.call("ZREVRANGE", self._index, 0, ROOMS_LISTED - 1)
        names = read_rooms(await unless_damaged(latest, [], "rooms", self._index), self._index)
        counts = await each_of(self._people_in(name) for name in names)
        positions = await read_positions(self._shards, names)
        found = {name: count for name, count in zip(names, counts, strict=True) if isinstance(count, int)}
        return {name: count for name, count in found.items() if count or positions.get(name)}

    async def walk(self, limit: int, cursor: str) -> tuple[list[str], str]:
        """Directory.walk."""
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 20):
            raise RequestError(ErrorCode.BAD_REQUEST, "after is no cursor of an answer")
        scan = self._shards.call("ZSCAN", self._index, cursor or 0, "COUNT", limit, lane=Lane.READS)
        following, found = await unless_damaged(scan, (b"0", []), "rooms", self._index)
        return read_rooms(found[::2], self._index), "" if following == b"0" else following.decode()

    async def _people_in(self, room: str) -> int:
        key = self._shards.keys.room(room, "people")[0]
        count: int = await unless_damaged(self._shards.call("HLEN", key, lane=Lane.READS), 0, "people", key)
        return count

    async def run(self) -> None:
        """Clear up now and then, until cancelled."""
        while True:
            await asyncio.sleep(self._sweep_interval)
            try:
                await self.sweep()
            except RequestError:
                continue  # the broker is away

    async def sweep(self) -> None:
        """Look at the next rooms of the index: take out those that are over, delete those whose last event is old."""
        now = self._clock.now()
        start, stop = self._swept, self._swept + self._sweep_rooms - 1
        look = self._shards.call("ZRANGE", self._index, start, stop, "WITHSCORES", lane=Lane.READS)
        found = await unless_damaged(look, [], "rooms", self._index)
        # What was noted in the future was noted by a clock that had stepped; it is looked at like the rest.
        due = [
            (room, score)
            for name, score in zip(found[::2], found[1::2], strict=True)
            if (room := read_room(name, self._index)) is not None and abs(now - float(score)) > self._sweep_after
        ]
        self._swept = 0 if len(found) < 2 * self._sweep_rooms else self._swept + self._sweep_rooms
        await all_of(self.sweep_room(room, score, now) for room, score in due)

    async def sweep_room(self, room: str, score: bytes, now: float) -> None:
        """Look at one, if it was not used since it had that `score` in the index."""
        old = now - self._seconds if self._clock.steady(STEADY) else 0
        script = room_script(
            self._shards,
            "rooms",
            room,
            *("sweep", int(1000 * now), int(1000 * old)),
            more_keys=self._shards.keys.room(room, "people", "place"),
            lane=Lane.READS,
        )
        over, *readers = await unless_damaged(script, [b"0"])
        if over == b"1":
            await self._shards.script("index", (self._index,), room, score, lane=Lane.READS)
        drop_visits(self._shards, room, readers)
