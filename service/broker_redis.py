"""The Broker contract on Redis: Pub/Sub for reach, a log for history, scripts for what must be one step.

Two connections a process: one for commands, one for subscriptions. A room's channel carries "E" epoch ":" seq "\\n"
frames, or "S" and a signal's JSON.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from service import telemetry
from service.broker import (
    NETWORK_SECONDS,
    NETWORKS_LIMIT,
    PROCESS_TTL,
    Broker,
    Done,
    Event,
    Listener,
    Page,
    Position,
    Publication,
    Roster,
    Sanction,
)
from service.clock import CLOCK
from service.protocol import MEMBERS_LIMIT, Person, RequestError, encode
from service.redis_channels import Channels
from service.redis_commands import Commands, connector
from service.redis_keys import SANCTIONS, all_of, channel_prefix, room_keys, unless_damaged
from service.redis_log import RedisLog
from service.redis_reads import RedisReads
from service.redis_rooms import STEADY, RedisRooms

_ROOM_SCRIPTS = ("log+publish", "log+history", "log+reads", "log+rooms")


def _field(sanction: Sanction) -> str:
    kind = f"{sanction.kind}/net" if sanction.network else sanction.kind
    return f"{kind} {sanction.room} {sanction.user}"


def _read_sanction(field: bytes, value: bytes) -> Sanction | None:
    """None for a damaged one, which spoils nothing but itself."""
    try:
        return msgspec.json.decode(value, type=Sanction)
    except (ValueError, RecursionError) as error:
        telemetry.damaged("sanction", f"{SANCTIONS} {field.decode(errors='replace')}", error)
        return None


class RedisBroker(Broker):
    """See broker.py for the contract and the scripts for how each step is one."""

    def __init__(self, url: str, *, history_limit: int, history_days: float, self_signed: bool = False) -> None:
        self.process = secrets.token_hex(8)
        connect = connector(url, self_signed, "parley-" + self.process)
        self._commands = Commands(connect, (*_ROOM_SCRIPTS, "visits", "presence", "state"))
        self._channels = Channels(connect, self._on_message, self._on_subscribed)
        self._prefix = prefix = channel_prefix(url)
        self._reads = RedisReads(self._commands, prefix)
        self._rooms = RedisRooms(self._commands, int(history_days * 86400), self._reads.forget)
        self._log = RedisLog(
            self._commands,
            prefix,
            self.process,
            lambda room: self.listener.known(room),
            self._rooms.note,
            history_limit=history_limit,
        )
        self._commands.gather = self._log.gather
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def available(self) -> bool:  # type: ignore[override]
        return self._commands.connected and self._channels.connected

    @property
    def publishing(self) -> bool:  # type: ignore[override]
        return self._log.publishing

    async def open(self, listener: Listener) -> None:
        self.listener = listener
        self._channels.subscribe(self._prefix)
        for work in (self._commands.run(), self._channels.run(), self._rooms.run()):
            self._tasks.append(asyncio.ensure_future(work))

    async def close(self) -> None:
        with suppress(RequestError):
            await self._commands.call("ZADD", "parley:processes", 1, self.process)  # others sweep it up at once
        await self._commands.close()
        commands = self._tasks[0]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(commands), 2)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- the log

    def publish(self, event: Event, done: Done) -> None:
        self._log.publish(event, done)

    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        return await self._log.newest(room, limit, before, create)

    async def after(self, room: str, seq: int, limit: int) -> Page | None:
        return await self._log.after(room, seq, limit)

    async def positions(self, rooms: Sequence[str]) -> list[Position | None]:
        return await self._rooms.positions(rooms)

    async def keep(self, rooms: Sequence[str]) -> None:
        await self._rooms.keep(rooms)

    async def room_count(self) -> int:
        return await self._rooms.room_count()

    async def renew_epoch(self, room: str, lost: Position) -> None:
        await self._log.renew_epoch(room, lost)

    # -- reach

    def _channel(self, room: str) -> bytes:
        return self._prefix + room.encode()

    def subscribe(self, room: str) -> None:
        self._channels.subscribe(self._channel(room))

    def unsubscribe(self, room: str) -> None:
        self._channels.unsubscribe(self._channel(room))

    def signal(self, room: str, payload: bytes) -> None:
        self._commands.forget("PUBLISH", self._channel(room), b"S" + payload)

    def _on_subscribed(self, channels: list[bytes]) -> None:
        rooms = [channel[len(self._prefix) :].decode() for channel in channels]
        self.listener.on_subscribed([room for room in rooms if room])

    def _on_message(self, channel: bytes, data: bytes) -> None:
        room = channel[len(self._prefix) :].decode()
        try:
            if data.startswith(b"S"):
                self.listener.on_signal(room, data[1:])
                return
            head, *frames = data.split(b"\n")
            epoch, _, seq = head.partition(b":")
            if not epoch.startswith(b"E") or not frames or int(seq) < 1:
                raise ValueError
            publication = Publication(room, epoch[1:].decode(), int(seq), frames)
        except ValueError:  # anybody with access to Redis can publish there
            telemetry.GARBAGE.inc()
            return
        self.listener.on_publication(publication)

    # -- tickets and names

    async def put_ticket(self, key: str, record: bytes, seconds: float) -> None:
        await self._commands.call("SET", "parley:ticket:" + key, record, "PX", int(seconds * 1000))

    async def take_ticket(self, key: str) -> bytes | None:
        record: bytes | None = await self._commands.call("GETDEL", "parley:ticket:" + key)
        return record

    async def claim_name(self, name: str, user: str, seconds: float, network: str = "") -> bool:
        keys = room_keys("*", "names", "claims", "people")
        return bool(await self._commands.script("state", keys, "claim", name, user, int(seconds * 1000)))

    async def release_name(self, user: str) -> None:
        names, claims = room_keys("*", "names", "claims")
        for name, holder in (await self._hash(names)).items():
            if holder.partition(b":")[2] == user.encode():
                await all_of(self._commands.call("HDEL", names, name), self._commands.call("ZREM", claims, name))

    async def _hash(self, key: str) -> dict[bytes, bytes]:
        answer = await self._commands.call("HGETALL", key)
        return dict(zip(answer[::2], answer[1::2], strict=True))

    # -- presence

    async def enter(self, room: str, people: Sequence[Person]) -> None:
        if room:
            self._rooms.note(room)
        noted = self._commands.call("SADD", f"parley:process:{self.process}:rooms", room or "*")
        args = [part for person in people for part in (person.id, encode(person))]
        await all_of(noted, self._presence(room, self.process, "enter", *args))

    async def depart(self, room: str, users: Sequence[str]) -> None:
        await self._presence(room, self.process, "depart", *users)

    async def _presence(self, room: str, process: str, op: str, *args: Any) -> None:
        keys = room_keys(room or "*", "people", "people:" + process)
        await self._commands.script("presence", keys, op, self._channel(room) if room else "", *args)

    async def roster(self, room: str) -> Roster:
        (people,) = room_keys(room or "*", "people")
        count = await self._commands.call("HLEN", people)
        if count > MEMBERS_LIMIT:
            return Roster(count, None)
        kept = await self._commands.call("HVALS", people)
        members = [msgspec.json.decode(value.partition(b":")[2], type=Person) for value in kept]
        return Roster(len(members), members)

    async def beat(self) -> bool:
        answer = await self._commands.script(
            "state", ("parley:processes",), "beat", self.process, int(PROCESS_TTL * 1000)
        )
        for process in answer[1:]:
            await self._bury(process.decode())
        return not answer[0]

    async def _bury(self, process: str) -> None:
        """Everybody whom a dead process had leaves, told once however many processes do this at the same time."""
        noted = f"parley:process:{process}:rooms"
        for room in await self._commands.call("SMEMBERS", noted):
            name = room.decode()
            await self._presence("" if name == "*" else name, process, "expire")
        await self._commands.call("DEL", noted)
        await self._commands.call("ZREM", "parley:processes", process)

    # -- read positions

    async def mark_read(self, room: str, marks: dict[str, int]) -> None:
        await self._reads.mark_read(room, marks)

    async def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        return await self._reads.reads(room, users)

    async def unread(self, user: str) -> dict[str, int]:
        return await self._reads.unread(user)

    # -- rooms and sanctions

    async def rooms(self) -> dict[str, int]:
        return await self._rooms.rooms()

    async def sanction(self, sanction: Sanction, lift: bool) -> None:
        if lift:
            await self._commands.call("HDEL", SANCTIONS, _field(sanction))
        else:
            await self._commands.call("HSET", SANCTIONS, _field(sanction), encode(sanction))

    async def sanctions(self) -> list[Sanction]:
        read = unless_damaged(self._commands.call("HGETALL", SANCTIONS), [], "sanctions", SANCTIONS)
        kept, now = await read, CLOCK.now_ms()
        holding = []
        for field, value in zip(kept[::2], kept[1::2], strict=True):
            sanction = _read_sanction(field, value)
            if sanction is None:
                continue
            if not 0 < sanction.until <= now:
                holding.append(sanction)
            elif CLOCK.steady(STEADY):
                self._commands.forget("HDEL", SANCTIONS, field)
        return holding

    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        fields = [f"ban {where} {user}" for where in (room, "")]
        fields += [f"ban/net {where} {network}" for where in (room, "") if network]
        read = self._commands.call("HMGET", SANCTIONS, *fields)
        kept, now = await unless_damaged(read, [None] * len(fields), "sanctions", SANCTIONS), CLOCK.now_ms()
        for field, value in zip(fields, kept, strict=True):
            sanction = value and _read_sanction(field.encode(), value)
            if sanction and not 0 < sanction.until <= now:
                return sanction
        return None

    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        now, work = CLOCK.now(), []
        for user, network in networks:
            key = f"parley:networks:{user}"
            work += [
                self._commands.call("ZADD", key, now, network),
                self._commands.call("ZREMRANGEBYRANK", key, 0, -1 - NETWORKS_LIMIT),
                self._commands.call("EXPIRE", key, NETWORK_SECONDS),
            ]
        await all_of(*work)

    async def networks(self, user: str) -> list[str]:
        known = await self._commands.call("ZREVRANGE", f"parley:networks:{user}", 0, -1)
        return [network.decode() for network in known]

    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        if rate <= 0:
            return 0.0
        key = f"parley:{{user:{user}}}:bucket"
        return int(await self._commands.script("state", (key,), "charge", messages, rate, burst)) / 1000
