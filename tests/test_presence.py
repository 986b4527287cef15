"""service/rooms/presence.py on both brokers: who is told of whom, and how often."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import metrics, signals
from service.brokers.base import unavailable
from service.brokers.log import Publication
from service.brokers.presence import BEAT_INTERVAL, Roster
from service.brokers.pulse import Pulse
from service.brokers.redis.broker import RedisBroker
from service.protocol import MEMBERS_LIMIT, Person, RequestError, encode
from service.protocol import Presence as PresenceFrame
from service.rooms.presence import NOTIFY_ROOMS, PresenceTracker
from service.rooms.rooms import Rooms

from .brokers import ADA, BOB, CY, Make, until
from .harness import UNIT, ChatClient, ServiceProcess, make_jwt
from .members import Reader
from .metrics import total
from .serving import GATHER, serving


class Process:
    """Presence on a broker, with what it shows to the members here."""

    def __init__(self, broker: Any, grace: float, beat_interval: float) -> None:
        self.broker = broker
        self.rooms = Rooms(broker.log)
        self.shown: list[PresenceFrame] = []
        self.presence = PresenceTracker(
            broker.presence, grace, lambda room, frame: self.shown.append(frame), GATHER, beat_interval
        )
        self.rooms.handlers[signals.Presence] = self.presence.on_signal
        self.rooms.on_resync = self.presence.drop_roster

    def changes(self) -> list[tuple[list[str], list[str], int]]:
        """Names of those who came, ids of those who left, and how many there are then."""
        return [([person.name for person in frame.joined], list(frame.left), frame.count) for frame in self.shown]  # type: ignore[union-attr, arg-type]

    async def told(self, *changes: Any) -> None:
        """Wait until exactly these changes were shown."""
        await until(lambda: len(self.shown) >= len(changes), "what changed")
        assert self.changes() == list(changes)

    async def turns(self, number: int = 3) -> None:
        """Let so many rounds of telling pass."""
        await asyncio.sleep(number * GATHER)


@asynccontextmanager
async def process(
    make: Make, grace: float = 0, run: bool = True, beat_interval: float = BEAT_INTERVAL
) -> AsyncIterator[Process]:
    made = Process(make(), grace, beat_interval)
    await made.broker.open(made.rooms)
    await until(lambda: made.broker.available, "the broker available")
    running = asyncio.ensure_future(made.presence.run()) if run else None
    await made.rooms.join("lobby", Reader())
    try:
        yield made
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await made.presence.close()
        await made.rooms.close()
        await made.broker.close()


async def test_who_comes_and_goes_is_told_once(make: Make) -> None:
    """With everybody who came in the same moment, and the count that follows."""
    async with process(make) as here:
        here.presence.enter("lobby", ADA)
        here.presence.enter("lobby", BOB)
        await here.told((["Ada", "Bob"], [], 2))
        here.presence.leave("lobby", BOB.id)
        await here.told((["Ada", "Bob"], [], 2), ([], ["u2"], 1))


async def test_many_sockets_are_one_person(make: Make) -> None:
    """Only the first comes and only the last leaves."""
    async with process(make) as here:
        for _ in range(3):
            here.presence.enter("lobby", ADA)
        await here.told((["Ada"], [], 1))
        for _ in range(2):
            here.presence.leave("lobby", ADA.id)
        await here.turns()
        await here.told((["Ada"], [], 1))
        here.presence.leave("lobby", ADA.id)
        await here.told((["Ada"], [], 1), ([], ["u1"], 0))


async def test_back_within_the_grace_was_never_away(make: Make) -> None:
    """A leave is told when the grace is over, and not if they are back by then."""
    async with process(make, grace=25 * GATHER) as here:
        here.presence.enter("lobby", ADA)
        await here.told((["Ada"], [], 1))
        here.presence.leave("lobby", ADA.id)
        await here.turns(2)
        here.presence.enter("lobby", ADA)
        await here.turns(10)
        await here.told((["Ada"], [], 1))
        here.presence.leave("lobby", ADA.id)
        await here.told((["Ada"], [], 1), ([], ["u1"], 0))


async def test_a_new_name_is_told(make: Make) -> None:
    """The same user under another name comes again."""
    async with process(make) as here:
        here.presence.enter("lobby", ADA)
        await here.told((["Ada"], [], 1))
        here.presence.enter("lobby", Person(ADA.id, "Countess"))
        await here.told((["Ada"], [], 1), (["Countess"], [], 1))


async def test_a_name_that_changes_while_it_is_told_is_told_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later one is what everybody sees in the end."""
    async with process(make) as here:
        enter = here.broker.presence.enter

        async def crossing(room: str, people: Any, still: Any) -> None:
            await enter(room, people, still)
            if people == [ADA]:
                here.presence.enter("lobby", Person(ADA.id, "Countess"))

        monkeypatch.setattr(here.broker.presence, "enter", crossing)
        here.presence.enter("lobby", ADA)
        await here.told((["Ada"], [], 1), (["Countess"], [], 1))


