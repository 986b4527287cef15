"""The fault table's rows: printed at the end of a run, a line a fault.

How a row is made: real processes and a real Redis stand, a swarm of good clients (client.py) posts and listens, a
fault strikes again and again, and once everybody is caught up the oracle that `python -m service probe` has, too
(service/probe/oracle.py), judges. Each fault has a control: the same run with one guard taken away (unguarded.py) must
show the damage, or the test could not fail.

F1, F2, F5, F6 and F13 are run by the libraries, too, Python's (library.py) and JavaScript's (javascript.py): the rows
called "py" and "js"; by event streams (streams.py), whose frames go to any of the processes: the rows called "sse"; and
by the libraries where WebSockets are blocked: those called "py sse" and "js sse" (crowds.py). F22 and F23 are run on
each shape of Redis: the rows called so.

`bin/test faults` runs the table's sizes, with `--middle` what CI runs, `bin/test` smaller ones of F1, F2, F4, F5, F6,
F10, F13, F18, F21 to F24, `bin/test soak` the hour of F15. A failure prints its seed; `--seed` or the variable
PARLEY_SEED repeats its random choices. Limits in seconds are the table's times TEST_UNIT; those of F3, F6, F9, F10 and
F12 are the ones that a busy machine may miss.

"Worst recovery" is, unless the row says otherwise: F1, how long an acknowledged message took to reach everybody; F2,
F14 and F21, from Redis's return to the next acknowledgement; F5, F6, F7, F15, F19 and F20, from a socket's end until
its client was in all its rooms again; F10, from reading again until caught up; F11, until the last of all was back;
F16 and F17, from the Sentinels' word or the old primary's return to the next acknowledgement; F18, the longest wait for
one, or for a copy after it; F24, from the change of master until everybody there was told.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from service.probe.oracle import RunVerdict


@dataclass
class Row:
    """A line of the table. `control`: what the same run shows without the guard."""

    fault: str
    messages: int | None = None
    faults: int | None = None
    verdict: RunVerdict | None = None
    recovery: float | None = None
    seed: int | None = None
    note: str = ""
    control: str = ""

    def cells(self) -> list[str]:
        seconds = "" if self.recovery is None else f"{self.recovery:.2f}"
        counts = ["-"] * 3
        if (verdict := self.verdict) is not None:
            counts = [str(max(verdict.lost, verdict.holes)), str(verdict.repeated), str(verdict.out_of_order)]
        shown = ["-" if value is None else str(value) for value in (self.messages, self.faults)]
        return [
            self.fault,
            *shown,
            *counts,
            seconds,
            "" if self.seed is None else str(self.seed),
            self.note,
            self.control,
        ]


class Table:
    """What one test enters: a run, or a control, which other tests' rows of the same fault are put together with."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def row(
        self,
        fault: str,
        seed: int,
        messages: int,
        faults: int,
        verdict: RunVerdict | None = None,
        recovery: float | None = None,
        note: str = "",
        by: str = "",
    ) -> None:
        """Enter what a run saw, before it is asserted. `by`: what sets it apart from other runs of the same fault."""
        fault = f"{fault} {by}".rstrip()
        row = self.rows.setdefault(fault, Row(fault))
        row.seed, row.messages, row.faults, row.recovery, row.note = seed, messages, faults, recovery, note
        row.verdict = verdict

    def control(self, fault: str, text: str) -> None:
        """Enter what a run without a guard saw, beside others of the kind."""
        row = self.rows.setdefault(fault, Row(fault))
        row.control = "; ".join(filter(None, (row.control, text)))


HEADS = ("fault", "messages", "faults", "lost", "repeated", "out of order", "worst recovery, s", "seed", "also")
_PROPERTY = "row of the fault table"
_entered: dict[str, list[str]] = {}  # the cells of a whole run's rows, by fault, in the process that prints them


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take the rows of a test that has ended, in this process or in another."""
    for name, cells in report.user_properties if report.when == "teardown" else ():
        if name == _PROPERTY:
            assert isinstance(cells, list)
            fault, *_, control = cells
            known = _entered.setdefault(fault, cells)
            if known is not cells:
                controls = "; ".join(filter(None, (known[-1], control)))
                ran = cells if set(cells[1:-1]) - {"-", ""} else known
                _entered[fault] = [*ran[:-1], controls]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _entered:
        terminalreporter.section("faults")
        rows = sorted(_entered.values(), key=lambda cells: (int(cells[0][1:].split()[0]), cells[0]))
        table = [[*HEADS, "without the guard"], *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            terminalreporter.write_line("  ".join(padded).rstrip())


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """Where a test enters what it saw."""
    table = Table()
    yield table
    request.node.user_properties += [(_PROPERTY, row.cells()) for row in table.rows.values()]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of a run's random choices: --seed, PARLEY_SEED, or another each time."""
    option = request.config.getoption("--seed")
    given = os.environ.get("PARLEY_SEED") if option is None else option
    return random.SystemRandom().randrange(2**32) if given is None else int(given)
