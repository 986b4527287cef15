"""`/users/<user>`: what a backend may do to somebody as a whole."""

from service import signals
from service.backend.handler import BackendHandler, check_user
from service.brokers.base import unavailable
from service.protocol import ErrorCode, RequestError, encode

REASON_BYTES = 123  # of a close frame


class SocketsHandler(BackendHandler):
    """`DELETE /users/<user>/sockets`: closed on all processes. Whoever it is may come back by a new ticket."""

    async def delete(self, user: str) -> None:
        caller = await self.service_everywhere()
        check_user(user, "the user's id")
        reason = self.get_query_argument("reason", "") or "closed by the service's own backend"
        if len(reason.encode()) > REASON_BYTES:
            raise RequestError(ErrorCode.BAD_REQUEST, f"reason is longer than {REASON_BYTES} bytes")
        self.charge(caller)
        log = self.node.broker.log
        if not log.available:  # a signal is lost without a word then
            raise unavailable("the broker is away")
        log.signal("", encode(signals.Disconnect(user=user, reason=reason)))
        self.write_json({"user": user}, 202)
