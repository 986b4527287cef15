"""Who acts at random: people with sockets on several processes, who do what clients may do and check each answer."""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from websockets import ConnectionClosed

from ..harness import UNIT, ChatClient, ChatError, make_jwt
from .view import Frame, ModelError, View

LAG = 5.0 * UNIT  # seconds in which a process hears of a lift, though the signal was lost
EMOJI = ("👍", "❤️", "🎉", "😀")
WORDS = ("hello", "there", "Grüße", "私は", "👋", "a longer text " * 8)
# What a change may be refused with: its target is one of the newest, which others change or push out meanwhile.
REFUSALS = ("no such message", "the message is removed", "changed too often", "too many reactions")


@dataclass
class Rule:
    """A ban or a mute: whether it holds, by the last answer to the moderator, and whether that is being changed."""

    holds: bool = False
    changing: bool = False
    version: int = 0
    changed_at: float = -LAG

    def glance(self) -> "Glance":
        """How it is before a request, to be asked after it."""
        return Glance(self, self.holds and not self.changing, self.version)


@dataclass
class Glance:
    """A rule as it was when a request began."""

    rule: Rule
    held: bool
    version: int

    @property
    def may_refuse(self) -> bool:
        """A lift may take a moment to be known on another process; a ban or mute holds from its answer on."""
        rule = self.rule
        return rule.holds or rule.changing or time.monotonic() - rule.changed_at < LAG

    @property
    def must_refuse(self) -> bool:
        return self.held and self.version == self.rule.version and not self.rule.changing


@dataclass
class Event:
    """What an actor had acknowledged."""

    seq: int
    fields: Frame


@dataclass
class World:
    """What all actors share."""

    ports: Sequence[int]
    rooms: Sequence[str]
    random: random.Random
    heads: dict[str, int] = field(default_factory=dict)  # by room, the highest seq acknowledged
    rules: dict[tuple[str, str, str], Rule] = field(default_factory=dict)  # kind, room, user
    reads: dict[tuple[str, str], int] = field(default_factory=dict)  # room, user
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def rule(self, kind: str, room: str, user: str) -> Rule:
        return self.rules.setdefault((kind, room, user), Rule())


class Place:
    """One socket and the views that it feeds."""

    def __init__(self, actor: "Actor", number: int) -> None:
        self.actor = actor
        self.views: dict[str, View] = {}
        self.client: ChatClient | None = None
        self.number = number
        self._socket = 0  # which of those it had one after another

    def _on_frame(self, socket: int, frame: Frame) -> bool:
        room = frame.get("room")
        if socket == self._socket and room in self.views and frame["type"] != "sent":
            try:
                self.views[room].observe(frame)
            except ModelError as error:
                self.actor.world.faults.append(str(error))
        return "ref" not in frame and frame["type"] not in ("welcome", "error")

    async def open(self) -> Frame:
        """Connect, to any process, again while the broker is away; the `welcome`."""
        world = self.actor.world
        while True:
            url = f"http://127.0.0.1:{world.random.choice(world.ports)}"
            hear = partial(self._on_frame, self._socket)
            self.client = await ChatClient.enter(url, bearer=self.actor.token, on_frame=hear, welcome=False)
            try:
                welcome = await self.client.recv("welcome", 10 * UNIT)
            except ConnectionError:
                code = self.client.close_code
                await self.drop(clean=True)
                if code != 1013:
                    raise
                world.counts["closed 1013"] += 1
                await asyncio.sleep(0.05)
            else:
                self.client.frames.clear()
                return welcome

    async def drop(self, clean: bool) -> None:
        """Leave as a browser does, or as a lost network."""
        client, self.client = self.client, None
        self._socket += 1
        for view in self.views.values():
            view.lost()
        if client is not None:
            if not clean:
                client.abort()
            await client.close()

    def was_reset(self, room: str, error: ChatError) -> bool:
        """Whether something was refused because `reset` came first: what the room lacked was pushed out meanwhile."""
        return error.code == "not_joined" and not self.views[room].joined

    async def ask(self, type: str, **fields: Any) -> Frame:
        """A request's answer; asked again under the same fields while the broker is away."""
        while True:
            if self.client is None:
                await self.open()
            assert self.client is not None
            try:
                answer = await self.client.request(type, **fields)
                self.client.frames.clear()
                return answer
            except ChatError as error:
                if error.code != "unavailable":
                    raise
                self.actor.world.counts["unavailable"] += 1
                await asyncio.sleep(0.05)


