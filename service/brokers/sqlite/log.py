"""The rooms' logs in SQLite: append, pages, keeping them short; and who listens to them, in memory."""

import asyncio
import functools
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from service import metrics, telemetry
from service.brokers import about, marks
from service.brokers.base import unavailable
from service.brokers.contents import Contents, differ
from service.brokers.directory import sanctioned
from service.brokers.log import (
    CHANGES_FACTOR,
    EMPTY_SECONDS,
    IDS_LIMIT,
    PAGE_BYTES,
    About,
    Change,
    Done,
    Event,
    Log,
    Page,
    Position,
    Publication,
    Receipt,
    Subscriber,
    id_used,
)
from service.brokers.sqlite.file import File, reading, writing
from service.brokers.sqlite.forgetting import Forgetting
from service.brokers.sqlite.rows import HOLDING, ROOM_EVENTS, RoomRow, find_room, read_frame, read_marks, redacted_frame
from service.clock import SLEW
from service.protocol import RequestError

SLACK = 100  # messages (or changes) beyond their limit, at least, before a room is trimmed
EVENTS_LIMIT = 20_000  # that wait for a busy disk; more are refused
IDS_MS = 24 * 3600 * 1000  # ids of events that are not older are remembered beside the IDS_LIMIT latest
UPKEEP_STEP = 1000  # rows that one step of upkeep looks at or deletes; some 2 ms

_Batch = list[tuple[Event, Done]]  # of one room
_Outcome = tuple[list[Receipt | RequestError], Publication | None]


