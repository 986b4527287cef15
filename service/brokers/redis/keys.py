"""What stands where in Redis: keys and channels, and their values as the contract's.

Keys of a room share the hash tag `{room}`, so that a cluster keeps them together. What can't be read is counted, logged
by its key and left out: it costs its room or its user, and no more.
"""

import asyncio
import re
from collections.abc import Coroutine, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from service import names, telemetry
from service.brokers import marks
from service.brokers.log import Position
from service.brokers.redis import url as redis_url
from service.brokers.redis.commands import Commands, Lane, WrongType
from service.protocol import RequestError

TOGETHER_LIMIT = 64  # commands that one caller has in a queue at a time
SEQ_LIMIT = 2**53 - 1
INDEX = "parley:rooms"
SANCTIONS = "parley:sanctions"
PROCESSES = "parley:processes"
_POSITION = re.compile(rb"([A-Za-z0-9_-]+):([0-9]{1,16})")  # as in log.lua


def room_keys(room: str, *names: str) -> tuple[str, ...]:
    return tuple(f"parley:{{{room}}}:{name}" for name in names)


@lru_cache(1024)
def script_keys(room: str) -> tuple[str, ...]:
    """The keys that every script of a room begins with, in the order of log.lua."""
    parts = ("position", "log", "messages", "changes", "authors", "floor", "marks", "ids", "ids:old", "reads")
    return room_keys(room, *parts)


def visits_key(user: str) -> str:
    """The rooms that the user read in last."""
    return f"parley:user:{user}:rooms"


def channel_prefix(url: str) -> bytes:
    """What the names of a deployment's channels begin with: a server's databases share them, unlike keys."""
    return f"parley:{redis_url.parse(url).database}:".encode()


async def room_script(
    commands: Commands,
    name: str,
    room: str,
    *args: Any,
    more_keys: Sequence[str] = (),
    lane: Lane = Lane.STATE,
    cost: int = 1,
) -> Any:
    """The answer of a script that begins with log.lua. Raises `WrongType` if one of the room's keys is none of ours."""
    answer = await commands.script(name, (*script_keys(room), *more_keys), *args, lane=lane, cost=cost)
    refuse_damaged(answer)
    return answer


def refuse_damaged(answer: Any) -> None:
    """Raises `WrongType` if a script's answer is that it found a key of a type that is not ours."""
    if isinstance(answer, list) and len(answer) == 2 and answer[0] == b"damaged":
        telemetry.damaged("room", answer[1].decode(errors="replace"), "its type is none of ours")
        raise WrongType


# -- values


def read_position(room: str, text: bytes | None) -> Position | None:
    """None for a room without a log."""
    if text is None:
        return None
    found = _POSITION.fullmatch(text)
    if found is not None and int(found[2]) <= SEQ_LIMIT:
        return Position(found[1].decode(), int(found[2]))
    telemetry.damaged("position", room_keys(room, "position")[0], "not an epoch and a seq")
    return None


def read_room(name: bytes, key: str) -> str | None:
    """A room's name as the member of `key`."""
    try:
        room = name.decode()
        names.check_room(room)
    except (ValueError, RequestError) as error:
        telemetry.damaged("room name", key, error)
        return None
    return room


def read_rooms(found: Sequence[bytes], key: str) -> list[str]:
    """Those of the members of `key` that are rooms."""
    return [room for name in found if (room := read_room(name, key)) is not None]


class _Event(msgspec.Struct):
    type: str
    seq: int


_event_decoder = msgspec.json.Decoder(_Event)


def read_event(room: str, frame: bytes, mark: bytes) -> tuple[int, bytes] | None:
    """An event's seq and its frame, with its marks merged in. A damaged frame is None, damaged marks are none."""
    try:
        frame.decode()  # msgspec doesn't look into what it skips
        event = _event_decoder.decode(frame)
    except (ValueError, RecursionError) as error:
        telemetry.damaged("event", room_keys(room, "log")[0], error)
        return None
    if mark:
        try:
            frame = marks.apply(frame, marks.parse(mark))
        except (ValueError, RecursionError) as error:
            telemetry.damaged("marks", f"{room_keys(room, 'marks')[0]} {event.seq}", error)
    return event.seq, frame


def read_seq(score: bytes | None, key: str) -> int:
    """A read position as a sorted set has it; 0 for none."""
    try:
        seq = int(float(score or 0))
    except (ValueError, OverflowError) as error:
        telemetry.damaged("read position", key, error)
        return 0
    return seq if 0 < seq <= SEQ_LIMIT else 0


# -- several commands


async def all_of(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """The answers of commands that go out together, `TOGETHER_LIMIT` at a time, so that others get their turn.

    The first error is raised, after all that had begun are done.
    """
    answers: list[Any] = []
    begun = 0
    try:
        while begun < len(work):
            part = work[begun : begun + TOGETHER_LIMIT]
            begun += len(part)
            for answer in await asyncio.gather(*part, return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer
                answers.append(answer)
    finally:  # cut short by an error, or by a cancellation
        for coroutine in work[begun:]:
            coroutine.close()
    return answers


async def read_positions(commands: Commands, rooms: Sequence[str]) -> list[Position | None]:
    """Log.positions."""
    if not rooms:
        return []
    keys = (room_keys(room, "position")[0] for room in rooms)
    answer = await commands.call("MGET", *keys, lane=Lane.READS, cost=1 + len(rooms) // 10)
    return [read_position(room, text) for room, text in zip(rooms, answer, strict=True)]


async def unless_damaged(work: Coroutine[Any, Any, Any], otherwise: Any, kind: str = "", key: str = "") -> Any:
    """The answer, or `otherwise` where `WrongType` stands for it; said of `key`, unless that was done already."""
    try:
        return await work
    except WrongType:
        if key:
            telemetry.damaged(kind, key, "its type is none of ours")
        return otherwise


def shown(record: bytes) -> str:
    """What a damaged record is called in the log: its key, cut, whatever bytes it is of."""
    return record[:200].decode(errors="backslashreplace")
