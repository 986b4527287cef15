"""The embedded broker's file: opening it, and one transaction for each batch of work. Synchronous, on one thread.

A batch takes effect as a whole or not at all, and `run` answers only when it is on the disk (synchronous=FULL: also
after a loss of power). The file is locked for the life of the process: SQLite's exclusive locking mode needs no shared
memory, and a second process is refused at its start instead of counting beside this one.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from service import sqlite_migration
from service.broker import Event, Publication, Receipt, Sanction, unavailable
from service.config import ConfigError
from service.protocol import RequestError, encode
from service.sqlite_log import Log

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x5061726C  # "Parl": tells this file from other SQLite files
VERSION = 2  # of schema.sql
LOCK_TIMEOUT = 2.0  # seconds to wait for a predecessor that is closing
CACHE_KIB = 16_384
CHECKPOINT_PAGES = 4000  # 16 MiB of write-ahead log; pages written again and again reach the file once
DAY_MS = 24 * 3600 * 1000


class Call(Struct, frozen=True):
    """Work other than publishing: answered with what `work` returns. `reads`: done even if the disk is full."""

    work: Callable[["Store"], Any]
    reads: bool


NET = "/net"  # what the kind of a network's sanction ends in
SELECT_SANCTIONS = "SELECT kind, room, user, until, by, reason, guest FROM sanctions WHERE (until = 0 OR until > ?)"

Work = list[Event] | Call
Outcome = list[Receipt | RequestError] | Any | Exception


class Outcomes(Struct, frozen=True):
    """What became of a batch, in its order (an exception for a call that raised), and what is to be broadcast."""

    answers: list[Outcome]
    fresh: list[Publication]
    stored: bool | None  # False: the disk refused it; None: there was nothing to store


class Store:
    """The tables of schema.sql. Opened, used and closed on one thread."""

    def __init__(self, path: str, *, history_limit: int, history_days: float) -> None:
        self._history_ms = int(history_days * DAY_MS)
        self._stale = False  # whether memory may differ from the file
        self._refused = False  # whether the disk refused what came last
        self._db = _connect(path)
        try:
            _prepare(self._db, path)
            self.log = Log(self._db, history_limit)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file; SQLite moves the write-ahead log into it."""
        self._db.close()

    def run(self, batch: Sequence[Work]) -> Outcomes:
        """Do a batch as one transaction. Never raises: what fails is among the answers."""
        try:
            if self._stale:
                self._reload()
            answers, stored = self._transact(batch)
        except Exception as error:  # noqa: BLE001 (logged; whatever it was, nobody may be left waiting)
            failure = self._fail(error)
            return Outcomes([self._alone(work, failure) for work in batch], [], not self._refused and None)
        if stored and self._refused:
            logger.info("SQLite stores again")
            self._refused = False
        return Outcomes(answers, self.log.take_fresh(), True if stored else None)

    def _transact(self, batch: Sequence[Work]) -> tuple[list[Outcome], bool]:
        answers: list[Outcome] = []
        changes = self._db.total_changes
        self._db.execute("BEGIN")
        for work in batch:
            if isinstance(work, Call):
                try:
                    answers.append(work.work(self))
                except RequestError as refusal:
                    answers.append(refusal)
            else:
                answers.append(self.log.publish(work, now_ms()))
        stored = self._db.total_changes != changes
        if stored:
            self.log.upkeep(now_ms())
        self._db.execute("COMMIT")
        return answers, stored

    def _fail(self, error: Exception) -> Exception:
        """Take back the transaction that `error` broke; answers what its parts are answered with."""
        if not _environmental(error):
            logger.error("a batch failed", exc_info=error)
        elif not self._refused:
            logger.error("SQLite can't store: %s", error)
            self._refused = True
        self._stale = True
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._reload()
        return unavailable("the database can't be written") if _environmental(error) else error

    def _reload(self) -> None:
        self.log.reload()
        self._stale = False

    def _alone(self, work: Work, failure: Exception) -> Outcome:
        """The outcome of work whose batch failed: reading may still be possible."""
        if not isinstance(work, Call):
            return [unavailable()] * len(work)
        if not work.reads:
            return failure
        try:
            return work.work(self)
        except Exception as error:  # noqa: BLE001 (logged, and raised where it is awaited)
            return self._fail(error)

    # -- read positions

    def mark_read(self, room: str, marks: dict[str, int]) -> dict[str, int]:
        """Move read positions forward, at most to the log's end; those that moved."""
        room_id, position = self.log.room_id(room), self.log.position(room)
        if room_id is None or position is None:
            return {}
        known = self.reads(room, list(marks))
        moved = {user: min(seq, position.seq) for user, seq in marks.items()}
        moved = {user: seq for user, seq in moved.items() if seq > known.get(user, 0)}
        rows = [(room_id, user, seq) for user, seq in moved.items()]
        self._db.executemany("INSERT OR REPLACE INTO reads (room, user, seq) VALUES (?, ?, ?)", rows)
        return moved

    def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        """See Broker.reads."""
        # One statement for all: 200 of them took four times as long.
        select = "SELECT user, seq FROM reads WHERE room = ? AND user IN (SELECT value FROM json_each(?))"
        return dict(self._db.execute(select, (self.log.room_id(room), encode(users).decode())).fetchall())

    def unread(self, user: str) -> dict[str, int]:
        """See Broker.unread."""
        select = "SELECT name, seq FROM reads JOIN rooms ON rooms.id = room WHERE user = ? AND name IS NOT NULL"
        counts = {}
        for room, seq in self._db.execute(select, (user,)).fetchall():
            position = self.log.position(room)
            if position is not None:
                counts[room] = max(0, position.seq - seq)
        return counts

    # -- rooms and sanctions

    def rooms(self) -> list[str]:
        """The rooms that have a log."""
        return [name for (name,) in self._db.execute("SELECT name FROM rooms WHERE name IS NOT NULL")]

    def sanction(self, sanction: Sanction, lift: bool) -> None:
        """See Broker.sanction."""
        kind = sanction.kind + NET if sanction.network else sanction.kind
        if lift:
            delete = "DELETE FROM sanctions WHERE kind = ? AND room = ? AND user = ?"
            self._db.execute(delete, (kind, sanction.room, sanction.user))
        else:
            insert = "INSERT OR REPLACE INTO sanctions (kind, room, user, until, by, reason, guest) "
            fields = (kind, sanction.room, sanction.user, sanction.until, sanction.by, sanction.reason, sanction.guest)
            self._db.execute(insert + "VALUES (?, ?, ?, ?, ?, ?, ?)", fields)

    def sanctions(self) -> list[Sanction]:
        """See Broker.sanctions."""
        return [_sanction(row) for row in self._db.execute(SELECT_SANCTIONS, (now_ms(),))]

    def ban(self, room: str, user: str, network: str) -> Sanction | None:
        """See Broker.ban."""
        wanted = " AND (kind, user) IN (VALUES ('ban', ?), ('ban/net', ?)) AND room IN (?, '')"
        row = self._db.execute(SELECT_SANCTIONS + wanted, (now_ms(), user, network, room)).fetchone()
        return row and _sanction(row)

    # -- upkeep

    def beat(self) -> None:
        """A step of what time makes due. After a refusal by the disk this also finds out whether it stores again."""
        now = now_ms()
        self._db.execute("DELETE FROM sanctions WHERE until > 0 AND until <= ?", (now,))
        self.log.age(now, self._history_ms)
        if self._refused:
            # A row that is gone with the next beat.
            self._db.execute("INSERT INTO sanctions VALUES ('', '', '', 1, '', '', '')")