async def test_who_came_and_went_between_two_rounds_leaves_no_trace(make: Make) -> None:
    """Whatever was told of them, in the end they are gone."""
    async with process(make) as here:
        here.presence.enter("lobby", ADA)
        here.presence.leave("lobby", ADA.id)
        await until(lambda: here.presence.size("lobby") == 0, "told")
        await here.turns()
        assert await here.broker.presence.roster("lobby") == Roster(0, [])
        presence = here.presence
        assert presence._here == presence._arriving == {}  # noqa: SLF001  # memory that is let go of shows nowhere else


async def test_who_left_for_good_has_no_grace(make: Make) -> None:
    """And doesn't wait for those who have one."""
    async with process(make, grace=60) as one:
        one.presence.enter("lobby", ADA)
        one.presence.enter("lobby", BOB)
        await one.told((["Ada", "Bob"], [], 2))
        one.presence.leave("lobby", ADA.id)
        one.presence.leave("lobby", BOB.id, for_good=True)
        await one.told((["Ada", "Bob"], [], 2), ([], [BOB.id], 1))


async def test_who_left_for_good_before_anybody_was_told_was_never_here(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a name that was let go is not claimed again by them; nor where they are on their way to the broker already."""
    async with process(make, run=False) as one:
        heard: list[str] = []
        enter = one.broker.presence.enter

        async def told(room: str, people: list[Person], still: Any) -> None:
            heard.extend(person.name for person in people)
            one.presence.leave("lobby", CY.id, for_good=True)
            await enter(room, people, still)
            heard.extend(person.name for person in (await one.broker.presence.roster("lobby")).members or ())

        monkeypatch.setattr(one.broker.presence, "enter", told)
        for person in (ADA, BOB, CY):
            one.presence.enter("lobby", person)
        one.presence.leave("lobby", ADA.id, for_good=True)
        await one.presence.flush(0)
        assert heard == ["Bob", "Cy", "Bob"]
        await one.presence.flush(asyncio.get_running_loop().time())
        assert [person.name for person in (await one.broker.presence.roster("lobby")).members or ()] == ["Bob"]


@pytest.mark.parametrize("for_good", [True, False], ids=["for good", "after the grace"])
@pytest.mark.parametrize("on_the_way", [True, False], ids=["on the way to the broker", "before"])
async def test_who_was_shown_to_somebody_is_seen_to_go(
    make: Make, monkeypatch: pytest.MonkeyPatch, for_good: bool, on_the_way: bool
) -> None:
    """Somebody joined between their coming and their leaving, of which the broker had yet to be told."""
    async with process(make, run=False) as one:
        enter = one.broker.presence.enter

        async def told(room: str, people: Any, still: Any) -> None:
            if on_the_way:
                one.presence.leave("lobby", ADA.id, for_good)
            await enter(room, people, still)

        monkeypatch.setattr(one.broker.presence, "enter", told)
        one.presence.enter("lobby", ADA)
        assert (await one.presence.roster("lobby", BOB)).members == [ADA, BOB]
        if not on_the_way:
            one.presence.leave("lobby", ADA.id, for_good)
        await one.presence.flush(asyncio.get_running_loop().time())
        await one.presence.flush(asyncio.get_running_loop().time())
        await one.told((["Ada"], [], 1), ([], ["u1"], 0))


async def test_who_left_for_good_and_is_back_before_that_is_told_is_told_of(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out on the way to the broker, they are among the next."""
    async with process(make, run=False) as one:
        enter = one.broker.presence.enter

        async def told(room: str, people: list[Person], still: Any) -> None:
            one.presence.leave("lobby", ADA.id, for_good=True)
            await enter(room, people, still)
            one.presence.enter("lobby", ADA)

        one.presence.enter("lobby", ADA)
        with monkeypatch.context() as patch:
            patch.setattr(one.broker.presence, "enter", told)
            await one.presence.flush(asyncio.get_running_loop().time())
        assert await one.broker.presence.roster("lobby") == Roster(0, [])
        await one.presence.flush(asyncio.get_running_loop().time())
        assert await one.broker.presence.roster("lobby") == Roster(1, [ADA])


async def test_who_leaves_while_arrivals_are_gathered_is_no_error(make: Make) -> None:
    """The round goes on without them."""
    async with process(make, run=False) as one:
        one.presence.enter("lobby", ADA)
        one.presence.enter("lobby", BOB)
        flush = asyncio.ensure_future(one.presence.flush(0))
        await asyncio.sleep(0)  # gathered, not told yet
        one.presence.leave("lobby", ADA.id, for_good=True)
        await flush
        await one.presence.flush(asyncio.get_running_loop().time())
        assert [person.name for person in (await one.broker.presence.roster("lobby")).members or ()] == ["Bob"]


async def test_the_roster_has_everybody_and_oneself(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read once, kept by the signals; with those here whom the broker does not know yet."""
    async with process(make) as here:
        here.presence.enter("lobby", BOB)
        roster = await here.presence.roster("lobby", ADA)
        assert (roster.count, set(roster.members or ())) == (2, {ADA, BOB})
        await here.told((["Bob"], [], 1))
        reads = 0
        read: Callable[[str], Awaitable[Roster]] = here.broker.presence.roster

        async def counted(room: str) -> Roster:
            nonlocal reads
            reads += 1
            return await read(room)

        monkeypatch.setattr(here.broker.presence, "roster", counted)
        here.presence.enter("lobby", CY)
        await here.told((["Bob"], [], 1), (["Cy"], [], 2))
        here.presence.leave("lobby", BOB.id)
        await here.told((["Bob"], [], 1), (["Cy"], [], 2), ([], ["u2"], 1))
        roster = await here.presence.roster("lobby", ADA)
        assert set(roster.members or ()) == {ADA, CY}
        assert reads == 0, "the signals kept it"
        here.presence.drop_roster("lobby")
        assert set((await here.presence.roster("lobby", ADA)).members or ()) == {ADA, CY}
        assert reads == 1


async def test_a_roster_that_a_signal_does_not_fit_is_read_again(make: Make) -> None:
    """A signal that was missed shows in the count of the next."""
    async with process(make) as here:
        await here.presence.roster("lobby", ADA)
        missed: list[str] = []
        here.rooms.handlers[signals.Presence] = lambda room, change: missed.append(room)
        await here.broker.presence.enter("lobby", [BOB])
        await until(lambda: missed, "the signal")
        here.rooms.handlers[signals.Presence] = here.presence.on_signal
        await here.broker.presence.enter("lobby", [CY])
        await until(lambda: here.shown, "the next")
        assert set((await here.presence.roster("lobby", ADA)).members or ()) == {ADA, BOB, CY}


async def test_a_roster_that_can_not_be_read_is_asked_for_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """`unavailable` for those who wait, and no memory of it."""
    async with process(make) as here:
        with monkeypatch.context() as patch:

            async def away(room: str) -> Roster:
                raise unavailable()

            patch.setattr(here.broker.presence, "roster", away)
            with pytest.raises(RequestError):
                await here.presence.roster("lobby", ADA)
        assert (await here.presence.roster("lobby", ADA)).members == [ADA]


async def test_a_large_room_is_a_count(make: Make) -> None:
    """Above MEMBERS_LIMIT people nobody is listed, in frames and rosters; below it again all are."""
    crowd = [Person(f"c{number}", f"C{number}") for number in range(MEMBERS_LIMIT)]
    async with process(make) as here:
        assert (await here.presence.roster("lobby", ADA)).count == 1
        for person in crowd:
            here.presence.enter("lobby", person)
        await until(lambda: here.shown and here.shown[-1].count == MEMBERS_LIMIT, "all told")
        roster = await here.presence.roster("lobby", crowd[0])
        assert roster.count == len(roster.members or ()) == MEMBERS_LIMIT
        here.presence.enter("lobby", ADA)
        assert (await here.presence.roster("lobby", ADA)) == Roster(MEMBERS_LIMIT + 1, None)
        await until(lambda: here.shown[-1].count == MEMBERS_LIMIT + 1, "one more")
        assert not isinstance(here.shown[-1].joined, list) and not isinstance(here.shown[-1].left, list)
        here.presence.enter("lobby", BOB)
        await until(lambda: here.shown[-1].count == MEMBERS_LIMIT + 2, "another")
        for person in (ADA, BOB, crowd[0]):
            here.presence.leave("lobby", person.id)
        await until(lambda: here.shown[-1].count == MEMBERS_LIMIT - 1, "three fewer")
        roster = await here.presence.roster("lobby", crowd[1])
        assert roster.count == len(roster.members or ()) == MEMBERS_LIMIT - 1


async def test_closing_takes_everybody_along(make: Make) -> None:
    """Their next process has entered them, or nobody has; no grace is waited for."""
    async with process(make, grace=60) as here:
        here.presence.enter("lobby", ADA)
        here.presence.enter("", ADA)
        await here.told((["Ada"], [], 1))
        here.presence.enter("lobby", BOB)
        await here.presence.close()
        assert await here.broker.presence.roster("lobby") == Roster(0, [])
        await until(lambda: len(here.shown) == 2, "the leave")
        assert here.changes()[-1] == ([], ["u1"], 0)


async def test_who_is_told_to_have_left_does_not_come_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leave's signal is here before its answer, and others are told of meanwhile."""
    async with process(make, grace=60) as here:
        here.presence.enter("lobby", ADA)
        await here.told((["Ada"], [], 1))
        depart = here.broker.presence.depart

        async def slow(room: str, users: Any) -> None:
            await depart(room, users)
            await until(lambda: here.changes()[-1][1] == ["u1"], "the signal")
            await here.turns()

        monkeypatch.setattr(here.broker.presence, "depart", slow)
        await here.presence.close()
        await here.turns()
        assert here.changes() == [(["Ada"], [], 1), ([], ["u1"], 0)]


async def test_closing_without_a_broker_is_no_error(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others clear up after this process."""
    async with process(make) as here:
        here.presence.enter("lobby", ADA)
        await here.told((["Ada"], [], 1))

        async def away(room: str, users: Any) -> None:
            raise unavailable()

        with monkeypatch.context() as patch:
            patch.setattr(here.broker.presence, "depart", away)
            await here.presence.close()


async def test_what_could_not_be_told_is_told_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrivals and leaves wait for the broker; of who came and went meanwhile nothing is left."""
    async with process(make) as here:
        here.presence.enter("lobby", CY)
        await here.told((["Cy"], [], 1))

        async def away(room: str, whom: Any, still: Any) -> None:
            raise unavailable()

        with monkeypatch.context() as patch:
            patch.setattr(here.broker.presence, "enter", away)
            patch.setattr(here.broker.presence, "depart", away)
            here.presence.enter("lobby", ADA)
            here.presence.enter("lobby", BOB)
            here.presence.leave("lobby", CY.id)
            await here.turns()
            here.presence.leave("lobby", BOB.id)
            assert len(here.shown) == 1
        await until(lambda: here.shown[-1].count == 1 and len(here.shown) > 1, "told")
        await here.turns()
        assert await here.broker.presence.roster("lobby") == Roster(1, [ADA])


async def test_back_while_the_leave_is_told_is_here(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leave and the return may cross: in the end they are there."""
    async with process(make) as here:
        here.presence.enter("lobby", ADA)
        await here.told((["Ada"], [], 1))
        depart = here.broker.presence.depart

        async def crossing(room: str, users: Any) -> None:
            await depart(room, users)
            here.presence.enter("lobby", ADA)

        with monkeypatch.context() as patch:
            patch.setattr(here.broker.presence, "depart", crossing)
            here.presence.leave("lobby", ADA.id)
            await until(lambda: len(here.shown) >= 2, "the leave")
        await until(lambda: here.shown[-1].count == 1, "the return")
        assert await here.broker.presence.roster("lobby") == Roster(1, [ADA])


async def test_a_process_taken_for_dead_enters_its_people_again(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others cleared up after it; it learns that from its own beat."""
    make = lambda: RedisBroker(redis_url, history_limit=9, history_days=1)  # noqa: E731  # one line
    async with process(make, beat_interval=GATHER) as here:
        here.presence.enter("lobby", ADA)
        await here.told((["Ada"], [], 1))
        other = RedisBroker(redis_url, history_limit=9, history_days=1)
        await other.open(_Deaf())
        await until(lambda: other.available, "the other broker")
        monkeypatch.setattr(Pulse, "steady", True)  # as after a whole PROCESS_TTL of beats
        beat, waits, may = here.broker.presence.beat, asyncio.Event(), asyncio.Event()

        async def held_up() -> Any:
            """Else it could be back in the middle of being cleared up, and nobody would have gone."""
            waits.set()
            await may.wait()
            return await beat()

        monkeypatch.setattr(here.broker.presence, "beat", held_up)
        await waits.wait()
        await other.shards.call("ZADD", "parley:{*}:processes", 1, here.broker.presence.life)
        await other.presence.beat()
        may.set()
        await until(lambda: len(here.shown) >= 3, "gone and back")
        assert here.changes()[-2:] == [([], ["u1"], 0), (["Ada"], [], 1)]
        await other.close()


async def test_who_was_lost_is_entered_again(make: Make) -> None:
    """Told that somebody left who is here, or that nobody is: the broker has lost them, not they us."""
    async with process(make) as here:
        here.presence.enter("lobby", ADA)
        here.presence.enter("lobby", BOB)
        await here.told((["Ada", "Bob"], [], 2))
        await here.broker.presence.depart("lobby", ["u2", "nobody"])  # as others do who take this process for dead
        await here.told((["Ada", "Bob"], [], 2), ([], ["u2"], 1), (["Bob"], [], 2))
        await here.broker.presence.depart("lobby", ["u1", "u2"])
        here.shown.clear()
        here.broker.log.signal("lobby", b'{"kind":"presence","joined":[],"left":[],"count":0}')
        await until(lambda: here.shown and here.shown[-1].count == 2, "everybody again")
        roster = await here.broker.presence.roster("lobby")
        assert set(roster.members or ()) == {ADA, BOB}


async def test_who_was_lost_from_the_deployment_is_entered_again(make: Make) -> None:
    """Their names are held by it."""
    async with process(make) as here:
        here.presence.enter("", ADA)

        async def there() -> bool:
            return bool((await here.broker.presence.roster("")).count)

        async with asyncio.timeout(5 * UNIT):
            while not await there():
                await here.turns()
            await here.broker.presence.depart("", ["u1"])
            here.broker.log.signal("", encode(signals.Presence(joined=[], left=[], count=0)))
            while not await there():
                await here.turns()


async def test_an_absence_is_followed_by_a_beat(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the next one that is due: nobody may believe this process dead for longer than need be."""
    async with process(make, run=False, beat_interval=3600) as here:
        beats: list[bool] = []
        beat = here.broker.presence.beat

        async def away() -> bool:
            beats.append(False)
            raise unavailable()

        async def back() -> bool:
            beats.append(True)
            return bool(await beat())

        monkeypatch.setattr(here.broker.presence, "beat", away)
        running = asyncio.ensure_future(here.presence.run())
        await until(lambda: len(beats) >= 3, "attempts in each turn")
        monkeypatch.setattr(here.broker.presence, "beat", back)
        await until(lambda: True in beats, "a beat at once")
        await here.turns()
        assert beats.count(True) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_thousand_rooms_are_told_of_in_parts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than some rooms at a time wait for the broker; all are told in the end."""
    async with process(make, run=False) as here:
        asked, most, told = 0, 0, 0
        enter = here.broker.presence.enter

        async def counted(room: str, people: Any, still: Any) -> None:
            nonlocal asked, most, told
            asked, told = asked + 1, told + 1
            most = max(most, asked)
            await asyncio.sleep(0)
            await enter(room, people, still)
            asked -= 1

        monkeypatch.setattr(here.broker.presence, "enter", counted)
        for number in range(1000):
            here.presence.enter(f"r{number}", ADA)
        await here.presence.flush(0.0)
        assert most == NOTIFY_ROOMS
        await here.presence.flush(0.0)
        assert told == 1000, "once"
        assert await here.broker.presence.roster("r999") == Roster(1, [ADA])


class _Deaf(Rooms):
    """Hears nothing."""

    def __init__(self) -> None: ...
    def on_publication(self, publication: Publication) -> None: ...
    def on_signal(self, room: str, payload: bytes) -> None: ...
    def on_subscribed(self, rooms: Any) -> None: ...


async def test_people_on_two_processes(redis_url: str) -> None:
    """Each process's people are seen on the other; a user on both is one person until they left both."""
    env = {"REDIS_URL": redis_url, "PRESENCE_GRACE": "0"}
    ada, bob = make_jwt("u-ada", "Ada"), make_jwt("u-bob", "Bob")
    async with serving(env) as it:
        with ServiceProcess(env) as other:
            async with ChatClient.open(it.url, bearer=ada) as here:
                await here.join("lobby")
                await here.recv("presence", count=1)
                async with ChatClient.open(other.url, bearer=bob) as there:
                    assert (await there.join("lobby"))["count"] == 2
                    await here.recv("presence", count=2)
                    async with ChatClient.open(it.url, bearer=bob) as both:
                        assert (await both.join("lobby"))["count"] == 2
                        await there.leave("lobby")
                        assert (await here.join("lobby"))["count"] == 2
                while not (await here.recv("presence"))["left"]:
                    pass
                went = [frame for frame in here.frames if frame["type"] == "presence" and frame["left"]]
                assert [frame["left"] for frame in went] == [["u-bob"]]


# -- what one room can't do to the others


@pytest.mark.expects_log("damaged record the people of bad")
async def test_a_room_whose_people_can_not_be_told_costs_itself(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the others come and go as ever, and nobody stops beating."""
    async with process(make) as it:
        enter, depart = it.broker.presence.enter, it.broker.presence.depart

        async def entering(room: str, people: Any, still: Any) -> None:
            if room == "bad":
                raise ValueError("what is this")
            await enter(room, people, still)

        async def departing(room: str, users: Any) -> None:
            if room == "bad":
                raise ValueError("what is this")
            await depart(room, users)

        monkeypatch.setattr(it.broker.presence, "enter", entering)
        monkeypatch.setattr(it.broker.presence, "depart", departing)
        for room in ("bad", "lobby"):
            it.presence.enter(room, ADA)
        await until(lambda: it.changes() == [(["Ada"], [], 1)], "Ada came")
        for room in ("bad", "lobby"):
            it.presence.leave(room, ADA.id)
        await until(lambda: it.changes()[1:] == [([], [ADA.id], 0)], "Ada left")


@pytest.mark.expects_log("damaged record what a beat reads")
async def test_a_beat_that_finds_garbage_does_not_end_the_telling(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever another process left behind."""
    async with process(make, beat_interval=GATHER) as it:

        async def broken() -> bool:
            raise ValueError("what is this")

        monkeypatch.setattr(it.broker.presence, "beat", broken)
        said = metrics.DAMAGED.labels("process")
        before = total(said)
        await until(lambda: total(said) > before, "the beat")
        it.presence.enter("lobby", ADA)
        await until(lambda: it.changes() == [(["Ada"], [], 1)], "Ada came")


async def test_how_many_are_in_a_room(make: Make) -> None:
    """As told by the broker, or here before it has told; nobody where nothing is known."""
    async with process(make) as it:
        assert it.presence.size("lobby") == 0
        await it.broker.presence.enter("lobby", [ADA, BOB])
        await until(lambda: it.shown, "they came")
        await it.presence.roster("lobby", ADA)
        assert it.presence.size("lobby") == 2
        it.presence.enter("tea", ADA)
        assert it.presence.size("tea") == 1
        it.presence.drop_roster("lobby")
        assert it.presence.size("lobby") == 0


@pytest.mark.parametrize(
    "change",
    [
        '"joined":[],"left":[],"count":-1',
        '"joined":[{"id":"","name":"A"}],"left":[],"count":1',
        '"joined":[],"left":[""],"count":0',
    ],
)
async def test_a_presence_signal_that_is_none_is_garbage(make: Make, change: str) -> None:
    """Shown to nobody."""
    async with process(make) as it:
        before = total(metrics.GARBAGE)
        it.rooms.on_signal("lobby", f'{{"kind":"presence",{change}}}'.encode())
        assert total(metrics.GARBAGE) == before + 1 and it.shown == []