class Actor:
    """One user. `act` does one random thing and raises ModelError if its answer can't be."""

    def __init__(self, world: World, user: str, sockets: int, role: str = "member") -> None:
        self.world = world
        self.user = user
        self.role = role
        self.token = make_jwt(user, user.title(), role=role)
        self.places = [Place(self, number) for number in range(sockets)]
        self.stored: dict[tuple[str, str], Event] = {}  # room, id
        self._ids = itertools.count(1)
        self._acts: list[tuple[int, Callable[[Place], Awaitable[None]]]] = [
            (40, self._send),
            (15, self._change),
            (6, self._send_again),
            (4, self._other_content),
            (8, self._join),
            (3, self._leave),
            (6, self._read),
            (3, self._typing),
            (4, self._history),
            (3, self._reconnect),
            (2, self._passing_room),
        ]
        if role == "moderator":
            self._acts.append((4, self._moderate))

    async def act(self) -> None:
        place = self.world.random.choice(self.places)
        weights, acts = zip(*self._acts, strict=True)
        (act,) = self.world.random.choices(acts, weights)
        self.world.counts[act.__name__.strip("_")] += 1
        try:
            if place.client is None:
                await place.open()
            await act(place)
        except (ConnectionError, ConnectionClosed):
            code = place.client.close_code if place.client else None
            if code not in (4403, None):
                self.world.faults.append(f"{self.user}: closed {code}")
            self.world.counts[f"closed {code}"] += 1
            await place.drop(clean=True)

    # -- rooms

    async def _room(self, place: Place) -> str | None:
        """A room that the socket is in; one is joined where there is none. None: banned there."""
        inside = [room for room, view in place.views.items() if view.joined]
        if inside:
            return self.world.random.choice(inside)
        return await self._enter(place, self.world.random.choice(self.world.rooms))

    async def _enter(self, place: Place, room: str) -> str | None:
        view = place.views.setdefault(room, View(f"{self.user}/{place.number}", room))
        # Who is inside goes on hearing until the new membership is sure, and so couldn't say from where to resume.
        since = view.since if not view.joined and self.world.random.random() < 0.8 else None
        ban = self.world.rule("ban", room, self.user).glance()
        try:
            await place.ask("join", room=room, since=since, limit=self.world.random.choice((0, 5, 50, 200)))
        except ChatError as error:
            if error.code != "forbidden" or not ban.may_refuse:
                raise ModelError(f"{self.user}: joining {room} was refused: {error}") from None
            await asyncio.sleep(0.2)  # whoever goes on and on at what is refused is sent away
            return None
        if ban.must_refuse:
            raise ModelError(f"{self.user} entered {room} while banned")
        return room

    async def _join(self, place: Place) -> None:
        await self._enter(place, self.world.random.choice(self.world.rooms))

    async def _leave(self, place: Place) -> None:
        room = await self._room(place)
        if room is not None:
            try:
                await place.ask("leave", room=room)
            except ChatError as error:
                if not place.was_reset(room, error):
                    raise

    async def _reconnect(self, place: Place) -> None:
        rooms = [room for room, view in place.views.items() if view.joined]
        await place.drop(clean=self.world.random.random() < 0.5)
        for room in rooms:
            await self._enter(place, room)

    async def _passing_room(self, place: Place) -> None:
        """A room that nobody says anything in."""
        room = f"passing-{self.world.random.randrange(10**6)}"
        await place.ask("join", room=room)
        await place.ask("leave", room=room)

    # -- events

    async def _publish(self, place: Place, room: str, type: str, **fields: Any) -> Frame | None:
        """Ask for an event; None where it was refused and might be."""
        rules = [self.world.rule(kind, room, self.user).glance() for kind in ("mute", "ban")]
        try:
            sent = await place.ask(type, room=room, **fields)
        except ChatError as error:
            await asyncio.sleep(0.2)
            shut = any(rule.may_refuse for rule in rules)
            if error.code == "forbidden" and (shut or (type in ("edit", "remove") and "author" in str(error))):
                return None
            if place.was_reset(room, error):
                return None
            if error.code == "bad_request" and type != "send" and any(known in str(error) for known in REFUSALS):
                return None
            raise ModelError(f"{self.user}: {type} in {room} refused: {error}") from None
        # What was stored before stays acknowledged.
        if any(rule.must_refuse for rule in rules) and not sent["duplicate"]:
            raise ModelError(f"{self.user} was shut up in {room} before this, and is heard: {sent}")
        self.world.heads[room] = max(sent["seq"], self.world.heads.get(room, 0))
        return sent

    async def _send(self, place: Place) -> None:
        room = await self._room(place)
        if room is not None:
            id = f"{self.user}-{next(self._ids)}"
            await self._store(place, room, id, "send", {"text": self.world.random.choice(WORDS) + f" {id}"})

    async def _change(self, place: Place) -> None:
        room = await self._room(place)
        if room is None:
            return
        known = [seq for seq, message in place.views[room].messages.items() if not message.removed]
        if not known:
            return
        target, id = self.world.random.choice(known[-20:]), f"{self.user}-{next(self._ids)}"
        kind = self.world.random.choice(("edit", "remove", "react", "react", "react"))
        fields: Frame = {"target": target}
        if kind == "edit":
            fields["text"] = self.world.random.choice(WORDS)
        elif kind == "react":
            fields |= {"emoji": self.world.random.choice(EMOJI), "on": self.world.random.random() < 0.7}
        await self._store(place, room, id, kind, fields)

    async def _store(self, place: Place, room: str, id: str, type: str, fields: Frame) -> None:
        sent = await self._publish(place, room, type, id=id, **fields)
        # A duplicate is one whose answer was lost, or a change that changed nothing, which is not remembered.
        if sent is not None and not sent["duplicate"]:
            self.stored[room, id] = Event(sent["seq"], {"type": type} | fields)

    async def _send_again(self, place: Place) -> None:
        key = await self._some_stored(place)
        if key is not None:
            event = self.stored[key]
            sent = await self._publish(place, key[0], id=key[1], **event.fields)
            if sent is not None and not (sent["duplicate"] and sent["seq"] == event.seq):
                raise ModelError(f"{self.user}: {key} is stored at {event.seq}, sent again it is {sent}")

    async def _other_content(self, place: Place) -> None:
        """The same id for something else is refused, not swallowed."""
        key = await self._some_stored(place)
        if key is None:
            return
        try:
            sent = await self._publish(place, key[0], "send", id=key[1], text="something else")
        except ModelError as error:
            if "used for something else" not in str(error):
                raise
        else:
            if sent is not None:
                raise ModelError(f"{self.user}: {key} was taken for another content: {sent}")

    async def _some_stored(self, place: Place) -> tuple[str, str] | None:
        room = await self._room(place)
        known = [key for key in list(self.stored)[-200:] if key[0] == room]
        return self.world.random.choice(known) if known else None

    # -- the rest

    async def _read(self, place: Place) -> None:
        room = await self._room(place)
        if room is not None and place.client is not None:
            seq = place.views[room].seq
            await place.client.raw(json.dumps({"type": "read", "room": room, "seq": seq}))
            await place.ask("ping")  # the process has the position now
            key = (room, self.user)
            self.world.reads[key] = max(seq, self.world.reads.get(key, 0))

    async def _typing(self, place: Place) -> None:
        room = await self._room(place)
        if room is not None and place.client is not None:
            await place.client.raw(json.dumps({"type": "typing", "room": room}))

    async def _history(self, place: Place) -> None:
        room = await self._room(place)
        if room is not None:
            before, limit = place.views[room].seq + 1, self.world.random.choice((0, 3, 200))
            ban = self.world.rule("ban", room, self.user).glance()
            try:
                page = await place.ask("history", room=room, before=before, limit=limit)
            except ChatError as error:
                if place.was_reset(room, error):
                    return
                if error.code != "forbidden" or not ban.may_refuse:
                    raise ModelError(f"{self.user}: a page of {room} was refused: {error}") from None
                return  # the process has yet to hear of the ban that the broker knows, and to close the socket
            if ban.must_refuse:
                raise ModelError(f"{self.user} reads {room} while banned")
            seqs = [message["seq"] for message in page["messages"]]
            if seqs != sorted(set(seqs)):
                raise ModelError(f"{self.user}: a page of {room} out of order: {seqs}")

    async def _moderate(self, place: Place) -> None:
        room, user = self.world.random.choice(self.world.rooms), self.world.random.choice(("ada", "bob"))
        kind = self.world.random.choice(("mute", "mute", "ban"))
        rule = self.world.rule(kind, room, user)
        lift, rule.changing = rule.holds, True
        await place.ask("moderate", room=room, user=user, action="un" * lift + kind)
        rule.holds, rule.changing, rule.version, rule.changed_at = not lift, False, rule.version + 1, time.monotonic()

    async def unread(self) -> dict[str, int]:
        """What a new socket is told."""
        place = Place(self, -1)
        unread: dict[str, int] = (await place.open()).get("unread", {})
        await place.drop(clean=True)
        return unread

    async def close(self) -> None:
        for place in self.places:
            with suppress(ConnectionError):
                await place.drop(clean=True)
