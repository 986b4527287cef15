"""What is asked of Redis in several commands, or in the steps of a room."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from itertools import islice
from typing import Any

from service import telemetry
from service.brokers.log import Position
from service.brokers.redis.commands import Lane, WrongType
from service.brokers.redis.shards import Shards
from service.brokers.redis.values import read_position
from service.protocol import RequestError

TOGETHER_LIMIT = 64  # commands that one caller has in a queue at a time


async def room_script(
    shards: Shards,
    name: str,
    room: str,
    *args: Any,
    more_keys: Sequence[str] = (),
    lane: Lane = Lane.STATE,
    cost: int = 1,
) -> Any:
    """The answer of a script that begins with log.lua. Raises `WrongType` if one of the room's keys is none of ours."""
    answer = await shards.script(name, (*shards.keys.of_script(room), *more_keys), *args, lane=lane, cost=cost)
    refuse_damaged(answer)
    return answer


def refuse_damaged(answer: Any) -> None:
    """Raises `WrongType` if a script's answer is that it found a key of a type that is not ours."""
    if isinstance(answer, list) and len(answer) == 2 and answer[0] == b"damaged":
        telemetry.damaged("room", answer[1].decode(errors="replace"), "its type is none of ours")
        raise WrongType


async def all_of(work: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The answers of commands that go out together, `TOGETHER_LIMIT` at a time, so that others get their turn.

    The first error is raised, after all that had begun are done. Those that had not are not even taken from `work`: a
    generator makes none that nobody awaits.
    """
    return await _together(work)


async def each_of(work: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The same; a `RequestError` stands in the place of its answer, for the primaries of others may not be away."""
    return await _together(work, RequestError)


async def _together(work: Iterable[Coroutine[Any, Any, Any]], *answers_too: type[BaseException]) -> list[Any]:
    answers: list[Any] = []
    left = iter(work)
    while part := list(islice(left, TOGETHER_LIMIT)):
        for answer in await asyncio.gather(*part, return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, answers_too):
                raise answer
            answers.append(answer)
    return answers


async def read_positions(shards: Shards, rooms: Sequence[str], name: str = "position") -> dict[str, Position | None]:
    """Log.positions; with another `name`, what has that name instead."""
    keys = [shards.keys.room(room, name)[0] for room in rooms]
    groups = shards.groups(keys) if rooms else []
    reads = (
        shards.call("MGET", *(keys[i] for i in group), lane=Lane.READS, cost=1 + len(group) // 10) for group in groups
    )
    found: dict[str, Position | None] = {}
    away: RequestError | None = None
    for group, read in zip(groups, await each_of(reads), strict=True):
        if isinstance(read, RequestError):
            away = read
        else:
            found |= {rooms[i]: read_position(keys[i], text) for i, text in zip(group, read, strict=True)}
    if away is not None and not found:
        raise away
    return found


async def unless_damaged(work: Coroutine[Any, Any, Any], otherwise: Any, kind: str = "", key: str = "") -> Any:
    """The answer, or `otherwise` where `WrongType` stands for it; said of `key`, unless that was done already."""
    try:
        return await work
    except WrongType:
        if key:
            telemetry.damaged(kind, key, "its type is none of ours")
        return otherwise
