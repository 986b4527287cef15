"""service/rooms/cursors.py: the cursor mechanism, step by step, and under any interleaving that Hypothesis finds."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from service.rooms.cursors import Room

PAGE_EVENTS = 4  # small pages, so that catching up takes several


def events(first: int, last: int) -> list[bytes]:
    return [b"%d" % seq for seq in range(first, last + 1)]


def nothing(data: bytes) -> None:
    """Write to nobody."""


def room_at(seq: int) -> Room[str]:
    room: Room[str] = Room("lobby")
    room.begin("e", seq)
    return room


# -- events


def test_events_in_order_are_handed_out_and_move_the_head() -> None:
    """What is next after the head is handed out whole."""
    room = room_at(0)
    assert room.advance(1, events(1, 3)) == events(1, 3)
    assert room.advance(4, events(4, 4)) == events(4, 4)
    assert (room.head, room.target, room.hole) == (4, 4, False)


def test_repeats_are_handed_out_once() -> None:
    """What stands at or before the head is dropped, and of an overlap only the new part is handed out."""
    room = room_at(5)
    assert room.advance(2, events(2, 5)) == []
    assert room.advance(4, events(4, 7)) == events(6, 7)
    assert room.advance(6, events(6, 7)) == []
    assert room.head == 7


def test_nothing_is_handed_out_beyond_a_hole() -> None:
    """What arrived early waits for what is missing, and follows it in order."""
    room = room_at(1)
    assert room.advance(4, events(4, 5)) == []
    assert room.advance(7, events(7, 7)) == []
    assert (room.head, room.target, room.hole) == (1, 7, True)
    assert room.advance(2, events(2, 3)) == events(2, 3)
    assert room.advance_early() == events(4, 5)
    assert (room.head, room.hole) == (5, True), "6 is still missing"
    assert room.advance(6, events(6, 6)) == events(6, 6)
    assert room.advance_early() == events(7, 7)
    assert not room.hole and room.advance_early() == []


def test_a_new_life_of_the_log_begins_where_it_stands() -> None:
    """`begin` sets epoch and head; older seqs of it are repeats from then on."""
    room = room_at(9)
    room.begin("f", 2)
    assert (room.epoch, room.head, room.hole) == ("f", 2, False)
    assert room.advance(1, events(1, 3)) == events(3, 3)


# -- members


def test_a_member_at_the_head_is_live() -> None:
    """It costs nothing; anywhere else it has a cursor of its own."""
    room = room_at(3)
    room.join("ada", nothing, 3)
    room.join("bob", nothing, 2)
    room.join("cy", nothing, 4)
    assert set(room.live) == {"ada"}
    assert {name: cursor.seq for name, cursor in room.behind.items()} == {"bob": 2, "cy": 4}
    assert all(name in room for name in ("ada", "bob", "cy")) and "dora" not in room


def test_joining_again_replaces_the_membership() -> None:
    """A member is in one of `live` and `behind`, never in both."""
    room = room_at(3)
    room.join("ada", nothing, 3)
    room.join("ada", nothing, 1)
    assert (list(room.live), list(room.behind)) == ([], ["ada"])
    room.join("ada", nothing, 3)
    assert (list(room.live), list(room.behind)) == (["ada"], [])


def test_leaving_twice_is_harmless() -> None:
    """Live, behind or gone: afterwards it is gone."""
    room = room_at(1)
    for seq in (1, 0):
        room.join("ada", nothing, seq)
        room.leave("ada")
        room.leave("ada")
        assert "ada" not in room


def test_a_slow_member_keeps_its_place_and_goes_live_again() -> None:
    """It is fed from its cursor on, in pages, and is live when it meets the head."""
    room = room_at(2)
    room.join("ada", nothing, 2)
    room.fall_behind("ada", 2)
    room.advance(3, events(3, 6))
    assert room.feed("ada", nothing, 3, events(3, 4)) == events(3, 4)
    assert "ada" in room.behind
    assert room.feed("ada", nothing, 5, events(5, 6)) == events(5, 6)
    assert "ada" in room.live and "ada" not in room.behind


def test_falling_behind_twice_keeps_the_older_place() -> None:
    """The second time changes nothing: what was written to it has not grown since."""
    room = room_at(2)
    room.join("ada", nothing, 2)
    room.fall_behind("ada", 2)
    room.advance(3, events(3, 3))
    room.fall_behind("ada", 3)
    assert room.behind["ada"].seq == 2
    room.fall_behind("nobody", 3)
    assert "nobody" not in room


def test_a_page_that_overlaps_hands_out_the_rest() -> None:
    """Pages may begin before the cursor; a page that ends before it hands out nothing."""
    room = room_at(9)
    room.join("ada", nothing, 4)
    assert room.feed("ada", nothing, 2, events(2, 6)) == events(5, 6)
    assert room.feed("ada", nothing, 2, events(2, 6)) == []
    assert room.behind["ada"].seq == 6


def test_a_page_beyond_the_cursor_hands_out_nothing() -> None:
    """What lies between was trimmed, and a hole is never skipped."""
    room = room_at(9)
    room.join("ada", nothing, 4)
    assert room.feed("ada", nothing, 6, events(6, 9)) == []
    assert room.behind["ada"].seq == 4


def test_a_member_ahead_of_the_head_waits_for_it() -> None:
    """Its page was newer than what arrived here: it goes live when the head comes to its cursor, without repeats."""
    room = room_at(3)
    room.join("ada", nothing, 5)
    fresh = room.advance(4, events(4, 4))
    assert room.feed("ada", nothing, 4, fresh) == []
    fresh = room.advance(5, events(5, 5))
    assert room.feed("ada", nothing, 5, fresh) == []
    assert "ada" in room.live


# -- every interleaving

Frame = tuple[str, int, int]  # epoch, seq, and a number that no other event has


class Page(NamedTuple):
    epoch: str
    end: int
    first: int
    frames: list[Any]


class Log:
    """What the broker holds: the events after `trimmed` of one life."""

    def __init__(self) -> None:
        self.lives = 0
        self.written = 0
        self.epoch, self.trimmed = "e0", 0
        self.events: list[Frame] = []

    @property
    def end(self) -> int:
        return self.trimmed + len(self.events)

    def append(self, count: int) -> Page:
        first = self.end + 1
        for _ in range(count):
            self.written += 1
            self.events.append((self.epoch, self.end + 1, self.written))
        return Page(self.epoch, self.end, first, self.events[-count:])

    def after(self, seq: int) -> Page:
        first = max(seq, self.trimmed) + 1
        frames = self.events[first - 1 - self.trimmed :][:PAGE_EVENTS]
        return Page(self.epoch, self.end, first if frames else 0, frames)

    def trim(self, count: int) -> None:
        count = min(count, len(self.events))
        self.trimmed += count
        del self.events[:count]

    def begin_again(self, kept: int) -> None:
        """Another life, with the first `kept` events of the last (0: after FLUSHALL, else after a crash)."""
        self.lives += 1
        self.epoch = f"e{self.lives}"
        if kept == 0:
            self.trimmed, self.events = 0, []
        else:
            kept_events = self.events[: max(0, kept - self.trimmed)]
            self.events = [(self.epoch, seq, number) for _, seq, number in kept_events]


class Reader:
    """A socket, which holds the contract's promise against all that is written to it."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.joined = False
        self.congested = False
        self.epoch, self.seq = "", 0
        self.seen: dict[tuple[str, int], Frame] = {}

    def begin(self, epoch: str, seq: int) -> None:
        self.joined, self.epoch, self.seq = True, epoch, seq

    def reset(self) -> None:
        assert self.joined, "a reset of nothing"
        self.joined = False

    def write(self, frames: Any) -> None:
        for frame in frames:
            assert self.joined, "an event after the end of the membership"
            assert not self.congested, "an event for a socket that can't take any"
            assert frame[:2] == (self.epoch, self.seq + 1), f"{frame} after {self.epoch} {self.seq}"
            self.seq += 1

    def __repr__(self) -> str:
        return f"reader {self.name}"


