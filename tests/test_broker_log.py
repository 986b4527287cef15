"""The log's part of the Broker contract: what changes nothing, what pushes nothing out, what a removal removes."""

import json
import random
import time
from typing import Any

import pytest

from service.brokers import marks
from service.brokers.broker import Broker
from service.brokers.directory import UNREAD_ROOMS, Sanction
from service.brokers.log import CHANGES_FACTOR, PAGE_BYTES, Event, Receipt
from service.protocol import Person, RequestError

from .brokers import ADA, BOB, CY, FORMS, Make, change, message, opened, publish, refusal, store, until

pytestmark = pytest.mark.parametrize("make", FORMS, indirect=True)


async def messages(broker: Broker, room: str = "lobby", before: int = 0) -> list[dict[str, Any]]:
    """All messages that history has, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = await broker.log.newest(room, 200, before)
        assert page is not None
        found = [json.loads(frame) for frame in page.frames] + found
        if not page.more:
            return found
        before = page.seq


async def events(broker: Broker, seq: int = 0, room: str = "lobby") -> list[dict[str, Any]]:
    """All events that a resume from `seq` is given; they must be consecutive."""
    found: list[dict[str, Any]] = []
    while True:
        page = await broker.log.after(room, seq, 100)
        assert page is not None
        part = [json.loads(frame) for frame in page.frames]
        assert [event["seq"] for event in part] == list(range(page.seq, page.seq + len(part))), "consecutive"
        if found:
            assert not part or page.seq == seq + 1, "and so from page to page"
        found += part
        if not page.more:
            return found
        seq = found[-1]["seq"]


def crowd(count: int) -> list[Person]:
    return [Person(f"c{number}", f"C{number}") for number in range(count)]


# -- what changes nothing


async def test_what_changes_nothing_appends_nothing(make: Make) -> None:
    """Its receipt is a duplicate at the log's end, now; nobody hears of it, and its id is free for something else."""
    async with opened(make(), "lobby") as (broker, heard):
        (first, _) = await store(broker, message(), change("react", 1, BOB, emoji="👍", on=True))
        idle = [
            change("react", 1, BOB, emoji="👍", on=True),
            change("react", 1, CY, emoji="👍", on=False),
            change("react", 1, BOB, emoji="🎉", on=False),
            change("edit", 1, text="hello"),
        ]
        for receipt in await store(broker, *idle):
            assert (receipt.seq, receipt.duplicate) == (2, True)
            assert receipt.at >= first.at
        assert [receipt.duplicate for receipt in await store(broker, change("edit", 1, text="better"))] == [False]
        (same, back) = await store(broker, change("edit", 1, text="better"), change("edit", 1, text="hello"))
        assert (same.seq, same.duplicate, back.seq, back.duplicate) == (3, True, 4, False)
        await until(lambda: len(heard.frames("lobby")) == 4, "the broadcast")
        assert len(await events(broker)) == 4


async def test_within_a_batch_the_first_of_two_equal_changes_counts(make: Make) -> None:
    """The second finds the message as the first left it."""
    async with opened(make()) as (broker, _):
        give, take = (change("react", 1, BOB, emoji="👍", on=on) for on in (True, False))
        again, also = (change("react", 1, BOB, emoji="👍", on=on) for on in (True, False))
        receipts = await store(broker, message(), give, again, take, also)
        assert [(receipt.seq, receipt.duplicate) for receipt in receipts] == [
            (1, False),
            (2, False),
            (2, True),
            (3, False),
            (3, True),
        ]


# -- what pushes nothing out


async def test_changes_push_no_message_out(make: Make) -> None:
    """Whatever their number: they have a number of their own, and go by it."""
    async with opened(make(limit=60)) as (broker, _):
        await store(broker, *(message(text=f"{number}") for number in range(60)))
        for person in crowd(50):
            await store(broker, *(change("react", target, person, emoji="👍", on=True) for target in range(1, 41)))
        assert [shown["text"] for shown in await messages(broker)] == [f"{number}" for number in range(60)]
        assert all(len(shown["reactions"]["👍"]) == 50 for shown in (await messages(broker))[:40])
        kept = await events(broker, 60)
        assert CHANGES_FACTOR * 60 <= len(kept) <= 600, "changes are bounded as well"
        assert kept[-1]["seq"] == 2060


