"""The Broker contract on Redis: Pub/Sub for reach, Streams for history, scripts for what must be one step.

Keys of a room share the hash tag `{room}`, so that a cluster keeps them together. Two connections a process: one for
commands, one for subscriptions. A room's channel carries "E" epoch ":" seq "\\n" frames, or "S" and a signal's JSON.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from service import marks, telemetry
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
    Receipt,
    Roster,
    Sanction,
    unavailable,
)
from service.clock import CLOCK
from service.protocol import MEMBERS_LIMIT, ErrorCode, Person, RequestError, encode
from service.redis_channels import Channels
from service.redis_commands import Commands, connector

IDS_LIMIT = 10_000  # ids remembered for dedupe, at least, in each room; about 100 bytes each
BATCH_LIMIT = 256  # events in one call of the script
INDEX_SECONDS = 60.0  # how often a busy room is noted as such
INDEX_LIMIT = 10_000  # rooms of which this process remembers when it noted them
ROOMS_LIMIT = 1000  # rooms that `rooms` looks at, the latest

_REFUSALS = {
    b"absent": RequestError(ErrorCode.BAD_REQUEST, "no such message"),
    b"removed": RequestError(ErrorCode.BAD_REQUEST, "the message is removed"),
    b"forbidden": RequestError(ErrorCode.FORBIDDEN, "only its author may do that"),
    b"reactions": RequestError(ErrorCode.BAD_REQUEST, "the message has too many reactions"),
}


def _keys(room: str, *names: str) -> tuple[str, ...]:
    return tuple(f"parley:{{{room}}}:{name}" for name in names)


def _field(sanction: Sanction) -> str:
    kind = f"{sanction.kind}/net" if sanction.network else sanction.kind
    return f"{kind} {sanction.room} {sanction.user}"


def _position(text: bytes) -> Position:
    epoch, _, seq = text.decode().rpartition(":")
    return Position(epoch, int(seq))


class RedisBroker(Broker):
    """See broker.py for the contract and the scripts for how each step is one."""

    def __init__(self, url: str, *, history_limit: int, history_days: float, self_signed: bool = False) -> None:
        self.process = secrets.token_hex(8)
        connect = connector(url, self_signed, "parley-" + self.process)
        self._commands = Commands(connect, ("publish", "history", "presence", "state"))
        self._commands.gather = self._gather
        self._channels = Channels(connect, self._on_message, self._on_subscribed)
        # Channels are shared by all databases of a server, keys are not.
        database = urlsplit(url).path.strip("/") or "0"
        self._prefix = f"parley:{database}:".encode()
        self._history_limit = history_limit
        self._seconds = int(history_days * 86400)
        self._waiting: dict[str, list[tuple[Event, Done]]] = {}
        self._under_way = 0  # calls of the publish script
        self._epochs = itertools.count()
        self._indexed: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def available(self) -> bool:  # type: ignore[override]
        return self._commands.connected and self._channels.connected

    @property
    def publishing(self) -> bool:  # type: ignore[override]
        return self._under_way > 0 or bool(self._waiting)

    async def open(self, listener: Listener) -> None:
        self.listener = listener
        self._channels.subscribe(self._prefix)
        for work in (self._commands.run(), self._channels.run()):
            self._tasks.append(asyncio.ensure_future(work))

    async def close(self) -> None:
        with suppress(RequestError):
            await self._commands.call("ZADD", "parley:processes", 1, self.process)  # others sweep it up at once
        await self._commands.close()
        commands, _ = self._tasks
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(commands), 2)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- the log

    def publish(self, event: Event, done: Done) -> None:
        if not self._commands.connected:
            asyncio.get_running_loop().call_soon(done, unavailable())
            return
        waiting = self._waiting.get(event.room)
        if waiting is None:
            self._waiting[event.room] = [(event, done)]
            self._commands.wake()
        else:
            waiting.append((event, done))

    def _fresh_epoch(self) -> str:
        """A name that no life of a log had: this process's own, and a count (a random one costs 5 µs a publish)."""
        return f"{self.process}{next(self._epochs):x}"

    def _gather(self) -> None:
        """What waits becomes one call of the script for each room."""
        waiting, self._waiting = self._waiting, {}
        for room, batch in waiting.items():
            for start in range(0, len(batch), BATCH_LIMIT):
                self._publish_batch(room, batch[start : start + BATCH_LIMIT])
            self._index(room)

    def _index(self, room: str) -> None:
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

    def _publish_batch(self, room: str, batch: list[tuple[Event, Done]]) -> None:
        args: list[Any] = ["EVALSHA", self._commands.scripts["publish"], 5]
        args += _keys(room, "log", "position", "ids", "ids:old", "marks")
        known = self.listener.known(room)
        args += (self._channel(room), self._fresh_epoch(), self._history_limit, IDS_LIMIT, self._seconds)
        args += (known.epoch, known.seq)
        for event, _ in batch:
            change = "" if event.change is None else encode(event.change)
            args += (f"{event.user}\n{event.id}", event.head, event.tail, change, event.user)

        def reply(answers: Any) -> None:
            self._under_way -= 1
            if isinstance(answers, RequestError):
                for _, done in batch:
                    done(answers)
                return
            for (_, done), answer in zip(batch, answers, strict=True):
                duplicate = answer.startswith(b"d:")
                seq, colon, at = (answer[2:] if duplicate else answer).partition(b":")
                done(Receipt(int(seq), int(at), duplicate) if colon else _REFUSALS[answer])

        self._under_way += 1
        self._commands.send(tuple(args), reply)

    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        fresh_epoch = self._fresh_epoch() if create else ""
        answer = await self._history(room, "newest", before, limit, fresh_epoch)
        return answer and self._page(answer, lambda frame, mark: marks.apply(frame, marks.parse(mark)))

    async def after(self, room: str, seq: int, limit: int) -> Page | None:
        answer = await self._history(room, "after", seq, limit, "")
        return answer and self._page(answer, lambda frame, mark: marks.redact(frame, marks.parse(mark)))

    async def _history(self, room: str, way: str, start: int, limit: int, fresh_epoch: str) -> Any:
        keys = _keys(room, "log", "position", "marks")
        return await self._commands.script("history", keys, way, start, limit, fresh_epoch, self._seconds)

    @staticmethod
    def _page(answer: list[Any], merge: Any) -> Page:
        frames = [merge(frame, mark) if mark else frame for frame, mark in zip(answer[3::2], answer[4::2], strict=True)]
        return Page(_position(answer[0]), int(answer[2]), frames, bool(answer[1]))

    async def positions(self, rooms: Sequence[str]) -> list[Position | None]:
        if not rooms:
            return []
        answer = await self._commands.call("MGET", *(_keys(room, "position")[0] for room in rooms))
        return [_position(text) if text else None for text in answer]

    async def keep(self, rooms: Sequence[str]) -> None:
        await _all(*(self._commands.call("EXPIRE", _keys(room, "position")[0], self._seconds) for room in rooms))

    async def room_count(self) -> int:
        count: int = await self._commands.call("ZCARD", "parley:rooms")
        return count

    async def renew_epoch(self, room: str, lost: Position) -> None:
        keys = _keys(room, "position")
        fresh = self._fresh_epoch()
        await self._commands.script("state", keys, "renew", lost.epoch, lost.seq, fresh, self._seconds)

    # -- reach

    def _channel(self, room: str) -> bytes:
        return self._prefix + room.encode()

    def subscribe(self, room: str) -> None:
        self._channels.subscribe(self._channel(room))

    def unsubscribe(self, room: str) -> None:
        self._channels.unsubscribe(self._channel(room))

    def signal(self, room: str, payload: bytes) -> None:
        self._forget("PUBLISH", self._channel(room), b"S" + payload)

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

    def _forget(self, *args: Any) -> None:
        """A command whose answer nobody waits for."""
        self._commands.send(args, lambda answer: None)

    # -- tickets and names

    async def put_ticket(self, key: str, record: bytes, seconds: float) -> None:
        await self._commands.call("SET", "parley:ticket:" + key, record, "PX", int(seconds * 1000))

    async def take_ticket(self, key: str) -> bytes | None:
        record: bytes | None = await self._commands.call("GETDEL", "parley:ticket:" + key)
        return record

    async def claim_name(self, name: str, user: str, seconds: float, network: str = "") -> bool:
        keys = _keys("*", "names", "claims", "people")
        return bool(await self._commands.script("state", keys, "claim", name, user, int(seconds * 1000)))

    async def release_name(self, user: str) -> None:
        names, claims = _keys("*", "names", "claims")
        for name, holder in (await self._hash(names)).items():
            if holder.partition(b":")[2] == user.encode():
                await _all(self._commands.call("HDEL", names, name), self._commands.call("ZREM", claims, name))

    async def _hash(self, key: str) -> dict[bytes, bytes]:
        answer = await self._commands.call("HGETALL", key)
        return dict(zip(answer[::2], answer[1::2], strict=True))

    # -- presence

    async def enter(self, room: str, people: Sequence[Person]) -> None:
        if room:
            self._index(room)
        noted = self._commands.call("SADD", f"parley:process:{self.process}:rooms", room or "*")
        args = [part for person in people for part in (person.id, encode(person))]
        await _all(noted, self._presence(room, self.process, "enter", *args))

    async def depart(self, room: str, users: Sequence[str]) -> None:
        await self._presence(room, self.process, "depart", *users)

    async def _presence(self, room: str, process: str, op: str, *args: Any) -> None:
        keys = _keys(room or "*", "people", "people:" + process)
        await self._commands.script("presence", keys, op, self._channel(room) if room else "", *args)

    async def roster(self, room: str) -> Roster:
        (people,) = _keys(room or "*", "people")
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
        args = [part for mark in marks.items() for part in mark]
        noted = []
        for user in marks:
            key = f"parley:user:{user}:rooms"
            noted += [self._commands.call("SADD", key, room), self._commands.call("EXPIRE", key, self._seconds)]
        keys = _keys(room, "reads", "position")
        await _all(*noted, self._commands.script("state", keys, "read", self._channel(room), self._seconds, *args))

    async def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        if not users:
            return {}
        seqs = await self._commands.call("HMGET", _keys(room, "reads")[0], *users)
        return {user: int(seq) for user, seq in zip(users, seqs, strict=True) if seq}

    async def unread(self, user: str) -> dict[str, int]:
        noted = f"parley:user:{user}:rooms"
        rooms = [room.decode() for room in await self._commands.call("SMEMBERS", noted)]
        if not rooms:  # asked at every connect, and mostly so
            return {}
        seqs = await _all(*(self._commands.call("HGET", _keys(room, "reads")[0], user) for room in rooms))
        positions = await self.positions(rooms)
        counts = {}
        for room, seq, position in zip(rooms, seqs, positions, strict=True):
            if seq and position:
                counts[room] = max(0, position.seq - int(seq))
            else:
                self._forget("SREM", noted, room)
        return counts

    # -- rooms and sanctions

    async def rooms(self) -> dict[str, int]:
        names = [name.decode() for name in await self._commands.call("ZREVRANGE", "parley:rooms", 0, ROOMS_LIMIT - 1)]
        counts = await _all(*(self._commands.call("HLEN", _keys(name, "people")[0]) for name in names))
        positions = await self.positions(names)
        known = {}
        for name, count, position in zip(names, counts, positions, strict=True):
            if position or count:
                known[name] = count
            else:
                self._forget("ZREM", "parley:rooms", name)
        return known

    async def sanction(self, sanction: Sanction, lift: bool) -> None:
        if lift:
            await self._commands.call("HDEL", "parley:sanctions", _field(sanction))
        else:
            await self._commands.call("HSET", "parley:sanctions", _field(sanction), encode(sanction))

    async def sanctions(self) -> list[Sanction]:
        kept = await self._commands.call("HVALS", "parley:sanctions")
        now = time.time() * 1000
        holding = []
        for sanction in [msgspec.json.decode(value, type=Sanction) for value in kept]:
            if 0 < sanction.until <= now:
                self._forget("HDEL", "parley:sanctions", _field(sanction))
            else:
                holding.append(sanction)
        return holding

    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        fields = [f"ban {where} {user}" for where in (room, "")]
        fields += [f"ban/net {where} {network}" for where in (room, "") if network]
        now = CLOCK.now_ms()
        for field, value in zip(fields, await self._commands.call("HMGET", "parley:sanctions", *fields), strict=True):
            if value is None:
                continue
            try:
                sanction = msgspec.json.decode(value, type=Sanction)
            except msgspec.DecodeError as error:
                telemetry.damaged("sanction", f"parley:sanctions {field}", error)
                continue
            if not 0 < sanction.until <= now:
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
        await _all(*work)

    async def networks(self, user: str) -> list[str]:
        known = await self._commands.call("ZREVRANGE", f"parley:networks:{user}", 0, -1)
        return [network.decode() for network in known]

    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        if rate <= 0:
            return 0.0
        key = f"parley:{{user:{user}}}:bucket"
        return int(await self._commands.script("state", (key,), "charge", messages, rate, burst)) / 1000


async def _all(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """The answers of commands that go out in one pipeline; the first error is raised, after all are done."""
    answers = await asyncio.gather(*work, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
