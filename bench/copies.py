"""`python -m bench.copies`: what REDIS_COPIES costs, on a Redis with one replica on this machine.

Messages are published through the service's own broker, one after another and many at once, with and without waiting
for the copy, by turns; the ratio is of the medians.
"""

import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.machine import LOAD_CORE
from bench.servers import free_port, process
from service.brokers.log import Event, Publication, Receipt, Subscriber
from service.brokers.redis.broker import RedisBroker
from service.protocol import Person, RequestError, encode, event_head, message_tail

ROUNDS = 9
ALONE = 200  # messages one after another
ROOMS, TOGETHER = 50, 20  # messages at once: TOGETHER in each of ROOMS
ADA = encode(Person("u1", "Ada"))


class _Nobody(Subscriber):
    def on_publication(self, publication: Publication) -> None:
        pass

    def on_signal(self, room: str, payload: bytes) -> None:
        pass

    def on_subscribed(self, rooms: object) -> None:
        pass


@contextmanager
def replicated() -> Iterator[str]:
    """The address of a Redis whose replica is in step."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ports = [free_port(), free_port()]
        commands = [["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""] for port in ports]
        commands[1] += ["--replicaof", "127.0.0.1", str(ports[0])]
        for number, command in enumerate(commands):
            (Path(folder) / str(number)).mkdir()
            command += ["--dir", f"{folder}/{number}"]
        logs = [Path(folder) / f"{number}.log" for number in range(2)]
        with (
            process(commands[0], LOAD_CORE, logs[0], {}, ports[0]),
            process(commands[1], LOAD_CORE, logs[1], {}, ports[1]),
        ):
            subprocess.run(["redis-cli", "-p", str(ports[0]), "WAIT", "1", "10000"], check=True, capture_output=True)
            yield f"redis://127.0.0.1:{ports[0]}/0"


def _message(room: str, number: int) -> Event:
    return Event(room, "u1", f"m{number}", event_head("message", room), message_tail(f"m{number}", ADA, "x" * 40))


async def _publish(broker: RedisBroker, events: list[Event]) -> None:
    """Publish all at once; back when all are stored."""
    loop = asyncio.get_running_loop()
    outcomes: list[asyncio.Future[Receipt | RequestError]] = [loop.create_future() for _ in events]
    for event, outcome in zip(events, outcomes, strict=True):
        broker.log.publish(event, outcome.set_result)
    for answer in await asyncio.gather(*outcomes):
        if isinstance(answer, RequestError):
            raise answer


async def _measure(url: str, copies: int) -> tuple[float, float]:
    """Seconds for one message alone, and for one of many."""
    broker = RedisBroker(url, history_limit=100, history_days=1, copies=copies)
    await broker.open(_Nobody())
    try:
        while not broker.available:
            await asyncio.sleep(0.01)
        number = time.time_ns()
        began = time.perf_counter()
        for step in range(ALONE):
            await _publish(broker, [_message("alone", number + step)])
        alone = (time.perf_counter() - began) / ALONE
        events = [_message(f"r{room}", number + step) for room in range(ROOMS) for step in range(TOGETHER)]
        began = time.perf_counter()
        await _publish(broker, events)
        return alone, (time.perf_counter() - began) / len(events)
    finally:
        await broker.close()


def main() -> None:
    """Print the table."""
    found: dict[int, list[tuple[float, float]]] = {0: [], 1: []}
    with replicated() as url:
        for _ in range(ROUNDS):
            for copies, rows in found.items():
                rows.append(asyncio.run(_measure(url, copies)))
    medians = {
        copies: [statistics.median(column) for column in zip(*rows, strict=True)] for copies, rows in found.items()
    }
    print("| REDIS_COPIES | one alone, until `sent` | one of 1,000 at once |")
    print("|---|---|---|")
    for copies, (alone, together) in medians.items():
        print(f"| {copies} | {1e6 * alone:.0f} µs | {1e6 * together:.1f} µs |")
    ratios = [with_copies / without for without, with_copies in zip(medians[0], medians[1], strict=True)]
    print(f"| ratio | {ratios[0]:.2f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
