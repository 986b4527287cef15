"""What stands where in Redis: keys and channels, and their values as the contract's.

Keys of a room share the hash tag `{room}`, so that a cluster keeps them together.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

from service.broker import Position


def room_keys(room: str, *names: str) -> tuple[str, ...]:
    return tuple(f"parley:{{{room}}}:{name}" for name in names)


def channel_prefix(url: str) -> bytes:
    """What the names of a deployment's channels begin with: a server's databases share them, unlike keys."""
    database = urlsplit(url).path.strip("/") or "0"
    return f"parley:{database}:".encode()


def parse_position(text: bytes) -> Position:
    epoch, _, seq = text.decode().rpartition(":")
    return Position(epoch, int(seq))


async def all_of(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """The answers of commands that go out in one pipeline; the first error is raised, after all are done."""
    answers = await asyncio.gather(*work, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
