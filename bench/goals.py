"""The goals: for each row what is measured, what it must reach, what it aims at. Pure data and verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.stats import ratios

Values = Mapping[str, Mapping[str, Sequence[float]]]  # by metric, by system, one a round

SIZES = (100, 1_000, 10_000)  # members of a room, where it is the size that is looked at
FLAT = 1.1  # growth that counts as none
SQLITE_MUST, SQLITE_AIM = 2.0, 1.0  # how much worse than on Redis the embedded broker may be


@dataclass(frozen=True, slots=True)
class Bound:
    """At most (or at least) a value, absolute or in parts of the same metric `of` another system."""

    value: float
    least: bool = False
    of: str = ""

    def holds(self, value: float) -> bool:
        return value >= self.value if self.least else value <= self.value

    def text(self, unit: str) -> str:
        sign = "≥" if self.least else "≤"
        if not self.of:
            return f"{sign} {self.value:,.10g} {unit}"
        return f"{sign} 1/{1 / self.value:.0f} of {self.of}"


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table. `row` is its name for --only, `metric` where its values are, `scale` from SI to `unit`."""

    row: str
    work: str
    measure: str
    metric: str
    unit: str
    must: Bound | None
    aim: Bound | None
    more_is_better: bool = False

    def verdict(self, values: Values, system: str = "redis") -> str:
        """`aim`, `must`, `missed`, or `—` where it, or what it is held against, was not measured."""
        needed = {system, *(bound.of for bound in (self.must, self.aim) if bound and bound.of)}
        if not all(values.get(self.metric, {}).get(name) for name in needed):
            return "—"
        if not _holds(self.must, values[self.metric], system):
            return "missed"
        return "aim" if _holds(self.aim, values[self.metric], system) else "must"


def _holds(bound: Bound | None, values: Mapping[str, Sequence[float]], system: str) -> bool:
    if bound is None:
        return True
    if bound.of:
        return bound.holds(median(ratios(values[system], values[bound.of])))
    return bound.holds(median(values[system]))


def sqlite_factor(goal: Goal, values: Values) -> list[float]:
    """How many times worse than on Redis, round by round; below 1 it is better."""
    measured = values.get(goal.metric, {})
    redis, sqlite = measured.get("redis", []), measured.get("sqlite", [])
    return ratios(redis, sqlite) if goal.more_is_better else ratios(sqlite, redis)


def sqlite_verdict(goal: Goal, values: Values) -> str:
    """As `Goal.verdict`, for the embedded broker's factor."""
    factor = sqlite_factor(goal, values)
    if not factor:
        return "—"
    worse = median(factor)
    return "aim" if worse <= SQLITE_AIM else "must" if worse <= SQLITE_MUST else "missed"


def _most(value: float, of: str = "") -> Bound:
    return Bound(value, of=of)


def _least(value: float) -> Bound:
    return Bound(value, least=True)


GOALS: tuple[Goal, ...] = (
    Goal("flight-1", "one room, 1 message in flight", "CPU per delivery", "flight-1.cpu", "µs",
         _most(1 / 4, "naive"), _most(3.5)),
    Goal("flight-16", "one room, 16 in flight", "CPU per delivery", "flight-16.cpu", "µs",
         _most(1 / 40, "naive"), _most(0.30)),
    Goal("flight-16", "one room, 16 in flight", "deliveries", "flight-16.rate", "/s",
         _least(1_200_000), None, True),
    Goal("flight-64", "one room, 64 in flight", "CPU per delivery", "flight-64.cpu", "µs",
         _most(1 / 100, "naive"), _most(0.12)),
    Goal("flight-64", "one room, 64 in flight", "deliveries", "flight-64.rate", "/s",
         _least(3_000_000), None, True),
    Goal("rooms-1", "100 rooms of 10, 100 publishers, 1 in flight each", "messages", "rooms-1.messages", "/s",
         _least(8_000), _least(12_000), True),
    Goal("rooms-4", "the same, 4 in flight each", "messages", "rooms-4.messages", "/s",
         _least(16_000), _least(25_000), True),
    Goal("sizes", "one room of 100, 1,000, 10,000, 1 in flight", "CPU per delivery grows by", "sizes-1.growth", "×",
         _most(1.6), _most(FLAT)),
    Goal("sizes", "the same, 16 in flight", "CPU per delivery grows by", "sizes-16.growth", "×",
         _most(1.6), _most(FLAT)),
    Goal("latency", "one room, half of the saturating rate", "latency, p99", "latency.p99", "ms",
         _most(25), _most(10)),
    Goal("memory", "10,000 joined, idle sockets", "resident memory per socket", "memory.rss", "KiB",
         _most(14), _most(10)),
    Goal("connect", "connect and join, bearer token", "sockets", "connect.rate", "/s",
         _least(3_000), _least(5_000), True),
    Goal("joins", "a room that fills with 100, 1,000, 10,000", "CPU per join grows by", "joins.growth", "×",
         _most(2), _most(FLAT)),
    Goal("idle", "10,000 idle sockets with pings", "CPU", "idle.cpu", "% of a core",
         _most(2), _most(1)),
    Goal("idle", "10,000 idle sockets with pings", "longest stall of the loop", "idle.stall", "ms",
         _most(20), None),
)  # fmt: skip

ROWS: tuple[str, ...] = tuple(dict.fromkeys([*(goal.row for goal in GOALS), "authors", "selftest"]))
