"""The service as it is, but for its patience with rooms in which nothing is said: seconds instead of minutes.

    python -m tests.attacks.hasty [unswept] [service's arguments]

`unswept`: nobody looks for rooms that are over, which is the guard. On SIGUSR1 it prints `rooms <number>`: how many the
broker says there are.
"""

import asyncio
import signal
import sys
from typing import Any

from service.brokers import log

EMPTY_SECONDS = 6


def _take_the_sweep_away() -> None:
    from service.brokers.redis.rooms import RoomIndex
    from service.brokers.sqlite.log import SqliteLog

    async def nothing(_: object) -> None:
        pass

    for owner, name in ((RoomIndex, "sweep"), (SqliteLog, "tidy")):
        assert hasattr(owner, name), f"{owner} has no {name}: the guard has moved"
        setattr(owner, name, nothing)


def main(args: list[str]) -> int:
    log.EMPTY_SECONDS = EMPTY_SECONDS  # before anything reads it
    from service import __main__ as command
    from service import app

    make_broker = app.make_broker
    telling: set[asyncio.Task[None]] = set()

    async def tell(broker: Any) -> None:
        print(f"rooms {await broker.directory.room_count()}", flush=True)

    def make_broker_that_tells(settings: Any) -> Any:
        broker = make_broker(settings)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: telling.add(loop.create_task(tell(broker))))
        return broker

    app.make_broker = make_broker_that_tells
    if args[0] == "unswept":
        _take_the_sweep_away()
        args = args[1:]
    return command.main(args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
