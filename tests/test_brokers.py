"""The Broker contract, held by each broker against its real store."""

import asyncio
import json
import random
import re
import time

import pytest

from service.brokers import marks
from service.brokers.broker import Broker
from service.brokers.directory import NETWORKS_LIMIT, TRAIL_LIMIT, Deed, Sanction
from service.brokers.log import Event, Position, Receipt
from service.protocol import MEMBERS_LIMIT, Person, RequestError

from .brokers import ADA, BOB, CY, FORMS, Make, change, message, opened, publish, refusal, store, topic, until
from .harness import UNIT

pytestmark = pytest.mark.parametrize("make", FORMS, indirect=True)

SILENCE = 0.2 * UNIT  # long enough for what must not come


def texts(frames: list[bytes]) -> list[str]:
    return [json.loads(frame)["text"] for frame in frames]


def seqs(frames: list[bytes]) -> list[int]:
    return [json.loads(frame)["seq"] for frame in frames]


# -- the log


async def test_a_message_is_stored_broadcast_and_read_back(make: Make) -> None:
    """The receipt, the broadcast and both ways of reading agree on one frame, in the contract's order of fields."""
    async with opened(make(), "lobby") as (broker, heard):
        before = time.time() * 1000
        (receipt,) = await store(broker, message(text='"Grüße" \\ \n 👋', id="m1"))
        assert receipt == Receipt(1, receipt.at, duplicate=False)
        assert before - 1000 <= receipt.at <= time.time() * 1000 + 1000
        frame = (
            '{"type":"message","room":"lobby","seq":1,"id":"m1","user":{"id":"u1","name":"Ada"},'
            f'"text":"\\"Grüße\\" \\\\ \\n 👋","at":{receipt.at}}}'
        ).encode()
        await until(lambda: heard.publications, "the broadcast")
        (publication,) = heard.publications
        newest, after = await broker.log.newest("lobby", 50), await broker.log.after("lobby", 0, 50)
        assert newest is not None and after is not None
        assert publication.frames == newest.frames == after.frames == [frame]
        assert publication.seq == newest.seq == after.seq == 1
        assert newest.position == after.position == Position(publication.epoch, 1)
        assert await broker.log.positions(["lobby"]) == {"lobby": newest.position}


