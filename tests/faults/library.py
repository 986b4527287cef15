"""A client library in the place of a good client of our own: what both libraries tell, and the Python one."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
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

from .client import PROMISED, Client
from .swarm import Swarm

EVENTS: tuple[type, ...] = (Message, Edited, Removed, Reacted)


class LibraryClient(Client):
    """One user with a library's chat: what that tells, by `listeners`, stands in the fields of who has none."""

    def __init__(self, swarm: Swarm, user: str, rooms: Sequence[str], receive_buffer: int = 0) -> None:
        assert not receive_buffer, "a library leaves its socket's buffer to the system"
        super().__init__(swarm, user, rooms)
        self.listeners: dict[type, Callable[[Any], None]] = {
            **dict.fromkeys(EVENTS, self._on_event),
            Joined: self._heard_joined,
            Sent: self._on_sent,
            Gap: self._on_gap,
            Presence: self._on_presence,
            Held: self._on_held,
            Reconnect: self._on_reconnect,
            State: self._on_state,
        }

    def send_overdue(self) -> None:
        """A library does that."""

    # -- what it hears

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


class PythonClient(LibraryClient):
    """One user with a `Chat` of clients/python."""

    _chat: Chat | None = None

    async def run(self) -> None:
        """Until it is cancelled. Who comes back goes on where they stood, with what they had still to send."""
        chat = self._chat = Chat(f"http://127.0.0.1:{self.swarm.ports[0]}", token=self._token)
        for kind, listener in self.listeners.items():
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

    def _send(self, id: str) -> None:
        if self._chat is not None:
            self._chat.send(self.outbox[id][0], self.swarm.text, id=id)
