"""What processes share, as four contracts: `log`, `presence`, `directory`, `deliveries`. Who needs one takes that one.

Every awaitable of theirs raises `Unavailable` while the broker is away, at once and without queueing; a
call that was under way when it went away raises the same and may or may not have taken effect. Publishing again under
the same user and id is safe: it is deduplicated.
"""

import abc
import asyncio
from enum import StrEnum
from typing import Any

from service.protocol import ErrorCode, RequestError

RETRY_AFTER = 1.0  # seconds: what `unavailable` tells a client to wait; reconnecting takes about as long


class Fault(StrEnum):
    """Why nothing can be stored, as anybody may read it: no addresses, no secrets."""

    AWAY = "away"
    SILENT = "no answer"
    LOADING = "loading"
    FULL = "full"
    READ_ONLY = "read-only"
    DISK = "disk error"
    DAMAGED = "damaged"
    CREDENTIALS = "refused our credentials"
    PERMISSION = "not permitted"
    COPIES = "too few copies"
    PRIMARY = "primary away"
    CLUSTER = "cluster down"
    REFUSED = "refused"


class Unavailable(RequestError):
    """`unavailable` to who asked, with the `fault`, which clients aren't told."""

    def __init__(self, message: str, fault: Fault) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, message, RETRY_AFTER)
        self.fault = fault


def unavailable(
    message: str = "the broker is away; the message was not stored", fault: Fault = Fault.AWAY
) -> Unavailable:
    return Unavailable(message, fault)


def settle(waiting: "asyncio.Future[Any]", answer: Any) -> None:
    """Give who waits what came, which is raised if it is an exception; nothing to who was cancelled."""
    if waiting.done():
        return
    if isinstance(answer, Exception):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)


class Part(abc.ABC):
    """What the contracts have in common."""

    @property
    @abc.abstractmethod
    def available(self) -> bool:
        """Whether the broker answers right now, and what it tells arrives. Whether it stores: `Broker.try_write`."""
