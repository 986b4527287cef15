"""What the sockets of Heroku's WebSocket guides share: getting in without a ticket, limits, and hearing the lobby.

The guides' pages know no tickets, so each of their sockets is a guest of its own, in the room `lobby`. To the room it
is a member like any other, with a cursor: what a slow reader misses is read from the log, and what is said from the
open on arrives, however long the lobby takes to be in step.
"""

import asyncio
import logging
import time
from typing import Any, ClassVar, cast

import msgspec

from service.brokers.directory import Sanction
from service.guides.voice import LOBBY, Voice
from service.limits import TokenBucket
from service.node import ANSWER_TIMEOUT, Node
from service.protocol import CloseCode, Person, RequestError
from service.rooms.moderation import banned
from service.rooms.room import Member, Membership
from service.sockets import framing
from service.sockets.tornado_private import answered
from service.sockets.upgrade import WebSocket

logger = logging.getLogger(__name__)

DROPS_RATE, DROPS_BURST = 5.0, 100  # dropped frames a second; past them the socket is closed 1008
RETRY = 1.0  # seconds between attempts to hold the lobby while the broker is away


class GuideSocket(WebSocket):
    """Limits, pings, no identity; `all` are those that are open."""

    all: ClassVar[dict["GuideSocket", None]] = {}

    hub: Node
    beat_slot = 0
    _refusal: tuple[CloseCode, str] | None = None
    _drops: TokenBucket | None = None

    def initialize(self) -> None:  # type: ignore[override]
        self.hub = self.application.settings["node"]
        super().initialize(self.hub.socket_limits)

    def refusal_headers(self) -> dict[str, str]:
        return self.hub.origins.cors_headers(self.request)

    def prepare(self) -> None:
        refusal = self.hub.admission.refusal(self.request, guests=True)
        if refusal is not None:
            self.refuse(*refusal)

    def open(self, *args: str) -> None:
        assert self.connection is not None
        self._refusal = self._refusal or self.hub.admission.admit(self.network)
        if self._refusal is not None:
            self.connection.close(*self._refusal)
            return
        self.all[self] = None
        self.hub.heartbeat.add(self)
        self.opened()

    async def identify(self) -> None:
        self.network = self.hub.proxies.network(self.request)

    def late_refusal(self) -> tuple[int, str] | None:
        return self.hub.admission.leaving()

    def opened(self) -> None:
        """The socket is in."""

    def closed(self) -> None:
        """It was in and is gone."""

    def on_close(self) -> None:
        if self._refusal is None:
            del self.all[self]
            self.hub.admission.dismiss(self.network)
            self.hub.heartbeat.discard(self)
            self.closed()

    def on_message(self, message: str | bytes) -> None:
        """Nothing that comes here is of interest."""
        self.drop()

    def drop(self) -> None:
        """A frame came to nothing. The guides know no errors, but too many in a short time are abuse."""
        self._drops = self._drops or TokenBucket()
        if self._drops.take(time.monotonic(), DROPS_RATE, DROPS_BURST):
            self.close(CloseCode.POLICY_VIOLATION, "too many frames that say nothing")


class GuestSocket(GuideSocket):
    """For guests: where those may not enter, nobody may."""

    held: asyncio.Event | None = None  # whether it hears the lobby; None where it never does
    voice: Voice | None = None  # that of who speaks here

    @classmethod
    def remove(cls, sanction: Sanction, reason: str) -> None:
        """Close the sockets of whom a moderator removed from the lobby, or from everywhere."""
        if sanction.room in ("", LOBBY):
            for socket in list(cls.all):
                if isinstance(socket, GuestSocket) and socket.meant(sanction):
                    socket.close(CloseCode.REMOVED, reason)

    def meant(self, sanction: Sanction) -> bool:
        """Whether it is against who is here."""
        if sanction.network:
            return sanction.user == self.network
        return self.voice is not None and sanction.user == self.voice.id

    def open(self, *args: str) -> None:
        """Where guests of this network may not be, it is closed 4403."""
        moderation = self.hub.moderation
        held = moderation.known and moderation.find("ban", LOBBY, "", self.network)
        if held:
            self._refusal = self._refusal or (CloseCode.REMOVED, banned(held.reason))
        super().open(*args)

    def prepare(self) -> None:
        super().prepare()
        if not answered(self) and not self.hub.authenticator.guests:
            self.refuse(403, "Guests may not enter here.")


