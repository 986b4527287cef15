"""service/hooks/delivery.py, from a real broker to a real receiver: order, retries, restarts, bounds; and notices."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import metrics
from service.app import make_broker
from service.brokers.broker import Broker
from service.brokers.log import Position
from service.config import load
from service.hooks import payloads
from service.hooks.delivery import Intervals
from service.hooks.hooks import Hooks
from service.hooks.notices import Notices
from service.hooks.receiver import ANSWER_BYTES, Backoff, Failure, Receiver
from service.protocol import Action, Moderate

from .brokers import ADA, BOB, Make, change, message, opened, store, topic, until
from .harness import UNIT, free_port
from .hook_receiver import KEY, Answer, HookReceiver, Request, hook_receiver, statuses
from .metrics import samples_of
from .serving import environment

QUICK = Intervals(look=0.2, save=0.05, busy=0.1, lease_margin=1.0, wait_first=0.05, wait_longest=0.2)
ON_EACH = pytest.mark.parametrize("make", ["redis", "sqlite", "cluster"], indirect=True)
ON_SQLITE = pytest.mark.parametrize("make", ["sqlite"], indirect=True)
FAILING = pytest.mark.expects_log("webhook: .* takes nothing")


@asynccontextmanager
async def hooked(
    broker: Broker, receiver: HookReceiver, kinds: Sequence[str] = payloads.LOGGED, **options: Any
) -> AsyncIterator[Hooks]:
    """A process's hooks, running; there was a receiver before, so what is in the log is to be sent."""
    await broker.deliveries.begin()
    given: dict[str, Any] = {"seconds": 2 * UNIT, "intervals": QUICK} | options
    hooks = Hooks(broker, [KEY], url=receiver.url, kinds=kinds, **given)
    tasks = [asyncio.ensure_future(work()) for work in hooks.parts.values()]
    try:
        yield hooks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hooks.close()
        broker.log.on_stored = None


def failures(reason: str) -> float:
    return samples_of(metrics.REGISTRY.collect()).get(("parley_webhook_failures_total", (("reason", reason),)), 0.0)


async def say(broker: Broker, *texts: str, room: str = "lobby") -> None:
    await store(broker, *(message(room, text) for text in texts))


# -- what is sent


@ON_EACH
async def test_a_rooms_events_come_in_order_signed_and_known_by_their_ids(make: Make) -> None:
    """Each kind that is asked for, as sockets are sent it, with the epoch; others are passed over."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        async with hooked(broker, receiver, ("message", "edited", "removed", "reacted")):
            await store(broker, message(text="Grüße \\ \n 👋", id="m1"), topic("left out"))
            await store(broker, change("edit", 1, text="better"), change("react", 1, BOB, emoji="👍", on=True))
            await store(broker, change("remove", 1))
            await until(lambda: len(receiver.taken) == 4, "all that was asked for")
            page = await broker.log.after("lobby", 0, 50)
            assert page is not None
        first, *_ = receiver.taken
        assert all(request.verified() for request in receiver.taken)
        assert not first.verified(b"another key"), "a control: another's signature isn't taken"
        assert [request.type for request in receiver.taken] == ["message", "edited", "reacted", "removed"]
        assert receiver.seqs("lobby") == [1, 3, 4, 5]
        epoch = page.position.epoch
        assert [request.id for request in receiver.taken] == [f"lobby.{epoch}.{seq}" for seq in (1, 3, 4, 5)]
        assert first.data["user"] == {"id": "u1", "name": "Ada"} and first.data["epoch"] == epoch
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.whole["timestamp"])
        assert first.headers["Content-Type"] == "application/json"
        (place,) = (await broker.deliveries.places(["lobby"])).values()
        assert place == page.position, "what is passed over is passed"


async def test_what_was_said_before_there_was_a_receiver_is_left_out(redis_url: str) -> None:
    """From its first start on, and all of the rooms that are made later."""
    broker = make_broker(load(environment({"REDIS_URL": redis_url})))
    async with hook_receiver() as receiver, opened(broker):
        await say(broker, "before")
        hooks = Hooks(broker, [KEY], url=receiver.url, kinds=["message"], intervals=QUICK)
        tasks = [asyncio.ensure_future(work()) for work in hooks.parts.values()]
        async with asyncio.timeout(5 * UNIT):
            while not await broker.deliveries.begun():
                await asyncio.sleep(0.01)
        await say(broker, "after")
        await say(broker, "new", room="annex")
        await until(lambda: len(receiver.taken) == 2, "what was said since")
        assert {request.data["text"] for request in receiver.taken} == {"after", "new"}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hooks.close()


@ON_SQLITE
async def test_rooms_are_sent_beside_each_other_and_only_those_asked_for(make: Make) -> None:
    """A room whose event is not answered holds up no other; within a room one is under way at a time."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        stuck = asyncio.Event()

        async def behave(request: Request) -> Answer:
            if request.data["room"] == "room-1":
                await stuck.wait()
            return None

        receiver.behave = behave
        async with hooked(broker, receiver, rooms=["room-*"]):
            for number in range(6):
                await say(broker, "one", "two", room=f"room-{number}")
            await say(broker, "one", room="private")
            await until(lambda: len(receiver.taken) == 10, "all but those of the room that is stuck")
            assert not receiver.of("room-1") and receiver.under_way == 1
            stuck.set()
            await until(lambda: receiver.seqs("room-1") == [1, 2], "that room, too")
        assert not receiver.of("private")


