"""The directory on Redis: tickets, sanctions, where guests come from, buckets; names, reads and rooms have files.

A record that can't be read, or of a newer version, spoils itself only: it is counted, said, and passed over.
"""

from collections.abc import Sequence

import msgspec

from service import telemetry
from service.brokers.directory import NETWORK_SECONDS, NETWORKS_LIMIT, Directory, Sanction
from service.brokers.redis.commands import Commands, WrongType
from service.brokers.redis.keys import SANCTIONS, all_of, shown
from service.brokers.redis.names import Names
from service.brokers.redis.presence import RedisPresence
from service.brokers.redis.reads import Reads
from service.brokers.redis.rooms import RoomIndex
from service.clock import CLOCK, Clock
from service.protocol import encode

STEADY = 600.0  # seconds without a step of any clock, before a sanction is deleted because its time is over
AGREEMENT = 60.0  # seconds by which the broker's clock may differ from ours then


class RedisDirectory(Directory):
    """`presence` is asked as whom names are claimed, and whether Redis's clock agrees with ours."""

    def __init__(
        self,
        commands: Commands,
        prefix: bytes,
        names: Names,
        index: RoomIndex,
        presence: RedisPresence,
        *,
        clock: Clock = CLOCK,
    ) -> None:
        self._clock = clock
        self._commands = commands
        self._names = names
        self._index = index
        self._presence = presence
        self._reads = Reads(commands, prefix)

    @property
    def available(self) -> bool:
        return self._commands.connected

    # -- tickets and names

    async def put_ticket(self, key: str, record: bytes, seconds: float) -> None:
        await self._commands.call("SET", "parley:ticket:" + key, record, "PX", int(seconds * 1000))

    async def take_ticket(self, key: str) -> bytes | None:
        name = "parley:ticket:" + key
        try:
            record: bytes | None = await self._commands.call("GETDEL", name)
        except WrongType:
            telemetry.damaged("ticket", name)
            await self._commands.call("DEL", name)
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

    async def unread(self, user: str) -> dict[str, int]:
        return await self._reads.unread(user)

    async def rooms(self) -> dict[str, int]:
        return await self._index.people()

    async def room_count(self) -> int:
        return await self._index.count()

    # -- sanctions

    async def sanction(self, sanction: Sanction, lift: bool) -> None:
        command = ("HDEL", SANCTIONS, _field(sanction))
        if not lift:
            command = ("HSET", SANCTIONS, _field(sanction), encode(sanction))  # type: ignore[assignment]
        try:
            await self._commands.call(*command)
        except WrongType:
            await self._mend()
            await self._commands.call(*command)

    async def sanctions(self) -> list[Sanction]:
        """One whose time is over is deleted once no clock is in doubt."""
        try:
            kept = await self._commands.call("HGETALL", SANCTIONS)
        except WrongType:
            await self._mend()
            return []
        now = self._clock.now_ms()
        certain = self._clock.steady(STEADY) and self._presence.pulse.agrees(now / 1000, AGREEMENT)
        holding = []
        for field, value in zip(kept[::2], kept[1::2], strict=True):
            sanction = _sanction(field, value)
            if sanction is None:
                continue
            if not 0 < sanction.until <= now:
                holding.append(sanction)
            elif certain:
                self._commands.post("HDEL", SANCTIONS, field)
        return holding

    async def _mend(self) -> None:
        """What stands in the place of the sanctions, and is none, goes."""
        telemetry.damaged("sanction", SANCTIONS)
        await self._commands.call("DEL", SANCTIONS)

    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        fields = [f"ban {where} {user}" for where in (room, "")]
        fields += [f"ban/net {where} {network}" for where in (room, "") if network]
        now = self._clock.now_ms()
        try:
            kept = await self._commands.call("HMGET", SANCTIONS, *fields)
        except WrongType:
            await self._mend()
            return None
        for field, value in zip(fields, kept, strict=True):
            sanction = value and _sanction(field.encode(), value)
            if sanction and not 0 < sanction.until <= now:
                return sanction
        return None

    # -- networks

    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        now = self._clock.now()
        await all_of(*(self._note_network(user, network, now) for user, network in networks))

    async def _note_network(self, user: str, network: str, now: float) -> None:
        key = f"parley:networks:{user}"
        try:
            await self._commands.call("ZADD", key, now, network)
        except WrongType:
            telemetry.damaged("network", key)
            await self._commands.call("DEL", key)
            await self._commands.call("ZADD", key, now, network)
        self._commands.post("ZREMRANGEBYRANK", key, 0, -1 - NETWORKS_LIMIT)
        self._commands.post("EXPIRE", key, NETWORK_SECONDS)

    async def networks(self, user: str) -> list[str]:
        key = f"parley:networks:{user}"
        try:
            known = await self._commands.call("ZREVRANGE", key, 0, -1)
        except WrongType:
            telemetry.damaged("network", key)
            return []
        return [network.decode(errors="replace") for network in known]

    # -- buckets

    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        if rate <= 0:
            return 0.0
        key = f"parley:{{user:{user}}}:bucket"
        wait_ms, damaged = await self._commands.script("bucket", (key,), messages, rate, burst)
        if damaged:
            telemetry.damaged("bucket", key)
        return int(wait_ms) / 1000


def _field(sanction: Sanction) -> str:
    kind = f"{sanction.kind}/net" if sanction.network else sanction.kind
    return f"{kind} {sanction.room} {sanction.user}"


def _sanction(field: bytes, value: bytes) -> Sanction | None:
    """One that this version can read; fields that it doesn't know are passed over."""
    try:
        return msgspec.json.decode(value, type=Sanction)
    except (msgspec.DecodeError, RecursionError) as error:
        telemetry.damaged("sanction", f"{SANCTIONS} {shown(field)}", error)
        return None
