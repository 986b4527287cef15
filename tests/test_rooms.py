"""service/rooms/rooms.py and room.py between a real Redis and members that keep what they are given."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import metrics, signals
from service.brokers.base import unavailable
from service.brokers.log import PAGE_BYTES, Page, Position, Publication, Subscriber
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.log import RedisLog
from service.protocol import ErrorCode, RequestError
from service.rooms.cursors import RoomCursors
from service.rooms.room import LOOKS_LIMIT, Bounds, Member, Membership
from service.rooms.rooms import Rooms

from .brokers import change, lose_from, message, store, take_from_log, topic, until
from .harness import UNIT, RedisServer
from .members import Reader
from .metrics import total

pytestmark = pytest.mark.usefixtures("redis_url")


class Scene:
    """Rooms on a broker, and a second broker, `mute`, whose broadcasts all get lost on the way."""

    def __init__(self, url: str, history_limit: int = 1000, **options: Any) -> None:
        self.broker = RedisBroker(url, history_limit=history_limit, history_days=30)
        self.mute = RedisBroker(url, history_limit=history_limit, history_days=30, channels=b"elsewhere:")
        self.rooms = Rooms(self.broker.log, check_interval=0.02, **options)
        self.subscribed: list[str] = []  # what was confirmed
        self.rooms.on_resync = self.subscribed.append
        self.memberships: dict[Reader, Membership] = {}
        self.rounds: asyncio.Task[None] | None = None

    async def join(self, reader: Reader, seq: int | None = None, room: str = "lobby") -> RoomCursors[Member]:
        """Let the reader be one who has seen the log up to `seq`, or to where it is."""
        async with asyncio.timeout(5 * UNIT):
            membership = await self.rooms.join(room, reader)
        if seq is not None:
            membership.position = Position(membership.position.epoch, seq)
        membership.begin()
        self.memberships[reader] = membership
        return self.rooms.by_name[room].cursors

    def go_on(self, reader: Reader) -> None:
        """Behind a reset, with what comes."""
        self.memberships[reader].skip()
        self.memberships[reader].begin()

    async def say(self, *texts: str, room: str = "lobby", broker: RedisBroker | None = None) -> None:
        await store(broker or self.broker, *(message(room, text) for text in texts))

    async def lose(self, *texts: str) -> None:
        """Store what nobody is told of."""
        await self.say(*texts, broker=self.mute)

    def congest(self, reader: Reader) -> None:
        """The reader can't take more for now."""
        reader.congested = True
        self.memberships[reader].fall_behind()

    def drain(self, reader: Reader) -> None:
        """The reader took everything."""
        reader.congested = False
        self.memberships[reader].recover()

    async def one_behind(self) -> tuple[Reader, RoomCursors[Member]]:
        """A congested reader who lacks event 1, and the room."""
        reader = Reader()
        room = await self.join(reader)
        self.congest(reader)
        await self.say("one")
        await until(lambda: room.head == 1, "the event")
        return reader, room

    def look_again(self) -> None:
        """Compare rooms with their logs from here on; without this it is never done by itself."""
        self.rounds = asyncio.ensure_future(self.rooms.run())


class Deaf(Subscriber):
    """Listens to nothing."""

    def on_publication(self, publication: Publication) -> None: ...
    def on_signal(self, room: str, payload: bytes) -> None: ...
    def on_subscribed(self, rooms: Any) -> None: ...


@asynccontextmanager
async def scene(url: str, **options: Any) -> AsyncIterator[Scene]:
    made = Scene(url, **options)
    await made.broker.open(made.rooms)
    await made.mute.open(Deaf())
    try:
        await until(lambda: made.broker.available and made.mute.available, "the brokers available")
        yield made
    finally:
        if made.rounds is not None:
            made.rounds.cancel()
            await asyncio.gather(made.rounds, return_exceptions=True)
        await made.rooms.close()
        await made.mute.close()
        await made.broker.close()


def has(reader: Reader, *seqs: int) -> Any:
    return lambda: reader.seqs == list(seqs)


# -- what arrives


def fail(monkeypatch: pytest.MonkeyPatch, log: Any, method: str, times: int) -> list[None]:
    """The broker is away the next `times` that this method is called; the list grows with each call."""
    works = getattr(log, method)
    asked: list[None] = []

    async def failing(*args: Any) -> Any:
        asked.append(None)
        if len(asked) <= times:
            raise unavailable()
        return await works(*args)

    monkeypatch.setattr(log, method, failing)
    return asked


async def test_members_get_what_is_said_after_they_joined(redis_url: str) -> None:
    """Each event once, in order, to every member of its room and to nobody else."""
    async with scene(redis_url) as it:
        await it.say("before")
        ada, bob, other = Reader(), Reader(), Reader()
        await it.join(ada)
        await it.join(bob)
        await it.join(other, room="elsewhere")
        await it.say("one")
        await it.say("two", "three")
        await until(lambda: ada.seqs == bob.seqs == [2, 3, 4], "three events")
        assert [event["text"] for write in ada.writes for event in write] == ["one", "two", "three"]
        assert other.seqs == []


async def test_events_of_one_turn_are_one_write(redis_url: str) -> None:
    """However many publications a turn of the loop brings, a live member is written to once."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        for seq in (1, 2, 3):
            it.rooms.on_publication(Publication("lobby", room.epoch or "", seq, [b'{"seq":%d}' % seq]))
        await until(lambda: ada.writes, "a write")
        assert [len(write) for write in ada.writes] == [3]


@pytest.mark.parametrize("busy", [True, False])
async def test_a_large_write_waits_for_what_is_on_its_way(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    """While events of this process are under way the write takes one publication more; else it is made at once."""
    async with scene(redis_url, large=1, flush_wait=60.0) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.join(Reader())
        monkeypatch.setattr(RedisLog, "publishing", busy)
        for seq in (1, 2, 3):
            it.rooms.on_publication(Publication("lobby", room.epoch or "", seq, [b'{"seq":%d}' % seq]))
            await asyncio.sleep(0.01)
        expected = [[1, 2]] if busy else [[1], [2], [3]]
        assert [[event["seq"] for event in write] for write in ada.writes] == expected


async def test_a_large_write_waits_no_longer_than_that(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing need follow: what was under way may be refused, or be for rooms that nobody here is in."""
    async with scene(redis_url, large=0) as it:
        ada = Reader()
        room = await it.join(ada)
        monkeypatch.setattr(RedisLog, "publishing", True)
        it.rooms.on_publication(Publication("lobby", room.epoch or "", 1, [b'{"seq":1}']))
        await until(has(ada, 1), "the write")


