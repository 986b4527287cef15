"""What of SQLite's rooms is held in memory: where each log ends, and the events that came since the last fold.

The process is the file's only user, so memory may answer for it. After a rollback `reload` brings it back to what the
file says. Synchronous; called on one thread, within a transaction.

Appending goes to the table `tail`: with 100 busy rooms an event costs 3 µs there, and 18 to 32 µs in the tables sorted
by room, where every event dirties pages of its own. `fold` moves the tail there, many events at a time.
"""

import functools
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

# Events in the tail before it is folded. Acknowledgements wait meanwhile: with 100 busy rooms 25 to 50 ms, with one
# less than 10. Half as many cost a fifteenth of the throughput of 100 busy rooms, half as many again gain nothing.
FOLD_EVENTS = 2000
FOLD_BYTES = 2**20

# Rows a statement takes. Each execution gives up the interpreter lock and has to win it back from a busy event loop, so
# many rows go in one; a few fixed sizes keep the statements prepared.
_CHUNKS = tuple(2**power for power in range(8, -1, -1))

Key = tuple[int, str, str]  # room, user, id
Row = tuple[int, int, int, str, str, bytes]  # room, seq, at, user, id, frame


class Room:
    """A room as memory has it. `tail` is the frames not yet folded, the last one being `head`."""

    __slots__ = ("at", "epoch", "first", "head", "id", "marked", "name", "tail")

    def __init__(self, id: int, name: str, epoch: str, at: int) -> None:
        self.id = id
        self.name = name
        self.epoch = epoch
        self.first = 1  # the lowest seq that the log still holds, or would hold next
        self.head = 0
        self.at = at  # the time of the last event, or of the room's creation
        self.marked = False  # whether there are marks at all
        self.tail: list[bytes] = []

    @property
    def tail_first(self) -> int:
        return self.head - len(self.tail) + 1


class Rooms:
    """The rooms that were asked for, and the tail of all."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._rooms: dict[str, Room] = {}
        self._recent: dict[Key, tuple[int, int]] = {}  # the ids of the tail: seq and time
        self._tailed: set[Room] = set()
        self._tail_bytes = 0
        self.reload()

    def reload(self) -> None:
        """Forget what memory has and read what the file has."""
        self._rooms.clear()
        self._clear_tail()
        names: dict[int, str] = dict(
            self._db.execute("SELECT id, name FROM rooms WHERE id IN (SELECT room FROM tail)").fetchall()
        )
        rows: list[Row] = self._db.execute("SELECT room, seq, at, user, id, frame FROM tail ORDER BY n").fetchall()
        for row in rows:
            room = self.get(names[row[0]])
            assert room is not None
            if room.first > room.head:  # nothing is folded yet
                room.first = row[1]
            self.append(room, row)

    def get(self, name: str) -> Room | None:
        """The room of this name, if it has a log."""
        return self._rooms.get(name) or self._load(name)

    def _load(self, name: str) -> Room | None:
        row = self._db.execute("SELECT id, epoch, created FROM rooms WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        id, epoch, created = row
        room = Room(id, name, epoch, created)
        last = self._db.execute("SELECT max(seq), at FROM events WHERE room = ?", (id,)).fetchone()
        if last[0] is not None:
            room.head, room.at = last
            (room.first,) = self._db.execute("SELECT min(seq) FROM events WHERE room = ?", (id,)).fetchone()
        marked = self._db.execute("SELECT 1 FROM marks WHERE room = ? LIMIT 1", (id,)).fetchone()
        room.marked = marked is not None
        self._rooms[name] = room
        return room

    def create(self, name: str, now: int) -> Room:
        """A room with an empty log, under an epoch of its own."""
        epoch = _new_epoch()
        insert = "INSERT INTO rooms (name, epoch, created) VALUES (?, ?, ?)"
        id = self._db.execute(insert, (name, epoch, now)).lastrowid
        assert id is not None
        room = self._rooms[name] = Room(id, name, epoch, now)
        return room

    def renew_epoch(self, room: Room) -> None:
        """Give the log's life a new name."""
        room.epoch = _new_epoch()
        self._db.execute("UPDATE rooms SET epoch = ? WHERE id = ?", (room.epoch, room.id))

    def retire(self, room: Room) -> None:
        """Take the room's name from its rows, which then stand for nothing."""
        self.fold()
        self._db.execute("UPDATE rooms SET name = NULL WHERE id = ?", (room.id,))
        del self._rooms[room.name]

    # -- the tail

    def append(self, room: Room, row: Row) -> None:
        """Note a row of the tail; `insert` puts many at once into the file."""
        room_id, seq, at, user, id, frame = row
        room.head = seq
        room.at = at
        room.tail.append(frame)
        self._recent[room_id, user, id] = (seq, at)
        self._tailed.add(room)
        self._tail_bytes += len(frame)

    def insert(self, values: Sequence[Any]) -> None:
        """Insert the fields of rows, one row after the other, into `tail`."""
        for sql, params in _chunks("INSERT INTO tail (room, seq, at, user, id, frame) VALUES %s", 6, values):
            self._db.execute(sql, params)

    def taken(self, key: Key) -> tuple[int, int] | None:
        """The seq and time under which the tail holds an id."""
        return self._recent.get(key)

    def folded(self, keys: list[Any]) -> dict[Key, tuple[int, int]]:
        """The same for many ids in `ids`; `keys` is their fields, one key after the other."""
        found = {}
        for sql, params in _chunks(_FIND_IDS, 3, _filled(3, keys)):
            for room_id, user, id, seq, at in self._db.execute(sql, params).fetchall():
                found[room_id, user, id] = (seq, at)
        return found

    @property
    def fold_due(self) -> bool:
        return len(self._recent) >= FOLD_EVENTS or self._tail_bytes >= FOLD_BYTES

    def fold(self) -> None:
        """Move the tail to where the rows of a room stand together."""
        if self._recent:
            self._db.execute("INSERT INTO events SELECT room, seq, at, frame FROM tail ORDER BY room, seq")
            self._db.execute("INSERT INTO ids SELECT room, user, id, seq, at FROM tail ORDER BY room, user, id")
            self._db.execute("DELETE FROM tail")
            self._clear_tail()

    def _clear_tail(self) -> None:
        for room in self._tailed:
            room.tail.clear()
        self._tailed.clear()
        self._recent.clear()
        self._tail_bytes = 0


_FIND_IDS = """
    SELECT ids.room, ids.user, ids.id, ids.seq, ids.at FROM (VALUES %s) AS v CROSS JOIN ids
    WHERE ids.room = v.column1 AND ids.user = v.column2 AND ids.id = v.column3"""


def _new_epoch() -> str:
    return secrets.token_hex(6)


def _chunks(sql: str, width: int, values: Sequence[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """`sql` with rows of `width` parameters for %s, and their values, in as few statements as _CHUNKS allow."""
    start, left = 0, len(values) // width
    for size in _CHUNKS:
        while left >= size:
            end = start + size * width
            yield _statement(sql, width, size), values[start:end]
            start, left = end, left - size


def _filled(width: int, values: list[Any]) -> list[Any]:
    """The last row again, up to the next of _CHUNKS: one statement instead of several, where repeats do no harm."""
    rows = len(values) // width
    size = next((size for size in reversed(_CHUNKS) if size >= rows > 0), rows)
    return values + values[-width:] * (size - rows)


@functools.cache
def _statement(sql: str, width: int, rows: int) -> str:
    return sql % ", ".join(["(" + ", ".join("?" * width) + ")"] * rows)
