"""The stages of a round: each starts a server, loads it in several ways, and notes what was seen.

Values are noted by metric and system, one a round: `flight-16.cpu` (µs a delivery), `.rate` (deliveries/s), `.messages`
(messages/s), and `.server`, `.load`, `.redis` (% of a core).
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.crowd import Crowd
from bench.goals import ROWS, SIZES
from bench.idle import Attendance
from bench.load import Run, blast, closed_loop, open_loop
from bench.machine import memory_bytes
from bench.servers import PINGS_LATER, Target, target
from service.probe.percentiles import percentile

SERVICE = ("redis", "sqlite")
SATURATION = 64  # messages in flight at which a server is taken to be saturated
WARM_UP = 0.3  # seconds; what this run costs is not counted
FILLED = 1_000  # sockets of the joins row, at least
GATHERED = 1.0  # seconds over which the contract lets presence be gathered
SWEEP = (0.1, 0.25, 0.5, 0.75, 0.9)  # of the saturating rate


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is run."""

    rounds: int = 3
    seconds: float = 2.0  # of each run
    members: int = 1_000
    sizes: tuple[int, ...] = SIZES
    many: int = 10_000  # sockets of the memory, connect and idle rows
    idle: float = 30.0  # seconds watched for CPU
    ping_interval: float = 25.0  # seconds; the loop is watched for stalls over a whole one
    pause: float = 3.0  # seconds after many sockets came or went, before memory is read
    baselines_in_full: bool = True  # their plots too
    rows: frozenset[str] = frozenset(ROWS)
    systems: tuple[str, ...] = ("redis", "naive", "websockets", "sqlite")

    @property
    def descriptors(self) -> int:
        """What one process needs to hold open."""
        crowds = [self.members]
        crowds += [sum(self.sizes)] * ("sizes" in self.rows) + [self.many] * bool(
            self.rows & {"memory", "connect", "idle"}
        )
        return max(crowds) + 200


QUICK = Plan(
    rounds=1,
    seconds=0.5,
    sizes=(100, 1_000),
    many=1_000,
    idle=2.0,
    ping_interval=2.0,
    pause=1.2,
    baselines_in_full=False,
    rows=frozenset(ROWS) - {"authors", "joins"},
)


