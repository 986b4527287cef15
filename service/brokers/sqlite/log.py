"""The rooms' logs in SQLite: append, pages, keeping them short. Synchronous: on one thread, within a transaction.

A row that can't be read is counted (telemetry.damaged) and costs what it stands for: a message, a room.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from service import telemetry
from service.brokers import marks
from service.brokers.base import unavailable
from service.brokers.directory import sanctioned
from service.brokers.log import (
    CHANGES_FACTOR,
    EMPTY_SECONDS,
    PAGE_BYTES,
    Change,
    Event,
    Page,
    Position,
    Publication,
    Receipt,
    id_used,
)
from service.brokers.marks import Marks
from service.clock import SLEW
from service.protocol import RequestError

SLACK = 100  # messages (or changes) beyond their limit, at least, before a room is trimmed
IDS_LIMIT = 10_000  # ids remembered for dedupe in each room, at least, ...
IDS_MS = 24 * 3600 * 1000  # ... and those of its events that are not older than this
STEP = 1000  # rows that one step of upkeep deletes or looks at; some 2 ms
TRIMS = 4  # rooms that a batch trims, at least


class Room(Struct, array_like=True):
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


class Log:
    """All rooms' logs. `now` (Unix time in ms) and `moment` (seconds that no clock's step moves) come with calls."""

    def __init__(
        self, db: sqlite3.Connection, history_limit: int, *, slack: int = SLACK, ids_limit: int = IDS_LIMIT
    ) -> None:
        self._db = db
        self._keep = {"messages": history_limit, "changes": CHANGES_FACTOR * history_limit}
        self._slack = max(slack, history_limit // 10)
        self._ids_limit = ids_limit
        self._empty: dict[str, tuple[str, float]] = {}  # rooms without events: epoch, and when they are forgotten
        self._long: dict[int, None] = {}  # rooms to be trimmed
        self._swept = 0  # how far through `ids` the look for old ones came
        self._sweep_due = 0  # rows of it to look at
        # Whether texts were removed that the write-ahead log may still hold; of the process before, nobody knows.
        self.removed = True

    # -- append

    def publish(self, events: Sequence[Event], now: int) -> tuple[list[Receipt | RequestError], Publication | None]:
        """A room's events, each in turn: dedupe, check, count, append. The answers, and what is to be broadcast."""
        name = events[0].room
        room = self.find(name) or Room(0, name, self._empty.get(name, (_new_epoch(), 0.0))[0], 0, now, 0)
        # A step back of the clock is followed, but nobody sees a correction.
        at = room.at if now < room.at <= now + SLEW * 1000 else now
        first = room.head + 1
        answers: list[Receipt | RequestError] = []
        frames: list[bytes] = []
        authors = {(event.user, event.network) for event in events}
        held = {author: self._sanction(name, *author, now) for author in authors}
        for event in events:
            try:
                receipt = self._publish(room, event, at, held[event.user, event.network], frames)
            except RequestError as refusal:
                answers.append(refusal)
            else:
                answers.append(receipt)
        if not frames:
            return answers, None
        self._db.execute("UPDATE rooms SET at = ? WHERE id = ?", (at, room.id))
        self._sweep_due += 2 * len(frames)  # so that the look outruns the growth
        return answers, Publication(name, room.epoch, first, frames)

    def _publish(self, room: Room, event: Event, at: int, held: str, frames: list[bytes]) -> Receipt:
        known = self._known(room, event)
        if known is not None:
            return known
        if held:
            raise sanctioned(held)
        seq = room.head + 1
        if event.change is not None and not self._change(room, event.change, seq, at):
            return Receipt(room.head, at, duplicate=True)
        if not room.id:
            insert = "INSERT INTO rooms (name, epoch, floor, at) VALUES (?, ?, 0, ?)"
            room.id = self._db.execute(insert, (room.name, room.epoch, at)).lastrowid or 0
        frame = b"%b%d%b%d}" % (event.head.encode(), seq, event.tail, at)
        self.insert(room.id, seq, event.user, event.change, frame)
        insert = "INSERT OR REPLACE INTO ids (room, user, id, seq, at, content) VALUES (?, ?, ?, ?, ?, ?)"
        self._db.execute(insert, (room.id, event.user, event.id, seq, at, event.content))
        room.head = seq
        frames.append(frame)
        if seq % self._slack == 0:
            self._long[room.id] = None
        return Receipt(seq, at, duplicate=False)

    def insert(self, room_id: int, seq: int, author: str, change: Change | None, frame: bytes) -> None:
        """The row of an event."""
        if change is None:
            insert = "INSERT INTO messages (room, seq, author, frame) VALUES (?, ?, ?, ?)"
            self._db.execute(insert, (room_id, seq, author, frame))
        else:
            target = change.target if change.kind == "edit" else 0
            insert = "INSERT INTO changes (room, seq, target, frame) VALUES (?, ?, ?, ?)"
            self._db.execute(insert, (room_id, seq, target, frame))

    def _known(self, room: Room, event: Event) -> Receipt | None:
        """The receipt of an id that the log took. Raises `bad_request` if it was for another content."""
        select = "SELECT seq, at, content FROM ids WHERE room = ? AND user = ? AND id = ?"
        row = self._db.execute(select, (room.id, event.user, event.id)).fetchone() if room.id else None
        if row is None:
            return None
        seq, at, content = row
        if not isinstance(seq, int) or not isinstance(at, int):
            telemetry.damaged("id", f"ids of {room.name}")
            return None
        if content and event.content and content != event.content:
            raise id_used()
        return Receipt(seq, at, duplicate=True)

    def _sanction(self, name: str, user: str, network: str, now: int) -> str:
        """The kind of what holds here against the author, or a guest's network: "ban", "mute" or ""."""
        row = self._db.execute(_SANCTION, (user, network, name, now)).fetchone()
        return "" if row is None else str(row[0])

    # -- changes

    def _change(self, room: Room, change: Change, seq: int, at: int) -> bool:
        """Mark the target; whether that changed anything. Raises what `marks.change` does."""
        select = """SELECT frame, marks FROM messages LEFT JOIN marks ON marks.room = messages.room AND target = seq
            WHERE messages.room = ? AND seq = ?"""
        row = self._db.execute(select, (room.id, change.target)).fetchone()
        frame, kept = (None, None) if row is None else (_checked(room, change.target, row[0]), row[1])
        before = _marks(room, change.target, kept)
        after = marks.change(frame, before, change, seq, at)
        if after is before:
            return False
        if change.kind == "remove":
            assert frame is not None  # else `change` refused
            self.remove(room.id, change.target, frame)
        else:
            replace = "INSERT OR REPLACE INTO marks (room, target, marks) VALUES (?, ?, ?)"
            self._db.execute(replace, (room.id, change.target, marks.serialize(after).decode()))
        return True

    def remove(self, room_id: int, seq: int, frame: bytes) -> None:
        """Take the text out of a message and out of its edits."""
        overwrite = "UPDATE messages SET frame = ?, removed = 1 WHERE room = ? AND seq = ?"
        self._db.execute(overwrite, (_redacted(frame), room_id, seq))
        select = "SELECT rowid, frame FROM changes WHERE room = ? AND target = ? AND target > 0"  # as its index says
        for row, edit in self._db.execute(select, (room_id, seq)).fetchall():
            self._db.execute("UPDATE changes SET frame = ? WHERE rowid = ?", (_redacted(edit), row))
        self._db.execute("DELETE FROM marks WHERE room = ? AND target = ?", (room_id, seq))
        self.removed = True

    # -- read

    def find(self, name: str) -> Room | None:
        """The room as the file has it; None if it has no events. Raises `unavailable` if its row can't be read."""
        row = self._db.execute(_ROOM, (name,)).fetchone()
        if row is None:
            return None
        try:
            return msgspec.convert(row, Room)
        except msgspec.ValidationError as error:
            telemetry.damaged("room", name, error)
            raise unavailable("the room's record can't be read") from None

    def _find_any(self, name: str, moment: float) -> Room | None:
        """The same, or one without events that was given a log lately."""
        room = self.find(name)
        if room is None and name in self._empty and self._empty[name][1] > moment:
            return Room(0, name, self._empty[name][0], 0, 0, 0)
        return room

    def position(self, name: str, moment: float) -> Position | None:
        """Where the room's log ends; None without a log, or if it can't be read."""
        try:
            room = self._find_any(name, moment)
        except RequestError:
            return None
        return None if room is None else room.position

    def hold(self, names: Iterable[str], moment: float, create: bool = False) -> None:
        """Rooms without events last for another EMPTY_SECONDS, those that have gone too if `create`."""
        for name in names:
            if create or name in self._empty:
                epoch = self._empty[name][0] if name in self._empty else _new_epoch()
                self._empty[name] = (epoch, moment + EMPTY_SECONDS)

    def begun(self, name: str) -> None:
        """The room has events, and they are stored."""
        self._empty.pop(name, None)

    def newest(self, name: str, limit: int, before: int, create: bool, moment: float) -> Page | None:
        """See Broker.newest."""
        room = self._find_any(name, moment)
        if room is None and create:
            self.hold([name], moment, create=True)
            room = self._find_any(name, moment)
        if room is None:
            return None
        frames: list[bytes] = []
        first = size = 0
        for seq, raw, kept in self._db.execute(_NEWEST, (room.id, before or room.head + 1)):
            frame = _checked(room, seq, raw)
            if frame is None:
                continue
            shown = marks.apply(frame, _marks(room, seq, kept)) if kept is not None else frame
            size += len(shown)
            if len(frames) >= limit or (frames and size > PAGE_BYTES):
                return Page(room.position, first, frames[::-1], more=True)
            frames.append(shown)
            first = seq
        return Page(room.position, first, frames[::-1], more=False)

    def after(self, name: str, seq: int, limit: int, moment: float) -> Page | None:
        """See Broker.after. What can't be read is as if it were trimmed."""
        room = self._find_any(name, moment)
        if room is None:
            return None
        frames: list[bytes] = []
        first, reached, size = 0, seq, 0
        for number, raw in self._db.execute(_AFTER, (room.id, max(seq, room.floor))):
            frame = _checked(room, number, raw)
            if frame is None and not frames:
                reached = number
                continue
            gap = frames and number != reached + 1
            if frame is None or gap or len(frames) >= limit or (frames and size + len(frame) > PAGE_BYTES):
                break
            first = first or number
            frames.append(frame)
            size += len(frame)
            reached = number
        return Page(room.position, first, frames, reached < room.head)

    def renew_epoch(self, name: str, lost: Position) -> None:
        """See Broker.renew_epoch."""
        room = self.find(name)
        if room is not None and room.epoch == lost.epoch and room.head < lost.seq:
            self._db.execute("UPDATE rooms SET epoch = ? WHERE id = ?", (_new_epoch(), room.id))

    def names(self, limit: int) -> list[str]:
        """Rooms that have events, the latest."""
        select = "SELECT name FROM rooms WHERE name IS NOT NULL ORDER BY at DESC LIMIT ?"
        return [name for (name,) in self._db.execute(select, (limit,)) if isinstance(name, str)]

    def count(self) -> int:
        """How many rooms have a log."""
        return int(self._db.execute("SELECT count(name) FROM rooms").fetchone()[0]) + len(self._empty)

    # -- upkeep, in steps of a few ms

    def trim(self) -> None:
        """Cut some of the rooms that have grown beyond the limits."""
        for room_id in list(self._long)[: max(TRIMS, len(self._long) // 10)]:
            beyond = {table: self._beyond(table, room_id) for table in self._keep}
            floor = self._cut("messages", room_id, beyond["messages"])
            # Changes from before that can't be resumed from any more.
            wanted = max(floor, beyond["changes"])
            reached = self._cut("changes", room_id, wanted)
            self._db.execute("UPDATE rooms SET floor = max(floor, ?) WHERE id = ?", (max(floor, reached), room_id))
            self._db.execute(_LOOSE_MARKS, (room_id, room_id))
            if (floor, reached) == (beyond["messages"], wanted):
                del self._long[room_id]

    def _beyond(self, table: str, room_id: int) -> int:
        """The newest of the rows that are too many; 0 if none is."""
        select = f"SELECT seq FROM {table} WHERE room = ? ORDER BY seq DESC LIMIT 1 OFFSET ?"
        row = self._db.execute(select, (room_id, self._keep[table])).fetchone()
        return row[0] if row else 0

    def _cut(self, table: str, room_id: int, seq: int) -> int:
        """Delete rows up to `seq`, not too many at once; how far that came."""
        select = f"SELECT seq FROM {table} WHERE room = ? ORDER BY seq LIMIT 1 OFFSET ?"
        row = self._db.execute(select, (room_id, STEP)).fetchone()
        reached = min(seq, row[0]) if row else seq
        self._db.execute(f"DELETE FROM {table} WHERE room = ? AND seq <= ?", (room_id, reached))
        return int(reached)

    def forget_empty(self, moment: float) -> None:
        """Let go of rooms without events that nobody held for EMPTY_SECONDS."""
        self._empty = {name: kept for name, kept in self._empty.items() if kept[1] > moment}

    def age(self, now: int, history_ms: int) -> bool:
        """A step of what time makes due: silent rooms and old ids go. Whether there is more to do.

        Call it only while the clock can be trusted.
        """
        retire = "SELECT id FROM rooms WHERE name IS NOT NULL AND at < ? LIMIT ?"
        self._db.execute(f"UPDATE rooms SET name = NULL WHERE id IN ({retire})", (now - history_ms, STEP))
        return self._purge() | self._sweep(now)

    def _purge(self) -> bool:
        """Delete some rows of a forgotten room, and last its own."""
        row = self._db.execute("SELECT id FROM rooms WHERE name IS NULL LIMIT 1").fetchone()
        if row is None:
            return False
        deleted = 0
        for table in ("messages", "changes", "marks", "ids", "reads"):
            some = f"SELECT rowid FROM {table} WHERE room = ? LIMIT ?"
            delete = f"DELETE FROM {table} WHERE rowid IN ({some})"
            deleted += self._db.execute(delete, (row[0], STEP)).rowcount
        if not deleted:
            self._db.execute("DELETE FROM rooms WHERE id = ?", row)
        return True

    def _sweep(self, now: int) -> bool:
        """Forget ids that are past both limits, in a walk from the oldest to the first that is young enough to stay."""
        select = "SELECT n, at FROM ids WHERE n > ? ORDER BY n LIMIT 1 OFFSET ?"
        end = self._db.execute(select, (self._swept, STEP)).fetchone()
        self._db.execute(_SWEEP, (self._swept, end[0] if end else 2**62, now - IDS_MS, self._ids_limit))
        self._sweep_due = max(0, self._sweep_due - STEP)
        if end is None or (isinstance(end[1], int) and end[1] >= now - IDS_MS):
            self._swept = self._sweep_due = 0
        else:
            self._swept = end[0]
        return self._sweep_due > 0


_ROOM = """
    SELECT id, name, epoch, floor, at, max(
        floor,
        ifnull((SELECT max(seq) FROM messages WHERE room = rooms.id), 0),
        ifnull((SELECT max(seq) FROM changes WHERE room = rooms.id), 0))
    FROM rooms WHERE name = ?"""

_NEWEST = """
    SELECT seq, frame, marks FROM messages LEFT JOIN marks ON marks.room = messages.room AND target = seq
    WHERE messages.room = ? AND seq < ? ORDER BY seq DESC"""

_AFTER = """
    SELECT seq, frame FROM messages WHERE room = ?1 AND seq > ?2
    UNION ALL SELECT seq, frame FROM changes WHERE room = ?1 AND seq > ?2 ORDER BY seq"""

_SANCTION = """
    SELECT kind FROM sanctions WHERE (user = ? AND network = 0 OR user = ? AND network = 1)
    AND room IN ('', ?) AND kind IN ('ban', 'mute') AND (until = 0 OR until > ?) ORDER BY kind"""

_LOOSE_MARKS = "DELETE FROM marks WHERE room = ? AND target < (SELECT min(seq) FROM messages WHERE room = ?)"

_SWEEP = """
    DELETE FROM ids WHERE n > ? AND n <= ? AND at < ?
    AND seq <= (SELECT max(seq) FROM messages WHERE room = ids.room) - ?"""


def _new_epoch() -> str:
    return secrets.token_hex(6)


def _checked(room: Room, seq: int, frame: Any) -> bytes | None:
    """The frame of an event; None, and counted, if that is none."""
    try:
        if isinstance(frame, bytes) and _sound(str(frame, "utf-8")).seq == seq:
            return frame.rstrip(b" ")
        reason: object = "not the event's"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = error
    telemetry.damaged("event", f"{room.name}/{seq}", reason)
    return None


def _marks(room: Room, target: int, text: Any) -> Marks:
    if text is None:
        return Marks()
    try:
        return marks.parse(text)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
        telemetry.damaged("marks", f"{room.name}/{target}", error)
        return Marks()


def _redacted(frame: Any) -> bytes:
    """As a removal leaves it, as long as it was (schema.sql). Nothing of what can't be read."""
    try:
        return marks.redacted(frame.rstrip(b" ")).ljust(len(frame))
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, TypeError):
        return b" " * len(frame)
