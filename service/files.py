"""What a start without Redis needs of the disk: a place for the database, and the secret that is kept beside it."""

import os
import secrets
from pathlib import Path

from service.errors import ConfigError

SECRET_SHORTEST = 8  # characters, else the start stops


def check_sqlite_path(path: str) -> None:
    """Raise `ConfigError` for a path at which no database can be had; nothing is written."""
    if path == ":memory:":
        return
    file = Path(path)
    reason = ""
    try:
        if not file.exists():
            if not file.parent.is_dir():
                reason = "its folder is not there"
            elif not os.access(file.parent, os.W_OK | os.X_OK):
                reason = "its folder can't be written"
        elif not file.is_file():
            reason = "it is no file"
        elif not os.access(file, os.R_OK | os.W_OK):
            reason = "it can't be read and written"
        else:
            with file.open("rb") as opened:
                known = opened.read(16) in (b"", b"SQLite format 3\0")
                reason = "" if known else "it is no SQLite database, or a damaged one"
    except OSError as error:
        reason = error.strerror or "it can't be read"
    if reason:
        advice = "choose a file in a writable folder, or put a backup back"
        raise ConfigError(f"SQLITE_PATH is {path!r}: {reason}; {advice}")


def kept_secret(sqlite_path: str, make: bool) -> str:
    """The secret beside the database; a passing one for `:memory:`.

    The first start makes it, with mode 0600. Without `make` nothing is written, and one that is missing is made up.
    """
    if sqlite_path == ":memory:":
        return secrets.token_hex(32)
    check_sqlite_path(sqlite_path)
    path = Path(sqlite_path + ".secret")
    if make:
        secret = secrets.token_hex(32)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_secret(path)
        except OSError as error:
            raise ConfigError(f"SQLITE_PATH: can't write {path} ({error.strerror}); choose a writable folder") from None
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secret + "\n")
        except OSError as error:  # a full disk; an empty file would be taken for a broken secret next time
            path.unlink()
            raise ConfigError(f"SQLITE_PATH: can't write {path} ({error.strerror}); make room on that disk") from None
        return secret
    return _read_secret(path) if os.path.lexists(path) else secrets.token_hex(32)


def _read_secret(path: Path) -> str:
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if len(secret) < SECRET_SHORTEST:
        raise ConfigError(f"SECRET_KEY: {path} holds no secret; remove that file or set the variable")
    return secret