class Message(msgspec.Struct, tag_field="type", tag="message"):
    """A message of the lobby, as a guide hears it."""

    user: Person
    text: str


class Presence(msgspec.Struct, tag_field="type", tag="presence"):
    """Who came to the lobby and went, where there are few enough to be told."""

    joined: list[Person] = []
    left: list[str] = []


_decoder = msgspec.json.Decoder(Message | Presence)


class LobbySocket(GuestSocket):
    """A socket that hears the lobby: a member that writes what it is given in its guide's own words."""

    held: asyncio.Event
    membership: Membership | None = None
    _joining: asyncio.Task[None] | None = None
    # The last bytes that came, and what they are in each guide's words: all members are given the same at once.
    _last: ClassVar[tuple[bytes, dict[type["LobbySocket"], Any]]] = (b"", {})

    async def get(self, *args: str, **kwargs: str) -> None:
        try:
            await super().get(*args, **kwargs)
        finally:
            if self not in self.all:  # gone or refused since it held the lobby
                self._leave()

    async def identify(self) -> None:
        """Hold the lobby before the handshake is answered: so what is said after it is heard."""
        await super().identify()
        self.held = asyncio.Event()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._join()
        except (RequestError, TimeoutError):
            pass  # the broker is away; `opened` tries on

    def opened(self) -> None:
        if self.membership is None:
            self._joining = asyncio.ensure_future(self._join_later())
        else:
            self.in_step(self.membership)

    async def _join(self) -> Membership:
        self.membership = await self.hub.rooms.join(LOBBY, cast(Member, self))
        return self.membership

    async def _join_later(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    membership = await self._join()
            except (RequestError, TimeoutError):
                await asyncio.sleep(RETRY)
            else:
                self.in_step(membership)
                return

    def in_step(self, membership: Membership) -> None:
        """The lobby is held: hear it from here on."""
        membership.skip()
        membership.begin()
        self.held.set()

    def closed(self) -> None:
        if self._joining is not None:
            self._joining.cancel()
        self._leave()

    def _leave(self) -> None:
        membership, self.membership = self.membership, None
        if membership is not None:
            membership.leave()

    # -- what a room asks of its member

    @property
    def congested(self) -> bool:
        return self.connection is not None and self.connection.congested

    def deliver(self, data: bytes) -> None:
        if LobbySocket._last[0] is not data:
            LobbySocket._last = data, {}
        words = LobbySocket._last[1]
        if type(self) not in words:
            words[type(self)] = self.translate(heard(data))
        self.tell(words[type(self)])

    def translate(self, said: list[Message | Presence]) -> Any:
        """What `tell` is to write, the same for all sockets of this class."""
        raise NotImplementedError

    def tell(self, data: Any) -> None:
        """Write what `translate` made."""
        if data and self.connection is not None:
            self.connection.write(data)

    def on_congested(self) -> None:
        if self.membership is not None:
            self.membership.fall_behind()
        self.hub.heartbeat.watch(self)

    def on_drained(self) -> None:
        self.hub.heartbeat.unwatch(self)
        if self.membership is not None:
            self.membership.recover()

    def on_reset(self, room: str, reason: str) -> None:
        """What was missed can't be had, and the guides know no word for that: go on with what comes."""
        if self.membership is not None:
            self.membership.skip()
            self.membership.begin()


def heard(data: bytes) -> list[Message | Presence]:
    """What of whole frames the guides know: no edits, removals, reactions, signs of typing."""
    said = []
    for payload in framing.payloads(data):
        try:
            said.append(_decoder.decode(payload))
        except (msgspec.DecodeError, RecursionError):
            continue
    return said
