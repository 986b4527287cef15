"""`ChatSocket`: one chat socket from its handshake to its end, and the class-level registry of all that are open."""

import asyncio
import logging
import time
from collections import deque
from typing import ClassVar

import msgspec

from service import protocol, telemetry
from service.actions import ACTIONS, Later
from service.brokers.base import unavailable
from service.brokers.directory import Sanction
from service.identity import headers
from service.identity.auth import AuthError, User
from service.limits import TokenBucket
from service.node import ANSWER_TIMEOUT, Node
from service.protocol import CloseCode, ErrorCode, Request, RequestError, encode
from service.rooms.moderation import banned
from service.rooms.room import Membership
from service.sockets.framing import frame
from service.sockets.upgrade import WebSocket

logger = logging.getLogger(__name__)

ERRORS_RATE, ERRORS_BURST = 5.0, 100  # refused frames a second; past them the socket is closed 1008
WAITING_LIMIT = 100  # requests that wait for the one before them
_CODES = frozenset({*CloseCode, 1001, 1005, 1006})  # ours, and what browsers and lost connections leave


class ChatSocket(WebSocket):
    """One chat socket; `sockets` are all that are open."""

    sockets: ClassVar[dict["ChatSocket", None]] = {}
    by_user: ClassVar[dict[str, dict["ChatSocket", None]]] = {}
    _answering: ClassVar[list["ChatSocket"]] = []

    hub: Node
    user: User
    rooms: dict[str, Membership]
    entering: str | None = None  # the room whose join is under way
    origin: str | None = None
    beat_slot = 0
    _refusal: tuple[CloseCode, str] | None = None
    _unread: dict[str, int]
    _answers: bytes = b""
    _told: dict[str, float] | None = None  # until when it was told to wait, by what there was too much of
    _waiting: deque[tuple[Later, Request]] | None = None
    _worker: asyncio.Task[None] | None = None
    _drained: asyncio.Event | None = None

    def initialize(self) -> None:  # type: ignore[override]
        self.hub = self.application.settings["node"]
        super().initialize(self.hub.socket_limits)

    # -- getting in

    def prepare(self) -> None:
        """Origin and Host, before any credential is looked at (tornado's check_origin is not always called)."""
        refusal = self.hub.admission.refusal(self.request)
        if refusal is not None:
            self.refuse(*refusal)

    def refusal_headers(self) -> dict[str, str]:
        return self.hub.origins.cors_headers(self.request)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in subprotocols else None

    async def identify(self) -> None:
        """Bad credentials complete the handshake and are closed 4401, so that a browser can tell why."""
        self.network = self.hub.proxies.network(self.request)
        self.origin = self.request.headers.get("Origin")
        try:
            self.user = await self._authenticate()
            named, self._unread = await asyncio.gather(self._claim_name(), self.hub.reads.unread(self.user.id))
            if not named:
                self._refusal = CloseCode.UNAUTHENTICATED, "name_taken"
        except AuthError as error:
            self._refusal = CloseCode.UNAUTHENTICATED, str(error)
        except RequestError:
            self._refusal = CloseCode.TRY_AGAIN_LATER, "the broker is away"

    async def _authenticate(self) -> User:
        ticket = headers.offered_ticket(self.request.headers)
        if ticket is not None:
            return await self.hub.tickets.redeem(ticket, self.network, self.origin)
        token = headers.bearer(self.request.headers)
        if token is not None:
            return await self.hub.authenticator.verify(token)
        raise AuthError("a ticket or a token is missing")

    async def _claim_name(self) -> bool:
        """Whether the name is theirs. Asked again of a ticket's user: the ticket may be older than a claim lasts."""
        if self.hub.moderation.find("ban", "", self.user.id, self.guest_network) is not None:
            return True  # `_admit` refuses them; a claim would only keep the name from others
        return await self.hub.admission.claim_name(self.user)

    def late_refusal(self) -> tuple[int, str] | None:
        return self.hub.admission.leaving()

    def _admit(self) -> tuple[CloseCode, str] | None:
        if not self.hub.moderation.known:
            return CloseCode.TRY_AGAIN_LATER, "the broker is away"
        held = self.hub.moderation.find("ban", "", self.user.id, self.guest_network)
        if held is not None:
            return CloseCode.REMOVED, banned(held.reason)
        return self.hub.admission.admit(self.network, len(self.by_user.get(self.user.id, ())))

    def open(self, *args: str) -> None:
        assert self.connection is not None
        self._refusal = self._refusal or self._admit()
        if self._refusal is not None:
            self.connection.close(*self._refusal)
            return
        self.deliver = self.connection.write
        self.rooms = {}
        self._errors = TokenBucket()
        self.sockets[self] = None
        self.by_user.setdefault(self.user.id, {})[self] = None
        self.hub.heartbeat.add(self)
        if self.user.expires_at is not None:
            self.hub.heartbeat.expire(self, self.user.expires_at)
        self.hub.presence.enter("", self.user.person)
        if self.user.guest:
            self.hub.networks.enter(self.user.id, self.network)
            self.hub.admission.announce_name(self.user)
        heartbeat, limits = self.hub.heartbeat.interval, self.hub.limits
        welcome = protocol.Welcome(user=self.user.person, heartbeat=heartbeat, limits=limits)
        if self._unread:
            welcome.unread = self._unread
        del self._unread
        self.reply(welcome)

    def on_close(self) -> None:
        # A client may close with any of 2,000 codes; each would be a time series for good.
        telemetry.CLOSES.labels(str(self.close_code) if self.close_code in _CODES else "other").inc()
        if self._refusal is not None:
            return
        del self.sockets[self]
        mine = self.by_user[self.user.id]
        del mine[self]
        if not mine:
            del self.by_user[self.user.id]
        self.hub.admission.dismiss(self.network)
        self.hub.heartbeat.discard(self)
        for room in list(self.rooms):
            self.leave(room)
        self.hub.presence.leave("", self.user.id)
        if self.user.guest:
            self.hub.networks.leave(self.user.id, self.network)
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
            self.answer_error(error, error.ref)
            return
        try:
            ACTIONS[type(request)](self, request)
        except RequestError as error:
            self.answer_error(error, request.ref)

    def reply(self, answer: protocol.Frame) -> None:
        """Send a frame now."""
        if self.connection is not None:
            self.deliver(frame(encode(answer)))

    def answer(self, answer: protocol.Frame, asked_at: float) -> None:
        """Send a frame at the end of this turn of the loop, joined with the turn's other answers to this socket.

        `asked_at` (monotonic seconds) is when the question came: the metric takes one of each turn.
        """
        if not self._answers:
            if not self._answering:
                asyncio.get_running_loop().call_soon(self._flush_answers)
                telemetry.ACKNOWLEDGED.observe(time.monotonic() - asked_at)
            self._answering.append(self)
        self._answers += frame(encode(answer))

    @classmethod
    def _flush_answers(cls) -> None:
        answering = cls._answering[:]
        cls._answering.clear()
        for socket in answering:
            answers, socket._answers = socket._answers, b""  # noqa: SLF001  # one of this class
            if socket.connection is not None:
                socket.deliver(answers)

    def answer_error(self, error: RequestError, ref: str | None) -> None:
        """Say why a request is refused; too many refusals in a short time are abuse, unless they were waited for."""
        telemetry.ERRORS.labels(error.code).inc()
        self.reply(protocol.error_frame(error, ref))
        if error.code is ErrorCode.UNAVAILABLE:
            return
        now = time.monotonic()
        if error.retry_after is not None:
            # By what there is too much of: who waits as told before a send may be told the same of a join meanwhile.
            self._told = self._told or {}
            waited = now >= self._told.get(error.message, 0.0)
            self._told[error.message] = now + protocol.told_wait(error.retry_after)
            if waited:
                return
        if self._errors.take(now, ERRORS_RATE, ERRORS_BURST):
            self.close(CloseCode.POLICY_VIOLATION, f"too many errors, at last {error.code}")

    def later(self, work: Later, request: Request) -> None:
        """Work `request` off after those before it. Raises `rate_limited` when too many wait."""
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= WAITING_LIMIT:
            raise RequestError(ErrorCode.RATE_LIMITED, "too many requests at once", 1.0)
        self._waiting.append((work, request))
        if self._worker is None:
            self._worker = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        """Lives only as long as there is something to do."""
        try:
            while self._waiting and self.connection is not None:
                work, request = self._waiting.popleft()
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT):
                        await work(self, request)
                except RequestError as error:
                    self.answer_error(error, request.ref)
                except TimeoutError:
                    self.answer_error(unavailable("the broker is away"), request.ref)
                except Exception:  # it costs this request; whoever closed here would be asked the same again
                    logger.exception("a request failed")
                    self.answer_error(unavailable("the server failed"), request.ref)
                while self.congested:  # answers wait for the peer, so its next request does too
                    self._drained = asyncio.Event()
                    await self._drained.wait()
        finally:
            self._waiting = self._worker = None

    # -- what a room asks of its member

    @property
    def congested(self) -> bool:
        return self.connection is not None and self.connection.congested

    def on_congested(self) -> None:
        if self._refusal is None:
            for membership in self.rooms.values():
                membership.fall_behind()
            self.hub.heartbeat.watch(self)

    def on_drained(self) -> None:
        self.hub.heartbeat.unwatch(self)
        if self._drained is not None:
            self._drained.set()
            self._drained = None
        for membership in self.rooms.values():
            membership.recover()

    def on_reset(self, room: str, reason: str) -> None:
        self.leave(room)
        self.reply(protocol.Reset(room=room, reason=reason))

    # -- its rooms and its user

    def leave(self, room: str) -> None:
        """The membership of `room` ends, if there is one; presence hears of it."""
        membership = self.rooms.pop(room, None)
        if membership is not None:
            membership.leave()
            self.hub.presence.leave(room, self.user.id)

    @property
    def guest_network(self) -> str:
        """Where a guest comes from, for sanctions; "" for everybody else."""
        return self.network if self.user.guest else ""

    def become(self, user: User) -> None:
        """The same user by a fresh token, which may run out later and open other rooms."""
        if user.expires_at is not None:
            self.hub.heartbeat.expire(self, user.expires_at)
        else:
            self.hub.heartbeat.cancel_expiry(self)
        renamed, self.user = user.name != self.user.name, user
        if renamed:
            for room in ("", *self.rooms):
                self.hub.presence.enter(room, user.person)
                self.hub.presence.leave(room, user.id)
        for room in list(self.rooms):
            if not user.may_enter(room):
                self.on_reset(room, "epoch")

    async def next_ticket(self) -> str | msgspec.UnsetType:
        """A ticket for this user's next socket, where the broker has one to give."""
        try:
            return await self.hub.tickets.issue(self.user, self.network, self.origin)
        except RequestError:
            return msgspec.UNSET

    # -- what other processes say

    @classmethod
    def show_typing(cls, hub: Node, room: str, users: list[protocol.Person]) -> None:
        """Show a room's members who types there, and nobody themselves."""
        frames = {user.id: frame(encode(protocol.TypingFrame(room=room, user=user))) for user in users}
        own = {user: cls.by_user[user] for user in frames if user in cls.by_user}
        hub.rooms.broadcast(room, b"".join(frames.values()), but={socket for mine in own.values() for socket in mine})
        for user, mine in own.items():
            hub.rooms.send(room, b"".join(shown for other, shown in frames.items() if other != user), mine)

    @classmethod
    def show_own(cls, hub: Node, room: str, frames: list[protocol.ReadFrame]) -> None:
        """Show people their own read positions, for their other sockets."""
        for shown in frames:
            hub.rooms.send(room, frame(encode(shown)), cls.by_user.get(shown.user, ()))

    @classmethod
    def on_named(cls, hub: Node, room: str, payload: bytes) -> None:
        """A `named` signal, of every process: a guest has another name now, and no socket may keep the one before."""
        named = msgspec.json.decode(payload, type=_NamedSignal).user
        for socket in cls.by_user.get(named.id, ()):
            if socket.user.guest and socket.user.name != named.name:
                socket.become(User(named.id, named.name, expires_at=socket.user.expires_at, guest=True))

    @classmethod
    def remove(cls, sanction: Sanction, reason: str) -> None:
        """Close the sockets of whom a moderator removed, that are in the room or on their way into it."""
        whose = cls.sockets if sanction.network else cls.by_user.get(sanction.user, ())
        for socket in list(whose):
            meant = not sanction.network or socket.guest_network == sanction.user
            if meant and (not sanction.room or sanction.room in socket.rooms or sanction.room == socket.entering):
                socket.close(CloseCode.REMOVED, reason)


class _NamedSignal(msgspec.Struct):
    user: protocol.Person
