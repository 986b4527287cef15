"""A room as programs have it: who is there, what was said, and a loop over what comes."""

import weakref
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from .errors import ChatError
from .flow import Flow, Stream
from .protocol import Begun, HistoryPage, Joined, Message, Person, Presence, Since, Topic
from .sending import Sending

if TYPE_CHECKING:
    from .chat import Chat


class Room:
    """By `chat.room(name)`, or by `await chat.join(name)`, which is in it already.

    `async for message in room` takes what is said from the join on, each message once; it joins the room if need be.
    What comes before the first loop is kept for it, up to `backlog` messages, and what comes between two loops for the
    next. Two loops at the same time have each everything that comes.
    """

    def __init__(self, chat: "Chat", name: str, flow: Flow, backlog: int) -> None:
        self.name = name
        self.joined: Joined | None = None
        """The last one that came: `messages`, `more`, `reads`."""
        self.members: dict[str, Person] = {}
        """Who is here, by id; empty in rooms of more than 200, of which `count` alone is told."""
        self.count = 0
        self._chat = chat
        self._flow, self._backlog = flow, backlog
        self._stream = self._new_stream()
        self._taken = False

    @property
    def messages(self) -> list[Message]:
        """The page that came with the last `joined`, oldest first: none where it only went on."""
        return self.joined.messages if self.joined else []

    @property
    def position(self) -> Since | None:
        """The last durable event that was seen."""
        return self._chat.position(self.name)

    @property
    def topic(self) -> Topic | None:
        """What the room is about."""
        return self._chat.topic(self.name)

    @property
    def begun(self) -> Begun | None:
        """Who began it; None where nobody did yet, or nobody knows."""
        return self._chat.begun(self.name)

    def send(self, text: str) -> Sending:
        """As `Chat.send`."""
        return self._chat.send(self.name, text)

    async def history(self, before: int | None = None, limit: int = 50) -> HistoryPage:
        """As `Chat.history`."""
        return await self._chat.history(self.name, before, limit)

    def leave(self) -> None:
        """As `Chat.leave`."""
        self._chat.leave(self.name)

    def __aiter__(self) -> AsyncIterator[Message]:
        return _Loop(self)

    async def take(self, loop: "_Loop") -> Stream[Message]:
        """What a loop is to take, and gives back when nobody has it any more. Raises `ChatError` as `join` does."""
        await self._chat.join(self.name)
        if self._taken:
            return self._chat.events(Message, room=self.name)
        self._stream.hold()
        self._taken = True
        weakref.finalize(loop, self._give_back, self._stream).atexit = False
        return self._stream

    def _give_back(self, stream: Stream[Message]) -> None:
        stream.release()
        if stream is self._stream:
            self._taken = False

    # -- told by the chat

    def on_joined(self, frame: Joined) -> None:
        self.joined = frame
        self.members = {person.id: person for person in frame.members or ()}
        self.count = len(self.members) if frame.count is None else frame.count

    def on_presence(self, frame: Presence) -> None:
        self.members |= {person.id: person for person in frame.joined or ()}
        for user in frame.left or ():
            self.members.pop(user, None)
        self.count = frame.count
        if frame.joined is None and frame.left is None:
            self.members.clear()

    def on_message(self, message: Message) -> None:
        self._stream.push(message)

    def end(self, error: ChatError | None) -> None:
        """Loops over it end; a later one begins anew."""
        self._stream.end(error if self._taken else None)
        self._stream, self._taken = self._new_stream(), False

    def _new_stream(self) -> Stream[Message]:
        return Stream(self._flow, self._backlog, held=False)


class _Loop(AsyncIterator[Message]):
    """One `async for` over a room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._stream: Stream[Message] | None = None

    async def __anext__(self) -> Message:
        if self._stream is None:
            self._stream = await self._room.take(self)
        return await anext(self._stream)
