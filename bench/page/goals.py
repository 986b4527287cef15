"""The page's goals: for each row of `--only` what is measured, and what it must reach. Pure data."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.goals import Bound


@dataclass(frozen=True, slots=True)
class PageGoal:
    """One line of the table. `row` is its name for --only, `metric` where its values are, in `unit`."""

    row: str
    work: str
    measure: str
    metric: str
    unit: str
    must: Bound | None

    def verdict(self, values: Sequence[float]) -> str:
        """Whether the median reaches it; a dash where nothing has to be reached."""
        if self.must is None:
            return "—"
        return "reaches the goal" if self.must.holds(median(values)) else "**missed**"


def _most(value: float) -> Bound:
    return Bound(value)


def _least(value: float) -> Bound:
    return Bound(value, least=True)


GOALS: tuple[PageGoal, ...] = (
    PageGoal("weight", "cold, until the room stands there", "received by HTTP", "cold.first", "kB", _most(50)),
    PageGoal("weight", "the same", "requests", "cold.first.requests", "", _most(8)),
    PageGoal("weight", "cold, with all that is fetched afterwards", "received by HTTP", "cold.all", "kB", _most(100)),
    PageGoal("weight", "the same", "requests", "cold.all.requests", "", None),
    PageGoal("weight", "warm", "received by HTTP, without the API's answers", "warm", "kB", _most(1)),
    PageGoal("weight", "the same", "answers of the API (a ticket, the list of rooms)", "warm.api", "kB", None),
    PageGoal("weight", "the same", "requests, those of the API and the socket's among them", "warm.requests", "",
             _most(4)),
    PageGoal("paint", "150 ms, 1.6 Mbit/s, cold", "first paint", "slow.cold.paint", "ms", _most(1000)),
    PageGoal("paint", "the same", "the composer takes text", "slow.cold.composer", "ms", _most(1200)),
    PageGoal("paint", "150 ms, 1.6 Mbit/s, warm", "first paint", "slow.warm.paint", "ms", _most(200)),
    PageGoal("paint", "the same", "the composer takes text", "slow.warm.composer", "ms", _most(500)),
    PageGoal("paint", "4 × CPU, cold", "first paint", "throttled.cold.paint", "ms", _most(800)),
    PageGoal("paint", "the same", "the composer takes text", "throttled.cold.composer", "ms", None),
    PageGoal("delivery", "Enter to visible at the other's", "p50", "delivery.p50", "ms", _most(50)),
    PageGoal("delivery", "the same", "p95", "delivery.p95", "ms", None),
    PageGoal("heap", "joined", "JavaScript heap after a collection", "heap.joined", "MB", _most(3)),
    PageGoal("heap", "after 5,000 messages", "JavaScript heap after a collection", "heap.messages", "MB", _most(4)),
    PageGoal("live", "50 messages a second, at the end", "frames", "live.end.rate", "/s", _least(58)),
    PageGoal("live", "the same", "from frame to frame, p95", "live.end.p95", "ms", None),
    PageGoal("live", "the same", "CPU of the browser, a message", "live.end.cpu", "ms", _most(5)),
    PageGoal("live", "50 messages a second, a hundred above the end", "frames", "live.above.rate", "/s", _least(58)),
    PageGoal("live", "the same", "from frame to frame, p95", "live.above.p95", "ms", None),
    PageGoal("live", "the same", "CPU of the browser, a message", "live.above.cpu", "ms", _most(5)),
    PageGoal("back", "1,000 messages back, with a fast wheel", "time", "back.seconds", "s", _most(2)),
    PageGoal("back", "the same", "CPU of the browser", "back.cpu", "s", _most(0.8)),
    PageGoal("back", "as many turns over a bare page of the same texts, without script", "CPU of the browser",
             "back.bare.cpu", "s", None),
    PageGoal("back", "the same 1,000 messages", "frames", "back.rate", "/s", _least(55)),
    PageGoal("back", "the same", "messages in the page, at most", "back.rows", "", _most(150)),
    PageGoal("long", "10,000 loaded, 50 a second, at their beginning", "frames", "long.still.rate", "/s", _least(58)),
    PageGoal("long", "the same", "from frame to frame, p95", "long.still.p95", "ms", None),
    PageGoal("long", "the same", "messages in the page, at most", "long.still.rows", "", _most(150)),
    PageGoal("long", "the same, scrolled at 3,600 px/s", "frames", "long.scrolled.rate", "/s", _least(58)),
    PageGoal("long", "the same", "from frame to frame, p95", "long.scrolled.p95", "ms", None),
    PageGoal("long", "the same", "messages in the page, at most", "long.scrolled.rows", "", _most(150)),
)  # fmt: skip

ROWS: tuple[str, ...] = tuple(dict.fromkeys(goal.row for goal in GOALS))
