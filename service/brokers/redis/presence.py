"""Who is where, on Redis, over all processes; and which processes are dead. presence.lua does each step.

A process enters its people under the name of its life. When it may have been forgotten (it was taken for dead, or Redis
came back and may lack its latest words) it begins another life, and enters its people again under that; what is still
noted of former ones is nobody's any more, and goes: room by room as it is entered again, else as a dead process's.
"""

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from service import telemetry
from service.brokers.presence import BEAT_INTERVAL, PROCESS_TTL, Roster, SharedPresence, Still, everybody
from service.brokers.pulse import Pulse
from service.brokers.redis.commands import Lane, WrongType
from service.brokers.redis.keys import EVERYWHERE_TAG
from service.brokers.redis.names import RedisNames
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import all_of, unless_damaged
from service.brokers.redis.values import read_room, shown
from service.protocol import MEMBERS_LIMIT, ErrorCode, Person, RequestError, encode

SETTLING = BEAT_INTERVAL + 2.0  # seconds in which every process finds that Redis lost its people, and enters them again
STEP_LIMIT = 500  # people in one step, which must not hold up Redis

ALIVE = 2  # what the scripts answer of a process that is; 1 for a dead one, 0 for one of which they know nothing

FORMER_LIVES = 4  # that are cleared up after as people come and go; older ones as dead processes are
PROCESS_DIGITS = 8  # of a life's 16: the same for all lives of a process

_decode_person = msgspec.json.Decoder(Person).decode
_decode_user = msgspec.json.Decoder(str).decode
_LIFE = re.compile(rb"[0-9a-f]{16}")
_PERSON = re.compile(rb"\d{1,4}:(\{.*\})", re.DOTALL)  # presence.lua has the same


