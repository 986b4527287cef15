"""`ChatHandler`: the handshake of chat sockets, and the class-level registry of the sessions that it opened."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from service import metrics, protocol
from service.actions import ACTIONS
from service.brokers.outages import COSTS
from service.identity import headers
from service.identity.auth import AuthError, User
from service.node import NodeHandler
from service.protocol import CloseCode, ErrorCode, RequestError
from service.rooms.moderation import Held, banned
from service.samples import SAMPLES
from service.session import Session, Sessions, count_close
from service.sockets.connection import Connection
from service.sockets.upgrade import Refusal, UpgradeHandler

_AWAY = Refusal(CloseCode.TRY_AGAIN_LATER, "the broker is away", "unavailable")


class ChatHandler(NodeHandler, UpgradeHandler):
    """`/socket`: lets a user in or says why not. What lives on is a `Session`; `sessions` are all that are open."""

    sessions: ClassVar[Sessions] = Sessions(ACTIONS)

    user: User
    origin: str | None = None
    _refusal: Refusal | None = None
    _unread: dict[str, int]

    def initialize(self) -> None:  # type: ignore[override]
        super().initialize(self.node.socket_limits)

    def prepare(self) -> None:
        """Origin and Host, before any credential is looked at (tornado's check_origin is not always called)."""
        super().prepare()
        refusal = self.node.admission.refusal(self.request)
        if refusal is not None:
            self.refuse(*refusal)

    def refusal_headers(self) -> dict[str, str]:
        return self.node.origins.cors_headers(self.request)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in subprotocols else None

    async def identify(self) -> None:
        """Bad credentials complete the handshake and are closed 4401, so that a browser can tell why."""
        self.network = self.node.proxies.network(self.request)
        self.origin = self.request.headers.get("Origin")
        try:
            self.user = await self._authenticate()
            self._refusal = self._turn_away(self.node.admission.look_at) or await self._ask_the_broker()
        except AuthError as error:
            SAMPLES.note("token", str(error), network=self.network)
            self._refusal = Refusal(CloseCode.UNAUTHENTICATED, str(error), "unauthenticated")
        except RequestError as error:
            self._refusal = self._refused(error)

    async def _ask_the_broker(self) -> Refusal | None:
        """All that a new session is told and judged by, in one turn of the loop: one pipeline has it."""
        node = self.node
        banned_by, named, self._unread = await asyncio.gather(
            node.moderation.find_everywhere(self.user.id, self._guest_network),
            node.admission.claim_name(self.user),
            node.reads.unread(self.user.id, self._charge_unread),
        )
        if banned_by is not None:
            return self._banned(banned_by)
        return None if named else Refusal(CloseCode.UNAUTHENTICATED, "name_taken", "name_taken")

    def _charge_unread(self, rooms: list[str]) -> list[str]:
        self.node.rates.check_unread(self.user.id, self.network, len(rooms))
        return rooms

    def _refused(self, error: RequestError) -> Refusal:
        if error.code is not ErrorCode.RATE_LIMITED:
            COSTS.refuse()
            return _AWAY
        SAMPLES.note("rate", error.message, user=self.user.id, network=self.network)
        return Refusal(CloseCode.TOO_MANY, error.message, "too_fast")

    async def _authenticate(self) -> User:
        ticket = headers.offered_ticket(self.request.headers)
        if ticket is not None:
            return await self.node.tickets.redeem(ticket, self.network, self.origin)
        token = headers.bearer(self.request.headers)
        if token is not None:
            return await self.node.authenticator.verify(token)
        raise AuthError("a ticket or a token is missing")

    def late_refusal(self) -> Refusal | None:
        return self.node.admission.leaving()

    @property
    def _guest_network(self) -> str:
        return self.network if self.user.guest else ""

    def _banned(self, held: Held) -> Refusal:
        SAMPLES.note("ban", "a handshake", user=self.user.id, network=self.network)
        return Refusal(CloseCode.REMOVED, banned(held.reason), "banned")

    def _turn_away(self, admission: Callable[[str, int], Refusal | None]) -> Refusal | None:
        """Why the user isn't let in, as far as this process knows: before it costs the broker anything, and at last.

        Raises `unavailable` until it is known who is banned.
        """
        held = self.node.moderation.find("ban", "", self.user.id, self._guest_network)
        if held is not None:
            return self._banned(held)
        refusal = admission(self.network, len(self.sessions.of(self.user.id)))
        if refusal is not None:
            SAMPLES.note("rate", refusal.sentence, user=self.user.id, network=self.network)
        return refusal

    def open(self, connection: Connection) -> None:
        refusal = self._refusal or self._turn_away(self.node.admission.admit)
        if refusal is not None:
            count_close(refusal.code)
            metrics.REFUSED.labels(refusal.reason).inc()
            connection.close(refusal.code, refusal.sentence)
            return
        metrics.OPENED.inc()
        session = Session(self.node, self.sessions, connection, self.user, self.network, self.origin)
        connection.owner = session
        self.begin(session, self._unread)

    def begin(self, session: Session, unread: dict[str, int]) -> None:
        """The user is in."""
        session.open(unread)
