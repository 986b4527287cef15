"""Whether a broker stores, proved by a write: one a second at most, however many ask."""

import asyncio

from service.brokers.base import Fault, Unavailable
from service.brokers.broker import Broker

READINESS_FRESH = 1.0  # seconds for which an answer holds
DEADLINE = 3.0  # seconds that a write may take: balancers don't wait for longer


class Readiness:
    """Nobody has to ask for it to be true again: each answer is of a write of its own time."""

    def __init__(self, broker: Broker, fresh: float = READINESS_FRESH, deadline: float = DEADLINE) -> None:
        self._broker = broker
        self._fresh = fresh
        self._deadline = deadline
        self._asking = asyncio.Lock()  # who waits for it finds the answer
        self._answer: Fault | None = None
        self._known_until = 0.0  # by the loop's clock
        self._available = False  # the broker, at the answer

    async def fault(self) -> Fault | None:
        """Why nothing can be stored; None: a write was done within the last second, and the broker's word arrives."""
        async with self._asking:
            loop = asyncio.get_running_loop()
            # What the broker has noticed by itself meanwhile is no second late.
            if loop.time() >= self._known_until or self._broker.available is not self._available:
                self._answer = await self._try_write()
                self._known_until = loop.time() + self._fresh
                self._available = self._broker.available
            return self._answer

    async def _try_write(self) -> Fault | None:
        try:
            async with asyncio.timeout(self._deadline):
                await self._broker.try_write()
        except Unavailable as error:
            return error.fault
        except TimeoutError:
            return Fault.SILENT
        return None if self._broker.available else Fault.AWAY
