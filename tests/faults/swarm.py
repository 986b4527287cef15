"""Many good clients on one event loop, and the judge of what they see."""

import asyncio
import gc
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Container, Sequence
from typing import Self

from service.probe.oracle import Oracle, RunVerdict
from tests.harness import NO_LIMITS, UNIT

from .client import ORIGIN, Client, Frame, post_ticket

LOAD_ENV = NO_LIMITS | {"ALLOWED_ORIGINS": ORIGIN, "LOG_LEVEL": "warning"}
"""Settings for a load of many clients, which may take a `reconnect` ticket from one process to another."""

BACKLOG = 400  # messages unanswered, past which the load waits

ClientClass = Callable[["Swarm", str, Sequence[str], int], Client]
"""A class of clients, or what makes one of the like."""


class Swarm:
    """`async with Swarm([a.port, b.port], seed) as swarm: await swarm.enter(100, lambda n: ["lobby"])`."""

    def __init__(self, ports: Sequence[int], seed: int, client: ClientClass = Client) -> None:
        """`client`: what comes, and comes back."""
        self._client = client
        self.ports = list(ports)
        self.seed = seed
        self.text = "x" * 80
        self.random = random.Random(seed)
        self.oracle = Oracle()
        self.clients: list[Client] = []
        self.errors: Counter[str] = Counter()  # error frames by code
        self.closes: Counter[int] = Counter()
        self.refusals: Counter[str] = Counter()  # handshakes and tickets by HTTP status
        self.by_ticket = False  # whether clients enter as browsers do, instead of with a token of their own
        self.failures = 0  # attempts to come in that came to nothing
        self.told: list[float] = []  # `reconnect.in_ms`, in seconds
        self.early: list[float] = []  # seconds before the promised moment at which sockets were cut
        self.late: list[float] = []  # seconds after it, where it was kept
        self.heads: dict[str, int] = {}  # by room, the highest seq acknowledged
        self.posted_at: dict[str, float] = {}
        self.posted_in: dict[str, str] = {}
        self.acknowledged_at: dict[str, float] = {}
        self.worst_pause = 0.0  # seconds for which the load, and so everybody here, didn't get its turn
        self.worst_lag = 0.0  # seconds from an acknowledgement to the last receiver's copy
        # Seconds from post to copy, by the clients' groups, while this is a dictionary.
        self.latencies: dict[str, list[float]] | None = None
        self.on_delivery: Callable[[Client, str], None] | None = None
        self.moved: set[tuple[str, str]] = set()  # rooms, and users who, as presence told, left or came since `covet`
        self.coveted: Counter[str] = Counter()  # what strangers were answered who asked for a user's name, by status
        self._upkeep: asyncio.Task[None] | None = None
        self._covetous: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._upkeep = asyncio.ensure_future(self._send_overdue())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.gather(self._upkeep, return_exceptions=True)
        gc.unfreeze()

    async def end(self) -> None:
        """Everybody goes for good; what they saw still counts."""
        if self._covetous is not None:  # whose names are free soon
            self._covetous.cancel()
            await asyncio.gather(self._covetous, return_exceptions=True)
        await self.leave(self.clients)

    async def leave(self, clients: Sequence[Client]) -> None:
        """Cut these clients for good; what they saw still counts."""
        tasks = [client.task for client in clients if client.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def cut_now_and_then(self, interval: float) -> None:
        """Cut one that is in all its rooms after the other, so that handshakes come at any moment; until cancelled.

        Who was promised a moment is left to it.
        """
        while True:
            await asyncio.sleep(interval)
            inside = [client for client in self.clients if client.entered.is_set() and not client.promised]
            if inside:
                self.cut([self.random.choice(inside)])

    def come_back(self, clients: Sequence[Client]) -> None:
        """Undo `leave`."""
        for client in clients:
            client.task = asyncio.ensure_future(client.run())

    def cut(self, clients: Sequence[Client]) -> None:
        """End these clients' sockets without a word, as a network does; they come back by themselves."""
        for client in clients:
            if client.wire is not None:
                client.entered.clear()
                client.wire.abort()

    async def enter(self, count: int, rooms: Callable[[int], Sequence[str]], receive_buffer: int = 0) -> list[Client]:
        """Let `count` more clients in, the nth into `rooms(n)`, and wait until they are there."""
        fresh = []
        for number in range(count):
            client = self._client(self, f"u{len(self.clients)}", rooms(number), receive_buffer)
            self.clients.append(client)
            fresh.append(client)
            client.task = asyncio.ensure_future(client.run())
            if number % 50 == 49:
                await asyncio.sleep(0.05)
        await self.all_inside(60 * UNIT, fresh)
        gc.freeze()  # they stay; to go through a thousand of them again and again stops all for a third of a second
        return fresh

    async def enter_while_it_is_quick(self, most: int, seconds: float, rooms: Callable[[int], Sequence[str]]) -> None:
        """Let clients in by the hundred, up to `most` in all, until a hundred took so long.

        So there are as many as this process, under its load and on this machine in this hour, can let back in.
        """
        took = 0.0
        while len(self.clients) < most and took < seconds:
            began = time.monotonic()
            await self.enter(100, rooms)
            took = time.monotonic() - began

    async def all_inside(self, timeout: float, clients: Sequence[Client] | None = None) -> None:
        """Wait until these clients (all, by default) are in all their rooms."""
        async with asyncio.timeout(timeout):
            while not all(client.entered.is_set() for client in clients or self.clients):
                await asyncio.sleep(0.02)

    # -- people

    async def covet(self) -> None:
        """From now on strangers ask for the names of who has come, on every process in turn."""
        await asyncio.sleep(2 * UNIT)  # presence is told of everybody within one
        self.moved.clear()
        self._covetous = asyncio.ensure_future(self._covet([client.user for client in self.clients]))

    async def _covet(self, names: Sequence[str]) -> None:
        for port in itertools.cycle(self.ports):
            name = self.random.choice(names)
            try:
                async with asyncio.timeout(10 * UNIT):
                    status, _ = await post_ticket(port, {"name": name})
                self.coveted[status] += 1
            except (OSError, TimeoutError):
                self.coveted["no answer"] += 1
            await asyncio.sleep(0.05)

    def assert_all_stayed(self) -> None:
        """Nobody was told that somebody left or came, or got the name of who is here; each room has all its people."""
        assert not self.moved, f"told to have left or come: {sorted(self.moved)[:10]}"
        self.assert_all_known()

    def assert_all_known(self) -> None:
        """Nobody got the name of who is here, and each room has all its people."""
        assert self.coveted["409"] > 0 and not self.coveted["201"], f"strangers were answered {self.coveted}"
        wrong = self.wrong_counts()
        assert not wrong, f"counts that are wrong: {wrong}"

    def wrong_counts(self) -> dict[tuple[str, str], int]:
        """By user and room, what the user was told last of how many are there, where that is not how many there are."""
        people = Counter(room for client in self.clients for room in client.rooms)
        counts = {(client.user, room): count for client in self.clients for room, count in client.count.items()}
        return {at: count for at, count in counts.items() if count != people[at[1]]}

    # -- the load

    async def load(
        self,
        messages: int,
        rate: float,
        until: asyncio.Event | None = None,
        senders: Sequence[Client] | None = None,
        rooms: Sequence[str] = (),
    ) -> int:
        """Post at `rate` a second, at least `messages` and on until the event; how many there were.

        It waits while too many are unanswered, as people do.
        """
        senders = senders or self.clients
        posted, due = 0, 0.0
        last = time.monotonic()
        while posted < messages or (until is not None and not until.is_set()):
            await asyncio.sleep(0.01)
            now = time.monotonic()
            self.worst_pause = max(self.worst_pause, now - last)
            due, last = min(due + (now - last) * rate, rate), now
            while due >= 1 and self.unanswered < BACKLOG:
                due -= 1
                posted += 1
                client = self.random.choice(senders)
                client.post(self.random.choice(rooms or client.rooms))
        return posted

    @property
    def unanswered(self) -> int:
        return len(self.posted_at) - len(self.acknowledged_at)

    async def _send_overdue(self) -> None:
        while True:
            await asyncio.sleep(1)
            for client in self.clients:
                if client.outbox:
                    client.send_overdue()

    def acknowledged(self, client: Client, frame: Frame) -> None:
        self.oracle.acknowledged(frame, client.user)
        self.acknowledged_at.setdefault(frame["id"], time.monotonic())
        self.heads[frame["room"]] = max(frame["seq"], self.heads.get(frame["room"], 0))

    def delivered(self, client: Client, id: str) -> None:
        now = time.monotonic()
        if self.latencies is not None and id in self.posted_at:
            self.latencies.setdefault(client.group, []).append(now - self.posted_at[id])
        acknowledged_at = self.acknowledged_at.get(id)
        if acknowledged_at is not None and now - acknowledged_at > self.worst_lag:
            self.worst_lag = now - acknowledged_at
        if self.on_delivery is not None:
            self.on_delivery(client, id)

    # -- the end

    @property
    def worst_return(self) -> float:
        """Seconds that the slowest client took from the loss of its socket to being in all rooms again."""
        return max((back - lost for client in self.clients for lost, back in client.returns), default=0.0)

    def worst_wait(self, rooms: Container[str], since: float = 0.0, until: float = math.inf) -> float:
        """Seconds that the slowest acknowledgement took of what was posted then in these rooms."""
        waits = (
            self.acknowledged_at.get(id, math.inf) - at
            for id, at in self.posted_at.items()
            if since <= at <= until and self.posted_in[id] in rooms
        )
        return max(waits, default=0.0)

    def caught_up(self) -> bool:
        """Whether every client has everything acknowledged, and an acknowledgement for everything it sent."""
        if any(client.outbox for client in self.clients):
            return False
        places = ((client.log.places.get(room), room) for client in self.clients for room in client.rooms)
        return all(place is not None and place.cursor >= self.heads.get(room, 0) for place, room in places)

    async def settle(self, timeout: float = 30 * UNIT, quiet: float = 0.5 * UNIT) -> RunVerdict:
        """The verdict once everybody is caught up, at the latest after `timeout` seconds.

        `quiet`: seconds more, in which a repeat may still show.
        """
        deadline = time.monotonic() + timeout
        while not self.caught_up() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        await asyncio.sleep(quiet)
        return self.oracle.verdict()