class Process:
    """Drives a room as relay.py does, without a loop: each answer of the log waits in `answers` until it is let in."""

    def __init__(self, log: Log, room: Room[Reader]) -> None:
        self.log, self.room = log, room
        self.answers: list[Callable[[], None]] = []
        room.begin(log.epoch, log.end)

    def arrive(self, heard: Page) -> None:
        if heard.epoch == self.room.epoch:
            self.hand_out(self.room.advance(heard.first, heard.frames))
        else:
            self.check()
        self.fill_soon()

    def hand_out(self, fresh: list[Any]) -> None:
        if not fresh:
            return
        for write in list(self.room.live.values()):
            write(fresh)  # type: ignore[arg-type]
        first = self.room.head - len(fresh) + 1
        for reader, cursor in list(self.room.behind.items()):
            if not cursor.busy and not reader.congested:
                if cursor.seq >= first - 1:
                    self.feed(reader, first, fresh)
                else:
                    self.nudge(reader)

    def feed(self, reader: Reader, first: int, frames: list[Any]) -> None:
        reader.write(self.room.feed(reader, reader.write, first, frames))

    def check(self) -> None:
        """Ask where the log stands."""
        epoch, head = self.room.epoch, self.room.head
        stood = self.log.epoch, self.log.end

        def answer() -> None:
            if self.room.epoch == epoch and not self.diverged(stood, epoch, head):
                self.room.target = max(self.room.target, stood[1])
                self.fill_soon()
                for reader in list(self.room.behind):
                    self.nudge(reader)

        self.answers.append(answer)

    def diverged(self, stood: tuple[str, int], epoch: str | None, head: int) -> bool:
        if stood[0] == epoch:
            assert stood[1] >= head, "the log's own epoch went backwards"
            return False
        if self.room.epoch == epoch:
            self.reset()
            self.room.begin(self.log.epoch, self.log.end)
        return True

    def reset(self) -> None:
        members = [*self.room.live, *self.room.behind]
        self.room.live.clear()
        self.room.behind.clear()
        self.room.drop_early()
        self.room.target = self.room.head
        for reader in members:
            reader.reset()

    def fill_soon(self) -> None:
        if self.room.hole and not self.room.filling:
            self.room.filling = True
            epoch, head = self.room.epoch, self.room.head
            page = self.log.after(head)
            self.answers.append(lambda: self.filled(page, epoch, head))

    def filled(self, page: Page, epoch: str | None, head: int) -> None:
        room = self.room
        room.filling = False
        if room.epoch != epoch or self.diverged(page[:2], epoch, head):
            return
        if page.end > room.head and (not page.frames or page.first > room.head + 1):
            self.reset()
            room.begin(page.epoch, page.end)
            return
        if page.frames:
            self.hand_out(room.advance(page.first, page.frames))
        self.hand_out(room.advance_early())
        self.fill_soon()

    def nudge(self, reader: Reader) -> None:
        cursor = self.room.behind.get(reader)
        if cursor is not None and not cursor.busy and not reader.congested and cursor.seq <= self.room.head:
            cursor.busy = True
            self.catch_up(reader, cursor)

    def catch_up(self, reader: Reader, cursor: Any) -> None:
        epoch, seq = self.room.epoch, cursor.seq
        page = self.log.after(seq)

        def answer() -> None:
            cursor.busy = False
            if self.room.epoch != epoch or self.room.behind.get(reader) is not cursor or reader.congested:
                return
            if seq >= self.room.head:
                self.feed(reader, seq + 1, [])
            elif page.epoch != epoch:
                self.check()
            elif not page.frames or page.first > seq + 1:
                self.room.leave(reader)
                reader.reset()
            else:
                self.feed(reader, page.first, page.frames)
                self.nudge(reader)

        self.answers.append(answer)

    def join(self, reader: Reader, back: int) -> None:
        """As a client that saw all but the last `back` events, or a new one where history no longer reaches back."""
        stood = self.log.epoch, self.log.end
        seq = max(self.log.trimmed, self.log.end - back)

        def answer() -> None:
            if reader.joined:
                return
            reader.begin(stood[0], seq)
            if self.room.epoch == stood[0]:
                self.room.join(reader, reader.write, seq)
                if reader.congested:
                    self.room.fall_behind(reader, seq)
                self.nudge(reader)
            else:
                reader.reset()

        self.answers.append(answer)

    def leave(self, reader: Reader) -> None:
        self.room.leave(reader)
        reader.joined = False


