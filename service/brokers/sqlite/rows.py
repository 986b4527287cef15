"""What the rows of the file say: rooms, frames, marks. Synchronous, on the file's thread.

A row that can't be read is counted (telemetry.damaged) and costs what it stands for: a message, a room.
"""

import sqlite3
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from service import telemetry
from service.brokers import marks
from service.brokers.base import unavailable
from service.brokers.log import Position
from service.brokers.marks import Marks

_ROOM = """
    SELECT id, name, epoch, floor, at, max(
        floor,
        ifnull((SELECT max(seq) FROM messages WHERE room = rooms.id), 0),
        ifnull((SELECT max(seq) FROM changes WHERE room = rooms.id), 0))
    FROM rooms WHERE name = ?"""

ROOM_EVENTS = """
    SELECT seq, frame FROM messages WHERE room = :room AND seq > :seq
    UNION ALL SELECT seq, frame FROM changes WHERE room = :room AND seq > :seq ORDER BY seq"""
"""All of a room behind `seq`."""

HOLDING = """
    FROM sanctions WHERE (user = :user AND network = 0 OR user = :network AND network = 1)
    AND room IN ('', :room) AND (until = 0 OR until > :now)"""
"""What holds now in a room, or everywhere, against a user or a guest's network."""


class RoomRow(Struct, array_like=True):
    """A room of the transaction under way. `id` 0: it has no events and no row yet."""

    id: int
    name: str
    epoch: str
    floor: int
    at: int
    head: Annotated[int, Meta(ge=0, lt=2**53)]

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.head)


class _Sound(Struct):
    """What every frame has. Decoding it looks through the whole frame."""

    type: str
    seq: int


_sound = msgspec.json.Decoder(_Sound).decode


def find_room(db: sqlite3.Connection, name: str) -> RoomRow | None:
    """The room as the file has it; None if it has no events. Raises `unavailable` if its row can't be read."""
    row = db.execute(_ROOM, (name,)).fetchone()
    if row is None:
        return None
    try:
        return msgspec.convert(row, RoomRow)
    except msgspec.ValidationError as error:
        telemetry.damaged("room", name, error)
        raise unavailable("the room's record can't be read") from None


def read_frame(room: RoomRow, seq: int, frame: Any) -> bytes | None:
    """The frame of an event; None, and counted, if that is none."""
    try:
        if isinstance(frame, bytes) and _sound(str(frame, "utf-8")).seq == seq:
            return frame.rstrip(b" ")
        reason: object = "not the event's"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = error
    telemetry.damaged("event", f"{room.name}/{seq}", reason)
    return None


def read_marks(room: RoomRow, target: int, text: Any) -> Marks:
    if text is None:
        return Marks()
    try:
        return marks.parse(text)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
        telemetry.damaged("marks", f"{room.name}/{target}", error)
        return Marks()


def redacted_frame(frame: Any) -> bytes:
    """As a removal leaves it, as long as it was (schema.sql). Nothing of what can't be read."""
    try:
        return marks.redacted(frame.rstrip(b" ")).ljust(len(frame))
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, TypeError):
        return b" " * len(frame)


def forgotten_frame(frame: bytes, user: str) -> bytes | None:
    """As `marks.forgotten`, at least as long as it was; None for what can't be read."""
    try:
        left = marks.forgotten(frame.rstrip(b" "), user)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if left is None else left.ljust(len(frame))