async def test_a_resume_from_before_what_was_trimmed_is_told(make: Make) -> None:
    """The first frame is a later one than the next, whichever kind went; from there on all is there."""
    async with opened(make(limit=20)) as (broker, _):
        await store(broker, *(message() for _ in range(20)))
        for person in crowd(60):
            await store(broker, *(change("react", target, person, emoji="👍", on=True) for target in range(1, 11)))
        kept = await events(broker, 20)
        assert kept[0]["seq"] > 21 and kept[-1]["seq"] == 620
        assert (await events(broker, kept[0]["seq"] - 1))[0]["seq"] == kept[0]["seq"]
        page = await broker.log.after("lobby", kept[0]["seq"] - 2, 50)
        assert page is not None and page.seq == kept[0]["seq"]
        assert len(await messages(broker)) == 20
        for _ in range(10):
            await store(broker, *(message() for _ in range(100)))
        kept = await events(broker, 0)
        assert kept[0]["seq"] > 621 and kept[-1]["seq"] == 1620
        assert {event["type"] for event in kept} == {"message"}


async def test_many_edits_of_one_message_cost_their_author(make: Make) -> None:
    """A hundred; then it stays as it is, but can be removed, and others' messages can be edited."""
    too_often = ("bad_request", "the message has been changed too often")
    async with opened(make()) as (broker, _):
        await store(broker, message(), message())
        await store(broker, *(change("edit", 1, text=f"{number}") for number in range(marks.EDITS_LIMIT)))
        assert await refusal(broker, change("edit", 1, text="more")) == too_often
        await store(broker, change("edit", 2, text="more"), change("remove", 1))


async def test_taking_back_again_and_again_costs_who_does_it(make: Make) -> None:
    """Twenty times; what is given can still be taken back, and others are free to give."""
    too_often = ("bad_request", "the message has been changed too often")
    async with opened(make()) as (broker, _):
        await store(broker, message(), message(), change("react", 1, BOB, emoji="🎉", on=True))
        for _ in range(marks.RETRACTIONS_LIMIT):
            await store(broker, *(change("react", 1, BOB, emoji="👍", on=on) for on in (True, False)))
        assert await refusal(broker, change("react", 1, BOB, emoji="👍", on=True)) == too_often
        assert await refusal(broker, change("react", 1, BOB, emoji="😀", on=True)) == too_often
        await store(
            broker,
            change("react", 1, BOB, emoji="🎉", on=False),
            change("react", 1, CY, emoji="👍", on=True),
            change("react", 2, BOB, emoji="👍", on=True),
        )
        assert (await messages(broker))[0]["reactions"] == {"👍": ["u3"]}


# -- ids


async def test_an_id_stands_for_one_content(make: Make) -> None:
    """The same again is a duplicate, something else is refused, whatever kind it is of, and takes no effect."""
    used = ("bad_request", "this id was used for something else")
    async with opened(make()) as (broker, _):
        (sent,) = await store(broker, message(id="x"))
        assert await refusal(broker, message(id="x", text="something else")) == used
        for kind, fields in (("remove", {}), ("edit", {"text": "y"}), ("react", {"emoji": "👍", "on": True})):
            other = change(kind, 1, **fields)
            assert await refusal(broker, _under("x", other)) == used
        assert await store(broker, message(id="x")) == [Receipt(1, sent.at, duplicate=True)]
        renamed = message(id="x", person=Person("u1", "Ada Lovelace"))
        assert await store(broker, renamed) == [Receipt(1, sent.at, duplicate=True)], "the name is no content"
        first, second = message(id="y", text="one"), message(id="y", text="two")
        outcomes = await publish(broker, first, second)
        assert isinstance(outcomes[0], Receipt) and isinstance(outcomes[1], RequestError)
        assert len(await events(broker)) == 2


def _under(id: str, event: Event) -> Event:
    return Event(event.room, event.user, id, event.head, event.tail, event.change, event.content)


async def test_ids_and_users_do_not_run_into_each_other(make: Make) -> None:
    """Whatever characters stand in either."""
    pairs = [
        ("a", "b\nc"),
        ("a\nb", "c"),
        ("a", "\nb"),
        ("a\n", "b"),
        ("1:a", "x"),
        ("1", ":ax"),
        ("a\x00b", "c"),
        ("a", "\x00bc"),
    ]
    async with opened(make()) as (broker, _):
        receipts = await store(broker, *(message(person=Person(user, "N"), id=id) for user, id in pairs))
        assert [receipt.seq for receipt in receipts] == list(range(1, len(pairs) + 1))
        again = await store(broker, *(message(person=Person(user, "N"), id=id) for user, id in pairs))
        assert [(receipt.seq, receipt.duplicate) for receipt in again] == [
            (number + 1, True) for number in range(len(pairs))
        ]


# -- removal