# -- retries


@ON_EACH
@FAILING
async def test_what_fails_is_sent_again_with_the_same_id(make: Make) -> None:
    """500s, 429, a redirect, an answer of a megabyte, one that doesn't come: each is counted by its reason."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        before = {reason: failures(reason) for reason in Failure}
        elsewhere = HookReceiver()
        await elsewhere.start()

        async def behave(request: Request) -> Answer:
            number = len(receiver.requests)
            if number == 3:
                request.handler.set_header("Location", elsewhere.url)
                return 307, b""
            if number == 4:
                return 200, b"x" * (ANSWER_BYTES + 1)
            if number == 5:
                await asyncio.sleep(0.6 * UNIT)
            return {1: (500, b""), 2: (429, b"")}.get(number)

        receiver.behave = behave
        async with hooked(broker, receiver, seconds=0.3 * UNIT):
            await say(broker, "one", "two")
            await until(lambda: receiver.seqs("lobby")[-1:] == [2] and len(receiver.requests) >= 7, "all taken")
        assert len({request.id for request in receiver.requests[:6]}) == 1
        assert {request.data["text"] for request in receiver.requests[:6]} == {"one"}, "nothing overtakes"
        counted = {reason: failures(reason) - before[reason] for reason in Failure}
        assert counted[Failure.FAILED] == counted[Failure.REFUSED] == counted[Failure.REDIRECT] == 1
        assert counted[Failure.TIMEOUT] == 1 and counted[Failure.ANSWER] + counted[Failure.CUT] == 1
        assert elsewhere.requests == [], "where a redirect led, nobody went"
        await elsewhere.stop()


@ON_EACH
@FAILING
async def test_a_dead_receiver_costs_one_attempt_at_a_time_and_gets_all_once_it_is_back(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """However many rooms wait: what is kept are their names. It is seen in the metrics, and said once."""
    receiver = HookReceiver(free_port())
    async with opened(make()) as (broker, _):
        async with hooked(broker, receiver) as hooks:
            delivery = hooks.delivery
            assert delivery is not None
            for number in range(30):
                await say(broker, *map(str, range(5)), room=f"room-{number}")
            tasks, most = set(), 0
            for _ in range(20):
                await asyncio.sleep(0.02)
                tasks = {task for task in asyncio.all_tasks() if "Delivery._send" in repr(task)}
                most = max(most, len(tasks))
            assert most <= 1 and delivery.rooms_due == 30
            assert 0.2 < delivery.oldest_seconds < 60
            shown = samples_of(metrics.REGISTRY.collect())
            assert shown["parley_webhook_rooms", ()] == 30 and shown["parley_webhook_oldest_seconds", ()] > 0.2
            assert len([line for line in caplog.messages if "takes nothing" in line]) == 1
            await receiver.start()
            await until(lambda: len(receiver.taken) == 150, "all", 20 * UNIT)
            await until(lambda: delivery.rooms_due == 0 and delivery.oldest_seconds == 0, "nothing is due")
            assert all(receiver.seqs(f"room-{number}") == [1, 2, 3, 4, 5] for number in range(30))
        await receiver.stop()


@ON_SQLITE
@FAILING
async def test_a_room_that_is_refused_holds_up_no_other(make: Make) -> None:
    """An event that the receiver chokes on is tried again and again, for its room's order is kept."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        poisoned = True

        async def behave(request: Request) -> Answer:
            return (400, b"") if poisoned and request.data["room"] == "poison" else None

        receiver.behave = behave
        async with hooked(broker, receiver):
            await say(broker, "bad", "after it", room="poison")
            for number in range(20):
                await say(broker, str(number))
            await until(lambda: receiver.seqs("lobby") == list(range(1, 21)), "the others", 10 * UNIT)
            assert receiver.of("poison") == []
            poisoned = False
            await until(lambda: receiver.seqs("poison") == [1, 2], "that room, once it is taken")


