"""The chat of the Play guide: one name a socket, and everybody told who comes, speaks and goes.

The socket is `/room/chat?username=`, its page `/room?username=`. A client sends `{"text"}` and is sent
`{"kind":"join"|"talk"|"quit","user","message","members"}`, or `{"error"}` where it can't have the name. Those who are
here over the chat, or by another guide, come, speak and go as well.
"""

import asyncio
from typing import ClassVar, NamedTuple

import msgspec

from service import names, protocol
from service.brokers.base import unavailable
from service.guides.handler import GuestHandler
from service.guides.session import GuideSession, LobbyMessage, LobbyPresence, LobbySession, SpeakingSession
from service.guides.voice import LOBBY, Voice, bare
from service.node import Node
from service.protocol import CloseCode, ErrorCode, RequestError
from service.rooms.room import Membership
from service.sockets.framing import frame

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


class _Shown(NamedTuple):
    """A frame, and the id of whoever it says has come, for they know; "" if nobody has."""

    data: bytes
    came: str


_decoder = msgspec.json.Decoder(_Said)


class PlaySession(SpeakingSession, LobbySession):
    """`/room/chat?username=`. It hears nothing before its own coming, and misses nothing that is said meanwhile."""

    # What those who are here are called, by id, as last known: a leave says no name.
    _people: ClassVar[dict[str, str]] = {}

    def __init__(self, node: Node, sessions: dict[GuideSession, None], network: str, username: str) -> None:
        super().__init__(node, sessions, network)
        self._username = username
        self._entered = asyncio.Event()
        self._entering: asyncio.Task[None] | None = None

    def opened(self) -> None:
        self.voice = Voice(self.node, self.network, self._entered)
        super().opened()

    def closed(self) -> None:
        if self._entering is not None:
            self._entering.cancel()
        super().closed()

    def say(self, message: str) -> None:
        self.voice.say(self._username, _decoder.decode(message).text)

    # -- coming in

    def in_step(self, membership: Membership) -> None:
        membership.skip()
        self._entering = asyncio.ensure_future(self._enter(membership))

    async def _enter(self, membership: Membership) -> None:
        """Take the name and say so, then hear what was said since the open."""
        try:
            async with asyncio.timeout(self.node.answer_timeout):
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
        await self.node.presence.roster(LOBBY, self.voice.person)
        self.voice.check_rights()  # once more, after all this time

    def _turn_away(self, error: RequestError) -> None:
        if self.connection is not None:
            self.connection.write(frame(protocol.encode(_Error(error.message))))
        away = error.code is ErrorCode.UNAVAILABLE
        self.close(CloseCode.TRY_AGAIN_LATER if away else CloseCode.NORMAL, error.message)

    # -- in the guide's words

    def translate(self, said: list[LobbyMessage | LobbyPresence]) -> list[_Shown]:
        known = self._people
        members = self._members() if said else []
        shown: list[_Shown] = []
        for one in said:
            if isinstance(one, LobbyMessage):
                shown.append(_Shown(self._frame("talk", bare(one.user), one.text, members), ""))
                continue
            for person in one.joined:
                shown.append(_Shown(self._frame("join", bare(person), JOINED, members), person.id))
            for user in one.left:
                if user in known:
                    shown.append(_Shown(self._frame("quit", known[user], LEFT, members), ""))
        return shown

    def show(self, data: list[_Shown]) -> None:
        super().show(b"".join(one.data for one in data if one.came != self.voice.id))

    def _members(self) -> list[str]:
        """Who is here, by name; nobody where they are too many to be listed."""
        presence = self.node.presence
        roster = presence.present(LOBBY)
        if roster is None:  # being read again: until then those known before, and those who came here since
            PlaySession._people |= {person.id: bare(person) for person in presence.mine(LOBBY)}
        else:
            PlaySession._people = {person.id: bare(person) for person in roster.members or ()}
        return list(self._people.values())

    @staticmethod
    def _frame(kind: str, user: str, message: str, members: list[str]) -> bytes:
        return frame(protocol.encode(_Heard(kind, user, message, members)))


class PlayHandler(GuestHandler):
    """`/room/chat`: the name that is asked for stands in the query."""

    def make_session(self) -> PlaySession:
        return PlaySession(self.node, self.sessions, self.network, self.get_query_argument("username", ""))
