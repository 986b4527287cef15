"""The tables of docs/scaling.md that are computed from costs alone."""

from collections.abc import Sequence
from dataclasses import fields
from typing import get_args

from bench.capacity.costs import Costs
from bench.capacity.model import (
    GIB,
    MIB,
    MOST,
    Load,
    Plan,
    crowded,
    deployment,
    holders,
    hot_room,
    message,
    of_processes,
    redis_message,
)
from bench.scaling import ROOM
from bench.stats import number
from bench.tables import table

SCALES = {"µs": 1e6, "×": 1.0, "B": 1.0, "KiB": 1 / 1024, "MiB": 1 / MIB}


MANY = 1_000  # processes, of which each has few members of a room
ROOMS = (2, 10, 100, 1_000)  # members
GROWTH = tuple(Load(sockets, ROOM) for sockets in (1_000, 10_000, 100_000, 1_000_000))
TEN_MILLION = tuple(Load(10_000_000, members, read=read) for members in ROOMS for read in (True, False))


def costs_table(costs: Costs) -> str:
    """Each with its source."""
    rows = []
    for one in fields(costs):
        value = getattr(costs, one.name)
        text, unit = get_args(one.type)[1]
        rows.append((one.name, text, f"{number(value * SCALES[unit])} {unit}", value.source))
    return table(("name", "what", "cost", "from"), rows)


def sized(count: float) -> str:
    """A count, of which the first three digits are meant; small whole ones have no point."""
    return f"{count:.0f}" if count < 1_000 and count == int(count) else number(count)


def memory(count: float) -> str:
    """Bytes as one reads them."""
    for size, unit in ((1024 * GIB, "TiB"), (GIB, "GiB"), (MIB, "MiB")):
        if count >= size:
            return f"{number(count / size)} {unit}"
    return f"{number(count / 1024)} KiB"


def process_table(costs: Costs, plan: Plan) -> str:
    """What one process does, alone and as one of many that all have members of each room."""
    rows = []
    for members in ROOMS:
        cells = [sized(members)]
        for processes in (1, MANY):
            rate = plan.share / message(costs, members, holders(members, processes))
            cells += [sized(rate), sized(rate * members)]
            cells += [sized(sockets(costs, plan, members, processes, read)) for read in (False, True)]
        rows.append(cells)
    heads = ["members of a room"]
    for place in ("alone", f"one of {MANY:,}"):
        heads += [f"{place}: messages/s", "deliveries/s", "sockets, if nobody reads", "if all read"]
    return table(heads, rows)


def sockets(costs: Costs, plan: Plan, members: int, processes: int, read: bool) -> float:
    """How many a core carries, of people as `Load` has them, whatever memory and descriptors say."""
    load = Load(plan.sockets * processes, members, read=read)
    each = (of_processes(crowded(costs), load, processes).cores / processes - costs.idle) / plan.sockets
    return (plan.share - costs.idle) / each


def redis_table(costs: Costs, plan: Plan) -> str:
    """What one Redis, or one primary, does."""
    rows = []
    for held in (1, 4, 10, 100, 1_000):
        cells = [sized(held)]
        for batch in (1, 4, 16):
            rate = plan.share / redis_message(costs, held, batch)
            cells += [sized(rate), sized(rate * held * costs.push_bytes / 1e6)]
        rows.append(cells)
    heads = ["processes that hold the room"]
    for come in ("one by one", "4 at once", "16 at once"):
        heads += [f"{come}: messages/s", "MB/s out"]
    return table(heads, rows)


def bounded(count: int, bound: str) -> str:
    """So many, and what for."""
    return f"{sized(count)} ({bound})" if count > 1 else "1"


def deployments_table(costs: Costs, plan: Plan, loads: Sequence[Load]) -> str:
    """What each load needs."""
    rows = []
    for load in loads:
        found = deployment(costs, load, plan)
        cells = [sized(load.sockets), sized(load.room), "all" if load.read else "nobody", sized(load.messages)]
        if found.processes > MOST:
            rows.append([*cells, f"no: over {MOST:,}", *[""] * 7])
            continue
        rows.append(
            [
                *cells,
                bounded(found.processes, found.bound),
                f"{found.busy:.0%}",
                memory(found.process_bytes),
                bounded(found.primaries, found.redis_bound),
                f"{found.redis_busy:.0%}",
                memory(found.redis_bytes),
                f"{found.out / 1e6:.1f}",
                sized(found.connections),
            ]
        )
    heads = (
        "sockets",
        "in a room",
        "who reads",
        "messages/s",
        "processes",
        "core of each",
        "memory of each",
        "primaries",
        "core of the busiest",
        "Redis's memory in all",
        "MB/s out of each",
        "connections to each",
    )
    return table(heads, rows)


def hot_table(costs: Costs, plan: Plan) -> str:
    """One room, by its members and its rate."""
    rates = (1, 10, 100, 1_000)
    rows = []
    for members in (1_000, 10_000, 30_000, 100_000, 1_000_000):
        cells = [sized(members)]
        for rate in rates:
            found = hot_room(costs, plan, members, rate)
            place = f"{sized(found.processes)}, {found.turn * 1e3:.0f} ms"
            cells.append(f"no: {found.bound}" if found.bound else place)
        rows.append(cells)
    return table(["members", *(f"{rate:,} messages/s" for rate in rates)], rows)
