"""The trail of moderation on Redis: a sorted set of deeds as JSON, by their time."""

import msgspec

from service import telemetry
from service.brokers.directory import TRAIL_LIMIT, Deed
from service.brokers.redis.commands import Lane, WrongType
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import unless_damaged
from service.brokers.redis.values import shown
from service.protocol import encode

TRAIL_COST = 1 + TRAIL_LIMIT // 10  # of reading all of it, as `Commands.send` has it


class RedisTrail:
    """A part of the directory."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._key = shards.keys.trail

    async def add(self, deed: Deed) -> None:
        """Directory.record. What stands in its place, and is no trail, goes."""
        command = ("ZADD", self._key, deed.at, encode(deed))
        try:
            await self._shards.call(*command)
        except WrongType:
            telemetry.damaged("deed", self._key)
            await self._shards.call("DEL", self._key)
            await self._shards.call(*command)
        self._shards.post("ZREMRANGEBYRANK", self._key, 0, -1 - TRAIL_LIMIT)

    async def read(self) -> list[Deed]:
        """Directory.trail."""
        return [deed for _, deed in await self._kept()]

    async def forget(self, user: str) -> None:
        """What was done about a user goes."""
        about = [value for value, deed in await self._kept() if deed.user.id == user]
        if about:
            await self._shards.call("ZREM", self._key, *about)

    async def _kept(self) -> list[tuple[bytes, Deed]]:
        """As it stands there, and what it says; without what can't be read."""
        read = self._shards.call("ZREVRANGE", self._key, 0, TRAIL_LIMIT - 1, lane=Lane.READS, cost=TRAIL_COST)
        kept = []
        for value in await unless_damaged(read, [], "deed", self._key):
            try:
                kept.append((value, msgspec.json.decode(value, type=Deed)))
            except (msgspec.DecodeError, RecursionError) as error:
                telemetry.damaged("deed", f"{self._key} {shown(value)}", error)
        return kept
