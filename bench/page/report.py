"""The table of the page's goals, and the part of docs/performance.md that holds it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.page.goals import GOALS
from bench.stats import spread
from bench.tables import table

FILE = "performance-page.json"  # beside performance.md
METHOD = Path(__file__).with_name("method.md")


@dataclass(frozen=True, slots=True)
class Measured:
    """The values of one metric, one a round, and where they come from."""

    values: Sequence[float]
    command: str
    date: str


Record = dict[str, Measured]  # by metric


def measured(values: Mapping[str, Sequence[float]], command: str) -> Record:
    """Today's."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return {metric: Measured(found, command, today) for metric, found in values.items()}


def goals_table(record: Record) -> str:
    """What was measured beside what must be reached."""
    rows = []
    for goal in GOALS:
        if found := record.get(goal.metric):
            must = goal.must.text(goal.unit).strip() if goal.must else ""
            measured_text = spread(found.values).text(goal.unit)
            source = f"`{found.command}`"
            verdict = goal.verdict(found.values)
            rows.append((goal.work, goal.measure, must, measured_text, verdict, source, found.date))
    heads = ("the page", "measure", "goal", "measured: median (least to greatest)", "verdict", "command", "date")
    return table(heads, rows) if rows else ""


def sections(folder: Path) -> list[str]:
    """What stands of the page in `folder`'s performance.md."""
    text = goals_table(read(folder))
    return [f"## The page\n\n{text}", METHOD.read_text().strip()] if text else []


def read(folder: Path) -> Record:
    """What was written there; empty where nothing was."""
    path = folder / FILE
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.exists() else {}


def add(folder: Path, record: Record) -> None:
    """Write what was measured, over the values of earlier runs."""
    merged = {metric: found for metric, found in (read(folder) | record).items() if metric in _KNOWN}
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(merged), indent=1) + b"\n")


_KNOWN = frozenset(goal.metric for goal in GOALS)
