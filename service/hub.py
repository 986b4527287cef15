"""What the handlers share: one of each, made by app.py, found in `application.settings["hub"]`."""

import asyncio
import time

import msgspec
from msgspec import Struct
from tornado.httputil import HTTPServerRequest

from service import names
from service.brokers.broker import Broker
from service.brokers.directory import Directory
from service.brokers.log import Event, Receipt
from service.config import Settings
from service.identity.auth import Authenticator, User
from service.identity.headers import Origins, Proxies
from service.identity.networks import Networks
from service.identity.tickets import TICKET_SECONDS, Tickets
from service.limits import Buckets, Tally
from service.protocol import PAGE_DEFAULT, PAGE_LIMIT, CloseCode, ErrorCode, RequestError, encode
from service.rooms.moderation import Moderation
from service.rooms.presence import Presence
from service.rooms.reads import ReadPositions
from service.rooms.relay import Relay
from service.rooms.typists import Typists
from service.sockets.heartbeat import Heartbeat
from service.sockets.limits import SocketLimits

BURST_SECONDS = 10  # of a rate, as the burst where there is no setting for it
ROOM_BURST = 60  # rooms that an address may begin at once
# Of typing, read and ping a user may send so many times SEND_RATE and SEND_BURST, an address so many times
# SEND_RATE_ADDRESS. They don't reach the broker one by one, but each costs the loop 5 to 15 µs: five sockets that did
# nothing but ping held up everybody else for 0.35 s. An office of people who read along sends many of them.
LIGHT, LIGHT_ADDRESS = 2, 10
TYPING_RATE, TYPING_BURST = 1.0, 5  # typing frames a second of a user; more are dropped
SLOW_SECONDS = 10.0  # from one message to the next of who is slowed by a moderator
SWEEP_INTERVAL = 60.0  # seconds between looks for buckets that are full again
PAGES_AT_ONCE = 16  # history pages that are read and written at the same time; further ones wait
ANSWER_TIMEOUT = 5.0  # seconds that a request waits for the broker before it is `unavailable`


class Hub(Struct, kw_only=True):
    """The parts of a running service."""

    settings: Settings
    broker: Broker
    relay: Relay
    presence: Presence
    reads: ReadPositions
    moderation: Moderation
    networks: Networks
    typists: Typists
    heartbeat: Heartbeat
    proxies: Proxies
    origins: Origins
    authenticator: Authenticator
    tickets: Tickets
    rates: "Rates"
    socket_limits: SocketLimits
    connections_limit: int = 0
    connections: int = 0
    addresses: "Tally"
    draining: bool = False
    failed: set[str] = msgspec.field(default_factory=set)  # parts that don't work right now
    # From its reading until it is written a page is in memory several times over: in JSON, as a frame.
    pages: asyncio.Semaphore = msgspec.field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))

    def admit(self, network: str) -> tuple[CloseCode, str] | None:
        """Count a new socket in (and `dismiss` it at its end), or say why there is no room for it."""
        if self.connections >= self.connections_limit:
            return CloseCode.TRY_AGAIN_LATER, "this process is full"
        if 0 < self.settings.connections_per_address <= self.addresses[network]:
            return CloseCode.TOO_MANY, "too many connections from this address"
        if self.rates.connects.take(network, time.monotonic()):
            return CloseCode.TOO_MANY, "too many new connections from this address"
        self.connections += 1
        self.addresses.add(network)
        return None

    def dismiss(self, network: str) -> None:
        """A socket that was admitted is gone."""
        self.connections -= 1
        self.addresses.remove(network)

    def check_slowed(self, room: str, user: str, network: str = "") -> None:
        """One message of who is slowed by a moderator. Raises `rate_limited`."""
        slowed = self.moderation.slows(room, user, network)
        if slowed is not None:
            self.rates.check(self.rates.slow, slowed, "messages for somebody who is slowed")

    async def may_begin(self, network: str) -> None:
        """Whether a room that isn't there yet may be begun from there. Raises `rate_limited` or `too_many_rooms`."""
        self.rates.check(self.rates.rooms, network, "new rooms from this address")
        if 0 < self.settings.rooms_total <= await self.broker.directory.room_count():
            raise RequestError(ErrorCode.TOO_MANY_ROOMS, "there are too many rooms to begin another")

    async def publish(self, event: Event) -> Receipt:
        """Publish and wait for the broker's word. Raises `RequestError`."""
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

        def done(receipt: Receipt | RequestError) -> None:
            if not answer.done():
                if isinstance(receipt, RequestError):
                    answer.set_exception(receipt)
                else:
                    answer.set_result(receipt)

        self.broker.log.publish(event, done)
        return await answer

    async def claim_name(self, user: User, network: str = "") -> bool:
        """Whether `user` may be here by their name. Raises `RequestError` unavailable.

        With the `network` of somebody new who asks for a ticket, a claim from there gives way whose holder never came:
        the answer was lost. Who comes by a ticket or token says none, so that no other takes the name meanwhile.
        A guest's name must be free. A token's comes from the operator's own directory: it is claimed where it is free.
        """
        key = names.name_key(user.name)
        claimed = await self.broker.directory.claim_name(key, user.id, TICKET_SECONDS, network)
        return claimed or not user.guest

    def tell_name(self, user: User) -> None:
        """A guest claimed this name, so the one before is free: their open sockets, on any process, take it on."""
        self.broker.log.signal("", encode({"kind": "named", "user": user.person}))

    def network(self, request: HTTPServerRequest) -> str:
        """The client's network, as limits and tickets know it."""
        return self.proxies.network(request)

    def leaving(self) -> tuple[int, str] | None:
        """Status and sentence for who comes while this process leaves, else None."""
        return (503, "This process is leaving.") if self.draining else None

    def refusal(self, request: HTTPServerRequest, guests: bool = False) -> tuple[int, str] | None:
        """Why a request may not even show its credentials: status and sentence, or None.

        A browser says its Origin; whoever says none needs a bearer token or a ticket of its kind, unless `guests` (who
        bring nothing that a foreign page could use: no cookie is ever set).
        """
        if self.draining:
            return self.leaving()
        if self.settings.force_https and self.proxies.scheme(request) != "https":
            return 403, "Use https."
        if self.origins.admits(request, handshake=not guests):
            return None
        return 403, "This host or origin may not enter."