class RedisPresence(SharedPresence):
    """`note` is told of rooms that are in use, `names` of people in the room ""."""

    def __init__(
        self,
        shards: Shards,
        life: str,
        note: Callable[[str], None],
        names: RedisNames,
        *,
        process_ttl: float = PROCESS_TTL,
        settling: float = SETTLING,
        step_limit: int = STEP_LIMIT,
    ) -> None:
        self._shards = shards
        self._keys = shards.keys
        self._names = names
        self._note = note
        self.life = life
        self._former: deque[str] = deque(maxlen=FORMER_LIVES)  # of which people may still be known
        self._known = False  # whether Redis was told of this life
        self._connections = 0  # to Redis, at the last beat
        self._forgotten = False
        self._took_over = False
        self._others: set[bytes] = set()  # processes that lived at the last beat
        self._awaited: set[bytes] = set()  # those that Redis lost, and that have not been seen since
        self._awaited_until = 0.0
        self.pulse = Pulse(process_ttl)
        self._ttl_ms = int(process_ttl * 1000)
        self._settling = settling
        self._step_limit = step_limit

    @property
    def available(self) -> bool:
        return self._shards.connected

    # -- this process's people

    async def enter(self, room: str, people: Sequence[Person], still: Still = everybody) -> None:
        if room:
            self._note(room)
        life, lives_before = self.life, tuple(self._former)
        # First, and by itself: the room may be another primary's, and who is entered by a process of which nobody knows
        # would be there for good.
        known, *damaged = await self._of_process(life, "enter", self._ttl_ms, self._loss, room or EVERYWHERE_TAG)
        self._say(damaged)
        self._learn(known)
        for start in range(0, len(people), self._step_limit):
            part = [person for person in people[start : start + self._step_limit] if still(person.id)]
            if not part:
                continue
            args = [word for person in part for word in (person.id, encode(person))]
            steps = [self._step(room, life, "enter", *args, cost=1 + len(part) // 4)]
            if not room:
                steps.append(self._names.hold(part))
            await all_of(steps)
        for former in lives_before:
            await self.expire(room, former, own=True)

    async def depart(self, room: str, users: Sequence[str]) -> None:
        lives = [self.life, *self._former]
        for start in range(0, len(users), self._step_limit):
            part = users[start : start + self._step_limit]
            left = await all_of(self._step(room, life, "depart", *part) for life in lives)
            await all_of(self._leave(room, life) for life, count in zip(lives, left, strict=True) if not count)

    async def _leave(self, room: str, life: str) -> None:
        """The process has nobody there any more."""
        _, *damaged = await self._of_process(life, "leave", room or EVERYWHERE_TAG)
        self._say(damaged)

    async def _step(self, room: str, life: str, op: str, *args: Any, cost: int = 1) -> int:
        """One of presence.lua; how many of that life are left in the room."""
        keys = self._keys.room(room or EVERYWHERE_TAG, "people", f"people:{life}")
        told = (op, self._shards.publish, self._keys.channel(room), "" if room else "quiet")
        left, came, went, *damaged = await self._shards.script("presence", keys, *told, *args, cost=cost)
        self._say(damaged)
        if self.on_change is not None and room and (came or went) and op != "mend":  # who is mended is still there
            self.on_change(room, [_decode_person(person) for person in came], [_decode_user(user) for user in went])
        return int(left)

    async def _of_process(self, life: str, op: str, *args: Any) -> Any:
        """One of processes.lua."""
        keys = (self._keys.processes, self._keys.unsettled, self._keys.noted(life))
        return await self._shards.script("processes", keys, op, life, *args)

    @staticmethod
    def _say(damaged: Sequence[bytes]) -> None:
        for record in damaged:
            telemetry.damaged("person", shown(record))

    # -- everybody

    async def roster(self, room: str) -> Roster:
        """A person who can't be read is left out, and goes: their process enters them again."""
        (people,) = self._keys.room(room or EVERYWHERE_TAG, "people")
        try:
            count = await self._shards.call("HLEN", people, lane=Lane.READS)
            if count > MEMBERS_LIMIT:
                return Roster(count, None)
            kept = await self._shards.call("HGETALL", people, lane=Lane.READS, cost=1 + count // 10)
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

    async def people(self, room: str, limit: int, cursor: str = "") -> tuple[list[Person], str]:
        """A person who can't be read is left out: `roster` sees to them."""
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 20):
            raise RequestError(ErrorCode.BAD_REQUEST, "after is no cursor of an answer")
        (people,) = self._keys.room(room or EVERYWHERE_TAG, "people")
        scan = self._shards.call("HSCAN", people, cursor or 0, "COUNT", limit, lane=Lane.READS, cost=1 + limit // 10)
        following, kept = await unless_damaged(scan, (b"0", []))
        members = [person for value in kept[1::2] if (person := _person(value)) is not None]
        return members, "" if following == b"0" else following.decode()

    async def find(self, user: str) -> Person | None:
        """One who can't be read is nobody, as above."""
        (people,) = self._keys.room(EVERYWHERE_TAG, "people")
        value = await unless_damaged(self._shards.call("HGET", people, user, lane=Lane.READS), None)
        return value and _person(value)

    # -- processes

    def asking(self) -> str:
        """The process as which names are claimed; "" before Redis was told of it."""
        return self.life if self._known else ""

    def now(self) -> float | None:
        """Redis's time of day in seconds, as of the beats; None before the first."""
        return self.pulse.now(_now())

    async def beat(self) -> bool:
        if not self._took_over:
            await self._take_over()
            self._took_over = True
        self._names.sweep()
        if self._connections != self._shards.connections:
            # Redis may have come back without the latest of what it was told.
            self.pulse.lost()
            self._forgotten = self._forgotten or self._connections > 0
            self._connections = self._shards.connections
        steady, began = self.pulse.steady, _now()
        try:
            known, at_ms, damaged, dead, alive = await self._say_alive(self.life, self._loss)
        except RequestError:
            self.pulse.lost()
            raise
        self.pulse.beat(began, _now(), at_ms / 1000)
        if damaged:
            telemetry.damaged("process", self._keys.processes)
        self._learn(known)
        await self._await_others({_process(life) for life in alive})
        if self._forgotten:
            await self._begin_another_life()
            return False
        if self.pulse.steady:
            for process in dead:
                await self.clear_up_after(process)
        if steady:  # as was the last beat, so former lives are cleared up by now
            self._former.clear()
        return True

    async def _take_over(self) -> None:
        """Processes as release 1.0 noted them: of those that were killed nobody else clears up the people."""
        former = self._keys.former_processes
        for life in await unless_damaged(self._shards.call("ZRANGE", former, 0, -1), []):
            if _LIFE.fullmatch(life):
                noted = self._keys.former_noted(life.decode())
                rooms = await unless_damaged(self._shards.call("SMEMBERS", noted), [])
                if rooms:
                    await self._shards.call("SADD", self._keys.noted(life.decode()), *rooms)
                await self._shards.call("DEL", noted)
                await self._shards.call("ZADD", self._keys.processes, 1, life)
        await self._shards.call("DEL", former)

    async def _say_alive(self, life: str, loss: int = 0) -> Any:
        return await self._of_process(life, "beat", self._ttl_ms, loss)

    @property
    def _loss(self) -> int:
        """Milliseconds without claims of names, if Redis has lost this life: the others' people seem to be nobody."""
        return int(self._settling * 1000) if self._known else 0

    def _learn(self, known: int) -> None:
        """What Redis still knew of this life when it was told of it."""
        if self._known and known < ALIVE:
            self._forgotten = True
            if not known:
                self._awaited = self._others
                self._awaited_until = _now() + self._ttl_ms / 1000
        self._known = True

    async def _await_others(self, alive: set[bytes]) -> None:
        """No name is claimed while a process that Redis lost has yet to come back, but no longer than it may live."""
        self._others = alive
        self._awaited = self._awaited - alive if _now() < self._awaited_until else set()
        if self._awaited:
            await self._shards.call("SET", self._keys.unsettled, "1", "XX", "PX", self._loss)

    async def _begin_another_life(self) -> None:
        fresh = self.life[:PROCESS_DIGITS] + secrets.token_hex(4)
        await self._say_alive(fresh)
        self._former.append(self.life)
        self.life, self._forgotten = fresh, False

    async def clear_up_after(self, process: bytes) -> None:
        """Everybody whom a dead process had leaves, told once however many processes do this at the same time."""
        if not _LIFE.fullmatch(process):  # none of ours, so nobody is noted as on it
            telemetry.damaged("process", f"{self._keys.processes} {shown(process)}")
            await self._shards.call("ZREM", self._keys.processes, process)
            return
        life = process.decode()
        noted = self._keys.noted(life)
        try:
            rooms = await self._shards.call("SMEMBERS", noted)
        except WrongType:
            telemetry.damaged("process", noted)
            await self._shards.call("DEL", noted)
            rooms = []
        for name in rooms:
            room = "" if name == EVERYWHERE_TAG.encode() else read_room(name, noted)
            if room is None:
                await self._shards.call("SREM", noted, name)
            elif not await self.expire(room, life):
                return  # it is back
        await self._of_process(life, "remove", "")

    async def expire(self, room: str, life: str, own: bool = False) -> bool:
        """What a dead process, or a former life of this one, has in a room goes; False if the process lives.

        One that comes back in the middle of it finds that it was taken for dead, and enters its people again.
        """
        left = 1
        while left > 0:
            if not own and (await self._of_process(life, "alive"))[0]:
                return False
            left = await self._step(room, life, "expire", self._step_limit, cost=self._step_limit // 4)
        await self._leave(room, life)
        return True

    async def end(self) -> None:
        """This process ends: it is forgotten at once, or, with people left, by the others' next beat."""
        if not (await self._of_process(self.life, "remove", "own"))[0]:
            await self._shards.call("ZADD", self._keys.processes, 1, self.life)


def _process(life: bytes) -> bytes:
    return life[:PROCESS_DIGITS]


def _person(value: bytes) -> Person | None:
    shape = _PERSON.fullmatch(value)
    try:
        return shape and msgspec.json.decode(shape[1], type=Person)
    except (msgspec.DecodeError, RecursionError):
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()
