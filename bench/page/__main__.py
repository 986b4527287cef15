"""The command line: measures the page, prints the table, and writes its part of docs/performance.md."""

import argparse
import asyncio
import shlex
import sys
import time

from bench import report
from bench.__main__ import rounds
from bench.machine import MachineError
from bench.page import living, loading, reading
from bench.page import report as page_report
from bench.page.goals import ROWS
from bench.page.lab import Row, laboratory
from bench.servers import ROOT, ServerError

MEASURES: dict[str, Row] = {
    "weight": loading.weight,
    "paint": loading.paint,
    "delivery": living.delivery,
    "heap": living.heap,
    "live": reading.live,
    "back": reading.back,
    "long": reading.long,
}


def parser() -> argparse.ArgumentParser:
    """The options, with what each is for."""
    made = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    made.add_argument("--quick", action="store_true", help="a look: one round, short runs; not written")
    made.add_argument(
        "--only",
        action="append",
        metavar="ROW",
        choices=ROWS,
        help=f"only this row; may be repeated: {', '.join(ROWS)}",
    )
    made.add_argument("--rounds", type=rounds, metavar="N", default=3, help="of which the median is judged")
    made.add_argument(
        "--out", type=report.reported, metavar="DIR", default=ROOT / "docs", help="where performance.md is"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    command = shlex.join(["python", "-m", "bench.page", *(sys.argv[1:] if arguments is None else arguments)])
    names = options.only or ROWS
    try:
        values = asyncio.run(measure(names, 1 if options.quick else options.rounds, options.quick))
    except (MachineError, ServerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    record = page_report.measured(values, command)
    print(page_report.goals_table(record))
    if not options.quick:
        page_report.add(options.out, record)
        report.render_again(options.out)
        print(f"written: {options.out / 'performance.md'}", file=sys.stderr)
    return 0


async def measure(names: list[str] | tuple[str, ...], count: int, quick: bool) -> dict[str, list[float]]:
    """Each row in each round, all in a service and a browser of their own; values by metric."""
    start = time.monotonic()
    values: dict[str, list[float]] = {}
    for number in range(count):
        for name in names:
            print(f"{time.monotonic() - start:5.0f} s  round {number + 1}: {name}", file=sys.stderr, flush=True)
            async with laboratory() as lab:
                for metric, value in (await MEASURES[name](lab, quick)).items():
                    values.setdefault(metric, []).append(value)
    return values


if __name__ == "__main__":
    sys.exit(main())