class Rates:
    """The token buckets of this process, and what users may send over all processes.

    Whatever costs the broker, the loop or other people's lines is charged to its user and to its address: who opens
    many sockets, or is many guests, has no more of it.
    """

    def __init__(self, settings: Settings, directory: Directory) -> None:
        self._settings = settings
        self._directory = directory
        self._counts = settings.send_rate > 0 and bool(settings.redis_url)
        self._spent: dict[str, int] = {}
        sends, address_sends = settings.send_rate, settings.send_rate_address
        self._sends_limited = sends > 0 or address_sends > 0
        self.sends = Buckets(sends, settings.send_burst)
        self.address_sends = buckets(address_sends)
        self.joins = buckets(settings.join_rate)
        self.address_joins = buckets(settings.join_rate_address)
        self.connects = buckets(settings.join_rate_address)
        self.rooms = Buckets(settings.room_rate / 3600, ROOM_BURST)
        self.tickets = buckets(settings.ticket_rate)
        self.lights = Buckets(LIGHT * sends, LIGHT * settings.send_burst)
        self.address_lights = buckets(LIGHT_ADDRESS * address_sends)
        self.typing = Buckets(TYPING_RATE, TYPING_BURST)
        self.address_typing = buckets(address_sends / 5)
        self.slow = Buckets(1 / SLOW_SECONDS, 1)

    @staticmethod
    def check(buckets: Buckets, key: str, what: str, cost: float = 1) -> None:
        """Take tokens, or raise `rate_limited`."""
        wait = buckets.take(key, time.monotonic(), cost)
        if wait:
            raise _limited(what, wait)

    def _check_both(self, users: Buckets, user: str, addresses: Buckets, address: str, what: str, cost: float) -> None:
        """Take from both or, raising `rate_limited`, from neither."""
        now = time.monotonic()
        if wait := addresses.wait(address, now, cost):
            raise _limited(f"{what} from this address", wait)
        if wait := users.take(user, now, cost):
            raise _limited(what, wait)
        addresses.take(address, now, cost)

    def check_send(self, user: str, address: str) -> None:
        """One message of `user` from `address`. Raises `rate_limited`."""
        if self._sends_limited:
            self._check_both(self.sends, user, self.address_sends, address, "messages", 1)
        if self._counts:
            self._spent[user] = self._spent.get(user, 0) + 1

    def check_page(self, user: str, address: str, what: str, cost: float = 1) -> None:
        """What `user` reads from `address`, by its size in pages (`page_cost`). Raises `rate_limited`."""
        self._check_both(self.joins, user, self.address_joins, address, what, cost)

    def charge_page(self, user: str, address: str, cost: float) -> None:
        """What turned out to be more than was checked. An address pays a part only: a crowd may come back at once."""
        now = time.monotonic()
        self.joins.charge(user, now, cost)
        self.address_joins.charge(address, now, min(cost, page_cost(PAGE_LIMIT) - 1))

    def check_light(self, user: str, address: str) -> None:
        """A frame that doesn't reach the broker by itself. Raises `rate_limited`."""
        self._check_both(self.lights, user, self.address_lights, address, "frames", 1)

    def may_type(self, user: str, address: str) -> bool:
        """Whether others are shown that `user` types."""
        now = time.monotonic()
        return not (self.typing.take(user, now) or self.address_typing.take(address, now))

    async def run(self) -> None:
        """Count sends over all processes, after the fact: a user with sockets on many is slowed on each.

        In the broker's time, not in the way of a message: an overdraft is found within a second and paid off then.
        """
        while self._counts:
            await asyncio.sleep(0.5)
            spent, self._spent = self._spent, {}
            for user, messages in spent.items():
                try:
                    wait = await self._directory.charge(user, messages, self.sends.rate, self.sends.burst)
                except RequestError:
                    if not self._directory.available:
                        break
                    continue
                if wait > 0:
                    self.sends.block(user, time.monotonic(), wait)

    async def upkeep(self) -> None:
        """Let memory follow activity where no new keys come."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            for buckets in vars(self).values():
                if isinstance(buckets, Buckets):
                    buckets.sweep(time.monotonic())


def buckets(rate: float) -> Buckets:
    """With the burst that goes with a rate where there is no setting for it."""
    return Buckets(rate, rate * BURST_SECONDS)


def _limited(what: str, wait: float) -> RequestError:
    return RequestError(ErrorCode.RATE_LIMITED, f"too many {what}", wait)


def page_cost(messages: int) -> float:
    """What a page of so many messages costs: one for each `PAGE_DEFAULT`, and no less than one."""
    return max(1.0, messages / PAGE_DEFAULT)
