"""Taking somebody out of the rooms in SQLite, in steps, between which others write."""

from service.brokers import about, marks
from service.brokers.sqlite.file import File, reading, writing
from service.brokers.sqlite.rows import ROOM_EVENTS, RoomRow, find_room, forgotten_frame, read_marks
from service.protocol import encode

FORGET_STEP = 1000  # events that one step looks at; some 5 ms


class Forgetting:
    """A part of the log. What is `reading` and `writing`, and what those call, is done on the file's thread."""

    def __init__(self, file: File) -> None:
        self.file = file

    @reading
    def messages_of(self, room: str, user: str) -> list[int]:
        """Log.messages_of."""
        return [seq for (seq,) in self.file.db.execute(_MESSAGES_OF, (room, user)).fetchall()]

    async def forget_user(self, room: str, user: str) -> None:
        """Log.forget_user."""
        seq: int | None = 0
        while seq is not None:
            seq = await self._forget_events(room, user, seq)
        await self._forget_rest(room, user)

    @writing
    def _forget_events(self, name: str, user: str, start: int) -> int | None:
        """Of some events behind `start`; the last of them, None where those were the last."""
        room, quoted = find_room(self.file.db, name), encode(user)
        if room is None:
            return None
        some = {"room": room.id, "seq": start, "step": FORGET_STEP}
        rows = self.file.db.execute(f"{ROOM_EVENTS} LIMIT :step", some).fetchall()
        for seq, frame in rows:
            if isinstance(frame, bytes) and quoted in frame:
                self._forget_event(room, seq, frame, user)
        if not rows:
            return None
        last = int(rows[-1][0])
        self._forget_reactions(room, user, start, last)
        return last if len(rows) == FORGET_STEP else None

    def _forget_event(self, room: RoomRow, seq: int, frame: bytes, user: str) -> None:
        left = forgotten_frame(frame, user)
        if left is None:
            return
        db = self.file.db
        db.execute("DELETE FROM marks WHERE room = ? AND target = ?", (room.id, seq))  # of a message of theirs
        update = "UPDATE messages SET frame = ?, removed = 1, author = ? WHERE room = ? AND seq = ?"
        db.execute(update, (left, marks.GONE.id, room.id, seq))
        db.execute("UPDATE changes SET frame = ? WHERE room = ? AND seq = ?", (left, room.id, seq))

    def _forget_reactions(self, room: RoomRow, user: str, start: int, last: int) -> None:
        """From the messages behind `start` up to `last`."""
        select = "SELECT target, marks FROM marks WHERE room = ? AND target > ? AND target <= ?"
        update = "UPDATE marks SET marks = ? WHERE room = ? AND target = ?"
        quoted = encode(user).decode()
        for target, text in self.file.db.execute(select, (room.id, start, last)).fetchall():
            if isinstance(text, str) and quoted in text:
                left = marks.serialize(marks.forget(read_marks(room, target, text), user)).decode()
                self.file.db.execute(update, (left.ljust(len(text)), room.id, target))

    @writing
    def _forget_rest(self, name: str, user: str) -> None:
        room, db = find_room(self.file.db, name), self.file.db
        if room is None:
            return
        db.execute("DELETE FROM ids WHERE room = ? AND user = ?", (room.id, user))
        db.execute("DELETE FROM reads WHERE room = ? AND user = ?", (room.id, user))
        row = db.execute("SELECT begun, topic FROM about WHERE room = ?", (room.id,)).fetchone()
        if row is not None:
            left = [about.forget(kept, user) for kept in row]
            db.execute("UPDATE about SET begun = ?, topic = ? WHERE room = ?", (*left, room.id))


_MESSAGES_OF = """
    SELECT seq FROM messages JOIN rooms ON rooms.id = room WHERE name = ? AND author = ? AND removed = 0 ORDER BY seq"""
