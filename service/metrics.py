"""What is counted and measured: one process's figures, in `REGISTRY`. Those of several are added up in totals.py."""

from bisect import bisect_left
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


class Plain(Collector):
    """A histogram of plain numbers: 0.1 µs a value, where prometheus_client's own, which locks, takes 0.7."""

    def __init__(
        self, name: str, documentation: str, bounds: tuple[float, ...], registry: CollectorRegistry = REGISTRY
    ) -> None:
        """`bounds`: the upper ends of the buckets, each included, without that of the last, infinity."""
        self._name = name
        self._documentation = documentation
        self._bounds = bounds
        self._names = [*(str(float(bound)) for bound in bounds), "+Inf"]
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterable[Metric]:
        buckets, below = [], 0
        for name, count in zip(self._names, self._counts, strict=True):
            below += count
            buckets.append((name, below))
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=self._sum)


class Hot(Collector):
    """What is counted for every message: plain integers, for a prometheus_client counter costs 0.25 µs to add to."""

    def __init__(self) -> None:
        self.deliveries = 0
        self.published = 0

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily("parley_deliveries", "Events written to sockets", self.deliveries)
        yield CounterMetricFamily("parley_published", "Events that the broker stored", self.published)


hot = Hot()
REGISTRY.register(hot)

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
ROOMS = Gauge("parley_rooms", "Rooms with members, counted in each process", registry=REGISTRY)
BROKER_UP = Gauge("parley_broker_available", "1 while the broker stores, and its word arrives", registry=REGISTRY)
ACKNOWLEDGED = Plain(
    "parley_acknowledge_seconds",
    "From a send frame to the broker's word, one of each turn of the loop",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ROUND_TRIP = Plain(
    "parley_redis_round_trip_seconds",
    "From sending a pipeline to Redis to its first answer",
    (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
BATCH_EVENTS = Plain(
    "parley_batch_events",
    "Events of a room that the broker was given in one step",
    (1, 2, 4, 8, 16, 32, 64, 128, 256),
)
LOOP_LAG = Plain(
    "parley_loop_lag_seconds",
    "How late the loop was for what was due, four times a second",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
HTTP_REQUESTS = Counter(
    "parley_http_requests",
    "HTTP requests answered, by route, method and status",
    ["route", "method", "code"],
    registry=REGISTRY,
)
REFUSALS = Counter(
    "parley_http_refusals",
    "HTTP requests answered with an error, by route and the error's code",
    ["route", "code"],
    registry=REGISTRY,
)
OPENED = Counter("parley_sockets_opened", "Chat sockets whose user was let in", registry=REGISTRY)
REFUSED = Counter("parley_sockets_refused", "Sockets that were not let in, by why", ["reason"], registry=REGISTRY)
BEHIND = Gauge("parley_members_behind", "Memberships that are fed from the log", registry=REGISTRY)
CATCH_UPS = Counter("parley_catch_ups", "Times that a membership began to be fed from the log", registry=REGISTRY)
RESETS = Counter("parley_resets", "Memberships that could not go on, by why", ["reason"], registry=REGISTRY)
DRAINS = Counter("parley_drains", "Drains begun", registry=REGISTRY)
DRAINING = Gauge("parley_processes_draining", "Processes that are leaving", registry=REGISTRY)
PROCESSES = Gauge("parley_processes", "Processes that serve, or leave", registry=REGISTRY)
PROCESSES.set(1)
STARTS = Counter(
    "parley_process_starts",
    "Processes that began to serve, those in a dead one's place too",
    registry=REGISTRY,
)
WEBHOOK_ATTEMPTS = Counter(
    "parley_webhook_attempts", "Requests to the operator's receivers, by what they are", ["kind"], registry=REGISTRY
)
WEBHOOK_FAILURES = Counter(
    "parley_webhook_failures", "What a receiver did not take, by why", ["reason"], registry=REGISTRY
)
WEBHOOK_VERDICTS = Counter(
    "parley_webhook_verdicts", "Messages judged before they were stored, by the verdict", ["verdict"], registry=REGISTRY
)
WEBHOOK_ROOMS = Gauge(
    "parley_webhook_rooms", "Rooms with something to send to the receiver, counted in each process", registry=REGISTRY
)
WEBHOOK_OLDEST = Gauge(
    "parley_webhook_oldest_seconds", "Age of the oldest event that the receiver has not taken", registry=REGISTRY
)


class DeliveryTimes(Plain):
    """How long events take, from the time that the broker put on them to the sockets: of one each turn of the loop."""

    # The time of day by the clock of who puts it on, in seconds; None where it isn't known yet.
    clock: Callable[[], float | None] = staticmethod(lambda: None)

    def delivered(self, event: bytes) -> None:
        """It was just written. An event ends with `"at":` and 13 digits of milliseconds, and "}"."""
        now = self.clock()
        if now is not None:
            try:
                at = int(event[-14:-1]) / 1000
            except ValueError:  # none of ours
                return
            self.observe(max(0.0, now - at))


DELIVERY = DeliveryTimes(
    "parley_delivery_seconds",
    "From the broker's time of an event to its writing to sockets, of one each turn of the loop",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
