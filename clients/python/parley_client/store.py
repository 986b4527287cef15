"""A file that outlives the process: the guest, what waits to be sent, where a bot stood. SQLite keeps it whole.

One process has it at a time: SQLite's own lock on the file says so, and the system lets go of it with the process.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ChatError

_TABLES = """
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, entry BLOB NOT NULL);
"""


class Store:
    """Raises `ChatError` ("store_taken" or "store_failed"). What it writes is on the disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._errors():
            self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._database.close()
                raise

    def _open(self) -> None:
        self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("BEGIN IMMEDIATE")  # and the lock is kept from here on
        for table in _TABLES.strip().split(";\n"):
            self._database.execute(table)
        self._database.execute("COMMIT")

    def close(self) -> None:
        with self._errors():
            self._database.close()

    # -- single values

    def get(self, key: str) -> str | None:
        with self._errors():
            row = self._database.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        with self._errors():
            self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))

    # -- the outbox

    def entries(self) -> list[bytes]:
        """In the order in which they were added."""
        with self._errors():
            return [bytes(row[0]) for row in self._database.execute("SELECT entry FROM outbox ORDER BY place")]

    def add(self, id: str, entry: bytes) -> None:
        with self._errors():
            self._database.execute("INSERT INTO outbox (id, entry) VALUES (?, ?)", (id, entry))

    def change(self, id: str, entry: bytes) -> None:
        with self._errors(), self._unhurried():
            self._database.execute("UPDATE outbox SET entry = ? WHERE id = ?", (entry, id))

    def remove(self, id: str) -> None:
        """Should a loss of power undo it, the entry is sent once more under its id, and stored once all the same."""
        with self._errors(), self._unhurried():
            self._database.execute("DELETE FROM outbox WHERE id = ?", (id,))

    @contextmanager
    def _unhurried(self) -> Iterator[None]:
        """Outlives the process at once, a loss of power a little later: it saves waiting for the disk."""
        self._database.execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            self._database.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            locked = getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY"
            if locked:
                raise ChatError("store_taken", f"{self._path} is open in another chat or process") from None
            raise ChatError("store_failed", f"{self._path}: {error}") from error