def _sanction(row: tuple[Any, ...]) -> Sanction:
    kind, room, user, until, by, reason, guest = row
    return Sanction(kind.removesuffix(NET), room, user, until, by, reason, kind.endswith(NET), guest)


def now_ms() -> int:
    """The broker's clock: Unix time in ms."""
    return time.time_ns() // 1_000_000


def _environmental(error: Exception) -> bool:
    """Whether SQLite failed for want of space, a lock, or a sound disk; not for what it was asked."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


def _connect(path: str) -> sqlite3.Connection:
    try:
        if path != ":memory:" and not os.path.exists(path):
            # What people said is for this user's eyes; SQLite gives its other files the same mode.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None, cached_statements=256)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"SQLITE_PATH is {path!r}: {reason}; choose a file in a writable folder") from None


def _prepare(db: sqlite3.Connection, path: str) -> None:
    """Lock the file, check whose it is, make the tables of a new one."""
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        db.execute("BEGIN IMMEDIATE")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (objects,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        db.execute("COMMIT")  # the lock stays
        if (application, version, objects) == (0, 0, 0):
            schema = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
            marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
            db.executescript(f"BEGIN; {schema} {marks} COMMIT;")
        elif application != APPLICATION_ID:
            raise ConfigError(f"SQLITE_PATH is {path!r}: that is another program's database; choose another file")
        elif sqlite_migration.OLDEST <= version < VERSION:
            logger.info("SQLITE_PATH %s: its tables change from version %d to %d", path, version, VERSION)
            db.execute("BEGIN")
            sqlite_migration.migrate(db)
            db.execute(f"PRAGMA user_version = {VERSION}")
            db.execute("COMMIT")
        elif version != VERSION:
            raise ConfigError(
                f"SQLITE_PATH is {path!r}: its tables are version {version}, this program's are version {VERSION}; "
                "run the version that made it, or choose another file"
            )
    except sqlite3.Error as error:
        reason, advice = str(error), "choose a file in a writable folder"
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            reason, advice = (
                "another process has it open",
                "one process serves a file; stop the other, or use Redis",
            )
        raise ConfigError(f"SQLITE_PATH is {path!r}: {reason}; {advice}") from None
