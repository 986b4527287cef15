"""service/signals.py: one union, read once; what both brokers write is it; releases understand each other."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from service import config, signals
from service.app import make_broker
from service.brokers.broker import Broker
from service.brokers.log import Publication, Subscriber
from service.protocol import Action, Person, encode
from service.signals import Deleted, Disconnect, Moderate, Named, Posted, Presence, Read, SignalSanction, Typing

from .brokers import CY, message, store, until
from .harness import RedisServer
from .serving import environment

ODD = Person('u"1\\é\n', 'A "quoted" \\ name 👍')  # what a script that writes JSON by hand may get wrong
DEEP = 2**20  # more brackets than the stack of any Python has room for
ALL = [
    ("lobby", Presence(joined=[ODD], left=["u2"], count=7)),
    ("", Presence(joined=[], left=[], count=0)),
    ("lobby", Typing(users=[ODD])),
    ("lobby", Read(reads={ODD.id: 2**53 - 1})),
    ("", Moderate(action=Action.BAN, sanctions=[SignalSanction("ban", "lobby", "192.0.2.1", 0, "m", "", True, "g-1")])),
    ("", Named(user=ODD)),
    ("", Disconnect(user=ODD.id, reason="signed out")),
    ("lobby", Deleted()),
    ("@one", Posted(stream="s", number=7, frames=['{"type":"ping"}'], answer_to="other", ask="a")),
    ("@other", signals.Taken(ask="a", outcome="yes")),
]


@pytest.mark.parametrize(("room", "signal"), ALL)
def test_each_is_read_as_it_was_written(room: str, signal: signals.AnySignal) -> None:
    """With its kind and version."""
    payload = encode(signal)
    assert signals.decode(room, payload) == signal
    assert json.loads(payload)["v"] == signals.SIGNALS_VERSION


@pytest.mark.parametrize("payload", [encode(signal) for _, signal in ALL[:1]])
@pytest.mark.parametrize("room", ["lobby", ""])
def test_presence_may_be_of_a_room_or_of_the_deployment(room: str, payload: bytes) -> None:
    """Who was lost with a damaged record is entered again in both."""
    assert isinstance(signals.decode(room, payload), Presence)


@pytest.mark.parametrize(
    ("room", "payload"),
    [
        ("lobby", b""),
        ("lobby", b"{"),
        ("lobby", b"[]"),
        ("lobby", b'{"users":[]}'),
        ("lobby", b'{"kind":1,"users":[]}'),
        ("lobby", b'{"kind":"wave"}'),
        ("lobby", b'{"kind":"typing"}'),
        ("lobby", b'{"kind":"typing","users":[],"v":0}'),
        ("lobby", b'{"kind":"typing","users":[],"v":"2"}'),
        ("lobby", b'{"kind":"typing","users":[],"more":' + b"[" * DEEP + b"]" * DEEP + b"}"),
        ("lobby", b'{"kind":"typing","users":[],"more":"%s"}' % (b"x" * signals.SIGNAL_BYTES)),
        ("lobby", encode(Moderate(action=Action.KICK, sanctions=[]))),
        ("lobby", encode(Named(user=CY))),
        ("lobby", encode(Disconnect(user="u1", reason=""))),
        ("", encode(Disconnect(user="u1", reason="x" * 124))),
        ("", encode(Typing(users=[CY]))),
        ("", encode(Read(reads={}))),
        ("", encode(Deleted())),
        ("", encode(signals.Taken(ask="a", outcome="yes"))),
        ("lobby", encode(signals.Taken(ask="a", outcome="yes"))),
        ("@one", encode(Typing(users=[CY]))),
        ("@one", encode(Named(user=CY))),
        ("@one", b'{"kind":"taken","ask":"a","outcome":"perhaps"}'),
    ],
    ids=lambda given: str(given)[:50],
)
def test_what_is_none_is_refused(room: str, payload: bytes) -> None:
    """By its form, its kind, its sizes, or where it was said."""
    with pytest.raises(ValueError):
        signals.decode(room, payload)


# -- releases side by side

# As release 1.0 writes them.
FIRST = [
    ("lobby", {"kind": "presence", "joined": [{"id": "u1", "name": "Ada"}], "left": ["u2"], "count": 7}),
    ("lobby", {"kind": "typing", "users": [{"id": "u1", "name": "Ada"}]}),
    ("lobby", {"kind": "read", "reads": {"u1": 5}}),
    (
        "",
        {
            "kind": "moderate",
            "action": "ban",
            "sanctions": [
                {
                    "kind": "ban",
                    "room": "lobby",
                    "user": "u1",
                    "until": 0,
                    "by": "m",
                    "reason": "",
                    "network": False,
                    "guest": "",
                }
            ],
        },
    ),
    ("", {"kind": "named", "user": {"id": "g-1", "name": "Ada"}}),
]


@pytest.mark.parametrize(("room", "written"), FIRST)
def test_release_1_0_is_understood_and_understands(room: str, written: dict[str, Any]) -> None:
    """It says no version, ignores the one that it is told, and finds the rest as it knows it."""
    signal = signals.decode(room, encode(written))
    assert signal.v == 1
    assert json.loads(encode(signal)) == written | {"v": 1}


@pytest.mark.parametrize(("room", "written"), FIRST)
def test_a_later_release_is_understood(room: str, written: dict[str, Any]) -> None:
    """Its version is seen, and what it adds is ignored."""
    signal = signals.decode(room, encode(written | {"v": 2, "new": {"field": []}}))
    assert signal == msgspec.structs.replace(signals.decode(room, encode(written)), v=2)


# -- what the brokers write


class StrictPresence(Presence, frozen=True, tag="presence", forbid_unknown_fields=True):
    """Nothing more than this."""


class StrictRead(Read, frozen=True, tag="read", forbid_unknown_fields=True):
    """Nothing more than this."""


class Ear(Subscriber):
    """Keeps signals as they came."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.subscribed: list[str] = []

    def on_publication(self, publication: Publication) -> None: ...

    def on_signal(self, room: str, payload: bytes) -> None:
        self.heard.append((room, payload))

    def on_subscribed(self, rooms: Sequence[str]) -> None:
        self.subscribed += rooms

    async def next(self) -> tuple[str, StrictPresence | StrictRead]:
        """The next signal, every field of which is one of ours, and none is missing."""
        await until(lambda: self.heard, "a signal")
        room, payload = self.heard.pop(0)
        strict = msgspec.json.decode(payload, type=StrictPresence | StrictRead)
        assert json.loads(encode(signals.decode(room, payload))) == json.loads(payload)
        return room, strict


