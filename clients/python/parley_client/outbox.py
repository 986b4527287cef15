"""What was written and is not yet stored by the service, in memory or in a `Store`, until it is.

An entry keeps its id for as long as it lives, over restarts too, so the service stores it once however often it is
sent.
"""

import logging
import secrets
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from .errors import ChatError, OutboxFullError
from .protocol import Edit, React, Remove, Send, SetTopic
from .store import Store

LIMIT = 1000  # entries

Change = Send | Edit | Remove | React | SetTopic

logger = logging.getLogger(__name__)


class Entry(msgspec.Struct, kw_only=True):
    """`id` is the event's. `user`: whose words they are; None before anybody was let in.

    `epoch`: of the history that a change's target stands in, as in another that seq is another's.
    """

    id: str
    room: str
    frame: Change
    at: float  # when it was written, Unix time
    user: str | None = None
    epoch: str | None = None
    state: Literal["queued", "sending"] = "queued"


_decoder = msgspec.json.Decoder(Entry)


class Outbox:
    """`on_change` is told each entry that is new, changed or gone."""

    def __init__(self, store: Store | None, on_change: Callable[[Entry], None]) -> None:
        self._store = store
        self._on_change = on_change
        self._entries: dict[str, Entry] = {}
        self._by_room: dict[str, dict[str, Entry]] = {}  # in the order in which they are to be sent
        for data in store.entries() if store else ():
            try:
                entry = _decoder.decode(data)
            except msgspec.DecodeError as error:
                logger.warning("an entry of the outbox can't be read and is left in its file: %s", error)
                continue
            entry.state = "queued"
            self._enter(entry)

    def all(self, room: str | None = None) -> list[Entry]:
        """A room's entries, or all, in order."""
        return list((self._entries if room is None else self._by_room.get(room, {})).values())

    def first(self, room: str) -> Entry | None:
        """The one to be sent next."""
        return next(iter(self._by_room.get(room, {}).values()), None)

    def get(self, id: str) -> Entry | None:
        return self._entries.get(id)

    @property
    def rooms(self) -> set[str]:
        """Rooms for which something waits."""
        return set(self._by_room)

    @property
    def sending(self) -> bool:
        """Whether anything is on its way."""
        return any(entry.state == "sending" for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, frame: Change, user: str | None, epoch: str | None = None) -> Entry:
        """Keep a frame until it is stored. Raises `OutboxFullError`, and `ChatError` where the disk takes no more."""
        if len(self._entries) >= LIMIT:
            raise OutboxFullError(LIMIT)
        entry = Entry(id=frame.id, room=frame.room, frame=frame, at=time.time(), user=user, epoch=epoch)
        if self._store:
            self._store.add(entry.id, msgspec.json.encode(entry))
        self._enter(entry)
        self._on_change(entry)
        return entry

    def queue(self, entry: Entry) -> None:
        """What became of it is unknown, or it is to wait: it will be sent again."""
        if entry.state != "queued":
            entry.state = "queued"
            self._on_change(entry)

    def send(self, entry: Entry, user: str) -> None:
        """It is on its way, as this user's."""
        entry.state = "sending"
        if entry.user != user:
            entry.user = user
            self._kept(lambda store: store.change(entry.id, msgspec.json.encode(entry)))
        self._on_change(entry)

    def remove(self, id: str) -> Entry | None:
        """It is stored, or was given up."""
        entry = self._entries.pop(id, None)
        if entry is not None:
            self._by_room[entry.room].pop(id)
            if not self._by_room[entry.room]:
                del self._by_room[entry.room]
            self._kept(lambda store: store.remove(id))
            self._on_change(entry)
        return entry

    def _enter(self, entry: Entry) -> None:
        self._entries[entry.id] = self._by_room.setdefault(entry.room, {})[entry.id] = entry

    def _kept(self, change: Callable[[Store], None]) -> None:
        """What the disk doesn't take of this makes an entry be sent once more, under its id."""
        if self._store:
            try:
                change(self._store)
            except ChatError as error:
                logger.warning("the outbox could not be kept up: %s", error)


def new_id() -> str:
    """128 random bits."""
    return secrets.token_hex(16)
