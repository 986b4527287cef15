"""A run: everybody comes in, messages are posted by the clock, some sockets are cut halfway, and all is waited for."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from service.probe.client import Client
from service.probe.door import Door
from service.probe.oracle import ReceiverLog
from service.probe.records import Records

TOGETHER = 20  # clients on their way in at once
SETTLE = 20.0  # seconds for what is on its way after the last message, at most
QUIET = 0.5  # seconds more, in which a repeat may still show
SPIN = 0.002  # seconds before a message in which the loop goes round: its timers are up to 1 ms late
REST = 2.0  # seconds that a client is given to have its answers before it is cut


class Plan(Struct, frozen=True, kw_only=True):
    """How much is done: seconds, messages a second over all clients, clients that are cut halfway: not all of them."""

    seconds: float
    rate: float
    clients: int
    rooms: tuple[str, ...]
    cut: int
    tokens: tuple[str, ...] = ()
    by_library: bool = False

    @property
    def messages(self) -> int:
        return max(1, round(self.rate * self.seconds))


class Somebody(Protocol):
    """Who takes part: a `Client`, or a program's (library.py)."""

    name: str
    log: ReceiverLog
    entered: asyncio.Event
    task: asyncio.Task[None] | None
    resting: bool

    @property
    def idle(self) -> bool: ...
    @property
    def by_events(self) -> bool: ...
    async def run(self) -> None: ...
    async def end(self) -> None: ...
    def cut(self) -> None: ...
    def post(self, id: str, room: str) -> None: ...
    def send_overdue(self) -> None: ...


MakeSomebody = Callable[[Door, Records, Callable[[], float], int, Sequence[str], str | None], Somebody]


class Run:
    """`await run.do()` once; `records` has what was seen, also while it goes on."""

    def __init__(
        self,
        door: Door,
        plan: Plan,
        came: Callable[[], float],
        show: Callable[["Run"], None],
        make: MakeSomebody = Client,
    ) -> None:
        """`came` says when a frame that is handed over now did, by the loop's clock.

        `show` is called a few times a second. `make`: who takes part.
        """
        self.plan = plan
        self.records = Records()
        self.stop = asyncio.Event()
        self.elapsed = 0.0
        self.away = 0  # clients that were not in their rooms at the end
        self.by_events = 0  # those that were there by an event stream
        self._show = show
        tokens: Sequence[str | None] = plan.tokens or (None,)
        self.clients = [
            make(door, self.records, came, number + 1, plan.rooms, tokens[number % len(tokens)])
            for number in range(plan.clients)
        ]

    @property
    def away_now(self) -> int:
        """How many clients are not in their rooms."""
        return sum(not client.entered.is_set() for client in self.clients)

    async def do(self) -> None:
        """Raises `DoorError` if anybody can't come in at all. `stop` ends the posting early."""
        upkeep = asyncio.ensure_future(self._upkeep())
        try:
            await self._enter()
            cutting = asyncio.ensure_future(self._cut_some())
            await self._post()
            await cutting
            await self._settle()
        finally:
            self.away = self.away_now
            self.by_events = sum(client.by_events for client in self.clients)
            upkeep.cancel()
            began = [client for client in self.clients if client.task is not None]
            await asyncio.gather(upkeep, *(client.end() for client in began), return_exceptions=True)

    async def _enter(self) -> None:
        """A few at a time, until one of them can't."""
        for first in range(0, len(self.clients), TOGETHER):
            group = self.clients[first : first + TOGETHER]
            await asyncio.gather(*map(self._let_in, group))
            for client in group:
                if client.task is not None and client.task.done():
                    client.task.result()

    @staticmethod
    async def _let_in(client: Somebody) -> None:
        """Until it is in its rooms, or has failed."""
        client.task = asyncio.ensure_future(client.run())
        entered = asyncio.ensure_future(client.entered.wait())
        await asyncio.wait((entered, client.task), return_when=asyncio.FIRST_COMPLETED)
        entered.cancel()

    async def _post(self) -> None:
        """By the clock, whatever the answers: a latency counts from the moment that a message was due."""
        loop = asyncio.get_running_loop()
        start, turn = loop.time(), 0
        for number in range(self.plan.messages):
            due = start + number / self.plan.rate
            while (wait := due - loop.time()) > 0 and not self.stop.is_set():
                await asyncio.sleep(min(wait - SPIN, 0.1) if wait > SPIN else 0)
            if self.stop.is_set():
                break
            self.elapsed = loop.time() - start
            turn += 1
            while self.clients[turn % len(self.clients)].resting:
                turn += 1
            room = self.plan.rooms[(turn + turn // len(self.clients)) % len(self.plan.rooms)]
            self.clients[turn % len(self.clients)].post(self.records.post(due), room)
        self.elapsed = loop.time() - start

    async def _cut_some(self) -> None:
        """Halfway, one after the other, each once nothing of its own is on its way."""
        try:
            async with asyncio.timeout(self.plan.seconds / 2):
                await self.stop.wait()
            return
        except TimeoutError:
            pass
        there = [client for client in self.clients if client.entered.is_set()]
        for client in there[: self.plan.cut]:
            client.resting = True
            try:
                async with asyncio.timeout(REST):
                    while not client.idle:
                        await asyncio.sleep(0.01)
            except TimeoutError:
                pass
            if client.idle and client.entered.is_set():
                client.cut()
            else:
                client.resting = False  # it has other troubles

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE
        while not self._caught_up() and loop.time() < deadline:
            await asyncio.sleep(0.02)
        await asyncio.sleep(QUIET)
        for client in self.clients:
            if client.task is not None and client.task.done():
                client.task.result()  # none ends by itself once it was in, but by a fault of ours

    def _caught_up(self) -> bool:
        """Whether everybody is there, has its answers, and has seen what is acknowledged."""
        if self.records.unanswered or self.away_now:
            return False
        heads = self.records.heads.items()
        return all(client.log.places[room].cursor >= head for client in self.clients for room, head in heads)

    async def _upkeep(self) -> None:
        while True:
            for client in self.clients:
                client.send_overdue()
            self._show(self)
            await asyncio.sleep(0.25)
