"""Who is where, on Redis, over all processes; and which processes are dead. presence.lua does each step.

A process enters its people under the name of its life. When it may have been forgotten (it was taken for dead, or Redis
came back and may lack its latest words) it begins another life, and enters its people again under that; what is still
noted of the former one is nobody's any more, and goes: room by room as it is entered again, else as a dead process's.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from service import telemetry
from service.brokers.base import unavailable
from service.brokers.presence import BEAT_INTERVAL, PROCESS_TTL, Roster, SharedPresence
from service.brokers.pulse import Pulse
from service.brokers.redis.commands import Commands, Lane, WrongType
from service.brokers.redis.keys import PROCESSES, all_of, room_keys, shown
from service.brokers.redis.names import Names
from service.protocol import MEMBERS_LIMIT, Person, RequestError, encode

SETTLING = BEAT_INTERVAL + 2.0  # seconds in which every process finds that Redis lost its people, and enters them again
STEP_LIMIT = 500  # people in one step, which must not hold up Redis

ALIVE = 2  # what the scripts answer of a process that is; 1 for a dead one, 0 for one of which they know nothing

_LIFE = re.compile(rb"[0-9a-f]{16}")
_PERSON = re.compile(rb"\d{1,4}:(\{.*\})", re.DOTALL)  # presence.lua has the same


class RedisPresence(SharedPresence):
    """`note` is told of rooms that are in use, `names` of people in the room ""."""

    def __init__(
        self,
        commands: Commands,
        prefix: bytes,
        life: str,
        note: Callable[[str], None],
        names: Names,
        *,
        process_ttl: float = PROCESS_TTL,
        settling: float = SETTLING,
        step_limit: int = STEP_LIMIT,
    ) -> None:
        self._commands = commands
        self._names = names
        self._prefix = prefix
        self._note = note
        self.life = life
        self._former: str | None = None
        self._known = False  # whether Redis was told of this life
        self._connections = 0  # of `commands`, at the last beat
        self._forgotten = False
        self._settled_at = 0.0  # when names may be claimed again, after Redis lost who is present
        self.pulse = Pulse(process_ttl)
        self._ttl_ms = int(process_ttl * 1000)
        self._settling = settling
        self._step_limit = step_limit

    @property
    def available(self) -> bool:
        return self._commands.connected

    # -- this process's people

    async def enter(self, room: str, people: Sequence[Person]) -> None:
        if room:
            self._note(room)
        life, former = self.life, self._former
        for start in range(0, len(people), self._step_limit):
            part = people[start : start + self._step_limit]
            args = [word for person in part for word in (person.id, encode(person))]
            steps = [self._step(room, life, "enter", *args, cost=1 + len(part) // 4)]
            if not room:
                steps.append(self._names.hold(part))
            known, *_ = await all_of(*steps)
            self._learn(known)
        if former is not None:
            await self.expire(room, former, own=True)

    async def depart(self, room: str, users: Sequence[str]) -> None:
        lives = [self.life] if self._former is None else [self.life, self._former]
        for start in range(0, len(users), self._step_limit):
            part = users[start : start + self._step_limit]
            await all_of(*(self._step(room, life, "depart", *part) for life in lives))

    async def _step(self, room: str | bytes, life: str | bytes, op: str, *args: Any, cost: int = 1) -> int:
        name, process = _bytes(room), _bytes(life)
        tag = b"parley:{" + (name or b"*") + b"}:people"
        keys = (tag, tag + b":" + process, PROCESSES, b"parley:process:" + process + b":rooms")
        told = (op, self._prefix + name, "" if name else "quiet", process, name or "*", self._ttl_ms)
        result, *damaged = await self._commands.script("presence", keys, *told, *args, cost=cost)
        for record in damaged:
            telemetry.damaged("person", shown(record))
        return int(result)

    # -- everybody

    async def roster(self, room: str) -> Roster:
        """A person who can't be read is left out, and goes: their process enters them again."""
        (people,) = room_keys(room or "*", "people")
        try:
            count = await self._commands.call("HLEN", people, lane=Lane.READS)
            if count > MEMBERS_LIMIT:
                return Roster(count, None)
            kept = await self._commands.call("HGETALL", people, lane=Lane.READS, cost=1 + count // 10)
        except WrongType:
            await self._step(room, self.life, "mend")
            return Roster(0, [])
        members, bad = [], []
        for user, value in zip(kept[::2], kept[1::2], strict=True):
            person = _person(value)
            if person is not None and person.id.encode() == user:
                members.append(person)
            else:
                telemetry.damaged("person", f"{people} {shown(user)}")
                bad += [user, value]
        if bad:
            await self._step(room, self.life, "mend", *bad)
        return Roster(len(members), members)

    # -- processes

    def asking(self) -> str:
        """The process as which names are claimed; "" before Redis was told of it.

        Raises `unavailable` while others may have yet to enter their people again, whose names seem free.
        """
        if _now() < self._settled_at:
            raise unavailable("the broker has lost who is here")
        return self.life if self._known else ""

    async def beat(self) -> bool:
        self._names.sweep()
        if self._connections != self._commands.connections:
            # Redis may have come back without the latest of what it was told.
            self.pulse.lost()
            self._forgotten = self._forgotten or self._connections > 0
            self._connections = self._commands.connections
        steady, began = self.pulse.steady, _now()
        try:
            known, at_ms, damaged, dead = await self._say_alive(self.life)
        except RequestError:
            self.pulse.lost()
            raise
        self.pulse.beat(began, _now(), at_ms / 1000)
        if damaged:
            telemetry.damaged("process", PROCESSES)
        self._learn(known)
        if self._forgotten:
            await self._begin_another_life()
            return False
        if self.pulse.steady:
            for process in dead:
                await self.clear_up_after(process)
        if steady:  # as was the last beat, so the former life is cleared up by now
            self._former = None
        return True

    async def _say_alive(self, life: str) -> Any:
        return await self._commands.script("processes", (PROCESSES,), "beat", life, self._ttl_ms)

    def _learn(self, known: int) -> None:
        """What Redis still knew of this life when it was told of it."""
        if self._known and known < ALIVE:
            self._forgotten = True
            if not known:
                self._settled_at = _now() + self._settling
        self._known = True

    async def _begin_another_life(self) -> None:
        fresh = secrets.token_hex(8)
        await self._say_alive(fresh)
        self._former, self.life, self._forgotten = self.life, fresh, False

    async def clear_up_after(self, process: bytes) -> None:
        """Everybody whom a dead process had leaves, told once however many processes do this at the same time."""
        if not _LIFE.fullmatch(process):
            telemetry.damaged("process", f"{PROCESSES} {shown(process)}")
        noted = b"parley:process:" + process + b":rooms"
        try:
            rooms = await self._commands.call("SMEMBERS", noted)
        except WrongType:
            telemetry.damaged("process", shown(noted))
            await self._commands.call("DEL", noted)
            rooms = []
        for room in rooms:
            if not room:
                await self._commands.call("SREM", noted, room)
            elif not await self.expire(b"" if room == b"*" else room, process):
                return  # it is back
        await self._commands.script("processes", (PROCESSES, noted), "remove", process, "")

    async def expire(self, room: str | bytes, life: str | bytes, own: bool = False) -> bool:
        """What a dead process, or a former life of this one, has in a room goes; False if the process lives."""
        left = 1
        while left > 0:
            args = ("own" if own else "", self._step_limit)
            left = await self._step(room, life, "expire", *args, cost=self._step_limit // 4)
        return left == 0

    async def end(self) -> None:
        """This process ends: it is forgotten at once, or, with people left, by the others' next beat."""
        noted = f"parley:process:{self.life}:rooms"
        if not await self._commands.script("processes", (PROCESSES, noted), "remove", self.life, "own"):
            await self._commands.call("ZADD", PROCESSES, 1, self.life)


def _person(value: bytes) -> Person | None:
    shape = _PERSON.fullmatch(value)
    try:
        return shape and msgspec.json.decode(shape[1], type=Person)
    except (msgspec.DecodeError, RecursionError):
        return None


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _now() -> float:
    return asyncio.get_running_loop().time()
