"""`python -m service probe URL`: options, the progress line, what is printed, the exit status."""

import argparse
import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

import msgspec

from service.names import ROOM
from service.probe.arrivals import Arrivals
from service.probe.client import Client
from service.probe.door import Door, DoorError
from service.probe.report import FailedRun, Report, Thresholds, report, text
from service.probe.run import MakeSomebody, Plan, Run

COPIES_LIMIT = 5_000_000  # that one run remembers, some 250 bytes each
BAR = 20  # characters
WELL, WANTING, NOT_PROBED = 0, 1, 2


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ, command: str = "python -m service") -> int:
    """Probe, print, and answer the exit status: 0 well, 1 a threshold or a promise broken, 2 not probed."""
    parser = _parser(command)
    options = parser.parse_args(argv)
    tokens = tuple(options.token or environ.get("PARLEY_TOKEN", "").split())
    rooms = tuple(f"{options.room}-{number + 1}" for number in range(options.rooms))
    plan = Plan(
        seconds=options.seconds,
        rate=options.rate,
        clients=options.clients,
        rooms=rooms,
        cut=min(options.cut, options.clients - 1),
        tokens=tokens,
        by_library=options.library,
    )
    if not all(ROOM.fullmatch(room) for room in rooms):
        parser.error(f"argument --room: no room can be called {rooms[-1]}")
    if plan.messages * plan.clients > COPIES_LIMIT:
        parser.error(f"{plan.messages * plan.clients:,} copies are more than can be remembered, {COPIES_LIMIT:,}")
    make = _by_library(parser, options.origin) if options.library else Client
    thresholds = Thresholds(p99_ms=options.p99, reconnect_s=options.reconnect, missing=options.missing)
    try:
        arrivals = Arrivals()
        with asyncio.Runner(loop_factory=arrivals.loop) as runner:
            found = runner.run(_probe(options.url, options.origin, plan, thresholds, arrivals, make))
    except (DoorError, ValueError) as error:
        kind = error.kind if isinstance(error, DoorError) else "url"
        if options.json:
            failure = FailedRun(url=options.url, status=NOT_PROBED, error={"kind": kind, "message": str(error)})
            _print(msgspec.json.encode(failure).decode())
        sys.stderr.write(f"parley: {error}\n")
        return NOT_PROBED
    except KeyboardInterrupt:
        return NOT_PROBED
    _print(msgspec.json.encode(found).decode() if options.json else text(found))
    return found.status


def _by_library(parser: argparse.ArgumentParser, origin: str | None) -> MakeSomebody:
    """The Python client is a package of its own, which need not be here."""
    if origin is not None:
        parser.error("argument --origin: not with --library: a program has none")
    try:
        made: MakeSomebody = importlib.import_module("service.probe.library").LibraryClient
    except ModuleNotFoundError as error:
        if error.name != "parley_client":
            raise
        parser.error("argument --library: the Python client is not installed: pip install 'parley-client[events]'")
    return made


async def _probe(
    url: str, origin: str | None, plan: Plan, thresholds: Thresholds, arrivals: Arrivals, make: MakeSomebody
) -> Report:
    """Raises `DoorError` where nobody comes in, `ValueError` for an address that can't be one."""
    door = Door(url, origin)
    progress = Progress(sys.stderr)
    run = Run(door, plan, lambda: arrivals.before, progress.show, make)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        """Ctrl-C: judge what there is. The next one ends it."""
        run.stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        await run.do()
        return report(door.url, run, thresholds)
    finally:
        progress.clear()
        door.close()


class Progress:
    """A line that is written over, on a terminal alone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = 0
        self._on = stream.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, run: Run) -> None:
        if not self._on:
            return
        records, plan = run.records, run.plan
        full = round(BAR * min(1.0, run.elapsed / plan.seconds))
        away = f", {run.away_now} away" if run.away_now else ""
        copies = len(records.deliveries) + records.caught_up
        line = f"[{'#' * full}{'.' * (BAR - full)}] {run.elapsed:.0f} of {plan.seconds:g} s, {copies} copies{away}"
        self._stream.write(f"\r{line.ljust(self._shown)}")
        self._stream.flush()
        self._shown = len(line)

    def clear(self) -> None:
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _within(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    """A number of this kind from `low` to `high`."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"expected {what} from {low:g} to {high:g}")
        return value

    return parse


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{command} probe",
        description="Come in by the public door as people do, talk in rooms of one's own, and judge what arrives.",
        epilog="Exit status: 0 all well; 1 a promise broken or a threshold passed; 2 nobody came in.",
    )
    add = parser.add_argument
    add("url", metavar="URL", help="of the service: https://chat.example.com")
    add("--seconds", type=_within(float, 1, 3600), default=10.0, help="how long messages are posted (10)")
    add("--clients", type=_within(int, 2, 1000), default=10, help="users, with a socket each, in every room (10)")
    add("--rate", type=_within(float, 0.1, 1000), default=10.0, help="messages a second, of all together (10)")
    add("--rooms", type=_within(int, 1, 50), default=2, help="how many rooms (2)")
    add("--room", default="probe", metavar="NAME", help="what their names begin with; the same from run to run (probe)")
    add("--cut", type=_within(int, 0, 1000), default=1, help="sockets that are cut halfway and resume (1)")
    add("--token", action="append", help="for a service without guests; of several, each for some of the clients. "
        "Better in the variable PARLEY_TOKEN, which others on the machine don't see")  # fmt: skip
    add("--origin", help="whose page we are; by default the service's own")
    add(
        "--library",
        action="store_true",
        help="come by the Python client, as programs do; it goes round by event streams where WebSockets are blocked",
    )
    add("--p99", type=_within(float, 0, 1e6), default=1000.0, metavar="MS", help="of a delivery, at most (1000)")
    add("--reconnect", type=_within(float, 0, 1e4), default=15.0, metavar="S", help="to be back, at most (15)")
    add("--missing", type=_within(int, 0, 1e9), default=0, metavar="N",
        help="acknowledged messages of which the service says that they are gone, at most (0)")  # fmt: skip
    add("--json", action="store_true", help="one JSON object on standard output")
    return parser
