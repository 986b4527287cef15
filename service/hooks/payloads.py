"""What is posted: `{"type","timestamp","data"}`, and the ids by which a receiver knows what it has. No I/O."""

import re
from datetime import UTC, datetime
from typing import Any

from service.brokers.events import Words
from service.brokers.log import Event, Position
from service.protocol import encode

LOGGED = ("message", "edited", "removed", "reacted", "topic")
"""Kinds that stand in a room's log: sent in order, at least once."""
NOTICED = ("join", "leave", "moderation")
"""Kinds that stand nowhere: sent at most once."""
KINDS = (*LOGGED, *NOTICED)

_KIND = re.compile(rb'\{"type":"(\w+)",')
_AT = re.compile(rb'"at":([0-9]{1,15})(?:,"removed":true)?\}\Z')


def kind_of(frame: bytes) -> str:
    """Of an event as the log has it."""
    found = _KIND.match(frame)
    return found[1].decode() if found else ""


def at_of(frame: bytes) -> int:
    """When it was said, in ms of Unix time; 0 where that can't be read."""
    found = _AT.search(frame)
    return int(found[1]) if found else 0


def event_id(room: str, epoch: str, seq: int) -> str:
    """The same at each attempt, by whatever process, and no other event's."""
    return f"{room}.{epoch}.{seq}"


def event(frame: bytes, epoch: str) -> bytes:
    """The event as sockets are sent it, with the epoch before its fields."""
    data = b'{"epoch":%b,%b' % (encode(epoch), frame[1:])
    return _body(kind_of(frame), at_of(frame), data)


def reset_id(room: str, place: Position) -> str:
    return f"{room}.{place.epoch}.{place.seq}.reset"


def reset(room: str, reason: str, place: Position, at: int) -> bytes:
    """What comes next is behind `place`, and not behind what came last."""
    data = {"room": room, "reason": reason, "epoch": place.epoch, "seq": place.seq}
    return _body("reset", at, encode(data))


def notice(kind: str, at: int, data: dict[str, Any]) -> bytes:
    return _body(kind, at, encode(data | {"at": at}))


def question(event: Event, words: Words, at: int) -> bytes:
    """What somebody wants to say."""
    data: dict[str, Any] = {"kind": words.kind, "room": event.room, "id": words.id, "user": words.user}
    data |= {"text": words.text} | ({"target": words.target} if words.target else {})
    return _body("question", at, encode(data))


def ping(at: int) -> bytes:
    """What the doctor sends, to see whether the receiver takes it."""
    return _body("ping", at, b"{}")


def _body(kind: str, at: int, data: bytes) -> bytes:
    when = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return b'{"type":"%b","timestamp":"%b","data":%b}' % (kind.encode(), when.encode(), data)
