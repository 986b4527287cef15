"""Values in Redis, as the contracts have them.

What can't be read is counted, logged by its key and left out: it costs its room or its user, and no more.
"""

import re
from collections.abc import Sequence

import msgspec

from service import names, telemetry
from service.brokers import marks
from service.brokers.log import Position
from service.protocol import RequestError

SEQ_LIMIT = 2**53 - 1
_POSITION = re.compile(rb"([A-Za-z0-9_-]+):([0-9]{1,16})")  # as in log.lua


def read_position(key: str, text: bytes | None) -> Position | None:
    """None for a room without a log."""
    if text is None:
        return None
    found = _POSITION.fullmatch(text)
    if found is not None and int(found[2]) <= SEQ_LIMIT:
        return Position(found[1].decode(), int(found[2]))
    telemetry.damaged("position", key, "not an epoch and a seq")
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


def read_event(frame: bytes, mark: bytes, key: str) -> tuple[int, bytes] | None:
    """An event's seq and its frame, with its marks merged in. A damaged frame is None, damaged marks are none."""
    try:
        frame.decode()  # msgspec doesn't look into what it skips
        event = _event_decoder.decode(frame)
    except (ValueError, RecursionError) as error:
        telemetry.damaged("event", key, error)
        return None
    if mark:
        try:
            frame = marks.apply(frame, marks.parse(mark))
        except (ValueError, RecursionError) as error:
            telemetry.damaged("marks", f"{key} {event.seq}", error)
    return event.seq, frame


def read_seq(score: bytes | None, key: str) -> int:
    """A read position as a sorted set has it; 0 for none."""
    try:
        seq = int(float(score or 0))
    except (ValueError, OverflowError) as error:
        telemetry.damaged("read position", key, error)
        return 0
    return seq if 0 < seq <= SEQ_LIMIT else 0


def shown(record: bytes) -> str:
    """What a damaged record is called in the log: its key, cut, whatever bytes it is of."""
    return record[:200].decode(errors="backslashreplace")
