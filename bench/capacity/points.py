"""What the model says of the runs of `python -m bench.scaling`, beside what they showed."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.capacity.costs import Costs, seen
from bench.capacity.model import message, redis_message, redis_signal, signal
from bench.capacity.tables import sized
from bench.scaling import ROOM, Facts
from bench.stats import number
from bench.tables import table


def points_table(costs: Costs, facts: Facts) -> str:
    """CPU time of a message, of all processes together and of all primaries; and how many there were."""
    rows = []
    for run, what in RUNS.items():
        for processes, primaries in dict.fromkeys((one.processes, one.primaries) for one in facts.seen):
            figures = seen(facts, run, processes, primaries)
            if figures:
                expected = what.processes(costs, facts, processes) * 1e6
                redis = what.primaries(costs, facts, processes, primaries) * 1e6
                rows.append(
                    (
                        what.text,
                        str(processes),
                        str(primaries),
                        f"{number(figures['server_us'])}, {number(expected)}",
                        number(figures["server_us"] / expected),
                        f"{number(figures['redis_us'])}, {number(redis)}",
                        number(figures["redis_us"] / redis),
                        sized(figures["messages"]),
                    )
                )
    heads = (
        "run",
        "processes",
        "primaries",
        "processes, µs a message: measured, model",
        "of the model",
        "Redis, µs: measured, model",
        "of the model",
        "messages/s",
    )
    return table(heads, rows)


@dataclass(frozen=True, slots=True)
class Run:
    """What the model says of a run of `bench.scaling`: seconds a message."""

    text: str
    processes: Callable[[Costs, Facts, int], float]
    primaries: Callable[[Costs, Facts, int, int], float]


def _closed(text: str, members: int, batch: int) -> Run:
    return Run(
        text,
        lambda costs, facts, processes: message(costs, members, min(members, processes), batch),
        lambda costs, facts, processes, primaries: redis_message(costs, min(members, processes), batch, kept=False),
    )


def _clocked(text: str, rate: Callable[[Facts], float], read: bool = False) -> Run:
    def processes(costs: Costs, facts: Facts, processes: int) -> float:
        told = ROOM * costs.read + processes * signal(costs, ROOM, processes)
        return message(costs, ROOM, processes) + read * told + processes * costs.idle / rate(facts)

    def primaries(costs: Costs, facts: Facts, processes: int, primaries: int) -> float:
        told = ROOM * costs.redis_read + processes * redis_signal(costs, processes, kept=False)
        return redis_message(costs, processes, kept=False) + read * told + primaries * costs.redis_idle / rate(facts)

    return Run(text, processes, primaries)


RUNS = {
    "rooms-1": _closed(f"rooms of {ROOM}, 1 in flight each", ROOM, 1),
    "rooms-4": _closed("the same, 4 in flight", ROOM, 4),
    "large-16": Run(
        "a large room, 16 in flight",
        lambda costs, facts, processes: message(costs, facts.members, processes, 16),
        lambda costs, facts, processes, primaries: redis_message(costs, processes, 16, kept=False),
    ),
    "clock": _clocked(f"rooms of {ROOM}, by the clock, often", lambda facts: facts.rate),
    "seldom": _clocked("the same, seldom", lambda facts: facts.seldom),
    "read": _clocked("the same, and all read", lambda facts: facts.seldom, read=True),
}
