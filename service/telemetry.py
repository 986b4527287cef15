"""Logging and metrics: one line an event (logfmt or JSON), Prometheus text on /metrics. Never a message's text."""

import codecs
import io
import json
import logging
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

HOLES = Counter("parley_holes_filled", "Reads of the log for events that did not arrive", registry=REGISTRY)
GARBAGE = Counter("parley_garbage", "Things on the broker's channels that were none of ours", registry=REGISTRY)
DAMAGED = Counter(
    "parley_damaged_records",
    "Records of the broker that could not be read, by what they are",
    ["kind"],
    registry=REGISTRY,
)
ERRORS = Counter("parley_errors", "Requests answered with an error", ["code"], registry=REGISTRY)
CLOSES = Counter("parley_closes", "Sockets closed, by close code", ["code"], registry=REGISTRY)
SOCKETS = Gauge("parley_sockets", "Open chat sockets", registry=REGISTRY)
UNSENT_BYTES = Gauge("parley_unsent_bytes", "Bytes kept for peers that have not taken them yet", registry=REGISTRY)
ROOMS = Gauge("parley_rooms", "Rooms with members on this process", registry=REGISTRY)
BROKER_UP = Gauge("parley_broker_available", "1 while the broker stores, and its word arrives", registry=REGISTRY)
ACKNOWLEDGED = Histogram(
    "parley_acknowledge_seconds",
    "From a send frame to the broker's word, one of each turn of the loop",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)


class Hot(Collector):
    """What is counted for every message: plain integers, for a prometheus_client counter costs 1 µs to add to."""

    def __init__(self) -> None:
        self.deliveries = 0
        self.published = 0

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily("parley_deliveries", "Events written to sockets", self.deliveries)
        yield CounterMetricFamily("parley_published", "Events of this process that the broker stored", self.published)


hot = Hot()
REGISTRY.register(hot)


def exposition() -> bytes:
    """The Prometheus text format, version 0.0.4."""
    return generate_latest(REGISTRY)


_damage_said: dict[str, float] = {}  # when each was last logged
DAMAGE_INTERVAL = 60.0  # seconds between two log lines on the same record
_DAMAGE_LIMIT = 1000  # records of which that is remembered


def damaged(kind: str, key: str, reason: object = "") -> None:
    """Count a record that can't be read, and log it by its key: it costs what it stands for, and nothing else.

    `kind` is one of a few words ("position", "sanction", "person" …), for it becomes a label. Never pass the value.
    """
    DAMAGED.labels(kind).inc()
    now = time.monotonic()
    if now - _damage_said.get(key, -DAMAGE_INTERVAL) >= DAMAGE_INTERVAL:
        if len(_damage_said) >= _DAMAGE_LIMIT:
            _damage_said.clear()
        _damage_said[key] = now
        logger.error("damaged record %s (%s): %s", key, kind, reason)


class _Logfmt(logging.Formatter):
    """`at=… level=… name=… msg="…"`; without the time on Heroku, whose router adds its own."""

    def __init__(self, timestamps: bool, ascii_only: bool = False) -> None:
        super().__init__()
        self._timestamps = timestamps
        self._ascii_only = ascii_only

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={self._value(value)}" for key, value in self._fields(record).items())

    def _value(self, value: Any) -> str:
        text = str(value)
        plain = text and not any(character in text for character in ' "=\\') and text.isprintable()
        if plain and (text.isascii() or not self._ascii_only):
            return text
        return json.dumps(text, ensure_ascii=self._ascii_only)

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self._timestamps:
            fields["at"] = (
                time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
            )
        fields |= {"level": record.levelname.lower(), "name": record.name, "msg": record.getMessage()}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        elif traceback := getattr(record, "traceback", ""):  # another process's
            fields["error"] = traceback
        return fields


class _Json(_Logfmt):
    """The same fields as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self._fields(record), ensure_ascii=self._ascii_only)


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
        logger.warning("standard output can't be written: %s", error.strerror)
        # What it could not write is kept, and would be tried again at the end and spoil the exit status.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def set_up_logging(level: str, form: str, timestamps: bool) -> None:
    """Send the process's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    # What the stream can't encode is escaped here, as JSON: the stream's own escapes would make a line no JSON.
    ascii_only = codecs.lookup(getattr(handler.stream, "encoding", None) or "utf-8").name != "utf-8"
    handler.setFormatter((_Json if form == "json" else _Logfmt)(timestamps, ascii_only))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Below WARNING it quotes what clients sent, a malformed header's value for one, which may be a token.
    logging.getLogger("tornado.general").setLevel(logging.WARNING)