class Notes:
    """What was seen so far: `values[metric][system]`, one value a round."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, metric: str, system: str, value: float) -> None:
        self.values[metric][system].append(value)

    def run(self, key: str, system: str, run: Run) -> None:
        """All of a run but its latencies."""
        self.add(f"{key}.cpu", system, run.cpu_per_delivery * 1e6)
        self.add(f"{key}.rate", system, run.deliveries / run.seconds)
        self.add(f"{key}.messages", system, run.messages / run.seconds)
        for process in run.cpu:
            self.add(f"{key}.{process}", system, run.share(process) * 100)


def stages(plan: Plan, notes: Notes, say: Callable[[str], None]) -> None:
    """Every round of the plan, the systems one after the other in each, so that all see the same machine."""
    for number in range(plan.rounds):
        for system in plan.systems:
            say(f"round {number + 1} of {plan.rounds}: {system}")
            one_room(system, plan, notes, sweep=number == 0 and plan.baselines_in_full)
            if system in SERVICE or (number == 0 and plan.baselines_in_full):
                sizes(system, plan, notes)
            if system in SERVICE:
                small_rooms(system, plan, notes)
                many_sockets(system, plan, notes, idle=number == 0)  # a minute, long enough to be taken once
            elif plan.baselines_in_full:
                handshakes(system, plan, notes)
            if system in SERVICE and number == 0:
                joins(system, plan, notes)
        self_test(plan, notes)


@contextmanager
def crowded(
    system: str, rooms: list[str], env: dict[str, str] = PINGS_LATER, **shape: Any
) -> Iterator[tuple[Target, Crowd]]:
    """A server with a socket for each entry of `rooms`, joined and quiet. `shape`: as for `target`."""
    with target(system, env, **shape) as server:
        crowd = server.crowd()
        try:
            crowd.enter(rooms)
            crowd.settle()
            yield server, crowd
        finally:
            crowd.leave()


def one_room(system: str, plan: Plan, notes: Notes, sweep: bool) -> None:
    """One room of 1,000: 1, 16 and 64 in flight by one author; 64 authors; latency at fractions of the full rate."""
    flights = [flight for flight in (1, 16, 64) if f"flight-{flight}" in plan.rows]
    if not flights and not plan.rows & {"authors", "latency"}:
        return
    with crowded(system, ["bench"] * plan.members) as (server, crowd):
        rooms, gauge = list(crowd.rooms.values()), server.gauge
        warm_up(crowd, server)
        for flight in flights:
            run = closed_loop(crowd, rooms, gauge, publishers=1, in_flight=flight, seconds=plan.seconds)
            notes.run(f"flight-{flight}", system, run)
        if "authors" in plan.rows and system in SERVICE:
            run = closed_loop(crowd, rooms, gauge, publishers=64, in_flight=1, seconds=plan.seconds)
            notes.run("authors", system, run)
        if "latency" in plan.rows:
            _latencies(system, plan, notes, server, crowd, SWEEP if sweep else ())


def warm_up(crowd: Crowd, server: Target) -> None:
    """A short run that is not noted: caches fill, Redis makes the stream, code is specialized."""
    closed_loop(crowd, list(crowd.rooms.values()), server.gauge, publishers=1, in_flight=4, seconds=WARM_UP)


def _latencies(
    system: str, plan: Plan, notes: Notes, server: Target, crowd: Crowd, fractions: tuple[float, ...]
) -> None:
    (room,) = crowd.rooms.values()
    full = closed_loop(crowd, [room], server.gauge, publishers=1, in_flight=SATURATION, seconds=plan.seconds / 2)
    full_rate = full.messages / full.seconds
    rate = full_rate / 2
    if system == "sqlite" and notes.values["latency.messages"]["redis"]:
        rate = notes.values["latency.messages"]["redis"][-1]  # twice as fast, it would be compared at twice the rate
    run = open_loop(crowd, room, server.gauge, rate=rate, seconds=plan.seconds)
    notes.run("latency", system, run)
    notes.add("latency.p50", system, percentile(run.latencies, 50) * 1e3)
    notes.add("latency.p99", system, percentile(run.latencies, 99) * 1e3)
    for fraction in fractions:
        run = open_loop(crowd, room, server.gauge, rate=full_rate * fraction, seconds=plan.seconds / 2)
        notes.add("sweep.rate", system, full_rate * fraction * len(room.members))
        notes.add("sweep.p50", system, percentile(run.latencies, 50) * 1e3)
        notes.add("sweep.p99", system, percentile(run.latencies, 99) * 1e3)


def small_rooms(system: str, plan: Plan, notes: Notes) -> None:
    """Rooms of 10 with one author each."""
    flights = [flight for flight in (1, 4) if f"rooms-{flight}" in plan.rows]
    if not flights:
        return
    with crowded(system, small_room_names(plan)) as (server, crowd):
        rooms = list(crowd.rooms.values())
        warm_up(crowd, server)
        for flight in flights:
            run = closed_loop(crowd, rooms, server.gauge, publishers=1, in_flight=flight, seconds=plan.seconds)
            notes.run(f"rooms-{flight}", system, run)


def small_room_names(plan: Plan) -> list[str]:
    """The room of each socket."""
    return [f"bench-{index // 10}" for index in range(plan.members)]


def sizes(system: str, plan: Plan, notes: Notes) -> None:
    """CPU per delivery against the size of the room; the service holds all rooms at once, a baseline has but one."""
    if "sizes" not in plan.rows:
        return
    if system not in SERVICE:
        for size in plan.sizes:
            with crowded(system, ["bench"] * size) as (server, crowd):
                _size(system, size, plan, notes, server, crowd, (1,))
        return
    names = [f"of-{size}" for size in plan.sizes for _ in range(size)]
    with crowded(system, names) as (server, crowd):
        for size in plan.sizes:
            _size(system, size, plan, notes, server, crowd, (1, 16))
    for flight in (1, 16):
        costs = [notes.values[f"sizes-{flight}-{size}.cpu"][system][-1] for size in plan.sizes]
        growth = max(later / earlier for index, earlier in enumerate(costs) for later in costs[index + 1 :])
        notes.add(f"sizes-{flight}.growth", system, growth)


def _size(
    system: str, size: int, plan: Plan, notes: Notes, server: Target, crowd: Crowd, flights: tuple[int, ...]
) -> None:
    room = crowd.rooms.get(f"of-{size}") or crowd.rooms["bench"]
    closed_loop(crowd, [room], server.gauge, publishers=1, in_flight=1, seconds=WARM_UP)
    for flight in flights:
        run = closed_loop(crowd, [room], server.gauge, publishers=1, in_flight=flight, seconds=plan.seconds)
        notes.run(f"sizes-{flight}-{size}", system, run)


def joins(system: str, plan: Plan, notes: Notes) -> None:
    """CPU per join against the size of the room that fills, until all of its members have been told of the last."""
    if "joins" not in plan.rows:
        return
    for size in plan.sizes:
        rooms = [f"fills-{number}" for number in range(max(1, FILLED // size)) for _ in range(size)]
        with crowded(system, ["warm-up"] * 100) as (server, _):
            crowd = server.crowd()
            before = server.gauge.read()["server"]
            try:
                crowd.enter(rooms)
                crowd.settle(quiet=2 * GATHERED)
                notes.add(f"joins-{size}.cpu", system, (server.gauge.read()["server"] - before) / len(rooms) * 1e6)
            finally:
                crowd.leave()
    costs = [notes.values[f"joins-{size}.cpu"][system][-1] for size in plan.sizes]
    notes.add("joins.growth", system, max(costs) / costs[0])


def handshakes(system: str, plan: Plan, notes: Notes) -> None:
    """How fast sockets come to a baseline, which does not ask who they are and has nothing to join."""
    if "connect" not in plan.rows:
        return
    with crowded(system, ["bench"] * 10) as (server, _):
        crowd = server.crowd()
        try:
            _connect(crowd, system, plan, notes, server)
        finally:
            crowd.leave()


def many_sockets(system: str, plan: Plan, notes: Notes, idle: bool) -> None:
    """10,000 sockets: how fast they come, what they weigh, what they cost while nothing happens but pings."""
    idle = idle and "idle" in plan.rows
    if not idle and not plan.rows & {"memory", "connect"}:
        return
    pings = {"PING_INTERVAL": f"{plan.ping_interval:g}", "PING_TIMEOUT": f"{min(10, plan.ping_interval):g}"}
    with target(system, pings) as server:
        first = server.crowd()  # code is loaded; more sockets would leave free memory for those that are weighed
        first.enter(["warm-up"] * 10)
        first.settle()
        first.leave()
        time.sleep(plan.pause / 2)
        before = memory_bytes(server.pid)
        crowd = server.crowd()
        _connect(crowd, system, plan, notes, server)
        attendance = Attendance(crowd)
        try:
            attendance.attend(plan.pause)
            after = memory_bytes(server.pid)
            notes.add("memory.rss", system, (after[0] - before[0]) / plan.many / 1024)
            notes.add("memory.pss", system, (after[1] - before[1]) / plan.many / 1024)
            if idle:
                _idle(system, plan, notes, server, attendance)
        finally:
            attendance.close()
            crowd.leave()


def _connect(crowd: Crowd, system: str, plan: Plan, notes: Notes, server: Target) -> None:
    before = server.gauge.read()
    seconds = crowd.enter(["bench"] * plan.many)
    after = server.gauge.read()
    notes.add("connect.rate", system, plan.many / seconds)
    notes.add("connect.cpu", system, (after["server"] - before["server"]) / plan.many * 1e6)
    for process in after:
        notes.add(f"connect.{process}", system, (after[process] - before[process]) / seconds * 100)


def _idle(system: str, plan: Plan, notes: Notes, server: Target, attendance: Attendance) -> None:
    """CPU without the probe, whose questions would cost more than the pings; then stalls with it."""
    before, start = server.gauge.read(), time.perf_counter()
    attendance.attend(plan.idle)
    seconds, after = time.perf_counter() - start, server.gauge.read()
    notes.add("idle.cpu", system, (after["server"] - before["server"]) / seconds * 100)
    notes.add("idle.load", system, (after["load"] - before["load"]) / seconds * 100)
    notes.add("idle.pings", system, attendance.pings / seconds)
    attendance.attend(plan.ping_interval + 1, probing=True)
    notes.add("idle.stall", system, max(attendance.latencies) * 1e3)
    notes.add("idle.p99", system, percentile(attendance.latencies, 99) * 1e3)


def self_test(plan: Plan, notes: Notes) -> None:
    """What the load generator takes when nothing but `send` feeds it, and the floor that `send` is."""
    if "selftest" not in plan.rows:
        return
    with crowded("blaster", ["bench"] * (plan.members + 1)) as (server, crowd):
        for frames in (1, 16, 64):
            run = blast(crowd, server.gauge, frames=frames, seconds=min(1.0, plan.seconds))
            notes.run(f"selftest-{frames}", "blaster", run)
