"""The directory on Redis: tickets, sanctions, guests' networks, buckets; names, reads, rooms, the trail have files.

A record that can't be read, or of a newer version, spoils itself only: it is counted, said, and passed over.
"""

from collections.abc import Callable, Sequence

import msgspec

from service import telemetry
from service.brokers.directory import NETWORK_SECONDS, NETWORKS_LIMIT, Deed, Directory, Sanction
from service.brokers.redis.commands import WrongType
from service.brokers.redis.names import RedisNames
from service.brokers.redis.presence import RedisPresence
from service.brokers.redis.reads import Reads
from service.brokers.redis.rooms import RoomIndex
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import all_of, each_of
from service.brokers.redis.trail import RedisTrail
from service.brokers.redis.values import shown
from service.clock import CLOCK, STEADY, Clock
from service.protocol import RequestError, encode

NEWS_SECONDS = 120  # for which a sanction of everywhere is told to the rooms; by then every process has read it
AGREEMENT = 60.0  # seconds by which the broker's clock may differ from ours then


class RedisDirectory(Directory):
    """`presence` is asked as whom names are claimed, and whether Redis's clock agrees with ours."""

    def __init__(
        self,
        shards: Shards,
        names: RedisNames,
        index: RoomIndex,
        presence: RedisPresence,
        *,
        clock: Clock = CLOCK,
    ) -> None:
        self._clock = clock
        self._shards = shards
        self._keys = shards.keys
        self._names = names
        self._index = index
        self._presence = presence
        self._reads = Reads(shards)
        self._trail = RedisTrail(shards)

    @property
    def available(self) -> bool:
        return self._shards.connected

    # -- tickets and names

    async def put_ticket(self, key: str, record: bytes, seconds: float) -> None:
        await self._shards.call("SET", self._keys.ticket(key), record, "PX", int(seconds * 1000))

    async def take_ticket(self, key: str) -> bytes | None:
        name = self._keys.ticket(key)
        try:
            record: bytes | None = await self._shards.call("GETDEL", name)
        except WrongType:
            telemetry.damaged("ticket", name)
            await self._shards.call("DEL", name)
            return None
        return record

    async def claim_name(self, name: str, user: str, seconds: float, network: str = "") -> bool:
        return await self._names.claim(name, user, seconds, network, self._presence.asking())

    async def release_name(self, user: str) -> None:
        await self._names.release(user)

    # -- read positions and rooms

    async def mark_read(self, room: str, marks: dict[str, int]) -> None:
        await self._reads.move(room, marks)

    async def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        return await self._reads.of(room, users)

    async def unread(self, user: str, choose: Callable[[list[str]], list[str]] = list) -> dict[str, int]:
        return await self._reads.unread(user, choose)

    async def rooms(self) -> dict[str, int]:
        return await self._index.people()

    async def room_count(self) -> int:
        return await self._index.count()

    async def walk(self, limit: int, cursor: str = "") -> tuple[list[str], str]:
        return await self._index.walk(limit, cursor)

    async def forget_user(self, user: str) -> None:
        await self._names.release(user)
        keys = (self._keys.visits(user), self._keys.networks(user), self._keys.bucket(user))
        await all_of(self._shards.call("DEL", key) for key in keys)
        await self._trail.forget(user)

    # -- sanctions

    async def sanction(self, sanction: Sanction, lift: bool) -> None:
        """Kept in one place for all, and told to the rooms where it holds: each is judged in its own step."""
        value = b"" if lift else encode(sanction)
        await self._put(self._keys.sanctions, _field(sanction, sanction.room), value)
        if sanction.kind == "slow":
            return
        if sanction.room:
            (key,) = self._keys.room(sanction.room, "sanctions")
            await self._put(key, _field(sanction), value)
        else:
            rooms, away = await self._shards.rooms_listened_to()
            told = (_field(sanction), value, NEWS_SECONDS)
            answers = await each_of(
                self._shards.script("barred", self._keys.room(room, "barred"), *told) for room in rooms
            )
            for answer in (*answers, away):  # wherever it could be told it holds now
                if isinstance(answer, RequestError):
                    raise answer

    async def _put(self, key: str, field: str, value: bytes) -> None:
        command = ("HSET", key, field, value) if value else ("HDEL", key, field)
        try:
            await self._shards.call(*command)
        except WrongType:
            await self._mend(key)
            await self._shards.call(*command)

    async def sanctions(self) -> list[Sanction]:
        """One whose time is over is deleted once no clock is in doubt."""
        try:
            kept = await self._shards.call("HGETALL", self._keys.sanctions)
        except WrongType:
            await self._mend(self._keys.sanctions)
            return []
        now = self._clock.now_ms()
        certain = self._clock.steady(STEADY) and self._presence.pulse.agrees(now / 1000, AGREEMENT)
        holding = []
        for field, value in zip(kept[::2], kept[1::2], strict=True):
            sanction = self._read(field, value)
            if sanction is None:
                continue
            if not 0 < sanction.until <= now:
                holding.append(sanction)
            elif certain:
                self._shards.post("HDEL", self._keys.sanctions, field)
                if sanction.room:
                    self._shards.post("HDEL", self._keys.room(sanction.room, "sanctions")[0], _field(sanction))
        return holding

    async def _mend(self, key: str) -> None:
        """What stands in the place of sanctions, and is none, goes."""
        telemetry.damaged("sanction", key)
        await self._shards.call("DEL", key)

    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        places = dict.fromkeys((room, ""))
        fields = [f"ban {where} {user}" for where in places]
        fields += [f"ban/net {where} {network}" for where in places if network]
        now = self._clock.now_ms()
        try:
            kept = await self._shards.call("HMGET", self._keys.sanctions, *fields)
        except WrongType:
            await self._mend(self._keys.sanctions)
            return None
        for field, value in zip(fields, kept, strict=True):
            sanction = value and self._read(field.encode(), value)
            if sanction and not 0 < sanction.until <= now:
                return sanction
        return None

    def _read(self, field: bytes, value: bytes) -> Sanction | None:
        """One that this version can read; fields that it doesn't know are passed over."""
        try:
            return msgspec.json.decode(value, type=Sanction)
        except (msgspec.DecodeError, RecursionError) as error:
            telemetry.damaged("sanction", f"{self._keys.sanctions} {shown(field)}", error)
            return None

    # -- the trail

    async def record(self, deed: Deed) -> None:
        await self._trail.add(deed)

    async def trail(self) -> list[Deed]:
        return await self._trail.read()

    # -- networks

    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        now = self._clock.now()
        await all_of(self._note_network(user, network, now) for user, network in networks)

    async def _note_network(self, user: str, network: str, now: float) -> None:
        key = self._keys.networks(user)
        try:
            await self._shards.call("ZADD", key, now, network)
        except WrongType:
            telemetry.damaged("network", key)
            await self._shards.call("DEL", key)
            await self._shards.call("ZADD", key, now, network)
        self._shards.post("ZREMRANGEBYRANK", key, 0, -1 - NETWORKS_LIMIT)
        self._shards.post("EXPIRE", key, NETWORK_SECONDS)

    async def networks(self, user: str) -> list[str]:
        key = self._keys.networks(user)
        try:
            known = await self._shards.call("ZREVRANGE", key, 0, -1)
        except WrongType:
            telemetry.damaged("network", key)
            return []
        return [network.decode(errors="replace") for network in known]

    # -- buckets

    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        if rate <= 0:
            return 0.0
        key = self._keys.bucket(user)
        wait_ms, damaged = await self._shards.script("bucket", (key,), messages, rate, burst)
        if damaged:
            telemetry.damaged("bucket", key)
        return int(wait_ms) / 1000


def _field(sanction: Sanction, *where: str) -> str:
    """What a sanction is called among others: among all of them also by its room."""
    kind = f"{sanction.kind}/net" if sanction.network else sanction.kind
    return " ".join((kind, *where, sanction.user))
