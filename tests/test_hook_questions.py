"""service/hooks/questions.py: what the operator's receiver says of messages, before they are stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.brokers.broker import Broker
from service.brokers.events import Author, change, message, reworded, topic, words
from service.brokers.log import Event, Receipt
from service.hooks.hooks import Hooks, matcher
from service.hooks.questions import Questions
from service.hooks.receiver import Receiver
from service.protocol import RequestError, encode

from .brokers import ADA, BOB, Make, opened, until
from .harness import UNIT, ChatClient, free_port, make_jwt
from .hook_receiver import KEY, Answer, HookReceiver, Request, hook_receiver
from .serving import answer, outcome, serving

ON_EACH = pytest.mark.parametrize("make", ["redis", "sqlite", "cluster"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("make", ["sqlite"], indirect=True)
FAILING = pytest.mark.expects_log("webhook: .* takes nothing")
AUTHOR = Author(ADA.id, encode(ADA))


def said(text: str, id: str, author: Author = AUTHOR, room: str = "lobby") -> Event:
    return message(room, id, author, text)


@asynccontextmanager
async def asking(broker: Broker, receiver: HookReceiver, **options: Any) -> AsyncIterator[Hooks]:
    """A process that has messages judged there."""
    hooks = Hooks(broker, [KEY], ask_url=receiver.url, **({"ask_seconds": 2 * UNIT} | options))
    try:
        yield hooks
    finally:
        await hooks.close()


def publish(hooks: Hooks, event: Event) -> "asyncio.Future[Receipt | RequestError]":
    future: asyncio.Future[Receipt | RequestError] = asyncio.get_running_loop().create_future()
    assert hooks.publish is not None
    hooks.publish(event, future.set_result)
    assert not future.done(), "told in the turn of the call"
    return future


async def texts(broker: Broker, room: str = "lobby") -> list[str]:
    page = await broker.log.newest(room, 50)
    return [json.loads(frame)["text"] for frame in page.frames] if page else []


def refusal(of: Receipt | RequestError) -> tuple[str, str]:
    assert isinstance(of, RequestError), of
    return of.code, of.message


async def by_its_words(request: Request) -> Answer:
    """Judges by the text."""
    text = request.data["text"]
    if "bad" in text:
        return 200, encode({"verdict": "refuse", "reason": "not here\u202e"})
    if text.startswith("LOUD"):
        return 200, encode({"verdict": "change", "text": f"  {text.lower()} "})
    return (200, encode({"verdict": "accept"})) if "plain" in text else None


# -- verdicts


@ON_EACH
async def test_a_message_is_accepted_changed_or_refused(make: Make) -> None:
    """And edits and topics are; what has no text isn't asked about. A repeated id gets the same, without a question."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _), asking(broker, receiver) as hooks:
        receiver.behave = by_its_words
        plain, loud, bad = said("plain", "1"), said("LOUD loud", "2"), said("bad", "3")
        outcomes = await asyncio.gather(*(publish(hooks, event) for event in (plain, loud, bad, said("quiet", "4"))))
        assert [one.seq for one in outcomes if isinstance(one, Receipt)] == [1, 2, 3]
        assert refusal(outcomes[2]) == ("forbidden", "refused: not here")
        assert await texts(broker) == ["plain", "loud loud", "quiet"]
        (question, *_) = receiver.requests
        assert question.verified() and question.type == "question"
        assert question.data["kind"] == "message" and question.data["user"] == {"id": "u1", "name": "Ada"}

        asked = len(receiver.requests)
        again = await asyncio.gather(*(publish(hooks, event) for event in (plain, loud)))
        assert [(one.seq, one.duplicate) for one in again if isinstance(one, Receipt)] == [(1, True), (2, True)]
        assert len(receiver.requests) == asked, "the log knows"
        receiver.behave = receiver.accept
        assert refusal(await publish(hooks, bad)) == ("forbidden", "refused: not here"), "the first verdict holds"
        assert refusal(await publish(hooks, said("another", "1")))[0] == "bad_request"

        receiver.behave = by_its_words
        assert refusal(await publish(hooks, change("lobby", "5", AUTHOR, "edit", 1, text="bad edit")))[0] == "forbidden"
        edit = await publish(hooks, change("lobby", "6", AUTHOR, "edit", 1, text="LOUD edit"))
        assert isinstance(edit, Receipt) and (await texts(broker))[0] == "loud edit"
        assert receiver.requests[-1].data["target"] == 1
        assert isinstance(await publish(hooks, topic("lobby", "7", AUTHOR, "LOUD topic")), Receipt)
        about = (await broker.log.about("lobby")).topic
        assert about is not None and about.text == "loud topic"
        asked = len(receiver.requests)
        assert isinstance(await publish(hooks, change("lobby", "8", AUTHOR, "react", 1, emoji="👍", on=True)), Receipt)
        assert len(receiver.requests) == asked


