"""Where a room of this process stands in its log, and which members are live or behind. Pure data, no I/O.

The one mechanism: a cursor per membership. A room has a `head`: the seq up to which its events were written here. A
member is *live* (its cursor is the head, and costs nothing) or *behind* (it has a cursor of its own, and is fed
from the log until it meets the head, then it is live). Joining, resuming, recovering a slow reader are the same step:
become behind at some seq, catch up, go live. The room itself is behind in the same way after a hole.

Invariants, which carry the promises of docs/protocol.md:

1. What is written to a member is `cursor + 1`, `cursor + 2`, …: only `advance` and `feed` move a cursor, and both move
   it by what they hand out, contiguously.
2. `head` moves only in `advance`, over contiguous events of one epoch; repeats are dropped, a hole hands out nothing.
3. A member is in exactly one of `live` and `behind`. It is live only if its cursor equals the head.
4. When neither can hold (another epoch, a trimmed log) the member leaves with a `reset`: a hole is said, never skipped.

So a page of history and live events can't race: whichever comes first moves the cursor, and the other overlaps.

What the log answers is judged here too, against what was asked of it: `resumes`, `compare`, `verify`, `fill`,
`catch_up` say what it means (`Found`), and room.py does it.

A log that lost events may go on under the same epoch with others: then its end alone tells nothing. So the room keeps
the last event that it handed out, and after each new subscription, before which the log may have changed hands, the log
must have that one in its place (`doubt`, `verify`). A log with the same event there has the same ones before it.
"""

import enum
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from msgspec import Struct

from service.brokers.log import Page, Position, Publication
from service.brokers.marks import same_event

EARLY_LIMIT = 1000  # publications kept beyond a hole; more are read from the log instead
EARLY_BYTES = 2**20  # and their bytes
DOUBTS_LIMIT = 8  # events kept for comparison while the log doesn't answer

Write = Callable[[bytes], None]
M = TypeVar("M", bound=Hashable)


class Found(enum.Enum):
    """What an answer of the log means for the room, or for the member, that it was asked for."""

    NEXT = "what follows is there, or nothing follows yet"
    OUTDATED = "the room or the membership began again since it was asked: nothing"
    LOST = "the log ends before what was handed out of it, or has another event there: those seqs would be used twice"
    EPOCH = "the log has another life: nobody can go on in it"
    TRIMMED = "what follows is gone"
    FORGED = "somebody published a seq that the log doesn't have"


class HandedOut(Struct, frozen=True, gc=False):
    """Up to where events were handed out, and the last of them; None where a page ended there."""

    position: Position
    frame: bytes | None


