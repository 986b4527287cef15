"""What lives on of a guide's socket: limits, pings, and for most of them a place in the room `lobby`.

The guides' pages know no tickets, so each of their sockets is a guest of its own. To the room it is a member like any
other, with a cursor: what a slow reader misses is read from the log, and what is said from the open on arrives, however
long the lobby takes to be in step.
"""

import asyncio
import logging
import time
from typing import Any, ClassVar

import msgspec

from service.brokers.directory import Sanction
from service.guides.voice import LOBBY, Voice
from service.limits import TokenBucket
from service.logs import fields
from service.node import Node
from service.protocol import CloseCode, Person, RequestError
from service.rooms.room import Membership
from service.sockets import framing
from service.sockets.connection import Connection, Owner

logger = logging.getLogger(__name__)

DROPS_RATE, DROPS_BURST = 5.0, 100  # dropped frames a second; past them the socket is closed 1008


class GuideSession(Owner):
    """Limits and pings; no identity, and nothing that comes is of interest."""

    def __init__(self, node: Node, sessions: "dict[GuideSession, None]", network: str) -> None:
        """`sessions` are those that are open; `network` is where it comes from, as limits know it."""
        self.node = node
        self.network = network
        self.connection: Connection | None = None  # while it is open
        self.beat_slot = 0
        self._sessions = sessions
        self._drops = TokenBucket()

    async def prepare(self) -> None:
        """What must be before the handshake is answered."""

    def let_go(self) -> None:
        """Undo `prepare`: it is closed, or was never opened."""

    def open(self, connection: Connection) -> None:
        """It is in."""
        self.connection = connection
        self._sessions[self] = None
        self.node.heartbeat.add(self)
        self.opened()

    def opened(self) -> None:
        """The socket is in."""

    def closed(self) -> None:
        """It was in and is gone."""
        self.let_go()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Start the closing handshake, unless it is under way."""
        if self.connection is not None:
            self.connection.close(code, reason)

    def on_connection_end(self, code: int, reason: str) -> None:
        self.connection = None
        del self._sessions[self]
        self.node.admission.dismiss(self.network)
        self.node.heartbeat.discard(self)
        self.closed()

    def on_message(self, message: str | bytes) -> None:
        self.drop()

    def drop(self) -> None:
        """A frame came to nothing. The guides know no errors, but too many in a short time are abuse."""
        if self._drops.take(time.monotonic(), DROPS_RATE, DROPS_BURST):
            self.close(CloseCode.POLICY_VIOLATION, "too many frames that say nothing")


class GuestSession(GuideSession):
    """A guest's, whom a moderator may remove."""

    hears: asyncio.Event | None = None  # set once it hears the lobby; None where it never does
    voice: Voice | None = None  # that of who speaks here

    def meant(self, sanction: Sanction) -> bool:
        """Whether it is against who is here."""
        if sanction.network:
            return sanction.user == self.network
        return self.voice is not None and sanction.user == self.voice.id


class SpeakingSession(GuestSession):
    """One that says what comes. The guides know no answer, so what can't be said is dropped."""

    voice: Voice

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.close(CloseCode.UNSUPPORTED_DATA, "text frames only")
            return
        try:
            self.say(message)
        except (RequestError, ValueError, RecursionError) as error:
            logger.debug("a guide's frame was dropped: %s", error, extra=fields("guide_dropped", network=self.network))
            self.drop()

    def say(self, message: str) -> None:
        """Say what the page's message holds. Raises `RequestError`, or ValueError for what is none of its page's."""
        raise NotImplementedError

    def closed(self) -> None:
        super().closed()
        self.voice.close()


class LobbyMessage(msgspec.Struct, tag_field="type", tag="message"):
    """A message of the lobby, as a guide hears it."""

    user: Person
    text: str


class LobbyPresence(msgspec.Struct, tag_field="type", tag="presence"):
    """Who came to the lobby and went, where there are few enough to be told."""

    joined: list[Person] = []
    left: list[str] = []


_decoder = msgspec.json.Decoder(LobbyMessage | LobbyPresence)


class LobbySession(GuestSession):
    """One that hears the lobby: a member of the room that writes what it is given in its guide's own words."""

    hears: asyncio.Event
    # The last bytes that came, and what they are in each guide's words: all members are given the same at once.
    _last: ClassVar[tuple[bytes, dict[type["LobbySession"], Any]]] = (b"", {})

    def __init__(self, node: Node, sessions: dict[GuideSession, None], network: str) -> None:
        super().__init__(node, sessions, network)
        self.hears = asyncio.Event()
        self.membership: Membership | None = None
        self._joining: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Join the lobby before the handshake is answered: so what is said after it is heard."""
        try:
            async with asyncio.timeout(self.node.answer_timeout):
                await self._join()
        except (RequestError, TimeoutError):
            pass  # the broker is away; `opened` tries on

    def let_go(self) -> None:
        membership, self.membership = self.membership, None
        if membership is not None:
            membership.leave()

    def opened(self) -> None:
        if self.membership is None:
            self._joining = asyncio.ensure_future(self._join_later())
        else:
            self.in_step(self.membership)

    async def _join(self) -> Membership:
        self.membership = await self.node.rooms.join(LOBBY, self)
        return self.membership

    async def _join_later(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.node.answer_timeout):
                    membership = await self._join()
            except (RequestError, TimeoutError):
                await asyncio.sleep(self.node.retry_wait)
            else:
                self.in_step(membership)
                return

    def in_step(self, membership: Membership) -> None:
        """The lobby is joined: hear it from here on."""
        membership.skip()
        membership.begin()
        self.hears.set()

    def closed(self) -> None:
        if self._joining is not None:
            self._joining.cancel()
        super().closed()

    # -- what a room asks of its member

    @property
    def congested(self) -> bool:
        return self.connection is not None and self.connection.congested

    def deliver(self, data: bytes) -> None:
        if LobbySession._last[0] is not data:
            LobbySession._last = data, {}
        words = LobbySession._last[1]
        if type(self) not in words:
            words[type(self)] = self.translate(heard(data))
        self.show(words[type(self)])

    def translate(self, said: list[LobbyMessage | LobbyPresence]) -> Any:
        """What `show` is to write, the same for all sessions of this class."""
        raise NotImplementedError

    def show(self, data: Any) -> None:
        """Write what `translate` made."""
        if data and self.connection is not None:
            self.connection.write(data)

    def on_congested(self) -> None:
        if self.membership is not None:
            self.membership.fall_behind()
        self.node.heartbeat.watch(self)

    def on_drained(self) -> None:
        self.node.heartbeat.unwatch(self)
        if self.membership is not None:
            self.membership.recover()

    def on_reset(self, room: str, reason: str) -> None:
        """What was missed can't be had, and the guides know no word for that: go on with what comes."""
        if self.membership is not None:
            self.membership.skip()
            self.membership.begin()


def heard(data: bytes) -> list[LobbyMessage | LobbyPresence]:
    """What of whole frames the guides know: no edits, removals, reactions, signs of typing."""
    said = []
    for payload in framing.payloads(data):
        try:
            said.append(_decoder.decode(payload))
        except (msgspec.DecodeError, RecursionError):
            continue
    return said
