"""What stands where in Redis: keys and channels, and their values as the contract's.

Keys of a room share the hash tag `{room}`, so that a cluster keeps them together.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from service import redis_url
from service.broker import Position

TOGETHER_LIMIT = 64  # commands that one caller has in a queue at a time


def room_keys(room: str, *names: str) -> tuple[str, ...]:
    return tuple(f"parley:{{{room}}}:{name}" for name in names)


def channel_prefix(url: str) -> bytes:
    """What the names of a deployment's channels begin with: a server's databases share them, unlike keys."""
    return f"parley:{redis_url.parse(url).database}:".encode()


def parse_position(text: bytes) -> Position:
    epoch, _, seq = text.decode().rpartition(":")
    return Position(epoch, int(seq))


async def all_of(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """The answers of commands that go out together, `TOGETHER_LIMIT` at a time, so that others get their turn.

    The first error is raised, after all that had begun are done.
    """
    answers: list[Any] = []
    for start in range(0, len(work), TOGETHER_LIMIT):
        answers += await asyncio.gather(*work[start : start + TOGETHER_LIMIT], return_exceptions=True)
        for answer in answers[start:]:
            if isinstance(answer, BaseException):
                for coroutine in work[start + TOGETHER_LIMIT :]:
                    coroutine.close()
                raise answer
    return answers
