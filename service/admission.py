"""Who may come in, and how fast: connections, addresses, rates, names, and requests that are refused."""

import asyncio
import time

from tornado.httputil import HTTPServerRequest

from service import names, signals
from service.brokers.directory import Directory
from service.brokers.log import Log
from service.identity.auth import User
from service.identity.headers import Origins, Proxies
from service.identity.tickets import TICKET_SECONDS
from service.limits import Buckets, Counts
from service.protocol import PAGE_DEFAULT, PAGE_LIMIT, CloseCode, ErrorCode, RequestError, encode
from service.rooms.moderation import Moderation
from service.sockets.upgrade import Refusal

BURST_SECONDS = 10  # of a rate, as the burst where there is no setting for it
ROOM_BURST = 60  # rooms that an address may begin at once
# Small frames (typing, read, ping): a user may send so many times SEND_RATE and SEND_BURST of them, an address so many
# times SEND_RATE_ADDRESS. They don't reach the broker one by one, but each costs the loop 5 to 15 µs: five sockets that
# did nothing but ping held up everybody else for 0.35 s. An office of people who read along sends many of them.
SMALL_FRAMES_FACTOR, SMALL_FRAMES_ADDRESS_FACTOR = 2, 10
TYPING_RATE, TYPING_BURST = 1.0, 5  # typing frames a second of a user; more are dropped
# Counting what is unread in a room is a step of its own, and costs the loop a seventh of what a page does, about 27 µs.
# It is charged at less, for all come back at once after a restart: 20 sockets of a user with 200 rooms may.
UNREAD_ROOMS_A_TOKEN, UNREAD_BURST_SECONDS = 20, 20
FAN_OUT = 1000  # deliveries that a message's token pays for, of an address: a room of so many notices nothing
SLOW_SECONDS = 10.0  # from one message to the next of who is slowed by a moderator
# Answers 429 that an address gets at once, a second and at first; more of them wait. Who asks again as soon as it is
# refused holds up the loop otherwise, a thousand at a time, and no less for having to connect anew.
REFUSAL_RATE, REFUSAL_BURST = 50.0, 200
COUNT_INTERVAL = 0.5  # seconds between two counts of what was sent over all processes
SWEEP_INTERVAL = 60.0  # seconds between looks for buckets that are full again


