"""The rooms we are in: join, resume, leave, and the durable events in their order."""

from .codes import PASSING
from .cursor import RoomCursor
from .events import Gap, Held, Refused
from .link import Link
from .outbox import Entry, Outbox
from .protocol import Error, Event, Joined, Leave, Reset, Sent, Since
from .sender import CONGESTED, Me, Sender, Tell, wait_for

JOIN_TIMEOUT = 15.0


class Rooms:
    """`tell` is given each event that somebody may listen to."""

    def __init__(self, link: Link, outbox: Outbox, me: Me, tell: Tell) -> None:
        self._link, self._outbox, self._tell = link, outbox, tell
        self._cursors: dict[str, RoomCursor] = {}
        self._sender = Sender(outbox, link, self._cursors, me, self._send_join, tell)

    def get(self, room: str) -> RoomCursor | None:
        return self._cursors.get(room)

    @property
    def joining(self) -> bool:
        """Whether an answer to a join is on its way."""
        return any(cursor.ref is not None for cursor in self._cursors.values())

    def join(self, room: str, limit: int, since: Since | None) -> None:
        """`limit`: messages that `joined` brings. `since`: where to go on, if it was kept from another time."""
        known = self._cursors.get(room)
        if known is not None:
            if not known.to_send:
                return
            known.interrupt()
        self._cursors[room] = RoomCursor(room, limit, since)
        self._send_join(room)

    def leave(self, room: str) -> None:
        cursor = self._cursors.get(room)
        if cursor is None:
            return
        known = cursor.live or cursor.ref is not None  # to the service
        self._drop(cursor)
        if known:
            self._link.send(Leave(room=room))
        self._sender.requeue(room)
        self._join_to_send()

    # -- what happened

    def on_welcome(self) -> None:
        """The connection is up: be where we were."""
        for room in list(self._cursors):
            self._send_join(room)
        self._join_to_send()

    def on_lost(self) -> None:
        """The connection is gone."""
        for cursor in self._cursors.values():
            cursor.interrupt()
        for room in self._outbox.rooms:
            self._sender.requeue(room)

    def on_outbox(self, entry: Entry) -> None:
        """It changed."""
        self._sender.flush(entry.room)
        self._join_to_send()

    def on_joined(self, frame: Joined) -> None:
        cursor = self._cursors.get(frame.room)
        if cursor is None or cursor.ref != frame.ref:
            return  # left, or joined once more, meanwhile
        lost = cursor.joined(frame)
        if not cursor.to_send:
            if lost is not None:
                self._tell(Gap(frame.room, lost.reason, lost.after))
            self._tell(frame)
        self._release(cursor)
        self._sender.flush(frame.room)

    def on_event(self, frame: Event) -> None:
        cursor = self._cursors.get(frame.room)
        if cursor is None or not cursor.live:
            return
        step = cursor.step(frame.seq)
        if step == "hole":
            self._send_join(frame.room)  # the contract excludes it; if it happens, nothing is skipped
        if step != "next":
            return
        cursor.learn(frame)
        if not cursor.to_send:
            self._tell(frame)

    def on_sent(self, frame: Sent) -> None:
        cursor = self._cursors.get(frame.room)
        if cursor is not None:
            self._release(cursor)
        self._tell(frame)
        self._sender.sent(frame)

    def on_reset(self, frame: Reset) -> None:
        cursor = self._cursors.get(frame.room)
        if cursor is not None:
            cursor.reset(frame.reason)
            self._send_join(frame.room)

    def on_error(self, frame: Error) -> bool:
        """Whether it answers a join or an entry of the outbox."""
        if frame.ref is None:
            return False
        if (entry := self._outbox.get(frame.ref)) is not None:
            self._sender.refuse(entry, frame)
            return True
        cursor = next((one for one in self._cursors.values() if one.ref == frame.ref), None)
        if cursor is None:
            return False
        cursor.calm()
        if frame.code in PASSING:
            wait = wait_for(frame.retry_after)
            cursor.hold(wait, lambda: self._send_join(cursor.room))
            cursor.held_by = frame.code
            self._tell(Held(cursor.room, frame.code, wait))
        else:
            self._drop(cursor)
            self._sender.fail(cursor.room, frame.code, frame.message)
            if not cursor.to_send:
                self._tell(Refused(cursor.room, "join", frame.code, frame.message))
        return True

    # -- how

    def _send_join(self, room: str) -> None:
        cursor = self._cursors.get(room)
        if cursor is None or not self._link.is_open:
            return
        if not self._link.send(cursor.request()):
            cursor.calm()
            cursor.hold(CONGESTED, lambda: self._send_join(room))
            return

        def late() -> None:
            self._link.doubt()
            self._send_join(room)

        cursor.expect(JOIN_TIMEOUT, late)
        self._sender.requeue(room)

    def _release(self, cursor: RoomCursor) -> None:
        if cursor.held_by is not None:
            cursor.held_by = None
            self._tell(Held(cursor.room, None))

    def _drop(self, cursor: RoomCursor) -> None:
        cursor.interrupt()
        self._cursors.pop(cursor.room, None)

    def _join_to_send(self) -> None:
        """Rooms we are not in, for which something waits, are joined for as long as it takes."""
        if not self._link.is_open:
            return
        waiting = self._outbox.rooms
        for room in waiting:
            if room not in self._cursors:
                self._cursors[room] = RoomCursor(room, 0, to_send=True)
                self._send_join(room)
        for room, cursor in list(self._cursors.items()):
            if cursor.to_send and room not in waiting:
                self.leave(room)