async def test_what_arrives_after_the_last_one_left_is_dropped(redis_url: str) -> None:
    """A publication for a room without members here changes nothing."""
    async with scene(redis_url) as it:
        it.rooms.on_publication(Publication("lobby", "e", 1, [b"{}"]))
        it.rooms.broadcast("lobby", b"")
        assert it.rooms.by_name == {}


async def test_frames_that_are_no_events_go_to_all_but_some_and_the_slow(redis_url: str) -> None:
    """To who is behind, too: a resume would else miss who comes while it is fed. Congested readers go without."""
    async with scene(redis_url) as it:
        live, excepted, behind, slow = readers = [Reader() for _ in range(4)]
        for reader in readers:
            await it.join(reader)
        it.memberships[behind].fall_behind()
        it.congest(slow)
        it.rooms.broadcast("lobby", b"\x81\x02{}", but={excepted})
        assert [reader.writes for reader in readers] == [[[{}]], [], [[{}]], []]
        it.rooms.send("lobby", b"\x81\x02[]", [live, behind, slow, Reader()])
        assert [reader.writes for reader in readers] == [[[{}], [[]]], [], [[{}], [[]]], []]


async def test_signals_go_to_their_handler_and_garbage_nowhere(redis_url: str) -> None:
    """By their kind; what is none of ours, or was said in the wrong place, is counted and dropped."""
    async with scene(redis_url) as it:
        heard: list[tuple[str, Any]] = []
        it.rooms.handlers[signals.Typing] = lambda *args: heard.append(args)
        await it.join(Reader())
        counted = total(metrics.GARBAGE)
        typing = b'{"kind":"typing","users":[]}'
        for room, payload in (("lobby", b"{"), ("lobby", b'{"kind":"unknown"}'), ("", typing), ("lobby", typing)):
            it.broker.log.signal(room, payload)
        await until(lambda: heard, "the signal")
        assert heard == [("lobby", signals.Typing(users=[]))]
        assert total(metrics.GARBAGE) == counted + 3


@pytest.mark.parametrize(
    "garbage",
    ["", "E", "hello", "Eepoch:1", "E:x\n{}", "E:0\n{}", "E:-5\n{}", "E\udcff:1\n{}", "S{", "Eforeign:1\n{}"],
)
async def test_garbage_on_the_channel_changes_nothing(redis_server: RedisServer, redis_url: str, garbage: str) -> None:
    """Anybody with access to Redis can publish there: it reaches no member, and the rest goes on."""
    async with scene(redis_url) as it:
        ada = Reader()
        await it.join(ada)
        await it.broker.shards.call("PUBLISH", "parley:0:{lobby}", garbage.encode(errors="surrogateescape"))
        await it.say("one")
        await until(has(ada, 1), "the event")
        assert ada.resets == []


async def test_a_seq_that_the_log_does_not_have_is_garbage(redis_url: str) -> None:
    """A forged seq far ahead looks like a hole; the log knows better, and the room goes on."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.say("one")
        await until(has(ada, 1), "the first")
        forged = f'E{room.epoch}:1000\n{{"seq":1000}}'
        counted = total(metrics.GARBAGE)
        await it.broker.shards.call("PUBLISH", "parley:0:{lobby}", forged)
        await until(lambda: total(metrics.GARBAGE) > counted, "the garbage counted")
        assert not room.hole
        await it.say("two")
        await until(has(ada, 1, 2), "the second")
        assert ada.resets == []


# -- holes


async def test_a_lost_event_is_read_from_the_log_when_the_next_arrives(redis_url: str) -> None:
    """At once, in order, once; no round of looks is needed."""
    async with scene(redis_url) as it:
        ada = Reader()
        await it.join(ada)
        await it.say("one")
        await it.lose("two", "three")
        await it.say("four")
        await until(has(ada, 1, 2, 3, 4), "all four")


async def test_a_lost_last_event_is_found_by_looking(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no successor to show the hole, so every room's position is compared now and then."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.lose("one")
        assert not room.hole
        it.look_again()
        await until(has(ada, 1), "the lost one")


@pytest.mark.expects_log("redis channels")
async def test_what_was_said_while_the_subscription_was_down_is_read_afterwards(
    redis_server: RedisServer, redis_url: str
) -> None:
    """The confirmation alone leads to a look: nothing else is said, and no round runs."""
    async with scene(redis_url) as it:
        ada = Reader()
        await it.join(ada)
        it.broker.log.unsubscribe("lobby")  # so that it comes back without the room
        redis_server.cli("CLIENT", "KILL", "TYPE", "pubsub")
        await it.say("one", "two", broker=it.mute)
        it.broker.log.subscribe("lobby")
        await until(has(ada, 1, 2), "what was missed")


async def test_a_long_hole_is_read_in_pages(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pages, and what arrives meanwhile, make one sequence."""
    async with scene(redis_url, bounds=Bounds(page_events=7)) as it:
        ada = Reader()
        await it.join(ada)
        await it.lose(*map(str, range(100)))
        await it.say("now")
        await it.say("then")
        await until(lambda: len(ada.seqs) >= 102, "all")
        assert ada.seqs == list(range(1, 103))