async def test_a_removed_text_is_read_nowhere(make: Make) -> None:
    """Not the message's, not its edits', from wherever one resumes; the events keep their places."""
    async with opened(make()) as (broker, _):
        await store(broker, message(text="secret one"), message(text="other"))
        await store(broker, change("edit", 1, text="secret two"), change("edit", 1, text="secret three"))
        await store(broker, change("react", 1, BOB, emoji="👍", on=True), change("remove", 1))
        for start in range(6):
            frames = await events(broker, start)
            assert "secret" not in json.dumps(frames)
            assert [frame["seq"] for frame in frames] == list(range(start + 1, 7))
        whole = await events(broker)
        assert [frame.get("removed", False) for frame in whole] == [True, False, True, True, False, False]
        assert list(whole[2]) == ["type", "room", "seq", "id", "target", "user", "at", "removed"]
        shown = (await messages(broker))[0]
        assert list(shown) == ["type", "room", "seq", "id", "user", "at", "removed"]


async def test_a_removal_reaches_into_its_own_batch(make: Make) -> None:
    """Message, edits and removal in one step: the log has no text."""
    async with opened(make()) as (broker, _):
        await store(
            broker, message(text="secret one"), change("edit", 1, text="secret two"), change("remove", 1), message()
        )
        assert "secret" not in json.dumps([await events(broker), await messages(broker)])
        assert [event["seq"] for event in await events(broker)] == [1, 2, 3, 4]


async def test_a_removed_text_does_not_come_back_with_trimming(make: Make) -> None:
    """Its message is long trimmed when its edit, which came late, is read."""
    async with opened(make(limit=30)) as (broker, _):
        await store(broker, message(text="secret one"))
        await store(broker, *(message() for _ in range(20)))
        await store(broker, change("edit", 1, text="secret two"), change("remove", 1))
        seen = []
        for _ in range(100):
            (receipt,) = await store(broker, message(person=BOB))
            assert "secret" not in json.dumps(await events(broker))
            seen.append(receipt.seq)
        assert (await messages(broker))[0]["seq"] > 1, "trimmed"


# -- unread


async def test_unread_are_others_messages_that_are_still_there(make: Make) -> None:
    """Not one's own, no changes, nothing removed, nothing trimmed."""
    async with opened(make(limit=50)) as (broker, _):
        await store(broker, *(message(person=person) for person in (BOB, ADA, BOB, CY, ADA, BOB)))
        await broker.directory.mark_read("lobby", {"u1": 1, "u2": 3})
        assert await broker.directory.unread("u1") == {"lobby": 3}
        await store(broker, *(change("react", target, CY, emoji="👍", on=True) for target in range(1, 7)))
        await store(broker, change("edit", 3, BOB, text="better"))
        assert await broker.directory.unread("u1") == {"lobby": 3}
        await store(broker, change("remove", 3, BOB), change("remove", 5, ADA))
        assert (await broker.directory.unread("u1"), await broker.directory.unread("u2")) == (
            {"lobby": 2},
            {"lobby": 1},
        )
        await store(broker, *(message(person=CY) for _ in range(300)))
        kept = len(await messages(broker))
        assert await broker.directory.unread("u1") == {"lobby": kept} == await broker.directory.unread("u2")
        assert await broker.directory.unread("u3") == {}


async def test_unread_of_users_whose_ids_begin_alike(make: Make) -> None:
    """One's own messages are one's own only."""
    people = [Person(user, "N") for user in ("u", "u1", "u\n1", "u0000000000000001", "1:u", "ü")]
    async with opened(make()) as (broker, _):
        await store(broker, message(person=CY), *(message(person=person) for person in people for _ in range(3)))
        await broker.directory.mark_read("lobby", {person.id: 1 for person in people})
        for person in people:
            assert await broker.directory.unread(person.id) == {"lobby": 3 * (len(people) - 1)}, person


async def test_unread_agrees_with_a_plain_count(make: Make, seed: int) -> None:
    """Random messages and removals, counted in Python."""
    choose = random.Random(seed)
    people = [ADA, BOB, CY]
    async with opened(make()) as (broker, _):
        said: dict[int, str] = {}
        for _ in range(20):
            person = choose.choice(people)
            for receipt in await store(broker, *(message(person=person) for _ in range(choose.randint(1, 5)))):
                said[receipt.seq] = person.id
            target = choose.choice(list(said))
            mine = Person(said.pop(target), "N")
            await store(broker, change("remove", target, mine))
            read = {person.id: choose.randint(1, max(said, default=1)) for person in people}
            await broker.directory.mark_read("lobby", read)
            now = await broker.directory.reads("lobby", list(read))
            for user, seq in now.items():
                others = [number for number, author in said.items() if number > seq and author != user]
                assert await broker.directory.unread(user) == {"lobby": len(others)}


