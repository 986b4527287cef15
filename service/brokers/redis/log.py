"""The rooms' logs on Redis: publishing in batches, pages, positions, and who listens. Each step is a script's.

A room's channel carries "E" epoch ":" seq "\\n" frames, or "S" and a signal's JSON.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.connection import Connection

from service import telemetry
from service.brokers.base import unavailable
from service.brokers.directory import sanctioned
from service.brokers.log import (
    CHANGES_FACTOR,
    EMPTY_SECONDS,
    PAGE_BYTES,
    Done,
    Event,
    Log,
    Page,
    Position,
    Publication,
    Receipt,
    Subscriber,
    id_used,
)
from service.brokers.redis.channels import Channels
from service.brokers.redis.commands import Commands, Lane
from service.brokers.redis.connection import Deadlines
from service.brokers.redis.keys import (
    SANCTIONS,
    all_of,
    read_event,
    read_position,
    read_positions,
    refuse_damaged,
    room_script,
    script_keys,
    unless_damaged,
)
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


class RedisLog(Log):
    """`note` is told of each room that is published to."""

    def __init__(
        self,
        commands: Commands,
        connect: Callable[[], Connection],
        deadlines: Deadlines,
        prefix: bytes,
        process: str,
        note: Callable[[str], None],
        *,
        history_limit: int,
    ) -> None:
        self._commands = commands
        self.channels = Channels(connect, self._on_message, self._on_subscribed, deadlines)
        self._prefix = prefix
        self._process = process
        self._note = note
        self._history_limit = history_limit
        self._waiting: dict[str, list[tuple[Event, Done]]] = {}
        self._under_way = 0  # calls of the publish script
        self._epochs = itertools.count()
        commands.gather = self._gather

    def open(self, subscriber: Subscriber) -> None:
        """Before anything else; what every process is told is subscribed to."""
        self.subscriber = subscriber
        self.subscribe("")

    @property
    def available(self) -> bool:
        return self._commands.connected and self.channels.connected

    # -- append

    @property
    def publishing(self) -> bool:
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

    def _gather(self) -> None:
        """What waits becomes one call of the script for each room."""
        waiting, self._waiting = self._waiting, {}
        for room, batch in waiting.items():
            for start in range(0, len(batch), BATCH_LIMIT):
                self._publish_batch(room, batch[start : start + BATCH_LIMIT])
            self._note(room)

    def _publish_batch(self, room: str, batch: list[tuple[Event, Done]]) -> None:
        known = self.subscriber.known(room)
        keys = (*script_keys(room), SANCTIONS)
        limits = (self._history_limit, CHANGES_FACTOR * self._history_limit, IDS_LIMIT)
        args: list[Any] = ["EVALSHA", self._commands.scripts["publish"], len(keys), *keys]
        args += (room, self._channel(room), self._fresh_epoch(), *limits, known.epoch, known.seq)
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

    # -- read

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

    async def positions(self, rooms: Sequence[str]) -> list[Position | None]:
        return await read_positions(self._commands, rooms)

    # -- a log's life

    async def keep(self, rooms: Sequence[str]) -> None:
        scripts = (room_script(self._commands, "rooms", room, "keep", EMPTY_SECONDS) for room in rooms)
        await all_of(*(unless_damaged(script, None) for script in scripts))

    async def renew_epoch(self, room: str, lost: Position, frame: bytes | None = None) -> None:
        args = (lost.epoch, lost.seq, self._fresh_epoch(), frame or "")
        await room_script(self._commands, "rooms", room, "renew", *args)

    # -- reach

    def _channel(self, room: str) -> bytes:
        return self._prefix + room.encode()

    def subscribe(self, room: str) -> None:
        self.channels.subscribe(self._channel(room))

    def unsubscribe(self, room: str) -> None:
        self.channels.unsubscribe(self._channel(room))

    def signal(self, room: str, payload: bytes) -> None:
        self._commands.post("PUBLISH", self._channel(room), b"S" + payload)

    def _on_subscribed(self, channels: list[bytes]) -> None:
        rooms = [channel[len(self._prefix) :].decode() for channel in channels]
        self.subscriber.on_subscribed(rooms)

    def _on_message(self, channel: bytes, data: bytes) -> None:
        room = channel[len(self._prefix) :].decode()
        try:
            if data.startswith(b"S"):
                self.subscriber.on_signal(room, data[1:])
                return
            head, *frames = data.split(b"\n")
            epoch, _, seq = head.partition(b":")
            if not epoch.startswith(b"E") or not frames or int(seq) < 1:
                raise ValueError
            publication = Publication(room, epoch[1:].decode(), int(seq), frames)
        except ValueError:  # anybody with access to Redis can publish there
            telemetry.GARBAGE.inc()
            return
        self.subscriber.on_publication(publication)
