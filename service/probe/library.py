"""Somebody who comes by the Python client, as bots and backends do.

What it puts in order, heals and goes round is not seen: so this is no judge of the service alone, as `Client` is.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from parley_client import (
    Chat,
    ChatError,
    Edited,
    Error,
    Held,
    HttpError,
    Joined,
    Message,
    Reacted,
    Removed,
    Sent,
    State,
)

from service.probe.door import Door, DoorError
from service.probe.records import Records

_EVENTS: tuple[type, ...] = (Message, Edited, Removed, Reacted)
ENTER_TIMEOUT = 30.0  # seconds, in which two sockets may come to nothing before it goes round


class LibraryClient:
    """In the place of a `Client`. Latencies are those of a program: to when its listener is called."""

    def __init__(
        self,
        door: Door,
        records: Records,
        came: Callable[[], float],
        number: int,
        rooms: Sequence[str],
        token: str | None,
    ) -> None:
        self._records = records
        self._rooms = tuple(rooms)
        self.name = f"Probe {records.run} {number}"
        self.log = records.oracle.receiver(self.name)
        self.entered = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.resting = False
        self._chat = Chat(door.url, token=token) if token else Chat(door.url, name=self.name)
        self._ended = asyncio.Event()
        self._inside: set[str] = set()
        self._cutting: asyncio.Task[None] | None = None
        self._lost_at: float | None = None
        self._cut_at = self._cut_until = float("inf")
        self._loop = asyncio.get_running_loop()
        self._refused: asyncio.Future[DoorError] = self._loop.create_future()
        listeners: dict[type, Callable[[Any], None]] = dict.fromkeys(_EVENTS, self._on_event)
        listeners |= {Joined: self._on_joined, Sent: self._on_sent, State: self._on_state}
        listeners |= dict.fromkeys((Held, Error), self._on_error)
        for kind, listener in listeners.items():
            self._chat.on(kind, listener)

    @property
    def by_events(self) -> bool:
        """Whether it goes round by an event stream."""
        return self._chat.transport == "events"

    # -- its life

    async def run(self) -> None:
        """Be in the rooms until `end`. Raises `DoorError` if it can't come in the first time."""
        began = self._loop.time()
        self._chat.start()
        try:
            await self._enter()
            self._records.entries.append(self._loop.time() - began)
            await self._ended.wait()
        finally:
            self.entered.clear()
            await self._chat.close()

    async def _enter(self) -> None:
        joining = asyncio.gather(*(self._chat.join(room, limit=1) for room in self._rooms))
        try:
            await asyncio.wait((joining, self._refused), timeout=ENTER_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
            if self._refused.done():
                raise self._refused.result()
            if not joining.done():
                reason = self._chat.state.reason or f"the rooms were not joined within {ENTER_TIMEOUT:g} s"
                raise DoorError(str(self._chat.state.code or "timeout"), reason)
            joining.result()
        except ChatError as error:
            raise DoorError(str(error.code), f"a room can't be joined: {error}; see --room") from None
        finally:
            joining.cancel()

    async def end(self) -> None:
        """Go for good."""
        assert self.task is not None
        self._ended.set()
        await asyncio.gather(self.task, *([self._cutting] if self._cutting else []), return_exceptions=True)

    @property
    def idle(self) -> bool:
        """Whether nothing of its own is on the way."""
        return not len(self._chat.outbox)

    def cut(self) -> None:
        """Connect anew: to be called while it rests, idle and in its rooms."""
        self._records.cuts += 1
        self._cut_at, self._cut_until = self._loop.time(), float("inf")
        self._lost_at = self._cut_at
        self.entered.clear()
        self._cutting = asyncio.ensure_future(self._connect_anew())

    async def _connect_anew(self) -> None:
        try:
            await self._chat.rename(self.name)  # as it is called already; a user's token says what that one is called
        except (ChatError, HttpError) as error:
            self._records.refusals[str(error.code)] += 1

    # -- what it says

    def post(self, id: str, room: str) -> None:
        """Send a message, now or when it can."""
        self._chat.send(room, f"{self.name} was here: {id}", id=id)

    def send_overdue(self) -> None:
        """The library does that."""

    # -- what it hears

    def _on_event(self, event: Message | Edited | Removed | Reacted) -> None:
        self.log.observe(msgspec.to_builtins(event))
        due = self._records.due.get(event.id)
        if due is None or not isinstance(event, Message):
            return
        now = self._loop.time()
        if self._cut_at <= now and due <= self._cut_until:
            self._records.caught_up += 1
        else:
            self._records.deliveries.append(now - due)

    def _on_joined(self, event: Joined) -> None:
        if event.resumed:
            self._records.resumed += 1
        elif self.log.since(event.room) is not None:
            self._records.afresh += 1
        self.log.observe(msgspec.to_builtins(event))
        self._inside.add(event.room)
        if len(self._inside) < len(self._rooms):
            return
        now = self._loop.time()
        if self._lost_at is not None:
            self._records.returns.append(now - self._lost_at)
            self._lost_at = None
        if self.resting:
            self.resting, self._cut_until = False, now
        self.entered.set()

    def _on_sent(self, event: Sent) -> None:
        user = self._chat.user
        self._records.acknowledge(msgspec.to_builtins(event), user.id if user else "", self._loop.time())

    def _on_error(self, event: Held | Error) -> None:
        if event.code is not None:
            self._records.errors[event.code] += 1

    def _on_state(self, state: State) -> None:
        if state.state == "open":
            return
        self._inside.clear()
        # A socket that comes to nothing is tried again, and then gone round; what HTTP refuses is a word.
        if not self._refused.done() and (state.state == "stopped" or isinstance(state.code, str)):
            self._refused.set_result(DoorError(str(state.code), state.reason))
        if self.entered.is_set():
            self.entered.clear()
            self._lost_at = self._loop.time()
            self._records.closes[state.code if isinstance(state.code, int) else 1006] += 1
        elif state.state == "waiting" and self._lost_at is not None:
            self._records.refusals[str(state.code)] += 1
