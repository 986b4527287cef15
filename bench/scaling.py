"""`python -m bench.scaling`: what more processes and more primaries cost, for capacity.py to be held against.

All processes share one core, and Redis and the load the other, as in the table of `python -m bench`: two cores can't
show that four processes do four times as much. What can be seen on them is what a message costs all processes together,
and all primaries. Where that stays as it was, more cores do more; where it grows, so much less.
"""

import argparse
import dataclasses
import gc
import multiprocessing
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import msgspec
import redis

from bench.crowd import Crowd, LoadError, Room
from bench.idle import Attendance
from bench.load import Run, by_the_clock, closed_loop
from bench.machine import Gauge, MachineError, describe, memory_bytes, prepare
from bench.measure import crowded, warm_up
from bench.servers import PINGS_LATER, ROOT, ServerError, Target

ROOM = 10  # members of a small room
LARGE = "large"
# Rates are counted, for that costs something, but never reached.
_ENV = PINGS_LATER | {"SEND_RATE": "100000", "SEND_BURST": "100000"}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is run. `shapes`: numbers of processes and of primaries."""

    shapes: tuple[tuple[int, int], ...] = ((1, 1), (2, 1), (4, 1), (1, 3), (2, 3), (4, 3))
    rounds: int = 2
    seconds: float = 2.0  # of each run
    rooms: int = 101  # small ones; coprime to the processes, so that each room's members are spread over all of them
    members: int = 1_000  # of the large one
    rate: float = 4_000.0  # messages a second that keep a process about half busy
    seldom: float = 200.0  # the same that hardly do; no room has two while reads are gathered
    lone: int = 5_000  # sockets with a room of their own
    quiet: float = 10.0  # seconds for which nothing is said
    listeners: int = 16  # connections that subscribe to everything


QUICK = Scale(
    shapes=((1, 1), (2, 1)),
    rounds=1,
    seconds=0.4,
    rooms=11,
    members=100,
    rate=500,
    seldom=20,
    lone=200,
    quiet=4,
    listeners=4,
)


class Seen(msgspec.Struct):
    """What one run showed: figures by name, whose unit is the name's end, or messages a second."""

    run: str
    processes: int
    primaries: int
    figures: dict[str, float]


class Facts(msgspec.Struct):
    """All that capacity.py takes from here; kept as docs/scaling.json."""

    machine: dict[str, str]
    date: str
    command: str
    seconds: float
    members: int  # of the large room
    rate: float  # messages a second of the run clock
    seldom: float  # of the runs seldom and read
    seen: list[Seen]


def figures(run: Run) -> dict[str, float]:
    """What a message cost, how many there were, and how busy the processes' core was."""
    return {
        "messages": run.messages / run.seconds,
        **({"busy": run.share("server")} if "server" in run.cpu else {}),
        **{f"{name}_us": spent / run.messages * 1e6 for name, spent in run.cpu.items()},
    }


@contextmanager
def filled(rooms: list[str], **shape: Any) -> Iterator[tuple[Target, Crowd]]:
    """The service on Redis in a shape, with a socket for each entry of `rooms`, warmed up."""
    with crowded("redis", rooms, _ENV, **shape) as (server, crowd):
        warm_up(crowd, server)
        yield server, crowd


def small_rooms(scale: Scale, members: int = ROOM) -> list[str]:
    """The room of each socket. One that follows another is in the next room, and on the next process."""
    return [f"small-{index % scale.rooms}" for index in range(members * scale.rooms)]


