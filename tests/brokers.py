"""What the brokers' tests share: a subscriber that keeps what it hears, events, brokers opened for a block."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from typing import Any, TypeVar

from service.brokers.broker import Broker
from service.brokers.log import Change, Event, Publication, Receipt, Subscriber
from service.protocol import Person, RequestError, change_tail, encode, event_content, event_head, message_tail

from .harness import UNIT, RedisServer

ADA, BOB, CY = Person("u1", "Ada"), Person("u2", "Bob"), Person("u3", "Cy")
FORMS = ["redis", "sqlite", "unix", "sentinel", "cluster"]
"""What a broker keeps its data in, for the tests of the contract (`make`)."""
_ids = (f"id-{number}" for number in itertools.count(1))
AnyBroker = TypeVar("AnyBroker", bound=Broker)
Make = Callable[..., Broker]
"""What the fixture `make` gives: a broker with a limit of history, and its days."""


class Recorder(Subscriber):
    """Keeps all that a broker tells."""

    def __init__(self) -> None:
        self.publications: list[Publication] = []
        self.signals: list[tuple[str, Any]] = []
        self.subscribed: list[str] = []

    def on_publication(self, publication: Publication) -> None:
        self.publications.append(publication)

    def on_signal(self, room: str, payload: bytes) -> None:
        self.signals.append((room, json.loads(payload)))

    def on_subscribed(self, rooms: Sequence[str]) -> None:
        self.subscribed += rooms

    def frames(self, room: str) -> list[bytes]:
        """All frames heard of a room, in the order of arrival."""
        return [frame for heard in self.publications if heard.room == room for frame in heard.frames]


async def until(condition: Callable[[], object], what: str, timeout: float = 5 * UNIT) -> None:
    """Wait until `condition()` holds. Raises TimeoutError that names `what`."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        await asyncio.sleep(0.005)


@asynccontextmanager
async def opened(broker: AnyBroker, *rooms: str) -> AsyncIterator[tuple[AnyBroker, Recorder]]:
    """The broker, open and available, subscribed to `rooms`; closed after the block."""
    heard = Recorder()
    await broker.open(heard)
    try:
        await until(lambda: broker.available, "the broker available")
        for room in rooms:
            broker.log.subscribe(room)
        await until(lambda: set(rooms) <= set(heard.subscribed), "subscribed")
        yield broker, heard
    finally:
        await broker.close()


def message(room: str = "lobby", text: str = "hello", person: Person = ADA, id: str | None = None) -> Event:
    """A message, as the chat makes it."""
    id = id or next(_ids)
    tail = message_tail(id, encode(person), text)
    return Event(room, person.id, id, event_head("message", room), tail, content=event_content("message", text))


def change(
    kind: str, target: int, person: Person = ADA, *, room: str = "lobby", moderator: bool = False, **fields: Any
) -> Event:
    """An edit (`text`), a removal or a reaction (`emoji`, `on`), as the chat makes it."""
    id = next(_ids)
    frame_type = {"edit": "edited", "remove": "removed", "react": "reacted"}[kind]
    return Event(
        room,
        person.id,
        id,
        event_head(frame_type, room),
        change_tail(id, target, encode(person), **fields),
        Change(kind, target, person.id, moderator, **fields),
        event_content(kind, target, *fields.values()),
    )


def topic(text: str, person: Person = ADA, *, room: str = "lobby", moderator: bool = False) -> Event:
    """A topic, as the chat makes it."""
    id = next(_ids)
    return Event(
        room,
        person.id,
        id,
        event_head("topic", room),
        message_tail(id, encode(person), text),
        Change("topic", 0, person.id, moderator, text=text),
        event_content("topic", text),
    )


async def publish(broker: Broker, *events: Event) -> list[Receipt | RequestError]:
    """Publish all in one turn of the loop; the outcomes in order. Fails if one comes twice, or before its turn."""
    loop = asyncio.get_running_loop()
    outcomes: list[asyncio.Future[Receipt | RequestError]] = [loop.create_future() for _ in events]
    for event, outcome in zip(events, outcomes, strict=True):
        broker.log.publish(event, outcome.set_result)  # a second call raises InvalidStateError
        assert not outcome.done(), "told in the turn of the call"
    async with asyncio.timeout(10 * UNIT):
        return list(await asyncio.gather(*outcomes))


async def store(broker: Broker, *events: Event) -> list[Receipt]:
    """Publish all, none of which may be refused."""
    receipts = []
    for outcome in await publish(broker, *events):
        assert isinstance(outcome, Receipt), outcome
        receipts.append(outcome)
    return receipts


async def refusal(broker: Broker, event: Event) -> tuple[str, str]:
    """Publish what must be refused: its code and message."""
    (outcome,) = await publish(broker, event)
    assert isinstance(outcome, RequestError), outcome
    return outcome.code, outcome.message


@asynccontextmanager
async def stranger(command: bytes, answer: bytes) -> AsyncIterator[int]:
    """What listens there takes every command, and has this for an answer to one of them; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError):  # who asks may hang up without a word
            while count := (await reader.readline())[1:]:
                words = []
                for _ in range(int(count)):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                writer.write((answer if words[0] == command else b"+OK") + b"\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)  # for those who serve to see the end


def take_from_log(server: RedisServer, first: int, last: int, room: str = "lobby") -> None:
    """These events are no longer in the room's log on Redis."""
    server.cli("HDEL", f"parley:{{{room}}}:log", *range(first, last + 1))
    for part in ("messages", "changes"):
        server.cli("ZREMRANGEBYSCORE", f"parley:{{{room}}}:{part}", first, last)


def lose_from(server: RedisServer, seq: int, room: str = "lobby") -> None:
    """The room's log on Redis ends before `seq`, under the same epoch: a replica took over that lacked the rest."""
    key = f"parley:{{{room}}}:position"
    epoch, _, last = server.cli("GET", key).partition(":")
    take_from_log(server, seq, int(last), room)
    server.cli("SET", key, f"{epoch}:{seq - 1}")


def redis_contents(redis: Any) -> str:
    """All keys and values of a Redis, for looking for what must not be there: a dump may be compressed."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    return "\n".join(f"{key!r} {read[redis.type(key)](key)!r}" for key in redis.scan_iter())
