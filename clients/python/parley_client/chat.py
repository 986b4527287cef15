"""A chat: a connection that comes back, the rooms one is in, an outbox; with typed events, loops and awaitables.

What it promises: a room's durable events (`Message`, `Edited`, `Removed`, `Reacted`, `TopicEvent`) come in the order of
`seq`, each once, through lost connections and restarts. Where some can't be had, `Gap` says so before anything newer
comes. What was sent stays in the outbox until the service has stored it, through restarts if there is a `store`.
"""

import asyncio
import logging
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload
from urllib.parse import quote, urlsplit

import msgspec

from .errors import ChatError
from .events import Gap, Held, Refused, Slow
from .flow import Flow, Stream
from .link import Link, State
from .outbox import Change, Entry, Outbox, new_id
from .protocol import (
    FRAMES,
    PAGE_DEFAULT,
    Action,
    Begun,
    Edit,
    Edited,
    Error,
    Event,
    History,
    HistoryPage,
    Joined,
    Limits,
    Message,
    Moderate,
    Moderated,
    Person,
    Presence,
    React,
    Reacted,
    Read,
    ReadFrame,
    Reconnect,
    Remove,
    Removed,
    Reset,
    Send,
    Sent,
    SetTopic,
    Since,
    Topic,
    TopicEvent,
    Typing,
    TypingFrame,
    Welcome,
)
from .requests import Requests
from .room import Room
from .rooms import Rooms
from .sender import Me
from .sending import Sending
from .store import Store
from .tickets import Tickets, Token

BACKLOG = 1000  # values that wait for a loop

logger = logging.getLogger(__name__)
E_ = TypeVar("E_")

EVENTS: tuple[type, ...] = (
    *(State, Welcome, Joined, Message, Edited, Removed, Reacted, TopicEvent, Gap, Presence, TypingFrame, ReadFrame),
    *(Moderated, Reconnect, Sent, Held, Refused, Slow, Error),
)
"""What there is to listen to."""


class ListedRoom(msgspec.Struct):
    """A room that may be entered: how many are there, and how many messages of others are unread."""

    room: str
    count: int
    unread: int = 0


