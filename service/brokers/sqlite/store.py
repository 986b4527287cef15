"""The embedded broker's file: opening it, one transaction for each batch of work, and its smaller tables.

Synchronous, on one thread. A batch takes effect as a whole or not at all, and `write` answers only when it is on the
disk (synchronous=FULL: also after a loss of power). The file is locked for the life of the process: SQLite's exclusive
locking mode needs no shared memory, and a second process is refused at its start instead of counting beside this one.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from service import telemetry
from service.brokers.base import unavailable
from service.brokers.directory import READERS_LIMIT, UNREAD_ROOMS, Sanction
from service.brokers.log import Event, Publication
from service.brokers.sqlite import migration as sqlite_migration
from service.brokers.sqlite.log import Log
from service.errors import ConfigError
from service.protocol import RequestError

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x5061726C  # "Parl": tells this file from other SQLite files
VERSION = 3  # of schema.sql
LOCKING = "EXCLUSIVE"
LOCK_TIMEOUT = 2.0  # seconds to wait for a predecessor that is closing
CACHE_KIB = 16_384
CHECKPOINT_PAGES = 4000  # 16 MiB of write-ahead log; pages written again and again reach the file once
USERS_STEP = 200  # whose read positions one statement looks up
DAY_MS = 24 * 3600 * 1000
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

Call = Callable[["Store"], Any]
Work = list[Event] | Call  # events of one room, or anything else


class Outcome(Struct, frozen=True):
    """What became of a batch: for each work, in order, receipts and refusals, or what it returned or raised."""

    answers: list[Any]
    fresh: list[Publication]  # to be broadcast
    stored: bool | None  # False: the disk refuses; None: it wasn't asked


class Store:
    """The tables of schema.sql. Opened, used and closed on one thread."""

    def __init__(self, path: str, *, history_limit: int, history_days: float, **log: int) -> None:
        self._path = path
        self._history_ms = int(history_days * DAY_MS)
        self._refused = False  # whether the disk refused what came last
        self.db = _open(path)
        self.log = Log(self.db, history_limit, **log)

    def close(self) -> None:
        """Close the file; SQLite moves the write-ahead log into it."""
        self.db.close()

    def write(self, batch: Sequence[Work], now: int) -> Outcome:
        """Do a batch as one transaction. Never raises: what fails is among the answers.

        If something in it is at fault, a damaged row say, the works are done one by one, so that it costs itself only.
        """
        try:
            return self._transact(batch, now)
        except Exception as error:  # noqa: BLE001 (logged; whatever it was, nobody may be left waiting)
            if len(batch) == 1 or _refuses(error):
                failure = self._take_back(error)
                return Outcome([_failed(work, failure) for work in batch], [], False if self._refused else None)
            self._roll_back()
        parts = [self.write([work], now) for work in batch]
        answers = [answer for part in parts for answer in part.answers]
        fresh = [publication for part in parts for publication in part.fresh]
        return Outcome(answers, fresh, stored=not self._refused)

    def _transact(self, batch: Sequence[Work], now: int) -> Outcome:
        answers: list[Any] = []
        fresh: list[Publication] = []
        self.db.execute("BEGIN")
        if self._refused:  # whatever the batch is, it shall find out whether the disk stores again
            self.db.execute(f"PRAGMA user_version = {VERSION}")
        for work in batch:
            try:
                if isinstance(work, list):
                    receipts, publication = self.log.publish(work, now)
                    answers.append(receipts)
                    fresh += [publication] if publication else []
                else:
                    answers.append(work(self))
            except RequestError as refusal:  # before anything was written
                answers.append(_failed(work, refusal))
        self.log.trim()
        self.db.execute("COMMIT")
        for publication in fresh:
            self.log.begun(publication.room)
        if self._refused:
            logger.info("SQLite stores again")
            self._refused = False
        return Outcome(answers, fresh, stored=True)

    def read(self, call: Call) -> Any:
        """What `call` returns, or the error that it raised. It only reads, so the disk may be full."""
        try:
            return call(self)
        except RequestError as refusal:
            return refusal
        except Exception as error:  # noqa: BLE001 (logged, and raised where it is awaited)
            return self._take_back(error)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def _take_back(self, error: Exception) -> Exception:
        """Undo what `error` broke off, and say it; what is answered instead."""
        self._roll_back()
        if _refuses(error):
            if not self._refused:
                logger.error("SQLite can't store: %s", error)
            self._refused = True
            return unavailable("the database can't be written")
        if isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError) or type(error) is sqlite3.DatabaseError:
            telemetry.damaged("database", f"SQLITE_PATH {self._path}", error)
            return unavailable("the database is damaged")
        logger.error("a call of the broker failed", exc_info=error)
        return error

    # -- read positions

    def mark_read(self, name: str, marks: dict[str, int], now: int) -> dict[str, int]:
        """Move read positions forward, at most to the log's end; those that moved."""
        room = self.log.find(name)
        if room is None:
            return {}
        known = self.reads(name, list(marks))
        moved = {user: min(seq, room.head) for user, seq in marks.items()}
        moved = {user: seq for user, seq in moved.items() if seq > known.get(user, 0)}
        replace = "INSERT OR REPLACE INTO reads (room, user, seq, at) VALUES (?, ?, ?, ?)"
        self.db.executemany(replace, [(room.id, user, seq, now) for user, seq in moved.items()])
        new = [user for user in moved if user not in known]
        self.db.executemany(_FORGET_ROOMS, [(user, UNREAD_ROOMS) for user in new])
        if new:
            (readers,) = self.db.execute("SELECT count(*) FROM reads WHERE room = ?", (room.id,)).fetchone()
            if readers > READERS_LIMIT * 1.1:  # sorting them for each new one would be dear
                self.db.execute(_FORGET_READERS, (room.id, readers - READERS_LIMIT))
        return moved

    def reads(self, name: str, users: Sequence[str]) -> dict[str, int]:
        """See Broker.reads."""
        room = self.log.find(name)
        rows: list[tuple[str, Any]] = []
        for start in range(0, len(users) if room else 0, USERS_STEP):
            some = users[start : start + USERS_STEP]
            # One statement for many: 200 of them took four times as long.
            select = f"SELECT user, seq FROM reads WHERE room = ? AND user IN ({', '.join('?' * len(some))})"
            rows += self.db.execute(select, (room and room.id, *some)).fetchall()
        return {user: seq for user, seq in rows if _sound(seq, "read", f"{user} in {name}")}

    def read_rooms(self, user: str) -> list[tuple[str, int]]:
        """The rooms that the user read in last, and how far."""
        select = """SELECT name, seq FROM reads JOIN rooms ON rooms.id = reads.room
            WHERE user = ? AND name IS NOT NULL ORDER BY reads.at DESC LIMIT ?"""
        rows = self.db.execute(select, (user, UNREAD_ROOMS)).fetchall()
        return [(name, seq) for name, seq in rows if _sound(seq, "read", f"{user} in {name}")]

    def unread(self, user: str, rooms: Sequence[tuple[str, int]]) -> dict[str, int]:
        """Of these rooms, the messages of others after those positions that are still there."""
        select = """SELECT count(*) FROM messages JOIN rooms ON rooms.id = room
            WHERE name = ? AND seq > ? AND removed = 0 AND author <> ?"""
        return {name: self.db.execute(select, (name, seq, user)).fetchone()[0] for name, seq in rooms}

    # -- sanctions

    def sanction(self, sanction: Sanction, lift: bool) -> None:
        """See Broker.sanction."""
        key = (sanction.user, sanction.network, sanction.room, sanction.kind)
        self.db.execute("DELETE FROM sanctions WHERE user = ? AND network = ? AND room = ? AND kind = ?", key)
        if not lift:
            values = (*key, sanction.until, sanction.by, sanction.reason, sanction.guest)
            self.db.execute("INSERT INTO sanctions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def sanctions(self, now: int) -> list[Sanction]:
        """See Broker.sanctions."""
        rows = self.db.execute("SELECT * FROM sanctions WHERE until = 0 OR until > ?", (now,)).fetchall()
        return [sanction for row in rows if (sanction := _sanction(row))]

    def ban(self, name: str, user: str, network: str, now: int) -> Sanction | None:
        """See Broker.ban."""
        select = """SELECT * FROM sanctions WHERE (user = ? AND network = 0 OR user = ? AND network = 1)
            AND room IN (?, '') AND kind = 'ban' AND (until = 0 OR until > ?)"""
        rows = self.db.execute(select, (user, network, name, now)).fetchall()
        return next((sanction for row in rows if (sanction := _sanction(row))), None)

    # -- upkeep

    def age(self, now: int) -> bool:
        """A step of what time makes due; whether there is more. Call it only while the clock can be trusted."""
        self.db.execute("DELETE FROM sanctions WHERE until > 0 AND until <= ?", (now,))
        return self.log.age(now, self._history_ms)

    def scrub(self) -> None:
        """Empty the write-ahead log if it may hold removed texts. No transaction may be under way."""
        if self.log.removed:
            busy, *_ = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self.log.removed = bool(busy)


_FORGET_ROOMS = """
    DELETE FROM reads WHERE rowid IN (SELECT rowid FROM reads WHERE user = ? ORDER BY at DESC LIMIT -1 OFFSET ?)"""
_FORGET_READERS = "DELETE FROM reads WHERE rowid IN (SELECT rowid FROM reads WHERE room = ? ORDER BY seq LIMIT ?)"


def _refuses(error: Exception) -> bool:
    """Whether SQLite failed for want of space, a lock or a working disk: nothing else can be stored either."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # text that is no UTF-8 has none
    return isinstance(error, sqlite3.OperationalError) and code & 0xFF not in (*_DAMAGED, sqlite3.SQLITE_ERROR)


def _failed(work: Work, failure: Exception) -> Any:
    if isinstance(work, list):
        return [failure if isinstance(failure, RequestError) else unavailable()] * len(work)
    return failure


def _sound(value: Any, kind: str, key: str) -> bool:
    if not isinstance(value, int):
        telemetry.damaged(kind, key, "no number")
    return isinstance(value, int)


def _sanction(row: tuple[Any, ...]) -> Sanction | None:
    user, network, room, kind, until, by, reason, guest = row
    fields = (kind, room, user, until, by, reason, bool(network), guest)
    try:
        return Sanction(*msgspec.convert(fields, tuple[str, str, str, int, str, str, bool, str]))
    except msgspec.ValidationError as error:
        telemetry.damaged("sanction", f"{kind!r:.20} of {user!r:.50}", error)
        return None


# -- opening


def _open(path: str) -> sqlite3.Connection:
    """Raises ConfigError, which says what is the matter and what helps."""
    db = None
    try:
        if path != ":memory:" and not os.path.exists(path):
            # What people said is for this user's eyes; SQLite gives its other files the same mode.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        db = sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None, cached_statements=256)
        _prepare(db, path)
    except (OSError, sqlite3.Error, ConfigError) as error:
        if db is not None:
            db.close()
        raise ConfigError(f"SQLITE_PATH is {path!r}: {_advice(error)}") from None
    except BaseException:
        if db is not None:
            db.close()
        raise
    return db


def _advice(error: Exception) -> str:
    if isinstance(error, ConfigError):
        return str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_BUSY:
        return "another process has it open; one process serves a file; stop the other, or use Redis"
    if code in _DAMAGED or isinstance(error, _Unsound):
        way_out = "put a backup back, or save what can be read: `sqlite3 OLD .recover | sqlite3 NEW`"
        return f"it is no database or a damaged one ({error}); {way_out}"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{reason}; choose a file in a writable folder"


class _Unsound(sqlite3.DatabaseError):
    """What SQLite's own check of the file found."""


def _prepare(db: sqlite3.Connection, path: str) -> None:
    """Lock the file, check whose it is and whether it is sound, make the tables of a new one."""
    for pragma in (
        f"locking_mode = {LOCKING}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = ON",  # what is deleted is written over
        f"cache_size = -{CACHE_KIB}",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
    ):
        db.execute("PRAGMA " + pragma)
    db.execute("BEGIN IMMEDIATE")
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (objects,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    db.execute("COMMIT")  # the lock stays
    if (application, version, objects) == (0, 0, 0):
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
        db.executescript(f"BEGIN; {schema()} {marks} COMMIT;")
        return
    if application != APPLICATION_ID:
        raise ConfigError("that is another program's database; choose another file")
    if not sqlite_migration.OLDEST <= version <= VERSION:
        raise ConfigError(
            f"its tables are version {version}, this program's are version {VERSION}; "
            "run the version that made it, or choose another file"
        )
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise _Unsound(" ".join(str(found).split()))
    if version < VERSION:
        logger.info("SQLITE_PATH %s: its tables change from version %d to %d", path, version, VERSION)
        db.execute("BEGIN")
        sqlite_migration.migrate(db, version, schema())
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")


def schema() -> str:
    return Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
