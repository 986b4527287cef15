"""`Session`: one user on one socket, from `welcome` to the close. `Sessions`: all that are open in this process."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec

from service import metrics, protocol, signals
from service.brokers.base import unavailable
from service.brokers.directory import Sanction
from service.brokers.outages import COSTS
from service.identity.auth import User
from service.limits import TokenBucket
from service.logs import fields
from service.node import Node
from service.protocol import CloseCode, ErrorCode, Request, RequestError, ResetReason, encode
from service.rooms.room import Membership
from service.rooms.rooms import Rooms
from service.samples import SAMPLES
from service.sockets.connection import Connection, Owner
from service.sockets.framing import frame

logger = logging.getLogger(__name__)

ERRORS_RATE, ERRORS_BURST = 5.0, 100  # refused frames a second; past them the socket is closed 1008
WAITING_REQUESTS_LIMIT = 100  # requests that wait for the one before them
_CODES = frozenset({*CloseCode, 1001, 1005, 1006})  # ours, and what browsers and lost connections leave

ActionFunction = Callable[["Session", Any], None]
"""What is done for a request, at once."""
Later = Callable[["Session", Any], Awaitable[None]]
"""The same where the broker must answer first."""


class Session(Owner):
    """One user on one socket: what it asks for, what it is answered, the rooms it is in.

    A member to its rooms, a peer to the heartbeat, the owner to its connection.
    """

    __slots__ = (
        "_answers",
        "_drained",
        "_errors",
        "_wait_until",
        "_waiting",
        "_worker",
        "beat_slot",
        "connection",
        "deliver",
        "entering",
        "network",
        "node",
        "origin",
        "rooms",
        "sessions",
        "user",
    )

    def __init__(
        self, node: Node, sessions: "Sessions", connection: Connection, user: User, network: str, origin: str | None
    ) -> None:
        self.node = node
        self.sessions = sessions
        self.connection: Connection | None = connection  # None once it is closed, or closing
        self.deliver = connection.write
        self.user = user
        self.network = network  # where it comes from, as limits know it
        self.origin = origin
        self.rooms: dict[str, Membership] = {}
        self.entering: str | None = None  # the room whose join is under way
        self.beat_slot = 0
        self._errors = TokenBucket()
        self._answers = b""
        self._wait_until: dict[str, float] | None = None  # by what there was too much of
        self._waiting: deque[tuple[Later, Request]] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._drained: asyncio.Event | None = None

    def open(self, unread: dict[str, int], secret: str | msgspec.UnsetType = msgspec.UNSET) -> None:
        """It is in: say `welcome`, with the secret by which it posts its frames where its connection takes none."""
        node = self.node
        self.sessions.add(self)
        node.heartbeat.add(self)
        if self.user.expires_at is not None:
            node.heartbeat.expire(self, self.user.expires_at)
        node.presence.enter("", self.user.person)
        if self.user.guest:
            node.networks.enter(self.user.id, self.network)
            node.admission.announce_name(self.user)
        welcome = protocol.Welcome(user=self.user.person, heartbeat=node.heartbeat.interval, limits=node.limits)
        if self.user.moderator:
            welcome.role = "moderator"
        if unread:
            welcome.unread = unread
        welcome.session = secret
        self.reply(welcome)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Start the closing handshake, unless it is under way."""
        if self.connection is not None:
            self.connection.close(code, reason)

    def on_connection_end(self, code: int, reason: str) -> None:
        node = self.node
        self.connection = None
        count_close(code)
        self.sessions.discard(self)
        node.admission.dismiss(self.network)
        node.heartbeat.discard(self)
        for room in list(self.rooms):
            self.leave(room)
        node.presence.leave("", self.user.id)
        if self.user.guest:
            node.networks.leave(self.user.id, self.network)
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
            self.sessions.actions[type(request)](self, request)
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
            self.sessions.flush_soon(self, asked_at)
        self._answers += frame(encode(answer))

    def flush(self) -> None:
        """Send the turn's answers."""
        answers, self._answers = self._answers, b""
        if self.connection is not None:
            self.deliver(answers)

    def answer_error(self, error: RequestError, ref: str | None, send: bool = False) -> None:
        """Say why a request is refused; too many refusals in a short time are abuse, unless they were waited for.

        `send`: whether it was one that stores an event.
        """
        metrics.ERRORS.labels(error.code).inc()
        self.reply(protocol.error_frame(error, ref))
        if error.code is ErrorCode.UNAVAILABLE:
            COSTS.refuse(send)
            return
        if error.code is ErrorCode.RATE_LIMITED:
            SAMPLES.note("rate", error.message, user=self.user.id, network=self.network)
        now = time.monotonic()
        if error.retry_after is not None:
            # By what there is too much of: who waits as told before a send may be told the same of a join meanwhile.
            self._wait_until = self._wait_until or {}
            waited = now >= self._wait_until.get(error.message, 0.0)
            self._wait_until[error.message] = now + protocol.told_wait(error.retry_after)
            if waited:
                return
        if self._errors.take(now, ERRORS_RATE, ERRORS_BURST):
            SAMPLES.note("rate", "too many errors", user=self.user.id, network=self.network)
            self.close(CloseCode.POLICY_VIOLATION, f"too many errors, at last {error.code}")

    def later(self, work: Later, request: Request) -> None:
        """Work `request` off after those before it. Raises `rate_limited` when too many wait."""
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= WAITING_REQUESTS_LIMIT:
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
                    async with asyncio.timeout(self.node.answer_timeout):
                        await work(self, request)
                except RequestError as error:
                    self.answer_error(error, request.ref)
                except TimeoutError:
                    self.answer_error(unavailable("the broker is away"), request.ref)
                except Exception:  # it costs this request; whoever closed here would be asked the same again
                    extra = fields("request_failed", user=self.user.id, network=self.network)
                    logger.exception("a request failed", extra=extra)
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
        for membership in self.rooms.values():
            membership.fall_behind()
        self.node.heartbeat.watch(self)

    def on_drained(self) -> None:
        self.node.heartbeat.unwatch(self)
        if self._drained is not None:
            self._drained.set()
            self._drained = None
        for membership in self.rooms.values():
            membership.recover()

    def on_reset(self, room: str, reason: ResetReason) -> None:
        metrics.RESETS.labels(reason).inc()
        self.leave(room)
        self.reply(protocol.Reset(room=room, reason=reason))

    # -- its rooms and its user

    def leave(self, room: str) -> None:
        """The membership of `room` ends, if there is one; presence hears of it."""
        membership = self.rooms.pop(room, None)
        if membership is not None:
            membership.leave()
            self.node.presence.leave(room, self.user.id)

    @property
    def guest_network(self) -> str:
        """Where a guest comes from, for sanctions; "" for everybody else."""
        return self.network if self.user.guest else ""

    def become(self, user: User) -> None:
        """The same user by a fresh token, which may run out later and open other rooms."""
        if user.expires_at is not None:
            self.node.heartbeat.expire(self, user.expires_at)
        else:
            self.node.heartbeat.cancel_expiry(self)
        renamed, self.user = user.name != self.user.name, user
        if renamed:
            for room in ("", *self.rooms):
                self.node.presence.enter(room, user.person)
                self.node.presence.leave(room, user.id)
        for room in list(self.rooms):
            if not user.may_enter(room):
                self.on_reset(room, "epoch")

    async def next_ticket(self) -> str | msgspec.UnsetType:
        """A ticket for this user's next socket, where the broker has one to give."""
        try:
            return await self.node.tickets.issue(self.user, self.network, self.origin)
        except RequestError:
            return msgspec.UNSET


