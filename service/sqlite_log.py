"""The rooms' logs in SQLite: append, pages, keeping them short. Synchronous: on one thread, within a transaction."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from service import marks
from service.broker import Change, Event, Page, Position, Publication, Receipt
from service.marks import Marks
from service.protocol import RequestError
from service.sqlite_rooms import Key, Room, Rooms, Row, decode_frames

SLACK = 100  # events beyond the history limit, at least, before a room is trimmed
IDS_LIMIT = 10_000  # ids remembered for dedupe in each room, at least, ...
IDS_MS = 24 * 3600 * 1000  # ... and those of its events that are not older than this
STEP = 1000  # rows that one step of upkeep deletes or looks at; some 2 ms
ROOMS_STEP = 200  # rooms that one step looks at
BLOCKS_STEP = 20  # blocks of events that one step deletes for good; a large one takes 50 µs


class Log:
    """All rooms' logs. `now` (Unix time in ms) comes with each call that needs it."""

    def __init__(self, db: sqlite3.Connection, history_limit: int) -> None:
        self._db = db
        self._history_limit = history_limit
        self._trim_at = history_limit + max(SLACK, history_limit // 10)
        self._rooms = Rooms(db)
        self._long: dict[str, Room] = {}  # to be trimmed
        self._retired: list[int] = []  # rooms that are forgotten, but whose rows are still there
        self._sweep_due = 0  # rows of `ids` to look at
        self._swept: Key = _FIRST_KEY  # how far the sweep through `ids` came
        self._seen_room = 0  # how far the look for silent rooms came
        self._fresh: dict[tuple[str, str], Publication] = {}
        self._reload_retired()

    def reload(self) -> None:
        """After a rollback: bring memory back to what the file says."""
        self._long.clear()
        self._fresh.clear()
        self._rooms.reload()
        self._reload_retired()

    def _reload_retired(self) -> None:
        self._retired = [id for (id,) in self._db.execute("SELECT id FROM rooms WHERE name IS NULL")]

    def room_id(self, name: str) -> int | None:
        """By what other tables know the room; None without a log."""
        room = self._rooms.get(name)
        return None if room is None else room.id

    # -- append

    def publish(self, events: Sequence[Event], now: int) -> list[Receipt | RequestError]:
        """Each in turn: dedupe, count, append. `take_fresh` then has what to broadcast."""
        rooms = self._rooms
        known = self._known(events)
        answers: list[Receipt | RequestError] = []
        rows: list[Row] = []
        for event in events:
            room = rooms.get(event.room)
            if room is not None:
                key = (room.id, event.user, event.id)
                taken = rooms.taken(key) or known.get(key)
                if taken is not None:
                    answers.append(Receipt(*taken, duplicate=True))
                    continue
            at = now if room is None else max(now, room.at)
            if event.change is not None:
                try:
                    self._change(room, event.change, at)
                except RequestError as refusal:
                    answers.append(refusal)
                    continue
            if room is None:
                room = rooms.create(event.room, now)
            seq = room.head + 1
            frame = b"%b%d%b%d}" % (event.head.encode(), seq, event.tail, at)
            row = (room.id, seq, at, event.user, event.id, frame)
            rooms.append(room, row)
            rows.append(row)
            answers.append(Receipt(seq, at, duplicate=False))
            fresh = self._fresh.get((room.name, room.epoch))
            if fresh is None:
                self._fresh[room.name, room.epoch] = Publication(room.name, room.epoch, seq, [frame])
            else:
                fresh.frames.append(frame)
            if seq - room.first >= self._trim_at:
                self._long[room.name] = room
            self._sweep_due += 2  # for each new id, so that the sweep outruns the growth
        rooms.insert(rows)
        return answers

    def take_fresh(self) -> list[Publication]:
        """What was appended since the last call, one publication a room."""
        fresh = list(self._fresh.values())
        self._fresh.clear()
        return fresh

    def _known(self, events: Sequence[Event]) -> dict[Key, tuple[int, int]]:
        """Those of the events' ids that were folded: seq and time."""
        keys: list[Any] = []
        for event in events:
            room = self._rooms.get(event.room)
            if room is not None:
                keys += (room.id, event.user, event.id)
        return self._rooms.folded(keys)

    def _change(self, room: Room | None, change: Change, at: int) -> None:
        """Mark the target. Raises what `marks.change` does."""
        frame = None if room is None else self._frame(room, change.target)
        before = {} if room is None else self._marks(room, change.target, change.target)
        seq = 1 if room is None else room.head + 1
        after = marks.change(frame, before.get(change.target, Marks()), change, seq, at)
        assert room is not None  # else there was no frame, and `change` refused
        keep = "INSERT OR REPLACE INTO marks (room, target, marks) VALUES (?, ?, ?)"
        self._db.execute(keep, (room.id, change.target, marks.encode(after).decode()))
        room.marked = True

    def _frame(self, room: Room, seq: int) -> bytes | None:
        if room.tail_first <= seq <= room.head:
            return room.frames(seq, 1)[0]
        if room.first <= seq < room.tail_first:
            first, frames = next(self._blocks(room, seq))
            return frames[seq - first]
        return None

    # -- read

    def position(self, name: str) -> Position | None:
        """Where the room's log ends; None without a log."""
        room = self._rooms.get(name)
        return None if room is None else Position(room.epoch, room.head)

    def newest(self, name: str, limit: int, before: int, create: bool, now: int) -> Page | None:
        """See Broker.newest."""
        room = self._rooms.get(name)
        if room is None:
            if not create:
                return None
            room = self._rooms.create(name, now)
        stop = min(before or room.head + 1, room.head + 1)
        found: list[tuple[int, bytes]] = []
        for seq, frame in self._backwards(room, stop):
            if frame.startswith(marks.MESSAGE_START):
                found.append((seq, frame))
                if len(found) > limit:
                    break
        return self._page(room, found[:limit][::-1], len(found) > limit, marks.apply)

    def after(self, name: str, seq: int, limit: int) -> Page | None:
        """See Broker.after."""
        room = self._rooms.get(name)
        if room is None:
            return None
        found: list[tuple[int, bytes]] = []
        start = max(seq + 1, room.first)
        if start < room.tail_first:
            for first, frames in self._blocks(room, start):
                skip = max(0, start - first)
                found += enumerate(frames[skip : skip + limit - len(found)], first + skip)
                if len(found) == limit:
                    break
        start = max(start, room.tail_first)
        found += enumerate(room.frames(start, limit - len(found)), start)
        reached = found[-1][0] if found else seq
        return self._page(room, found, reached < room.head, marks.redact)

    def _blocks(self, room: Room, seq: int) -> Iterator[tuple[int, list[bytes]]]:
        """The blocks from that of `seq` on: the first seq and the frames of each."""
        for first, frames in self._db.execute(_BLOCKS, (room.id, seq)):
            yield first, decode_frames(frames)

    def _backwards(self, room: Room, stop: int) -> Iterator[tuple[int, bytes]]:
        """The events before `stop`, newest first."""
        for row in reversed(room.tail[: max(0, stop - room.tail_first)]):
            yield row[1], row[-1]
        for first, frames in self._db.execute(_BLOCKS_BACKWARDS, (room.id, stop - 1)):
            yield from reversed([*enumerate(decode_frames(frames)[: stop - first], first)])

    def _page(
        self, room: Room, found: list[tuple[int, bytes]], more: bool, merge: Callable[[bytes, Marks], bytes]
    ) -> Page:
        position = Position(room.epoch, room.head)
        if not found:
            return Page(position, 0, [], more)
        frames = [frame for _, frame in found]
        if room.marked:
            targets = [marks.marked_by(frame, seq) for seq, frame in found]
            marked = self._marks(room, min(targets), max(targets))
            frames = [merge(f, marked[t]) if t in marked else f for f, t in zip(frames, targets, strict=True)]
        return Page(position, found[0][0], frames, more)

    def _marks(self, room: Room, first: int, last: int) -> dict[int, Marks]:
        select = "SELECT target, marks FROM marks WHERE room = ? AND target BETWEEN ? AND ?"
        return {target: marks.parse(text) for target, text in self._db.execute(select, (room.id, first, last))}

    def renew_epoch(self, name: str, lost: Position) -> None:
        """See Broker.renew_epoch."""
        room = self._rooms.get(name)
        if room is not None and room.epoch == lost.epoch and room.head < lost.seq:
            self._rooms.renew_epoch(room)

    # -- upkeep, in steps of a few ms

    def upkeep(self, now: int) -> None:
        """One step of what the last batches made due."""
        if self._rooms.fold_due:
            self._rooms.fold_step()
        if self._long:
            self._trim()
        if self._sweep_due >= STEP:
            self._sweep(now)
        if self._retired:
            self._purge()

    def age(self, now: int, history_ms: int) -> None:
        """One step of what time makes due: forget rooms without an event for `history_ms`, and old ids."""
        rows = self._db.execute(_LAST_EVENTS, (self._seen_room, ROOMS_STEP)).fetchall()
        self._seen_room = rows[-1][0] if len(rows) == ROOMS_STEP else 0
        for _, name, at in rows:
            if at < now - history_ms:
                room = self._rooms.get(name)
                if room is not None and room.at < now - history_ms:  # the tail may have a later event
                    self._rooms.retire(room)
                    self._retired.append(room.id)
                    self._long.pop(name, None)
        self._sweep_due += STEP
        self.upkeep(now)

    def _trim(self) -> None:
        """Delete whole blocks: the rest of one would be there again after a restart, without its marks."""
        budget = STEP
        for room in list(self._long.values()):
            floor = room.head - self._history_limit + 1
            if floor > room.tail_first:
                self._rooms.fold()
            for (last,) in self._db.execute(_OLD_BLOCKS, (room.id, floor, STEP)).fetchall():
                budget -= last + 1 - room.first
                room.first = last + 1
                if budget <= 0:
                    break
            self._db.execute("DELETE FROM events WHERE room = ? AND last < ?", (room.id, room.first))
            if room.marked:
                self._db.execute("DELETE FROM marks WHERE room = ? AND target < ?", (room.id, room.first))
            if budget <= 0:
                return
            del self._long[room.name]

    def _sweep(self, now: int) -> None:
        """Forget ids that are past both limits, in a walk around the table: sorted by id, it has no order of time."""
        self._sweep_due = 0
        end = self._db.execute(_SWEEP_END, (*self._swept, STEP)).fetchone()
        self._db.execute(_SWEEP, (*self._swept, *(end or _LAST_KEY), now - IDS_MS, IDS_LIMIT))
        self._swept = end or _FIRST_KEY

    def _purge(self) -> None:
        for table, key, step in (
            ("events", "last", BLOCKS_STEP),
            ("ids", "user, id", STEP),
            ("marks", "target", STEP),
            ("reads", "user", STEP),
        ):
            some = f"SELECT room, {key} FROM {table} WHERE room = ? LIMIT ?"
            delete = f"DELETE FROM {table} WHERE (room, {key}) IN ({some})"
            if self._db.execute(delete, (self._retired[-1], step)).rowcount:
                return
        self._db.execute("DELETE FROM rooms WHERE id = ?", (self._retired.pop(),))


_FIRST_KEY: Key = (0, "", "")
_LAST_KEY: Key = (2**62, "", "")

_BLOCKS = "SELECT first, frames FROM events WHERE room = ? AND last >= ? ORDER BY last"
_BLOCKS_BACKWARDS = """
    SELECT first, frames FROM events WHERE room = ?1
    AND last <= ifnull((SELECT min(last) FROM events WHERE room = ?1 AND last >= ?2), ?2) ORDER BY last DESC"""
_OLD_BLOCKS = "SELECT last FROM events WHERE room = ? AND last < ? ORDER BY last LIMIT ?"

_LAST_EVENTS = """
    SELECT id, name, ifnull((SELECT at FROM events WHERE room = rooms.id ORDER BY last DESC LIMIT 1), created)
    FROM rooms WHERE id > ? AND name IS NOT NULL ORDER BY id LIMIT ?"""

_SWEEP_END = """
    SELECT room, user, id FROM ids WHERE (room, user, id) > (?, ?, ?)
    ORDER BY room, user, id LIMIT 1 OFFSET ?"""

_SWEEP = """
    DELETE FROM ids WHERE (room, user, id) > (?, ?, ?) AND (room, user, id) <= (?, ?, ?)
    AND at < ? AND seq <= (SELECT max(last) FROM events WHERE room = ids.room) - ?"""
