"""What things cost a process and a Redis, each figure with where it is from.

They come from docs/performance.json (`python -m bench`) and docs/scaling.json (`python -m bench.scaling`). Seconds of a
core and bytes throughout.
"""

from dataclasses import dataclass
from statistics import median
from typing import Annotated, NamedTuple, Self

import msgspec

from bench.goals import Values
from bench.scaling import ROOM, Facts
from bench.servers import ROOT
from service.rooms.rooms import CHECK_INTERVAL

PERFORMANCE, SCALING = (ROOT / "docs" / name for name in ("performance.json", "scaling.json"))


class Cost(float):
    """Seconds of a core, or bytes, and where that is from."""

    source: str

    def __new__(cls, value: float, source: str) -> Self:
        made = super().__new__(cls, value)
        made.source = source
        return made


class What(NamedTuple):
    """Of what it is the cost, and the unit in which it is shown."""

    text: str
    unit: str = "µs"


@dataclass(frozen=True, slots=True)
class Costs:
    """The first part is of a process's core, the second of a Redis's, the third of memory and network."""

    write: Annotated[Cost, What("a write to one socket")]
    copy: Annotated[Cost, What("each message in it")]
    crowd: Annotated[Cost, What("a write where the process has 10,000 sockets, in such of one with 1,000", "×")]
    call: Annotated[Cost, What("a publication: one call of the script for a room, and its broadcast taken")]
    message: Annotated[Cost, What("each message in it")]
    receive: Annotated[Cost, What("a publication of another process, taken")]
    read: Annotated[Cost, What("a `read`, told to Redis")]
    look: Annotated[Cost, What("a look at the position of a room that is held, every 2 s")]
    connect: Annotated[Cost, What("a handshake and a join")]
    ping: Annotated[Cost, What("a second of a socket that is pinged")]
    idle: Annotated[Cost, What("a second of a process without sockets")]
    redis_call: Annotated[Cost, What("a publication")]
    redis_message: Annotated[Cost, What("each message in it")]
    push: Annotated[Cost, What("a publication sent to one process")]
    redis_read: Annotated[Cost, What("a `read`")]
    redis_look: Annotated[Cost, What("a look at the position of a room, by one process")]
    redis_connect: Annotated[Cost, What("a handshake and a join")]
    redis_idle: Annotated[Cost, What("a second of a Redis of which nothing is asked")]
    append: Annotated[Cost, What("whatever is written, to the append-only file as well")]
    process_bytes: Annotated[Cost, What("a process", "MiB")]
    socket_bytes: Annotated[Cost, What("a joined socket", "KiB")]
    room_bytes: Annotated[Cost, What("a room that is held", "KiB")]
    person_bytes: Annotated[Cost, What("somebody present, in a room of their own", "B")]
    kept_bytes: Annotated[Cost, What("a message that is kept", "B")]
    id_bytes: Annotated[Cost, What("the id of a message, for dedupe", "B")]
    push_bytes: Annotated[Cost, What("a message sent to one process", "B")]


class Measured(msgspec.Struct):
    """Of docs/performance.json what is needed here."""

    date: str
    values: Values


def load_performance() -> Measured:
    """The newest table of `python -m bench`."""
    return msgspec.json.decode(PERFORMANCE.read_bytes(), type=Measured)


def load_scaling() -> Facts:
    """The newest figures of `python -m bench.scaling`."""
    return msgspec.json.decode(SCALING.read_bytes(), type=Facts)


def seen(facts: Facts, run: str, processes: int, primaries: int) -> dict[str, float]:
    """The medians of a run's figures over its rounds; nothing if there was none."""
    rounds = [
        one.figures for one in facts.seen if (one.run, one.processes, one.primaries) == (run, processes, primaries)
    ]
    return {name: median(figures[name] for figures in rounds) for name in (rounds[0] if rounds else ())}


