"""What a room is about, by the contract of the log: its topic, who may set it, and its beginning."""

import asyncio
import json
import time

import pytest

from service.brokers.directory import Sanction
from service.brokers.log import About, Receipt
from service.protocol import Begun, Person, RequestError, Topic

from .brokers import ADA, BOB, CY, FORMS, Make, change, message, opened, publish, refusal, store, topic, until

pytestmark = pytest.mark.parametrize("make", FORMS, indirect=True)

FORBIDDEN = ("forbidden", "only moderators and who began the room may set its topic")


async def test_a_topic_is_an_event_and_what_the_room_is_about(make: Make) -> None:
    """It is broadcast and read as an event; `about` has its text, author, time and seq. No page of messages has it."""
    async with opened(make(), "lobby") as (broker, heard):
        first, set_ = await store(broker, message(id="m1"), topic('"Grüße" \\ 👋'))
        frame = (
            '{"type":"topic","room":"lobby","seq":2,"id":"%s","user":{"id":"u1","name":"Ada"},'
            '"text":"\\"Grüße\\" \\\\ 👋","at":%d}'
        )
        await until(lambda: len(heard.frames("lobby")) == 2, "the broadcast")
        told = heard.frames("lobby")[1]
        assert told.decode() == frame % (json.loads(told)["id"], set_.at)
        after, newest = await broker.log.after("lobby", 1, 50), await broker.log.newest("lobby", 50)
        assert after is not None and newest is not None
        assert after.frames == [told]
        assert [json.loads(shown)["type"] for shown in newest.frames] == ["message"] and newest.position.seq == 2
        about = About(Topic('"Grüße" \\ 👋', ADA, set_.at, 2), Begun(ADA, first.at))
        assert await broker.log.about("lobby") == about
    async with opened(make()) as (broker, _):
        assert await broker.log.about("lobby") == about, "it outlives the broker"


async def test_a_room_is_about_nothing_at_first(make: Make) -> None:
    """Nor is one that isn't there, or in which nobody said anything; asking makes none."""
    async with opened(make()) as (broker, _):
        await broker.log.newest("empty", 0, create=True)
        for room in ("nowhere", "empty"):
            assert await broker.log.about(room) == About()
        assert await broker.log.positions(["nowhere"]) == {"nowhere": None}
        (said,) = await store(broker, message(person=CY))
        assert await broker.log.about("lobby") == About(None, Begun(CY, said.at))


async def test_who_began_the_room_is_its_first_events_author(make: Make) -> None:
    """Whatever that event was, whoever comes later, and if it is removed, or trimmed."""
    async with opened(make(limit=10)) as (broker, _):
        (said,) = await store(broker, message(person=Person('ü "1"', 'Ada "}{" \\')))
        begun = Begun(Person('ü "1"', 'Ada "}{" \\'), said.at)
        await store(broker, message(person=BOB), change("remove", 1, BOB, moderator=True))
        for _ in range(3):
            await store(broker, *(message(person=CY) for _ in range(100)))
        page = await broker.log.after("lobby", 0, 1)
        assert page is not None and page.seq > 1, "trimmed"
        assert await broker.log.about("lobby") == About(None, begun)
        (set_, _) = await store(broker, topic("tea", BOB, room="tea"), message("tea", person=CY))
        assert await broker.log.about("tea") == About(Topic("tea", BOB, set_.at, 1), Begun(BOB, set_.at))


async def test_only_moderators_and_who_began_the_room_may_set_its_topic(make: Make) -> None:
    """Others are refused, and nobody hears of it; a moderator's topic is no beginning of theirs."""
    async with opened(make(), "lobby") as (broker, heard):
        await store(broker, message(), message(person=BOB))
        assert await refusal(broker, topic("mine", BOB)) == FORBIDDEN
        await store(broker, topic("Ada's"), topic("Cy's", CY, moderator=True))
        assert await refusal(broker, topic("mine", BOB)) == FORBIDDEN
        assert await refusal(broker, topic("mine", CY)) == FORBIDDEN
        assert await refusal(broker, topic("Cy's", BOB)) == FORBIDDEN, "also of what would change nothing"
        await until(lambda: len(heard.frames("lobby")) == 4, "the broadcast")
        about = await broker.log.about("lobby")
        assert about.topic is not None and (about.topic.text, about.topic.user, about.topic.seq) == ("Cy's", CY, 4)
        assert about.begun is not None and about.begun.user == ADA


async def test_within_a_batch_each_topic_finds_the_room_as_the_one_before_left_it(make: Make) -> None:
    """Also who began it."""
    async with opened(make()) as (broker, _):
        outcomes = await publish(
            broker,
            topic(""),  # changes nothing, so it begins nothing
            topic("one", BOB),
            topic("two", ADA),
            topic("one", BOB),
            message(person=CY),
            topic("", BOB),
            topic("", BOB),
            topic("three", CY, moderator=True),
            topic("four", CY),
        )
        told = [(one.seq, one.duplicate) if isinstance(one, Receipt) else one.code.value for one in outcomes]
        assert told[:4] == [(0, True), (1, False), "forbidden", (1, True)]
        assert told[4:] == [(2, False), (3, False), (3, True), (4, False), "forbidden"]
        about = await broker.log.about("lobby")
        assert about.begun is not None and about.begun.user == BOB
        assert about.topic is not None and (about.topic.text, about.topic.seq) == ("three", 4)