@pytest.mark.parametrize("make", ["redis"], indirect=True)
async def test_two_processes_give_one_verdict(make: Make) -> None:
    """Of the same id at the same time, though the receiver says now this, now that."""
    async with hook_receiver() as receiver, opened(make()) as (one, _), opened(make()) as (two, _):
        turn = 0

        async def behave(request: Request) -> Answer:
            nonlocal turn
            turn += 1
            return (
                (200, encode({"verdict": "change", "text": f"text {turn}"}))
                if turn % 3
                else (
                    200,
                    encode({"verdict": "refuse"}),
                )
            )

        receiver.behave = behave
        async with asking(one, receiver) as here, asking(two, receiver) as there:
            for number in range(12):
                event = said("hello", str(number))
                outcomes = await asyncio.gather(*(publish(hooks, event) for hooks in (here, there)))
                kinds = {refusal(o) if isinstance(o, RequestError) else ("stored", str(o.seq)) for o in outcomes}
                assert len(kinds) == 1, outcomes


@pytest.mark.parametrize("make", ["redis"], indirect=True)
async def test_what_is_stored_is_not_refused_by_a_later_verdict(make: Make) -> None:
    """Though the first one is forgotten by then, as its text is in the log: the other process says duplicate."""
    async with hook_receiver() as receiver, opened(make()) as (one, _), opened(make()) as (two, _):
        stored = asyncio.Event()

        async def behave(request: Request) -> Answer:
            if len(receiver.requests) == 1:
                await until(lambda: len(receiver.requests) == 2, "both ask")
                return 200, encode({"verdict": "change", "text": "changed"})
            await stored.wait()
            return 200, encode({"verdict": "refuse"})

        receiver.behave = behave
        async with asking(one, receiver) as here, asking(two, receiver) as there:
            event = said("hello", "1")
            outcomes = [publish(hooks, event) for hooks in (here, there)]
            first, _ = await asyncio.wait(outcomes, return_when=asyncio.FIRST_COMPLETED)
            key = receiver.requests[0].id
            for _ in range(100):
                if await two.deliveries.settle(key, b"{}", 0.001) == b"{}":
                    break
                await asyncio.sleep(0.01)
            else:
                pytest.fail("the verdict is still kept")
            await asyncio.sleep(0.01)
            stored.set()
            receipts = [outcome for outcome in await asyncio.gather(*outcomes) if isinstance(outcome, Receipt)]
            assert len(first) == 1 and sorted(receipt.duplicate for receipt in receipts) == [False, True]
            assert await texts(one) == ["changed"]


# -- order, and whom it costs


@ON_EACH
async def test_a_users_messages_keep_their_order_and_others_wait_for_nothing(make: Make) -> None:
    """However long a verdict takes: what comes behind it in the room is stored behind it; other people's at once."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _), asking(broker, receiver) as hooks:
        held = asyncio.Event()

        async def behave(request: Request) -> Answer:
            if request.data["text"] == "first":
                await held.wait()
            return None

        receiver.behave = behave
        bob = Author(BOB.id, encode(BOB))
        waiting = [publish(hooks, said(text, text)) for text in ("first", "second", "third")]
        await publish(hooks, said("bob's", "b", bob))
        await publish(hooks, said("elsewhere", "e", room="annex"))
        behind = publish(hooks, change("lobby", "r", AUTHOR, "react", 1, emoji="👍", on=True))
        await until(lambda: len(receiver.requests) == 5, "all asked about at once")
        assert await texts(broker) == ["bob's"]
        held.set()
        receipts = await asyncio.gather(*waiting, behind)
        assert [one.seq for one in receipts if isinstance(one, Receipt)] == [2, 3, 4, 5]
        assert await texts(broker) == ["bob's", "first", "second", "third"]


# -- no verdict


@ON_SQLITE
@FAILING
@pytest.mark.parametrize("fault", ["away", "slow", "500", "nonsense", "redirect", "unsayable"])
async def test_without_a_verdict_the_default_holds_within_the_deadline(make: Make, fault: str) -> None:
    """Accept: it is stored. Refuse: `unavailable`, nothing is stored, and the same id is asked about again."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        answers: dict[str, Answer] = {
            "500": (500, b""),
            "nonsense": (200, b'{"verdict":"perhaps"}'),
            "redirect": (302, b""),
            "unsayable": (200, b'{"verdict":"change","text":" "}'),
        }

        async def behave(request: Request) -> Answer:
            return answers[fault]

        receiver.behave = receiver.slowly(0.5 * UNIT) if fault == "slow" else behave
        if fault == "away":
            await receiver.stop()
            receiver.port = free_port()
        seconds = 0.2 * UNIT
        async with asking(broker, receiver, ask_seconds=seconds) as hooks:
            assert isinstance(await publish(hooks, said("one", "1")), Receipt)
        async with asking(broker, receiver, ask_seconds=seconds, ask_otherwise="refuse") as hooks:
            assert refusal(await publish(hooks, said("two", "2")))[0] == "unavailable"
            assert await texts(broker) == ["one"]
            if fault == "away":
                await receiver.start()
            receiver.behave = receiver.accept
            assert isinstance(await publish(hooks, said("two", "2")), Receipt)


