"""`/users/<user>`: what a backend may do to somebody as a whole."""

import asyncio
import logging

from service import signals
from service.backend.handler import BackendHandler, check_user
from service.backend.messages import author_of, publishing
from service.brokers import events
from service.brokers.base import unavailable
from service.identity.auth import User
from service.logs import fields
from service.protocol import ErrorCode, RequestError, encode
from service.sockets.framing import REASON_BYTES

logger = logging.getLogger(__name__)

ROOMS_AT_ONCE = 50  # that are looked up together
REMOVALS_AT_ONCE = 100  # of messages of a room


class UsersHandler(BackendHandler):
    """What both have."""

    def check_user(self, user: str) -> str:
        return check_user(user, "the user's id")

    def close_sockets(self, user: str, reason: str) -> None:
        """Tell every process. Raises `unavailable`."""
        log = self.node.broker.log
        if not log.available:  # a signal is lost without a word then
            raise unavailable("the broker is away")
        log.signal("", encode(signals.Disconnect(user=user, reason=reason)))


class SocketsHandler(UsersHandler):
    """`DELETE /users/<user>/sockets`: closed on all processes. Whoever it is may come back by a new ticket."""

    async def delete(self, user: str) -> None:
        caller = await self.service_everywhere()
        self.check_user(user)
        reason = self.get_query_argument("reason", "") or "closed by the service's own backend"
        if len(reason.encode()) > REASON_BYTES:
            raise RequestError(ErrorCode.BAD_REQUEST, f"reason is longer than {REASON_BYTES} bytes")
        self.charge(caller)
        self.close_sockets(user, reason)
        self.write_json({"user": user}, 202)


class UserHandler(UsersHandler):
    """`DELETE /users/<user>`: their messages are removed, and what else is kept of them goes, room by room."""

    async def delete(self, user: str) -> None:
        caller = await self.service_everywhere()
        self.check_user(user)
        cursor = self.get_query_argument("after", "")
        self.charge(caller)
        self.close_sockets(user, "this user is deleted")
        directory, loop = self.node.broker.directory, asyncio.get_running_loop()
        began, rooms, removed = loop.time(), 0, 0
        while True:
            names, cursor = await directory.walk(ROOMS_AT_ONCE, cursor)
            for room in names:
                removed += await self._purge(caller, room, user)
            rooms += len(names)
            if not cursor or loop.time() - began > self.node.purge_seconds:
                break
        await directory.forget_user(user)  # last: until its sockets are closed it may leave traces
        extra = fields("user_purged", by=caller.id, count=removed)
        logger.info("a user was purged by %s: %d messages removed", caller.id, removed, extra=extra)
        self.write_json({"user": user, "rooms": rooms, "messages": removed, "next": cursor or None})

    async def _purge(self, caller: User, room: str, user: str) -> int:
        """Of one room; how many messages were removed. Those who are there see each go, as by any removal."""
        log, author, removed = self.node.broker.log, author_of(caller), 0
        seqs = await log.messages_of(room, user)
        for start in range(0, len(seqs), REMOVALS_AT_ONCE):
            part = seqs[start : start + REMOVALS_AT_ONCE]
            removals = [events.change(room, f"purge-{seq}", author, "remove", seq) for seq in part]
            receipts = await asyncio.gather(*(publishing(log, event) for event in removals), return_exceptions=True)
            for receipt in receipts:
                if isinstance(receipt, BaseException) and getattr(receipt, "code", None) is not ErrorCode.BAD_REQUEST:
                    raise receipt  # bad_request: it was removed or trimmed meanwhile
            removed += sum(not isinstance(receipt, BaseException) for receipt in receipts)
        await log.forget_user(room, user)
        return removed
