"""`ChatHandler`: the handshake of chat sockets, and the class-level registry of the sessions that it opened."""

import asyncio
from typing import ClassVar

from service import metrics, protocol
from service.actions import ACTIONS
from service.brokers.outages import COSTS
from service.identity import headers
from service.identity.auth import AuthError, User
from service.node import NodeHandler
from service.protocol import CloseCode, RequestError
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
            named, self._unread = await asyncio.gather(self._claim_name(), self.node.reads.unread(self.user.id))
            if not named:
                self._refusal = Refusal(CloseCode.UNAUTHENTICATED, "name_taken", "name_taken")
        except AuthError as error:
            SAMPLES.note("token", str(error), network=self.network)
            self._refusal = Refusal(CloseCode.UNAUTHENTICATED, str(error), "unauthenticated")
        except RequestError:
            COSTS.refuse()
            self._refusal = _AWAY

    async def _authenticate(self) -> User:
        ticket = headers.offered_ticket(self.request.headers)
        if ticket is not None:
            return await self.node.tickets.redeem(ticket, self.network, self.origin)
        token = headers.bearer(self.request.headers)
        if token is not None:
            return await self.node.authenticator.verify(token)
        raise AuthError("a ticket or a token is missing")

    async def _claim_name(self) -> bool:
        """Whether the name is theirs. Asked again of a ticket's user: the ticket may be older than a claim lasts."""
        if self._ban() is not None:
            return True  # `_admit` refuses them; a claim would only keep the name from others
        return await self.node.admission.claim_name(self.user)

    def late_refusal(self) -> Refusal | None:
        return self.node.admission.leaving()

    def _ban(self) -> Held | None:
        network = self.network if self.user.guest else ""
        return self.node.moderation.find("ban", "", self.user.id, network)

    def _admit(self) -> Refusal | None:
        if not self.node.moderation.known:
            return _AWAY
        held = self._ban()
        if held is not None:
            SAMPLES.note("ban", "a handshake", user=self.user.id, network=self.network)
            return Refusal(CloseCode.REMOVED, banned(held.reason), "banned")
        refusal = self.node.admission.admit(self.network, len(self.sessions.of(self.user.id)))
        if refusal is not None:
            SAMPLES.note("rate", refusal.sentence, user=self.user.id, network=self.network)
        return refusal

    def open(self, connection: Connection) -> None:
        refusal = self._refusal or self._admit()
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