async def test_a_topic_that_is_already_so_changes_nothing(make: Make) -> None:
    """Its receipt is a duplicate at the log's end; an empty one takes the topic away, once."""
    async with opened(make(), "lobby") as (broker, heard):
        await store(broker, topic("tea"))
        (same,) = await store(broker, topic("tea"))
        assert (same.seq, same.duplicate) == (1, True)
        cleared, again = await store(broker, topic(""), topic(""))
        assert (cleared.seq, cleared.duplicate, again.seq, again.duplicate) == (2, False, 2, True)
        about = await broker.log.about("lobby")
        assert about.topic is None and about.begun is not None
        await until(lambda: len(heard.frames("lobby")) == 2, "the broadcast")
        assert json.loads(heard.frames("lobby")[1])["text"] == ""


async def test_a_topic_sent_again_under_its_id_is_told_where_it_is(make: Make) -> None:
    """Whatever the topic is by now; another text under that id is refused, and so is a message."""
    async with opened(make()) as (broker, _):
        event = topic("tea")
        (first,) = await store(broker, event)
        await store(broker, topic("coffee"))
        assert await store(broker, event) == [Receipt(1, first.at, duplicate=True)]
        about = await broker.log.about("lobby")
        assert about.topic is not None and about.topic.text == "coffee"
        used = ("bad_request", "this id was used for something else")
        assert await refusal(broker, message(id=event.id, text="tea")) == used


async def test_topics_push_no_message_out(make: Make) -> None:
    """They are changes: counted among them, trimmed with them; what the room is about stays."""
    async with opened(make(limit=20)) as (broker, _):
        await store(broker, *(message(text=f"{number}") for number in range(20)), topic("kept"))
        for number in range(10):
            await store(broker, *(change("react", 1 + number, person, emoji="👍", on=True) for person in crowd(50)))
        newest, after = await broker.log.newest("lobby", 50), await broker.log.after("lobby", 20, 50)
        assert newest is not None and len(newest.frames) == 20
        assert after is not None and after.seq > 21, "the event itself is trimmed"
        about = await broker.log.about("lobby")
        assert about.topic is not None and (about.topic.text, about.topic.seq) == ("kept", 21)


def crowd(count: int) -> list[Person]:
    return [Person(f"c{number}", f"C{number}") for number in range(count)]


async def test_topics_are_not_counted_as_unread(make: Make) -> None:
    async with opened(make()) as (broker, _):
        await store(broker, message(), topic("tea"))
        await broker.directory.mark_read("lobby", {"u2": 1})
        await store(broker, topic("coffee"))
        assert await broker.directory.unread("u2") == {"lobby": 0}


async def test_a_topic_cannot_be_a_message(make: Make) -> None:
    """It can't be edited, removed or reacted to."""
    async with opened(make()) as (broker, _):
        await store(broker, topic("tea"))
        for wish in (change("edit", 1, text="x"), change("remove", 1), change("react", 1, emoji="👍", on=True)):
            assert await refusal(broker, wish) == ("bad_request", "no such message")


@pytest.mark.parametrize("kind", ["ban", "mute"])
async def test_a_sanction_holds_in_the_step_of_a_topic(make: Make, kind: str) -> None:
    """Also against who began the room."""
    async with opened(make()) as (broker, _):
        await store(broker, message())
        until_ms = int(time.time() * 1000) + 3_600_000
        await broker.directory.sanction(Sanction(kind, "lobby", "u1", until_ms, "m", ""), lift=False)
        assert (await refusal(broker, topic("tea")))[0] == "forbidden"
        assert (await broker.log.about("lobby")).topic is None


async def test_rooms_are_about_what_they_are_about(make: Make) -> None:
    """One room's topic and beginning are no other's."""
    async with opened(make()) as (broker, _):
        await store(broker, message("one"), message("two", person=BOB), topic("one's", room="one"))
        assert await refusal(broker, topic("two's", room="two")) == FORBIDDEN
        one, two = await asyncio.gather(broker.log.about("one"), broker.log.about("two"))
        assert one.topic is not None and one.begun is not None and one.begun.user == ADA
        assert two.topic is None and two.begun is not None and two.begun.user == BOB


async def test_a_topic_of_the_longest_kind_is_kept(make: Make) -> None:
    """250 characters of four bytes, by somebody with the longest name."""
    author = Person("x" * 128, "👩🏽‍🚀" * 32)
    async with opened(make()) as (broker, _):
        (set_,) = await store(broker, topic("🫖" * 250, author))
        assert await broker.log.about("lobby") == About(Topic("🫖" * 250, author, set_.at, 1), Begun(author, set_.at))


async def test_a_closed_broker_is_about_nothing(make: Make) -> None:
    broker = make()
    async with opened(broker):
        pass
    with pytest.raises(RequestError, match="away"):
        await broker.log.about("lobby")
