"""The rooms' logs in SQLite: append, pages, keeping them short. Synchronous: on one thread, within a transaction.

This process is the file's only user, so what is asked all the time (where a log ends, the events since the last fold)
is held in memory. After a rollback `reload` brings memory back to what the file says.

Appending goes to the table `tail`: with 100 busy rooms an event costs 3 µs there, and 18 to 32 µs in tables sorted by
room, where every event dirties pages of its own. `fold` moves the tail there, thousands of events at a time.
"""

import functools
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from service import marks
from service.broker import Event, Page, Position, Publication, Receipt
from service.marks import Marks
from service.protocol import RequestError

FOLD_EVENTS = 1000  # in the tail before it is folded; takes up to 20 ms, in which acknowledgements wait
FOLD_BYTES = 2**21
SLACK = 100  # events beyond the history limit, at least, before a room is trimmed
IDS_LIMIT = 10_000  # ids remembered for dedupe in each room, at least, if they are ...
IDS_MS = 24 * 3600 * 1000  # ... not older than this
STEP = 1000  # rows that one step of upkeep deletes or looks at; some 2 ms
ROOMS_STEP = 200  # rooms that one step looks at

# Rows a statement takes. Each execution gives up the interpreter lock and has to win it back from a busy event loop, so
# many rows go in one; a few fixed sizes keep the statements prepared.
_CHUNKS = tuple(2**power for power in range(8, -1, -1))

_Params = list[Any]


class _Room:
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
    def position(self) -> Position:
        return Position(self.epoch, self.head)

    @property
    def tail_first(self) -> int:
        return self.head - len(self.tail) + 1