def shape(scale: Scale, processes: int, primaries: int, see: Callable[[str, dict[str, float]], None]) -> None:
    """Small rooms whose members are spread over all processes, and a large one."""
    names = [*small_rooms(scale), *[LARGE] * scale.members]
    with filled(names, processes=processes, primaries=primaries) as (server, crowd):
        small = [room for name, room in crowd.rooms.items() if name != LARGE]
        seconds, gauge = scale.seconds, server.gauge

        def closed(rooms: list[Room], in_flight: int) -> dict[str, float]:
            run = closed_loop(crowd, rooms, gauge, publishers=1, in_flight=in_flight, seconds=seconds)
            return figures(run)

        see("rooms-1", closed(small, 1))
        see("rooms-4", closed(small, 4))
        see("large-16", closed([crowd.rooms[LARGE]], 16))
        for name, rate, read in (
            ("clock", scale.rate, False),
            ("seldom", scale.seldom, False),
            ("read", scale.seldom, True),
        ):
            run = by_the_clock(crowd, small, gauge, rate=rate, seconds=2 * seconds, read=read)
            see(name, figures(run))


def apart(scale: Scale, see: Callable[[str, dict[str, float]], None]) -> None:
    """Authors on one process and one reader for each on the other: what it costs to be told by another process."""
    names = [f"pair-{index // 2}" for index in range(4 * scale.rooms)]
    with filled(names, processes=2) as (server, crowd):
        authors, readers = ([pid] for pid in server.pids)
        gauge = Gauge({"authors": authors, "readers": readers})
        rooms = list(crowd.rooms.values())
        run = closed_loop(crowd, rooms, gauge, publishers=1, in_flight=1, seconds=scale.seconds)
        see("apart", figures(run))


def pushes(scale: Scale, see: Callable[[str, dict[str, float]], None]) -> None:
    """The small rooms, without and with connections that only listen: what one more process costs Redis."""
    with filled(small_rooms(scale)) as (server, crowd):
        rooms = list(crowd.rooms.values())

        def closed() -> dict[str, float]:
            run = closed_loop(crowd, rooms, server.gauge, publishers=1, in_flight=1, seconds=scale.seconds)
            return figures(run) | {"in_all": run.messages}

        alone = closed()
        see("plain", alone)
        with listening(server.redis_ports[0], scale.listeners) as heard:
            before = heard()
            along = closed()
            pushed = along["in_all"] * scale.listeners
            push = {
                "redis_us": (along["redis_us"] - alone["redis_us"]) / scale.listeners,
                "payload_bytes": (heard() - before) / pushed,
            }
        see("push", push)


@contextmanager
def listening(port: int, connections: int) -> Iterator[Callable[[], int]]:
    """So many connections subscribe to all that anybody is subscribed to. Yields what says how many bytes came."""
    with redis.Redis(port=port) as asking:
        channels = asking.execute_command("PUBSUB CHANNELS")
    context = multiprocessing.get_context("fork")
    heard = context.Value("q", 0)
    process = context.Process(target=_listen, args=(port, connections, channels, heard), daemon=True)
    process.start()
    try:
        time.sleep(1.0)
        yield lambda: int(heard.value)
    finally:
        process.kill()
        process.join()


