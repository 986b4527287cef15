"""`Mailbox`: frames that were posted, on their way to the event stream that they are for, on whichever process it is.

A balancer may lead each request to another process. One that has not got the stream passes the frames on by a signal to
the process that has, and waits for its word. An answer that is lost costs nothing: requests are numbered by the client,
and one that comes again is answered as before.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from weakref import WeakValueDictionary

from service import signals
from service.brokers.base import unavailable
from service.brokers.log import Log
from service.identity.streams import StreamSecrets
from service.limits import Buckets
from service.protocol import ErrorCode, RequestError, encode
from service.sockets.framing import TOKEN_BYTES
from service.sockets.stream import EventStream, PostOutcome

MAILBOX_WAIT = 2.0  # seconds for the other process to answer, and for the broker to say that what is sent here arrives


class Mailbox:
    """The event streams of this process, and the way to those of others."""

    def __init__(
        self, log: Log, secret_key: str, address_frames: Buckets, *, shared: bool, wait: float = MAILBOX_WAIT
    ) -> None:
        """`address_frames`: what an address may have passed on is of it; `shared`: there are other processes.

        `wait` in seconds.
        """
        self._wait = wait
        self._log = log
        self._shared = shared
        self._address_frames = address_frames
        self._process = secrets.token_hex(8)
        self._secrets = StreamSecrets(secret_key, self._process)
        self._streams: WeakValueDictionary[str, EventStream] = WeakValueDictionary()
        self._asked: dict[str, asyncio.Future[PostOutcome]] = {}
        self._open = asyncio.Event()
        self._subscribed = False

    async def open(self) -> None:
        """Have other processes' signals arrive; waits for the broker's word, and not long."""
        if not self._shared:
            return
        if not self._subscribed:
            self._subscribed = True
            self._log.subscribe(signals.MAILBOX + self._process)
        try:
            async with asyncio.timeout(self._wait):
                await self._open.wait()
        except TimeoutError:
            pass  # the broker is away: what is sent meanwhile is sent again

    def on_subscribed(self, room: str) -> None:
        """The broker confirmed a subscription; of this one or of a room's."""
        if room == signals.MAILBOX + self._process:
            self._open.set()

    def add(self, stream: EventStream) -> str:
        """The secret by which frames are posted to it. It is known for as long as it lives."""
        name, secret = self._secrets.make()
        self._streams[name] = stream
        return secret

    async def post(self, secret: str, frames: Sequence[str], number: int, network: str) -> PostOutcome:
        """Have the frames taken. Raises `unavailable` where the other process did not answer, `rate_limited`."""
        known = self._secrets.read(secret)
        if known is None:
            return PostOutcome.GONE
        process, name = known
        if process == self._process:
            return self._take(name, frames, number)
        if not self._shared:
            return PostOutcome.GONE
        cost = len(frames) + sum(map(len, frames)) / TOKEN_BYTES
        if wait := self._address_frames.take(network, time.monotonic(), cost):
            raise RequestError(ErrorCode.RATE_LIMITED, "too many frames from this address", wait)
        return await self._pass_on(process, name, frames, number)

    def _take(self, name: str, frames: Sequence[str], number: int) -> PostOutcome:
        stream = self._streams.get(name)
        return PostOutcome.GONE if stream is None else stream.take(frames, number)

    async def _pass_on(self, process: str, name: str, frames: Sequence[str], number: int) -> PostOutcome:
        await self.open()
        ask = secrets.token_hex(8)
        asked: asyncio.Future[PostOutcome] = asyncio.get_running_loop().create_future()
        self._asked[ask] = asked
        posted = signals.Posted(stream=name, number=number, frames=list(frames), answer_to=self._process, ask=ask)
        try:
            self._log.signal(signals.MAILBOX + process, encode(posted))
            async with asyncio.timeout(self._wait):
                return await asked
        except TimeoutError:
            raise unavailable("the process that has the stream did not answer") from None
        finally:
            del self._asked[ask]

    def on_posted(self, room: str, signal: signals.Posted) -> None:
        taken = self._take(signal.stream, signal.frames, signal.number)
        answer = signals.Taken(ask=signal.ask, outcome=taken.value)
        self._log.signal(signals.MAILBOX + signal.answer_to, encode(answer))

    def on_taken(self, room: str, signal: signals.Taken) -> None:
        asked = self._asked.get(signal.ask)
        if asked is not None and not asked.done():
            asked.set_result(PostOutcome(signal.outcome))