async def test_publications_beyond_a_hole_are_kept_up_to_a_bound(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not kept is read from the log; memory does not follow the hole."""
    async with scene(redis_url, bounds=Bounds(early_limit=2)) as it:
        ada = Reader()
        room = await it.join(ada)
        kept: list[int] = []
        after = it.broker.log.after

        async def slow(name: str, seq: int, limit: int) -> Page | None:
            kept.append(len(room.early))
            return await after(name, seq, limit)

        monkeypatch.setattr(it.broker.log, "after", slow)
        await it.lose("one")
        epoch = room.epoch or ""
        for _ in range(5):
            await it.lose("more")
        for seq in range(2, 7):
            it.rooms.on_publication(Publication("lobby", epoch, seq, [b'{"seq":%d}' % seq]))
        await until(lambda: len(ada.seqs) >= 6, "all")
        assert ada.seqs == [1, 2, 3, 4, 5, 6]
        assert kept[0] == 0, "what was kept past the bound is let go"


async def test_what_waits_beyond_a_hole_is_bounded_in_bytes(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the log can't be read; and all of it comes, once it can."""
    async with scene(redis_url, bounds=Bounds(early_bytes=2000)) as it:
        ada = Reader()
        room = await it.join(ada)
        with monkeypatch.context() as patch:

            async def away(*_: object) -> Page | None:
                raise unavailable()

            patch.setattr(it.broker.log, "after", away)
            await it.lose("one")
            for number in range(30):
                await it.say(f"{number} " + "x" * 300)
                assert room.early_bytes == sum(len(frame) for _, frames in room.early for frame in frames) <= 2000
            await until(lambda: room.target == 31, "the last heard of")
        await it.say("last")
        await until(has(ada, *range(1, 33)), "all")
        assert room.early == [] and room.early_bytes == 0


async def test_a_hole_waits_for_the_broker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is away the hole stays open; a later look fills it."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        asked = fail(monkeypatch, it.broker.log, "after", 1)
        await it.lose("one")
        await it.say("two")
        await until(lambda: asked and not room.filling, "the failed read")
        assert ada.seqs == []
        it.look_again()
        await until(has(ada, 1, 2), "both")


async def test_a_look_that_fails_is_taken_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker was away just then."""
    async with scene(redis_url) as it:
        ada = Reader()
        await it.join(ada)
        fail(monkeypatch, it.broker.log, "positions", 2)
        await it.lose("one")
        it.look_again()
        await until(has(ada, 1), "the lost one")


# -- another life of the log


async def test_a_new_epoch_is_said_to_every_member(
    redis_server: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After FLUSHALL members live and behind are reset; who joins afresh counts from the new beginning."""
    async with scene(redis_url) as it:
        ada, slow = Reader(), Reader()
        room = await it.join(ada)
        await it.join(slow)
        await it.say("one")
        await until(has(ada, 1), "the first")
        it.congest(slow)
        epoch = room.epoch
        redis_server.cli("FLUSHALL")
        it.look_again()
        await until(lambda: ada.resets and slow.resets, "the resets")
        assert ada.resets == slow.resets == [("lobby", "epoch")]
        await until(lambda: room.epoch != epoch, "the new epoch")
        it.go_on(ada)
        await it.say("another")
        await until(has(ada, 1, 1), "the first of the new life")


async def test_a_publication_of_another_epoch_is_looked_into(redis_server: RedisServer, redis_url: str) -> None:
    """The next event after FLUSHALL shows the new epoch at once, without a round of looks."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.say("one")
        await until(has(ada, 1), "the first")
        redis_server.cli("FLUSHALL")
        await it.say("another")
        await until(lambda: ada.resets == [("lobby", "epoch")], "the reset")
        await until(lambda: room.head == 1 and not room.hole, "the room in step with the new log")


@pytest.mark.expects_log("new epoch")
async def test_a_log_that_lost_acknowledged_events_gets_another_epoch(
    redis_server: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis came back without its last events: counting on would use their seqs twice, so members are reset."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.say("one", "two", "three")
        await until(has(ada, 1, 2, 3), "three")
        epoch = room.epoch
        lose_from(redis_server, 2)
        it.look_again()
        await until(lambda: ada.resets == [("lobby", "epoch")], "the reset")
        await until(lambda: room.epoch != epoch, "another epoch")
        assert room.head == 1, "what the log kept is true under the new name too"
        position = (await it.broker.log.positions(["lobby"]))["lobby"]
        assert position is not None and position.epoch == room.epoch


# -- a log that goes on with other events


@pytest.mark.expects_log("new epoch|redis channels")
@pytest.mark.parametrize("others", [1, 2, 3, 9])
async def test_other_events_in_the_place_of_lost_ones_are_found_after_a_reconnect(
    redis_server: RedisServer, redis_url: str, others: int
) -> None:
    """A replica without the last two took over, and others spoke there first: everybody is told, nobody resumes."""
    async with scene(redis_url) as it:
        ada, slow = Reader(), Reader()
        room = await it.join(ada)
        await it.join(slow)
        it.congest(slow)
        await it.say(*"abcde")
        await until(has(ada, 1, 2, 3, 4, 5), "five events")
        epoch = room.epoch or ""
        lose_from(redis_server, 4)
        await it.lose(*map(str, range(others)))
        redis_server.cli("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: room.epoch != epoch, "another epoch")
        assert ada.resets == slow.resets == [("lobby", "epoch")]
        assert ada.seqs == [1, 2, 3, 4, 5] and slow.seqs == [] and room.head == 3 + others
        for seq in (3, 5, room.head):
            assert not (await it.rooms.join("lobby", Reader(), Position(epoch, seq), 10)).resumed
        it.go_on(ada)
        await it.say("f")
        await until(has(ada, 1, 2, 3, 4, 5, 4 + others), "what comes after")


async def resubscribe(it: Scene) -> None:
    """A subscription is confirmed, and what that leads to is done."""
    asked = len(it.subscribed)
    it.broker.log.subscribe("lobby")
    await until(lambda: len(it.subscribed) > asked and not it.rooms.tasks, "the look")


@pytest.mark.expects_log("new epoch")
async def test_events_that_arrive_before_the_log_was_looked_at_hide_nothing(
    redis_server: RedisServer, redis_url: str
) -> None:
    """They are the new log's: what is compared is what came before the subscription."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.say(*"abc")
        await until(has(ada, 1, 2, 3), "three events")
        epoch = room.epoch
        lose_from(redis_server, 3)
        await it.lose("another", "more")
        page = await it.broker.log.after("lobby", 3, 1)
        assert page is not None
        it.rooms.on_subscribed(["lobby"])
        it.rooms.on_publication(Publication("lobby", epoch or "", 4, page.frames))
        await until(lambda: room.epoch != epoch, "another epoch")
        assert ada.resets == [("lobby", "epoch")]


@pytest.mark.expects_log("new epoch")
async def test_events_of_two_subscriptions_in_one_write_are_told_apart(
    redis_server: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large write still waits with what the lost log had when the new subscription's first event comes."""
    async with scene(redis_url, large=0, flush_wait=60.0) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.lose(*"abc")
        stored = await it.broker.log.after("lobby", 0, 3)
        assert stored is not None
        epoch, frames = room.epoch or "", stored.frames
        lose_from(redis_server, 3)
        await it.lose("another", "more")
        stored = await it.broker.log.after("lobby", 3, 1)
        assert stored is not None
        monkeypatch.setattr(RedisLog, "publishing", True)
        it.rooms.on_publication(Publication("lobby", epoch, 1, frames))
        await asyncio.sleep(0.01)
        assert ada.seqs == []
        it.rooms.on_publication(Publication("lobby", epoch, 4, stored.frames))
        it.rooms.on_subscribed(["lobby"])
        assert ada.seqs == [1, 2, 3, 4]
        await until(lambda: room.epoch != epoch, "another epoch")
        assert ada.resets == [("lobby", "epoch")]


@pytest.mark.expects_log("new epoch")
async def test_other_events_are_found_where_nothing_was_handed_out_yet(
    redis_server: RedisServer, redis_url: str
) -> None:
    """Whoever joined at the end of a page has seen what stands there, too."""
    async with scene(redis_url) as it:
        await it.say(*"abc")
        ada = Reader()
        room = await it.join(ada)
        await until(lambda: room.last, "the event there")
        epoch = room.epoch
        lose_from(redis_server, 2)
        await it.lose(*"xyz")
        await resubscribe(it)
        assert ada.resets == [("lobby", "epoch")] and room.epoch != epoch and room.head == 4
        it.look_again()
        await until(lambda: room.last, "the event in its place")


@pytest.mark.expects_log("new epoch")
async def test_other_events_are_found_when_a_hole_is_filled(redis_server: RedisServer, redis_url: str) -> None:
    """The commands' connection may come to the new log before the subscriptions' does."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.say(*"abc")
        await until(has(ada, 1, 2, 3), "three events")
        epoch = room.epoch
        lose_from(redis_server, 3)
        await it.lose("another", "more")
        it.look_again()
        await until(lambda: room.epoch != epoch, "another epoch")
        assert ada.resets == [("lobby", "epoch")] and ada.seqs == [1, 2, 3]


@pytest.mark.expects_log("new epoch")
async def test_a_comparison_that_fails_is_made_later(
    redis_server: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker was away just then; what arrived meanwhile changes nothing about what is to be compared."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.say(*"abc")
        await until(has(ada, 1, 2, 3), "three events")
        epoch = room.epoch
        lose_from(redis_server, 3)
        await it.lose("another")
        asked = fail(monkeypatch, it.broker.log, "after", 1)
        await resubscribe(it)
        assert len(asked) == 1
        await it.say("more")
        await until(has(ada, 1, 2, 3, 4), "the next event")
        it.look_again()
        await until(lambda: room.epoch != epoch, "another epoch")
        assert ada.resets == [("lobby", "epoch")]


@pytest.mark.expects_log("damaged record parley:{lobby}:log")
async def test_a_log_that_is_the_same_resets_nobody(redis_server: RedisServer, redis_url: str) -> None:
    """However the event at the head changed, or is gone, and whatever followed it."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        epoch, seqs = room.epoch, [1]
        await it.say("secret")
        await until(has(ada, 1), "the event")

        async def goes_on() -> None:
            await resubscribe(it)
            await until(lambda: ada.seqs == seqs and not it.rooms.tasks, "the events")
            assert room.doubts == [] and room.epoch == epoch
            assert ada.resets == []

        await goes_on()
        await store(it.mute, change("remove", 1))  # the head is still 1 here, and its text gone
        seqs += [2]
        await goes_on()
        redis_server.cli("HSET", "parley:{lobby}:log", "2", "garbage")
        await goes_on()
        take_from_log(redis_server, 1, 2)
        await goes_on()
        await it.lose("next")
        seqs += [3]
        await goes_on()


async def test_what_is_gone_behind_a_reconnect_is_said(redis_server: RedisServer, redis_url: str) -> None:
    """Trimmed past the head: nothing can be compared, and what follows the head is missing."""
    async with scene(redis_url) as it:
        ada = Reader()
        await it.join(ada)
        await it.say(*"ab")
        await until(has(ada, 1, 2), "two events")
        await it.lose(*"cde")
        take_from_log(redis_server, 1, 4)
        await resubscribe(it)
        await until(lambda: ada.resets == [("lobby", "trimmed")], "the reset")


async def test_an_event_that_fills_a_page_is_no_end_of_a_hole(redis_url: str) -> None:
    """The event at the head is read with what follows it, and may leave no room for that."""
    async with scene(redis_url) as it:
        ada = Reader()
        await it.join(ada)
        await it.say("x" * 2 * PAGE_BYTES)
        await until(has(ada, 1), "the large one")
        await it.lose(*"bc")
        await it.say("d")
        await until(has(ada, 1, 2, 3, 4), "what followed")
        assert ada.resets == []


async def test_many_rooms_are_compared_a_few_at_a_time(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a reconnect all are: what else is to be read must have its turn."""
    async with scene(redis_url) as it:
        names = [f"room-{number}" for number in range(3 * LOOKS_LIMIT)]
        for name in names:
            await it.say("one", room=name)
            await it.join(Reader(), room=name)
        await until(lambda: not it.rooms.tasks, "in step")
        asked: list[str] = []
        under_way, most = 0, 0
        after = it.broker.log.after

        async def counted(room: str, seq: int, limit: int) -> Page | None:
            nonlocal under_way, most
            asked.append(room)
            under_way += 1
            most = max(most, under_way)
            try:
                return await after(room, seq, limit)
            finally:
                under_way -= 1

        monkeypatch.setattr(it.broker.log, "after", counted)
        it.rooms.on_subscribed(names)
        await until(lambda: not it.rooms.tasks, "all looked at")
        assert sorted(asked) == sorted(names) and most == LOOKS_LIMIT


async def test_a_hole_past_the_trimmed_log_is_said(redis_server: RedisServer, redis_url: str) -> None:
    """What is missing is gone from history: everybody is reset, nobody skips ahead in silence."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.lose("one", "two", "three")
        take_from_log(redis_server, 1, 2)
        await it.say("four")
        await until(lambda: ada.resets == [("lobby", "trimmed")], "the reset")
        assert ada.seqs == [] and room.head == 4
        it.go_on(ada)
        await it.say("five")
        await until(has(ada, 5), "what comes after")


async def test_a_log_that_was_evicted_is_said(
    redis_server: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position says that there are events, the log has none: that is a trimmed log, and no reason to spin."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)
        await it.lose("one")
        redis_server.cli("DEL", "parley:{lobby}:log")
        it.look_again()
        await until(lambda: ada.resets == [("lobby", "trimmed")], "the reset")
        assert not room.hole


# -- members behind


async def test_who_fell_behind_gets_everything_once_it_takes_more(redis_url: str) -> None:
    """Nothing is written while it is congested; then all of it comes from the log, and it is live again."""
    async with scene(redis_url) as it:
        slow, ada = Reader(), Reader()
        room = await it.join(slow)
        await it.join(ada)
        await it.say("one")
        await until(has(slow, 1), "the first")
        it.congest(slow)
        await it.say("two", "three")
        await until(has(ada, 1, 2, 3), "the others' events")
        assert slow.seqs == [1] and slow in room.behind
        it.drain(slow)
        await until(has(slow, 1, 2, 3), "what it missed")
        assert slow in room.live
        await it.say("four")
        await until(has(slow, 1, 2, 3, 4), "the next")


async def test_an_event_catches_up_a_member_at_the_head_without_a_read(redis_url: str) -> None:
    """A member behind that lacks nothing but what just arrived is fed with that."""
    async with scene(redis_url) as it:
        slow = Reader()
        room = await it.join(slow)
        it.memberships[slow].fall_behind()
        await it.say("one")
        await until(has(slow, 1), "the event")
        assert slow in room.live


async def test_an_event_wakes_a_member_that_is_further_behind(redis_url: str) -> None:
    """It is fed from the log, where it stands, and not with the event."""
    async with scene(redis_url) as it:
        slow, ada = Reader(), Reader()
        await it.join(slow)
        await it.join(ada)
        it.congest(slow)
        await it.say("one")
        await until(has(ada, 1), "the event it missed")
        slow.congested = False  # and nobody says so
        await it.say("two")
        await until(has(slow, 1, 2), "both")


async def test_resuming_members_are_fed_from_where_they_stood(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pages; a hundred at one cursor share each read of the log."""
    async with scene(redis_url, bounds=Bounds(page_events=10)) as it:
        await it.say(*map(str, range(25)))
        await it.join(Reader())
        reads: list[int] = []
        after = it.broker.log.after

        async def counted(room: str, seq: int, limit: int) -> Page | None:
            reads.append(seq)
            return await after(room, seq, limit)

        monkeypatch.setattr(it.broker.log, "after", counted)
        crowd = [Reader() for _ in range(100)]
        for reader in crowd:
            await it.join(reader, seq=5)
        await until(lambda: all(len(reader.seqs) == 20 for reader in crowd), "all caught up")
        assert all(reader.seqs == list(range(6, 26)) for reader in crowd)
        assert reads == [5, 15]


async def test_a_member_whose_first_page_is_too_much_waits(redis_url: str) -> None:
    """Congested when it joins, it begins behind, even at the head."""
    async with scene(redis_url) as it:
        slow = Reader()
        slow.congested = True
        room = await it.join(slow)
        await it.say("one")
        await until(lambda: room.head == 1, "the event")
        assert slow.seqs == []
        it.drain(slow)
        await until(has(slow, 1), "the event, later")


async def test_a_member_behind_a_trimmed_log_is_reset_alone(redis_server: RedisServer, redis_url: str) -> None:
    """What it still lacks is gone; the others go on."""
    async with scene(redis_url) as it:
        slow, ada = Reader(), Reader()
        room = await it.join(slow)
        await it.join(ada)
        it.congest(slow)
        await it.say("one", "two", "three")
        await until(has(ada, 1, 2, 3), "the others' events")
        take_from_log(redis_server, 1, 2)
        it.drain(slow)
        await until(lambda: slow.resets == [("lobby", "trimmed")], "the reset")
        assert slow.seqs == [] and slow not in room
        assert ada.resets == [] and ada in room.live


async def test_a_member_behind_hears_of_a_new_epoch_when_it_reads(redis_server: RedisServer, redis_url: str) -> None:
    """A page of another life is not handed out: the room is compared with its log first."""
    async with scene(redis_url) as it:
        slow, _ = await it.one_behind()
        redis_server.cli("FLUSHALL")
        it.drain(slow)
        await until(lambda: slow.resets == [("lobby", "epoch")], "the reset")
        assert slow.seqs == []


async def test_a_page_of_the_old_life_is_not_handed_out_in_the_new(
    redis_server: RedisServer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked for before the room began again, and answered afterwards."""
    async with scene(redis_url) as it:
        slow, _ = await it.one_behind()
        after, read, go_on = it.broker.log.after, asyncio.Event(), asyncio.Event()

        async def late(room: str, seq: int, limit: int) -> Page | None:
            page = await after(room, seq, limit)
            read.set()
            await go_on.wait()
            return page

        monkeypatch.setattr(it.broker.log, "after", late)
        it.drain(slow)
        await read.wait()
        redis_server.cli("FLUSHALL")
        it.look_again()
        await until(lambda: slow.resets == [("lobby", "epoch")], "the reset")
        go_on.set()
        await until(lambda: not it.rooms.tasks, "the page")
        assert slow.seqs == []


async def test_catching_up_waits_for_the_broker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that fails is made again by a later look."""
    async with scene(redis_url) as it:
        slow, _ = await it.one_behind()
        asked = fail(monkeypatch, it.broker.log, "after", 1)
        it.drain(slow)
        await until(lambda: asked, "the failed read")
        it.look_again()
        await until(has(slow, 1), "the event, later")


async def test_who_leaves_while_its_page_is_read_gets_none_of_it(redis_url: str) -> None:
    """The page of a membership that ended is dropped."""
    async with scene(redis_url) as it:
        await it.say("one")
        gone = Reader()
        room = await it.join(gone, seq=0)
        await it.join(Reader())
        it.memberships[gone].leave()
        await it.say("two")
        await until(lambda: room.head == 2 and not it.rooms.tasks, "quiet")
        assert gone.seqs == []


async def test_a_member_ahead_of_the_room_gets_nothing_twice(redis_url: str) -> None:
    """It joined with a page that was newer than what had arrived here."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(Reader())
        await it.lose("one", "two")
        await it.join(ada, seq=2)
        await it.say("three")
        await until(has(ada, 3), "the third alone")
        assert ada in room.live


# -- holding rooms


async def test_a_room_is_subscribed_while_it_is_held(redis_server: RedisServer, redis_url: str) -> None:
    """By the first of its holders until the last lets go."""

    def subscribers() -> str:
        return redis_server.cli("PUBSUB", "NUMSUB", "parley:0:{lobby}").split()[-1]

    async with scene(redis_url) as it:
        first = await it.rooms.join("lobby", Reader())
        room = it.rooms.by_name["lobby"]
        second = await it.rooms.join("lobby", Reader())
        assert it.rooms.by_name["lobby"] is room and subscribers() == "1"
        for _ in range(2):  # a second time nothing happens
            first.leave()
            assert "lobby" in it.rooms.by_name
        second.leave()
        assert it.rooms.by_name == {}
        await until(lambda: subscribers() == "0", "unsubscribed")
        await it.rooms.join("lobby", Reader())
        assert it.rooms.by_name["lobby"] is not room and subscribers() == "1"


async def test_who_left_before_it_began_gets_nothing(redis_url: str) -> None:
    """Its socket ended while the answer was written."""
    async with scene(redis_url) as it:
        gone = Reader()
        room = await it.join(Reader())
        membership = await it.rooms.join("lobby", gone)
        membership.leave()
        membership.begin()
        await it.say("one")
        await until(lambda: room.head == 1, "the event")
        assert gone.writes == [] and gone not in room


async def test_a_place_is_resumed_or_the_newest_page_is_given(redis_server: RedisServer, redis_url: str) -> None:
    """`missed` says how much follows; what does not fit the log any more begins at its end."""
    async with scene(redis_url) as it:
        room = await it.join(Reader())
        await it.say(*map(str, range(5)))
        await until(lambda: room.head == 5, "five events")
        epoch = room.epoch or ""
        resumed = await it.rooms.join("lobby", Reader(), Position(epoch, 2), 10)
        assert (resumed.resumed, resumed.missed, resumed.page) == (True, 3, None)
        assert resumed.position == Position(epoch, 2)
        take_from_log(redis_server, 1, 3)
        for since in (Position(epoch, 2), Position("another", 2), Position(epoch, 6), None):
            fresh = await it.rooms.join("lobby", Reader(), since, 10)
            assert (fresh.resumed, fresh.position) == (False, Position(epoch, 5))
            assert fresh.page is not None and fresh.page.position == fresh.position
            fresh.begin()
            assert fresh.page is None, "kept for no longer than it is needed"


# -- kinds of events that not every client knows


@asynccontextmanager
async def two_kinds(url: str) -> AsyncIterator[tuple[Scene, Reader, Reader, RoomCursors[Member]]]:
    """A reader who knows all kinds of events, and one who knows those that every client knows."""
    async with scene(url) as it:
        knowing, plain = Reader(), Reader()
        room = await it.join(knowing)
        it.memberships[plain] = membership = await it.rooms.join("lobby", plain)
        membership.plain = True
        membership.begin()
        yield it, knowing, plain, room


def kinds(reader: Reader) -> list[str]:
    return [event["type"] for write in reader.writes for event in write]


async def test_who_does_not_know_a_kind_of_event_counts_on(redis_url: str) -> None:
    """In one write with the events beside it; the others get it as it is."""
    async with two_kinds(redis_url) as (it, knowing, plain, room):
        await store(it.broker, message(text="one"), topic("tea"), message(text="two"))
        await until(lambda: room.head == 3, "the events")
        assert knowing.seqs == plain.seqs == [1, 2, 3]
        assert kinds(knowing) == ["message", "topic", "message"]
        assert kinds(plain) == ["message", "reacted", "message"]
        assert "tea" not in str(plain.writes)
        assert [write[::2] for write in knowing.writes] == [write[::2] for write in plain.writes]


async def test_who_is_behind_is_given_the_kinds_that_it_knows(redis_url: str) -> None:
    """From the log, and from there on live."""
    async with two_kinds(redis_url) as (it, knowing, plain, room):
        for reader in (knowing, plain):
            it.congest(reader)
        await store(it.broker, message(), topic("tea"))
        await until(lambda: room.head == 2, "the events")
        for reader in (knowing, plain):
            it.drain(reader)
        await until(lambda: knowing.seqs == plain.seqs == [1, 2], "caught up")
        await store(it.broker, topic("coffee"))
        await until(lambda: room.head == 3 and len(plain.seqs) == 3, "live")
        assert (kinds(knowing)[1:], kinds(plain)[1:]) == (["topic"] * 2, ["reacted"] * 2)


async def test_what_a_member_knows_ends_with_its_membership(redis_url: str) -> None:
    """The same member comes again by a client that knows more."""
    async with two_kinds(redis_url) as (it, _, plain, _):
        it.memberships[plain].leave()
        await it.join(plain)
        await store(it.broker, topic("tea"))
        await until(has(plain, 1), "the topic")
        assert kinds(plain) == ["topic"]


@pytest.mark.expects_log("lacks what was handed out")
async def test_after_a_reset_a_member_knows_what_it_says_anew(redis_server: RedisServer, redis_url: str) -> None:
    """Those who are told to join afresh are no members any more, of either kind."""
    async with two_kinds(redis_url) as (it, knowing, plain, room):
        await it.say("one", "two")
        await until(has(plain, 1, 2), "two events")
        epoch = room.epoch
        lose_from(redis_server, 2)
        it.look_again()
        await until(lambda: room.epoch != epoch, "the new epoch")
        assert knowing.resets and plain.resets
        for reader in (knowing, plain):
            it.go_on(reader)
        await store(it.broker, topic("tea"))
        await until(lambda: len(knowing.seqs) == len(plain.seqs) == 3, "the topic")
        assert (kinds(knowing)[2], kinds(plain)[2]) == ("topic", "reacted"), "one membership that went on"


async def test_what_a_room_is_about_is_read_once_for_a_crowd(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of their position or later; those who joined at another ask anew, and of a room without events nobody asks."""
    async with scene(redis_url) as it:
        asked = fail(monkeypatch, it.broker.log, "about", 0)
        first = await it.rooms.join("lobby", Reader(), None, 10, may_begin=None)
        assert (await first.ask_about()).begun is None and not asked
        await store(it.broker, message(), topic("tea"))
        crowd = await asyncio.gather(*(it.rooms.join("lobby", Reader(), None, 10) for _ in range(50)))
        abouts = await asyncio.gather(*(member.ask_about() for member in crowd))
        assert len(asked) == 1 and {about.topic and about.topic.text for about in abouts} == {"tea"}
        earlier = crowd[0].ask_about()
        await store(it.broker, topic("coffee"))
        later = await it.rooms.join("lobby", Reader(), None, 10)
        assert earlier is not later.ask_about()
        told = await later.ask_about()
        assert told.topic is not None and told.topic.text == "coffee"


async def test_what_a_room_is_about_may_be_away(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks is told, and who asks next asks anew."""
    async with scene(redis_url) as it:
        await it.say("one")
        member = await it.rooms.join("lobby", Reader(), None, 10)
        asked = fail(monkeypatch, it.broker.log, "about", 1)
        with pytest.raises(RequestError, match="away"):
            await member.ask_about()
        assert (await member.ask_about()).begun is not None and len(asked) == 2


async def test_members_get_what_arrives_while_their_room_gets_in_step(redis_url: str) -> None:
    """What comes between the subscription and the log's answer is neither lost nor repeated."""
    async with scene(redis_url) as it:
        await it.say("one")
        ada = Reader()
        joining = asyncio.ensure_future(it.join(ada, seq=0))
        saying = asyncio.ensure_future(it.say(*map(str, range(200))))
        await asyncio.gather(joining, saying)
        await until(lambda: len(ada.seqs) >= 201, "all")
        assert ada.seqs == list(range(1, 202))


async def test_a_room_can_not_be_held_while_the_broker_is_away(redis_url: str) -> None:
    """It says so at once, and keeps no wish for the room."""
    async with scene(redis_url) as it:
        it.broker.shards.shards[0].channels.connected = False
        with pytest.raises(RequestError, match="away"):
            await it.rooms.join("lobby", Reader())
        assert it.rooms.by_name == {}
        it.broker.shards.shards[0].channels.connected = True


async def test_who_stops_waiting_for_a_room_lets_go_of_it(redis_url: str) -> None:
    """A holder that is cancelled leaves nothing behind."""
    async with scene(redis_url) as it:
        holding = asyncio.ensure_future(it.rooms.join("lobby", Reader()))
        await asyncio.sleep(0)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        assert it.rooms.by_name == {}


async def test_resubscribed_rooms_are_told_of(redis_url: str) -> None:
    """Whoever keeps what signals said (presence) hears for which rooms some may be missing."""
    async with scene(redis_url) as it:
        told: list[str] = []
        it.rooms.on_resync = told.append
        await it.join(Reader())
        assert told == ["lobby"]


@pytest.mark.expects_log("damaged record the room lobby")
async def test_a_fault_of_ours_is_logged_and_the_rest_goes_on(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One member's fault costs nobody else."""
    async with scene(redis_url) as it:
        ada = Reader()
        room = await it.join(ada)

        async def broken(room: str, seq: int, limit: int) -> Page | None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(it.broker.log, "after", broken)
            await it.lose("one")
            await it.say("two")
            await until(lambda: room.hole and not room.filling, "the failed read")
        await it.say("three")
        await until(has(ada, 1, 2, 3), "all")


# -- beginning and keeping rooms


async def test_a_room_that_is_not_there_is_begun_by_who_may(redis_server: RedisServer, redis_url: str) -> None:
    """Who may not leaves nothing behind; one that is there is nobody's beginning."""
    async with scene(redis_url) as it:
        asked: list[bool] = []

        async def may_not() -> None:
            asked.append(False)
            raise RequestError(ErrorCode.TOO_MANY_ROOMS, "no more")

        async def may() -> None:
            asked.append(True)

        with pytest.raises(RequestError, match="no more"):
            await it.rooms.join("tea", Reader(), may_begin=may_not)
        assert it.rooms.by_name == {} and not redis_server.cli("KEYS", "parley:{tea}:*").strip()
        begun = await it.rooms.join("tea", Reader(), may_begin=may)
        assert begun.position.epoch and asked == [False, True]
        await it.rooms.join("tea", Reader(), may_begin=may_not)  # it is in step here
        await it.say("hello", room="lobby")
        await it.rooms.join("lobby", Reader(), may_begin=may_not)  # its log is there
        assert asked == [False, True]


async def test_who_may_not_begin_a_room_does_not_keep_others_from_it(redis_url: str) -> None:
    """They wait for it at the same time; one who may is enough for all."""
    async with scene(redis_url) as it:
        began = 0
        newest = it.broker.log.newest

        async def counted(*args: Any, **options: Any) -> Page | None:
            nonlocal began
            began += 1
            await asyncio.sleep(0.01)
            return await newest(*args, **options)

        it.broker.log.newest = counted  # type: ignore[method-assign]

        async def may_not() -> None:
            raise RequestError(ErrorCode.TOO_MANY_ROOMS, "no more")

        async def may() -> None:
            await asyncio.sleep(0.01)

        outcomes = await asyncio.gather(
            *(it.rooms.join("tea", Reader(), may_begin=may_not if number % 2 else may) for number in range(6)),
            return_exceptions=True,
        )
        assert [isinstance(outcome, Membership) for outcome in outcomes] == [True, False] * 3
        assert it.rooms.by_name["tea"].holds == 3 and began == 1


async def test_an_event_that_overtakes_a_room_s_beginning_is_not_lost(redis_url: str) -> None:
    """Another process begins it and speaks while this one still asks whether it may."""
    async with scene(redis_url) as it:
        reader = Reader()

        async def may() -> None:
            await it.say("first", room="tea")
            await asyncio.sleep(0.05)

        membership = await it.rooms.join("tea", reader, may_begin=may)
        membership.position = Position(membership.position.epoch, 0)
        membership.begin()
        await until(lambda: reader.seqs == [1], "the event")


async def test_held_rooms_without_events_are_kept(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only those: the others last by what was said in them."""
    async with scene(redis_url, keep_interval=0.05) as it:
        kept: list[list[str]] = []
        keep = it.broker.log.keep

        async def heard(rooms: Any) -> None:
            await keep(rooms)
            kept.append(sorted(rooms))

        monkeypatch.setattr(it.broker.log, "keep", heard)
        await it.say("hello", room="lobby")
        for room in ("lobby", "tea", "cake"):
            await it.join(Reader(), room=room)
        it.look_again()
        await until(lambda: len(kept) >= 2, "kept again")
        assert all(rooms == ["cake", "tea"] for rooms in kept)


# -- what one room or one signal can't do to the others


@pytest.mark.expects_log("damaged record the room bad")
async def test_a_room_that_can_not_be_looked_at_costs_itself(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands among many, in the middle; the others' holes are found all the same, and so is the next one's start."""
    async with scene(redis_url) as it:
        names = [f"room-{number}" for number in range(5)]
        readers = {name: Reader() for name in (*names, "bad")}
        for name, reader in list(readers.items())[:3]:
            await it.join(reader, room=name)
        await it.join(readers["bad"], room="bad")
        for name in names[3:]:
            await it.join(readers[name], room=name)
        positions = it.broker.log.positions

        async def broken(rooms: Sequence[str]) -> dict[str, Position | None]:
            nonsense = Position(it.rooms.by_name["bad"].cursors.epoch or "", "what is this")  # type: ignore[arg-type]
            return await positions(rooms) | {"bad": nonsense}

        monkeypatch.setattr(it.broker.log, "positions", broken)
        for name in names:
            await store(it.mute, message(name))
        it.look_again()
        await until(lambda: all(readers[name].seqs == [1] for name in names), "all others")
        await it.join(Reader(), room="new")
        assert readers["bad"].resets == [] and it.rounds is not None and not it.rounds.done()


@pytest.mark.expects_log("damaged record the room bad")
async def test_a_room_whose_events_can_not_be_written_costs_itself(redis_url: str) -> None:
    """What arrived for others in the same turn is handed out."""
    async with scene(redis_url) as it:
        reader = Reader()
        await it.join(Reader(), room="bad")
        await it.join(reader, room="lobby")
        bad = it.rooms.by_name["bad"].cursors
        for room, frames in (("bad", [None]), ("lobby", [b'{"seq":1}'])):
            epoch = it.rooms.by_name[room].cursors.epoch or ""
            it.rooms.on_publication(Publication(room, epoch, 1, frames))  # type: ignore[arg-type]
        await until(lambda: reader.seqs == [1], "the event")
        assert bad.live


async def test_who_keeps_what_signals_said_hears_of_rooms_let_go_of(redis_url: str) -> None:
    """A join that fails leaves nothing in memory either."""
    async with scene(redis_url) as it:
        told: list[str] = []
        membership = await it.rooms.join("tea", Reader())
        it.rooms.on_resync = told.append
        membership.leave()
        assert told == ["tea"]