class SqliteLog(Log):
    """What is `reading` and `writing`, and what those and `_append` call, is done on the file's thread."""

    def __init__(
        self,
        file: File,
        history_limit: int,
        history_ms: int,
        *,
        contents: Contents,
        slack: int = SLACK,
        ids_limit: int = IDS_LIMIT,
        events_limit: int = EVENTS_LIMIT,
        empty_seconds: float = EMPTY_SECONDS,
    ) -> None:
        self.file = file
        self._contents = contents
        self._forgetting = Forgetting(file)
        file.before_batch = self._close_batches
        self._keep = {"messages": history_limit, "changes": CHANGES_FACTOR * history_limit}
        self._history_ms = history_ms
        self._slack = max(slack, history_limit // 10)
        self._ids_limit = ids_limit
        self._events_limit = events_limit
        self._empty_seconds = empty_seconds
        self._subscribed: set[str] = set()
        self._subscribing: list[str] = []
        self._batches: dict[str, _Batch] = {}  # by room: what waits
        self._unanswered = 0
        self._empty: dict[str, tuple[str, float]] = {}  # rooms that had no events: epoch, and when they are forgotten
        self._swept = 0  # how far through `ids` the look for old ones came
        # Whether texts were removed that the write-ahead log may still hold; of the process before, nobody knows.
        self._removed = True

    def open(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self._loop = asyncio.get_running_loop()

    @property
    def available(self) -> bool:
        return self.file.available

    # -- reach, in memory: there is one process

    def answers(self, room: str) -> bool:
        return self.available

    def subscribe(self, room: str) -> None:
        self._subscribed.add(room)
        self._subscribing.append(room)
        if len(self._subscribing) == 1:
            self._loop.call_soon(self._confirm)

    def _confirm(self) -> None:
        rooms, self._subscribing = self._subscribing, []
        confirmed = [room for room in dict.fromkeys(rooms) if room in self._subscribed]
        if confirmed:
            self.subscriber.on_subscribed(confirmed)

    def unsubscribe(self, room: str) -> None:
        self._subscribed.discard(room)

    def signal(self, room: str, payload: bytes) -> None:
        self._loop.call_soon(self._deliver, room, payload)

    def _deliver(self, room: str, payload: bytes) -> None:
        if room == "" or room in self._subscribed:
            self.subscriber.on_signal(room, payload)

    # -- append

    @property
    def publishing(self) -> bool:
        return self._unanswered > 0

    def publish(self, event: Event, done: Done) -> None:
        if not self.file.accepting or self._unanswered >= self._events_limit:
            self._loop.call_soon(done, unavailable())
            return
        self._unanswered += 1
        batch = self._batches.get(event.room)
        if batch is None:
            batch = self._batches[event.room] = []
            self.file.write_soon(functools.partial(self._append, batch), functools.partial(self._appended, batch))
        batch.append((event, done))

    def _close_batches(self) -> None:
        self._batches = {}

    def _appended(self, batch: _Batch, outcome: _Outcome | Exception) -> None:
        """On the loop: say what became of each, and hand out what is new."""
        self._unanswered -= len(batch)
        metrics.BATCH_EVENTS.observe(len(batch))
        if isinstance(outcome, Exception):
            refusal = outcome if isinstance(outcome, RequestError) else unavailable()
            outcome = [refusal] * len(batch), None
        answers, publication = outcome
        for (_, done), answer in zip(batch, answers, strict=True):
            self._loop.call_soon(done, answer)
        if publication is None:
            return
        self._empty.pop(publication.room, None)  # nothing is on the thread meanwhile
        if self.on_stored is not None:
            self.on_stored(publication.room)
        if publication.room in self._subscribed:
            self._loop.call_soon(self.subscriber.on_publication, publication)

    def _append(self, batch: _Batch) -> _Outcome:
        """Each in turn: dedupe, check, count, insert."""
        name, now = batch[0][0].room, self.file.now
        room = find_room(self.file.db, name) or RoomRow(
            0, name, self._empty.get(name, (_new_epoch(), 0.0))[0], 0, now, 0
        )
        # A step back of the clock is followed, but nobody sees a correction.
        at = room.at if now < room.at <= now + SLEW * 1000 else now
        first = room.head + 1
        answers: list[Receipt | RequestError] = []
        frames: list[bytes] = []
        authors = {(event.user, event.network) for event, _ in batch}
        held = {author: self._sanction(name, *author) for author in authors}
        for event, _ in batch:
            try:
                answers.append(self._append_one(room, event, at, held[event.user, event.network], frames))
            except RequestError as refusal:
                answers.append(refusal)
        if not frames:
            return answers, None
        self.file.db.execute("UPDATE rooms SET at = ? WHERE id = ?", (at, room.id))
        return answers, Publication(name, room.epoch, first, frames)

    def _append_one(self, room: RoomRow, event: Event, at: int, held: str, frames: list[bytes]) -> Receipt:
        known = self._known(room, event)
        if known is not None:
            return known
        if held:
            raise sanctioned(held)
        seq = room.head + 1
        if event.change is not None and not self._change(room, event.change, seq, at):
            return Receipt(room.head, at, duplicate=True)
        db = self.file.db
        if not room.id:
            insert = "INSERT INTO rooms (name, epoch, floor, at) VALUES (?, ?, 0, ?)"
            room.id = db.execute(insert, (room.name, room.epoch, at)).lastrowid or 0
        frame = b"%b%d%b%d}" % (event.head.encode(), seq, event.tail, at)
        if seq == 1:
            insert = "INSERT OR REPLACE INTO about (room, begun) VALUES (?, ?)"
            db.execute(insert, (room.id, about.beginning(frame)))
        if event.change is None:
            insert = "INSERT INTO messages (room, seq, author, frame) VALUES (?, ?, ?, ?)"
            db.execute(insert, (room.id, seq, event.user, frame))
        else:
            target = event.change.target if event.change.kind == "edit" else 0
            insert = "INSERT INTO changes (room, seq, target, frame) VALUES (?, ?, ?, ?)"
            db.execute(insert, (room.id, seq, target, frame))
            if event.change.kind == "topic":
                self._keep_topic(room, frame if event.change.text else None)
        insert = "INSERT OR REPLACE INTO ids (room, user, id, seq, at, content) VALUES (?, ?, ?, ?, ?, ?)"
        db.execute(insert, (room.id, event.user, event.id, seq, at, self._contents.kept(event.content)))
        room.head = seq
        frames.append(frame)
        if (seq + room.id) % self._slack == 0:  # rooms that grow alike take turns
            self._trim(room)
        return Receipt(seq, at, duplicate=False)

    def _known(self, room: RoomRow, event: Event) -> Receipt | None:
        """The receipt of an id that the log took. Raises `bad_request` if it was for another content."""
        select = "SELECT seq, at, content FROM ids WHERE room = ? AND user = ? AND id = ?"
        row = self.file.db.execute(select, (room.id, event.user, event.id)).fetchone() if room.id else None
        if row is None:
            return None
        seq, at, content = row
        if not isinstance(seq, int) or not isinstance(at, int):
            telemetry.damaged("id", f"ids of {room.name}")
            return None
        if differ(str(content), self._contents.kept(event.content)):
            raise id_used()
        return Receipt(seq, at, duplicate=True)

    @reading
    def knows(self, event: Event) -> bool:
        select = "SELECT 1 FROM ids JOIN rooms ON rooms.id = room WHERE name = ? AND user = ? AND ids.id = ?"
        return self.file.db.execute(select, (event.room, event.user, event.id)).fetchone() is not None

    def _sanction(self, name: str, user: str, network: str) -> str:
        """The kind of what holds here against the author, or a guest's network: "ban", "mute" or ""."""
        whose = {"user": user, "network": network, "room": name, "now": self.file.now}
        row = self.file.db.execute(_SANCTION, whose).fetchone()
        return "" if row is None else str(row[0])

    # -- changes

    def _change(self, room: RoomRow, change: Change, seq: int, at: int) -> bool:
        """Mark the target; whether that changed anything. Raises what `marks.change` and `about.sets` do."""
        if change.kind == "topic":
            return about.sets(change, self._about(room.name), room.head)
        db = self.file.db
        select = """SELECT frame, marks FROM messages LEFT JOIN marks ON marks.room = messages.room AND target = seq
            WHERE messages.room = ? AND seq = ?"""
        row = db.execute(select, (room.id, change.target)).fetchone()
        frame, kept = (None, None) if row is None else (read_frame(room, change.target, row[0]), row[1])
        before = read_marks(room, change.target, kept)
        after = marks.change(frame, before, change, seq, at)
        if after is before:
            return False
        if change.kind == "remove":
            self._remove(room, change.target, frame)
        else:
            replace = "INSERT OR REPLACE INTO marks (room, target, marks) VALUES (?, ?, ?)"
            db.execute(replace, (room.id, change.target, marks.serialize(after).decode()))
        return True

    def _remove(self, room: RoomRow, seq: int, frame: bytes | None) -> None:
        """Take the text out of a message and out of its edits."""
        db = self.file.db
        overwrite = "UPDATE messages SET frame = ?, removed = 1 WHERE room = ? AND seq = ?"
        db.execute(overwrite, (redacted_frame(frame), room.id, seq))
        select = "SELECT rowid, frame FROM changes WHERE room = ? AND target = ? AND target > 0"  # as its index says
        for row, edit in db.execute(select, (room.id, seq)).fetchall():
            db.execute("UPDATE changes SET frame = ? WHERE rowid = ?", (redacted_frame(edit), row))
        db.execute("DELETE FROM marks WHERE room = ? AND target = ?", (room.id, seq))
        self._removed = True

    def _keep_topic(self, room: RoomRow, frame: bytes | None) -> None:
        keep = "INSERT INTO about (room, topic) VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET topic = excluded.topic"
        self.file.db.execute(keep, (room.id, frame))

    # -- read

    def _find_any(self, name: str) -> RoomRow | None:
        """A room of the file, or one without events that was given a log lately."""
        epoch, end = self._empty.get(name, ("", 0.0))
        return find_room(self.file.db, name) or (RoomRow(0, name, epoch, 0, 0, 0) if end > time.monotonic() else None)

    @reading
    def positions(self, rooms: Sequence[str]) -> dict[str, Position | None]:
        return {name: self._position(name) for name in rooms}

    def _position(self, name: str) -> Position | None:
        try:
            room = self._find_any(name)
        except RequestError:
            return None
        return None if room is None else room.position

    @reading
    def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        if create and self._find_any(room) is None:
            self._empty[room] = (_new_epoch(), time.monotonic() + self._empty_seconds)
        found = self._find_any(room)
        if found is None:
            return None
        page, more = _fill(self._messages(found, _NEWEST, before or found.head + 1), limit)
        first = page[-1][0] if page else 0
        return Page(found.position, first, [frame for _, frame in reversed(page)], more)

    @reading
    def oldest(self, room: str, limit: int, after: int = 0) -> Page | None:
        found = self._find_any(room)
        if found is None:
            return None
        page, more = _fill(self._messages(found, _OLDEST, after), limit)
        return Page(found.position, page[0][0] if page else 0, [frame for _, frame in page], more)

    def _messages(self, room: RoomRow, select: str, start: int) -> Iterator[tuple[int, bytes]]:
        """From `start`, exclusive, backwards or forwards by `select`, as they are now."""
        # What is logged of a damaged row refers to this frame: a statement that it kept would keep the file's lock.
        with closing(self.file.db.execute(select, (room.id, start))) as rows:
            for seq, raw, kept in rows:
                frame = read_frame(room, seq, raw)
                if frame is not None:
                    yield seq, frame if kept is None else marks.apply(frame, read_marks(room, seq, kept))

    @reading
    def after(self, room: str, seq: int, limit: int) -> Page | None:
        found = self._find_any(room)
        if found is None:
            return None
        page, _ = _fill(self._consecutive(found, max(seq, found.floor)), limit)
        first, last = (page[0][0], page[-1][0]) if page else (0, found.head)
        return Page(found.position, first, [frame for _, frame in page], last < found.head)

    def _consecutive(self, room: RoomRow, seq: int) -> Iterator[tuple[int, bytes]]:
        """What comes after `seq`, up to a gap. What can't be read is as if it were trimmed."""
        last = 0
        with closing(self.file.db.execute(ROOM_EVENTS, {"room": room.id, "seq": seq})) as rows:
            for number, raw in rows:
                frame = read_frame(room, number, raw)
                if last and (frame is None or number != last + 1):
                    return
                if frame is not None:
                    yield number, frame
                    last = number

    @reading
    def about(self, room: str) -> About:
        return self._about(room)

    def _about(self, name: str) -> About:
        select = "SELECT begun, topic FROM about JOIN rooms ON rooms.id = about.room WHERE name = ?"
        begun, topic = self.file.db.execute(select, (name,)).fetchone() or (None, None)
        return about.parse(begun, topic, f"about of {name}")

    # -- a log's life

    @reading
    def keep(self, rooms: Sequence[str]) -> None:
        end = time.monotonic() + self._empty_seconds
        self._empty |= {name: (self._empty[name][0], end) for name in rooms if name in self._empty}

    @writing
    def renew_epoch(self, room: str, lost: Position, frame: bytes | None = None) -> None:
        found = find_room(self.file.db, room)
        if found is None or found.epoch != lost.epoch:
            return
        if found.head < lost.seq or (frame is not None and self._has_another(found, lost.seq, frame)):
            self.file.db.execute("UPDATE rooms SET epoch = ? WHERE id = ?", (_new_epoch(), found.id))

    async def delete(self, room: str) -> bool:
        id = await self._unname(room)
        while id and await self.file.write(functools.partial(self._drop_some, id)):
            pass
        return id is not None

    @writing
    def _unname(self, name: str) -> int | None:
        """From here on there is no such room; the id of what it left, 0 for nothing."""
        room, empty = find_room(self.file.db, name), self._empty.pop(name, None)
        if room is None:
            return None if empty is None else 0
        self.file.db.execute("UPDATE rooms SET name = NULL WHERE id = ?", (room.id,))
        self._removed = True
        return room.id

    def _drop_some(self, id: int) -> bool:
        """A part of what a room left goes; whether there is more."""
        db = self.file.db
        for table in _TABLES:
            some = f"SELECT rowid FROM {table} WHERE room = ? LIMIT {UPKEEP_STEP}"  # noqa: S608  # constants
            delete = f"DELETE FROM {table} WHERE rowid IN ({some})"  # noqa: S608  # likewise
            if db.execute(delete, (id,)).rowcount == UPKEEP_STEP:
                return True
        db.execute("DELETE FROM rooms WHERE id = ?", (id,))
        return False

    def _has_another(self, room: RoomRow, seq: int, handed_out: bytes) -> bool:
        """Whether the log has another event there than was handed out. One that was trimmed is no other."""
        events, _ = _fill(self._consecutive(room, seq - 1), 1)
        return any(number == seq and not marks.same_event(handed_out, frame) for number, frame in events)

    async def messages_of(self, room: str, user: str) -> list[int]:
        return await self._forgetting.messages_of(room, user)

    async def forget_user(self, room: str, user: str) -> None:
        self._removed = True
        await self._forgetting.forget_user(room, user)

    def _trim(self, room: RoomRow) -> None:
        """Cut the room to its limits. Changes go along with the messages before them: nobody can resume from there."""
        db, messages = self.file.db, self._beyond("messages", room)
        room.floor = max(room.floor, messages, self._beyond("changes", room))
        db.execute("DELETE FROM messages WHERE room = ? AND seq <= ?", (room.id, messages))
        db.execute("DELETE FROM changes WHERE room = ? AND seq <= ?", (room.id, room.floor))
        db.execute("DELETE FROM marks WHERE room = ? AND target <= ?", (room.id, messages))
        db.execute("UPDATE rooms SET floor = ? WHERE id = ?", (room.floor, room.id))

    def _beyond(self, table: str, room: RoomRow) -> int:
        """The newest of the rows that are too many; 0 if none is."""
        select = f"SELECT seq FROM {table} WHERE room = ? ORDER BY seq DESC LIMIT 1 OFFSET ?"  # noqa: S608  # two constants
        row = self.file.db.execute(select, (room.id, self._keep[table])).fetchone()
        return row[0] if row else 0

    # -- upkeep, and what the directory asks

    @reading
    def names(self, limit: int) -> list[str]:
        """Rooms that have events, the latest."""
        select = "SELECT name FROM rooms WHERE name IS NOT NULL ORDER BY at DESC LIMIT ?"
        return [name for (name,) in self.file.db.execute(select, (limit,)) if isinstance(name, str)]

    @reading
    def count(self) -> int:
        """How many rooms have a log."""
        return int(self.file.db.execute("SELECT count(name) FROM rooms").fetchone()[0]) + len(self._empty)

    @reading
    def tidy(self) -> None:
        """Empty rooms that nobody holds go, and removed texts from the write-ahead log."""
        now = time.monotonic()
        self._empty = {name: kept for name, kept in self._empty.items() if kept[1] > now}
        if self._removed:
            busy, *_ = self.file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._removed = bool(busy)

    @writing
    def age(self) -> bool:
        """A step of what time makes due: a silent room goes, or a part of it, and old ids. Whether there is more to do.

        Call it only while the clock can be trusted.
        """
        db, old = self.file.db, self.file.now - self._history_ms
        room = db.execute("SELECT id FROM rooms WHERE name IS NULL OR at < ? LIMIT 1", (old,)).fetchone()
        if room is not None:
            db.execute("UPDATE rooms SET name = NULL WHERE id = ?", room)
            self._drop_some(*room)
        return self._sweep(self.file.now - IDS_MS) or room is not None

    def _sweep(self, old: int) -> bool:
        """Forget ids that are past both limits, in a walk from the oldest to the first that is young enough to stay."""
        some = "SELECT max(n), max(at) < ? FROM (SELECT n, at FROM ids WHERE n > ? ORDER BY n LIMIT ?)"
        end, more = self.file.db.execute(some, (old, self._swept, UPKEEP_STEP)).fetchone()
        self.file.db.execute(_SWEEP, (self._swept, end, old, self._ids_limit))
        self._swept = end if more else 0
        return bool(more)


_TABLES = ("about", "messages", "changes", "marks", "ids", "reads", "deliveries")  # that have a room's rows

_MESSAGES = """
    SELECT seq, frame, marks FROM messages LEFT JOIN marks ON marks.room = messages.room AND target = seq
    WHERE messages.room = ? AND seq """
_NEWEST, _OLDEST = _MESSAGES + "< ? ORDER BY seq DESC", _MESSAGES + "> ? ORDER BY seq"

_SANCTION = f"SELECT kind {HOLDING} AND kind IN ('ban', 'mute') ORDER BY kind"

_SWEEP = """
    DELETE FROM ids WHERE n > ? AND n <= ? AND at < ?
    AND seq <= (SELECT max(seq) FROM messages WHERE room = ids.room) - ?"""


def _new_epoch() -> str:
    return secrets.token_hex(6)


def _fill(events: Iterable[tuple[int, bytes]], limit: int) -> tuple[list[tuple[int, bytes]], bool]:
    """As many of them as fit into a page, one at least; and whether there are more."""
    page: list[tuple[int, bytes]] = []
    size = 0
    for seq, frame in events:
        size += len(frame)
        if len(page) >= limit or (page and size > PAGE_BYTES):
            return page, True
        page.append((seq, frame))
    return page, False
