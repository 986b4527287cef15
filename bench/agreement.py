"""`python -m bench.agreement`: whether `service probe` measures what the benchmark does, one after the other by turns.

Both put the same number of sockets into one room of the same process and publish by the clock at the same rate; both
count a delivery from the moment its message was due. The benchmark's client is plain sockets, the probe is the command
that people run, with JSON, oracle and Tornado's WebSocket client: what it adds to the waits is what is looked for.
"""

import argparse
import gc
import json
import subprocess
import sys
from statistics import median
from typing import Any

from bench.load import open_loop
from bench.machine import LOAD_CORE, prepare
from bench.servers import ROOT, Target, target
from service.probe.percentiles import percentile

PERCENTS = (50, 90, 99)


def benched(server: Target, members: int, rate: float, seconds: float) -> list[float]:
    """Milliseconds at `PERCENTS`, of the benchmark."""
    crowd = server.crowd()
    try:
        crowd.enter(["benched"] * members)
        crowd.settle()
        (room,) = crowd.rooms.values()
        room.published = _benched.get(server.pid, 0)
        run = open_loop(crowd, room, server.gauge, rate=rate, seconds=seconds)
        _benched[server.pid] = room.published
    finally:
        crowd.leave()
    return [1000 * percentile(run.latencies, percent) for percent in PERCENTS]


_benched: dict[int, int] = {}  # by process, the last `seq` of the room


def probed(server: Target, members: int, rate: float, seconds: float) -> list[float]:
    """The same of the probe. Raises RuntimeError with its output if it finds anything wrong."""
    (host, port) = server.addresses[0]
    shape = ["--clients", members, "--rooms", 1, "--rate", rate, "--seconds", seconds, "--cut", 0]
    command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "service", "probe", f"http://{host}:{port}", "--json"]
    done = subprocess.run([str(part) for part in [*command, *shape]], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)["delivery_ms"]
    return [found[f"p{percent}"] for percent in PERCENTS]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.agreement", description=__doc__)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--system", choices=("redis", "sqlite"), default="redis")
    parser.add_argument("--redis-options", default="")
    options = parser.parse_args()
    prepare(2 * options.members + 200)
    gc.disable()
    shape = options.members, options.rate, options.seconds
    rounds: list[tuple[list[float], list[float]]] = []
    with target(options.system, redis_options=options.redis_options.split()) as server:
        for _ in range(options.rounds):
            rounds.append((benched(server, *shape), probed(server, *shape)))
    print("| delivery | bench, ms | probe, ms | probe / bench |\n|---|---|---|---|")
    for index, percent in enumerate(PERCENTS):
        bench, probe = (median(one[side][index] for one in rounds) for side in (0, 1))
        print(f"| p{percent} | {bench:.2f} | {probe:.2f} | {probe / bench:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
