"""Opening the embedded broker's file: whose it is, whether it is sound, and that no other process has it.

It is locked for the life of the process: SQLite's exclusive locking mode needs no shared memory, and a second process
is refused at its start instead of counting beside this one.
"""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from service.brokers.sqlite import migration
from service.errors import ConfigError
from service.logs import fields

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x5061726C  # "Parl": tells this file from other SQLite files
SCHEMA_VERSION = 6  # of schema.sql
LOCK_TIMEOUT = 2.0  # seconds to wait for a predecessor that is closing
DAMAGED_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
PRAGMAS = (
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = FULL",  # a commit is on the disk, also after a loss of power
    "secure_delete = ON",  # what is deleted is written over
    "cache_size = -16384",  # KiB
    "wal_autocheckpoint = 4000",  # pages, 16 MiB: those written again and again reach the file once
)


def open_database(path: str, pragmas: tuple[str, ...] = PRAGMAS) -> sqlite3.Connection:
    """The file, locked, with the tables of schema.sql. For use on the calling thread.

    Raises ConfigError, which says what is the matter and what helps.
    """
    db = None
    try:
        if path != ":memory:" and not os.path.exists(path):
            # What people said is for this user's eyes; SQLite gives its other files the same mode.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        db = sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None, cached_statements=256)
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}")
        _prepare(db, path)
    except BaseException as error:
        if db is not None:
            db.close()
        # SQLite's own words of damage may quote bytes of the file that are no text.
        if isinstance(error, OSError | sqlite3.Error | ConfigError | UnicodeDecodeError):
            raise ConfigError(f"SQLITE_PATH is {path!r}: {_advice(error)}") from None
        raise
    return db


def examine_file(path: str) -> None:
    """Raise the ConfigError of what is inside a file that no process has open; nothing is written.

    Where a write-ahead log stands beside it, after a crash, only opening tells whether both are sound together.
    """
    if os.path.exists(f"{path}-wal") and os.path.getsize(f"{path}-wal"):
        return
    try:
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            if not _new(db):
                _check(db)
    except (OSError, sqlite3.Error, ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"SQLITE_PATH is {path!r}: {_advice(error)}") from None


def _new(db: sqlite3.Connection) -> bool:
    marks = [db.execute(f"PRAGMA {mark}").fetchone() for mark in ("application_id", "user_version")]
    return [*marks, db.execute("SELECT count(*) FROM sqlite_master").fetchone()] == [(0,), (0,), (0,)]


def _check(db: sqlite3.Connection) -> int:
    """Whose file it is, and whether it is sound. Answers the version of its tables."""
    if db.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise ConfigError("that is another program's database; choose another file")
    version: int
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if not migration.OLDEST_SCHEMA <= version <= SCHEMA_VERSION:
        raise ConfigError(
            f"its tables are version {version}, this program's are version {SCHEMA_VERSION}; "
            "run the version that made it, or choose another file"
        )
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise ConfigError(_damaged(" ".join(str(found).split())))
    return version


def _prepare(db: sqlite3.Connection, path: str) -> None:
    """Take the lock, check whose file it is and whether it is sound; make the tables, or bring them to this version."""
    db.execute("BEGIN IMMEDIATE")
    new = _new(db)
    db.execute("COMMIT")  # the lock stays
    schema = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    if new:
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        db.executescript(f"BEGIN; {schema} {marks} COMMIT;")
        return
    version = _check(db)
    if version < SCHEMA_VERSION:
        extra = fields("sqlite_upgrade", path=path, version=str(SCHEMA_VERSION))
        logger.info(
            "SQLITE_PATH %s: its tables change from version %d to %d", path, version, SCHEMA_VERSION, extra=extra
        )
        db.execute("BEGIN")
        migration.migrate(db, version, schema)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")


def _advice(error: Exception) -> str:
    if isinstance(error, ConfigError):
        return str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_BUSY:
        return "another process has it open; one process serves a file; stop the other, or use Redis"
    if code in DAMAGED_CODES or isinstance(error, UnicodeDecodeError):
        return _damaged(error)
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{reason}; choose a file in a writable folder"


def _damaged(what: object) -> str:
    save = "`sqlite3 OLD .recover | sqlite3 NEW`, by a shell that can: Debian 12's leaves an empty file"
    return f"it is no database or a damaged one ({what}); put a backup back, or save what can be read: {save}"
