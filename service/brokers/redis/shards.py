"""The primaries of a Redis, and this process's connections to each: one for commands, one for channels.

A single Redis is a cluster with one primary that has every slot, and so is what sentinels watch: their word is asked
with each connection (sentinel.py). Of a cluster one task follows the map of slots (map_follower.py). Whatever moves is
a lost subscription to its rooms, whose cursors find what they missed.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError

from service.brokers.base import Fault, Unavailable, unavailable
from service.brokers.redis import url as redis_url
from service.brokers.redis.channels import Channels
from service.brokers.redis.commands import Command, Commands, Lane, Reply, Scripts, answer_of
from service.brokers.redis.connection import DEADLINES, Connect, Connector, Deadlines
from service.brokers.redis.keys import Keyspace
from service.brokers.redis.map_follower import MapFollower
from service.brokers.redis.sentinel import Sentinels
from service.brokers.redis.shard import Shard
from service.brokers.redis.slots import NO_HOST, SLOTS, Map, NodeAddress, by_slot, slot_of
from service.logs import fields
from service.signals import MAILBOX

logger = logging.getLogger(__name__)

PROBE_MS = 10_000  # for which a key lives that is written only to see whether one can be
TRIES = 60  # redirections of one command, after which it is `unavailable`
TRY_AGAIN = 0.025  # seconds before each but the first few: a slot's keys are on their way


class Shards:
    """Sends each command to the primary that has its key. See `Commands` for what is answered, and when."""

    def __init__(
        self,
        url: str,
        name: str,
        keys: Keyspace,
        scripts: Sequence[str],
        deadlines: Deadlines = DEADLINES,
        *,
        self_signed: bool = False,
        copies: int = 0,
        copies_seconds: float = 0.0,
    ) -> None:
        """`name`: what the connections are called in Redis. `copies`: see `Commands`."""
        self._url = redis_url.parse(url)
        self._scripts = Scripts(scripts)
        self._deadlines = deadlines
        self._connector = Connector(self._url, name, self_signed=self_signed, connect_timeout=deadlines.connect)
        self._copies_seconds = copies_seconds
        self.copies = copies
        self.keys = keys
        self.clustered = self._url.kind == "cluster"
        self.publish = "SPUBLISH" if self.clustered else "PUBLISH"
        # Set by who uses them, before `open`.
        self.on_message: Callable[[bytes, bytes], None] = lambda channel, data: None
        self.on_subscribed: Callable[[list[bytes]], None] = lambda channels: None
        self.gather: Callable[[Commands], None] = lambda commands: None
        self.on_lost: Callable[[Commands], None] = lambda commands: None
        self.on_trouble: Callable[[str, bool], None] = lambda why, lost: None  # see `Broker.on_trouble`
        self._made = 0  # connections for commands of shards that are no more
        self._wanted: dict[bytes, Shard | None] = {}  # channels, and where they are asked for
        self._by_address: dict[NodeAddress, Shard] = {}
        self._map = MapFollower(self._url.hosts, self._connector, deadlines, self._take, lambda: self.connected)
        self._follower: list[asyncio.Task[None]] = []  # of a cluster's map
        self._leaving: set[asyncio.Task[None]] = set()
        self._redirected: dict[asyncio.TimerHandle, Command] = {}  # those that wait for a moment
        self._closing = False
        self.shards: list[Shard] = []  # who has slots; none while a cluster's map is unknown
        self._whole = not self.clustered  # whether every slot has one
        self._slots: list[Shard | None] = [None] * SLOTS
        if not self.clustered:
            self.shards = [self._make(self._connect_to_one(), self._url.place)]
            self._slots = [self.shards[0]] * SLOTS

    def _connect_to_one(self) -> Connect:
        if self._url.kind == "sentinel":
            return Sentinels(self._url, self._connector, self._deadlines.connect).open
        return self._connector.open

    def _make(self, connect: Connect, place: str) -> Shard:
        options: dict[str, Any] = {"place": place, "on_redirect": self._redirect if self.clustered else None}
        commands = appends = Commands(connect, self._scripts, self._deadlines, **options)
        if self.copies:
            options |= {"copies": self.copies, "copies_seconds": self._copies_seconds}
            appends = Commands(connect, self._scripts, self._deadlines, **options)
        appends.gather = lambda: self.gather(appends)
        appends.on_lost = lambda: self._lost(appends)
        channels = Channels(
            connect,
            lambda channel, data: self.on_message(channel, data),
            lambda confirmed: self.on_subscribed(confirmed),
            self._deadlines,
            place=place,
            sharded=self.clustered,
            on_moved=self._map.changed.set,
        )
        commands.on_trouble = appends.on_trouble = channels.on_trouble = lambda why, lost: self.on_trouble(why, lost)
        shard = Shard(commands, appends, channels)
        commands.on_demoted = appends.on_demoted = shard.renew
        return shard

    def _lost(self, appends: Commands) -> None:
        self._map.changed.set()
        self.on_lost(appends)

    # -- where things are

    @property
    def by_place(self) -> dict[str, Shard]:
        """The primaries that are known, by what may be shown of where they are."""
        places = {shard: f"{host}:{port}" for (host, port), shard in self._by_address.items()}
        return {places.get(shard, self._url.place): shard for shard in self.shards}

    def of(self, key: str) -> Shard | None:
        """Who has the key, as far as it is known."""
        return self._slots[slot_of(key) if self.clustered else 0]

    def groups(self, keys: Sequence[str]) -> list[list[int]]:
        """The indices of keys, by what one command may name together."""
        return list(by_slot(keys)) if self.clustered else [list(range(len(keys)))]

    @property
    def connected(self) -> bool:
        """Whether every key can be reached, and is answered for."""
        return self._whole and all(shard.connected for shard in self.shards)

    @property
    def listening(self) -> bool:
        """Whether every channel can be heard."""
        return self._whole and all(shard.channels.connected for shard in self.shards)

    @property
    def connections(self) -> int:
        """Made so far, for commands; what an earlier one was told, Redis may have lost."""
        return self._made + sum(shard.commands.connections for shard in self._all)

    @property
    def _all(self) -> set[Shard]:
        """Also those that have no slots yet, or no more."""
        return {*self.shards, *self._by_address.values()}

    # -- commands

    def send(self, args: tuple[Any, ...], reply: Reply, lane: Lane = Lane.STATE, cost: int = 1) -> None:
        """See `Commands.send`."""
        shard = self.of(_key(args))
        if shard is None:
            asyncio.get_running_loop().call_soon(reply, unavailable(fault=Fault.CLUSTER))
        else:
            (shard.appends if lane is Lane.SENDS else shard.commands).send(args, reply, lane, cost)

    async def call(self, *args: Any, lane: Lane = Lane.STATE, cost: int = 1) -> Any:
        """The command's answer. Raises `unavailable`, also for a refusal (OOM, READONLY, LOADING …), or `WrongType`."""
        return await answer_of(lambda reply: self.send(args, reply, lane, cost))

    def post(self, *args: Any) -> None:
        """A command whose answer nobody waits for."""
        self.send(args, lambda answer: None)

    async def script(
        self, name: str, keys: Sequence[str | bytes], *args: Any, lane: Lane = Lane.STATE, cost: int = 1
    ) -> Any:
        """The answer of one of our scripts."""
        return await self.call(*self.evalsha(name, keys), *args, lane=lane, cost=cost)

    async def on_each(self, command: str, *args: Any) -> None:
        """A command that writes a key of our own on every primary, as messages are written. Raises `Unavailable`."""
        if not self._whole:
            raise unavailable(fault=Fault.CLUSTER)
        slots = [self._slots.index(shard) if self.clustered else None for shard in self.shards]
        keys = [self.keys.probe(slot) for slot in slots]
        await asyncio.gather(*(self.call(command, key, *args, lane=Lane.SENDS) for key in keys))

    async def settle(self, room: str) -> None:
        """Wait for copies of all that the room's primary has so far: what was read there a failover can't take back.

        Where there are too few nobody waits for them again, and nothing is acknowledged either.
        """
        (key,) = self.keys.room(room, "probe")
        shard = self.of(key)
        if self.copies and shard is not None and shard.appends.copied:
            with suppress(Unavailable):
                await self.call("SET", key, 1, "PX", PROBE_MS, lane=Lane.SENDS)

    def evalsha(self, name: str, keys: Sequence[str | bytes]) -> tuple[Any, ...]:
        """The command's beginning."""
        return ("EVALSHA", self._scripts.sha[name], len(keys), *keys)

    # -- channels

    def subscribe(self, channel: bytes) -> None:
        """Ask for a channel, whoever has its slot; each confirmation is passed on."""
        shard = self._wanted[channel] = self._slots[slot_of(channel) if self.clustered else 0]
        if shard is not None:
            shard.channels.subscribe(channel)

    def unsubscribe(self, channel: bytes) -> None:
        """Ask for it no longer."""
        shard = self._wanted.pop(channel, None)
        if shard is not None:
            shard.channels.unsubscribe(channel)

    async def rooms_listened_to(self) -> tuple[list[str], Unavailable | None]:
        """Those whose channel any process of the deployment has asked for, so all in which somebody is.

        And why some may be missing: a primary is away.
        """
        ask = ("PUBSUB", "SHARDCHANNELS" if self.clustered else "CHANNELS", self.keys.all_channels)
        asked = (answer_of(partial(shard.commands.send, ask)) for shard in self.shards)
        away = None if self._whole else unavailable(fault=Fault.CLUSTER)
        rooms: set[str] = set()
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, Unavailable):
                away = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                rooms.update(map(self.keys.room_of, answer))
        return sorted(room for room in rooms if room and not room.startswith(MAILBOX)), away

    # -- life

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs for it."""
        return [*self._follower, *(task for shard in self._all for task in shard.tasks)]

    def open(self) -> None:
        """Begin to connect."""
        if self.clustered:
            self._follower = [asyncio.ensure_future(self._map.run())]
        for shard in self.shards:
            shard.start()

    async def close(self, seconds: float) -> None:
        """Finish what waits, `seconds` at most, and let go. Nothing is redirected any more."""
        self._closing = True
        redirected, self._redirected = self._redirected, {}
        for handle, command in redirected.items():
            handle.cancel()
            command.reply(unavailable())
        for task in self._follower:
            task.cancel()
        await asyncio.gather(*self._follower, return_exceptions=True)
        await asyncio.gather(*(shard.end(seconds) for shard in self._all), *self._leaving)

    # -- a cluster's map

    def _take(self, found: Map) -> bool:
        """Make the shards that are new, let those go that have no slots, and ask for channels where they are now.

        Answers whether any slot is elsewhere.
        """
        before, slots = self._slots, list(self._slots)
        for first, last, address in found.ranges:
            slots[first : last + 1] = [self._shard_at(address)] * (last + 1 - first)
        self._slots = slots
        self._whole = None not in slots
        self.shards = [shard for shard in dict.fromkeys(slots) if shard is not None]
        for shard in self.shards:
            shard.appends.wake()  # what waited for another may wait for it now
        self._follow_channels()
        now = asyncio.get_running_loop().time()
        for address, shard in list(self._by_address.items()):
            if shard not in self.shards and now - shard.named_at > self._deadlines.look:
                del self._by_address[address]
                self._made += shard.commands.connections
                ending = asyncio.ensure_future(shard.end(0.0))  # nothing was asked of it for so long
                self._leaving.add(ending)
                ending.add_done_callback(self._leaving.discard)
        return slots != before

    def _shard_at(self, address: NodeAddress) -> Shard:
        shard = self._by_address.get(address)
        if shard is None:
            shard = self._by_address[address] = self._make(partial(self._connector.open, *address), "%s:%d" % address)
            shard.start()
            extra = fields("redis_primary", host="%s:%d" % address)
            logger.info("redis cluster: %s:%d is a primary", *address, extra=extra)
        shard.named_at = asyncio.get_running_loop().time()
        return shard

    def _follow_channels(self) -> None:
        for channel, asked in list(self._wanted.items()):
            shard = self._slots[slot_of(channel)]
            if shard is not asked:
                if asked is not None:
                    asked.channels.unsubscribe(channel)
                self.subscribe(channel)
        for shard in self.shards:
            shard.channels.ask_again()

    def _redirect(self, command: Command, error: ResponseError) -> bool:
        """A node refused the command, which was not done: its slot is another's, or on its way there."""
        self._map.changed.set()
        if self._closing or command.tries >= TRIES or isinstance(error, ClusterDownError):
            return False
        named, asked = None, None
        if isinstance(error, AskError) and error.host not in NO_HOST:  # else the map must tell
            named = self._shard_at((error.host, error.port))
            if isinstance(error, MovedError):  # which is an AskError
                self._note_moved(error.slot_id, named, (error.host, error.port))
            else:
                asked = named
        again = command._replace(tries=command.tries + 1, asking=asked is not None)
        self._push_later(TRY_AGAIN if named is None or command.tries >= 2 else 0.0, again, asked)
        return True

    def _note_moved(self, slot: int, shard: Shard, address: NodeAddress) -> None:
        if self._slots[slot] is not shard:
            self._slots[slot] = shard
            if shard not in self.shards:
                self.shards.append(shard)
            shard.appends.wake()
        self._map.prefer(address)

    def _push_later(self, wait: float, command: Command, asked: Shard | None) -> None:
        def push() -> None:
            del self._redirected[handle]
            self._push(command, asked)

        handle = asyncio.get_running_loop().call_later(wait, push)
        self._redirected[handle] = command

    def _push(self, command: Command, asked: Shard | None) -> None:
        """Send it to the shard that is to be asked, or that has its slot by now; wait a little for one that is new."""
        there = asked or self.of(_key(command.args))
        if command.tries < TRIES and (there is None or not there.connected):
            self._push_later(TRY_AGAIN, command._replace(tries=command.tries + 1), asked)
        elif there is None:
            command.reply(unavailable(fault=Fault.CLUSTER))
        else:
            (there.appends if command.lane is Lane.SENDS else there.commands).push(command)


def _key(args: tuple[Any, ...]) -> Any:
    """The first key of a command, which decides where it goes."""
    return args[3] if args[0] == "EVALSHA" else args[1]
