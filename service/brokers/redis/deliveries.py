"""Deliveries on Redis. deliveries.lua does each step of a room."""

from collections.abc import Mapping, Sequence
from typing import Any

from service import telemetry
from service.brokers.deliveries import Deliveries, Lease
from service.brokers.log import Position
from service.brokers.redis.keys import EVERYWHERE_TAG
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import all_of, read_positions, unless_damaged
from service.brokers.redis.values import read_position, shown


class RedisDeliveries(Deliveries):
    """Places stand beside their rooms' logs."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._keys = shards.keys
        (self._begun,) = self._keys.room(EVERYWHERE_TAG, "place")

    @property
    def available(self) -> bool:
        return self._shards.connected

    async def begun(self) -> bool:
        return bool(await self._shards.call("EXISTS", self._begun))

    async def begin(self) -> None:
        await self._shards.call("SET", self._begun, 1)

    async def skip(self, places: Mapping[str, Position]) -> None:
        await all_of(
            self._shards.call("SET", self._keys.room(room, "place")[0], _text(place), "NX")
            for room, place in places.items()
        )

    async def places(self, rooms: Sequence[str]) -> dict[str, Position | None]:
        return await read_positions(self._shards, rooms, "place")

    async def take(self, room: str, holder: str, seconds: float) -> Lease | None:
        mine, place = await self._step(room, "take", holder, int(seconds * 1000))
        return Lease(read_position(self._keys.room(room, "place")[0], place or None)) if mine else None

    async def save(self, room: str, holder: str, place: Position, seconds: float) -> bool:
        mine, _ = await self._step(room, "save", holder, int(seconds * 1000), _text(place))
        return mine

    async def release(self, room: str, holder: str) -> None:
        await self._step(room, "release", holder)

    async def _step(self, room: str, op: str, *args: Any) -> tuple[bool, bytes]:
        keys = self._keys.room(room, "place", "sender")
        mine, place, *damaged = await self._shards.script("deliveries", keys, op, *args)
        for key in damaged:
            telemetry.damaged("place", shown(key), "its type is none of ours")
        return bool(mine), place

    async def settle(self, key: str, verdict: bytes, seconds: float) -> bytes:
        name = self._keys.verdict(key)
        if await self._shards.call("SET", name, verdict, "NX", "PX", int(seconds * 1000)):
            return verdict
        return await unless_damaged(self._shards.call("GET", name), None, "verdict", name) or verdict

    async def forget(self, key: str) -> None:
        await self._shards.call("DEL", self._keys.verdict(key))


def _text(place: Position) -> str:
    return f"{place.epoch}:{place.seq}"
