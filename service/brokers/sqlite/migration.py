"""The embedded broker's file from an earlier version of schema.sql, brought to version 6.

Synchronous, within one transaction of who opens it: a process that is killed meanwhile leaves the file as it was.
In version 1 every event had a row, in version 2 a part of a block; what came last stood in `tail` in both. From version
3 on only tables were added.
"""

import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from service import telemetry
from service.brokers import marks
from service.logs import fields

logger = logging.getLogger(__name__)

OLDEST_SCHEMA = 1  # the first version that is known here
PROGRESS_EVENTS = 100_000  # events

_ROWS = 3  # the first version in which each event has a row, as it has now
_ADDED = {"about": 4, "deliveries": 5, "trail": 6}  # tables, and since which version they are there

_TABLES = ("rooms", "tail", "events", "ids", "marks", "reads", "sanctions")
_decode_tail = msgspec.msgpack.Decoder(list[tuple[int, int, int, str, str, bytes]]).decode
_decode_block = msgspec.msgpack.Decoder(list[bytes]).decode

_Row = tuple[int, int, int, bytes]  # room, seq, at, frame


class _Author(msgspec.Struct):
    id: str


class _Event(msgspec.Struct):
    """What the new rows hold of a frame."""

    type: str
    user: _Author
    target: int = 0


_decode_event = msgspec.json.Decoder(_Event).decode


def migrate(db: sqlite3.Connection, version: int, schema: str, said_every: int = PROGRESS_EVENTS) -> None:
    """From `version` to the tables of `schema`. `said_every`: events after which it says how far it is."""
    if version >= _ROWS:
        for statement in _statements(schema):
            if any(version < since and f"CREATE TABLE {table} " in statement for table, since in _ADDED.items()):
                db.execute(statement)
        return
    db.execute("DROP INDEX reads_by_user")
    for table in _TABLES:
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in _statements(schema):
        db.execute(statement)
    db.execute("INSERT INTO rooms SELECT id, name, epoch, 0, created FROM old_rooms WHERE name IS NOT NULL")
    db.execute("INSERT INTO ids (room, user, id, seq, at, content) SELECT room, user, id, seq, at, '' FROM old_ids")
    removed = {
        (room, target)
        for room, target, kept in db.execute("SELECT room, target, marks FROM old_marks")
        if _is_removed(kept)
    }
    last: dict[int, tuple[int, int]] = {}  # by room: seq and time
    for count, (room, seq, at, frame) in enumerate(_events(db, version), 1):
        if room not in last:
            db.execute("UPDATE rooms SET floor = ? WHERE id = ?", (seq - 1, room))
        if last.get(room, (0, 0))[0] < seq:  # else it was on its way from the tail
            _insert(db, removed, room, seq, frame)
            last[room] = (seq, at)
        if count % said_every == 0:
            logger.info("SQLite: %d events are taken over", count, extra=fields("sqlite_upgrading", count=count))
    db.executemany("UPDATE rooms SET at = ? WHERE id = ?", [(at, room) for room, (_, at) in last.items()])
    for sql in _REST:
        db.execute(sql)
    for table in _TABLES:
        db.execute(f"DROP TABLE old_{table}")


_REST = (
    "DELETE FROM rooms WHERE NOT EXISTS (SELECT 1 FROM messages WHERE room = rooms.id) "
    "AND NOT EXISTS (SELECT 1 FROM changes WHERE room = rooms.id)",
    "INSERT INTO marks (room, target, marks) SELECT old_marks.room, target, marks FROM old_marks "
    "JOIN messages ON messages.room = old_marks.room AND seq = target WHERE removed = 0",
    "INSERT INTO reads (room, user, seq, at) "
    "SELECT rooms.id, user, seq, rooms.at FROM old_reads JOIN rooms ON rooms.id = room",
    "INSERT INTO sanctions (user, network, room, kind, until, by, reason, guest) "
    "SELECT user, 0, room, kind, until, by, reason, '' FROM old_sanctions",
    "DELETE FROM ids WHERE room NOT IN (SELECT id FROM rooms)",
)


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _events(db: sqlite3.Connection, version: int) -> Iterator[_Row]:
    """All events, each room's in order, the tail's last; their ids too, of those that the tail has."""
    if version == 1:
        yield from db.execute("SELECT room, seq, at, frame FROM old_events ORDER BY room, seq")
        rows: Any = db.execute("SELECT room, seq, at, user, id, frame FROM old_tail ORDER BY n")
    else:
        for room, first, at, frames in db.execute("SELECT room, first, at, frames FROM old_events ORDER BY room, last"):
            yield from ((room, seq, at, frame) for seq, frame in enumerate(_decode_block(frames), first))
        rows = (row for (some,) in db.execute("SELECT rows FROM old_tail ORDER BY n") for row in _decode_tail(some))
    for room, seq, at, user, id, frame in rows:
        keep = "INSERT OR IGNORE INTO ids (room, user, id, seq, at, content) VALUES (?, ?, ?, ?, ?, '')"
        db.execute(keep, (room, user, id, seq, at))
        yield room, seq, at, frame


def _insert(db: sqlite3.Connection, removed: set[tuple[int, int]], room: int, seq: int, frame: bytes) -> None:
    try:
        event = _decode_event(str(frame, "utf-8"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        telemetry.damaged("event", f"{room}/{seq}", error)
        return
    if event.type == "message":
        gone = (room, seq) in removed
        values = (room, seq, event.user.id, gone, marks.redacted(frame) if gone else frame)
        db.execute("INSERT INTO messages (room, seq, author, removed, frame) VALUES (?, ?, ?, ?, ?)", values)
    else:
        edits = event.target if event.type == "edited" else 0
        shown = marks.redacted(frame) if edits and (room, edits) in removed else frame
        db.execute("INSERT INTO changes (room, seq, target, frame) VALUES (?, ?, ?, ?)", (room, seq, edits, shown))


def _is_removed(kept: str) -> bool:
    try:
        return marks.parse(kept).removed
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
