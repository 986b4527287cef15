"""What `send` and its like give: the id of an entry of the outbox at once, and what became of it when awaited."""

import asyncio
from collections.abc import Generator
from typing import Any

from .errors import ChatError
from .protocol import Sent


class Sending:
    """`await` it for the service's `Sent`: then it is stored. Cancelling that doesn't take it back.

    Raises `ChatError` where the service refuses the entry (its code), where it is discarded ("discarded"), or where the
    chat is closed or stopped first ("closed", or the code of the stop; the entry stays in the outbox).
    """

    def __init__(self, room: str, id: str) -> None:
        """`id`: the event's, the same however often it is sent."""
        self.room, self.id = room, id
        self._end: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Generator[Any, None, Sent]:
        return asyncio.shield(self._end).__await__()

    @property
    def done(self) -> bool:
        return self._end.done()

    def stored(self, frame: Sent) -> None:
        """The service has it."""
        if not self._end.done():
            self._end.set_result(frame)

    def refuse(self, error: ChatError) -> None:
        """It won't be stored, or nobody will know."""
        if not self._end.done():
            self._end.set_exception(error)
            self._end.exception()  # who doesn't await it is told by events
