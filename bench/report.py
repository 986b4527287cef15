"""The tables, and docs/performance.md around them."""

from argparse import ArgumentTypeError
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from bench import plots
from bench.goals import FLAT, GOALS, SIZES, SQLITE_AIM, SQLITE_MUST, Goal, Values, sqlite_factor, sqlite_verdict
from bench.page import report as page_report
from bench.stats import number, ratios, spread
from bench.tables import table

FACTS = "performance.json"
NOTES = Path(__file__).with_name("notes.md")  # written by hand: where the time goes, the floor, what was tried
METHOD = Path(__file__).with_name("method.md")
_VERDICTS = {"aim": "reaches the aim", "must": "reaches the must", "missed": "**missed**", "—": "—"}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report is made of; kept as performance.json beside it."""

    machine: dict[str, str]
    date: str
    command: str
    seconds: float
    rounds: int
    values: Values


def tables(facts: Facts) -> str:
    """The tables that have a value, each under its title."""
    parts = [
        ("Goals", goals_table(facts.values)),
        ("Against the usual ways", comparison_table(facts.values)),
        ("The embedded broker", sqlite_table(facts.values)),
        ("Beside the goals", extras_table(facts.values)),
        ("Is the load generator a bottleneck?", generator_table(facts.values)),
    ]
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in parts if text)


def _measured(values: Values, metric: str, system: str, unit: str = "") -> str:
    found = values.get(metric, {}).get(system)
    return spread(found).text(unit) if found else "—"


def goals_table(values: Values) -> str:
    """Must, aim, measured, verdict, of the service on Redis."""
    rows = []
    for goal in GOALS:
        if not values.get(goal.metric, {}).get("redis"):
            continue
        rows.append(
            (
                goal.work,
                goal.measure,
                goal.must.text(goal.unit) if goal.must else "",
                _aim_text(goal),
                _measured(values, goal.metric, "redis", goal.unit),
                _against(goal, values),
                _VERDICTS[goal.verdict(values)],
            )
        )
    heads = ("work", "measure", "must", "aim", "measured: median (least to greatest)", "of the naive loop", "verdict")
    return table(heads, rows) if rows else ""


def _aim_text(goal: Goal) -> str:
    if goal.aim is None:
        return ""
    return f"flat (≤ {FLAT} ×)" if goal.aim.value == FLAT else goal.aim.text(goal.unit)


def _against(goal: Goal, values: Values) -> str:
    measured = values.get(goal.metric, {})
    factors = ratios(measured.get("redis", []), measured.get("naive", []))
    if not factors or "growth" in goal.metric:
        return ""
    part = spread(factors)
    if goal.more_is_better:
        return f"{number(part.middle)} ×"
    if part.low == part.high:
        return f"1/{number(1 / part.middle)}"
    return f"1/{number(1 / part.middle)} (1/{number(1 / part.high)} to 1/{number(1 / part.low)})"


def comparison_table(values: Values) -> str:
    """CPU, rate and latency of the service and of the baselines, side by side."""
    rows = []
    for key, work in (("flight-1", "1 in flight"), ("flight-16", "16 in flight"), ("flight-64", "64 in flight")):
        for metric, unit in (("cpu", "µs"), ("rate", "deliveries/s")):
            rows.append((f"{work}, {unit}", f"{key}.{metric}"))
    rows += [("latency at half of its own full rate, p50, ms", "latency.p50"), ("the same, p99, ms", "latency.p99")]
    rows += [("the rate of these two, deliveries/s", "latency.rate")]
    systems = ("redis", "naive", "websockets")
    lines = [
        (title, *(_measured(values, metric, system) for system in systems))
        for title, metric in rows
        if any(values.get(metric, {}).get(system) for system in systems[1:])
    ]
    return table(("one room of 1,000", "service", "naive loop", "websockets `broadcast()`"), lines) if lines else ""


def sqlite_table(values: Values) -> str:
    """The same goals on SQLite, as a factor of what Redis reached in the same round."""
    rows = [
        (
            goal.work,
            goal.measure,
            _measured(values, goal.metric, "redis", goal.unit),
            _measured(values, goal.metric, "sqlite", goal.unit),
            spread(sqlite_factor(goal, values)).text("×"),
            _VERDICTS[sqlite_verdict(goal, values)],
        )
        for goal in GOALS
        if sqlite_factor(goal, values)
    ]
    worse = f"worse by (must ≤ {SQLITE_MUST:g} ×, aim ≤ {SQLITE_AIM:g} ×)"
    return table(("work", "measure", "Redis", "SQLite", worse, "verdict"), rows) if rows else ""


def extras_table(values: Values) -> str:
    """What no goal asks for but a reader may."""
    wanted = (
        ("one room, 64 authors with 1 in flight each, CPU per delivery", "authors.cpu", "µs"),
        ("the same, deliveries", "authors.rate", "/s"),
        ("the same, messages", "authors.messages", "/s"),
        ("latency at half of the full rate, p50", "latency.p50", "ms"),
        ("proportional memory (Pss) per socket", "memory.pss", "KiB"),
        ("idle: answer to a ping, p99", "idle.p99", "ms"),
        ("connect and join, 10,000 in one room: CPU per socket", "connect.cpu", "µs"),
        *((f"the same with presence told, rooms of {size:,}", f"joins-{size}.cpu", "µs") for size in SIZES),
    )
    rows = [
        (title, _measured(values, metric, "redis", unit), _measured(values, metric, "sqlite", unit))
        for title, metric, unit in wanted
        if values.get(metric)
    ]
    return table(("measure", "Redis", "SQLite"), rows) if rows else ""


def generator_table(values: Values) -> str:
    """How busy each core was, and what the generator takes from a server that only sends."""
    keys = [metric.removesuffix(".load") for metric in values if metric.endswith(".load") and metric != "idle.load"]
    rows = []
    for key in keys:
        for system in ("redis", "sqlite", "naive", "websockets", "blaster"):
            if values[f"{key}.load"].get(system):
                shares = [_measured(values, f"{key}.{name}", system, "%") for name in ("server", "load", "redis")]
                cost = _measured(values, f"{key}.cpu", system, "µs")
                rows.append((key, system, *shares, cost, _measured(values, f"{key}.rate", system)))
    heads = (
        "run",
        "server",
        "server's core",
        "load generator",
        "Redis",
        "server's CPU per delivery or socket",
        "deliveries or sockets/s",
    )
    return table(heads, rows) if rows else ""


def write(facts: Facts, folder: Path) -> None:
    """performance.md, performance.json and the plots."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).write_bytes(msgspec.json.format(msgspec.json.encode(asdict(facts)), indent=1) + b"\n")
    drawn = [f"![{title}](images/{name})" for name, title in plots.draw(facts.values, images)]
    facts_lines = [f"- {name}: {value}" for name, value in facts.machine.items()]
    text = "\n\n".join(
        [
            "# Performance",
            f"Made by `{facts.command}` on {facts.date}, in {facts.seconds:.0f} s; rounds: {facts.rounds}. "
            "Written by that command: change `bench/`, not this file.",
            "\n".join(facts_lines),
            tables(facts),
            "## Plots",
            *drawn,
            *page_report.sections(folder),
            METHOD.read_text().strip(),
            NOTES.read_text().strip(),
        ]
    )
    (folder / "performance.md").write_text(text + "\n")


def reported(text: str | Path) -> Path:
    """An option's value: a folder that has a report already."""
    folder = Path(text)
    if not (folder / FACTS).is_file():
        raise ArgumentTypeError(f"expected a folder with {FACTS}, as python -m bench --out makes it")
    return folder


def render_again(folder: Path) -> None:
    """Write the report from the numbers of its last run: after a change of its words."""
    write(msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts), folder)
