"""What of SQLite's rooms is held in memory: where each log ends, and the events that came since the last fold.

The process is the file's only user, so memory may answer for it. After a rollback `reload` brings it back to what the
file says. Synchronous; called on one thread, within a transaction.

Appending goes to the table `tail`, one row a batch: with 100 busy rooms and 100 events a batch one costs 0.2 µs
there, and 18 to 32 µs in tables sorted by room, where every event dirties pages of its own. A fold moves the tail on,
many events of a room at a time, in steps with batches between them.
"""

import functools
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

# Events in the tail when a fold begins, or their bytes. The more of a room come together, the fewer pages of `ids` are
# written: with 100 busy rooms 8000 instead of 2000 save a third of the file system's time.
FOLD_EVENTS = 8000
FOLD_BYTES = 4 * 2**20
# What a step of it moves, or the bytes. Acknowledgements wait meanwhile: 2 ms, and with 100 busy rooms 5.
STEP_EVENTS = 500
STEP_BYTES = 2**18
# Of one room in a row of `events`, up to the event that goes beyond: a page of history reads few rows, and little that
# it doesn't want.
BLOCK_EVENTS = 128
BLOCK_BYTES = 2**16

# Rows a statement takes. Each execution gives up the interpreter lock and has to win it back from a busy event loop, so
# many rows go in one; a few fixed sizes keep the statements prepared.
_CHUNKS = tuple(2**power for power in range(8, -1, -1))

Key = tuple[int, str, str]  # room, user, id
Row = tuple[int, int, int, str, str, bytes]  # room, seq, at, user, id, frame

encode = msgspec.msgpack.Encoder().encode
_decode_rows = msgspec.msgpack.Decoder(list[Row]).decode
decode_frames = msgspec.msgpack.Decoder(list[bytes]).decode  # of a block


class Room:
    """A room as memory has it. `tail` is the rows not yet folded, the last one being `head`."""

    __slots__ = ("at", "epoch", "first", "head", "id", "marked", "name", "tail")

    def __init__(self, id: int, name: str, epoch: str, at: int) -> None:
        self.id = id
        self.name = name
        self.epoch = epoch
        self.first = 1  # the lowest seq that the log still holds, or would hold next
        self.head = 0
        self.at = at  # the time of the last event, or of the room's creation
        self.marked = False  # whether there are marks at all
        self.tail: list[Row] = []

    @property
    def tail_first(self) -> int:
        return self.head - len(self.tail) + 1

    def frames(self, seq: int, limit: int) -> list[bytes]:
        """So many of the tail, from `seq` on."""
        start = seq - self.tail_first
        return [row[-1] for row in self.tail[start : start + limit]]


class Rooms:
    """The rooms that were asked for, and the tail of all."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._rooms: dict[str, Room] = {}
        self._recent: dict[Key, tuple[int, int]] = {}  # the ids of the tail: seq and time
        self._tailed: set[Room] = set()  # rooms whose tail is more than what the fold under way will move
        self._tail_bytes = 0
        self._folding: list[tuple[Room, int]] = []  # what it has yet to move: the room's so many oldest
        self._fold_end = 0  # the last row of `tail` when it began
        self.reload()

    def reload(self) -> None:
        """Forget what memory has and read what the file has."""
        self._rooms.clear()
        self._recent.clear()
        self._tailed.clear()
        self._tail_bytes = 0
        self._folding.clear()
        for (rows,) in self._db.execute("SELECT rows FROM tail ORDER BY n").fetchall():
            for row in _decode_rows(rows):
                room = self._named(row[0])
                if row[1] <= room.head:
                    continue  # a fold was under way, and has moved it
                if room.first > room.head:  # nothing is folded yet
                    room.first = row[1]
                self.append(room, row)

    def _named(self, id: int) -> Room:
        (name,) = self._db.execute("SELECT name FROM rooms WHERE id = ?", (id,)).fetchone()
        room = self.get(name)
        assert room is not None
        return room

    def get(self, name: str) -> Room | None:
        """The room of this name, if it has a log."""
        return self._rooms.get(name) or self._load(name)

    def _load(self, name: str) -> Room | None:
        row = self._db.execute("SELECT id, epoch, created FROM rooms WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        id, epoch, created = row
        room = Room(id, name, epoch, created)
        newest = self._db.execute("SELECT max(last), at FROM events WHERE room = ?", (id,)).fetchone()
        if newest[0] is not None:
            room.head, room.at = newest
            oldest = "SELECT first FROM events WHERE room = ? ORDER BY last LIMIT 1"
            (room.first,) = self._db.execute(oldest, (id,)).fetchone()
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
        room.tail.append(row)
        self._recent[room_id, user, id] = (seq, at)
        self._tailed.add(room)
        self._tail_bytes += len(frame)

    def insert(self, rows: Sequence[Row]) -> None:
        """Write rows into `tail`."""
        if rows:
            self._db.execute("INSERT INTO tail (rows) VALUES (?)", (encode(rows),))

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
        return bool(self._folding) or len(self._recent) >= FOLD_EVENTS or self._tail_bytes >= FOLD_BYTES

    def fold(self) -> None:
        """Move all of the tail."""
        while self._recent:
            self.fold_step()

    def fold_step(self) -> None:
        """Move some of the tail to where the rows of a room stand together: enough to outrun what comes."""
        if not self._folding:
            self._folding = [(room, len(room.tail)) for room in self._tailed]
            self._tailed.clear()
            (self._fold_end,) = self._db.execute("SELECT max(n) FROM tail").fetchone()
        blocks: list[Any] = []
        ids: list[Any] = []
        most = STEP_EVENTS + max(0, len(self._recent) - FOLD_EVENTS)
        bytes_left = min(self._tail_bytes, FOLD_BYTES) - STEP_BYTES
        while self._folding and most > 0 and self._tail_bytes > bytes_left:
            room, count = self._folding.pop()
            first = room.tail_first
            frames: list[bytes] = []
            block_left = self._tail_bytes - BLOCK_BYTES
            for room_id, seq, at, user, id, frame in room.tail[: min(count, most, BLOCK_EVENTS)]:
                frames.append(frame)
                ids += (room_id, user, id, seq, at)
                del self._recent[room_id, user, id]
                self._tail_bytes -= len(frame)
                if self._tail_bytes <= max(bytes_left, block_left):
                    break
            blocks += (room.id, seq, first, at, encode(frames))
            del room.tail[: len(frames)]
            most -= len(frames)
            if len(frames) < count:
                self._folding.append((room, count - len(frames)))
        for sql, params in (
            *_chunks("INSERT INTO events (room, last, first, at, frames) VALUES %s", 5, blocks),
            *_chunks("INSERT INTO ids (room, user, id, seq, at) VALUES %s", 5, ids),
        ):
            self._db.execute(sql, params)
        if not self._folding:
            self._db.execute("DELETE FROM tail WHERE n <= ?", (self._fold_end,))


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
