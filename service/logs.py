"""The log: one line an event, as logfmt or JSON, with fields of one vocabulary. Never a text, a token or a ticket.

A line is what it is whatever stands in its values: what would end it, or show as something else, is escaped, and
what is long is cut.
"""

import codecs
import io
import json
import logging
import os
import re
import sys
import time
from contextvars import ContextVar
from typing import Any, TypedDict, Unpack

logger = logging.getLogger(__name__)

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the HTTP request that is being answered; it stands on every line that comes of it."""
MESSAGE_LIMIT = 1_024  # characters
VALUE_LIMIT = 256  # characters of a field
# Of a traceback, whose end says most, and whose beginning says what it is. With these a line stays below the 10,000
# bytes at which Heroku's router, and the 16,384 at which Docker, make two of one.
ERROR_HEAD, ERROR_TAIL = 512, 5_120


class Fields(TypedDict, total=False):
    """What an event may have beside its name. docs/operations.md says what each is; None is left out."""

    action: str
    behind: int
    broker: str
    broker_version: str | None
    by: str
    code: str | int
    connection: str
    connections: int
    count: int
    duplicate: bool
    fault: str | None
    history: int
    holes: int
    host: str
    key: str
    kind: str
    members: int
    method: str
    network: str | None
    part: str
    path: str
    processes: int
    reason: str | None
    request_id: str | None
    requests: int
    resets: int
    room: str | None
    rooms: int
    seconds: float | None
    send_rate: float
    sends: int
    seq: int
    setting: str
    text: int
    times: int
    user: str | None
    version: str


def fields(event: str, **given: Unpack[Fields]) -> dict[str, Any]:
    """`extra` of a logger's call: the event's name, by which it is looked for, and its fields."""
    return {"fields": {"event": event} | given}


def cut(text: str, head: int, tail: int = 0) -> str:
    """So many characters of its beginning and end, and how many there were."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}… ({len(text)} characters) {text[len(text) - tail :]}".rstrip()


_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")


def _quoted(value: Any, ascii_only: bool) -> str:
    """As JSON, in which nothing can end a line, hide or turn around what follows: U+2028, U+0085, U+202E …"""
    text = json.dumps(value, ensure_ascii=ascii_only)
    return text if text.isprintable() else _BEYOND_ASCII.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]


class _Logfmt(logging.Formatter):
    """`at=… level=… name=… msg="…" event=…`; without the time on Heroku, whose router adds its own."""

    def __init__(self, timestamps: bool, pids: bool, ascii_only: bool) -> None:
        super().__init__()
        self._timestamps = timestamps
        self._pids = pids
        self._ascii_only = ascii_only

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={self._value(value)}" for key, value in self._fields(record).items())

    def _value(self, value: Any) -> str:
        text = str(value)
        plain = text and not any(character in text for character in ' "=\\') and text.isprintable()
        if plain and (text.isascii() or not self._ascii_only):
            return text
        return _quoted(text, self._ascii_only)

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._timestamps:
            found["at"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        found["level"] = record.levelname.lower()
        if self._pids:
            found["pid"] = record.process
        found |= {"name": record.name, "msg": cut(record.getMessage(), MESSAGE_LIMIT)}
        for key, value in getattr(record, "fields", {}).items():
            if isinstance(value, float):
                found[key] = round(value, 3)
            elif value is not None:
                found[key] = value if isinstance(value, int) else cut(str(value), VALUE_LIMIT)
        if request_id := REQUEST_ID.get():
            found.setdefault("request_id", request_id)  # a line may name another
        traceback = self.formatException(record.exc_info) if record.exc_info else getattr(record, "traceback", "")
        if traceback:  # the attribute's is another process's
            found["error"] = cut(traceback, ERROR_HEAD, ERROR_TAIL)
        return found


class _Json(_Logfmt):
    """The same fields as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return _quoted(self._fields(record), self._ascii_only)


def make_streams_safe() -> None:
    """Let standard output and error show what they can't encode (a path in an ASCII locale) as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where the descriptor is closed
            stream.reconfigure(errors="backslashreplace")


def announce(line: str) -> None:
    """Print the start line. A reader who is gone, or a full disk, is no reason not to serve."""
    try:
        print(line, flush=True)  # noqa: T201 (that is what it is for)
    except OSError as error:
        reason = error.strerror or ""
        logger.warning("standard output can't be written: %s", reason, extra=fields("stdout_failed", reason=reason))
        # What it could not write is kept, and would be tried again at the end and spoil the exit status.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def set_up(level: str, form: str, *, timestamps: bool, pids: bool) -> None:
    """Send the log to standard error; with `pids` each line says which process it is of, where several write there."""
    handler = logging.StreamHandler(sys.stderr)
    # What the stream can't encode is escaped here, as JSON: the stream's own escapes would make a line no JSON.
    ascii_only = codecs.lookup(getattr(handler.stream, "encoding", None) or "utf-8").name != "utf-8"
    handler.setFormatter((_Json if form == "json" else _Logfmt)(timestamps, pids, ascii_only))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Below WARNING it quotes what clients sent, a malformed header's value for one, which may be a token.
    logging.getLogger("tornado.general").setLevel(logging.WARNING)
