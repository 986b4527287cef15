"""What the embedded broker keeps in memory: who listens, tickets, names, presence, guests' networks, buckets.

There is one process, so memory is all that the contract asks for here; its sockets are gone with it. Times are the
loop's.
"""

import asyncio
from collections.abc import Sequence

from service.brokers.base import unavailable
from service.brokers.broker import Broker
from service.brokers.directory import NETWORK_SECONDS, NETWORKS_LIMIT, Directory
from service.brokers.log import Log, Subscriber
from service.brokers.presence import Roster, SharedPresence
from service.brokers.sqlite.names import Names
from service.protocol import MEMBERS_LIMIT, Person, encode

CHARGE_SECONDS = 10.0  # how far a user's bucket can be overdrawn


class Memory(Broker, Log, SharedPresence, Directory):
    """These parts of the contract. Whoever completes it sets `_loop`, `subscriber` and `_open`, and calls `_sweep`."""

    _loop: asyncio.AbstractEventLoop
    subscriber: Subscriber
    _open = False

    def __init__(self) -> None:
        self.log = self.presence = self.directory = self
        self._subscribed: set[str] = set()
        self._subscribing: list[str] = []
        self._tickets: dict[str, tuple[bytes, float]] = {}  # record, end
        self._names = Names(lambda user: user in self._people.get("", ()))
        self._people: dict[str, dict[str, Person]] = {}
        self._networks: dict[str, dict[str, float]] = {}  # of guests, with the ends of that knowledge, the latest last
        self._charges: dict[str, float] = {}  # when the user's bucket is full again

    def _now(self) -> float:
        """The time. Raises `unavailable` once closed, as everything does."""
        if not self._open:
            raise unavailable()
        return self._loop.time()

    def _sweep(self) -> None:
        """Forget what ran out."""
        now = self._now()
        self._tickets = {key: kept for key, kept in self._tickets.items() if kept[1] > now}
        self._names.sweep(now)
        self._networks = {user: kept for user, kept in self._networks.items() if max(kept.values()) > now}
        self._charges = {user: full_at for user, full_at in self._charges.items() if full_at > now}

    # -- reach

    def subscribe(self, room: str) -> None:
        self._subscribed.add(room)
        self._subscribing.append(room)
        if len(self._subscribing) == 1:
            self._loop.call_soon(self._confirm)

    def _confirm(self) -> None:
        rooms, self._subscribing = self._subscribing, []
        wished = [room for room in dict.fromkeys(rooms) if room in self._subscribed]
        if wished:
            self.subscriber.on_subscribed(wished)

    def unsubscribe(self, room: str) -> None:
        self._subscribed.discard(room)

    def signal(self, room: str, payload: bytes) -> None:
        self._loop.call_soon(self._deliver, room, payload)

    def _deliver(self, room: str, payload: bytes) -> None:
        if self._open and (room == "" or room in self._subscribed):
            self.subscriber.on_signal(room, payload)

    # -- tickets and names

    async def put_ticket(self, key: str, record: bytes, seconds: float) -> None:
        self._tickets[key] = (record, self._now() + seconds)

    async def take_ticket(self, key: str) -> bytes | None:
        now = self._now()
        record, end = self._tickets.pop(key, (None, 0.0))
        return record if end > now else None

    async def claim_name(self, name: str, user: str, seconds: float, network: str = "") -> bool:
        return self._names.claim(name, user, seconds, network, self._now())

    async def release_name(self, user: str) -> None:
        self._now()
        self._names.release(user)

    # -- presence

    async def enter(self, room: str, people: Sequence[Person]) -> None:
        now = self._now()
        here = self._people.setdefault(room, {})
        came = [person for person in people if here.get(person.id) != person]
        here.update((person.id, person) for person in came)
        if not room:
            self._names.hold(people, now)
        self._tell_presence(room, came, [])

    async def depart(self, room: str, users: Sequence[str]) -> None:
        self._now()
        here = self._people.get(room, {})
        left = [user for user in users if here.pop(user, None) is not None]
        self._tell_presence(room, [], left)
        if not here:
            self._people.pop(room, None)

    def _tell_presence(self, room: str, joined: list[Person], left: list[str]) -> None:
        if room and (joined or left):
            count = len(self._people[room])
            self.signal(room, encode({"kind": "presence", "joined": joined, "left": left, "count": count}))

    async def roster(self, room: str) -> Roster:
        self._now()
        here = self._people.get(room, {})
        return Roster(len(here), None if len(here) > MEMBERS_LIMIT else list(here.values()))

    # -- guests' networks and buckets

    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        end = self._now() + NETWORK_SECONDS
        for user, network in networks:
            known = self._networks.setdefault(user, {})
            known.pop(network, None)
            known[network] = end
            if len(known) > NETWORKS_LIMIT:
                del known[next(iter(known))]

    async def networks(self, user: str) -> list[str]:
        now = self._now()
        return [network for network, end in self._networks.get(user, {}).items() if end > now]

    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        now = self._now()
        if rate <= 0:
            return 0.0
        # As limits.TokenBucket, but charged after the fact: what was sent counts even when the bucket is overdrawn.
        full_at = max(self._charges.get(user, now), now) + messages / rate
        overdrawn = min(full_at - now - burst / rate, CHARGE_SECONDS)
        self._charges[user] = now + burst / rate + overdrawn
        return max(0.0, overdrawn)
