"""The command line: runs the table, prints it, and writes docs/performance.md with its plots."""

import argparse
import dataclasses
import gc
import shlex
import sys
import time
from pathlib import Path

from bench import profile, report
from bench.crowd import LoadError
from bench.goals import ROWS
from bench.machine import MachineError, describe, prepare
from bench.measure import QUICK, Notes, Plan, stages
from bench.servers import ROOT, ServerError


def parser() -> argparse.ArgumentParser:
    """The options, with what each is for."""
    made = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    made.add_argument(
        "--quick", action="store_true", help="under a minute: one round, short runs, fewer sockets; not written"
    )
    made.add_argument(
        "--only",
        action="append",
        metavar="ROW",
        choices=ROWS,
        help=f"only this row; may be repeated: {', '.join(ROWS)}",
    )
    made.add_argument(
        "--systems",
        type=_systems,
        metavar="NAME,…",
        help="of redis, sqlite (the service on each broker), naive, websockets",
    )
    made.add_argument("--rounds", type=rounds, metavar="N", help="of which median, least and greatest are shown")
    made.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where performance.md and images/ go (docs for a whole run, else nowhere)",
    )
    made.add_argument(
        "--render", action="store_true", help="write --out anew from its performance.json, without measuring"
    )
    made.add_argument(
        "--profile", choices=profile.TOOLS, help="profile the service in the row of --only and print its top functions"
    )
    return made


def _systems(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(Plan().systems):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(Plan().systems)}, with commas between them")
    return names


def rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("expected a whole number from 1")
    return int(text)


def plan_of(options: argparse.Namespace) -> Plan:
    """What the options ask for."""
    plan = QUICK if options.quick else Plan()
    changes: dict[str, object] = {}
    if options.rounds:
        changes["rounds"] = options.rounds
    if options.only:
        changes["rows"] = frozenset(options.only)
    if options.systems:
        changes["systems"] = options.systems
    elif options.profile:
        changes["systems"] = ("redis",)
    return dataclasses.replace(plan, **changes)  # type: ignore[arg-type]


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    whole = not (options.quick or options.only or options.systems)
    out: Path | None = options.out or (ROOT / "docs" if whole else None)
    try:
        if options.render:
            report.render_again(report.reported(out or ROOT / "docs"))
            return 0
        plan = plan_of(options)
        prepare(plan.descriptors)
        if options.profile:
            profile.run(options.profile, plan, out or Path("."))
            return 0
        return measure(plan, out, shlex.join(["python", "-m", "bench", *(arguments or sys.argv[1:])]))
    except (MachineError, ServerError, LoadError, argparse.ArgumentTypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def measure(plan: Plan, out: Path | None, command: str) -> int:
    """Run the plan, print and perhaps write the report."""
    gc.disable()  # a collection in the load generator would show as latency of the server
    start, notes, machine = time.time(), Notes(), describe()
    stages(plan, notes, lambda line: print(f"{time.time() - start:5.0f} s  {line}", file=sys.stderr, flush=True))
    facts = report.Facts(
        machine=machine,
        date=time.strftime("%Y-%m-%d", time.gmtime(start)),
        command=command,
        seconds=time.time() - start,
        rounds=plan.rounds,
        values={metric: dict(systems) for metric, systems in notes.values.items()},
    )
    print(report.tables(facts))
    if plan.many != Plan().many:
        print(
            f"\nQuick: {plan.many:,} sockets stand in for {Plan().many:,}, and runs are short. "
            "The goals are judged by a whole run."
        )
    if out:
        report.write(facts, out)
        print(f"written: {out / 'performance.md'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
