"""The Python client in the place of a good client of our own, and a way for it to find a process that serves."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from parley_client import (
    Chat,
    ChatError,
    Edited,
    Gap,
    Held,
    Joined,
    Message,
    Presence,
    Reacted,
    Reconnect,
    Removed,
    Sent,
    Since,
    State,
)
from parley_client.backoff import CAP

from tests.harness import BlockingProxy, ServiceProcess

from .client import PROMISED, Client
from .parts import RECOVERY
from .streams import StreamClient
from .swarm import Swarm

EVENTS: tuple[type, ...] = (Message, Edited, Removed, Reacted)
READY = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


class LibraryClient(Client):
    """One user with a `Chat`: what it sees, counts and times stands in the fields of who has none."""

    def __init__(self, swarm: Swarm, user: str, rooms: Sequence[str], receive_buffer: int = 0) -> None:
        assert not receive_buffer, "the library leaves its socket's buffer to the system"
        super().__init__(swarm, user, rooms)
        self._chat: Chat | None = None

    async def run(self) -> None:
        """Until it is cancelled. Who comes back goes on where they stood, with what they had still to send."""
        chat = self._chat = Chat(f"http://127.0.0.1:{self.swarm.ports[0]}", token=self._token)
        for kind, listener in self._listeners().items():
            chat.on(kind, listener)
        chat.start()
        try:
            joins = [self._enter_room(chat, room) for room in self.rooms]
            for id, (room, _) in self.outbox.items():
                chat.send(room, self.swarm.text, id=id)
            await asyncio.gather(*joins)
            await asyncio.Event().wait()
        finally:
            self.entered.clear()
            self.inside.clear()
            await chat.close()

    async def _enter_room(self, chat: Chat, room: str) -> None:
        seen = self.log.since(room)
        since = None if seen is None else Since(seen["epoch"], seen["seq"])
        with suppress(ChatError):  # a state says so
            await chat.join(room, limit=1, since=since)

    def post(self, room: str) -> None:
        self._sequence += 1
        id = f"{self.user}.{self._sequence}"
        self.outbox[id] = room, time.monotonic()
        self.swarm.posted_at[id] = time.monotonic()
        self.swarm.posted_in[id] = room
        if self._chat is not None:
            self._chat.send(room, self.swarm.text, id=id)

    def send_overdue(self) -> None:
        """The library does that."""

    # -- what it hears

    def _listeners(self) -> dict[type, Callable[[Any], None]]:
        listeners: dict[type, Callable[[Any], None]] = dict.fromkeys(EVENTS, self._on_event)
        listeners[Joined] = self._heard_joined
        listeners[Sent] = self._on_sent
        listeners[Gap] = self._on_gap
        listeners[Presence] = self._on_presence
        listeners[Held] = self._on_held
        listeners[Reconnect] = self._on_reconnect
        listeners[State] = self._on_state
        return listeners

    def _on_event(self, event: Message | Edited | Removed | Reacted) -> None:
        self.log.observe(msgspec.to_builtins(event))
        if isinstance(event, Message):
            self.swarm.delivered(self, event.id)

    def _heard_joined(self, event: Joined) -> None:
        if event.resumed:
            self.resumed += 1
        elif self.log.since(event.room) is not None:
            self.fresh += 1
        self.log.observe(msgspec.to_builtins(event))
        self.count[event.room] = event.count or 0
        self.inside.add(event.room)
        if len(self.inside) == len(self.rooms) and not self.entered.is_set():
            if self.lost_at is not None:
                self.returns.append((self.lost_at, time.monotonic()))
                self.lost_at = None
            self.entered.set()

    def _on_sent(self, event: Sent) -> None:
        if self.outbox.pop(event.id, None) is not None:
            self.swarm.acknowledged(self, msgspec.to_builtins(event))

    def _on_gap(self, event: Gap) -> None:
        self.resets[event.reason] += 1
        if event.reason == "epoch":
            self.swarm.heads.pop(event.room, None)  # of another count

    def _on_presence(self, event: Presence) -> None:
        self.count[event.room] = event.count
        users = {person.id for person in event.joined or ()}.union(event.left or ())
        self.swarm.moved |= {(event.room, user) for user in users}

    def _on_held(self, event: Held) -> None:
        if event.code is not None:
            self.swarm.errors[event.code] += 1

    def _on_reconnect(self, event: Reconnect) -> None:
        self._return_at = time.monotonic() + event.in_ms / 1000
        self.swarm.told.append(event.in_ms / 1000)

    def _on_state(self, state: State) -> None:
        if state.state == "open":
            return
        now = time.monotonic()
        if self.entered.is_set():
            self.lost_at = now
            if self._return_at - now > PROMISED:
                self.swarm.early.append(self._return_at - now)
            elif state.code == 1012:
                self.swarm.late.append(now - self._return_at)
            self.swarm.closes[int(state.code or 1006)] += 1
        elif state.state == "waiting":
            self.swarm.failures += 1
        self.entered.clear()
        self.inside.clear()


class Balancer(BlockingProxy):
    """Passes each new connection on to a process that is ready, in turn."""

    def __init__(self, ports: Sequence[int], blocks: bool = False) -> None:
        super().__init__("127.0.0.1", ports[0], blocks=blocks)
        self._orders = itertools.cycle([*ports[first:], *ports[:first]] for first in range(len(ports)))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # An order of its own, or of two connections that come together one may be asked for the same process twice.
        for port in next(self._orders):
            if await self._ready(port):
                return await asyncio.open_connection("127.0.0.1", port)
        raise ConnectionRefusedError("no process is ready")

    @staticmethod
    async def _ready(port: int) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        try:
            writer.write(READY)
            return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False
        finally:
            writer.close()


BY_US, BY_LIBRARY, BY_EVENTS, BY_DETOUR = "", "py", "sse", "py sse"  # as rows of the table say it
LIBRARY = (BY_LIBRARY, BY_DETOUR)
_IDS = ["us", "library", "events", "detour"]
_LIBRARY, _EVENTS, _DETOUR = (pytest.param(by, marks=pytest.mark.long) for by in (BY_LIBRARY, BY_EVENTS, BY_DETOUR))
BY = pytest.mark.parametrize("by", [BY_US, _LIBRARY, _EVENTS, _DETOUR], ids=_IDS)
"""Who is cut off, and comes back: for the faults that the library and event streams have to stand, too; the last is
the library where WebSockets are blocked.
"""
BY_BOTH = pytest.mark.parametrize("by", [BY_US, BY_LIBRARY, _EVENTS, _DETOUR], ids=_IDS)
"""The library in the short form, too."""


def recovery(by: str) -> float:
    """Seconds in which all of a crowd are back. After several failures the library waits for up to its cap."""
    return RECOVERY + (CAP if by in LIBRARY else 0)


@asynccontextmanager
async def crowd(by: str, processes: Sequence[ServiceProcess], seed: int) -> AsyncIterator[Swarm]:
    """A swarm of theirs on these processes; the library's chats have one address, that of a balancer."""
    ports = [process.port for process in processes]
    if by not in LIBRARY:
        async with Swarm(ports, seed, StreamClient if by == BY_EVENTS else Client) as swarm:
            yield swarm
    else:
        with Balancer(ports, blocks=by == BY_DETOUR) as balancer:
            async with Swarm([balancer.port], seed, LibraryClient) as swarm:
                yield swarm