# -- what a process leaves


@ON_EACH
async def test_a_restart_goes_on_where_it_was(make: Make) -> None:
    """Nothing is missing and nothing is sent twice after a clean end; what came meanwhile is found."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        async with hooked(broker, receiver):
            await say(broker, "one", "two")
            await until(lambda: len(receiver.taken) == 2, "the first")
        await say(broker, "three", "four")
        async with hooked(broker, receiver):
            await until(lambda: len(receiver.taken) == 4, "the rest")
        assert [request.data["seq"] for request in receiver.taken] == [1, 2, 3, 4]


@ON_EACH
async def test_an_end_waits_for_an_answer_but_not_for_ever(make: Make) -> None:
    """What is being sent comes once if it is answered soon, and again from who is next if it is not."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        for seconds, expected in ((0.3, [1, 2]), (5 * UNIT, [1, 1, 2])):
            receiver.requests.clear()
            receiver.behave = receiver.slowly(seconds)
            async with hooked(broker, receiver, seconds=10 * UNIT):
                await say(broker, "one", "two", room=f"room-{len(expected)}")
                await until(lambda: receiver.requests, "the first")
            receiver.behave = receiver.accept
            async with hooked(broker, receiver):
                await until(lambda: len(receiver.requests) >= len(expected), "the rest")  # noqa: B023  # awaited here
            assert [request.data["seq"] for request in receiver.requests] == expected


@pytest.mark.parametrize("make", ["redis", "cluster"], indirect=True)
async def test_one_of_several_sends_a_room(make: Make) -> None:
    """Two processes, one room: its events come once each, in order, one under way at a time."""
    sent, at_once = await sent_by_two(make, guarded=True)
    assert sent == list(range(1, 31)) and at_once == 1


@pytest.mark.parametrize("make", ["redis"], indirect=True)
async def test_control_without_leases_both_send(make: Make) -> None:
    """So the test above would see it."""
    sent, at_once = await sent_by_two(make, guarded=False)
    assert sent != list(range(1, 31)) and at_once > 1


async def sent_by_two(make: Make, guarded: bool) -> tuple[list[int], int]:
    """The seqs as they came, and how many were under way together."""
    async with hook_receiver() as receiver, opened(make()) as (one, _), opened(make()) as (two, _):
        for broker in (one, two) if not guarded else ():
            leave_unguarded(broker)
        receiver.behave = receiver.slowly(0.01)
        async with hooked(one, receiver), hooked(two, receiver):
            for number in range(15):
                await say(one, f"one {number}")
                await say(two, f"two {number}")
            await until(lambda: len(receiver.taken) >= 30, "all", 20 * UNIT)
            await asyncio.sleep(0.5 * UNIT)
        return [request.data["seq"] for request in receiver.taken], receiver.most_under_way


def leave_unguarded(broker: Broker) -> None:
    """Whoever asks is the same holder."""
    deliveries: Any = broker.deliveries
    for name in ("take", "save", "release"):
        method = getattr(deliveries, name)
        setattr(deliveries, name, lambda room, holder, *args, method=method: method(room, "everybody", *args))