class Chat:
    """`async with Chat(url, name="Ada") as chat` is let in, and leaves at the end of the block.

    It belongs to the event loop it is made in. Wherever it says so, `ChatError` has a `code`, and `advice`.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str | None = None,
        token: Token | None = None,
        store: str | Path | None = None,
        backlog: int = BACKLOG,
    ) -> None:
        """`url`: where the service is. `name`: a guest's. `token`: a user's token, or what fetches a fresh one.

        `store`: a file that keeps the guest and the outbox over restarts; of one process at a time. `backlog`: how many
        values wait for a loop before no more is read. Raises `ValueError`, and `ChatError` where the file is taken.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url}: expected http://host or https://host, with a port if need be")
        if (name is None) == (token is None):
            raise ValueError("either a `name`, for a guest, or a `token`")
        self._store = None if store is None else Store(Path(store))
        self._me = Me()
        self._flow = Flow(self._waits, lambda waiting: self._tell(Slow(waiting)))
        self._backlog = backlog
        self._tickets = Tickets(url.rstrip("/"), name, token, self._store)
        self._link = Link(
            url.rstrip("/"), self._tickets, on_state=self._on_state, on_frame=self._on_frame, flow=self._flow
        )
        self._requests = Requests(self._link.send)
        self.outbox = Outbox(self._store, self._on_outbox)
        """What isn't stored yet: `outbox.all(room)`."""
        self._rooms = Rooms(self._link, self.outbox, self._me, self._tell)
        self._handles: dict[str, Room] = {}
        self._listeners: dict[type, list[Callable[[Any], object]]] = {}
        self._streams: weakref.WeakKeyDictionary[Stream[Any], tuple[tuple[type, ...], str | None]]
        self._streams = weakref.WeakKeyDictionary()
        self._inside: set[str] = set()  # rooms that this connection is in
        self._joins: dict[str, asyncio.Future[None]] = {}
        self._sendings: dict[str, Sending] = {}
        self._changed = asyncio.Event()  # the state, or the outbox
        self._welcome: Welcome | None = None
        self._end: ChatError | None = ChatError("closed", "the chat is not open")

    # -- who and how

    @property
    def user(self) -> Person | None:
        """Who we are; None before anybody was let in."""
        return self._me.user

    @property
    def moderator(self) -> bool:
        """Whether we are a moderator."""
        return self._me.moderator

    @property
    def limits(self) -> Limits:
        """The service's, from `welcome`."""
        return self._me.limits

    @property
    def state(self) -> State:
        """How the connection stands."""
        return self._link.state

    @property
    def transport(self) -> Literal["events", "websocket"] | None:
        """By what the connection is, if there is one: an event stream goes round where WebSockets are blocked."""
        return self._link.detour.transport if self._link.is_open else None

    # -- coming and going

    def start(self) -> None:
        """Connect, and come back after whatever happens, until `close` or a close code that says to stay away."""
        self._end = None
        self._link.open()

    async def ready(self) -> Welcome:
        """The service has let us in: its `welcome`; at once while the connection is there.

        Raises `ChatError` once the chat is stopped (the code of `state`) or closed ("closed"), until `start`.
        """
        while not self._link.is_open or self._welcome is None:
            await self._change()
        return self._welcome

    async def open(self) -> Welcome:
        """`start`, and be `ready`."""
        self.start()
        return await self.ready()

    async def flush(self) -> None:
        """Until nothing is in the outbox. Raises `ChatError` as `ready` does."""
        while len(self.outbox):
            await self._change()

    async def close(self) -> None:
        """Leave. What is in the outbox stays there, for the next who has the `store`."""
        await self._link.close()
        self._finish(ChatError("closed", "the chat was closed"), meant=True)
        if self._store:
            self._store.close()

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def wake(self) -> None:
        """The network may be back: look at once, or ask whether the connection still lives."""
        self._link.wake()

    async def rename(self, name: str) -> None:
        """Be called otherwise: connects anew once the service has agreed. Raises `HttpError`."""
        self._link.restart((await self._tickets.get(name)).ticket)

    # -- what happens

    def on(self, kind: type[E_], listener: Callable[[E_], object]) -> Callable[[], None]:
        """Call `listener` with each event of a kind, one of `EVENTS`, at once; gives what stops it.

        A listener that raises is logged, and disturbs nobody else.
        """
        _check(kind)
        listeners = self._listeners.setdefault(kind, [])
        listeners.append(listener)

        def stop() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return stop

    @overload
    def events(self, kind: type[E_], /, *, room: str | None = None) -> Stream[E_]: ...
    @overload
    def events(self, *kinds: type, room: str | None = None) -> Stream[Any]: ...
    def events(self, *kinds: type, room: str | None = None) -> Stream[Any]:
        """All events of these kinds (all, without any) from now on, for `async for`; with `room`, that room's alone.

        The loop ends when the chat is closed or the room left, and raises `ChatError` when the chat is stopped or the
        room's join refused. While `backlog` values wait to be taken, nothing more is read, and `Slow` is told.
        """
        for kind in kinds:
            _check(kind)
        stream: Stream[Any] = Stream(self._flow, self._backlog)
        self._streams[stream] = kinds or EVENTS, room
        return stream

    # -- rooms

    def room(self, name: str) -> Room:
        """A room, which need not be joined yet: a loop over it does that."""
        if name not in self._handles:
            self._handles[name] = Room(self, name, self._flow, self._backlog)
        return self._handles[name]

    async def join(self, name: str, *, limit: int = PAGE_DEFAULT, since: Since | None = None) -> Room:
        """Be in a room, now and after every reconnect; at once, where we are in already.

        `limit`: how many messages come with it. `since`: a position that was kept from another time, to go on from.
        Raises `ChatError` where the service doesn't let us in (its code), the room is left ("left"), or the chat is
        stopped or closed.
        """
        room = self.room(name)
        self._rooms.join(name, limit, since)
        if name not in self._inside:
            if self._end is not None:
                raise self._end
            joining = self._joins.get(name)
            if joining is None:
                joining = self._joins[name] = asyncio.get_running_loop().create_future()
            await asyncio.shield(joining)
        return room

    def leave(self, name: str) -> None:
        """Be in it no longer. What waits for it in the outbox is still sent."""
        self._rooms.leave(name)
        self._inside.discard(name)
        self._leave(name, ChatError("left", f"{name} was left"), meant=True)

    def position(self, room: str) -> Since | None:
        """The last durable event of a room that was seen."""
        cursor = self._rooms.get(room)
        return cursor.since if cursor else None

    def topic(self, room: str) -> Topic | None:
        """What a room we are in is about."""
        cursor = self._rooms.get(room)
        return cursor.topic if cursor else None

    def begun(self, room: str) -> Begun | None:
        """Who began a room we are in; None where nobody did yet, or nobody knows."""
        cursor = self._rooms.get(room)
        return cursor.begun if cursor else None

    # -- what lasts: by the outbox. Each gives a `Sending`: the entry, and `await` it to know that it is stored.

    def send(self, room: str, text: str, *, id: str | None = None) -> Sending:
        """Say something. It is kept and sent until the service has stored it.

        `id`: of your own, 1 to 64 characters, for what shall be said once whoever asks twice. Raises `OutboxFullError`.
        """
        return self._post(Send(room=room, id=id or new_id(), text=_well_formed(text)))

    def edit(self, room: str, target: int, text: str, *, epoch: str | None = None) -> Sending:
        """Change one's own message. `target`: its seq; `epoch`: of the history in which it was seen, if not today's."""
        return self._post(Edit(room=room, id=new_id(), target=target, text=_well_formed(text)), epoch)

    def remove(self, room: str, target: int, *, epoch: str | None = None) -> Sending:
        """Remove one's own message; anybody's, as a moderator."""
        return self._post(Remove(room=room, id=new_id(), target=target), epoch)

    def react(self, room: str, target: int, emoji: str, on: bool = True, *, epoch: str | None = None) -> Sending:
        """Add (`on`) or take back a reaction."""
        return self._post(React(room=room, id=new_id(), target=target, emoji=emoji, on=on), epoch)

    def set_topic(self, room: str, text: str) -> Sending:
        """Say what a room is about, with an empty text nothing; for moderators and whoever began it."""
        return self._post(SetTopic(room=room, id=new_id(), text=_well_formed(text)))

    def discard(self, id: str) -> None:
        """Give an entry up. It may have been stored if it was ever on its way."""
        if self.outbox.remove(id) is not None and (sending := self._sendings.pop(id, None)) is not None:
            sending.refuse(ChatError("discarded", "it was discarded"))

    # -- what does not

    async def history(self, room: str, before: int | None = None, limit: int = PAGE_DEFAULT) -> HistoryPage:
        """A page of a room that is joined, before a seq, or the newest. Raises `RequestError`."""
        answer = await self._requests.ask(History(room=room, before=before, limit=limit))
        assert isinstance(answer, HistoryPage)
        return answer

    async def moderate(
        self,
        user: str,
        action: Action | str,
        room: str | None = None,
        *,
        seconds: float | None = None,
        reason: str | None = None,
        network: bool = False,
    ) -> Moderated:
        """Kick, ban, mute, slow somebody, or take it back; without `room` everywhere. Raises `RequestError`."""
        order = Moderate(user=user, action=Action(action), room=room, seconds=seconds, reason=reason, network=network)
        answer = await self._requests.ask(order)
        assert isinstance(answer, Moderated)
        return answer

    def typing(self, room: str) -> None:
        """Say that we are typing."""
        if room in self._inside:
            self._link.send(Typing(room=room))

    def read(self, room: str, seq: int) -> None:
        """Say that everything up to `seq` is read."""
        if room in self._inside:
            self._link.send(Read(room=room, seq=seq))

    async def rooms(self, after: str | None = None, limit: int | None = None) -> list[ListedRoom] | None:
        """Rooms that may be entered, by name; None where the service doesn't list any. Raises `HttpError`."""
        asked = {"after": after, "limit": None if limit is None else str(limit)}
        query = "&".join(f"{name}={quote(value)}" for name, value in asked.items() if value is not None)
        answer = await self._tickets.read(f"rooms?{query}" if query else "rooms")
        return None if answer is None else msgspec.convert(answer["rooms"], list[ListedRoom])

    def kept(self, key: str) -> str | None:
        """What `keep` put into the `store`; None without one."""
        return self._store.get(f"own.{key}") if self._store else None

    def keep(self, key: str, value: str) -> None:
        """Put a value of your own into the `store`, if there is one: a position, say. Raises `ChatError`."""
        if self._store:
            self._store.put(f"own.{key}", value)

    # -- inside

    def _post(self, frame: Change, epoch: str | None = None) -> Sending:
        known = self._sendings.get(frame.id)
        if known is not None:
            return known
        if epoch is None and hasattr(frame, "target"):
            position = self.position(frame.room)
            epoch = position.epoch if position else None
        # The sending must be there before the entry: what can't be sent at all is refused at once.
        sending = self._sendings[frame.id] = Sending(frame.room, frame.id)
        try:
            if self.outbox.get(frame.id) is None:
                self.outbox.add(frame, self.user.id if self.user else None, epoch)
        except ChatError:
            del self._sendings[frame.id]
            raise
        if self._end is not None:
            self._sendings.pop(frame.id, sending).refuse(self._end)
        return sending

    def _waits(self) -> bool:
        """Whether an answer is on its way, for which reading must go on."""
        return self.outbox.sending or len(self._requests) > 0 or self._rooms.joining

    async def _change(self) -> None:
        if self._end is not None:
            raise self._end
        self._changed.clear()
        await self._changed.wait()

    def _on_outbox(self, entry: Entry) -> None:
        self._changed.set()
        self._rooms.on_outbox(entry)

    def _on_state(self, state: State) -> None:
        logger.info("%s", state)
        if state.state != "open":
            self._inside.clear()
            self._requests.fail()
            self._rooms.on_lost()
        if state.state == "stopped":
            self._finish(ChatError(state.code or "stopped", state.reason or "the service sent us away"), meant=False)
        self._changed.set()
        self._tell(state)

    def _on_frame(self, frame: FRAMES) -> None:
        match frame:
            case Event():
                self._rooms.on_event(frame)
            case Sent():
                self._rooms.on_sent(frame)
            case Joined():
                self._rooms.on_joined(frame)
            case Welcome():
                self._on_welcome(frame)
            case Reset():
                self._rooms.on_reset(frame)
            case HistoryPage():
                self._requests.answer(frame)
            case Moderated():
                self._tell(frame)
                self._requests.answer(frame)
            case Error():
                if not self._rooms.on_error(frame) and not self._requests.answer(frame):
                    self._tell(frame)
            case Presence() | TypingFrame() | ReadFrame() | Reconnect():
                self._tell(frame)

    def _on_welcome(self, frame: Welcome) -> None:
        self._welcome = frame
        self._me.user, self._me.limits = frame.user, frame.limits
        self._me.moderator = frame.role == "moderator"
        self._tell(frame)
        self._rooms.on_welcome()
        self._changed.set()

    def _tell(self, event: Any) -> None:
        kind, room = type(event), getattr(event, "room", None)
        self._settle(event)
        for listener in tuple(self._listeners.get(kind, ())):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener to %s failed", kind.__name__)
        for stream, (kinds, wanted) in list(self._streams.items()):
            if kind in kinds and wanted in (None, room):
                stream.push(event)

    def _settle(self, event: Any) -> None:
        """What an event means to those who wait."""
        match event:
            case Message():
                self.room(event.room).on_message(event)
            case Presence():
                self.room(event.room).on_presence(event)
            case Joined():
                self._inside.add(event.room)
                self.room(event.room).on_joined(event)
                if (joining := self._joins.pop(event.room, None)) is not None and not joining.done():
                    joining.set_result(None)
            case Sent():
                if (sending := self._sendings.pop(event.id, None)) is not None:
                    sending.stored(event)
            case Refused(type="join"):
                self._inside.discard(event.room)
                self._leave(event.room, ChatError(event.code, event.message), meant=False)
            case Refused(id=str() as id):
                if (sending := self._sendings.pop(id, None)) is not None:
                    sending.refuse(ChatError(event.code, event.message))

    def _leave(self, room: str, error: ChatError, meant: bool) -> None:
        """Nothing of a room comes any more."""
        told = None if meant else error
        if (joining := self._joins.pop(room, None)) is not None and not joining.done():
            joining.set_exception(error)
            joining.exception()
        if room in self._handles:
            self._handles[room].end(told)
        for stream, (_, wanted) in list(self._streams.items()):
            if wanted == room:
                stream.end(told)

    def _finish(self, error: ChatError, meant: bool) -> None:
        """Nothing comes until `start`. `meant`: it is what was asked for, so loops end, and raise nothing."""
        self._end = error
        for room in {*self._joins, *self._handles}:
            self._leave(room, error, meant)
        for sending in self._sendings.values():
            sending.refuse(error)
        self._sendings.clear()
        for stream in list(self._streams):
            stream.end(None if meant else error)
        self._changed.set()


def _check(kind: type) -> None:
    if kind not in EVENTS:
        known = ", ".join(one.__name__ for one in EVENTS)
        raise TypeError(f"there is no event {getattr(kind, '__name__', kind)!r}, only {known}")


def _well_formed(text: str) -> str:
    """Without halves of characters, which could not be sent."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