class _Sources:
    """Figures of both files in seconds, and how they are named as a source."""

    def __init__(self, table: Measured, facts: Facts) -> None:
        self._table, self._facts = table, facts

    def row(self, name: str, figure: str) -> float:
        """Of `python -m bench`, the service on Redis, as it stands there."""
        return median(self._table.values[f"{name}.{figure}"]["redis"])

    def message(self, name: str, deliveries: int) -> float:
        """Seconds of the process that a message of a row took, which so many sockets got."""
        return self.row(name, "cpu") * 1e-6 * deliveries

    def redis_message(self, name: str) -> float:
        """The same of Redis."""
        return self.row(name, "redis") / 100 / self.row(name, "messages")

    def run(self, name: str, processes: int = 1) -> dict[str, float]:
        """Of `python -m bench.scaling`, with one primary; times in seconds."""
        found = seen(self._facts, name, processes, 1)
        return {figure: value * 1e-6 if figure.endswith("_us") else value for figure, value in found.items()}

    def of_rows(self, names: str) -> str:
        return f"{names} of `python -m bench`, {self._table.date}"

    def of_runs(self, names: str) -> str:
        return f"{names} of `python -m bench.scaling`, {self._facts.date}"


def costs_of(table: Measured, facts: Facts) -> Costs:
    """How each follows from what was measured stands in its source."""
    of = _Sources(table, facts)
    rows, runs = of.of_rows, of.of_runs
    # One room of 1,000 with 1 and 16 messages in flight, a hundred rooms of 10 with 1 and 4: four equations, four
    # unknowns. A message of a room of n, b at once, costs n (write / b + copy) + call / b + message.
    large, small = of.message("flight-1", 1_000), of.message("rooms-1", ROOM)
    large_once = (large - of.message("flight-16", 1_000)) * 16 / 15
    small_once = (small - of.message("rooms-4", ROOM)) * 4 / 3
    write = (large_once - small_once) / (1_000 - ROOM)
    copy = ((large - large_once) - (small - small_once)) / (1_000 - ROOM)
    call, message = small_once - ROOM * write, small - small_once - ROOM * copy
    four = rows("rows flight-1, flight-16, rooms-1, rooms-4")
    # The same of Redis.
    redis_once = (of.redis_message("rooms-1") - of.redis_message("rooms-4")) * 4 / 3
    push, plain, append, quiet = (of.run(name) for name in ("push", "plain", "append", "quiet"))
    redis_call = redis_once - push["redis_us"]
    two = rows("rows rooms-1, rooms-4")
    # Ten people read a message; all are on one process, which tells of them in one signal.
    seldom, read = of.run("seldom"), of.run("read")
    reading = read["server_us"] - seldom["server_us"] - (call + ROOM * write)
    redis_reading = read["redis_us"] - seldom["redis_us"] - redis_once
    socket = of.row("memory", "rss") * 1024
    documented = "docs/operations.md, `MEMORY USAGE` on Redis 7.0"
    return Costs(
        write=Cost(write, four),
        copy=Cost(copy, four),
        crowd=Cost(of.row("sizes-1-10000", "cpu") / of.row("flight-1", "cpu"), rows("rows sizes-1-10000, flight-1")),
        call=Cost(call, four),
        message=Cost(message, four),
        receive=Cost(of.run("apart", 2)["readers_us"] - write - copy, runs("run apart, less a write,")),
        read=Cost(reading / ROOM, runs("runs read less seldom, less a signal,")),
        look=Cost(quiet["room_server_us"] * CHECK_INTERVAL, runs("run quiet")),
        connect=Cost(of.row("connect", "cpu") * 1e-6, rows("row connect")),
        ping=Cost(of.row("idle", "cpu") / 100 / 10_000, rows("row idle")),
        idle=Cost(quiet["idle_server_us"], runs("run quiet")),
        redis_call=Cost(redis_call, f"{two}, less a push"),
        redis_message=Cost(of.redis_message("rooms-1") - redis_once, two),
        push=Cost(push["redis_us"], runs("run push")),
        redis_read=Cost(redis_reading / ROOM, runs("runs read less seldom, less a signal,")),
        redis_look=Cost(quiet["room_redis_us"] * CHECK_INTERVAL, runs("run quiet")),
        redis_connect=Cost(of.row("connect", "redis") / 100 / of.row("connect", "rate"), rows("row connect")),
        redis_idle=Cost(quiet["idle_redis_us"], runs("run quiet")),
        append=Cost(append["redis_us"] - plain["redis_us"], runs("runs append less plain")),
        process_bytes=Cost(quiet["process_bytes"], runs("run quiet")),
        socket_bytes=Cost(socket, rows("row memory")),
        room_bytes=Cost(quiet["lone_bytes"] - socket, runs("run quiet, less a socket,")),
        person_bytes=Cost(quiet["person_bytes"], runs("run quiet")),
        kept_bytes=Cost(555, documented),
        id_bytes=Cost(165, documented),
        push_bytes=Cost(push["payload_bytes"], runs("run push")),
    )