class Cursor:
    """A member that is behind. `busy`: its page is being read, or its peer must take what it has first."""

    __slots__ = ("busy", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.busy = False


class RoomCursors(Generic[M]):
    """One room with members of type `M` (the process's sockets; anything hashable in tests)."""

    __slots__ = (
        "_early_bytes_limit",
        "_early_limit",
        "behind",
        "doubts",
        "early",
        "early_bytes",
        "epoch",
        "filling",
        "head",
        "last",
        "live",
        "target",
    )

    def __init__(self, early_limit: int = EARLY_LIMIT, early_bytes_limit: int = EARLY_BYTES) -> None:
        self._early_limit = early_limit
        self._early_bytes_limit = early_bytes_limit
        self.epoch: str | None = None  # None: not yet in step with the log, everything that arrives is early
        self.head = 0
        self.last: bytes | None = None  # the event at `head`, None where it is not known
        self.doubts: list[HandedOut] = []  # what the log is yet to be compared with
        self.target = 0  # the highest seq known to exist; beyond `head` there is a hole to fill
        self.live: dict[M, Write] = {}
        self.behind: dict[M, Cursor] = {}
        self.early: list[tuple[int, list[bytes]]] = []  # arrived beyond a hole, in order of arrival
        self.early_bytes = 0  # of their frames
        self.filling = False  # whether somebody is reading the log for the hole

    def begin(self, position: Position) -> None:
        """The subscription holds, and the log stood at `position` after it: from here on every event arrives."""
        self.epoch = position.epoch
        self.head = self.target = position.seq
        self.last = None
        self.doubts = []
        self.doubt()  # so that the event there becomes known

    @property
    def handed_out(self) -> HandedOut | None:
        """None before `begin`."""
        return None if self.epoch is None else HandedOut(Position(self.epoch, self.head), self.last)

    @property
    def position(self) -> Position | None:
        """Where the room stands, None before `begin`: what is to be said with a question, and with its answer."""
        return None if self.epoch is None else Position(self.epoch, self.head)

    # -- events

    def arrive(self, publications: Iterable[Publication]) -> tuple[list[bytes], bool]:
        """What of these is next after the head, and whether some are of another life of the log.

        Those are not believed, for anybody with access to Redis can publish there: it is to be compared.
        """
        fresh: list[bytes] = []
        foreign = False
        for publication in publications:
            if publication.epoch == self.epoch:
                fresh += self.advance(publication.seq, publication.frames)
            else:
                foreign = True
        if len(self.early) > self._early_limit or self.early_bytes > self._early_bytes_limit:
            self._drop_early()
        return fresh, foreign

    def advance(self, seq: int, frames: list[bytes]) -> list[bytes]:
        """Events `seq`, `seq + 1`, … arrived: hand out those that are next after the head, and move the head.

        Repeats are dropped. Beyond a hole nothing is handed out: the events wait in `early`; `target` tells the hole.
        """
        last = seq + len(frames) - 1
        if last > self.target:
            self.target = last
        if last <= self.head:
            return []
        if seq > self.head + 1:
            self.early.append((seq, frames))
            self.early_bytes += sum(map(len, frames))
            return []
        fresh = frames[self.head + 1 - seq :]
        self.head = last
        self.last = frames[-1]
        return fresh

    def advance_early(self) -> list[bytes]:
        """The same for what waited, once the hole before it was filled."""
        early = self.early
        self._drop_early()
        fresh: list[bytes] = []
        for seq, frames in early:
            fresh += self.advance(seq, frames)
        return fresh

    def _drop_early(self) -> None:
        self.early, self.early_bytes = [], 0

    @property
    def hole(self) -> bool:
        """Whether events are known to exist that have not arrived."""
        return self.target > self.head

    def expect(self, seq: int) -> None:
        """The log has events up to `seq`."""
        self.target = max(self.target, seq)

    def expect_nothing(self) -> None:
        """What was said to exist beyond the head is not waited for."""
        self._drop_early()
        self.target = self.head

    # -- members

    def enter(self, member: M, write: Write, position: Position, congested: bool) -> bool:
        """Become a member who has seen the log up to `position`; behind, if it can't take anything right now.

        False, and no member, if the count has begun again since.
        """
        if position.epoch != self.epoch:
            return False
        self.join(member, write, position.seq)
        if congested:
            self.fall_behind(member, position.seq)
        return True

    def join(self, member: M, write: Write, seq: int) -> None:
        """Become a member whose cursor is `seq`: live at the head, behind anywhere else."""
        self.leave(member)
        if seq == self.head:
            self.live[member] = write
        else:
            self.behind[member] = Cursor(seq)

    def leave(self, member: M) -> None:
        self.live.pop(member, None)
        self.behind.pop(member, None)

    def reset(self) -> list[M]:
        """Nobody can go on: all leave, and are to be told."""
        members = [*self.live, *self.behind]
        self.live.clear()
        self.behind.clear()
        self.expect_nothing()
        return members

    def restart(self, position: Position) -> list[M]:
        """The same, and begin again where the log stands: who joined the last life meanwhile can't go on either."""
        members = self.reset()
        self.begin(position)
        return members

    def fall_behind(self, member: M, written: int) -> None:
        """A live member can't take more: it keeps a cursor at `written`, up to which events were handed to it."""
        if self.live.pop(member, None) is not None:
            self.behind[member] = Cursor(written)

    def feed(self, member: M, write: Write, seq: int, frames: list[bytes]) -> list[bytes]:
        """Events from the log for a member that is behind: hand out what is next for it, and move its cursor.

        At the head it goes live. A page that starts beyond the cursor's next hands out nothing (it was trimmed).
        """
        cursor = self.behind[member]
        fresh = frames[max(0, cursor.seq + 1 - seq) :] if seq <= cursor.seq + 1 else []
        cursor.seq += len(fresh)
        if cursor.seq == self.head:
            del self.behind[member]
            self.live[member] = write
        return fresh

    def __contains__(self, member: object) -> bool:
        return member in self.live or member in self.behind

    # -- what the log is asked, and what its answer means

    @staticmethod
    def resumes(since: Position, page: Page | None) -> bool:
        """Whether who saw the log up to `since` can go on there: `page`, read after it, has what follows, or it is all.

        Not in another life of the log, nor after its end (it lost what they saw), nor where something was trimmed.
        """
        if page is None or page.position.epoch != since.epoch or page.position.seq < since.seq:
            return False
        return page.position.seq == since.seq or page.seq == since.seq + 1

    def compare(self, asked: Position, stands: Position | None) -> Found:
        """Where the log stands, asked when the room was at `asked`; None where there is no log.

        A publication may overtake the answer, so it is judged by the head of then.
        """
        if self.epoch != asked.epoch:
            return Found.OUTDATED
        if stands is None or stands.epoch != asked.epoch:
            return Found.EPOCH
        return Found.NEXT if stands.seq >= asked.seq else Found.LOST

    def doubt(self) -> None:
        """From here on events come by another subscription: the log's event at the head is to be verified."""
        handed_out = self.handed_out
        if handed_out is None or self.head == 0 or handed_out in self.doubts:
            return
        if len(self.doubts) >= DOUBTS_LIMIT:
            self.doubts.pop()
        self.doubts.append(handed_out)

    def verify(self, asked: HandedOut, page: Page | None) -> Found:
        """A page that was read from `asked` on, that event included: whether the log has it.

        One that is no longer there is no other. Where none was known, it is known from here on.
        """
        found = self.compare(asked.position, None if page is None else page.position)
        if found is not Found.NEXT or page is None:
            return found
        if page.frames and page.seq == asked.position.seq:
            if asked.frame is not None:
                if not same_event(asked.frame, page.frames[0]):
                    return Found.LOST
            elif self.head == page.seq and self.last is None:
                self.last = page.frames[0]
        if asked in self.doubts:
            self.doubts.remove(asked)
        return Found.NEXT

    def begin_fill(self) -> bool:
        """Whether the log is to be read for a hole; it is `filling` until the reader says that it is done."""
        if not self.hole or self.filling:
            return False
        self.filling = True
        return True

    def fill(self, asked: HandedOut, page: Page | None) -> Found:
        """A page that was read from `asked` on, where the room stood, for the hole behind it."""
        found = self.verify(asked, page)
        if found is not Found.NEXT or page is None:
            return found
        more = page.seq + len(page.frames) - 1 > asked.position.seq
        if page.position.seq > self.head and (not more or page.seq > self.head + 1):
            return Found.TRIMMED  # so too when Redis evicted the whole log but not its position
        return Found.NEXT if more else Found.FORGED

    def begin_catch_up(self, member: M) -> Cursor | None:
        """The cursor of a member for whom the log is to be read; it is `busy` until the reader says that it is done."""
        cursor = self.behind.get(member)
        if cursor is None or cursor.busy or cursor.seq > self.head:
            return None
        cursor.busy = True
        return cursor

    def catch_up(self, member: M, cursor: Cursor, asked: Position, page: Page | None) -> Found:
        """A page that was read after `asked`, where the member's cursor stood."""
        if self.epoch != asked.epoch or self.behind.get(member) is not cursor:
            return Found.OUTDATED
        if page is None or page.position.epoch != asked.epoch:
            return Found.EPOCH
        return Found.NEXT if page.frames and page.seq <= asked.seq + 1 else Found.TRIMMED