@ON_SQLITE
@FAILING
async def test_a_crowd_before_a_silent_receiver_waits_no_longer_than_one(make: Make) -> None:
    """The deadline counts from when a message came."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        receiver.behave = receiver.slowly(3 * UNIT)
        async with asking(broker, receiver, ask_seconds=0.3 * UNIT) as hooks:
            began = asyncio.get_running_loop().time()
            waiting = [publish(hooks, said(str(number), str(number))) for number in range(300)]
            assert all(isinstance(one, Receipt) for one in await asyncio.gather(*waiting))
            took = asyncio.get_running_loop().time() - began
            assert took < 3 * UNIT, "not one after the other"
            assert await texts(broker) == [str(number) for number in range(250, 300)]
            assert len(receiver.requests) < 150, "about as many as are asked about at a time"


@ON_SQLITE
async def test_no_more_waits_than_may(make: Make) -> None:
    """One more is `unavailable` at once; its author sends it again."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        held = asyncio.Event()

        async def behave(request: Request) -> Answer:
            await held.wait()
            return None

        receiver.behave = behave
        posting = Receiver(receiver.url, [KEY], 5 * UNIT)
        options: dict[str, Any] = {"rooms": matcher(["*"]), "otherwise": "accept", "text_limit": 4000}
        questions = Questions(broker.log, broker.deliveries, posting, waiting_limit=2, **options)
        futures = []
        for number in range(3):
            future: asyncio.Future[Receipt | RequestError] = asyncio.get_running_loop().create_future()
            questions.publish(said(str(number), str(number)), future.set_result)
            futures.append(future)
        assert refusal(await futures[2])[0] == "unavailable"
        held.set()
        assert all(isinstance(outcome, Receipt) for outcome in await asyncio.gather(*futures[:2]))
        await questions.close()
        posting.close()


def test_words_of_events() -> None:
    """What has a text; and another in its place changes nothing else."""
    one = said('Grüße "\\', "i\n1")
    found = words(one)
    assert found is not None
    assert (found.kind, found.id, found.text, found.target) == ("message", "i\n1", 'Grüße "\\', 0)
    again = reworded(one, "x")
    assert again.tail == said("x", "i\n1").tail and again.content == one.content and again.head == one.head
    edit = change("lobby", "2", AUTHOR, "edit", 7, text="old")
    assert reworded(edit, "new").tail == change("lobby", "2", AUTHOR, "edit", 7, text="new").tail
    assert reworded(edit, "new").change == change("lobby", "2", AUTHOR, "edit", 7, text="new").change
    assert words(change("lobby", "2", AUTHOR, "remove", 7)) is None
    assert words(topic("lobby", "2", AUTHOR, "")) is None


# -- by the doors


async def test_what_people_say_is_judged_by_whatever_door(broker_env: dict[str, str]) -> None:
    """Sockets and the article's guides; not what a backend publishes. Events and verdicts side by side."""
    async with hook_receiver() as judge, hook_receiver() as receiver:
        judge.behave = by_its_words
        env = broker_env | judge.ask_env() | receiver.env(WEBHOOK_EVENTS="message,join,moderation")
        async with serving(env) as it, ChatClient.open(it.url, "Ada") as ada:
            await ada.join("lobby")
            assert (await ada.send("lobby", "hello"))["seq"] == 1
            assert await outcome(ada.send("lobby", "bad")) == "refused: not here"
            assert (await ada.send("lobby", "LOUD"))["seq"] == 2
            async with it.socket("/submit") as guide:
                await guide.send('{"handle":"Bo","text":"bad guide"}')
                await guide.send('{"handle":"Bo","text":"plain guide"}')
                await until(lambda: len(receiver.of("lobby")) == 3, "three messages")
            service = {"Authorization": f"Bearer {make_jwt('s1', 'Build', role='service')}"}
            body = {"id": "b1", "text": "bad from a backend"}
            assert (await it.fetch("/rooms/lobby/messages", "POST", body, **service)).code == 201
            mod = {"Authorization": f"Bearer {make_jwt('mod', 'Mo', role='moderator')}"}
            muted = await it.fetch("/moderation", "POST", {"user": "somebody", "action": "mute"}, **mod)
            assert answer(muted)["action"] == "mute"
            await until(lambda: {"join", "moderation"} <= {one.type for one in receiver.taken}, "the notices")
            await until(lambda: len(receiver.of("lobby")) == 4, "the backend's, too")
        found = [one.data["text"] for one in receiver.of("lobby")]
        assert found == ["hello", "loud", "plain guide", "bad from a backend"]
