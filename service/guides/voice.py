"""As whom a guide's socket speaks: a guest of the lobby with a marked name, held and shown as present while it is open.

The guides' pages say a handle with each frame, and the handle is anybody's word. So it is no name of the chat: "Ada"
of a guide is "Ada (guide)" here, or "Ada (guide 2)" where that is taken, and the bare handle in guides' frames alone.
"""

import asyncio
import logging
import re
import secrets
from collections import deque
from collections.abc import Coroutine, Iterator
from typing import Any, ClassVar

from service import names
from service.brokers import events
from service.brokers.base import unavailable
from service.brokers.log import Receipt
from service.brokers.outages import COSTS
from service.identity.auth import GUEST_PREFIX
from service.logs import fields
from service.node import Node
from service.protocol import ErrorCode, Person, RequestError, encode

logger = logging.getLogger(__name__)

LOBBY = "lobby"  # where the guides speak and hear
GUIDE_PREFIX = GUEST_PREFIX + "guide-"  # of these guests' ids: nobody can choose one
CLAIM_SECONDS = 10.0  # for which a name is claimed before its presence holds it
PROBE_SECONDS = 1.0  # for which it is claimed only to see whether it is free
WAITING_TEXTS_LIMIT = 100  # what may wait to be said while a name is claimed
_COUNTED = 4  # so many of one handle are numbered in their order, others by chance: a crowd of them costs few claims
_CHANCES = 4
_MARK = re.compile(r" \(guide(?: \d+)?\)\Z")


def marked(handle: str, number: int = 1) -> str:
    """The name of the chat that a guide's handle is."""
    return names.with_ending(handle, f" (guide {number})" if number > 1 else " (guide)")


def bare(person: Person) -> str:
    """What guides' frames call somebody: a guide's speaker by their handle, everybody else by their name."""
    if person.id.startswith(GUIDE_PREFIX):
        return _MARK.sub("", person.name)
    return person.name


class Voice:
    """One socket's. `say` keeps the order of what is said, though a name may have to be claimed first."""

    tasks: ClassVar[set[asyncio.Task[None]]] = set()  # names being claimed and let go

    def __init__(self, node: Node, network: str, ready: asyncio.Event | None = None) -> None:
        """Nothing is said before `ready`."""
        self.id = GUIDE_PREFIX + secrets.token_urlsafe(12)
        self.person: Person | None = None
        self._node = node
        self._network = network
        self._ready = ready
        self._handle = ""
        self._waiting: deque[tuple[str, str]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._claiming = self._closed = self._gone = False

    def say(self, handle: str, text: str) -> None:
        """Say `text`, or raise `RequestError`: it can't be said. What the broker doesn't take then is lost."""
        handle = names.check_name(handle)
        text = names.check_text(text, self._node.limits.text)
        self.check_rights()
        self._node.admission.check_slowed(LOBBY, self.id, self._network)
        self._node.rates.check_send(self.id, self._network, self._node.audience(LOBBY))
        if self._worker is None and handle == self._handle and (self._ready is None or self._ready.is_set()):
            self._publish(text)
            return
        if len(self._waiting) >= WAITING_TEXTS_LIMIT:
            raise RequestError(ErrorCode.RATE_LIMITED, "too many messages at once", 1.0)
        self._waiting.append((handle, text))
        if self._worker is None:
            self._worker = self._spawn(self._work())

    @classmethod
    async def all_silent(cls, seconds: float) -> None:
        """Wait until those who are gone have said what they said, and their names are free."""
        if cls.tasks:
            _, late = await asyncio.wait(cls.tasks, timeout=seconds)
            for task in late:
                task.cancel()

    async def take(self, name: str, handle: str) -> bool:
        """Be called `name`, and present under it, if it is free. Raises `RequestError`."""
        if not await self._claim(name, CLAIM_SECONDS):
            return False
        earlier, self.person, self._handle = self.person, Person(self.id, name), handle
        if earlier is None:
            self._node.networks.enter(self.id, self._network)
        for room in ("", LOBBY):
            self._node.presence.enter(room, self.person)
            if earlier is not None:
                self._node.presence.leave(room, self.id)
        return True

    async def take_alone(self, handle: str) -> bool:
        """The same of the handle's own name, where nobody is called by the bare handle either."""
        return await self._claim(handle, PROBE_SECONDS) and await self.take(marked(handle), handle)

    async def _claim(self, name: str, seconds: float) -> bool:
        """Whether the name is this guest's now, which costs their address what a ticket does."""
        self._node.rates.check(self._node.rates.tickets, self._network, "names from this address")
        self._claiming = True
        # Without a network: nobody asks again here for a name whose answer was lost, but two may ask for the same.
        return await self._node.broker.directory.claim_name(names.name_key(name), self.id, seconds)

    def close(self) -> None:
        """The socket is gone. What it said is still said, if it could be by now; then its name is free."""
        self._closed = True
        if self._worker is None:
            self._leave()
        elif self._ready is not None and not self._ready.is_set():
            self._worker.cancel()
            self._leave()  # the task may not even have begun

    def check_rights(self) -> None:
        """Raises `forbidden` where this guest may not be, `unavailable` while that isn't known."""
        self._node.moderation.check_ban(LOBBY, self.id, self._network)

    async def _work(self) -> None:
        """Lives only as long as something waits."""
        try:
            if self._ready is not None:
                await self._ready.wait()
            while self._waiting:
                handle, text = self._waiting.popleft()
                try:
                    async with asyncio.timeout(self._node.answer_timeout):
                        await self._answer_to(handle)
                    self.check_rights()
                    self._publish(text)
                except RequestError as error:
                    _published(error)
                except TimeoutError:
                    _published(unavailable())
        finally:
            self._worker = None
            if self._closed:
                self._leave()

    async def _answer_to(self, handle: str) -> None:
        """Be called what the handle makes of the name, with a number where that is taken."""
        if handle != self._handle:
            for number in _numbers():
                if await self.take(marked(handle, number), handle):
                    return
            raise RequestError(ErrorCode.BAD_REQUEST, "too many have this handle")

    def _publish(self, text: str) -> None:
        assert self.person is not None
        author = events.Author(self.id, encode(self.person), network=self._network)
        publish = self._node.publish or self._node.broker.log.publish
        publish(events.message(LOBBY, secrets.token_hex(8), author, text), _published)

    def _leave(self) -> None:
        """Once, whoever comes first."""
        if self._gone:
            return
        self._gone = True
        if self.person is not None:
            self._node.networks.leave(self.id, self._network)
            for room in ("", LOBBY):
                self._node.presence.leave(room, self.id, for_good=True)
        if self._claiming:
            self._spawn(self._release())

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(self._node.answer_timeout):
                await self._node.broker.directory.release_name(self.id)
        except (RequestError, TimeoutError):
            pass  # presence lets go of it, or the claim's own end

    @classmethod
    def _spawn(cls, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        cls.tasks.add(task)
        task.add_done_callback(cls.tasks.discard)
        return task


def _numbers() -> Iterator[int]:
    yield from range(1, _COUNTED + 1)
    for _ in range(_CHANCES):
        yield 1000 + secrets.randbelow(9000)


def _published(outcome: Receipt | RequestError) -> None:
    if isinstance(outcome, RequestError):
        if outcome.code is ErrorCode.UNAVAILABLE:
            COSTS.refuse(send=True)
        extra = fields("guide_refused", code=outcome.code, reason=outcome.message)
        logger.info("a guide's message was not stored: %s", outcome.message, extra=extra)