class Admission:
    """Who may come into this process and what they may begin there; counts who is in.

    `draining`: the process is leaving, which balancers are told. `closed`: and nobody comes in any more. `failed`:
    parts that don't work right now; people are served with the others, and balancers are told to send them elsewhere.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        log: Log,
        moderation: Moderation,
        rates: "Rates",
        proxies: Proxies,
        origins: Origins,
        connections: int,
        connections_per_user: int = 0,
        connections_per_address: int = 0,
        rooms_total: int = 0,
        force_https: bool = False,
    ) -> None:
        """`connections`, `connections_per_…` in sockets, `rooms_total` of the deployment; 0 of the latter is off."""
        self._directory = directory
        self._log = log
        self._moderation = moderation
        self._rates = rates
        self._proxies = proxies
        self._origins = origins
        self.connections_limit = connections
        self._per_user = connections_per_user
        self._per_address = connections_per_address
        self._rooms_total = rooms_total
        self.force_https = force_https
        self.connections = 0
        self._addresses = Counts()
        self.draining = self.closed = False
        self.failed: set[str] = set()

    @property
    def requests_per_address(self) -> int:
        """HTTP requests that a client may have under way; 0: the listener counts connections instead."""
        return self._per_address if self._proxies.trusted else 0

    def look_at(self, network: str, of_user: int = 0) -> Refusal | None:
        """Whether a new socket may cost the broker anything, before `admit`: takes its token, or says why not."""
        refusal = self._no_room(network, of_user)
        if refusal is None and self._rates.connects.take(network, time.monotonic()):
            return Refusal(CloseCode.TOO_MANY, "too many new connections from this address", "too_fast")
        return refusal

    def admit(self, network: str, of_user: int = 0) -> Refusal | None:
        """Count a new socket in (and `dismiss` it at its end), or say why there is no room for it.

        `of_user` is how many sockets its user has already.
        """
        refusal = self._no_room(network, of_user)
        if refusal is None:
            self.connections += 1
            self._addresses.add(network)
        return refusal

    def _no_room(self, network: str, of_user: int) -> Refusal | None:
        if 0 < self._per_user <= of_user:
            return Refusal(CloseCode.TOO_MANY, "too many connections of this user", "too_many_of_user")
        if self.connections >= self.connections_limit:
            return Refusal(CloseCode.TRY_AGAIN_LATER, "this process is full", "full")
        if 0 < self._per_address <= self._addresses[network]:
            return Refusal(CloseCode.TOO_MANY, "too many connections from this address", "too_many_of_address")
        return None

    def dismiss(self, network: str) -> None:
        """A socket that was admitted is gone."""
        self.connections -= 1
        self._addresses.remove(network)

    def check_slowed(self, room: str, user: str, network: str = "") -> None:
        """One message of who is slowed by a moderator. Raises `rate_limited`."""
        slowed = self._moderation.slows(room, user, network)
        if slowed is not None:
            self._rates.check(self._rates.slow, slowed, "messages for somebody who is slowed")

    async def may_begin(self, network: str) -> None:
        """Whether a room that isn't there yet may be begun from there. Raises `rate_limited` or `too_many_rooms`."""
        self._rates.check(self._rates.rooms, network, "new rooms from this address")
        if 0 < self._rooms_total <= await self._directory.room_count():
            raise RequestError(ErrorCode.TOO_MANY_ROOMS, "there are too many rooms to begin another")

    async def claim_name(self, user: User, network: str = "") -> bool:
        """Whether `user` may be here by their name. Raises `RequestError` unavailable.

        With the `network` of somebody new who asks for a ticket, a claim from there gives way whose holder never came:
        the answer was lost. Who comes by a ticket or token says none, so that no other takes the name meanwhile.
        A guest's name must be free. A token's comes from the operator's own directory: it is claimed where it is free.
        """
        key = names.name_key(user.name)
        claimed = await self._directory.claim_name(key, user.id, TICKET_SECONDS, network)
        return claimed or not user.guest

    def announce_name(self, user: User) -> None:
        """A guest claimed this name, so the one before is free: their open sockets, on any process, take it on."""
        self._log.signal("", encode(signals.Named(user=user.person)))

    def leaving(self) -> Refusal | None:
        """Status and sentence for who comes once nobody may, else None."""
        return Refusal(503, "This process is leaving.", "leaving") if self.closed else None

    def refusal(self, request: HTTPServerRequest, guests: bool = False) -> Refusal | None:
        """Why a request may not even show its credentials: a status and a sentence, or None.

        A browser says its Origin; whoever says none needs a bearer token or a ticket of its kind, unless `guests` (who
        bring nothing that a foreign page could use: no cookie is ever set).
        """
        return self.leaving() or self.stranger(request, guests)

    def stranger(self, request: HTTPServerRequest, guests: bool = False) -> Refusal | None:
        """The same, but that of a process which is leaving: for those who are in."""
        if self.force_https and self._proxies.scheme(request) != "https":
            return Refusal(403, "Use https.", "https")
        if self._origins.admits(request, handshake=not guests):
            return None
        return Refusal(403, "This host or origin may not enter.", "origin")


