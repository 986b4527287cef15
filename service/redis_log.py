"""The rooms' logs on Redis: publishing in batches, pages, positions. Each step is a script's."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from service import marks
from service.broker import Done, Event, Page, Position, Receipt, unavailable
from service.protocol import ErrorCode, RequestError, encode
from service.redis_commands import Commands, Lane
from service.redis_keys import parse_position, room_keys

IDS_LIMIT = 10_000  # ids remembered for dedupe, at least, in each room; about 100 bytes each
BATCH_LIMIT = 256  # events in one call of the script

_REFUSALS = {
    b"absent": RequestError(ErrorCode.BAD_REQUEST, "no such message"),
    b"removed": RequestError(ErrorCode.BAD_REQUEST, "the message is removed"),
    b"forbidden": RequestError(ErrorCode.FORBIDDEN, "only its author may do that"),
    b"reactions": RequestError(ErrorCode.BAD_REQUEST, "the message has too many reactions"),
}


class RedisLog:
    """The log's part of the broker. `known` is Listener.known; `note` is told of each room that is published to."""

    def __init__(
        self,
        commands: Commands,
        prefix: bytes,
        process: str,
        known: Callable[[str], Position],
        note: Callable[[str], None],
        *,
        history_limit: int,
        seconds: int,
    ) -> None:
        self._commands = commands
        self._prefix = prefix
        self._process = process
        self._known = known
        self._note = note
        self._history_limit = history_limit
        self._seconds = seconds
        self._waiting: dict[str, list[tuple[Event, Done]]] = {}
        self._under_way = 0  # calls of the publish script
        self._epochs = itertools.count()

    @property
    def publishing(self) -> bool:
        """Whether events of this process are on their way."""
        return self._under_way > 0 or bool(self._waiting)

    def publish(self, event: Event, done: Done) -> None:
        if not self._commands.connected:
            asyncio.get_running_loop().call_soon(done, unavailable())
            return
        waiting = self._waiting.get(event.room)
        if waiting is None:
            self._waiting[event.room] = [(event, done)]
            self._commands.wake()
        else:
            waiting.append((event, done))

    def _fresh_epoch(self) -> str:
        """A name that no life of a log had: this process's own, and a count (a random one costs 5 µs a publish)."""
        return f"{self._process}{next(self._epochs):x}"

    def gather(self) -> None:
        """What waits becomes one call of the script for each room."""
        waiting, self._waiting = self._waiting, {}
        for room, batch in waiting.items():
            for start in range(0, len(batch), BATCH_LIMIT):
                self._publish_batch(room, batch[start : start + BATCH_LIMIT])
            self._note(room)

    def _publish_batch(self, room: str, batch: list[tuple[Event, Done]]) -> None:
        args: list[Any] = ["EVALSHA", self._commands.scripts["publish"], 5]
        args += room_keys(room, "log", "position", "ids", "ids:old", "marks")
        known = self._known(room)
        args += (self._prefix + room.encode(), self._fresh_epoch(), self._history_limit, IDS_LIMIT, self._seconds)
        args += (known.epoch, known.seq)
        for event, _ in batch:
            change = "" if event.change is None else encode(event.change)
            args += (f"{event.user}\n{event.id}", event.head, event.tail, change, event.user)

        def reply(answers: Any) -> None:
            self._under_way -= 1
            if isinstance(answers, RequestError):
                for _, done in batch:
                    done(answers)
                return
            for (_, done), answer in zip(batch, answers, strict=True):
                duplicate = answer.startswith(b"d:")
                seq, colon, at = (answer[2:] if duplicate else answer).partition(b":")
                done(Receipt(int(seq), int(at), duplicate) if colon else _REFUSALS[answer])

        self._under_way += 1
        self._commands.send(tuple(args), reply, Lane.SENDS)

    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        fresh_epoch = self._fresh_epoch() if create else ""
        answer = await self._history(room, "newest", before, limit, fresh_epoch)
        return answer and self._page(answer, lambda frame, mark: marks.apply(frame, marks.parse(mark)))

    async def after(self, room: str, seq: int, limit: int) -> Page | None:
        answer = await self._history(room, "after", seq, limit, "")
        return answer and self._page(answer, lambda frame, mark: marks.redact(frame, marks.parse(mark)))

    async def _history(self, room: str, way: str, start: int, limit: int, fresh_epoch: str) -> Any:
        keys = room_keys(room, "log", "position", "marks")
        args = (way, start, limit, fresh_epoch, self._seconds)
        return await self._commands.script("history", keys, *args, lane=Lane.READS, cost=1 + limit // 10)

    @staticmethod
    def _page(answer: list[Any], merge: Any) -> Page:
        frames = [merge(frame, mark) if mark else frame for frame, mark in zip(answer[3::2], answer[4::2], strict=True)]
        return Page(parse_position(answer[0]), int(answer[2]), frames, bool(answer[1]))

    async def renew_epoch(self, room: str, lost: Position) -> None:
        keys = room_keys(room, "position")
        fresh = self._fresh_epoch()
        await self._commands.script("state", keys, "renew", lost.epoch, lost.seq, fresh, self._seconds)
