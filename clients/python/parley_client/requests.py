"""Requests that are answered once or not at all, matched by `ref`. What must last goes by the outbox instead."""

import asyncio
import itertools
from collections.abc import Callable

from .errors import RequestError
from .protocol import Error, History, HistoryPage, Moderate, Moderated, Request

LIMIT = 32
TIMEOUT = 15.0  # seconds

Answer = HistoryPage | Moderated


class Requests:
    """`send` gives False if a frame can't be taken now."""

    def __init__(self, send: Callable[[Request], bool]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, frame: History | Moderate) -> Answer:
        """The frame that answers it. Raises `RequestError`."""
        if len(self._waiting) >= LIMIT:
            raise RequestError("busy", f"{LIMIT} requests wait for an answer")
        ref = frame.ref = f"ask.{next(self._numbers)}"
        future = self._waiting[ref] = asyncio.get_running_loop().create_future()
        try:
            if not self._send(frame):
                raise RequestError("offline", "there is no connection")
            async with asyncio.timeout(TIMEOUT):
                answer: Answer = await future
                return answer
        except TimeoutError:
            raise RequestError("timeout", "the service did not answer") from None
        finally:
            self._waiting.pop(ref, None)

    def answer(self, frame: HistoryPage | Moderated | Error) -> bool:
        """A frame came; whether it answers one of ours."""
        future = self._waiting.get(frame.ref or "")
        if future is None or future.done():
            return False
        if isinstance(frame, Error):
            future.set_exception(RequestError(frame.code, frame.message, frame.retry_after))
        else:
            future.set_result(frame)
        return True

    def fail(self) -> None:
        """No answer can come any more: the connection was lost."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(RequestError("offline", "the connection was lost"))
