"""What a run comes to: its figures, whether the thresholds held, and both in words and for programs."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from service.probe.oracle import RunVerdict
from service.probe.percentiles import ranked
from service.probe.run import Run

SHOWN_DETAILS = 5


class Thresholds(Struct, frozen=True, kw_only=True):
    """What is still well; broken promises and messages without an answer never are."""

    p99_ms: float
    reconnect_s: float
    missing: int


class WaitPercentiles(Struct, frozen=True):
    """Exact percentiles in milliseconds; zeros where there were none."""

    count: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    longest: float = 0.0

    def __str__(self) -> str:
        figures = (("p50", self.p50), ("p90", self.p90), ("p99", self.p99), ("p99.9", self.p999))
        return ", ".join(f"{name} {value:.2f}" for name, value in figures) + f", longest {self.longest:.2f} ms"


def waits(seconds: Sequence[float]) -> WaitPercentiles:
    if not seconds:
        return WaitPercentiles()
    ordered = sorted(1000 * value for value in seconds)
    return WaitPercentiles(len(ordered), *(round(ranked(ordered, percent), 3) for percent in (50, 90, 99, 99.9, 100)))


class Report(Struct, frozen=True, kw_only=True):
    """In the form of `--json`; docs/operations.md says what each means."""

    url: str
    status: int
    failures: tuple[str, ...]
    seconds: float
    clients: int
    by_library: bool
    by_events: int
    rooms: tuple[str, ...]
    rate: float
    posted: int
    acknowledged: int
    unanswered: int
    received: int
    caught_up: int
    lost: int
    repeated: int
    out_of_order: int
    holes: int
    conflicting: int
    missing: int
    details: tuple[str, ...]
    delivery_ms: WaitPercentiles
    acknowledge_ms: WaitPercentiles
    enter_ms: WaitPercentiles
    reconnect_ms: WaitPercentiles
    cuts: int
    resumed: int
    afresh: int
    away: int
    errors: dict[str, int]
    closes: dict[str, int]
    refusals: dict[str, int]
    thresholds: Thresholds


class FailedRun(Struct, frozen=True, kw_only=True):
    """The same for a run that could not be."""

    url: str
    status: int
    error: dict[str, str]
    report: UnsetType = UNSET


def report(url: str, run: Run, thresholds: Thresholds) -> Report:
    records, verdict = run.records, run.records.oracle.verdict()
    figures: dict[str, Any] = {
        "unanswered": len(records.unanswered),
        "missing": verdict.said,
        "delivery_ms": waits(records.deliveries),
        "reconnect_ms": waits(records.returns),
        "away": run.away,
    }
    failures = _failures(verdict, thresholds, **figures)
    return Report(
        url=url,
        status=1 if failures else 0,
        failures=tuple(failures),
        seconds=round(run.elapsed, 3),
        clients=run.plan.clients,
        by_library=run.plan.by_library,
        by_events=run.by_events,
        rooms=run.plan.rooms,
        rate=run.plan.rate,
        posted=len(records.due),
        acknowledged=verdict.acknowledged,
        received=len(records.deliveries) + records.caught_up,
        caught_up=records.caught_up,
        lost=verdict.lost,
        repeated=verdict.repeated,
        out_of_order=verdict.out_of_order,
        holes=verdict.holes,
        conflicting=verdict.conflicting,
        details=tuple(verdict.details),
        acknowledge_ms=waits(records.acknowledgements),
        enter_ms=waits(records.entries),
        cuts=records.cuts,
        resumed=records.resumed,
        afresh=records.afresh,
        errors=dict(records.errors),
        closes={str(code): count for code, count in records.closes.items()},
        refusals=dict(records.refusals),
        thresholds=thresholds,
        **figures,
    )


def _failures(
    verdict: RunVerdict,
    thresholds: Thresholds,
    *,
    unanswered: int,
    missing: int,
    delivery_ms: WaitPercentiles,
    reconnect_ms: WaitPercentiles,
    away: int,
) -> list[str]:
    """In words, what must not be."""
    found = [
        (f"{count} {what}", bool(count))
        for count, what in (
            (verdict.lost, "lost"),
            (verdict.repeated, "repeated"),
            (verdict.out_of_order, "out of order"),
            (verdict.holes, "holes unsaid"),
            (verdict.conflicting, "conflicting"),
            (unanswered, "messages without an answer"),
            (away, "clients away at the end"),
        )
    ]
    worst = reconnect_ms.longest / 1000
    found += [
        (f"{missing} said to be missing, over {thresholds.missing}", missing > thresholds.missing),
        (f"delivery p99 {delivery_ms.p99:.2f} ms, over {thresholds.p99_ms:g}", delivery_ms.p99 > thresholds.p99_ms),
        ("nothing was delivered", not delivery_ms.count),
        (f"coming back took {worst:.2f} s, over {thresholds.reconnect_s:g}", worst > thresholds.reconnect_s),
    ]
    return [text for text, holds in found if holds]


def text(of: Report) -> str:
    """For people."""
    lines = [
        f"{of.url}: {of.clients} {'Python clients' if of.by_library else 'clients'} in {', '.join(of.rooms)} "
        f"for {of.seconds:.1f} s",
        f"  messages     {of.posted} posted, {of.acknowledged} acknowledged, {of.received} copies received",
        f"  promises     {of.lost} lost, {of.repeated} repeated, {of.out_of_order} out of order, {of.holes} holes, "
        f"{of.conflicting} conflicting, {of.missing} said to be missing",
        f"  delivery     {of.delivery_ms}",
        f"  acknowledged {of.acknowledge_ms}",
        f"  coming in    {of.enter_ms}",
        f"  coming back  {of.reconnect_ms.count} times, {of.cuts} of them cut by the probe, "
        f"longest {of.reconnect_ms.longest / 1000:.2f} s",
    ]
    if of.by_events:
        lines.append(f"  way round    {of.by_events} by event streams: WebSockets are blocked")
    for what, counts in (("refused", of.errors), ("closed", of.closes), ("kept out", of.refusals)):
        if counts:
            told = ", ".join(f"{count} × {name}" for name, count in sorted(counts.items()))
            lines.append(f"  {what:12} {told}")
    lines += [f"  {detail}" for detail in of.details[:SHOWN_DETAILS]]
    lines += [f"failed: {failure}" for failure in of.failures]
    return "\n".join(lines if of.failures else [*lines, "well"])