@pytest.mark.parametrize("make", ["redis"], indirect=True)
async def test_a_lease_is_taken_over_when_its_holder_says_nothing(make: Make) -> None:
    """Not before: while it lasts nobody else sends."""
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        await say(broker, "one")
        assert await broker.deliveries.take("lobby", "who has died", 1.0 * UNIT)
        async with hooked(broker, receiver) as hooks:
            await asyncio.sleep(0.5 * UNIT)
            assert receiver.requests == []
            await until(lambda: len(receiver.taken) == 1, "the room taken over")
            assert hooks.delivery is not None


# -- what can't be sent


@ON_EACH
async def test_what_is_gone_is_said(make: Make) -> None:
    """Trimmed events, and another life of the room, before what follows; never a silent hole."""
    async with hook_receiver() as receiver, opened(make(5)) as (broker, _):
        await say(broker, "one")
        async with hooked(broker, receiver):
            await until(lambda: len(receiver.taken) == 1, "the first")
        await say(broker, *map(str, range(300)))
        async with hooked(broker, receiver):
            await until(lambda: receiver.seqs("lobby")[-1] == 301, "the last")
        (said,) = receiver.of("lobby", "reset")
        following = receiver.taken[receiver.taken.index(said) + 1]
        assert said.data["reason"] == "trimmed" and said.data["seq"] == following.data["seq"] - 1 > 1
        page = await broker.log.after("lobby", 300, 1)
        assert page is not None
        await broker.log.renew_epoch("lobby", Position(page.position.epoch, 400))
        await say(broker, "of another life")
        async with hooked(broker, receiver):
            await until(lambda: receiver.taken[-1].data.get("text") == "of another life", "what came then")
        _, said, trimmed = receiver.of("lobby", "reset")
        assert (said.data["reason"], said.data["seq"]) == ("epoch", 0) and said.data["epoch"] != page.position.epoch
        assert trimmed.data["reason"] == "trimmed", "all that there is comes again under the new name"


# -- notices


@ON_EACH
async def test_who_comes_and_goes_is_told_by_one_process(make: Make) -> None:
    """By the broker's word, over all processes: who is there already doesn't come again."""
    kinds = ("join", "leave", "moderation")
    async with hook_receiver() as receiver, opened(make()) as (broker, _):
        async with hooked(broker, receiver, kinds) as hooks:
            assert hooks.delivery is None
            await broker.presence.enter("", [ADA])
            await broker.presence.enter("lobby", [ADA, BOB])
            await broker.presence.enter("lobby", [ADA])
            await broker.presence.depart("lobby", [BOB.id, "nobody"])
            assert hooks.notices is not None
            hooks.notices.on_moderated("mod", Moderate(user="u1", action=Action.MUTE, room="lobby", seconds=60))
            await until(lambda: len(receiver.taken) == 3, "three")
            await asyncio.sleep(0.1 * UNIT)
        joined, left, moderated = receiver.taken
        assert joined.verified() and joined.type == "join"
        assert joined.data["users"] == [{"id": "u1", "name": "Ada"}, {"id": "u2", "name": "Bob"}]
        assert left.type == "leave" and left.data["users"] == ["u2"]
        assert moderated.type == "moderation" and moderated.data["action"] == "mute" and moderated.data["by"] == "mod"


@FAILING
async def test_notices_are_bounded_and_tried_once() -> None:
    """Of a receiver that is slow the oldest are dropped, and that is counted."""
    async with hook_receiver() as receiver:
        receiver.behave = statuses(500)
        before = failures("dropped")
        posting = Receiver(receiver.url, [KEY], 2 * UNIT, Backoff(0.05))
        notices = Notices(posting, {"join"}, re.compile("room-.*"), waiting_limit=2)
        for number in range(5):
            notices.on_presence(f"room-{number}", [ADA], [])
        notices.on_presence("private", [ADA], [])
        await notices.send_waiting()
        posting.close()
        assert failures("dropped") - before == 3
        assert [request.data["room"] for request in receiver.requests] == ["room-3", "room-4"]
        assert [request.data["room"] for request in receiver.taken] == ["room-4"], "the other isn't tried again"