@asynccontextmanager
async def listening(environ: dict[str, str]) -> AsyncIterator[tuple[Broker, Ear]]:
    """A broker, and what a process in the lobby hears of it."""
    broker, ear = make_broker(config.load(environment(environ))), Ear()
    await broker.open(ear)
    try:
        await until(lambda: broker.log.available, "the broker available")
        broker.log.subscribe("lobby")
        await until(lambda: "lobby" in ear.subscribed, "subscribed")
        yield broker, ear
    finally:
        await broker.close()


async def test_presence_is_written_so(broker_env: dict[str, str]) -> None:
    """Who comes, is renamed, goes."""
    async with listening(broker_env) as (broker, ear):
        await broker.presence.enter("lobby", [ODD, CY])
        assert await ear.next() == ("lobby", StrictPresence(joined=[ODD, CY], left=[], count=2))
        other = Person(CY.id, "Other")
        await broker.presence.enter("lobby", [other])
        assert await ear.next() == ("lobby", StrictPresence(joined=[other], left=[], count=2))
        await broker.presence.depart("lobby", [ODD.id])
        assert await ear.next() == ("lobby", StrictPresence(joined=[], left=[ODD.id], count=1))


async def test_reads_are_written_so(broker_env: dict[str, str]) -> None:
    """Those that moved."""
    async with listening(broker_env) as (broker, ear):
        await store(broker, *(message() for _ in range(3)))
        await broker.directory.mark_read("lobby", {ODD.id: 2, CY.id: 1})
        assert await ear.next() == ("lobby", StrictRead(reads={ODD.id: 2, CY.id: 1}))
        await broker.directory.mark_read("lobby", {ODD.id: 1, CY.id: 3})
        assert await ear.next() == ("lobby", StrictRead(reads={CY.id: 3}))


@pytest.mark.expects_log("damaged record")
@pytest.mark.parametrize(("room", "key"), [("lobby", "parley:{lobby}:people"), ("", "parley:{*}:people")])
async def test_who_is_lost_is_written_so(redis_url: str, redis_server: RedisServer, room: str, key: str) -> None:
    """Of a room and of the deployment: a record that can't be read goes, and its people's processes hear of it."""
    async with listening({"REDIS_URL": redis_url}) as (broker, ear):
        redis_server.cli("HSET", key, CY.id, "garbage")
        await broker.presence.roster(room)
        assert await ear.next() == (room, StrictPresence(joined=[], left=[CY.id], count=0))
