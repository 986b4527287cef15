"""The embedded broker's file from an earlier version of schema.sql, brought to version 2.

Synchronous, within one transaction of who opens it: a process that is killed meanwhile leaves the file as it was.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from service.sqlite_rooms import BLOCK_BYTES, BLOCK_EVENTS, encode

OLDEST = 1  # the first version that is known here

_Event = tuple[int, int, int, bytes]  # room, seq, at, frame


def migrate(db: sqlite3.Connection) -> None:
    """From version 1, where every event had a row of its own, in `tail` and in `events`."""
    for table in ("tail", "events"):
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    db.execute("CREATE TABLE tail (n INTEGER PRIMARY KEY, rows BLOB NOT NULL)")
    db.execute(
        "CREATE TABLE events (n INTEGER PRIMARY KEY, room INTEGER NOT NULL, last INTEGER NOT NULL, "
        "first INTEGER NOT NULL, at INTEGER NOT NULL, frames BLOB NOT NULL)"
    )
    db.execute("CREATE UNIQUE INDEX events_by_room ON events (room, last)")
    tail = db.execute("SELECT room, seq, at, user, id, frame FROM old_tail ORDER BY n")
    while rows := tail.fetchmany(BLOCK_EVENTS):
        db.execute("INSERT INTO tail (rows) VALUES (?)", (encode(rows),))
    events = db.execute("SELECT room, seq, at, frame FROM old_events ORDER BY room, seq")
    for room, of_room in groupby(events, itemgetter(0)):
        for block in _blocks(of_room):
            _, seqs, times, frames = zip(*block, strict=True)
            values = (room, seqs[-1], seqs[0], times[-1], encode(frames))
            db.execute("INSERT INTO events (room, last, first, at, frames) VALUES (?, ?, ?, ?, ?)", values)
    db.execute("ALTER TABLE sanctions ADD COLUMN guest TEXT NOT NULL DEFAULT ''")
    for table in ("tail", "events"):
        db.execute(f"DROP TABLE old_{table}")


def _blocks(rows: Iterable[_Event]) -> Iterator[list[_Event]]:
    """As `Rooms.fold_step` cuts them."""
    block: list[_Event] = []
    size = 0
    for row in rows:
        block.append(row)
        size += len(row[-1])
        if len(block) == BLOCK_EVENTS or size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block
