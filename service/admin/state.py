"""`/admin/state`: how the service does, in figures, for the page /admin."""

import time
from collections.abc import Iterable
from typing import Any

from prometheus_client.core import Metric

from service import __version__, totals
from service.admission import page_cost
from service.api import Api
from service.clock import CLOCK

GAUGES = {
    "sockets": "parley_sockets",
    "rooms": "parley_rooms",
    "behind": "parley_members_behind",
    "unsent_bytes": "parley_unsent_bytes",
    "processes": "parley_processes",
    "draining": "parley_processes_draining",
}
COUNTERS = {
    "published": "parley_published",
    "deliveries": "parley_deliveries",
    "requests": "parley_http_requests",
    "refusals": "parley_http_refusals",
    "errors": "parley_errors",
    "opened": "parley_sockets_opened",
    "refused": "parley_sockets_refused",
    "resets": "parley_resets",
}
HISTOGRAMS = {"delivery": "parley_delivery_seconds", "round_trip": "parley_redis_round_trip_seconds"}
PROCESS = {
    "started": "process_start_time_seconds",
    "memory": "process_resident_memory_bytes",
    "cpu": "process_cpu_seconds_total",
    "descriptors": "process_open_fds",
    "descriptors_limit": "process_max_fds",
}


class StateHandler(Api):
    """`GET /admin/state`: of all processes of this port; of rooms nothing, so it is for who may enter all of them."""

    def initialize(self, broker: str) -> None:  # type: ignore[override]
        """`broker`: its kind."""
        super().initialize()
        self._broker = broker

    async def get(self) -> None:
        user = await self.caller_as("moderator")
        self.charge_page(user, "requests", page_cost(1))
        everywhere = user.rooms is None
        state = {"user": user.person, "everywhere": everywhere, "at": CLOCK.now_ms(), "version": __version__}
        self.write_json(state | {"figures": await self._figures() if everywhere else None})

    async def _figures(self) -> dict[str, Any]:
        fault = await self.node.readiness.fault()
        families = {family.name: family for family in await totals.current.families()}
        broker = {"kind": self._broker, "version": self.node.broker.version, "fault": fault}
        return {
            "group": totals.current.group,
            "seconds": time.monotonic(),  # of the machine, so the same for all processes of the group
            "broker": broker,
            "now": {name: _sum(families[metric]) for name, metric in GAUGES.items()},
            "counted": {name: _sum(families[metric]) for name, metric in COUNTERS.items()},
            "measured": {name: _buckets(families[metric]) for name, metric in HISTOGRAMS.items()},
            "processes": _processes(families.values()),
        }


def _sum(family: Metric) -> int:
    return int(sum(sample.value for sample in family.samples))


def _buckets(family: Metric) -> dict[str, int]:
    """How many were within each bound, in seconds; "+Inf" has all."""
    return {sample.labels["le"]: int(sample.value) for sample in family.samples if sample.name.endswith("_bucket")}


def _processes(families: Iterable[Metric]) -> list[dict[str, float]]:
    """Each that lives, by its place."""
    found: dict[int, dict[str, float]] = {}
    fields = {sample: name for name, sample in PROCESS.items()}
    for family in families:
        for sample in family.samples:
            if sample.name in fields:
                place = int(sample.labels.get("process", 0))
                found.setdefault(place, {"process": place})[fields[sample.name]] = sample.value
    return [found[place] for place in sorted(found)]
