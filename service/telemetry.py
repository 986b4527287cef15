"""Metrics: the Prometheus text on /metrics; and records that can't be read, counted there and logged."""

import logging
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from service.logs import fields

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
        extra = fields("damaged_record", key=key, kind=kind, reason=str(reason))
        logger.error("damaged record %s (%s): %s", key, kind, reason, extra=extra)
