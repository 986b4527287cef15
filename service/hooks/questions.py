"""`Questions`: before a message is stored the operator's receiver says whether it is, and with what text.

What a user says in a room is asked about at once, and stored in the order in which it came: each waits for the verdict
on those before it, and on nobody else's. A verdict is kept in the broker before it is followed, so the same id gets the
same one, on any process; and what the log knows already is answered by the log. A text of the receiver's is kept only
until the log has it, for it may be removed there.
"""

import asyncio
import hashlib
import logging
import re
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import Struct

from service import metrics, names, telemetry
from service.brokers.base import unavailable
from service.brokers.deliveries import Deliveries
from service.brokers.events import Words, reworded, words
from service.brokers.log import Done, Event, Log, Receipt
from service.clock import CLOCK
from service.hooks import payloads
from service.hooks.receiver import REQUESTS_AT_ONCE, Failed, Receiver
from service.logs import fields
from service.protocol import ErrorCode, RequestError, encode

logger = logging.getLogger(__name__)

WAITING_EVENTS_LIMIT = 2_000  # events of a process that wait for verdicts; more are `unavailable`
REFUSED_SECONDS = 3600.0  # for which a refusal is kept
TAKEN_SECONDS = 60.0  # for which others are: then the log has the id
SHORTEST = 0.01  # seconds in which it is still worth asking
REFUSAL_REASON_LIMIT = 200  # characters


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What a receiver answers; nothing at all is "accept"."""

    verdict: Literal["accept", "change", "refuse"] = "accept"
    text: str = ""
    reason: str = ""


class Judged(Struct, frozen=True):
    """An event as it is to be stored, and by which key a verdict with its text is kept, "" if none is."""

    event: Event
    kept: str = ""


_decode = msgspec.json.Decoder(Verdict).decode


class Questions:
    """`publish` takes the place of the log's. `close` ends what waits; its authors send it again elsewhere."""

    def __init__(
        self,
        log: Log,
        deliveries: Deliveries,
        receiver: Receiver,
        *,
        rooms: re.Pattern[str],
        otherwise: str,
        text_limit: int,
        waiting_limit: int = WAITING_EVENTS_LIMIT,
    ) -> None:
        """`otherwise`: "accept" or "refuse", where the receiver gives no verdict within its time."""
        self._log = log
        self._deliveries = deliveries
        self._receiver = receiver
        self._rooms = rooms
        self._otherwise = otherwise
        self._text_limit = text_limit
        self._limit = waiting_limit
        self._slots = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._queues: dict[tuple[str, str], deque[tuple[Done, asyncio.Task[Judged]]]] = {}  # by room and user
        self._workers: set[asyncio.Task[None]] = set()  # one for each, and what forgets texts
        self._waiting = 0

    def publish(self, event: Event, done: Done) -> None:
        """Log.publish, by way of the receiver."""
        key = (event.room, event.user)
        queue = self._queues.get(key)
        said = words(event) if self._rooms.match(event.room) else None
        if said is None and queue is None:
            self._log.publish(event, done)
            return
        loop = asyncio.get_running_loop()
        if self._waiting >= self._limit:
            loop.call_soon(done, unavailable("too much waits to be judged"))
            return
        self._waiting += 1
        if queue is None:
            queue = self._queues[key] = deque()
            self._begin(self._work(key))
        deadline = loop.time() + self._receiver.timeout
        queue.append((done, loop.create_task(self._judge(event, said, deadline))))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._workers.add(task)
        task.add_done_callback(self._workers.discard)

    async def close(self) -> None:
        """Nobody is answered any more."""
        tasks = [*self._workers, *(task for queue in self._queues.values() for _, task in queue)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._queues.clear()

    async def _work(self, key: tuple[str, str]) -> None:
        """Lives only as long as something of the user's waits there."""
        queue = self._queues[key]
        loop = asyncio.get_running_loop()
        while queue:
            done, judging = queue[0]
            (outcome,) = await asyncio.gather(judging, return_exceptions=True)
            queue.popleft()
            self._waiting -= 1
            if isinstance(outcome, Judged):
                self._publish(outcome, done)
            elif isinstance(outcome, RequestError):
                loop.call_soon(done, outcome)
            else:
                logger.error("a message could not be judged", exc_info=outcome, extra=fields("question_failed"))
                loop.call_soon(done, unavailable("the server failed"))
        del self._queues[key]

    def _publish(self, judged: Judged, done: Done) -> None:
        def told(answer: Receipt | RequestError) -> None:
            if judged.kept and isinstance(answer, Receipt):
                self._begin(self._forget(judged.kept))
            done(answer)

        self._log.publish(judged.event, told)

    async def _forget(self, key: str) -> None:
        with suppress(RequestError):  # the broker is away: it ends by itself
            await self._deliveries.forget(key)

    async def _judge(self, event: Event, said: Words | None, deadline: float) -> Judged:
        """The event as it is to be stored. Raises what its author is told instead."""
        if said is None or await self._log.knows(event):
            return Judged(event)
        content = encode((event.room, event.user, event.id, event.content))
        key = hashlib.blake2b(content, digest_size=16).hexdigest()
        verdict = await self._ask(event, said, key, deadline)
        seconds = REFUSED_SECONDS if verdict.verdict == "refuse" else TAKEN_SECONDS
        kept = await self._deliveries.settle(key, encode(verdict), seconds)
        try:
            verdict = _decode(kept)
        except (ValueError, RecursionError) as error:  # anybody with access to Redis can write there
            telemetry.damaged("verdict", key, error)
        if verdict.verdict == "refuse" and await self._log.knows(event):
            # Another process had it stored meanwhile, and its verdict is forgotten.
            return Judged(event)
        return Judged(_follow(event, verdict), key if verdict.verdict == "change" else "")

    async def _ask(self, event: Event, said: Words, key: str, deadline: float) -> Verdict:
        """Until the deadline (the loop's clock), however many are asked about."""
        body = payloads.question(event, said, CLOCK.now_ms())
        try:
            verdict = await self._post(key, body, partial(self._read, said), deadline)
        except (Failed, TimeoutError):
            metrics.WEBHOOK_VERDICTS.labels("none").inc()
            if self._otherwise == "accept":
                return Verdict()
            raise unavailable("the message could not be judged; it was not stored") from None
        metrics.WEBHOOK_VERDICTS.labels(verdict.verdict).inc()
        return verdict

    async def _post(self, key: str, body: bytes, read: Callable[[bytes], Verdict], deadline: float) -> Verdict:
        """Raises `Failed`, or `TimeoutError` where its turn did not come."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            await self._slots.acquire()
        try:
            left = deadline - loop.time()
            if left < SHORTEST:
                raise TimeoutError
            return await self._receiver.post("question", key, body, read=read, timeout=left)
        finally:
            self._slots.release()

    def _read(self, said: Words, answer: bytes) -> Verdict:
        """Raises `ValueError` for what is no verdict, or another text than anybody could say."""
        verdict = _decode(answer) if answer.strip() else Verdict()
        if verdict.verdict == "change":
            try:
                text = names.check_topic(verdict.text) if said.kind == "topic" else self._check_text(verdict.text)
            except RequestError as error:
                raise ValueError(error.message) from None
            if not text:
                raise ValueError("an empty topic")
            return Verdict("change", text)
        reason = "".join(filter(names.printable, verdict.reason))[:REFUSAL_REASON_LIMIT].strip()
        return Verdict(verdict.verdict, reason=reason if verdict.verdict == "refuse" else "")

    def _check_text(self, text: str) -> str:
        return names.check_text(text, self._text_limit)


def _follow(event: Event, verdict: Verdict) -> Event:
    """The event as the verdict has it. Raises `forbidden`."""
    if verdict.verdict == "refuse":
        raise RequestError(ErrorCode.FORBIDDEN, f"refused: {verdict.reason}" if verdict.reason else "refused")
    return event if verdict.verdict == "accept" else reworded(event, verdict.text)
