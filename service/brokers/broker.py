"""A broker: the four contracts, and their beginning and end."""

import abc
from collections.abc import Callable

from service.brokers.base import Part
from service.brokers.deliveries import Deliveries
from service.brokers.directory import Directory
from service.brokers.log import Log, Subscriber
from service.brokers.presence import SharedPresence

Trouble = Callable[[str, bool], None]
"""Why, as the other side said it first; whether a connection was lost, rather than a command refused."""


class Broker(Part):
    """One process, one broker; `open` before anything else, `close` once."""

    log: Log
    presence: SharedPresence
    directory: Directory
    deliveries: Deliveries
    version = ""
    """Of what keeps the data, in its own words; "" until it is known."""
    on_trouble: Trouble
    """Called on the loop with each absence that begins and each kind of refusal; may be set before `open`."""

    def __init__(self) -> None:
        self.on_trouble = lambda why, lost: None

    @abc.abstractmethod
    async def open(self, subscriber: Subscriber) -> None:
        """Connect and start consuming. A broker that is away at the start is waited for in the background."""

    @abc.abstractmethod
    async def try_write(self) -> None:
        """Write something small that nobody reads, as durably as a message. Raises `Unavailable` with the `Fault`.

        It needs nothing to have gone well before, and mends what only a write can: a broker that refused is asked anew.
        """

    @abc.abstractmethod
    def now(self) -> float | None:
        """Unix time, in seconds, by the clock that events get theirs from; None while it isn't known."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Finish what is under way, then let go."""
