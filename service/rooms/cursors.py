"""Rooms of this process: where each stands in its log, and which sockets are live or behind. Pure data, no I/O.

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
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Write = Callable[[bytes], None]
M = TypeVar("M", bound=Hashable)


class Cursor:
    """A member that is behind. `busy`: its page is being read, or its peer must take what it has first."""

    __slots__ = ("busy", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.busy = False


class Room(Generic[M]):
    """One room with members of type `M` (the process's sockets; anything hashable in tests)."""

    __slots__ = ("behind", "early", "early_bytes", "epoch", "filling", "head", "live", "name", "target")

    def __init__(self, name: str) -> None:
        self.name = name
        self.epoch: str | None = None  # None: not yet in step with the log, everything that arrives is early
        self.head = 0
        self.target = 0  # the highest seq known to exist; beyond `head` there is a hole to fill
        self.live: dict[M, Write] = {}
        self.behind: dict[M, Cursor] = {}
        self.early: list[tuple[int, list[bytes]]] = []  # arrived beyond a hole, in order of arrival
        self.early_bytes = 0  # of their frames
        self.filling = False  # whether somebody is reading the log for the hole

    def begin(self, epoch: str, seq: int) -> None:
        """The subscription holds, and the log stood at (epoch, seq) after it: from here on every event arrives."""
        self.epoch = epoch
        self.head = self.target = seq

    # -- events

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
        return fresh

    def advance_early(self) -> list[bytes]:
        """The same for what waited, once the hole before it was filled."""
        early = self.early
        self.drop_early()
        fresh: list[bytes] = []
        for seq, frames in early:
            fresh += self.advance(seq, frames)
        return fresh

    def drop_early(self) -> None:
        """Let go of what waits beyond the hole; it is read from the log instead."""
        self.early, self.early_bytes = [], 0

    @property
    def hole(self) -> bool:
        """Whether events are known to exist that have not arrived."""
        return self.target > self.head

    # -- members

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