async def test_unread_is_of_the_rooms_that_were_read_last(make: Make) -> None:
    """So many of them; the earlier ones are left out."""
    async with opened(make()) as (broker, _):
        rooms = [f"room-{number}" for number in range(UNREAD_ROOMS + 3)]
        for room in rooms:
            await store(broker, message(room, person=BOB), message(room, person=BOB))
            await broker.directory.mark_read(room, {"u1": 1})
        unread = await broker.directory.unread("u1")
        assert len(unread) == UNREAD_ROOMS and set(unread.values()) == {1}
        assert set(rooms[-UNREAD_ROOMS + 3 :]) <= set(unread)


# -- pages


async def test_a_page_is_bounded_in_bytes(make: Make) -> None:
    """It ends before its frames are more than the limit, says that there is more, and has one frame at least."""
    async with opened(make()) as (broker, _):
        await store(broker, *(message(text=f"{number:02}" + "x" * 9998) for number in range(40)))
        await store(broker, message(text="y" * (PAGE_BYTES + 1)))
        for read in (broker.log.newest("lobby", 1), broker.log.after("lobby", 40, 5), broker.log.newest("lobby", 200)):
            page = await read
            assert page is not None
            assert len(page.frames) == 1 and len(page.frames[0]) > PAGE_BYTES
        for newest in (True, False):
            page = await (broker.log.newest("lobby", 200, 41) if newest else broker.log.after("lobby", 0, 200))
            assert page is not None and page.more
            assert PAGE_BYTES - 10_500 < sum(map(len, page.frames)) <= PAGE_BYTES
        assert [shown["seq"] for shown in await messages(broker)] == list(range(1, 42))
        assert [event["seq"] for event in await events(broker)] == list(range(1, 42))


async def test_marks_count_as_bytes_of_a_page(make: Make) -> None:
    """Edited texts and reactions are what a page of history grows by."""
    async with opened(make()) as (broker, _):
        await store(broker, *(message() for _ in range(20)))
        await store(broker, *(change("edit", target, text="x" * 20_000) for target in range(1, 21)))
        page = await broker.log.newest("lobby", 200)
        assert page is not None and page.more
        assert sum(map(len, page.frames)) <= PAGE_BYTES and len(page.frames) == 6
        assert len(await messages(broker)) == 20


# -- sanctions, in the step itself


@pytest.mark.parametrize("kind", ["ban", "mute"])
@pytest.mark.parametrize("where", ["lobby", ""])
@pytest.mark.parametrize("network", [False, True])
async def test_a_sanction_holds_in_the_step_of_a_send(make: Make, kind: str, where: str, network: bool) -> None:
    """Against its user, or the guests of its network, there; for messages and changes; until it is lifted or over."""
    refused = ("forbidden", "you are muted" if kind == "mute" else "you may not enter this room")
    until = int(time.time() * 1000) + 3_600_000
    held = Sanction(kind, where, "192.0.2.1" if network else "u1", until, "m", "spam", network=network)
    over = Sanction(kind, where, "192.0.2.2" if network else "u2", int(time.time() * 1000) - 1000, "m", "", network)
    async with opened(make(), "lobby", "elsewhere") as (broker, _):
        (early,) = await store(broker, message(id="early"))
        await broker.directory.sanction(held, lift=False)
        await broker.directory.sanction(over, lift=False)
        guest = "192.0.2.1" if network else ""
        assert await refusal(broker, _from(guest, message())) == refused
        assert await refusal(broker, _from(guest, change("edit", 1, text="x"))) == refused
        await store(broker, message(person=BOB), _from("192.0.2.2", message(person=CY)))
        if network:
            await store(broker, message())
        else:
            assert await refusal(broker, _from("198.51.100.9", message())) == refused
        elsewhere = await publish(broker, _from(guest, message("elsewhere")))
        assert [isinstance(outcome, RequestError) for outcome in elsewhere] == [where == ""]
        again = await store(broker, _from(guest, message(id="early")))
        assert again == [Receipt(early.seq, early.at, duplicate=True)], "what is stored is told"
        await broker.directory.sanction(held, lift=True)
        await store(broker, _from(guest, message()))


def _from(network: str, event: Event) -> Event:
    return Event(event.room, event.user, event.id, event.head, event.tail, event.change, event.content, network)


async def test_sanctions_do_not_run_into_each_other(make: Make) -> None:
    """A user called like a network, or like a room and a user, is somebody else; `slow` keeps nobody from a send."""
    async with opened(make(), "lobby") as (broker, _):
        for kind, user, network in (("ban", "192.0.2.1", False), ("mute", "lobby u1", False), ("slow", "u1", False)):
            await broker.directory.sanction(Sanction(kind, "", user, 0, "m", "", network=network), lift=False)
        await store(broker, _from("192.0.2.1", message()), message())
        assert (await refusal(broker, message(person=Person("192.0.2.1", "N"))))[0] == "forbidden"
        assert (await refusal(broker, message(person=Person("lobby u1", "N"))))[0] == "forbidden"
