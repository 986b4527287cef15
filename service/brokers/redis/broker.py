"""The Broker contract on Redis: Pub/Sub for reach, a log for history, scripts for what must be one step.

Two connections a process: one for commands, one for subscriptions. A room's channel carries "E" epoch ":" seq "\\n"
frames, or "S" and a signal's JSON.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress

from service import telemetry
from service.brokers.base import (
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
from service.brokers.redis.channels import Channels
from service.brokers.redis.commands import Commands, connector
from service.brokers.redis.keys import channel_prefix
from service.brokers.redis.log import RedisLog
from service.brokers.redis.names import RedisNames
from service.brokers.redis.presence import RedisPresence
from service.brokers.redis.reads import RedisReads
from service.brokers.redis.rooms import RedisRooms
from service.brokers.redis.state import RedisState
from service.protocol import Person, RequestError

_ROOM_SCRIPTS = ("log+publish", "log+history", "log+reads", "log+rooms")


class RedisBroker(Broker):
    """See brokers/base.py for the contract and the scripts for how each step is one."""

    def __init__(self, url: str, *, history_limit: int, history_days: float, self_signed: bool = False) -> None:
        self.process = secrets.token_hex(8)
        connect = connector(url, self_signed, "parley-" + self.process)
        self._commands = Commands(connect, (*_ROOM_SCRIPTS, "visits", "presence", "names", "state"))
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
        self._names = RedisNames(self._commands)
        self._presence = RedisPresence(self._commands, prefix, self.process, self._rooms.note, self._names.hold)
        self._state = RedisState(self._commands, self._presence.pulse.agrees)
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
            await self._presence.end()
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
        self.listener.on_subscribed(rooms)

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
        await self._state.put_ticket(key, record, seconds)

    async def take_ticket(self, key: str) -> bytes | None:
        return await self._state.take_ticket(key)

    async def claim_name(self, name: str, user: str, seconds: float, network: str = "") -> bool:
        return await self._names.claim(name, user, seconds, network, self._presence.asking())

    async def release_name(self, user: str) -> None:
        await self._names.release(user)

    # -- presence

    async def enter(self, room: str, people: Sequence[Person]) -> None:
        await self._presence.enter(room, people)

    async def depart(self, room: str, users: Sequence[str]) -> None:
        await self._presence.depart(room, users)

    async def roster(self, room: str) -> Roster:
        return await self._presence.roster(room)

    async def beat(self) -> bool:
        self._names.sweep()
        return await self._presence.beat()

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
        await self._state.sanction(sanction, lift)

    async def sanctions(self) -> list[Sanction]:
        return await self._state.sanctions()

    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        return await self._state.ban(room, user, network)

    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        await self._state.note_networks(networks)

    async def networks(self, user: str) -> list[str]:
        return await self._state.networks(user)

    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        return await self._state.charge(user, messages, rate, burst)