class Log:
    """All rooms' logs. `now` (Unix time in ms) comes with each call that needs it."""

    def __init__(self, connection: sqlite3.Connection, history_limit: int) -> None:
        self._db = connection
        self._history_limit = history_limit
        self._trim_at = history_limit + max(SLACK, history_limit // 10)
        self._rooms: dict[str, _Room] = {}
        self._recent: dict[tuple[int, str, str], tuple[int, int]] = {}  # the ids of the tail: seq and time
        self._tailed: set[_Room] = set()
        self._tail_bytes = 0
        self._long: dict[str, _Room] = {}  # to be trimmed
        self._dead: list[int] = []  # retired rooms whose rows are still there
        self._sweep_due = 0  # rows of `ids` to look at
        self._swept: tuple[int, str, str] = (0, "", "")  # how far the sweep through `ids` came
        self._seen_room = 0  # how far the look for silent rooms came
        self._fresh: dict[tuple[str, str], Publication] = {}
        self.reload()

    def reload(self) -> None:
        """Forget what memory has and read what the file has."""
        self._rooms.clear()
        self._recent.clear()
        self._tailed.clear()
        self._long.clear()
        self._fresh.clear()
        self._tail_bytes = 0
        self._dead = [id for (id,) in self._db.execute("SELECT id FROM rooms WHERE name IS NULL")]
        names = dict(self._db.execute("SELECT id, name FROM rooms WHERE id IN (SELECT room FROM tail)").fetchall())
        rows = self._db.execute("SELECT room, seq, at, user, id, frame FROM tail ORDER BY n")
        for room_id, seq, at, user, id, frame in rows.fetchall():
            room = self._room(names[room_id])
            assert room is not None
            if room.first > room.head:
                room.first = seq
            self._append(room, seq, at, user, id, frame)

    def _append(self, room: _Room, seq: int, at: int, user: str, id: str, frame: bytes) -> None:
        room.head = seq
        room.at = at
        room.tail.append(frame)
        self._recent[room.id, user, id] = (seq, at)
        self._tailed.add(room)
        self._tail_bytes += len(frame)

    def _room(self, name: str) -> _Room | None:
        return self._rooms.get(name) or self._load(name)

    def _load(self, name: str) -> _Room | None:
        row = self._db.execute("SELECT id, epoch, created FROM rooms WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        id, epoch, created = row
        room = _Room(id, name, epoch, created)
        last = self._db.execute("SELECT max(seq), at FROM events WHERE room = ?", (id,)).fetchone()
        if last[0] is not None:
            room.head, room.at = last
            (room.first,) = self._db.execute("SELECT min(seq) FROM events WHERE room = ?", (id,)).fetchone()
        marked = self._db.execute("SELECT 1 FROM marks WHERE room = ? LIMIT 1", (id,)).fetchone()
        room.marked = marked is not None
        self._rooms[name] = room
        return room

    def _create(self, name: str, now: int) -> _Room:
        epoch = secrets.token_hex(6)
        insert = "INSERT INTO rooms (name, epoch, created) VALUES (?, ?, ?)"
        id = self._db.execute(insert, (name, epoch, now)).lastrowid
        assert id is not None
        room = self._rooms[name] = _Room(id, name, epoch, now)
        return room

    def room_id(self, name: str) -> int | None:
        """By what other tables know the room; None without a log."""
        room = self._room(name)
        return None if room is None else room.id

    # -- append

    def publish(self, events: Sequence[Event], now: int) -> list[Receipt | RequestError]:
        """Each in turn: dedupe, count, append. `take_fresh` then has what to broadcast."""
        known = self._known(events)
        answers: list[Receipt | RequestError] = []
        rows: _Params = []
        for event in events:
            room = self._room(event.room)
            if room is not None:
                key = (room.id, event.user, event.id)
                taken = self._recent.get(key) or known.get(key)
                if taken is not None:
                    answers.append(Receipt(*taken, duplicate=True))
                    continue
            try:
                at = now if room is None else max(now, room.at)
                if event.change is not None:
                    self._change(room, event, at)
            except RequestError as refusal:
                answers.append(refusal)
                continue
            if room is None:
                room = self._create(event.room, now)
            seq = room.head + 1
            frame = b"%b%d%b%d}" % (event.head.encode(), seq, event.tail, at)
            self._append(room, seq, at, event.user, event.id, frame)
            rows += (room.id, seq, at, event.user, event.id, frame)
            answers.append(Receipt(seq, at, duplicate=False))
            fresh = self._fresh.get((room.name, room.epoch))
            if fresh is None:
                self._fresh[room.name, room.epoch] = Publication(room.name, room.epoch, seq, [frame])
            else:
                fresh.frames.append(frame)
            if seq - room.first >= self._trim_at:
                self._long[room.name] = room
        for sql, params in _chunks("INSERT INTO tail (room, seq, at, user, id, frame) VALUES %s", 6, rows):
            self._db.execute(sql, params)
        self._sweep_due += 2 * len(rows) // 6  # two for each new one, so that the sweep outruns the growth
        return answers

    def take_fresh(self) -> list[Publication]:
        """What was appended since the last call, one publication a room."""
        fresh = list(self._fresh.values())
        self._fresh.clear()
        return fresh

    def _known(self, events: Iterable[Event]) -> dict[tuple[int, str, str], tuple[int, int]]:
        """Those of the events' ids that `ids` has."""
        keys: _Params = []
        for event in events:
            room = self._room(event.room)
            if room is not None:
                keys += (room.id, event.user, event.id)
        known = {}
        for sql, params in _chunks(_FIND_IDS, 3, keys):
            for room_id, user, id, seq, at in self._db.execute(sql, params).fetchall():
                known[room_id, user, id] = (seq, at)
        return known

    def _change(self, room: _Room | None, event: Event, at: int) -> None:
        change = event.change
        assert change is not None
        frame = None if room is None else self._frame(room, change.target)
        before = {} if room is None else self._marks(room, change.target, change.target)
        after = marks.change(frame, before.get(change.target, Marks()), change, at)
        assert room is not None  # there is no frame without a room, and `change` refused that
        keep = "INSERT OR REPLACE INTO marks (room, target, marks) VALUES (?, ?, ?)"
        self._db.execute(keep, (room.id, change.target, marks.encode(after).decode()))
        room.marked = True

    def _frame(self, room: _Room, seq: int) -> bytes | None:
        if room.tail_first <= seq <= room.head:
            return room.tail[seq - room.tail_first]
        row = self._db.execute("SELECT frame FROM events WHERE room = ? AND seq = ?", (room.id, seq)).fetchone()
        return None if row is None or seq < room.first else row[0]

    # -- read

    def position(self, name: str) -> Position | None:
        """Where the room's log ends; None without a log."""
        room = self._room(name)
        return None if room is None else room.position

    def newest(self, name: str, limit: int, before: int, create: bool, now: int) -> Page | None:
        """See Broker.newest."""
        room = self._room(name)
        if room is None:
            return Page(self._create(name, now).position, 0, [], False) if create else None
        stop = min(before or room.head + 1, room.head + 1)
        found: list[tuple[int, bytes]] = []
        for seq in range(stop - 1, room.tail_first - 1, -1):
            frame = room.tail[seq - room.tail_first]
            if frame.startswith(marks.MESSAGE_START):
                found.append((seq, frame))
                if len(found) > limit:
                    break
        if len(found) <= limit:
            bounds = (room.id, room.first, min(stop, room.tail_first), limit + 1 - len(found))
            found += self._db.execute(_NEWEST, bounds).fetchall()
        more = len(found) > limit
        found = found[:limit][::-1]
        return self._page(room, found, more, marks.apply)

    def after(self, name: str, seq: int, limit: int) -> Page | None:
        """See Broker.after."""
        room = self._room(name)
        if room is None:
            return None
        found: list[tuple[int, bytes]] = []
        start = max(seq + 1, room.first)
        if start < room.tail_first and limit > 0:
            select = "SELECT seq, frame FROM events WHERE room = ? AND seq >= ? ORDER BY seq LIMIT ?"
            found = self._db.execute(select, (room.id, start, limit)).fetchall()
        start = max(start, room.tail_first)
        offset = start - room.tail_first
        tail = room.tail[offset : offset + limit - len(found)]
        found += enumerate(tail, start)
        reached = found[-1][0] if found else max(seq, 0)
        return self._page(room, found, reached < room.head, marks.redact)

    def _page(
        self, room: _Room, found: list[tuple[int, bytes]], more: bool, merge: Callable[[bytes, Marks], bytes]
    ) -> Page:
        if not found:
            return Page(room.position, 0, [], more)
        frames = [frame for _, frame in found]
        if room.marked:
            marked = self._marks(room, found[0][0], found[-1][0])
            if marked:
                frames = [merge(frame, marked[seq]) if seq in marked else frame for seq, frame in found]
        return Page(room.position, found[0][0], frames, more)

    def _marks(self, room: _Room, first: int, last: int) -> dict[int, Marks]:
        if not room.marked:
            return {}
        select = "SELECT target, marks FROM marks WHERE room = ? AND target BETWEEN ? AND ?"
        return {target: marks.parse(text) for target, text in self._db.execute(select, (room.id, first, last))}

    # -- another life

    def renew_epoch(self, name: str, lost: Position, now: int) -> None:
        """See Broker.renew_epoch."""
        room = self._room(name)
        if room is not None and room.epoch == lost.epoch and room.head < lost.seq:
            self._retire(room)
            self._create(name, now)

    def _retire(self, room: _Room) -> None:
        self._fold()
        self._db.execute("UPDATE rooms SET name = NULL WHERE id = ?", (room.id,))
        self._dead.append(room.id)
        self._long.pop(room.name, None)
        del self._rooms[room.name]

    # -- upkeep, in steps of a few ms

    def upkeep(self, now: int) -> None:
        """One step of what the last batches made due."""
        if len(self._recent) >= FOLD_EVENTS or self._tail_bytes >= FOLD_BYTES:
            self._fold()
            return
        if self._long:
            self._trim()
        if self._sweep_due >= STEP:
            self._sweep(now)
        elif self._dead:
            self._purge()

    def forget_silent(self, now: int, history_ms: int) -> None:
        """One step of the look for rooms without an event since `history_ms`, which are forgotten; and of the rest."""
        rows = self._db.execute(_LAST_EVENTS, (self._seen_room, ROOMS_STEP)).fetchall()
        self._seen_room = rows[-1][0] if len(rows) == ROOMS_STEP else 0
        for _, name, at in rows:
            room = self._room(name)
            if room is not None and max(at, room.at) < now - history_ms:
                self._retire(room)
        self._sweep_due += STEP  # ids grow old in silent rooms too
        self.upkeep(now)

    def _fold(self) -> None:
        if not self._recent:
            return
        self._db.execute("INSERT INTO events SELECT room, seq, at, frame FROM tail ORDER BY room, seq")
        self._db.execute("INSERT INTO ids SELECT room, user, id, seq, at FROM tail ORDER BY room, user, id")
        self._db.execute("DELETE FROM tail")
        for room in self._tailed:
            room.tail.clear()
        self._tailed.clear()
        self._recent.clear()
        self._tail_bytes = 0

    def _trim(self) -> None:
        budget = STEP
        for room in list(self._long.values()):
            floor = room.head - self._history_limit + 1
            if floor > room.tail_first:
                self._fold()
            upto = min(floor, room.first + budget)
            self._db.execute("DELETE FROM events WHERE room = ? AND seq < ?", (room.id, upto))
            if room.marked:
                self._db.execute("DELETE FROM marks WHERE room = ? AND target < ?", (room.id, upto))
            budget -= upto - room.first
            room.first = upto
            if upto < floor:
                return
            del self._long[room.name]

    def _sweep(self, now: int) -> None:
        """Forget ids that are past both limits, in a walk around the table: sorted by id, it has no order of time."""
        self._sweep_due = 0
        row = self._db.execute(_SWEEP_END, (*self._swept, STEP)).fetchone()
        self._db.execute(_SWEEP, (*self._swept, *(row or _LAST_KEY), now - IDS_MS, IDS_LIMIT))
        self._swept = row or (0, "", "")

    def _purge(self) -> None:
        for table, key in (("events", "seq"), ("ids", "user, id"), ("marks", "target"), ("reads", "user")):
            some = f"SELECT room, {key} FROM {table} WHERE room = ? LIMIT ?"
            delete = f"DELETE FROM {table} WHERE (room, {key}) IN ({some})"
            if self._db.execute(delete, (self._dead[-1], STEP)).rowcount:
                return
        self._db.execute("DELETE FROM rooms WHERE id = ?", (self._dead.pop(),))


_LAST_KEY = (2**62, "", "")

_FIND_IDS = """
    SELECT ids.room, ids.user, ids.id, ids.seq, ids.at FROM (VALUES %s) AS v CROSS JOIN ids
    WHERE ids.room = v.column1 AND ids.user = v.column2 AND ids.id = v.column3"""

_NEWEST = f"""
    SELECT seq, frame FROM events WHERE room = ? AND seq >= ? AND seq < ?
    AND substr(frame, 1, {len(marks.MESSAGE_START)}) = x'{marks.MESSAGE_START.hex()}' ORDER BY seq DESC LIMIT ?"""

_LAST_EVENTS = """
    SELECT id, name, ifnull((SELECT at FROM events WHERE room = rooms.id ORDER BY seq DESC LIMIT 1), created)
    FROM rooms WHERE id > ? AND name IS NOT NULL ORDER BY id LIMIT ?"""

_SWEEP_END = """
    SELECT room, user, id FROM ids WHERE (room, user, id) > (?, ?, ?)
    ORDER BY room, user, id LIMIT 1 OFFSET ?"""

_SWEEP = """
    DELETE FROM ids WHERE (room, user, id) > (?, ?, ?) AND (room, user, id) <= (?, ?, ?)
    AND (at < ? OR seq <= (SELECT max(seq) FROM events WHERE room = ids.room) - ?)"""


def _chunks(sql: str, width: int, values: _Params) -> Iterable[tuple[str, _Params]]:
    """`sql` with rows of `width` parameters for %s, and their values, in as few statements as _CHUNKS allow."""
    start, left = 0, len(values) // width
    for size in _CHUNKS:
        while left >= size:
            end = start + size * width
            yield _statement(sql, width, size), values[start:end]
            start, left = end, left - size


@functools.cache
def _statement(sql: str, width: int, rows: int) -> str:
    return sql % ", ".join(["(" + ", ".join("?" * width) + ")"] * rows)
