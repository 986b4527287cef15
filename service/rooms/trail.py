"""The trail of moderation: who did what to whom, when, where, for how long, and why; kept by the broker."""

import logging
import secrets
from contextlib import suppress

import msgspec

from service.brokers.directory import Deed, Directory
from service.brokers.log import Log
from service.brokers.presence import SharedPresence
from service.clock import CLOCK
from service.identity.auth import User
from service.logs import fields
from service.protocol import Moderate, Person, RequestError

logger = logging.getLogger(__name__)

REMOVE = "remove"  # of a message, beside the actions of protocol.Action


class _Message(msgspec.Struct):
    user: Person


class Trail:
    """Written behind each deed, which is done whether or not that can be."""

    def __init__(self, directory: Directory, presence: SharedPresence, log: Log) -> None:
        self._directory = directory
        self._presence = presence
        self._log = log

    async def moderated(self, by: User, request: Moderate, seconds: float) -> None:
        """What `Moderation.moderate` did; `seconds` as in `Deed`. Raises `unavailable`."""
        about = Person(request.user, "")
        with suppress(RequestError):  # on a cluster that may be another primary's
            about = await self._presence.find(request.user) or about
        room, reason = request.room or "", request.reason or ""
        await self._record(by, request.action, about, room, seconds, reason, request.network)

    async def removed(self, by: User, room: str, seq: int) -> None:
        """Somebody else's message was removed; one's own is nobody's business. Raises `unavailable`."""
        page = await self._log.after(room, seq - 1, 1)
        if page is None or page.seq != seq:  # trimmed meanwhile
            return
        author = msgspec.json.decode(page.frames[0], type=_Message).user
        if author.id != by.id:
            await self._record(by, REMOVE, author, room, seq=seq)

    async def try_removed(self, by: User, room: str, seq: int) -> None:
        """The same, where nobody waits for it."""
        try:
            await self.removed(by, room, seq)
        except RequestError as error:
            extra = fields("trail_failed", room=room, seq=seq, by=by.id, reason=error.message)
            logger.warning("the trail lacks a removal: %s %d by %s", room, seq, by.id, extra=extra)

    async def _record(
        self,
        by: User,
        action: str,
        about: Person,
        room: str,
        seconds: float = 0.0,
        reason: str = "",
        network: bool = False,
        seq: int = 0,
    ) -> None:
        deed = Deed(
            id=secrets.token_hex(8),
            at=CLOCK.now_ms(),
            action=action,
            by=by.person,
            user=about,
            room=room,
            seconds=seconds,
            reason=reason,
            network=network,
            seq=seq,
        )
        await self._directory.record(deed)
