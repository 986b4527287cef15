"""The parts of the Python client that need no service: waits, queues, the file, what a token says."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from parley_client import Chat, ChatError, OutboxFullError, advice_for
from parley_client.backoff import CAP, Backoff
from parley_client.cursor import RoomCursor
from parley_client.flow import Flow, Stream
from parley_client.outbox import LIMIT, Entry, Outbox, new_id
from parley_client.protocol import Joined, Message, Person, Send, TopicEvent
from parley_client.store import Store
from parley_client.tickets import lifetime, seconds

from ..harness import make_jwt

ADA = Person("u1", "Ada")


def test_waits_have_full_jitter_below_a_bound_that_doubles() -> None:
    highest = Backoff(lambda: 1.0)
    assert [highest.next() for _ in range(7)] == [1, 2, 4, 8, 16, CAP, CAP]
    highest.reset()
    assert highest.next(least=3) == 8
    assert Backoff(lambda: 0.0).next() == 0


def test_a_cursor_takes_each_event_once_and_in_order() -> None:
    cursor = RoomCursor("lobby", 50)
    joined = {"room": "lobby", "messages": [], "more": False}
    assert cursor.joined(Joined(epoch="e", seq=4, resumed=False, **joined)) is None  # type: ignore[arg-type]
    assert [cursor.step(seq) for seq in (5, 5, 3, 7, 6)] == ["next", "repeat", "repeat", "hole", "next"]
    request = cursor.request()
    assert request.since is not None and (request.since.epoch, request.since.seq) == ("e", 6)
    lost = cursor.joined(Joined(epoch="e", seq=9, resumed=False, **joined))  # type: ignore[arg-type]
    assert lost == ("trimmed", 6)
    assert cursor.joined(Joined(epoch="f", seq=1, resumed=False, **joined)) == ("epoch", 9)  # type: ignore[arg-type]
    cursor.learn(TopicEvent(room="lobby", seq=1, id="i", user=ADA, at=7, text="this"))
    assert cursor.topic is not None and cursor.topic.text == "this"
    assert cursor.begun is not None and cursor.begun.at == 7


# -- queues


def message(seq: int) -> Message:
    return Message(room="lobby", seq=seq, id=str(seq), user=ADA, at=0, text="")


async def test_a_full_queue_stops_the_reading_until_half_of_it_is_taken() -> None:
    """But for as long as an answer is awaited, or a loop that sends would wait for itself."""
    wanted = False
    slow: list[int] = []
    flow = Flow(lambda: wanted, slow.append)
    stream: Stream[int] = Stream(flow, 4)
    for number in range(4):
        assert not flow.blocked
        stream.push(number)
    assert flow.blocked
    wanted = True
    assert not flow.blocked
    wanted = False
    reading = asyncio.ensure_future(flow.wait())
    await asyncio.sleep(0)
    assert await anext(stream) == 0
    await asyncio.sleep(0)
    assert not reading.done() and slow == [4]
    assert await anext(stream) == 1
    await reading
    assert not flow.blocked


async def test_a_queue_that_nobody_has_holds_nothing_up() -> None:
    """A loop that was left, and one whose queue ends."""
    flow = Flow(lambda: False, lambda waiting: None)
    streams: list[Stream[int]] = [Stream(flow, 1) for _ in range(2)]
    for stream in streams:
        stream.push(1)
    del stream
    reading = asyncio.ensure_future(flow.wait())
    await asyncio.sleep(0)
    streams[0].end()
    await asyncio.sleep(0)
    assert flow.blocked
    del streams[1]
    await asyncio.wait_for(reading, 5)


async def test_what_nobody_takes_is_not_kept_for_ever() -> None:
    """The loop that comes too late is told, and the next one begins with what comes then."""
    flow = Flow(lambda: False, lambda waiting: None)
    stream: Stream[int] = Stream(flow, 2, held=False)
    for number in range(3):
        stream.push(number)
    assert not flow.blocked
    with pytest.raises(ChatError, match="came before") as raised:
        stream.hold()
    assert raised.value.code == "overflow" and raised.value.advice
    stream.hold()
    stream.push(3)
    assert await anext(stream) == 3
    stream.end(ChatError("left", "lobby was left"))
    with pytest.raises(ChatError, match="was left"):
        await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


# -- the file


def entry(room: str = "lobby") -> Send:
    return Send(room=room, id=new_id(), text="text")


def test_the_outbox_keeps_ids_order_and_users_over_restarts(tmp_path: Path) -> None:
    changes: list[Entry] = []
    store = Store(tmp_path / "ada")
    outbox = Outbox(store, changes.append)
    first, second, third = (outbox.add(entry(room), None) for room in ("lobby", "den", "lobby"))
    outbox.send(first, "u1")
    outbox.remove(second.id)
    assert [one.id for one in changes] == [first.id, second.id, third.id, first.id, second.id]
    store.close()
    store = Store(tmp_path / "ada")
    kept = Outbox(store, changes.append)
    assert [(one.id, one.state, one.user) for one in kept.all()] == [
        (first.id, "queued", "u1"),
        (third.id, "queued", None),
    ]
    assert kept.rooms == {"lobby"} and kept.first("lobby") is kept.get(first.id)
    store.close()


@pytest.mark.expects_log("can't be read and is left")
def test_an_entry_of_a_later_release_costs_itself_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "ada")
    store.add("1", b'{"id":"1","room":"lobby","frame":{"type":"poll"},"at":1}')
    Outbox(store, lambda entry: None).add(entry(), None)
    assert len(Outbox(store, lambda entry: None)) == 1
    assert len(store.entries()) == 2
    store.close()


def test_an_outbox_has_a_bound() -> None:
    outbox = Outbox(None, lambda entry: None)
    for _ in range(LIMIT):
        outbox.add(entry(), None)
    with pytest.raises(OutboxFullError, match="waiting already") as raised:
        outbox.add(entry(), None)
    assert raised.value.advice in raised.value.__notes__


def test_a_file_is_one_chats_at_a_time(tmp_path: Path) -> None:
    """And what is no such file is left as it is."""
    with_file = {"name": "Ada", "store": tmp_path / "ada"}
    store = Store(tmp_path / "ada")
    with pytest.raises(ChatError, match="is open in another chat or process") as raised:
        Chat("http://localhost", **with_file)  # type: ignore[arg-type]
    assert raised.value.code == "store_taken"
    store.put("guest", "token")
    store.close()
    store = Store(tmp_path / "ada")
    assert store.get("guest") == "token" and store.get("other") is None
    store.close()
    (tmp_path / "letter").write_text("Dear Ada, this is no database, however long it may be." * 50)
    with pytest.raises(ChatError, match="not a database") as raised:
        Store(tmp_path / "letter")
    assert raised.value.code == "store_failed"
    with pytest.raises(ChatError, match="unable to open"):
        Store(tmp_path / "nowhere" / "ada")


def test_what_the_file_keeps_is_whole_for_others(tmp_path: Path) -> None:
    """SQLite says so of it, also while it is open elsewhere: then it is busy."""
    store = Store(tmp_path / "ada")
    store.add("1", b"{}")
    other = sqlite3.connect(tmp_path / "ada", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM outbox")
    store.close()
    assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    other.close()


# -- what is checked at once


@pytest.mark.parametrize("url", ["chat.example.com", "ftp://chat.example.com", "http://", "http://host/?query"])
def test_an_address_that_can_not_be_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected http"):
        Chat(url, name="Ada")


def test_who_one_is_must_be_said_and_once() -> None:
    with pytest.raises(ValueError, match="either a `name`"):
        Chat("http://localhost")
    with pytest.raises(ValueError, match="either a `name`"):
        Chat("http://localhost", name="Ada", token="token")


async def test_an_event_that_there_is_not_is_named() -> None:
    chat = Chat("http://localhost", name="Ada")
    with pytest.raises(TypeError, match=r"no event 'Person', only State, Welcome, Joined"):
        chat.on(Person, print)
    with pytest.raises(TypeError, match="no event 'message'"):
        chat.events("message")  # type: ignore[call-overload]
    with pytest.raises(ChatError, match="not open") as raised:
        await chat.ready()
    assert raised.value.code == "closed"


def test_every_code_has_advice_or_none() -> None:
    assert advice_for("closed") and advice_for(4403) and not advice_for("what?") and not advice_for(None)


def test_how_long_a_token_holds() -> None:
    """By itself, or by its `iat` where the machine's clock is wrong; one that doesn't say is never renewed."""
    now = int(time.time())
    assert 58 < lifetime(make_jwt("u", "U", exp=now + 60)) <= 60
    assert lifetime(make_jwt("u", "U", exp=now + 86400, iat=now + 86400 - 300)) == 300
    assert lifetime(make_jwt("u", "U", exp=now - 86400, iat=now - 86400 - 300)) == 300
    assert lifetime("guest") == lifetime("a.b.c") == lifetime(make_jwt("u", "U", exp=None)) == float("inf")
    assert [seconds(said) for said in (None, "", "7", "soon", "1e9", "99999999")] == [0, 0, 7, 0, 0, 3600]
