"""Where a server's time goes in one row: py-spy for its Python functions, perf for what is below them.

A profile is taken of the run itself, with the same cores and sockets as in the table.
"""

import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.crowd import Crowd
from bench.idle import Attendance
from bench.load import closed_loop
from bench.machine import Gauge, MachineError
from bench.measure import Plan, crowded, small_room_names
from bench.servers import PINGS_LATER

TOOLS = ("py-spy", "perf")
SECONDS = 6
TOP = 25
RATE = 500  # samples a second
_FLIGHTS = {  # row: authors a room, messages each keeps in flight
    "flight-1": (1, 1),
    "flight-16": (1, 16),
    "flight-64": (1, 64),
    "authors": (64, 1),
    "rooms-1": (1, 1),
    "rooms-4": (1, 4),
}
ROWS = (*_FLIGHTS, "idle", "connect")
_ARRIVALS = 1_000  # sockets that come at once in the connect row, before they go again


def run(tool: str, plan: Plan, folder: Path) -> None:
    """Profile each row of the plan on each of its systems. Raises `MachineError` without the tool or a row."""
    rows = [row for row in ROWS if row in plan.rows]
    if not rows:
        raise MachineError(f"--profile takes one of these rows: --only {', '.join(ROWS)}")
    path = shutil.which(tool, path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
    if not path:
        way = "pip install py-spy" if tool == "py-spy" else "apt-get install linux-perf"
        raise MachineError(f"{tool} is missing: {way}")
    folder.mkdir(parents=True, exist_ok=True)
    record = _py_spy if tool == "py-spy" else _perf
    for row in rows:
        for system in plan.systems:
            names = small_room_names(plan) if row.startswith("rooms") else ["bench"] * plan.members
            pings = PINGS_LATER
            if row == "idle":
                names, pings = ["bench"] * plan.many, {"PING_INTERVAL": f"{plan.ping_interval:g}"}
            with crowded(system, names, pings) as (server, crowd):
                load = _load(row, crowd, server.gauge)
                print(f"## {row}, {system}\n\n{record(path, server.pid, load, folder / f'profile-{row}-{system}')}\n")


def _load(row: str, crowd: Crowd, gauge: Gauge) -> Callable[[float], None]:
    """What keeps the server as busy as in the row, for so many seconds."""
    if row == "idle":
        return Attendance(crowd).attend
    if row == "connect":
        return lambda seconds: _come_and_go(crowd, seconds)
    authors, flight = _FLIGHTS[row]

    def load(seconds: float) -> None:
        rooms = list(crowd.rooms.values())
        closed_loop(crowd, rooms, gauge, publishers=authors, in_flight=flight, seconds=seconds)

    load(0.5)
    return load


def _come_and_go(crowd: Crowd, seconds: float) -> None:
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        arriving = Crowd(crowd.addresses, crowd.dialect)
        arriving.enter(["arrivals"] * _ARRIVALS)
        arriving.leave()


def _while_loaded(command: list[str], load: Callable[[float], None]) -> None:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        load(SECONDS + 1.0)
        _, errors = process.communicate(timeout=60)
    if process.returncode:
        raise MachineError(f"{' '.join(command)} failed:\n{errors}")


def _py_spy(path: str, pid: int, load: Callable[[float], None], stem: Path) -> str:
    """A flame graph (SVG), and the functions with the most time of their own and with those they call."""
    base = [path, "record", "--pid", str(pid), "--duration", str(SECONDS), "--rate", str(RATE), "--nonblocking"]
    raw, flame = stem.with_suffix(".txt"), stem.with_suffix(".svg")
    _while_loaded([*base, "--format", "raw", "--output", str(raw)], load)
    _while_loaded([*base, "--format", "flamegraph", "--output", str(flame)], load)
    own, whole = shares(raw.read_text())
    lines = [f"{share:5.1f} %  {whole[name]:5.1f} %  {name}" for name, share in own.most_common(TOP)]
    return "\n".join([f"flame graph: {flame}", "", "    own     whole  function", *lines])


def shares(raw: str) -> "tuple[Counter[str], Counter[str]]":
    """Own and whole time of each function, in percent of all samples, from py-spy's collapsed stacks."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    total = 0
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        if not stack:  # taken while the interpreter changed its frames
            continue
        names = [frame.rpartition(":")[0] or frame for frame in stack.split(";")]  # without the line number
        names = [name + ")" if "(" in name and not name.endswith(")") else name for name in names]
        total += int(count)
        own[names[-1]] += int(count)
        for name in set(names):
            whole[name] += int(count)
    for counter in (own, whole):
        for name in counter:
            counter[name] = counter[name] * 100 / total  # type: ignore[assignment]
    return own, whole


def _perf(path: str, pid: int, load: Callable[[float], None], stem: Path) -> str:
    """The functions with the most time of their own, of the kernel, the interpreter and its libraries alike."""
    data = stem.with_suffix(".perf")
    record = [path, "record", "-e", "cpu-clock", "-F", str(RATE), "-p", str(pid), "-o", str(data)]
    _while_loaded([*record, "--", "sleep", str(SECONDS)], load)
    parts = []
    for sort in ("dso", "dso,symbol"):
        report = [path, "report", "-i", str(data), "--stdio", "-F", f"overhead,{sort}", "--percent-limit", "0.5"]
        text = subprocess.run(report, capture_output=True, text=True, check=True).stdout
        lines = [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        parts.append("\n".join(lines[: 2 * TOP]))
    return "\n\n".join(parts)
