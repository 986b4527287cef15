"""The rooms' logs on Redis: publishing in batches, pages, positions. Each step is a script's."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from service.brokers.base import (
    CHANGES_FACTOR,
    EMPTY_SECONDS,
    PAGE_BYTES,
    Done,
    Event,
    Page,
    Position,
    Receipt,
    id_used,
    sanctioned,
    unavailable,
)
from service.brokers.redis.commands import Commands, Lane
from service.brokers.redis.keys import SANCTIONS, read_event, read_position, refuse_damaged, room_script, script_keys
from service.clock import CLOCK
from service.protocol import ErrorCode, RequestError, encode

IDS_LIMIT = 10_000  # ids remembered for dedupe, at least, in each room; about 100 bytes each
BATCH_LIMIT = 256  # events in one call of the script

_REFUSALS: dict[bytes, Callable[[], RequestError]] = {
    b"absent": lambda: RequestError(ErrorCode.BAD_REQUEST, "no such message"),
    b"removed": lambda: RequestError(ErrorCode.BAD_REQUEST, "the message is removed"),
    b"forbidden": lambda: RequestError(ErrorCode.FORBIDDEN, "only its author may do that"),
    b"reactions": lambda: RequestError(ErrorCode.BAD_REQUEST, "the message has too many reactions"),
    b"often": lambda: RequestError(ErrorCode.BAD_REQUEST, "the message has been changed too often"),
    b"used": id_used,
    b"ban": lambda: sanctioned("ban"),
    b"mute": lambda: sanctioned("mute"),
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
    ) -> None:
        self._commands = commands
        self._prefix = prefix
        self._process = process
        self._known = known
        self._note = note
        self._history_limit = history_limit
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
        known = self._known(room)
        keys = (*script_keys(room), SANCTIONS)
        limits = (self._history_limit, CHANGES_FACTOR * self._history_limit, IDS_LIMIT)
        args: list[Any] = ["EVALSHA", self._commands.scripts["publish"], len(keys), *keys]
        args += (room, self._prefix + room.encode(), self._fresh_epoch(), *limits, known.epoch, known.seq)
        args.append(CLOCK.now_ms())
        for event, _ in batch:
            change = "" if event.change is None else encode(event.change)
            args += (event.user, event.id, event.network, event.content, event.head, event.tail, change)

        def reply(answers: Any) -> None:
            self._under_way -= 1
            try:
                refuse_damaged(answers)
            except RequestError as damage:
                answers = damage
            if isinstance(answers, RequestError):
                for _, done in batch:
                    done(answers)
                return
            for (_, done), answer in zip(batch, answers, strict=True):
                duplicate = answer.startswith(b"d:")
                seq, colon, at = (answer[2:] if duplicate else answer).partition(b":")
                done(Receipt(int(seq), int(at), duplicate) if colon else _REFUSALS[answer]())

        self._under_way += 1
        self._commands.send(tuple(args), reply, Lane.SENDS)

    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        fresh_epoch = self._fresh_epoch() if create else ""
        answer = await self._history(room, "newest", before, limit, fresh_epoch)
        if answer is None:
            return None
        position, more, _, found = self._read(room, answer)
        frames = [event[1] for event in found if event is not None]
        first = next((event[0] for event in found if event is not None), 0)
        return Page(position, first, frames, more)

    async def after(self, room: str, seq: int, limit: int) -> Page | None:
        answer = await self._history(room, "after", seq, limit, "")
        if answer is None:
            return None
        position, more, first, found = self._read(room, answer)
        frames: list[bytes] = []
        for expected, event in enumerate(found, first):
            if event is not None and event[0] == expected:
                frames.append(event[1])
            elif frames:  # the rest is the next page's, which begins behind the damage
                more = True
                break
            else:
                first = expected + 1
        return Page(position, first if frames else 0, frames, more)

    async def _history(self, room: str, way: str, start: int, limit: int, fresh_epoch: str) -> Any:
        args = (way, start, limit, PAGE_BYTES, fresh_epoch, EMPTY_SECONDS)
        cost = 1 + limit // 10
        return await room_script(self._commands, "history", room, *args, lane=Lane.READS, cost=cost)

    @staticmethod
    def _read(room: str, answer: list[Any]) -> tuple[Position, bool, int, list[tuple[int, bytes] | None]]:
        """The log's end, whether there is more, the first seq, and the events, of which damaged ones are None."""
        position = read_position(room, answer[0])
        if position is None:
            raise unavailable("the room's record is damaged")
        found = [read_event(room, frame, mark) for frame, mark in zip(answer[3::2], answer[4::2], strict=True)]
        return position, bool(answer[1]), int(answer[2]), found

    async def renew_epoch(self, room: str, lost: Position) -> None:
        await room_script(self._commands, "rooms", room, "renew", lost.epoch, lost.seq, self._fresh_epoch())