class World:
    """A room of one process, three sockets, a log, a channel that loses, repeats, reorders; and what may happen."""

    def __init__(self, room_class: type[Room[Any]] = Room) -> None:
        self.log = Log()
        self.process = Process(self.log, room_class("lobby"))
        self.readers = [Reader(number) for number in range(3)]
        self.channel: list[Page] = []

    def publish(self, count: int) -> None:
        self.channel.append(self.log.append(count))

    def arrive(self, place: int, kept: bool) -> None:
        """What is kept arrives once more."""
        if self.channel:
            index = min(place, len(self.channel) - 1)
            self.process.arrive(self.channel[index] if kept else self.channel.pop(index))

    def lose(self) -> None:
        del self.channel[:1]

    def answer(self, place: int) -> None:
        if self.process.answers:
            self.process.answers.pop(place % len(self.process.answers))()

    def join(self, number: int, back: int) -> None:
        if not self.readers[number].joined:
            self.process.join(self.readers[number], back)

    def leave(self, number: int) -> None:
        self.process.leave(self.readers[number])

    def congest(self, number: int) -> None:
        self.readers[number].congested = True
        self.process.room.fall_behind(self.readers[number], self.process.room.head)

    def drain(self, number: int) -> None:
        self.readers[number].congested = False
        self.process.nudge(self.readers[number])

    def look(self) -> None:
        """Cursors are what was written: each reader is in exactly one place, and there with the right seq."""
        room = self.process.room
        for reader in self.readers:
            assert (reader in room.live) + (reader in room.behind) == reader.joined, reader
            if reader in room.live:
                assert (reader.epoch, reader.seq) == (room.epoch, room.head)
            elif reader.joined:
                assert (reader.epoch, reader.seq) == (room.epoch, room.behind[reader].seq)

    def settle(self) -> None:
        """Once everybody takes what comes and the log answers, each has all of it, or was told of a reset."""
        for number in range(3):
            self.drain(number)
        for _ in range(3):  # what was found may show another thing: an epoch, then a hole, then a member behind
            self.process.check()
            for _ in range(1000):
                self.answer(0)
            assert not self.process.answers, "it does not come to an end"
        for reader in self.readers:
            if reader.joined:
                assert reader in self.process.room.live
                assert (reader.epoch, reader.seq) == (self.log.epoch, self.log.end)