async def test_events_of_a_turn_keep_their_order_in_each_room(make: Make) -> None:
    """Seqs count without holes room by room, and the broadcast comes in their order with the log's own bytes."""
    rooms = ["one", "two", "three"]
    async with opened(make(), *rooms) as (broker, heard):
        events = [message(rooms[number % 3], str(number)) for number in range(600)]
        receipts = await store(broker, *events)
        assert [receipt.seq for receipt in receipts] == [number // 3 + 1 for number in range(600)]
        for index, room in enumerate(rooms):
            await until(lambda room=room: len(heard.frames(room)) >= 200, "the broadcast")  # type: ignore[misc]
            page = await broker.log.after(room, 0, 1000)
            assert page is not None
            assert heard.frames(room) == page.frames
            assert texts(page.frames) == [str(number) for number in range(index, 600, 3)]
            expected = 1
            for publication in heard.publications:
                if publication.room == room:
                    assert (publication.epoch, publication.seq) == (page.position.epoch, expected)
                    expected += len(publication.frames)


async def test_a_broker_says_while_it_publishes(make: Make) -> None:
    """From the call until the answer."""
    async with opened(make(), "lobby") as (broker, _):
        await until(lambda: not broker.log.publishing, "rest")
        storing = asyncio.ensure_future(store(broker, message()))
        await asyncio.sleep(0)
        assert broker.log.publishing
        await storing
        await until(lambda: not broker.log.publishing, "rest again")


async def test_times_do_not_go_backwards_in_a_room(make: Make) -> None:
    """`at` never falls while `seq` rises."""
    async with opened(make()) as (broker, _):
        times = [receipt.at for _ in range(20) for receipt in await store(broker, message(), message())]
        assert times == sorted(times)


async def test_the_same_id_is_taken_once(make: Make) -> None:
    """In one turn, in a later one and by a later broker: one seq, one time, one broadcast."""
    async with opened(make(), "lobby") as (broker, heard):
        event = message(id="same")
        first, second = await store(broker, event, event)
        assert (first.duplicate, second.duplicate) == (False, True)
        (third,) = await store(broker, event)
        assert third == second == Receipt(first.seq, first.at, duplicate=True)
        (other,) = await store(broker, message(id="other"))
        assert other.seq == 2
        await until(lambda: len(heard.frames("lobby")) >= 2, "the broadcast")
        assert seqs(heard.frames("lobby")) == [1, 2]
    async with opened(make()) as (broker, _):
        assert await store(broker, event) == [second]
        assert [receipt.seq for receipt in await store(broker, message())] == [3]


async def test_an_id_is_its_users_and_its_rooms(make: Make) -> None:
    """Another user, or another room, may use the same id; user and id don't run into each other."""
    async with opened(make()) as (broker, _):
        await store(broker, message(id="x"))
        others = [message(id="x", person=BOB), message("elsewhere", id="x")]
        glued = [message(id="b1", person=Person("a", "A")), message(id="1", person=Person("ab", "A"))]
        assert not any(receipt.duplicate for receipt in await store(broker, *others, *glued))


async def test_ids_are_remembered_beyond_the_history(make: Make) -> None:
    """An id is a duplicate long after its message was trimmed."""
    async with opened(make(limit=10)) as (broker, _):
        (first,) = await store(broker, message(id="early"))
        for _ in range(10):
            await store(broker, *(message() for _ in range(200)))
        page = await broker.log.after("lobby", 0, 1)
        assert page is not None and page.seq > 1
        assert await store(broker, message(id="early")) == [Receipt(1, first.at, duplicate=True)]


async def test_newest_pages_backwards(make: Make) -> None:
    """Pages are oldest first, end before `before`, and say whether older messages exist."""
    async with opened(make()) as (broker, _):
        await store(broker, *(message(text=str(number)) for number in range(1, 8)))
        cases: list[tuple[int, int, list[int], bool]] = [
            (3, 0, [5, 6, 7], True),
            (3, 5, [2, 3, 4], True),
            (3, 2, [1], False),
            (7, 0, [1, 2, 3, 4, 5, 6, 7], False),
            (50, 8, [1, 2, 3, 4, 5, 6, 7], False),
            (50, 1000, [1, 2, 3, 4, 5, 6, 7], False),
            (50, 1, [], False),
            (0, 0, [], True),
        ]
        for limit, before, expected, more in cases:
            page = await broker.log.newest("lobby", limit, before)
            assert page is not None
            assert (seqs(page.frames), page.more) == (expected, more), (limit, before)
            assert page.seq == (expected[0] if expected else 0)
            assert page.position.seq == 7


async def test_oldest_pages_forwards(make: Make) -> None:
    """The same messages as `newest` has, from a cursor on, with what was done to them, and whether newer exist."""
    async with opened(make(limit=100)) as (broker, _):
        assert await broker.log.oldest("lobby", 50) is None
        await store(broker, *(message(text=str(number)) for number in range(1, 6)))
        await store(broker, change("edit", 2, text="two"), message(text="8"), change("remove", 4))
        cases: list[tuple[int, int, list[int], bool]] = [
            (2, 0, [1, 2], True),
            (2, 2, [3, 4], True),
            (2, 4, [5, 7], False),
            (50, 0, [1, 2, 3, 4, 5, 7], False),
            (50, 7, [], False),
            (50, 1000, [], False),
            (0, 0, [], True),
        ]
        for limit, after, expected, more in cases:
            page = await broker.log.oldest("lobby", limit, after)
            assert page is not None
            assert (seqs(page.frames), page.more) == (expected, more), (limit, after)
            assert page.seq == (expected[0] if expected else 0)
            assert page.position.seq == 8
        newest, oldest = await broker.log.newest("lobby", 50), await broker.log.oldest("lobby", 50)
        assert newest is not None and oldest is not None and oldest.frames == newest.frames
        await store(broker, *(message(text="x" * 4000) for _ in range(60)))
        page = await broker.log.oldest("lobby", 200, 8)
        assert page is not None and 20 < len(page.frames) < 60 and page.more


async def test_newest_finds_messages_between_many_other_events(make: Make) -> None:
    """Edits and reactions don't fill a page."""
    async with opened(make()) as (broker, _):
        await store(broker, message(text="old"), message(text="new"))
        crowd = [Person(f"p{number}", "P") for number in range(101)]
        await store(broker, *(change("react", 1, person, emoji="👍", on=True) for person in crowd))
        page = await broker.log.newest("lobby", 2)
        assert page is not None
        assert (seqs(page.frames), page.more, page.position.seq) == ([1, 2], False, 103)


async def test_after_pages_forwards(make: Make) -> None:
    """Pages go on from `seq` and say whether newer events exist."""
    async with opened(make()) as (broker, _):
        await store(broker, *(message() for _ in range(7)))
        cases: list[tuple[int, int, list[int], bool]] = [
            (0, 3, [1, 2, 3], True),
            (3, 4, [4, 5, 6, 7], False),
            (6, 50, [7], False),
            (7, 50, [], False),
            (99, 50, [], False),
        ]
        for seq, limit, expected, more in cases:
            page = await broker.log.after("lobby", seq, limit)
            assert page is not None
            assert (seqs(page.frames), page.more) == (expected, more), (seq, limit)
            assert page.seq == (expected[0] if expected else 0)
            assert page.position.seq == 7


async def test_a_room_without_a_log(make: Make) -> None:
    """Reading finds nothing and makes nothing, unless told to create."""
    async with opened(make()) as (broker, _):
        assert await broker.log.newest("lobby", 50) is None
        assert await broker.log.after("lobby", 0, 50) is None
        assert await broker.log.positions(["lobby", "other"]) == {"lobby": None, "other": None}
        assert await broker.log.positions([]) == {}
        assert await refusal(broker, change("remove", 1)) == ("bad_request", "no such message")
        page = await broker.log.newest("new", 50, create=True)
        assert page is not None
        assert (page.position.seq, page.seq, page.frames, page.more) == (0, 0, [], False)
        assert page.position.epoch
        again = await broker.log.newest("new", 50, create=True)
        assert again is not None and again.position == page.position
        await store(broker, message("new"))
        assert await broker.log.positions(["new"]) == {"new": Position(page.position.epoch, 1)}


async def test_a_log_outlives_its_broker(make: Make) -> None:
    """What one broker acknowledged, the next one has, under the same epoch."""
    async with opened(make()) as (broker, _):
        await store(broker, *(message(text=str(number)) for number in range(5)), change("edit", 2, text="better"))
        pages = await broker.log.newest("lobby", 50), await broker.log.after("lobby", 0, 50)
    async with opened(make()) as (broker, _):
        assert (await broker.log.newest("lobby", 50), await broker.log.after("lobby", 0, 50)) == pages
        assert [receipt.seq for receipt in await store(broker, message())] == [7]


async def test_history_is_trimmed(make: Make) -> None:
    """At least the limit is kept, and not much more; what is left has no holes; marks go with their messages."""
    async with opened(make(limit=50)) as (broker, _):
        await store(broker, message(), change("edit", 1, text="gone"))
        for _ in range(20):
            await store(broker, *(message() for _ in range(100)))
        page = await broker.log.after("lobby", 0, 5000)
        assert page is not None and not page.more
        assert 50 <= len(page.frames) <= 400
        assert seqs(page.frames) == list(range(page.seq, 2003))
        newest = await broker.log.newest("lobby", 5000)
        assert newest is not None
        assert (newest.frames, newest.more) == (page.frames, False)
        assert await refusal(broker, change("edit", 1, text="late")) == ("bad_request", "no such message")


async def test_a_log_that_lost_events_gets_a_new_epoch(make: Make) -> None:
    """Only if it ends before what was lost, in that very life; what it still has stays, and the count goes on."""
    async with opened(make(), "lobby") as (broker, heard):
        (first,) = await store(broker, message(id="a"))
        await store(broker, message(id="b"))
        position = (await broker.log.positions(["lobby"]))["lobby"]
        assert position is not None
        for held in (Position(position.epoch, 2), Position(position.epoch, 1), Position("another", 9)):
            await broker.log.renew_epoch("lobby", held)
            assert await broker.log.positions(["lobby"]) == {"lobby": position}
        await broker.log.renew_epoch("nowhere", Position("another", 9))
        await broker.log.renew_epoch("lobby", Position(position.epoch, 3))
        renewed = (await broker.log.positions(["lobby"]))["lobby"]
        assert renewed is not None
        assert renewed.epoch != position.epoch and renewed.seq == 2
        page = await broker.log.newest("lobby", 50)
        assert page is not None
        assert (page.position, seqs(page.frames)) == (renewed, [1, 2])
        again, third = await store(broker, message(id="a"), message(id="c"))
        assert again == Receipt(1, first.at, duplicate=True)
        assert (third.seq, third.duplicate) == (3, False)
        await until(lambda: len(heard.frames("lobby")) >= 3, "the broadcast")
        assert (heard.publications[-1].epoch, heard.publications[-1].seq) == (renewed.epoch, 3)


def happened_later(frame: bytes) -> bytes:
    """Another event in the place of this one."""
    return re.sub(rb'"at":(\d+)', lambda at: b'"at":%d' % (int(at[1]) + 1), frame)


async def test_a_log_with_another_event_than_was_handed_out_gets_a_new_epoch(make: Make) -> None:
    """Though it does not end before it. An event whose text was removed since is the same, whatever its kind."""
    async with opened(make(), "lobby") as (broker, heard):
        await store(broker, message(text='a "b" \\'), message(text=""), change("edit", 1, text='c,"text":"d"'))
        await store(broker, change("react", 2, BOB, emoji="👍", on=True), change("remove", 2), message(id="last"))
        await until(lambda: len(heard.frames("lobby")) == 6, "the broadcast")
        position = (await broker.log.positions(["lobby"]))["lobby"]
        assert position is not None
        for removed in (False, True):
            if removed:
                await store(broker, change("remove", 1), change("remove", 6))
                position = (await broker.log.positions(["lobby"]))["lobby"]
                assert position is not None and position.seq == 8
            for seq, frame in enumerate(heard.frames("lobby")[:6], 1):
                await broker.log.renew_epoch("lobby", Position(position.epoch, seq), frame)
                await broker.log.renew_epoch("lobby", Position("another", seq), happened_later(frame))
                assert await broker.log.positions(["lobby"]) == {"lobby": position}
            for seq, frame in enumerate(heard.frames("lobby")[:6], 1):
                await broker.log.renew_epoch("lobby", Position(position.epoch, seq), happened_later(frame))
                renewed = (await broker.log.positions(["lobby"]))["lobby"]
                assert renewed is not None and renewed.epoch != position.epoch and renewed.seq == position.seq
                position = renewed
        await broker.log.renew_epoch("lobby", Position(position.epoch, 9), heard.frames("lobby")[5])
        renewed = (await broker.log.positions(["lobby"]))["lobby"]
        assert renewed is not None and renewed.epoch != position.epoch, "it ends before"
        (again,) = await store(broker, message(id="last"))
        assert (again.seq, again.duplicate) == (6, True), "the log itself stays"


async def test_an_event_that_was_trimmed_is_no_other(make: Make) -> None:
    """Nothing is there that it could be compared with."""
    async with opened(make(limit=10)) as (broker, _):
        for _ in range(20):
            await store(broker, *(message() for _ in range(50)))
        page = await broker.log.after("lobby", 0, 1)
        assert page is not None and page.seq > 2
        lost, frame = Position(page.position.epoch, page.seq - 1), happened_later(page.frames[0])
        await broker.log.renew_epoch("lobby", lost, frame)
        assert await broker.log.positions(["lobby"]) == {"lobby": page.position}
        await broker.log.renew_epoch("lobby", Position(lost.epoch, page.seq), frame)
        assert await broker.log.positions(["lobby"]) != {"lobby": page.position}


# -- changes


async def test_changes_show_in_pages(make: Make) -> None:
    """Edits, removals and reactions are events of their own; `newest` merges them, `after` only drops removed texts."""
    async with opened(make(), "lobby") as (broker, heard):
        await store(broker, *(message(text=text) for text in ("plain", "tpyo", "secret")))
        _, edited, *_ = await store(
            broker,
            change("react", 1, BOB, emoji="👍", on=True),
            change("edit", 2, text="typo"),
            change("react", 3, BOB, emoji="🙈", on=True),
            change("remove", 3),
            change("react", 1, ADA, emoji="👍", on=True),
        )
        await until(lambda: len(heard.frames("lobby")) >= 8, "the broadcast")
        kinds = [json.loads(frame)["type"] for frame in heard.frames("lobby")]
        assert kinds == ["message"] * 3 + ["reacted", "edited", "reacted", "removed", "reacted"]
        newest = await broker.log.newest("lobby", 50)
        assert newest is not None
        plain, typo, secret = (json.loads(frame) for frame in newest.frames)
        assert plain["reactions"] == {"👍": ["u2", "u1"]} and plain["text"] == "plain"
        assert (typo["text"], typo["edited_at"]) == ("typo", edited.at)
        assert secret["removed"] is True and not {"text", "edited_at", "reactions"} & secret.keys()
        after = await broker.log.after("lobby", 0, 50)
        assert after is not None
        sent = heard.frames("lobby")
        assert after.frames[:2] == sent[:2] and after.frames[3:] == sent[3:]
        assert b"secret" not in after.frames[2] and json.loads(after.frames[2])["removed"] is True


async def test_an_edit_of_a_removed_message_loses_its_text(make: Make) -> None:
    """What was removed is read by nobody any more, not in what replaced it either, however far apart the two stand."""
    async with opened(make()) as (broker, _):
        await store(broker, message(text="secret"), message(text="plain"))
        await store(broker, change("edit", 1, text="still secret"), change("remove", 1))
        for start in (0, 2):
            after = await broker.log.after("lobby", start, 50)
            assert after is not None
            assert not any(b"secret" in frame for frame in after.frames)
            edited = json.loads(after.frames[2 - start])
            assert (edited["type"], edited["seq"], edited["target"], edited["removed"]) == ("edited", 3, 1, True)


async def test_who_may_change_what(make: Make) -> None:
    """Authors edit and remove their own, moderators remove anybody's, everybody reacts."""
    async with opened(make()) as (broker, _):
        await store(broker, message(), message(), message(), change("react", 1, BOB, emoji="👍", on=True))
        no_such, removed = ("bad_request", "no such message"), ("bad_request", "the message is removed")
        forbidden = ("forbidden", "only its author may do that")
        assert await refusal(broker, change("edit", 1, BOB, text="x")) == forbidden
        assert await refusal(broker, change("edit", 1, BOB, moderator=True, text="x")) == forbidden
        assert await refusal(broker, change("remove", 1, BOB)) == forbidden
        for target in (4, 5, 2**53 - 1):  # a reaction, itself, far away
            assert await refusal(broker, change("edit", target, BOB, text="x")) == no_such
        await store(broker, change("edit", 1, text="x"), change("remove", 1), change("remove", 2, BOB, moderator=True))
        for event in (
            change("edit", 1, text="y"),
            change("remove", 1),
            change("remove", 2, BOB, moderator=True),
            change("react", 2, CY, emoji="👍", on=True),
        ):
            assert await refusal(broker, event) == removed
        page = await broker.log.after("lobby", 0, 50)
        assert page is not None and seqs(page.frames) == list(range(1, 8))  # the refused ones took no seq


async def test_a_change_sent_again_is_a_duplicate(make: Make) -> None:
    """Dedupe comes before the rules: the repeated removal isn't told that the message is removed."""
    async with opened(make()) as (broker, _):
        event = change("remove", 1)
        _, receipt, again = await store(broker, message(), event, event)
        assert again == Receipt(receipt.seq, receipt.at, duplicate=True)
        assert await store(broker, event) == [again]


async def test_a_message_bears_twenty_reactions(make: Make) -> None:
    """One more emoji is refused, one more user isn't; taking one back makes room."""
    async with opened(make()) as (broker, _):
        emoji = [chr(0x1F600 + number) for number in range(21)]
        await store(broker, message(), *(change("react", 1, emoji=one, on=True) for one in emoji[:20]))
        too_many = ("bad_request", "the message has too many reactions")
        assert await refusal(broker, change("react", 1, BOB, emoji=emoji[20], on=True)) == too_many
        await store(broker, change("react", 1, BOB, emoji=emoji[19], on=True))
        await store(broker, change("react", 1, emoji=emoji[0], on=False))
        await store(broker, change("react", 1, BOB, emoji=emoji[20], on=True))
        await store(broker, change("react", 1, CY, emoji="👻", on=False))  # was never on
        page = await broker.log.newest("lobby", 1)
        assert page is not None
        kept = {one: ["u1"] for one in emoji[1:19]} | {emoji[19]: ["u1", "u2"], emoji[20]: ["u2"]}
        assert json.loads(page.frames[0])["reactions"] == kept


async def test_changes_follow_the_pure_rules(make: Make, seed: int) -> None:
    """Random changes leave what `marks.change` says, whichever language the broker applies the rules in."""
    choose = random.Random(seed)
    async with opened(make()) as (broker, _):
        people = [ADA, BOB, CY]
        await store(
            broker, *(message(text=f"{number} / 'ü' </script> \\", person=people[number]) for number in range(3))
        )
        page = await broker.log.after("lobby", 0, 3)
        assert page is not None
        frames, model = page.frames, [marks.Marks()] * 3
        for _ in range(30):
            events = [_random_change(choose, people) for _ in range(choose.randint(1, 6))]
            for event, outcome in zip(events, await publish(broker, *events), strict=True):
                assert event.change is not None
                at, index = outcome.at if isinstance(outcome, Receipt) else 0, event.change.target - 1
                try:
                    model[index] = marks.change(frames[index], model[index], event.change, 0, at)
                except RequestError as expected:
                    assert isinstance(outcome, RequestError)
                    assert (outcome.code, outcome.message) == (expected.code, expected.message)
                else:
                    assert isinstance(outcome, Receipt), outcome
            newest, after = await broker.log.newest("lobby", 3), await broker.log.after("lobby", 0, 3)
            assert newest is not None and after is not None
            for index, mark in enumerate(model):
                assert json.loads(newest.frames[index]) == json.loads(marks.apply(frames[index], mark))
                assert after.frames[index] == (marks.redacted(frames[index]) if mark.removed else frames[index])


def _random_change(choose: random.Random, people: list[Person]) -> Event:
    person, target = choose.choice(people), choose.randint(1, 3)
    kind = choose.choices(["react", "edit", "remove"], [12, 6, 1])[0]
    if kind == "react":
        return change(kind, target, person, emoji=choose.choice("👍🎉😀ab"), on=choose.random() < 0.6)
    if kind == "edit":
        return change(kind, target, person, text=choose.choice(["", "kürzer", 'q"/\\', "\u2028"]))
    return change(kind, target, person, moderator=choose.random() < 0.3)


async def test_a_room_is_deleted(make: Make) -> None:
    """Its log, topic and readers; what is said next begins another life of it, with nothing of the one before."""
    async with opened(make(limit=2000), "lobby") as (broker, _):
        assert not await broker.log.delete("lobby")
        (first, *_) = await store(broker, *(message(id=f"m{number}") for number in range(1100)), topic("Ada's"))
        await store(broker, change("react", 1, BOB, emoji="👍"), message("annex"))
        await broker.directory.mark_read("lobby", {BOB.id: 5})
        (before,) = (await broker.log.positions(["lobby"])).values()
        assert await broker.log.delete("lobby")
        assert await broker.log.newest("lobby", 5) is None and not await broker.log.delete("lobby")
        assert "lobby" not in await broker.directory.unread(BOB.id)
        (again,) = await store(broker, message(id="m0", person=BOB))
        assert (first.seq, again.seq, again.duplicate) == (1, 1, False)
        (after,) = (await broker.log.positions(["lobby"])).values()
        assert before is not None and after is not None and after.epoch != before.epoch
        about = await broker.log.about("lobby")
        assert about.topic is None and about.begun is not None and about.begun.user == BOB
        assert await broker.directory.reads("lobby", [BOB.id]) == {}
        assert (await broker.log.positions(["annex"]))["annex"] is not None
        assert await broker.log.newest("quiet", 0, create=True) is not None
        assert await broker.log.delete("quiet")
        assert await broker.log.newest("quiet", 0) is None


# -- taking somebody out


async def test_a_user_is_taken_out_of_a_room(make: Make) -> None:
    """What they said has no text, what they did is nobody's, and their reactions, ids and place are gone."""
    odd = Person('u"1\\é/|[*', 'A "quoted" \\ name')
    async with opened(make(limit=2000)) as (broker, _):
        await store(broker, message(person=odd, text="theirs", id="m1"), message(person=BOB, text="his", id="m2"))
        await store(broker, change("edit", 1, odd, text="theirs, edited"), topic("Theirs", odd))
        await store(broker, change("react", 2, odd, emoji="👍"), change("react", 2, CY, emoji="👍"))
        await store(broker, change("react", 2, odd, emoji="🎉"), change("react", 2, odd, emoji="🎉", on=False))
        await store(broker, message(person=odd, text="more"), *(message(person=CY) for _ in range(1200)))
        await broker.directory.mark_read("lobby", {odd.id: 5, BOB.id: 6})
        assert await broker.log.messages_of("lobby", odd.id) == [1, 9]
        assert await broker.log.messages_of("lobby", BOB.id) == [2]
        assert await broker.log.messages_of("elsewhere", BOB.id) == []
        before = await broker.log.after("lobby", 0, 2000)
        await broker.log.forget_user("lobby", odd.id)
        await broker.log.forget_user("lobby", odd.id)
        await broker.log.forget_user("elsewhere", odd.id)
        after, newest = await broker.log.after("lobby", 0, 2000), await broker.log.oldest("lobby", 3)
        about, reads = await broker.log.about("lobby"), await broker.directory.reads("lobby", [odd.id, BOB.id])
        assert before is not None and after is not None and newest is not None and about.begun and about.topic
        frames = [json.loads(frame) for frame in after.frames]
        gone = {"id": "g-gone", "name": "gone"}
        assert [frame["user"]["id"] == "g-gone" for frame in frames[:10]] == [
            n in (1, 3, 4, 5, 7, 8, 9) for n in range(1, 11)
        ]
        expected = [(seq, frame) for seq, frame in enumerate(map(json.loads, before.frames), 1)]
        for seq, frame in expected:
            if frame["user"]["id"] == odd.id:
                frame["user"] = gone
                if frame["type"] in ("message", "edited"):
                    del frame["text"]
                    frame["removed"] = True
                if "on" in frame:
                    frame["on"] = False
            assert frames[seq - 1] == frame
            assert marks.same_event(before.frames[seq - 1], after.frames[seq - 1])
        assert json.loads(newest.frames[1])["reactions"] == {"👍": [CY.id]}
        assert (about.begun.user.id, about.topic.user.id, about.topic.text) == ("g-gone", "g-gone", "Theirs")
        assert reads == {BOB.id: 6}
        assert await broker.log.messages_of("lobby", odd.id) == []
        (again,) = await store(broker, message(person=odd, text="another", id="m1"))
        assert not again.duplicate
        (his,) = await store(broker, message(person=BOB, text="his", id="m2"))
        assert his.duplicate
        assert (await broker.directory.unread(BOB.id))["lobby"] == 1201


async def test_an_event_whose_author_is_gone_is_no_other(make: Make) -> None:
    """Who compares it with what was handed out goes on under the same epoch; with another one they don't."""
    async with opened(make(), "lobby", "annex") as (broker, heard):
        await store(broker, message(), change("react", 1, BOB, emoji="👍"))
        await store(broker, message("annex"), message("annex", person=BOB))
        for room in ("lobby", "annex"):
            await until(lambda room=room: len(heard.frames(room)) == 2, "the broadcast")  # type: ignore[misc]
            await broker.log.forget_user(room, BOB.id)
            page = await broker.log.after(room, 0, 2)
            assert page is not None and BOB.id.encode() not in page.frames[1]
            handed_out, epoch = heard.frames(room)[1], page.position.epoch
            await broker.log.renew_epoch(room, page.position, handed_out)
            assert await broker.log.positions([room]) == {room: page.position}
            await broker.log.renew_epoch(room, page.position, handed_out.replace(b'"at":1', b'"at":2'))
            other = (await broker.log.positions([room]))[room]
            assert other is not None and other.epoch != epoch


async def test_rooms_are_walked_through(make: Make) -> None:
    """All of them, a part at a time."""
    async with opened(make()) as (broker, _):
        assert await broker.directory.walk(10) == ([], "")
        names = {f"room-{number}" for number in range(300)}
        await store(broker, *(message(room) for room in names))
        await until_walked(broker, names)


async def until_walked(broker: Broker, names: set[str]) -> None:
    """Redis is told of a room that is used behind what is said there."""
    async with asyncio.timeout(5 * UNIT):
        while True:
            found, cursor, parts = set[str](), "", 0
            while cursor or not parts:
                rooms, cursor = await broker.directory.walk(50, cursor)
                found, parts = found | set(rooms), parts + 1
            if found == names:
                break
    assert parts > 2


async def test_a_user_is_forgotten_beside_rooms(make: Make) -> None:
    """Where they read, came from and how much they sent; their name is free. Sanctions hold on."""
    async with opened(make()) as (broker, _):
        directory = broker.directory
        await store(broker, *(message(person=BOB) for _ in range(3)))
        await directory.mark_read("lobby", {ADA.id: 1})
        await directory.note_networks([(ADA.id, "192.0.2.1")])
        await directory.charge(ADA.id, 100, 1, 1)
        assert await directory.claim_name("ada", ADA.id, 60)
        await directory.sanction(Sanction("ban", "", ADA.id, 0, "m", ""), lift=False)
        await broker.log.forget_user("lobby", ADA.id)
        await directory.forget_user(ADA.id)
        assert await directory.unread(ADA.id) == {} and await directory.networks(ADA.id) == []
        assert await directory.charge(ADA.id, 1, 1, 1) == 0
        assert await directory.claim_name("ada", BOB.id, 60)
        assert await directory.ban("", ADA.id) is not None


# -- reach


async def test_only_subscribed_rooms_are_heard(make: Make) -> None:
    """From `on_subscribed` on, until `unsubscribe`."""
    async with opened(make(), "lobby") as (broker, heard):
        await store(broker, message("lobby"), message("other"))
        await until(lambda: heard.frames("lobby"), "the broadcast")
        broker.log.subscribe("other")
        await until(lambda: "other" in heard.subscribed, "subscribed")
        broker.log.unsubscribe("lobby")
        await asyncio.sleep(SILENCE)
        await store(broker, message("lobby"), message("other"))
        await until(lambda: heard.frames("other"), "the broadcast")
        await asyncio.sleep(SILENCE)
        assert (seqs(heard.frames("lobby")), seqs(heard.frames("other"))) == ([1], [2])
        broker.log.subscribe("lobby")
        await until(lambda: heard.subscribed.count("lobby") == 2, "subscribed again")
        await store(broker, message("lobby"))
        await until(lambda: len(heard.frames("lobby")) == 2, "the broadcast")
        assert seqs(heard.frames("lobby")) == [1, 3]


async def test_signals_reach_subscribers_and_are_not_stored(make: Make) -> None:
    """Those of a room its subscribers, those of "" every process."""
    async with opened(make(), "lobby") as (broker, heard):
        broker.log.signal("other", b'{"kind":"x","n":1}')
        broker.log.signal("lobby", b'{"kind":"x","n":2}')
        broker.log.signal("", b'{"kind":"x","n":3}')
        await until(lambda: len(heard.signals) >= 2, "the signals")
        await asyncio.sleep(SILENCE)
        assert sorted(heard.signals, key=str) == [("", {"kind": "x", "n": 3}), ("lobby", {"kind": "x", "n": 2})]
        assert await broker.log.positions(["lobby"]) == {"lobby": None}


# -- tickets and names


async def test_a_ticket_is_taken_once(make: Make) -> None:
    """By exactly one of many takers at once, and not after its time."""
    async with opened(make()) as (broker, _):
        await broker.directory.put_ticket("t", b'{"user":"\xc3\xbc"}', 30)
        taken = await asyncio.gather(*(broker.directory.take_ticket("t") for _ in range(100)))
        assert sorted(taken, key=bool) == [None] * 99 + [b'{"user":"\xc3\xbc"}']
        assert await broker.directory.take_ticket("never") is None
        await broker.directory.put_ticket("late", b"x", 0.05)
        await asyncio.sleep(0.1)
        assert await broker.directory.take_ticket("late") is None


async def test_a_name_has_one_holder(make: Make) -> None:
    """For the time of its claim, then as long as its holder is present."""
    async with opened(make()) as (broker, _):
        claims = [broker.directory.claim_name("ada", f"u{number}", 0.3) for number in range(20)]
        holders = [number for number, claimed in enumerate(await asyncio.gather(*claims)) if claimed]
        assert len(holders) == 1
        holder = f"u{holders[0]}"
        assert await broker.directory.claim_name("ada", holder, 0.3)
        assert await broker.directory.claim_name("bob", "another", 0.3)
        await broker.presence.enter("", [Person(holder, "Ada")])
        await asyncio.sleep(0.4)
        await broker.presence.beat()
        assert not await broker.directory.claim_name("ada", "another", 0.3)
        assert await broker.directory.claim_name("bob", "third", 0.3)
        await broker.presence.depart("", [holder])
        assert await broker.directory.claim_name("ada", "another", 0.3)
        assert not await broker.directory.claim_name("ada", holder, 0.3)


async def test_a_user_has_one_name(make: Make) -> None:
    """Whoever claims another lets go of the one before."""
    async with opened(make()) as (broker, _):
        assert await broker.directory.claim_name("ada", "u1", 30)
        assert await broker.directory.claim_name("countess", "u1", 30)
        assert await broker.directory.claim_name("ada", "u2", 30)
        assert not await broker.directory.claim_name("countess", "u2", 30)
        assert not await broker.directory.claim_name("ada", "u1", 30)
        assert not await broker.directory.claim_name("countess", "u3", 30), "what was refused changed nothing"


async def test_a_name_that_is_released_is_free(make: Make) -> None:
    """At once, also of who is present; nobody else's."""
    async with opened(make()) as (broker, _):
        assert await broker.directory.claim_name("ada", "u1", 30)
        assert await broker.directory.claim_name("bob", "u2", 30)
        await broker.presence.enter("", [ADA, BOB])
        await broker.directory.release_name("u1")
        await broker.directory.release_name("nobody")
        assert not await broker.directory.claim_name("bob", "u3", 30)
        assert await broker.directory.claim_name("ada", "u3", 30)
        await broker.directory.release_name("u1")
        assert not await broker.directory.claim_name("ada", "u4", 30)


async def test_a_claim_whose_answer_was_lost_is_made_again(make: Make) -> None:
    """By another user (a guest who knows of no first answer) from the same network; from another it is refused."""
    async with opened(make()) as (broker, _):
        assert await broker.directory.claim_name("ada", "first", 30, "192.0.2.1")
        for network in ("192.0.2.2", ""):
            assert not await broker.directory.claim_name("ada", "other", 30, network)
        assert await broker.directory.claim_name("ada", "second", 30, "192.0.2.1")
        assert not await broker.directory.claim_name("ada", "first", 30, "192.0.2.9")
        assert not await broker.directory.claim_name("ada", "other", 30)
        # Who claims from nowhere can be followed by nobody.
        assert await broker.directory.claim_name("bob", "first", 30)
        assert not await broker.directory.claim_name("bob", "second", 30, "")


async def test_who_was_present_gives_way_to_nobody(make: Make) -> None:
    """Not to a neighbour while they are, nor within their claim after they left, however often they claim."""
    home = "192.0.2.1"
    async with opened(make()) as (broker, _):
        assert await broker.directory.claim_name("ada", "u1", 30, home)
        await broker.presence.enter("", [ADA])
        assert not await broker.directory.claim_name("ada", "neighbour", 30, home)
        assert await broker.directory.claim_name("ada", "u1", 30, home)  # a ticket for a second socket
        assert not await broker.directory.claim_name("ada", "neighbour", 30, home)
        await broker.presence.depart("", ["u1"])
        assert not await broker.directory.claim_name("ada", "neighbour", 30, home)
        assert await broker.directory.claim_name("ada", "u1", 30, home)
        assert not await broker.directory.claim_name("ada", "neighbour", 30, home)


async def test_who_comes_in_has_their_name(make: Make) -> None:
    """Where it is free, whether or not it was claimed before; a name that is another's stays the other's."""
    async with opened(make()) as (broker, _):
        await broker.presence.enter("lobby", [CY])
        assert await broker.directory.claim_name("cy", "u9", 30), "being in a room alone holds no name"
        assert await broker.directory.claim_name("ada", "u5", 30)
        await broker.presence.enter("", [ADA, BOB])
        assert not await broker.directory.claim_name("bob", "u5", 30)
        assert not await broker.directory.claim_name("ada", "u1", 30)
        await broker.presence.depart("", ["u2"])
        assert await broker.directory.claim_name("bob", "u5", 30), "nobody claimed it for longer"
        assert await broker.directory.claim_name("ada", "u1", 30), "and who has another name left this one"
        await broker.presence.enter("", [Person("u1", "ADA"), Person("u5", "Bob")])
        await broker.presence.enter("", [Person("u1", "Countess")])
        assert await broker.directory.claim_name("ada", "u7", 30)
        assert not await broker.directory.claim_name("countess", "u7", 30)


# -- presence


async def test_presence_tells_of_whoever_is_new_or_gone(make: Make) -> None:
    """Each person once, whatever is told again; a new name is news; the room "" is told to nobody."""
    async with opened(make(), "lobby") as (broker, heard):
        await broker.presence.enter("lobby", [ADA, BOB])
        await broker.presence.enter("lobby", [BOB, CY])
        await broker.presence.enter("", [ADA, BOB])
        await broker.presence.depart("lobby", ["u2", "u2", "nobody"])
        await broker.presence.depart("lobby", ["u2"])
        await broker.presence.enter("lobby", [Person("u1", "Ada L.")])
        roster = await broker.presence.roster("lobby")
        assert roster.members is not None
        assert {person.id: person.name for person in roster.members} == {"u1": "Ada L.", "u3": "Cy"}
        assert roster.count == 2
        online = await broker.presence.roster("")
        assert (online.count, {person.id for person in online.members or ()}) == (2, {"u1", "u2"})
        await broker.presence.depart("lobby", ["u1", "u3"])
        gone = await broker.presence.roster("lobby")
        assert (gone.count, gone.members) == (0, [])
        await until(lambda: len(heard.signals) >= 5, "the signals")
        await asyncio.sleep(SILENCE)
        people = [
            ({"u1": "Ada", "u2": "Bob"}, set(), 2),
            ({"u3": "Cy"}, set(), 3),
            ({}, {"u2"}, 2),
            ({"u1": "Ada L."}, set(), 2),
            ({}, {"u1", "u3"}, 0),
        ]
        told = [
            ({person["id"]: person["name"] for person in signal["joined"]}, set(signal["left"]), signal["count"])
            for room, signal in heard.signals
            if room == "lobby" and signal["kind"] == "presence"
        ]
        assert told == people and len(heard.signals) == 5


async def test_a_large_room_shows_only_its_count(make: Make) -> None:
    """Up to the limit everybody, past it a number."""
    async with opened(make()) as (broker, _):
        crowd = [Person(f"u{number}", f"N{number}") for number in range(MEMBERS_LIMIT + 1)]
        await broker.presence.enter("lobby", crowd[1:])
        roster = await broker.presence.roster("lobby")
        assert roster.count == MEMBERS_LIMIT
        assert roster.members is not None
        assert sorted(roster.members, key=lambda person: person.id) == sorted(crowd[1:], key=lambda person: person.id)
        await broker.presence.enter("lobby", crowd[:1])
        roster = await broker.presence.roster("lobby")
        assert (roster.count, roster.members) == (MEMBERS_LIMIT + 1, None)


async def test_people_are_read_some_at_a_time(make: Make) -> None:
    """All who are there, whatever their number, and what is no cursor is refused or finds nobody."""
    async with opened(make()) as (broker, _):
        assert await broker.presence.people("lobby", 10) == ([], "")
        crowd = [Person(f"u{number}", f"User {number}") for number in range(700)]
        await broker.presence.enter("lobby", crowd)
        found, cursor, parts = list[Person](), "", 0
        while cursor or not parts:
            people, cursor = await broker.presence.people("lobby", 100, cursor)
            found, parts = found + people, parts + 1
        assert sorted({person.id for person in found}) == sorted(person.id for person in crowd)
        assert parts > 3 and len(found) < 1400


async def test_who_is_online_is_found(make: Make) -> None:
    """By their id, as they are called now; nobody else is."""
    async with opened(make()) as (broker, _):
        await broker.presence.enter("lobby", [BOB])
        await broker.presence.enter("", [ADA])
        assert (await broker.presence.find(ADA.id), await broker.presence.find(BOB.id)) == (ADA, None)


async def test_a_beating_process_is_alive(make: Make) -> None:
    """Once it is known, a beat finds it alive."""
    async with opened(make()) as (broker, _):
        await broker.presence.beat()
        assert await broker.presence.beat()


# -- read positions


async def test_read_positions_move_forwards_only(make: Make) -> None:
    """Never back, never past the log's end, told when they moved, kept beyond the broker."""
    async with opened(make(), "lobby") as (broker, heard):
        await store(broker, *(message() for _ in range(10)))
        await broker.directory.mark_read("lobby", {"u1": 5, "u2": 99})
        await broker.directory.mark_read("lobby", {"u1": 4, "u2": 10})
        await broker.directory.mark_read("lobby", {"u1": 7, "u3": 0})
        assert await broker.directory.reads("lobby", ["u1", "u2", "u3", "u4"]) == {"u1": 7, "u2": 10}
        assert await broker.directory.reads("lobby", []) == {} == await broker.directory.reads("nowhere", ["u1"])
        await until(lambda: len(heard.signals) >= 2, "the signals")
        await asyncio.sleep(SILENCE)
        assert heard.signals == [
            ("lobby", {"kind": "read", "reads": {"u1": 5, "u2": 10}, "v": 1}),
            ("lobby", {"kind": "read", "reads": {"u1": 7}, "v": 1}),
        ]
    async with opened(make()) as (broker, _):
        assert await broker.directory.reads("lobby", ["u1", "u2"]) == {"u1": 7, "u2": 10}


async def test_unread_counts_what_came_after(make: Make) -> None:
    """For each room that the user has read in."""
    async with opened(make()) as (broker, _):
        rooms = ("one", "one", "one", "two", "three")
        await store(broker, *(message(room, person=CY) for room in rooms))
        await broker.directory.mark_read("one", {"u1": 1})
        await broker.directory.mark_read("two", {"u1": 1, "u2": 1})
        assert await broker.directory.unread("u1") == {"one": 2, "two": 0}
        await store(broker, message("two", person=CY))
        assert await broker.directory.unread("u1") == {"one": 2, "two": 1}
        assert await broker.directory.unread("u2") == {"two": 1}
        assert await broker.directory.unread("u4") == {}


# -- rooms and sanctions


async def test_rooms_are_those_with_a_log_or_people(make: Make) -> None:
    """With the number of people in each."""
    async with opened(make()) as (broker, _):
        assert await broker.directory.rooms() == {}
        await store(broker, message("quiet"), message("busy"))
        await broker.presence.enter("busy", [ADA, BOB])
        await broker.presence.enter("", [ADA, BOB])
        assert await broker.directory.rooms() == {"quiet": 0, "busy": 2}


async def test_sanctions_hold_until_their_time(make: Make) -> None:
    """Kept beyond the broker, replaced, lifted, gone when their time has come."""
    now = int(time.time() * 1000)
    ban = Sanction("ban", "lobby", "u1", 0, "m", "spam")
    mute = Sanction("mute", "", "u1", now + 3_600_000, "m", "")
    short = Sanction("ban", "", "u2", now + 1500, "m", "a moment")
    async with opened(make()) as (broker, _):
        for sanction in (ban, mute, short):
            await broker.directory.sanction(sanction, lift=False)
        kept = {
            (sanction.kind, sanction.room, sanction.user): sanction for sanction in await broker.directory.sanctions()
        }
        assert sorted(kept.values(), key=str) == sorted([ban, mute, short], key=str)
        await asyncio.sleep(now / 1000 + 1.6 - time.time())
        assert sorted(await broker.directory.sanctions(), key=str) == sorted([ban, mute], key=str)
        await broker.presence.beat()
    async with opened(make()) as (broker, _):
        longer = Sanction("ban", "lobby", "u1", now + 7_200_000, "m2", "again")
        await broker.directory.sanction(longer, lift=False)
        await broker.directory.sanction(mute, lift=True)
        await broker.directory.sanction(Sanction("mute", "lobby", "u1", 0, "m", ""), lift=True)  # there was none
        assert await broker.directory.sanctions() == [longer]


async def test_a_ban_is_found_by_its_user_or_a_guests_network(make: Make) -> None:
    """In the room or everywhere; no mute, none that is over, none of a user who is called as a network is."""
    now = int(time.time() * 1000)
    ban = Sanction("ban", "lobby", "u1", 0, "m", "spam")
    net = Sanction("ban", "", "192.0.2.1", now + 3_600_000, "m", "", network=True, guest="g-1")
    async with opened(make()) as (broker, _):
        for sanction in (
            ban,
            net,
            Sanction("mute", "", "u2", 0, "m", ""),
            Sanction("ban", "", "u3", now - 1, "m", ""),
            Sanction("ban", "lobby", "192.0.2.2", 0, "m", ""),
        ):
            await broker.directory.sanction(sanction, lift=False)
        assert await broker.directory.ban("lobby", "u1") == ban
        assert (
            await broker.directory.ban("tea", "g-2", "192.0.2.1")
            == net
            == await broker.directory.ban("", "g-2", "192.0.2.1")
        )
        for room, user, network in (
            ("tea", "u1", ""),
            ("lobby", "u2", ""),
            ("lobby", "u3", ""),
            ("lobby", "192.0.2.1", ""),
            ("lobby", "g-2", "192.0.2.2"),
        ):
            assert await broker.directory.ban(room, user, network) is None
        assert net in await broker.directory.sanctions()
        await broker.directory.sanction(net, lift=True)
        assert await broker.directory.ban("tea", "g-2", "192.0.2.1") is None


def deed(number: int, user: Person = BOB) -> Deed:
    """One of a mute, by Ada."""
    return Deed(f"d{number}", 1000 + number, "mute", ADA, user, "lobby", 60.0, "No flooding.")


async def test_the_trail_keeps_the_latest_deeds(make: Make) -> None:
    """Newest first, beyond the broker; of a user who is forgotten nothing that was done about them."""
    async with opened(make()) as (broker, _):
        assert await broker.directory.trail() == []
        for number in (1, 2):
            await broker.directory.record(deed(number))
        await broker.directory.record(deed(3, CY))
    async with opened(make()) as (broker, _):
        assert await broker.directory.trail() == [deed(3, CY), deed(2), deed(1)]
        await broker.directory.forget_user(BOB.id)
        assert await broker.directory.trail() == [deed(3, CY)]
        for start in range(4, TRAIL_LIMIT + 104, 100):
            await asyncio.gather(*(broker.directory.record(deed(number)) for number in range(start, start + 100)))
        trail = await broker.directory.trail()
        assert [kept.at for kept in trail] == [1000 + number for number in range(TRAIL_LIMIT + 103, 103, -1)]


async def test_it_is_known_where_guests_came_from(make: Make) -> None:
    """The latest few networks of each; nothing of who is not known."""
    async with opened(make()) as (broker, _):
        await broker.directory.note_networks([("g-1", "192.0.2.1"), ("g-2", "192.0.2.2")])
        await broker.directory.note_networks([("g-1", "2001:db8::")])
        assert sorted(await broker.directory.networks("g-1")) == ["192.0.2.1", "2001:db8::"]
        assert await broker.directory.networks("g-2") == ["192.0.2.2"]
        assert await broker.directory.networks("g-3") == []
        for number in range(20):
            await broker.directory.note_networks([("g-1", f"192.0.2.{100 + number}")])
        known = await broker.directory.networks("g-1")
        assert len(known) == NETWORKS_LIMIT and "192.0.2.119" in known


async def test_a_bucket_is_charged_after_the_fact(make: Make) -> None:
    """What was sent counts; overdrawn, it says how long until it isn't; others' buckets are others'."""
    async with opened(make()) as (broker, _):
        assert await broker.directory.charge("u1", 10, 10.0, 20.0) == 0
        assert await broker.directory.charge("u1", 10, 10.0, 20.0) == 0
        wait = await broker.directory.charge("u1", 10, 10.0, 20.0)
        assert 0.5 < wait <= 1.0
        assert 1.4 < await broker.directory.charge("u1", 10, 10.0, 20.0) <= 2.0
        assert await broker.directory.charge("u2", 20, 10.0, 20.0) == 0
        assert (
            5 < await broker.directory.charge("u1", 10_000, 10.0, 20.0) <= 10.0
        )  # bounded, so that it can be paid off
        assert await broker.directory.charge("u3", 6, 20.0, 5.0) > 0
        await asyncio.sleep(0.4)
        assert await broker.directory.charge("u3", 1, 20.0, 5.0) == 0


# -- availability


async def test_a_closed_broker_is_unavailable(make: Make) -> None:
    """Every call says so at once, and a publish is told on a later turn."""
    broker = make()
    async with opened(broker):
        (receipt,) = await store(broker, message())
        assert receipt.seq == 1
    assert not broker.available
    async with asyncio.timeout(UNIT):
        (outcome,) = await publish(broker, message())
        assert isinstance(outcome, RequestError)
        assert (outcome.code, outcome.retry_after) == ("unavailable", 1.0)
        for call in (
            broker.log.newest("lobby", 1),
            broker.log.after("lobby", 0, 1),
            broker.log.positions(["lobby"]),
            broker.directory.take_ticket("t"),
            broker.directory.claim_name("n", "u", 1),
            broker.presence.roster("lobby"),
            broker.directory.mark_read("lobby", {"u1": 1}),
            broker.directory.sanctions(),
            broker.directory.charge("u1", 1, 1.0, 1.0),
            broker.presence.beat(),
        ):
            with pytest.raises(RequestError) as refused:
                await call
            assert refused.value.code == "unavailable"


async def test_closing_finishes_what_is_under_way(make: Make) -> None:
    """Each publish before `close` is answered, and those with a receipt are in the log."""
    broker = make()
    outcomes: list[Receipt | RequestError] = []
    async with opened(broker):
        for number in range(500):
            broker.log.publish(message(f"room{number % 7}"), outcomes.append)
        await asyncio.sleep(0)
    await until(lambda: len(outcomes) == 500, "every publish answered")
    stored = sum(isinstance(outcome, Receipt) for outcome in outcomes)
    async with opened(make()) as (broker, _):
        positions = await broker.log.positions([f"room{number}" for number in range(7)])
        assert sum(position.seq for position in positions.values() if position) >= stored > 0


async def test_reading_while_writing(make: Make, seed: int) -> None:
    """Pages read between publishes are whole: no hole, no repeat, never past their own position."""
    choose = random.Random(seed)
    async with opened(make(limit=100), "lobby") as (broker, heard):
        head = 0
        for _ in range(60):
            count = choose.randint(1, 40)
            start = max(0, head - choose.randint(0, 60))
            receipts, page, newest = await asyncio.gather(
                store(broker, *(message() for _ in range(count))),
                broker.log.after("lobby", start, choose.randint(1, 80)),
                broker.log.newest("lobby", choose.randint(1, 80)),
            )
            assert [receipt.seq for receipt in receipts] == list(range(head + 1, head + count + 1))
            head += count
            if page is not None and page.frames:
                assert seqs(page.frames) == list(range(start + 1, start + 1 + len(page.frames)))
                assert page.more == (start + len(page.frames) < page.position.seq)
            if newest is not None and newest.frames:
                assert seqs(newest.frames)[-1] == newest.position.seq
                assert seqs(newest.frames) == list(range(newest.seq, newest.position.seq + 1))
        await until(lambda: len(heard.frames("lobby")) >= head, "the broadcast")
        assert seqs(heard.frames("lobby")) == list(range(1, head + 1))
