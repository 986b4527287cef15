"""Waits between attempts: exponential with full jitter, so that clients cut off together don't come back together."""

import random
from collections.abc import Callable

FIRST = 1.0  # upper bound of the first wait, s
CAP = 30.0  # upper bound of every wait, s


class Backoff:
    """`chance` gives a number from 0 up to, not including, 1."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._attempts = 0
        self._chance = chance

    def next(self, least: int = 0) -> float:
        """The next wait in seconds, below a bound that doubles with every call.

        `least` counts as if at least so many attempts had failed before.
        """
        self._attempts = max(self._attempts, least)
        bound = min(CAP, FIRST * 2.0 ** min(self._attempts, 30))
        self._attempts += 1
        return self._chance() * bound

    def reset(self) -> None:
        """The last attempt held: begin again with short waits."""
        self._attempts = 0