PLACES = (0, 0, 0, 1, 2)  # mostly in order, sometimes not
KEPT = (0, 0, 1, 3)  # events that a new life of the log keeps
_reader, _some = st.integers(0, 2), st.integers(1, 6)


class Interleavings(RuleBasedStateMachine):
    """Everything that may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(count=_some)
    def publish(self, count: int) -> None:
        self.world.publish(count)

    @precondition(lambda self: self.world.channel)
    @rule(place=st.sampled_from(PLACES), kept=st.booleans())
    def arrive(self, place: int, kept: bool) -> None:
        self.world.arrive(place, kept)

    @precondition(lambda self: self.world.channel)
    @rule()
    def lose(self) -> None:
        self.world.lose()

    @precondition(lambda self: self.world.process.answers)
    @rule(place=st.integers(0, 5))
    def answer(self, place: int) -> None:
        self.world.answer(place)

    @rule(number=_reader, back=st.integers(0, 9))
    def join(self, number: int, back: int) -> None:
        self.world.join(number, back)

    @rule(number=_reader)
    def leave(self, number: int) -> None:
        self.world.leave(number)

    @rule(number=_reader)
    def congest(self, number: int) -> None:
        self.world.congest(number)

    @rule(number=_reader)
    def drain(self, number: int) -> None:
        self.world.drain(number)

    @rule()
    def check(self) -> None:
        self.world.process.check()

    @rule(count=_some)
    def trim(self, count: int) -> None:
        self.world.log.trim(count)

    @rule(kept=st.sampled_from(KEPT))
    def begin_again(self, kept: int) -> None:
        self.world.log.begin_again(kept)

    @invariant()
    def look(self) -> None:
        self.world.look()

    def teardown(self) -> None:
        self.world.settle()


def test_the_promises_hold_under_every_interleaving() -> None:
    """Each member gets seq + 1, seq + 2, … once, or a reset is said: whatever is lost, repeated, late, trimmed."""
    run_state_machine_as_test(Interleavings, settings=settings(deadline=None, max_examples=200, stateful_step_count=40))


def wander(room_class: type[Room[Any]], random: Random) -> None:
    """Fifty of the same things at random."""
    world = World(room_class)
    happenings: list[Callable[[], None]] = [
        lambda: world.publish(random.randint(1, 6)),
        lambda: world.arrive(random.choice(PLACES), random.random() < 0.3),
        world.lose,
        lambda: world.answer(random.randint(0, 5)),
        lambda: world.join(random.randint(0, 2), random.randint(0, 9)),
        lambda: world.leave(random.randint(0, 2)),
        lambda: world.congest(random.randint(0, 2)),
        lambda: world.drain(random.randint(0, 2)),
        world.process.check,
        lambda: world.log.trim(random.randint(1, 6)),
        lambda: world.log.begin_again(random.choice(KEPT)),
    ]
    for happening in random.choices(happenings, (4, 6, 1, 6, 3, 1, 1, 2, 1, 1, 0.3), k=50):
        happening()
        world.look()
    world.settle()


class Skips(Room[Any]):
    """Hands out what arrives without a look at what is missing."""

    def advance(self, seq: int, frames: list[bytes]) -> list[bytes]:
        fresh = frames[max(0, self.head + 1 - seq) :]
        if fresh:
            self.head = self.target = seq + len(frames) - 1
        return fresh


class Repeats(Room[Any]):
    """Takes an overlap for news."""

    def advance(self, seq: int, frames: list[bytes]) -> list[bytes]:
        fresh = super().advance(seq, frames)
        return frames if fresh else []


class Overlaps(Room[Any]):
    """Feeds a page whole, wherever it begins."""

    def feed(self, member: Any, write: Any, seq: int, frames: list[bytes]) -> list[bytes]:
        fresh = super().feed(member, write, seq, frames)
        return frames if fresh else []


class Trusts(Room[Any]):
    """Takes everybody for live, whatever they have seen."""

    def join(self, member: Any, write: Any, seq: int) -> None:
        self.leave(member)
        self.live[member] = write


class Forgets(Room[Any]):
    """Drops what came early, and what would show that it is missing."""

    def advance_early(self) -> list[bytes]:
        self.drop_early()
        self.target = self.head
        return []


class LosesItsPlace(Room[Any]):
    """Lets who fell behind go on behind what it missed."""

    def fall_behind(self, member: Any, written: int) -> None:
        if self.live.pop(member, None) is not None:
            self.join(member, nothing, written + 1)


@pytest.mark.parametrize("broken", [Skips, Repeats, Overlaps, Trusts, Forgets, LosesItsPlace])
def test_a_broken_registry_is_found_out(broken: type[Room[Any]]) -> None:
    """What is checked above can fail: each way to break a promise is soon met, and none by the real one."""
    random = Random(broken.__name__)
    with pytest.raises((AssertionError, KeyError)):
        for _ in range(2000):
            wander(broken, random)
    random = Random(broken.__name__)
    for _ in range(100):
        wander(Room, random)
