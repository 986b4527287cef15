"""Bounded queues of what loops take, and the rule of when the service is read on.

A queue that is full stops the reading of the connection, so that the service holds back, catches up later and loses
nothing. There is one exception: while an answer of ours is on its way (a `sent`, say), reading goes on until it is
there, or a loop that awaits it would wait for itself. So a queue may be over its bound by what the time of one answer
brings.
"""

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from .errors import ChatError

T = TypeVar("T")


class Flow:
    """`wanted`: whether an answer is on its way. `on_slow` is called with what waits, each time that reading stops."""

    def __init__(self, wanted: Callable[[], bool], on_slow: Callable[[int], None]) -> None:
        self._wanted = wanted
        self._on_slow = on_slow
        self._full: weakref.WeakSet[Stream[Any]] = weakref.WeakSet()
        self._changed = asyncio.Event()

    @property
    def blocked(self) -> bool:
        return bool(self._full) and not self._wanted()

    async def wait(self) -> None:
        """Until it isn't blocked."""
        self._on_slow(max((stream.waiting for stream in self._full), default=0))
        while self.blocked:
            self._changed.clear()
            await self._changed.wait()

    def look(self) -> None:
        """Something changed."""
        self._changed.set()

    def enter(self, stream: "Stream[Any]") -> None:
        """It is full."""
        self._full.add(stream)

    def leave(self, stream: "Stream[Any]") -> None:
        """It has room again."""
        self._full.discard(stream)
        self.look()


class Stream(AsyncIterator[T], Generic[T]):
    """Values that come when they come, for `async for`: from its making on nothing is left out.

    It ends with `end`, or when nobody has it any more. Take it in one loop at a time.
    """

    def __init__(self, flow: Flow, limit: int, held: bool = True) -> None:
        """`held`: whether a full one stops the reading. One that isn't is emptied instead, and remembers it."""
        self._flow = flow
        self._limit = limit
        self._held = held
        self._values: deque[T] = deque()
        self._arrival = asyncio.Event()
        self._ended = False
        self._error: ChatError | None = None
        self._overflowed = False
        weakref.finalize(self, flow.look).atexit = False

    @property
    def waiting(self) -> int:
        """How many values aren't taken yet."""
        return len(self._values)

    def hold(self) -> None:
        """Somebody takes values now. Raises `ChatError` ("overflow") where nobody did for too long."""
        if self._overflowed:
            self._overflowed = False
            raise ChatError("overflow", f"more than {self._limit} messages came before anybody took one")
        self._held = True

    def release(self) -> None:
        """Nobody does, for now."""
        self._held = False
        self._flow.leave(self)

    def push(self, value: T) -> None:
        if self._ended or self._overflowed:
            return
        self._values.append(value)
        self._arrival.set()
        if len(self._values) < self._limit:
            return
        if self._held:
            self._flow.enter(self)
        elif len(self._values) > self._limit:
            self._values.clear()
            self._overflowed = True

    def end(self, error: ChatError | None = None) -> None:
        """No more will come. The loop raises `error`, if there is one, behind the values that came before."""
        if not self._ended:
            self._ended, self._error = True, error
            self._flow.leave(self)
            self._arrival.set()

    def __aiter__(self) -> "Stream[T]":
        return self

    async def __anext__(self) -> T:
        while not self._values:
            if self._ended:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            self._arrival.clear()
            await self._arrival.wait()
        value = self._values.popleft()
        if len(self._values) == self._limit // 2:
            self._flow.leave(self)
        return value
