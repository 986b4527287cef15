"""The handshake of the guides' sockets, and the class-level registry of the sessions that it opened."""

from typing import ClassVar

from service import metrics
from service.brokers.directory import Sanction
from service.guides.session import GuestSession, GuideSession
from service.guides.voice import LOBBY
from service.node import NodeHandler
from service.protocol import CloseCode
from service.rooms.moderation import banned
from service.sockets.connection import Connection
from service.sockets.tornado_private import answered
from service.sockets.upgrade import Refusal, UpgradeHandler


class GuideHandler(NodeHandler, UpgradeHandler):
    """Lets anybody in, within limits. What lives on is a session of `kind`; `sessions` are all that are open."""

    sessions: ClassVar[dict[GuideSession, None]] = {}

    session: GuideSession | None = None

    def initialize(self, kind: type[GuideSession]) -> None:  # type: ignore[override]
        self.kind = kind
        super().initialize(self.node.socket_limits)

    def refusal_headers(self) -> dict[str, str]:
        return self.node.origins.cors_headers(self.request)

    def prepare(self) -> None:
        super().prepare()
        refusal = self.node.admission.refusal(self.request, guests=True)
        if refusal is not None:
            self.refuse(*refusal)

    async def get(self, *args: str, **kwargs: str) -> None:
        try:
            await super().get(*args, **kwargs)
        finally:
            if self.session is not None and self.session not in self.sessions:  # gone or refused meanwhile
                self.session.let_go()

    async def identify(self) -> None:
        self.network = self.node.proxies.network(self.request)
        self.session = self.make_session()
        await self.session.prepare()

    def make_session(self) -> GuideSession:
        """A session that may be opened."""
        return self.kind(self.node, self.sessions, self.network)

    def late_refusal(self) -> Refusal | None:
        return self.node.admission.leaving()

    def admit(self) -> Refusal | None:
        """Count it in, or say why not."""
        admission = self.node.admission
        return admission.look_at(self.network) or admission.admit(self.network)

    def open(self, connection: Connection) -> None:
        assert self.session is not None
        refusal = self.admit()
        if refusal is not None:
            metrics.REFUSED.labels(refusal.reason).inc()
            connection.close(refusal.code, refusal.sentence)
            return
        connection.owner = self.session
        self.session.open(connection)


class GuestHandler(GuideHandler):
    """For guests: where those may not enter, nobody may."""

    def prepare(self) -> None:
        super().prepare()
        if not answered(self) and not self.node.authenticator.guests:
            self.refuse(403, "Guests may not enter here.", "guests")

    def admit(self) -> Refusal | None:
        """Where guests of this network may not be, it is closed 4403."""
        moderation = self.node.moderation
        held = moderation.find("ban", LOBBY, "", self.network) if moderation.known else None
        return Refusal(CloseCode.REMOVED, banned(held.reason), "banned") if held else super().admit()

    @classmethod
    def disconnect(cls, user: str, reason: str) -> None:
        """Close the socket of who speaks here as `user`."""
        for session in list(cls.sessions):
            if isinstance(session, GuestSession) and session.voice is not None and session.voice.id == user:
                session.close(CloseCode.UNAUTHENTICATED, reason)

    @classmethod
    def remove(cls, sanction: Sanction, reason: str) -> None:
        """Close the sockets of whom a moderator removed from the lobby, or from everywhere."""
        if sanction.room in ("", LOBBY):
            for session in list(cls.sessions):
                if isinstance(session, GuestSession) and session.meant(sanction):
                    session.close(CloseCode.REMOVED, reason)