class Sessions:
    """The open sessions of this process, and what their requests are answered by; what is told by other processes."""

    __slots__ = ("_answering", "_by_user", "_open", "actions")

    def __init__(self, actions: Mapping[type[Request], ActionFunction]) -> None:
        self.actions = actions
        self._open: dict[Session, None] = {}
        self._by_user: dict[str, dict[Session, None]] = {}
        self._answering: list[Session] = []

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._open))

    def of(self, user: str) -> Collection[Session]:
        """Those of a user, by id."""
        return self._by_user.get(user, ())

    def add(self, session: Session) -> None:
        self._open[session] = None
        self._by_user.setdefault(session.user.id, {})[session] = None

    def discard(self, session: Session) -> None:
        """A user's id never changes."""
        self._open.pop(session, None)
        mine = self._by_user.get(session.user.id, {})
        mine.pop(session, None)
        if not mine:
            self._by_user.pop(session.user.id, None)

    def flush_soon(self, session: Session, asked_at: float) -> None:
        """Send the session's answers at the end of this turn of the loop."""
        if not self._answering:
            asyncio.get_running_loop().call_soon(self._flush)
            metrics.ACKNOWLEDGED.observe(time.monotonic() - asked_at)
        self._answering.append(session)

    def _flush(self) -> None:
        answering, self._answering = self._answering, []
        for session in answering:
            session.flush()

    # -- what other processes say

    def show_typing(self, rooms: Rooms, room: str, users: list[protocol.Person]) -> None:
        """Show a room's members who types there, and nobody themselves."""
        frames = {user.id: frame(encode(protocol.TypingFrame(room=room, user=user))) for user in users}
        own = {user: self._by_user[user] for user in frames if user in self._by_user}
        rooms.broadcast(room, b"".join(frames.values()), but={session for mine in own.values() for session in mine})
        for user, mine in own.items():
            rooms.send(room, b"".join(shown for other, shown in frames.items() if other != user), mine)

    def show_own(self, rooms: Rooms, room: str, frames: list[protocol.ReadFrame]) -> None:
        """Show people their own read positions, for their other sockets."""
        for shown in frames:
            rooms.send(room, frame(encode(shown)), self.of(shown.user))

    def on_named(self, room: str, signal: signals.Named) -> None:
        """A guest has another name now, and no socket may keep the one before."""
        named = signal.user
        for session in self.of(named.id):
            if session.user.guest and session.user.name != named.name:
                session.become(User(named.id, named.name, expires_at=session.user.expires_at, guest=True))

    def disconnect(self, user: str, reason: str) -> None:
        """Close a user's sockets; a new ticket says whether they may come back."""
        for session in list(self.of(user)):
            session.close(CloseCode.UNAUTHENTICATED, reason)

    def remove(self, sanction: Sanction, reason: str) -> None:
        """Close those of whom a moderator removed, that are in the room or on their way into it.

        Each is told first where from, and whether it may come back: the close has room for the reason alone.
        """
        whose = self._open if sanction.network else self.of(sanction.user)
        room = sanction.room or msgspec.UNSET
        for session in list(whose):
            meant = not sanction.network or session.guest_network == sanction.user
            if meant and (not sanction.room or sanction.room in session.rooms or sanction.room == session.entering):
                session.reply(
                    protocol.Moderated(room=room, user=session.user.id, action=protocol.Action(sanction.kind))
                )
                session.close(CloseCode.REMOVED, reason)


def count_close(code: int) -> None:
    """For the metric: a client may close with any of 2,000 codes, each of which would be a time series for good."""
    metrics.CLOSES.labels(str(code) if code in _CODES else "other").inc()
