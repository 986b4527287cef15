"""What the handlers share: one of each, made by app.py, found in `application.settings["hub"]`."""

import asyncio
import time

from msgspec import Struct
from tornado.httputil import HTTPServerRequest

from service import headers
from service.auth import Authenticator
from service.broker import Broker, Event, Receipt
from service.config import Settings
from service.heartbeat import Heartbeat
from service.limits import Buckets
from service.moderation import Moderation
from service.presence import Presence
from service.protocol import CloseCode, ErrorCode, RequestError
from service.reads import ReadPositions
from service.relay import Relay
from service.tickets import Tickets

BURST_SECONDS = 10  # of a rate, as the burst where there is no setting for it
ANSWER_TIMEOUT = 5.0  # seconds that a request waits for the broker before it is `unavailable`


class Hub(Struct, kw_only=True):
    """The parts of a running service."""

    settings: Settings
    broker: Broker
    relay: Relay
    presence: Presence
    reads: ReadPositions
    moderation: Moderation
    heartbeat: Heartbeat
    authenticator: Authenticator
    tickets: Tickets
    rates: "Rates"
    connections_limit: int = 0
    connections: int = 0
    addresses: "Tally"
    draining: bool = False

    def admit(self, network: str) -> tuple[CloseCode, str] | None:
        """Count a new socket in (and `dismiss` it at its end), or say why there is no room for it."""
        if self.connections >= self.connections_limit:
            return CloseCode.TRY_AGAIN_LATER, "this process is full"
        if 0 < self.settings.connections_per_address <= self.addresses[network]:
            return CloseCode.TOO_MANY, "too many connections from this address"
        self.connections += 1
        self.addresses.add(network)
        return None

    def dismiss(self, network: str) -> None:
        """A socket that was admitted is gone."""
        self.connections -= 1
        self.addresses.remove(network)

    async def publish(self, event: Event) -> Receipt:
        """Publish and wait for the broker's word. Raises `RequestError`."""
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

        def done(receipt: Receipt | RequestError) -> None:
            if not answer.done():
                if isinstance(receipt, RequestError):
                    answer.set_exception(receipt)
                else:
                    answer.set_result(receipt)

        self.broker.publish(event, done)
        return await answer

    def origin_of(self, request: HTTPServerRequest) -> str:
        """The origin that the request reached: the page's own."""
        return f"{headers.request_scheme(self.settings, request)}://{request.host}"

    def network(self, request: HTTPServerRequest) -> str:
        """The client's network, as limits and tickets know it."""
        return headers.limit_key(headers.client_address(self.settings, request))

    def refusal(self, request: HTTPServerRequest, guests: bool = False) -> tuple[int, str] | None:
        """Why a request may not even show its credentials: status and sentence, or None.

        A browser says its Origin; whoever says none needs a bearer token, unless `guests` (who bring nothing that a
        foreign page could use: no cookie is ever set).
        """
        if self.draining:
            return 503, "This process is leaving."
        if self.settings.force_https and headers.request_scheme(self.settings, request) != "https":
            return 403, "Use https."
        if headers.request_allowed(self.settings, request, bearer_only=not guests):
            return None
        return 403, "This host or origin may not enter."


class Rates:
    """The token buckets of this process, and what users may send over all processes."""

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self._settings = settings
        self._broker = broker
        self._spent: dict[str, int] = {}
        self.sends = Buckets(settings.send_rate, settings.send_burst)
        self.address_sends = Buckets(settings.send_rate_address, settings.send_rate_address * BURST_SECONDS)
        self.joins = Buckets(settings.join_rate, settings.join_rate * BURST_SECONDS)
        self.tickets = Buckets(settings.ticket_rate, settings.ticket_rate * BURST_SECONDS)

    @staticmethod
    def check(buckets: Buckets, key: str, what: str) -> None:
        """Take one token, or raise `rate_limited`."""
        wait = buckets.take(key, time.monotonic())
        if wait:
            raise RequestError(ErrorCode.RATE_LIMITED, f"too many {what}", wait)

    def check_send(self, user: str, address: str) -> None:
        """One message of `user` from `address`. Raises `rate_limited`."""
        if self.sends.rate > 0:
            self.check(self.sends, user, "messages")
            self._spent[user] = self._spent.get(user, 0) + 1
        if self.address_sends.rate > 0:
            self.check(self.address_sends, address, "messages from this address")

    async def run(self) -> None:
        """Count sends over all processes, after the fact: a user with sockets on many is slowed on each.

        In the broker's time, not in the way of a message: an overdraft is found within a second and paid off then.
        """
        if self.sends.rate <= 0 or not self._settings.redis_url:
            return
        while True:
            await asyncio.sleep(0.5)
            spent, self._spent = self._spent, {}
            for user, messages in spent.items():
                try:
                    wait = await self._broker.charge(user, messages, self.sends.rate, self.sends.burst)
                except RequestError:
                    break
                if wait > 0:
                    self.sends.block(user, time.monotonic(), wait)


class Tally:
    """How many sockets a key (a user, an address) has open."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __getitem__(self, key: str) -> int:
        return self._counts.get(key, 0)

    def add(self, key: str) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, key: str) -> None:
        left = self._counts.get(key, 0) - 1
        if left > 0:
            self._counts[key] = left
        else:
            self._counts.pop(key, None)
