"""What the rooms do in the background, until they are closed."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from service.logs import fields

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Tasks:
    """Tasks that are referred to as long as they run."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what nobody waits for; a fault of ours is logged."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._finished)

    def share(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run what several may wait for (shielded); its outcome is theirs, and they may all have left."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a task of the rooms failed", exc_info=task.exception(), extra=fields("rooms_failed"))

    async def close(self) -> None:
        """End them all."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
