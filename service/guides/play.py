"""The chat of the Play guide: one name a socket, and everybody told who comes, speaks and goes.

The socket is `/room/chat?username=`, its page `/room?username=`. A client sends `{"text"}` and is sent
`{"kind":"join"|"talk"|"quit","user","message","members"}`, or `{"error"}` where it can't have the name. Those who are
here over the chat, or by another guide, come, speak and go as well.
"""

import asyncio
import logging
from typing import ClassVar, NamedTuple

import msgspec

from service import names, protocol
from service.brokers.base import unavailable
from service.guides.sockets import LobbySocket, Message, Presence
from service.guides.voice import LOBBY, Voice, bare
from service.node import ANSWER_TIMEOUT
from service.protocol import CloseCode, ErrorCode, RequestError
from service.rooms.room import Membership
from service.sockets.framing import frame

logger = logging.getLogger(__name__)

JOINED, LEFT = "joined", "left"  # the messages of a join and a quit


class _Said(msgspec.Struct):
    text: str


class _Heard(msgspec.Struct):
    kind: str
    user: str
    message: str
    members: list[str]


class _Error(msgspec.Struct):
    error: str


class _Told(NamedTuple):
    """A frame, and the id of whoever it says has come, for they know; "" if nobody has."""

    data: bytes
    came: str


_decoder = msgspec.json.Decoder(_Said)


class PlaySocket(LobbySocket):
    """`/room/chat?username=`. It hears nothing before its own coming, and misses nothing that is said meanwhile."""

    voice: Voice
    # What those who are here are called, by id, as last known: a leave says no name.
    _people: ClassVar[dict[str, str]] = {}
    _entering: asyncio.Task[None] | None = None

    async def identify(self) -> None:
        await super().identify()
        self._username = self.get_query_argument("username", "")
        self._entered = asyncio.Event()

    def opened(self) -> None:
        self.voice = Voice(self.hub, self.network, self._entered)
        super().opened()

    def closed(self) -> None:
        if self._entering is not None:
            self._entering.cancel()
        super().closed()
        self.voice.close()

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.close(CloseCode.UNSUPPORTED_DATA, "text frames only")
            return
        try:
            self.voice.say(self._username, _decoder.decode(message).text)
        except (RequestError, ValueError, RecursionError) as error:
            logger.debug("a guide's frame was dropped: %s", error)
            self.drop()

    # -- coming in

    def in_step(self, membership: Membership) -> None:
        membership.skip()
        self._entering = asyncio.ensure_future(self._enter(membership))

    async def _enter(self, membership: Membership) -> None:
        """Take the name and say so, then hear what was said since the open."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._take_name()
        except RequestError as error:
            self._turn_away(error)
            return
        except TimeoutError:
            self._turn_away(unavailable())
            return
        self._entered.set()
        assert self.voice.person is not None and self.connection is not None
        self.connection.write(self._frame("join", bare(self.voice.person), JOINED, self._members()))
        membership.begin()

    async def _take_name(self) -> None:
        """Raises `RequestError`: the name can't be, or isn't free, or the broker is away."""
        self.voice.check_rights()
        if not await self.voice.take_alone(names.check_name(self._username)):
            raise RequestError(ErrorCode.FORBIDDEN, "somebody who is here has this name")
        assert self.voice.person is not None
        await self.hub.presence.roster(LOBBY, self.voice.person)
        self.voice.check_rights()  # once more, after all this time

    def _turn_away(self, error: RequestError) -> None:
        if self.connection is not None:
            self.connection.write(frame(protocol.encode(_Error(error.message))))
        away = error.code is ErrorCode.UNAVAILABLE
        self.close(CloseCode.TRY_AGAIN_LATER if away else CloseCode.NORMAL, error.message)

    # -- in the guide's words

    def translate(self, said: list[Message | Presence]) -> list[_Told]:
        known = self._people
        members = self._members() if said else []
        told: list[_Told] = []
        for one in said:
            if isinstance(one, Message):
                told.append(_Told(self._frame("talk", bare(one.user), one.text, members), ""))
                continue
            for person in one.joined:
                told.append(_Told(self._frame("join", bare(person), JOINED, members), person.id))
            for user in one.left:
                if user in known:
                    told.append(_Told(self._frame("quit", known[user], LEFT, members), ""))
        return told

    def tell(self, data: list[_Told]) -> None:
        super().tell(b"".join(told.data for told in data if told.came != self.voice.id))

    def _members(self) -> list[str]:
        """Who is here, by name; nobody where they are too many to be listed."""
        presence = self.hub.presence
        roster = presence.present(LOBBY)
        if roster is None:  # being read again: until then those known before, and those who came here since
            PlaySocket._people |= {person.id: bare(person) for person in presence.mine(LOBBY)}
        else:
            PlaySocket._people = {person.id: bare(person) for person in roster.members or ()}
        return list(self._people.values())

    @staticmethod
    def _frame(kind: str, user: str, message: str, members: list[str]) -> bytes:
        return frame(protocol.encode(_Heard(kind, user, message, members)))