def _listen(port: int, connections: int, channels: list[bytes], heard: "Synchronized[int]") -> None:
    import selectors  # in the child alone

    words = [b"SUBSCRIBE", *channels]
    request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.sendall(request)
            selector.register(sock, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                heard.value += len(key.fileobj.recv(1 << 18))  # type: ignore[union-attr]


def kept(scale: Scale, see: Callable[[str, dict[str, float]], None]) -> None:
    """The small rooms on a Redis that writes what it is told to disk, once a second."""
    with filled(small_rooms(scale), redis_options=("--appendonly", "yes")) as (server, crowd):
        rooms = list(crowd.rooms.values())
        run = closed_loop(crowd, rooms, server.gauge, publishers=1, in_flight=1, seconds=scale.seconds)
        see("append", figures(run))


def quiet(scale: Scale, see: Callable[[str, dict[str, float]], None]) -> None:
    """Sockets with a room of their own, in which nothing is said: what a room that is held costs."""
    with filled(["warm-up"] * ROOM) as (server, first):
        first.leave()
        time.sleep(8.0)  # the grace of presence, and a beat
        start, still = time.perf_counter(), server.gauge.read()
        time.sleep(scale.quiet)
        idle = {name: spent - still[name] for name, spent in server.gauge.read().items()}
        idle_seconds = time.perf_counter() - start
        before, used = memory_bytes(server.pid)[0], _used(server)
        crowd = server.crowd()
        entering = server.gauge.read()
        crowd.enter(f"lone-{index}" for index in range(scale.lone))
        crowd.settle(quiet=2.0)
        entered = server.gauge.read()
        attendance = Attendance(crowd)
        try:
            attendance.attend(1.0)
            spent, start = server.gauge.read(), time.perf_counter()
            attendance.attend(scale.quiet)
            after, seconds = server.gauge.read(), time.perf_counter() - start
        finally:
            attendance.close()
        see(
            "quiet",
            {
                "process_bytes": before,
                "lone_bytes": (memory_bytes(server.pid)[0] - before) / scale.lone,
                "person_bytes": (_used(server) - used) / scale.lone,
                **{f"enter_{name}_us": (entered[name] - entering[name]) / scale.lone * 1e6 for name in entered},
                **{f"idle_{name}_us": idle[name] / idle_seconds * 1e6 for name in idle},
                **{
                    f"room_{name}_us": ((after[name] - spent[name]) / seconds - idle[name] / idle_seconds)
                    / scale.lone
                    * 1e6
                    for name in after
                },
            },
        )
        crowd.leave()


def _used(server: Target) -> int:
    """Bytes that Redis holds."""
    with redis.Redis(port=server.redis_ports[0]) as asking:
        return int(asking.info("memory")["used_memory"])


def everything(scale: Scale, say: Callable[[str], None]) -> list[Seen]:
    """All runs, the shapes in turn within each round."""
    seen: list[Seen] = []

    def seeing(processes: int, primaries: int) -> Callable[[str, dict[str, float]], None]:
        def see(run: str, values: dict[str, float]) -> None:
            seen.append(Seen(run, processes, primaries, values))
            shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            say(f"{run}, processes {processes}, primaries {primaries}: {shown}")

        return see

    for _ in range(scale.rounds):
        for processes, primaries in scale.shapes:
            shape(scale, processes, primaries, seeing(processes, primaries))
        apart(scale, seeing(2, 1))
        pushes(scale, seeing(1, 1))
        kept(scale, seeing(1, 1))
        quiet(scale, seeing(1, 1))
    return seen


def parser() -> argparse.ArgumentParser:
    """The options, with what each is for."""
    made = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    made.add_argument("--quick", action="store_true", help="a minute: to see that it works; not written")
    made.add_argument("--rounds", type=int, metavar="N", help="of which medians are taken")
    made.add_argument("--primaries", type=int, choices=(1, 3), help="only the shapes with so many")
    made.add_argument("--out", type=Path, metavar="FILE", help="where the figures go, if not to docs/scaling.json")
    return made


def scale_of(options: argparse.Namespace) -> Scale:
    """What the options ask for."""
    scale = QUICK if options.quick else Scale()
    if options.rounds:
        scale = dataclasses.replace(scale, rounds=options.rounds)
    if options.primaries:
        shapes = tuple(one for one in scale.shapes if one[1] == options.primaries)
        scale = dataclasses.replace(scale, shapes=shapes)
    return scale


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    scale = scale_of(options)
    out: Path | None = options.out or (None if options.quick else ROOT / "docs" / "scaling.json")
    gc.disable()  # a collection in the load generator would show as latency of the server
    start, command = time.time(), shlex.join(["python", "-m", "bench.scaling", *(arguments or sys.argv[1:])])
    try:
        prepare(scale.lone + 500)
        machine = describe()
        seen = everything(
            scale, lambda line: print(f"{time.time() - start:5.0f} s  {line}", file=sys.stderr, flush=True)
        )
    except (MachineError, ServerError, LoadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if out:
        date, took = time.strftime("%Y-%m-%d", time.gmtime(start)), time.time() - start
        facts = Facts(machine, date, command, took, scale.members, scale.rate, scale.seldom, seen)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=1) + b"\n")
        print(f"written: {out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
