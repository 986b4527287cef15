"""`ChatSocket`: the actions of the contract on one socket, and the class-level registry of all of this process's.

Nothing here awaits the broker while a message is being read. What needs an answer first (join, history, moderation) is
worked off in order by one task that lives only as long as there is something to do.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar, cast

import msgspec

from service import headers, protocol, telemetry
from service.auth import AuthError, User
from service.broker import Change, Event, Page, Receipt, unavailable
from service.framing import frame
from service.hub import ANSWER_TIMEOUT, Hub
from service.limits import TokenBucket
from service.protocol import CloseCode, ErrorCode, Request, RequestError, encode
from service.relay import Hall, Member
from service.writer import WebSocket

logger = logging.getLogger(__name__)

ERRORS_RATE, ERRORS_BURST = 5.0, 100  # refused frames a second; past them the socket is closed 1008
WAITING_LIMIT = 100  # requests that wait for the one before them
TYPING_RATE, TYPING_BURST = 1.0, 5  # typing frames a second; more are dropped


class Membership:
    """This socket's membership of one room. `hall` is None while the join is under way."""

    __slots__ = ("hall", "present")

    def __init__(self) -> None:
        self.hall: Hall | None = None
        self.present = False


class ChatSocket(WebSocket):
    """One chat socket; `sockets` are all that are open."""

    sockets: ClassVar[dict["ChatSocket", None]] = {}
    by_user: ClassVar[dict[str, dict["ChatSocket", None]]] = {}
    _answering: ClassVar[list["ChatSocket"]] = []

    hub: Hub
    user: User | None = None
    beat_slot = 0
    address = ""  # its network, as limits and tickets know it
    origin: str | None = None
    _refusal: tuple[CloseCode, str] | None = None
    _answers: bytes = b""
    _waiting: deque[tuple[Callable[..., Awaitable[None]], Request]] | None = None
    _worker: asyncio.Task[None] | None = None
    _drained: asyncio.Event | None = None
    _typing: TokenBucket | None = None

    def initialize(self) -> None:
        self.hub = self.application.settings["hub"]

    # -- getting in

    def prepare(self) -> None:
        """Origin and Host, before any credential is looked at (tornado's check_origin is not always called)."""
        refusal = self.hub.refusal(self.request)
        if refusal is not None:
            self.refuse(*refusal)

    def check_origin(self, origin: str) -> bool:
        return True  # decided in prepare()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in subprotocols else None

    async def get(self, *args: str, **kwargs: str) -> None:
        if self._handshake_error() is None:
            self.address = self.hub.network(self.request)
            self.origin = self.request.headers.get("Origin")
            try:
                self.user = await self._authenticate()
            except AuthError as error:
                self._refusal = CloseCode.UNAUTHENTICATED, str(error)
            except RequestError:
                self._refusal = CloseCode.TRY_AGAIN_LATER, "the broker is away"
        await super().get(*args, **kwargs)

    async def _authenticate(self) -> User:
        ticket = headers.offered_ticket(self.request.headers)
        if ticket is not None:
            return await self.hub.tickets.redeem(ticket, self.address, self.origin)
        token = headers.bearer(self.request.headers)
        if token is not None:
            return await self.hub.authenticator.verify(token)
        raise AuthError("a ticket or a token is missing")

    def _admit(self, user: User) -> tuple[CloseCode, str] | None:
        if self.hub.moderation.holds("ban", "", user.id):
            return CloseCode.REMOVED, "banned"
        if 0 < self.hub.settings.connections_per_user <= len(self.by_user.get(user.id, ())):
            return CloseCode.TOO_MANY, "too many connections of this user"
        return self.hub.admit(self.address)

    def open(self, *args: str) -> None:
        assert self.connection is not None
        if self.user is not None:
            self._refusal = self._admit(self.user)
        if self._refusal is not None:
            self.user = None
            self.connection.close(*self._refusal)
            return
        assert self.user is not None
        self.deliver = self.connection.write
        self.rooms: dict[str, Membership] = {}
        self._errors = TokenBucket()
        self.sockets[self] = None
        self.by_user.setdefault(self.user.id, {})[self] = None
        self.hub.heartbeat.add(self)
        if self.user.expires_at is not None:
            self.hub.heartbeat.expire(self, self.user.expires_at)
        self.hub.presence.enter("", self.user.person)
        settings = self.hub.settings
        limits = protocol.Limits(settings.text_limit, settings.frame_limit, settings.rooms_limit)
        welcome = protocol.Welcome(user=self.user.person, heartbeat=settings.ping_interval, limits=limits)
        self.deliver(frame(encode(welcome)))

    def on_close(self) -> None:
        telemetry.CLOSES.labels(str(self.close_code)).inc()
        if self.user is None or self not in self.sockets:
            return
        del self.sockets[self]
        mine = self.by_user[self.user.id]
        del mine[self]
        if not mine:
            del self.by_user[self.user.id]
        self.hub.dismiss(self.address)
        self.hub.heartbeat.discard(self)
        if self.user.expires_at is not None:
            self.hub.heartbeat.spare(self, self.user.expires_at)
        for room in list(self.rooms):
            self._forget(room)
        self.hub.presence.leave("", self.user.id)
        if self._worker is not None:
            self._worker.cancel()

    # -- frames in and out

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.close(CloseCode.UNSUPPORTED_DATA, "text frames only")
            return
        try:
            request = protocol.decode(message)
        except protocol.RefusedFrame as error:
            self._refuse(error, error.ref)
            return
        try:
            _ACTIONS[type(request)](self, request)
        except RequestError as error:
            self._refuse(error, request.ref)

    def _refuse(self, error: RequestError, ref: str | None) -> None:
        telemetry.ERRORS.labels(error.code).inc()
        self.reply(protocol.error_frame(error, ref))
        if error.code is not ErrorCode.UNAVAILABLE:
            if self._errors.take(time.monotonic(), ERRORS_RATE, ERRORS_BURST):
                self.close(CloseCode.POLICY_VIOLATION, f"too many errors, at last {error.code}")

    def reply(self, answer: protocol.Frame) -> None:
        """Send a frame now."""
        if self.connection is not None:
            self.deliver(frame(encode(answer)))

    def _answer(self, answer: protocol.Frame) -> None:
        """Reply at the end of this turn of the loop, together with the turn's other answers to this socket."""
        if not self._answers:
            if not self._answering:
                asyncio.get_running_loop().call_soon(self._flush_answers)
            self._answering.append(self)
        self._answers += frame(encode(answer))

    @classmethod
    def _flush_answers(cls) -> None:
        answering = cls._answering[:]
        cls._answering.clear()
        for socket in answering:
            answers, socket._answers = socket._answers, b""
            if socket.connection is not None:
                socket.deliver(answers)

    def _later(self, work: Callable[..., Awaitable[None]], request: Request) -> None:
        """Work `request` off after those before it."""
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= WAITING_LIMIT:
            raise RequestError(ErrorCode.RATE_LIMITED, "too many requests at once", 1.0)
        self._waiting.append((work, request))
        if self._worker is None:
            self._worker = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting and self.connection is not None:
                work, request = self._waiting.popleft()
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT):
                        await work(self, request)
                except RequestError as error:
                    self._refuse(error, request.ref)
                except TimeoutError:
                    self._refuse(unavailable("the broker is away"), request.ref)
                while self.congested:  # answers wait for the peer, so its next request does too
                    self._drained = asyncio.Event()
                    await self._drained.wait()
        except Exception:
            logger.exception("a request failed")
            self.close(CloseCode.RESTART, "the server failed")
        finally:
            self._waiting = self._worker = None

    async def next_ticket(self) -> str | msgspec.UnsetType:
        """A ticket for this user's next socket, where the broker has one to give."""
        if self.user is None:
            return msgspec.UNSET
        try:
            return await self.hub.tickets.issue(self.user, self.address, self.origin)
        except RequestError:
            return msgspec.UNSET

    # -- what the relay asks of a member

    @property
    def congested(self) -> bool:
        return self.connection is not None and self.connection.congested

    def on_congested(self) -> None:
        self.hub.relay.fall_behind(self._halls(), cast(Member, self))
        self.hub.heartbeat.watch(self)

    def on_drained(self) -> None:
        self.hub.heartbeat.unwatch(self)
        if self._drained is not None:
            self._drained.set()
            self._drained = None
        self.hub.relay.recover(self._halls(), cast(Member, self))

    def _halls(self) -> list[Hall]:
        return [membership.hall for membership in self.rooms.values() if membership.hall is not None]

    def on_reset(self, room: str, reason: str) -> None:
        self._forget(room)
        self.reply(protocol.Reset(room=room, reason=reason))

    # -- rooms

    def _may_enter(self, room: str) -> None:
        """One answer, whether the room exists or not."""
        assert self.user is not None
        protocol.check_room(room)
        if not self.user.may_enter(room) or self.hub.moderation.holds("ban", room, self.user.id):
            raise RequestError(ErrorCode.FORBIDDEN, "you may not enter this room")

    def _joined(self, room: str) -> Hall:
        membership = self.rooms.get(room)
        if membership is None or membership.hall is None:
            protocol.check_room(room)
            raise RequestError(ErrorCode.NOT_JOINED, "join the room first")
        return membership.hall

    def _forget(self, room: str) -> None:
        """The membership ends here; the relay and presence hear of it."""
        membership = self.rooms.pop(room, None)
        if membership is None:
            return
        if membership.hall is not None:
            membership.hall.leave(cast(Member, self))
            self.hub.relay.release(membership.hall)
            if room not in self.hub.relay.rooms:
                self.hub.presence.forget(room)
        if membership.present and self.user is not None:
            self.hub.presence.leave(room, self.user.id)

    async def _join(self, request: protocol.Join) -> None:
        room = request.room
        self._may_enter(room)
        assert self.user is not None
        self.hub.rates.check(self.hub.rates.joins, self.user.id, "joins")
        self._forget(room)
        if len(self.rooms) >= self.hub.settings.rooms_limit:
            raise RequestError(ErrorCode.TOO_MANY_ROOMS, f"more than {self.hub.settings.rooms_limit} rooms")
        hall = await self.hub.relay.hold(room)
        try:
            resumed, page, roster, reads = await self._look(request, hall)
        except BaseException:
            self.hub.relay.release(hall)
            raise
        if self.connection is None:
            self.hub.relay.release(hall)
            return
        since = request.since.seq if resumed and request.since else page.position.seq
        membership = self.rooms[room] = Membership()
        membership.hall = hall
        membership.present = True
        self.hub.presence.enter(room, self.user.person)
        self.reply(
            protocol.Joined(
                room=room,
                epoch=page.position.epoch,
                seq=since,
                resumed=resumed,
                messages=[] if resumed else [msgspec.Raw(message) for message in page.frames],
                more=False if resumed else page.more,
                members=roster.members if roster.members is not None else [],
                count=roster.count,
                reads=reads,
                ref=protocol.echo(request.ref),
            )
        )
        if hall.epoch == page.position.epoch:
            self.hub.relay.attach(hall, cast(Member, self), since)
        else:  # the count began again between the page and now
            self.on_reset(room, "epoch")

    async def _look(self, request: protocol.Join, hall: Hall) -> tuple[bool, Page, Any, dict[str, int]]:
        """What `joined` says: whether `since` can be resumed, the page, who is here, and what they have read."""
        assert self.user is not None
        broker, presence = self.hub.broker, self.hub.presence
        roster = presence.merged(hall.name, await presence.roster(hall.name), self.user.person)
        if request.since is not None:
            page = await broker.after(hall.name, request.since.seq, 1)
            since = request.since
            if page is not None and page.position.epoch == since.epoch and page.position.seq >= since.seq:
                if page.position.seq == since.seq or page.seq == since.seq + 1:
                    return True, page, roster, await presence.reads(hall.name, roster.members or ())
        limit = min(request.limit, protocol.PAGE_LIMIT)
        newest, reads = await asyncio.gather(
            broker.newest(hall.name, limit, create=True), presence.reads(hall.name, roster.members or ())
        )
        assert newest is not None
        return False, newest, roster, reads

    async def _leave(self, request: protocol.Leave) -> None:
        if request.room not in self.rooms:
            protocol.check_room(request.room)
            raise RequestError(ErrorCode.NOT_JOINED, "not in this room")
        self._forget(request.room)
        self.reply(protocol.Left(room=request.room, ref=protocol.echo(request.ref)))

    async def _history(self, request: protocol.History) -> None:
        self._joined(request.room)
        assert self.user is not None
        self.hub.rates.check(self.hub.rates.joins, self.user.id, "pages")
        limit = min(request.limit, protocol.PAGE_LIMIT)
        page = await self.hub.broker.newest(request.room, limit, request.before or 0)
        frames = page.frames if page else []
        self.reply(
            protocol.HistoryPage(
                room=request.room,
                messages=[msgspec.Raw(message) for message in frames],
                more=bool(page and page.more),
                ref=protocol.echo(request.ref),
            )
        )

    # -- events

    def _publish(self, request: Any, kind: str, tail: bytes, change: Change | None = None) -> None:
        """Publish an event of this user; `sent` or an error follows."""
        assert self.user is not None
        room, user = request.room, self.user
        self._joined(room)
        if self.hub.moderation.holds("mute", room, user.id):
            raise RequestError(ErrorCode.FORBIDDEN, "you are muted")
        self.hub.rates.check_send(user.id, self.address)
        event = Event(room, user.id, request.id, protocol.event_head(kind, room), tail, change)
        self.hub.broker.publish(event, partial(self._published, request, time.monotonic()))

    def _published(self, request: Any, asked_at: float, receipt: Receipt | RequestError) -> None:
        if isinstance(receipt, RequestError):
            self._refuse(receipt, request.ref)
            return
        telemetry.hot.published += 1
        if not self._answering:
            telemetry.ACKNOWLEDGED.observe(time.monotonic() - asked_at)
        self._answer(
            protocol.Sent(
                room=request.room,
                id=request.id,
                seq=receipt.seq,
                at=receipt.at,
                duplicate=receipt.duplicate,
                ref=protocol.echo(request.ref),
            )
        )

    def _send(self, request: protocol.Send) -> None:
        assert self.user is not None
        text = protocol.check_text(request.text, self.hub.settings.text_limit)
        self._publish(request, "message", protocol.message_tail(request.id, self.user.json, text))

    def _edit(self, request: protocol.Edit) -> None:
        text = protocol.check_text(request.text, self.hub.settings.text_limit)
        self._change(request, "edited", "edit", text=text)

    def _remove(self, request: protocol.Remove) -> None:
        self._change(request, "removed", "remove")

    def _react(self, request: protocol.React) -> None:
        protocol.check_emoji(request.emoji)
        self._change(request, "reacted", "react", emoji=request.emoji, on=request.on)

    def _change(self, request: Any, event: str, kind: str, **fields: Any) -> None:
        assert self.user is not None
        change = Change(kind, request.target, self.user.id, self.user.moderator, **fields)
        self._publish(
            request, event, protocol.change_tail(request.id, request.target, self.user.json, **fields), change
        )

    # -- the rest

    def _type(self, request: protocol.Typing) -> None:
        assert self.user is not None
        self._joined(request.room)
        if self.hub.moderation.holds("mute", request.room, self.user.id):
            return
        self._typing = self._typing or TokenBucket()
        if not self._typing.take(time.monotonic(), TYPING_RATE, TYPING_BURST):
            self.hub.broker.signal(request.room, encode({"kind": "typing", "user": self.user.person}))

    @classmethod
    def on_typing(cls, hub: Hub, room: str, payload: bytes) -> None:
        """A `typing` signal: somebody types, and everybody else is shown."""
        user = msgspec.json.decode(payload, type=_TypingSignal).user
        own = cls.by_user.get(user.id, {})
        hub.relay.broadcast(room, frame(encode(protocol.TypingFrame(room=room, user=user))), own)

    @classmethod
    def on_moderate(cls, hub: Hub, room: str, payload: bytes) -> None:
        """A `moderate` signal, of every process: what must happen to the user's sockets here."""
        order = msgspec.json.decode(payload, type=_ModerateSignal)
        hub.moderation.refresh()
        if room == "" and order.action in (protocol.Action.KICK, protocol.Action.BAN):
            for socket in list(cls.by_user.get(order.user, ())):
                if not order.room or order.room in socket.rooms:
                    socket.close(CloseCode.REMOVED, order.reason or f"removed by a moderator ({order.action})")

    def _read(self, request: protocol.Read) -> None:
        assert self.user is not None
        hall = self._joined(request.room)
        self.hub.presence.mark_read(request.room, self.user.id, min(request.seq, hall.head))

    async def _moderate(self, request: protocol.Moderate) -> None:
        assert self.user is not None
        if request.room is not None:
            protocol.check_room(request.room)
        if not self.user.moderator or not (request.room is None or self.user.may_enter(request.room)):
            raise RequestError(ErrorCode.FORBIDDEN, "only moderators may do that")
        await self.hub.moderation.moderate(self.user.id, request)
        room = msgspec.UNSET if request.room is None else request.room
        self.reply(
            protocol.Moderated(room=room, user=request.user, action=request.action, ref=protocol.echo(request.ref))
        )

    async def _renew(self, request: protocol.Renew) -> None:
        assert self.user is not None
        try:
            user = await self.hub.tickets.redeem(request.ticket, self.address, self.origin)
        except AuthError as error:
            raise RequestError(ErrorCode.FORBIDDEN, str(error)) from None
        if user.id != self.user.id:
            raise RequestError(ErrorCode.FORBIDDEN, "the ticket is another user's")
        if self.user.expires_at is not None:
            self.hub.heartbeat.spare(self, self.user.expires_at)
        if user.expires_at is not None:
            self.hub.heartbeat.expire(self, user.expires_at)
        self.user = user
        for room in list(self.rooms):  # the new token may open fewer rooms
            if not user.may_enter(room):
                self.on_reset(room, "epoch")
        left = 0 if user.expires_at is None else max(0, int(user.expires_at - time.time()))
        self.reply(protocol.Renewed(expires_in=left, ref=protocol.echo(request.ref)))

    def _ping(self, request: protocol.Ping) -> None:
        self.reply(protocol.Pong(at=int(time.time() * 1000), ref=protocol.echo(request.ref)))


class _TypingSignal(msgspec.Struct):
    user: protocol.Person


class _ModerateSignal(msgspec.Struct):
    action: protocol.Action
    room: str
    user: str
    reason: str = ""


_ACTIONS: dict[type[Request], Callable[[ChatSocket, Any], None]] = {
    protocol.Join: lambda socket, request: socket._later(ChatSocket._join, request),
    protocol.Leave: lambda socket, request: socket._later(ChatSocket._leave, request),
    protocol.History: lambda socket, request: socket._later(ChatSocket._history, request),
    protocol.Moderate: lambda socket, request: socket._later(ChatSocket._moderate, request),
    protocol.Renew: lambda socket, request: socket._later(ChatSocket._renew, request),
    protocol.Send: ChatSocket._send,
    protocol.Edit: ChatSocket._edit,
    protocol.Remove: ChatSocket._remove,
    protocol.React: ChatSocket._react,
    protocol.Typing: ChatSocket._type,
    protocol.Read: ChatSocket._read,
    protocol.Ping: ChatSocket._ping,
}
