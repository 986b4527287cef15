"""`Hooks`: what a process has of webhooks, made of the settings; nothing of it where there is no receiver."""

import asyncio
import fnmatch
import re
import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from service import metrics
from service.brokers.broker import Broker
from service.brokers.log import Done, Event
from service.hooks import payloads
from service.hooks.delivery import DEFAULT_INTERVALS, Delivery, Intervals
from service.hooks.notices import Notices
from service.hooks.questions import Questions
from service.hooks.receiver import Backoff, Receiver

NOTICES_CLOSE_TIMEOUT = 1.0  # seconds for what waits at the end


def matcher(globs: Sequence[str]) -> re.Pattern[str]:
    """What matches the rooms of any of them."""
    return re.compile("|".join(map(fnmatch.translate, globs)))


class Hooks:
    """`parts` are to be kept running, `publish` is for what people say; `close` after all of them."""

    def __init__(
        self,
        broker: Broker,
        keys: Sequence[bytes],
        *,
        url: str = "",
        kinds: Sequence[str] = (),
        rooms: Sequence[str] = ("*",),
        seconds: float = 10.0,
        ask_url: str = "",
        ask_seconds: float = 1.0,
        ask_otherwise: str = "accept",
        text_limit: int = 4000,
        intervals: Intervals = DEFAULT_INTERVALS,
    ) -> None:
        """`rooms`: globs; `seconds`: deadlines of an attempt. An address that is "" is asked nothing."""
        matched = matcher(rooms)
        self.parts: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self.delivery: Delivery | None = None
        self.notices: Notices | None = None
        self.publish: Callable[[Event, Done], None] | None = None
        """Log.publish where each message is asked about first."""
        self._questions: Questions | None = None
        self._receivers: list[Receiver] = []
        if url:
            receiver = self._receiver(url, keys, seconds, intervals.backoff())
            if set(kinds) & set(payloads.LOGGED):
                self._deliver(broker, receiver, kinds, matched, intervals)
            if set(kinds) & set(payloads.NOTICED):
                self.notices = Notices(receiver, kinds, matched)
                self.parts["webhook notices"] = self.notices.run
                broker.presence.on_change = self.notices.on_presence
        if ask_url:
            receiver = self._receiver(ask_url, keys, ask_seconds)
            options: dict[str, Any] = {"rooms": matched, "otherwise": ask_otherwise, "text_limit": text_limit}
            self._questions = Questions(broker.log, broker.deliveries, receiver, **options)
            self.publish = self._questions.publish

    def _receiver(self, url: str, keys: Sequence[bytes], seconds: float, backoff: Backoff | None = None) -> Receiver:
        receiver = Receiver(url, keys, seconds, backoff)
        self._receivers.append(receiver)
        return receiver

    def _deliver(
        self, broker: Broker, receiver: Receiver, kinds: Sequence[str], rooms: re.Pattern[str], intervals: Intervals
    ) -> None:
        log, directory, deliveries = broker.log, broker.directory, broker.deliveries
        holder = secrets.token_hex(8)
        self.delivery = delivery = Delivery(
            log, directory, deliveries, receiver, holder, kinds=kinds, rooms=rooms, intervals=intervals
        )
        log.on_stored = delivery.note
        self.parts |= {"webhook delivery": delivery.run, "webhook look": delivery.look}
        metrics.WEBHOOK_ROOMS.set_function(lambda: delivery.rooms_due)
        metrics.WEBHOOK_OLDEST.set_function(lambda: delivery.oldest_seconds)

    @property
    def ready(self) -> bool:
        """Whether what is said from now on is sent."""
        return self.delivery is None or self.delivery.begun

    async def close(self) -> None:
        """Let go of everything; who has just left is still told of, if the receiver is quick."""
        if self.notices is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(NOTICES_CLOSE_TIMEOUT):
                    await self.notices.send_waiting()
        if self._questions is not None:
            await self._questions.close()
        for receiver in self._receivers:
            receiver.close()
        for gauge in (metrics.WEBHOOK_ROOMS, metrics.WEBHOOK_OLDEST):
            gauge.set_function(lambda: 0)
