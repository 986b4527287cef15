"""The rooms' logs on Redis: publishing in batches, pages, positions, and who listens. Each step is a script's.

A room's channel carries "E" epoch ":" seq "\\n" frames, or "S" and a signal's JSON.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from service import metrics
from service.brokers import about
from service.brokers.base import unavailable
from service.brokers.contents import Contents
from service.brokers.directory import sanctioned
from service.brokers.log import (
    CHANGES_FACTOR,
    EMPTY_SECONDS,
    FOREIGN,
    IDS_LIMIT,
    NO_MESSAGE,
    PAGE_BYTES,
    About,
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
from service.brokers.redis import forgetting
from service.brokers.redis.commands import Commands, Lane
from service.brokers.redis.reads import drop_visits
from service.brokers.redis.shard import Shard
from service.brokers.redis.shards import Shards
from service.brokers.redis.steps import all_of, each_of, read_positions, refuse_damaged, room_script, unless_damaged
from service.brokers.redis.values import read_event, read_position
from service.clock import CLOCK
from service.protocol import ErrorCode, RequestError, encode

SCRIPT_EVENTS_LIMIT = 256  # events in one call of the script

_REFUSALS: dict[bytes, Callable[[], RequestError]] = {
    b"absent": lambda: RequestError(ErrorCode.BAD_REQUEST, NO_MESSAGE),
    b"removed": lambda: RequestError(ErrorCode.BAD_REQUEST, "the message is removed"),
    b"forbidden": lambda: RequestError(ErrorCode.FORBIDDEN, FOREIGN),
    b"reactions": lambda: RequestError(ErrorCode.BAD_REQUEST, "the message has too many reactions"),
    b"often": lambda: RequestError(ErrorCode.BAD_REQUEST, "the message has been changed too often"),
    b"topic": about.refusal,
    b"about": lambda: RequestError(ErrorCode.BAD_REQUEST, "the room's record of its topic is damaged"),
    b"used": id_used,
    b"ban": lambda: sanctioned("ban"),
    b"mute": lambda: sanctioned("mute"),
}


class RedisLog(Log):
    """`note` is told of each room that is published to. `contents`: how what was sent under an id is kept."""

    def __init__(
        self,
        shards: Shards,
        process: str,
        note: Callable[[str], None],
        *,
        history_limit: int,
        contents: Contents,
    ) -> None:
        self._shards = shards
        self._process = process
        self._note = note
        self._history_limit = history_limit
        self._contents = contents
        # By room. Each has one batch under way: so its events keep their order, whatever a batch waits for, and
        # wherever the room has gone meanwhile.
        self._waiting: dict[str, list[tuple[Event, Done]]] = {}
        self._under_way: set[str] = set()
        self._epochs = itertools.count()
        self._append_of = lru_cache(1024)(self._begin_append)
        shards.gather = self._gather
        shards.on_lost = self._on_lost
        shards.on_message = self._on_message
        shards.on_subscribed = self._on_subscribed

    def open(self, subscriber: Subscriber) -> None:
        """Before anything else; what every process is told is subscribed to."""
        self.subscriber = subscriber
        self.subscribe("")

    @property
    def available(self) -> bool:
        return self._shards.connected and self._shards.listening

    def answers(self, room: str) -> bool:
        shard = self._shard(room)
        return shard is not None and shard.connected and shard.channels.connected

    def _shard(self, room: str) -> Shard | None:
        return self._shards.of(self._shards.keys.of_script(room)[0])

    # -- append

    @property
    def publishing(self) -> bool:
        return bool(self._under_way or self._waiting)

    def publish(self, event: Event, done: Done) -> None:
        shard = self._shard(event.room)
        if shard is None or not shard.appends.connected:
            asyncio.get_running_loop().call_soon(done, unavailable())
            return
        waiting = self._waiting.get(event.room)
        if waiting is None:
            self._waiting[event.room] = [(event, done)]
            shard.appends.wake()
        else:
            waiting.append((event, done))

    def _fresh_epoch(self) -> str:
        """A name that no life of a log had: this process's own, and a count (a random one costs 5 µs a publish)."""
        return f"{self._process}{next(self._epochs):x}"

    def _gather(self, appends: Commands) -> None:
        """What waits for the connection becomes one call of the script for each room."""
        for room in self._waiting_for(appends):
            if room not in self._under_way:
                batch = self._waiting.pop(room)
                if len(batch) > SCRIPT_EVENTS_LIMIT:
                    self._waiting[room] = batch[SCRIPT_EVENTS_LIMIT:]
                self._publish_batch(appends, room, batch[:SCRIPT_EVENTS_LIMIT])
                self._note(room)

    def _waiting_for(self, appends: Commands) -> list[str]:
        """The rooms whose events wait for this connection."""
        if not self._shards.clustered:
            return list(self._waiting)
        return [room for room in self._waiting if (shard := self._shard(room)) and shard.appends is appends]

    def _on_lost(self, appends: Commands) -> None:
        for room in self._waiting_for(appends):
            for _, done in self._waiting.pop(room):
                done(unavailable(fault=appends.fault))

    def _begin_append(self, room: str) -> tuple[Any, ...]:
        """What every append to a room begins with."""
        keys = self._shards.keys
        script_keys = (*keys.of_script(room), *keys.room(room, "sanctions", "barred"))
        # With copies it is broadcast once there are some: what a reader has seen, no failover takes back.
        publish = "" if self._shards.copies else self._shards.publish
        return (*self._shards.evalsha("publish", script_keys), publish, keys.channel(room))

    def _publish_batch(self, appends: Commands, room: str, batch: list[tuple[Event, Done]]) -> None:
        known = self.subscriber.known(room)
        limits = (self._history_limit, CHANGES_FACTOR * self._history_limit, IDS_LIMIT)
        args: list[Any] = [*self._append_of(room), self._fresh_epoch(), *limits]
        args += (known.epoch, known.seq, CLOCK.now_ms())
        for event, _ in batch:
            change = "" if event.change is None else encode(event.change)
            content = self._contents.kept(event.content)
            args += (event.user, event.id, event.network, content, event.head, event.tail, change)

        def reply(answers: Any) -> None:
            self._under_way.discard(room)
            if room in self._waiting and (shard := self._shard(room)):
                shard.appends.wake()
            try:
                refuse_damaged(answers)
            except RequestError as damage:
                answers = damage
            if isinstance(answers, RequestError):
                for _, done in batch:
                    done(answers)
                return
            if self.on_stored is not None:
                self.on_stored(room)
            epoch, *outcomes = answers
            receipts = [_receipt(outcome) for outcome in outcomes]
            if self._shards.copies:
                self._broadcast(room, epoch, [event for event, _ in batch], receipts)
            for (_, done), receipt in zip(batch, receipts, strict=True):
                done(receipt)

        metrics.BATCH_EVENTS.observe(len(batch))
        self._under_way.add(room)
        appends.send(tuple(args), reply, Lane.SENDS)

    def _broadcast(
        self, room: str, epoch: bytes, events: Sequence[Event], receipts: Sequence[Receipt | RequestError]
    ) -> None:
        """What the script says where it broadcasts itself."""
        stored = [
            (receipt.seq, b"%b%d%b%d}" % (event.head.encode(), receipt.seq, event.tail, receipt.at))
            for event, receipt in zip(events, receipts, strict=True)
            if isinstance(receipt, Receipt) and not receipt.duplicate
        ]
        shard = self._shard(room)
        if stored and shard is not None:
            data = b"\n".join((b"E%b:%d" % (epoch, stored[0][0]), *(frame for _, frame in stored)))
            # By the connection that has just answered: another may be away.
            shard.appends.send((self._shards.publish, self._shards.keys.channel(room), data), lambda answer: None)

    # -- read

    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        fresh_epoch = self._fresh_epoch() if create else ""
        answer = await self._history(room, "newest", before, limit, fresh_epoch)
        return None if answer is None else self._page(room, answer)

    async def oldest(self, room: str, limit: int, after: int = 0) -> Page | None:
        answer = await self._history(room, "oldest", after, limit, "")
        return None if answer is None else self._page(room, answer)

    def _page(self, room: str, answer: list[Any]) -> Page:
        """Of messages, without those that can't be read."""
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
        answer = await room_script(self._shards, "history", room, *args, lane=Lane.READS, cost=cost)
        await self._shards.settle(room)
        return answer

    def _read(self, room: str, answer: list[Any]) -> tuple[Position, bool, int, list[tuple[int, bytes] | None]]:
        """The log's end, whether there is more, the first seq, and the events, of which damaged ones are None."""
        keys = self._shards.keys.of_script(room)
        position = read_position(keys[0], answer[0])
        if position is None:
            raise unavailable("the room's record is damaged")
        found = [read_event(frame, mark, keys[1]) for frame, mark in zip(answer[3::2], answer[4::2], strict=True)]
        return position, bool(answer[1]), int(answer[2]), found

    async def knows(self, event: Event) -> bool:
        user = event.user.encode()
        field = b"%d:%b%b" % (len(user), user, event.id.encode())
        kept = (self._shards.call("HGET", key, field) for key in self._shards.keys.room(event.room, "ids", "ids:old"))
        return any(await all_of(unless_damaged(read, None) for read in kept))

    async def about(self, room: str) -> About:
        (key,) = self._shards.keys.room(room, "about")
        read = self._shards.call("HMGET", key, "begun", "topic", lane=Lane.READS)
        begun, topic = await unless_damaged(read, (None, None), "about", key)
        await self._shards.settle(room)
        return about.parse(begun, topic, key)

    async def positions(self, rooms: Sequence[str]) -> dict[str, Position | None]:
        return await read_positions(self._shards, rooms)

    # -- a log's life

    async def keep(self, rooms: Sequence[str]) -> None:
        scripts = (room_script(self._shards, "rooms", room, "keep", EMPTY_SECONDS) for room in rooms)
        for answer in await each_of(unless_damaged(script, None) for script in scripts):
            if isinstance(answer, RequestError):  # a primary is away; the others' rooms are kept
                raise answer

    async def renew_epoch(self, room: str, lost: Position, frame: bytes | None = None) -> None:
        args = (lost.epoch, lost.seq, self._fresh_epoch(), frame or "")
        await room_script(self._shards, "rooms", room, "renew", *args)

    async def delete(self, room: str) -> bool:
        more_keys = self._shards.keys.room(room, "people", "place")
        there, *readers = await room_script(self._shards, "rooms", room, "delete", more_keys=more_keys)
        drop_visits(self._shards, room, readers)
        return bool(there == b"1")

    # -- taking somebody out

    async def messages_of(self, room: str, user: str) -> list[int]:
        return await forgetting.messages_of(self._shards, room, user)

    async def forget_user(self, room: str, user: str) -> None:
        await forgetting.forget_user(self._shards, room, user)

    # -- reach

    def subscribe(self, room: str) -> None:
        self._shards.subscribe(self._shards.keys.channel(room))

    def unsubscribe(self, room: str) -> None:
        self._shards.unsubscribe(self._shards.keys.channel(room))

    def signal(self, room: str, payload: bytes) -> None:
        self._shards.post(self._shards.publish, self._shards.keys.channel(room), b"S" + payload)

    def _on_subscribed(self, channels: list[bytes]) -> None:
        self.subscriber.on_subscribed([self._shards.keys.room_of(channel) for channel in channels])

    def _on_message(self, channel: bytes, data: bytes) -> None:
        room = self._shards.keys.room_of(channel)
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
            metrics.GARBAGE.inc()
            return
        self.subscriber.on_publication(publication)


def _receipt(outcome: bytes) -> Receipt | RequestError:
    """As the script has it."""
    duplicate = outcome.startswith(b"d:")
    seq, colon, at = (outcome[2:] if duplicate else outcome).partition(b":")
    return Receipt(int(seq), int(at), duplicate) if colon else _REFUSALS[outcome]()
