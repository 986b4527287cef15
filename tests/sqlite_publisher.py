"""A process to be killed: publishes to the embedded broker and prints a line for each acknowledgement.

`python -m tests.sqlite_publisher PATH RUN GUARD` keeps 64 publishes in flight in 5 rooms; the ids are RUN-1, RUN-2, …
A line is `room id seq`. GUARD "off" acknowledges before the broker did, to show that the test would see it.
"""

import asyncio
import os
import sys

from service.brokers.log import Event, Receipt
from service.brokers.sqlite.broker import SqliteBroker
from service.protocol import RequestError

from .brokers import Recorder, message

IN_FLIGHT = 64
ROOMS = 5


async def main(path: str, run: str, guard: str) -> None:
    """Publish until killed."""
    broker = SqliteBroker(path, history_limit=10**6, history_days=30)
    await broker.open(Recorder())
    count = 0

    def acknowledge(event: Event, outcome: Receipt | RequestError | None) -> None:
        seq = outcome.seq if isinstance(outcome, Receipt) else 0
        os.write(1, f"{event.room} {event.id} {seq}\n".encode())  # one system call a line: what was said is whole

    def send() -> None:
        nonlocal count
        count += 1
        event = message(f"room{count % ROOMS}", "x" * 200, id=f"{run}-{count}")

        def done(outcome: Receipt | RequestError) -> None:
            if guard == "on":
                acknowledge(event, outcome)
            send()

        broker.log.publish(event, done)
        if guard == "off":
            acknowledge(event, None)

    for _ in range(IN_FLIGHT):
        send()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