class Rates:
    """The token buckets of this process, and what users may send over all processes.

    Whatever costs the broker, the loop or other people's lines is charged to its user and to its address: who opens
    many sockets, or is many guests, has no more of it.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        shared: bool = False,
        send_rate: float = 0,
        send_burst: int = 1,
        send_rate_address: float = 0,
        join_rate: float = 0,
        join_rate_address: float = 0,
        service_rate: float = 0,
        service_rate_address: float = 0,
        room_rate: float = 0,
        room_burst: int = ROOM_BURST,
        ticket_rate: float = 0,
        history_limit: int = 0,
        fan_out: int = FAN_OUT,
        sweep_interval: float = SWEEP_INTERVAL,
    ) -> None:
        """Rates as the settings of these names have them; 0 is off. `shared`: there are other processes.

        `history_limit`: messages of a room that can be read at all. `fan_out`: deliveries that one of an
        address's messages may bring about; one that brings about more costs more. `sweep_interval` in seconds.
        """
        self._directory = directory
        self._counts = shared and send_rate > 0
        self.uncounted: dict[str, int] = {}  # messages by user that the other processes don't know of yet
        self._sends_limited = send_rate > 0 or send_rate_address > 0
        self.history_limit = history_limit
        self.fan_out = fan_out
        self._sweep_interval = sweep_interval
        self.sends = Buckets(send_rate, send_burst)
        self.address_sends = buckets(send_rate_address)
        self.joins = buckets(join_rate)
        self.address_joins = buckets(join_rate_address)
        self.connects = buckets(join_rate_address)
        self.unread = Buckets(join_rate, join_rate * UNREAD_BURST_SECONDS)
        self.address_unread = buckets(join_rate_address)
        self.services = buckets(service_rate)
        self.address_services = buckets(service_rate_address)
        self.rooms = Buckets(room_rate / 3600, room_burst)
        self.tickets = buckets(ticket_rate)
        self.small_frames = Buckets(SMALL_FRAMES_FACTOR * send_rate, SMALL_FRAMES_FACTOR * send_burst)
        self.address_small_frames = buckets(SMALL_FRAMES_ADDRESS_FACTOR * send_rate_address)
        self.typing = Buckets(TYPING_RATE, TYPING_BURST)
        self.address_typing = buckets(send_rate_address / 5)
        self.slow = Buckets(1 / SLOW_SECONDS, 1)
        self.refusals = Buckets(REFUSAL_RATE, REFUSAL_BURST)

    @staticmethod
    def check(buckets: Buckets, key: str, what: str, cost: float = 1) -> None:
        """Take tokens, or raise `rate_limited`."""
        wait = buckets.take(key, time.monotonic(), cost)
        if wait:
            raise _limited(what, wait)

    def _check_both(
        self,
        users: Buckets,
        user: str,
        addresses: Buckets,
        address: str,
        what: str,
        cost: float,
        address_cost: float | None = None,
    ) -> None:
        """Take from both or, raising `rate_limited`, from neither; the same of both unless `address_cost` is said."""
        now, of_address = time.monotonic(), cost if address_cost is None else address_cost
        if wait := addresses.wait(address, now, of_address):
            raise _limited(f"{what} from this address", wait)
        if wait := users.take(user, now, cost):
            raise _limited(what, wait)
        addresses.take(address, now, of_address)

    def check_send(self, user: str, address: str, audience: int = 0) -> None:
        """One message of `user` from `address`, for so many. Raises `rate_limited`.

        In a large room the address pays for its size: so it brings about no more deliveries than in one of `fan_out`.
        """
        if self._sends_limited:
            cost = max(1.0, audience / self.fan_out)
            self._check_both(self.sends, user, self.address_sends, address, "messages", 1, cost)
        if self._counts:
            self.uncounted[user] = self.uncounted.get(user, 0) + 1

    def check_page(self, user: str, address: str, what: str, cost: float = 1) -> None:
        """What `user` reads from `address`, by its size in pages (`page_cost`). Raises `rate_limited`."""
        self._check_both(self.joins, user, self.address_joins, address, what, cost)

    def check_unread(self, user: str, address: str, rooms: int) -> None:
        """What is unread in so many rooms, for `user`'s new socket. Raises `rate_limited`."""
        what, cost = "new connections with much to count as unread", unread_cost(rooms)
        self._check_both(self.unread, user, self.address_unread, address, what, cost)

    def check_service(self, user: str, address: str, what: str, cost: float = 1) -> None:
        """What `user`, whose token has the role service, asks for over HTTP, apart from people. Raises `rate_limited`.

        A message costs 1, a page what `page_cost` says, any other request 1.
        """
        self._check_both(self.services, user, self.address_services, address, what, cost)

    def charge_missed(self, user: str, address: str, messages: int) -> None:
        """What is read for who comes back, which is more than was checked.

        An address pays a part only: a crowd may come back at once.
        """
        cost = page_cost(min(messages, self.history_limit)) - 1
        now = time.monotonic()
        self.joins.charge(user, now, cost)
        self.address_joins.charge(address, now, min(cost, page_cost(PAGE_LIMIT) - 1))

    def check_small_frame(self, user: str, address: str) -> None:
        """A frame that doesn't reach the broker by itself. Raises `rate_limited`."""
        self._check_both(self.small_frames, user, self.address_small_frames, address, "frames", 1)

    def may_type(self, user: str, address: str) -> bool:
        """Whether others are shown that `user` types."""
        now = time.monotonic()
        return not (self.typing.take(user, now) or self.address_typing.take(address, now))

    async def run(self) -> None:
        """Count sends over all processes, after the fact: a user with sockets on many is slowed on each.

        In the broker's time, not in the way of a message: an overdraft is found within a second and paid off then.
        """
        counted_at = time.monotonic()
        while self._counts:
            await asyncio.sleep(COUNT_INTERVAL)
            since, counted_at = counted_at, time.monotonic()
            # What was sent since then is charged as if all were sent now. Who sent as fast as they may owes nothing.
            burst = self.sends.burst + self.sends.rate * max(2 * COUNT_INTERVAL, counted_at - since)
            spent, self.uncounted = self.uncounted, {}
            for user, messages in spent.items():
                try:
                    wait = await self._directory.charge(user, messages, self.sends.rate, burst)
                except RequestError:
                    if not self._directory.available:
                        break
                    continue
                if wait > 0:
                    self.sends.block(user, time.monotonic(), wait)

    async def upkeep(self) -> None:
        """Let memory follow activity where no new keys come."""
        while True:
            await asyncio.sleep(self._sweep_interval)
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


def unread_cost(rooms: int) -> float:
    """What it costs to count what is unread in so many rooms, in pages of `PAGE_DEFAULT`."""
    return rooms / UNREAD_ROOMS_A_TOKEN
