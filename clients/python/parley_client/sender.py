"""Brings the outbox's entries to the service, room by room.

A room's entries go one at a time, because one that is refused for now (`rate_limited`, `unavailable`) must not be
overtaken by those after it. After any doubt (a lost connection, no answer in time) an entry is sent again under the
same id, and the service stores it once.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

import msgspec
from msgspec.structs import replace

from .codes import PASSING
from .cursor import RoomCursor
from .events import Held, Refused
from .link import Link
from .outbox import Entry, Outbox
from .protocol import Error, Limits, Person, Sent

SENT_TIMEOUT = 10.0
CONGESTED = 1.0  # until the next try when the connection takes no more

Tell = Callable[[Any], None]


def wait_for(retry_after: float | None) -> float:
    """A wait that the service asked for, with up to a fifth more so that not all come back at once."""
    return max(0.1, 1.0 if retry_after is None else retry_after) * random.uniform(1.0, 1.2)  # noqa: S311  # jitter


class Me:
    """Who we are and what the service allows, as `welcome` says."""

    user: Person | None = None
    moderator = False
    limits = Limits(text=4000, frame=65536, rooms=50)


class Sender:
    """`rejoin`: the service says that we are not in that room."""

    def __init__(
        self,
        outbox: Outbox,
        link: Link,
        cursors: Mapping[str, RoomCursor],
        me: Me,
        rejoin: Callable[[str], None],
        tell: Tell,
    ) -> None:
        self._outbox, self._link, self._cursors, self._me = outbox, link, cursors, me
        self._rejoin = rejoin
        self._tell = tell

    def flush(self, room: str) -> None:
        """Send the room's next entry, if there is one and nothing is in its way."""
        cursor, user = self._cursors.get(room), self._me.user
        if cursor is None or not cursor.live or cursor.held or user is None or not self._link.is_open:
            return
        entry = self._outbox.first(room)
        if entry is None or entry.state == "sending":
            return
        code, objection = self._objection(entry, user, cursor)
        if objection:
            self._give_up(entry, code, objection)
        elif not self._link.send(replace(entry.frame, ref=entry.id)):
            cursor.hold(CONGESTED, lambda: self.flush(room))
        else:
            cursor.expect(SENT_TIMEOUT, lambda: self._late(entry))
            self._outbox.send(entry, user.id)

    def requeue(self, room: str) -> None:
        """What of this room was on its way has an unknown fate, and will be sent again."""
        for entry in self._outbox.all(room):
            self._outbox.queue(entry)

    def fail(self, room: str, code: str, message: str) -> None:
        """Nothing of this room can be sent."""
        for entry in self._outbox.all(room):
            self._give_up(entry, code, message)

    def sent(self, frame: Sent) -> None:
        """A second one, after a repetition, finds nothing any more."""
        if self._outbox.get(frame.id) is not None:
            if (cursor := self._cursors.get(frame.room)) is not None:
                cursor.calm()
            self._outbox.remove(frame.id)

    def refuse(self, entry: Entry, frame: Error) -> None:
        """An error came for an entry."""
        room = entry.room
        if (cursor := self._cursors.get(room)) is not None:
            cursor.calm()
        if frame.code in PASSING:
            if cursor is not None:
                wait = wait_for(frame.retry_after)
                cursor.hold(wait, lambda: self.flush(room))
                cursor.held_by = frame.code
                self._tell(Held(room, frame.code, wait))
            self._outbox.queue(entry)
        elif frame.code == "not_joined":
            self._rejoin(room)
        else:
            self._give_up(entry, frame.code, frame.message)

    def _give_up(self, entry: Entry, code: str, message: str) -> None:
        """It leaves the outbox, and is told with its words."""
        kind = cast(Literal["send", "edit", "remove", "react", "topic"], entry.frame.__struct_config__.tag)
        text = getattr(entry.frame, "text", None)
        if self._outbox.get(entry.id) is not None:
            self._tell(Refused(entry.room, kind, code, message, entry.id, text))
            self._outbox.remove(entry.id)

    def _late(self, entry: Entry) -> None:
        self._link.doubt()
        if self._outbox.get(entry.id) is entry:
            self._outbox.queue(entry)

    def _objection(self, entry: Entry, me: Person, cursor: RoomCursor) -> tuple[str, str]:
        """Why an entry can't be sent at all, with a code, or "". Past the frame's limit the service closes for good."""
        today = cursor.since.epoch if cursor.since else None
        if hasattr(entry.frame, "target") and entry.epoch not in (None, today):
            return "bad_request", "That message is gone."
        if entry.user not in (None, me.id):
            return "forbidden", "You were somebody else when you wrote this."
        if len(msgspec.json.encode(replace(entry.frame, ref=entry.id))) > self._me.limits.frame:
            return "too_large", "This is too long."
        return "", ""
