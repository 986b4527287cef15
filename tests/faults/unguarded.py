"""The service with one of its guards taken away: `python -m tests.faults.unguarded <guard> [service's arguments]`.

`<guard>+<guard>` takes away both.

A fault test that passes proves little until the same run fails without the guard it is about. Production code has no
switches for that, so the guard is replaced here, in a process of its own, before the service starts.
"""

import asyncio
import functools
import hashlib
import itertools
import math
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from service import admission, handler
from service.__main__ import main
from service.admission import Admission
from service.brokers import events
from service.brokers.log import Receipt
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.commands import Scripts
from service.brokers.redis.connection import Deadlines
from service.brokers.redis.directory import RedisDirectory
from service.brokers.redis.log import RedisLog
from service.brokers.redis.presence import RedisPresence
from service.brokers.sqlite.log import SqliteLog
from service.clock import Clock
from service.lifecycle import Service
from service.rooms import presence, reads
from service.rooms.cursors import RoomCursors
from service.rooms.room import Membership, Room
from service.session import Session
from service.sockets.heartbeat import Heartbeat

SHORT_TTL = 3.0  # seconds

GUARDS: dict[str, Callable[[], None]] = {}


def guard(take_away: Callable[[], None]) -> Callable[[], None]:
    GUARDS[take_away.__name__] = take_away
    return take_away


def replace(owner: Any, name: str, value: Any) -> None:
    """Put `value` in the place of what the service calls by that name."""
    assert hasattr(owner, name), f"{owner} has no {name}: the guard has moved"
    setattr(owner, name, value)


def replace_script(name: str, change: Callable[[bytes], bytes]) -> None:
    """Have one of Redis's scripts changed."""
    start = Scripts.__init__

    def start_with_another(self: Any, *args: Any) -> None:
        start(self, *args)
        script = self.sources[name]
        self.sources[name] = change(script)
        assert self.sources[name] != script, "the script has changed"
        self.sha[name] = hashlib.sha1(self.sources[name], usedforsecurity=False).hexdigest()

    replace(Scripts, "__init__", start_with_another)


def make_otherwise(owner: Any, **options: Any) -> None:
    """Have the service make these with other options of the constructor than its own."""
    make = owner.__init__
    replace(owner, "__init__", lambda self, *args, **given: make(self, *args, **(given | options)))


def nothing(*_: Any) -> None:
    """In place of a guard."""


@guard
def holes() -> None:
    """Hand out what arrives, as a plain subscriber does: nobody notices what did not."""

    def advance(self: Any, seq: int, frames: list[bytes]) -> list[bytes]:
        last = seq + len(frames) - 1
        if last <= self.head:
            return []
        fresh = frames[max(0, self.head + 1 - seq) :]
        self.head = self.target = last
        self.last = frames[-1]
        return fresh

    replace(RoomCursors, "advance", advance)
    replace(Room, "_fill_soon", nothing)


@guard
def dedupe() -> None:
    """Every attempt is a new event: the ids that are remembered never match."""
    numbers = itertools.count()
    publish = RedisLog.publish

    def publish_anew(self: Any, event: Any, done: Any) -> None:
        publish(self, msgspec.structs.replace(event, id=f"{event.id}#{next(numbers)}"), done)

    replace(RedisLog, "publish", publish_anew)


@guard
def stored() -> None:
    """`sent` leaves as soon as the message has come in, with the seq that it will probably get.

    The message is written a little later, so that a kill finds some in between however fast the disk is.
    """
    guesses: dict[str, int] = {}

    def hasty(publish: Any) -> Any:
        @functools.wraps(publish)
        def acknowledge_first(self: Any, event: Any, done: Any) -> None:
            head = self.subscriber.known(event.room).seq
            guesses[event.room] = guess = max(guesses.get(event.room, 0), head) + 1
            done(Receipt(guess, int(time.time() * 1000), False))
            asyncio.get_running_loop().call_later(0.05, publish, self, event, nothing)

        return acknowledge_first

    for log in (RedisLog, SqliteLog):
        replace(log, "publish", hasty(log.publish))


@guard
def deadlines() -> None:
    """Redis is waited for as long as it takes, and readiness asks nothing of it."""
    make_otherwise(RedisBroker, deadlines=Deadlines(reply=1e6, silent_probes=10**6))

    async def do_nothing(self: Any) -> None:
        pass

    replace(RedisBroker, "try_write", do_nothing)


@guard
def resume() -> None:
    """`since` is accepted and forgotten: the client goes on with what is new."""
    begin = Membership.begin

    def begin_at_the_head(self: Any) -> None:
        self.skip()
        begin(self)

    replace(Membership, "begin", begin_at_the_head)


@guard
def resets() -> None:
    """What is gone is not mentioned: everybody goes on where the log stands now."""

    def keep(self: Any) -> list[Any]:
        self.expect_nothing()
        return []

    def stay(self: Any, room: str, reason: str) -> None:
        self.rooms[room].skip()
        self.rooms[room].begin()

    replace(RoomCursors, "reset", keep)
    replace(Session, "on_reset", stay)
    replace(RoomCursors, "resumes", staticmethod(lambda since, page: True))


@guard
def identity() -> None:
    """A log that is long enough is taken for the one that it was."""

    def compare_ends(self: Any, asked: Any, page: Any) -> Any:
        return self.compare(asked.position, None if page is None else page.position)

    replace(RoomCursors, "verify", compare_ends)


@guard
def pings() -> None:
    """Nobody is pinged."""
    replace(Heartbeat, "_beat", nothing)


@guard
def silence() -> None:
    """Who answers no ping stays."""
    replace(Heartbeat, "_close_silent", nothing)


@guard
def bound() -> None:
    """A reader that takes nothing goes on being written to."""
    replace(Session, "on_congested", nothing)


@guard
def once() -> None:
    """A ticket stays where it is when it is taken."""

    async def look_at_ticket(self: Any, key: str) -> Any:
        return await self._shards.call("GET", self._keys.ticket(key))

    replace(RedisDirectory, "take_ticket", look_at_ticket)


@guard
def order() -> None:
    """The script broadcasts before it writes."""
    early = """
        local before = redis.call('GET', KEYS[1])
        if before then
          local epoch, seq = string.match(before, '^(.*):(%d+)$')
          local number = string.format('%.0f', seq + 1)
          local frame = ARGV[{head}] .. number .. ARGV[{tail}] .. '0}}'
          redis.call(ARGV[1], ARGV[2], 'E' .. epoch .. ':' .. number .. '\\n' .. frame)
        end
        """

    def begin_with_a_broadcast(script: bytes) -> bytes:
        found = re.search(rb"local FIRST, EACH = (\d+), 7\n", script)
        assert found, "the script has changed"
        first = int(found[1])  # the place of the first event's author; id, network, content, head and tail follow
        return early.format(head=first + 4, tail=first + 5).encode() + script

    replace_script("publish", begin_with_a_broadcast)


@guard
def promise() -> None:
    """A second SIGTERM cuts the drain short."""
    drain = Service.drain

    async def drain_until_told_again(self: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await drain(self)

    replace(Service, "drain", drain_until_told_again)


@guard
def leak() -> None:
    """The wheel of pings never lets go of a socket."""
    replace(Heartbeat, "discard", nothing)


@guard
def refusals() -> None:
    """Who is refused over HTTP is answered at once, as often as it asks."""
    replace(admission, "REFUSAL_RATE", 0.0)
    replace(handler, "REFUSALS_LIMIT", 10**9)


@guard
def gathering() -> None:
    """What people have read is told almost each time that it moves."""
    make = reads.ReadPositions.__init__

    def often(self: Any, *args: Any, **_: Any) -> None:
        make(self, args[0], args[1], args[2], args[3], 0.01)

    replace(reads.ReadPositions, "__init__", often)


@guard
def receipts() -> None:
    """What people have read is told to everybody, however many there are."""
    replace(reads, "MEMBERS_LIMIT", 10**9)


@guard
def patience() -> None:
    """Who waits as told before asking again is counted with those who don't."""

    class Never(dict[str, float]):
        """When each may ask again."""

        def __bool__(self) -> bool:
            return True

        def get(self, *_: Any) -> float:
            return math.inf

    answer_error = Session.answer_error

    def count(self: Any, *args: Any, **options: Any) -> None:
        self._wait_until = Never()
        answer_error(self, *args, **options)

    replace(Session, "answer_error", count)


@guard
def apart() -> None:
    """Changes are counted with the messages, of which so many fewer are kept."""
    limit, together = (
        b"count + more - limit",
        b"count + more - limit + (key == messages and redis.call('ZCARD', changes) or 0)",
    )
    at_once = (b"excess >= SLACK", b"excess > 0")  # there may be no more messages than that altogether
    replace_script("publish", lambda script: script.replace(limit, together).replace(*at_once))
    beyond = SqliteLog._beyond  # noqa: SLF001

    def beyond_both(self: Any, table: str, room: Any) -> int:
        select = "SELECT count(*) FROM changes WHERE room = ?"
        changes = self.file.db.execute(select, (room.id,)).fetchone()[0]
        kept = self._keep
        self._keep = kept | {"messages": max(0, kept["messages"] - changes)}
        try:
            return beyond(self, table, room)
        finally:
            self._keep = kept

    replace(SqliteLog, "_beyond", beyond_both)


@guard
def rights() -> None:
    """Where an event is stored nobody asks whether its author may speak."""
    asked = b"local sanction_of = sanctions()"
    replace_script("publish", lambda script: script.replace(asked, b"local sanction_of = false"))
    replace(SqliteLog, "_sanction", lambda *_: "")


@guard
def checks() -> None:
    """Not everything is looked at before the first write: what stands in the way of the authors is found after it."""
    looked = b"redis.call('ZCARD', authors)\n"
    replace_script("publish", lambda script: script.replace(looked, b"\n"))


@guard
def contents() -> None:
    """The same id is the same thing, whatever is sent under it."""
    replace(events, "event_content", lambda *_: b"")


@guard
def lengths() -> None:
    """Users and ids are put together as they are, with a colon between them."""
    together = b"#ARGV[i] .. ':' .. ARGV[i] .. ARGV[i + 1]"
    replace_script("publish", lambda script: script.replace(together, b"ARGV[i] .. ':' .. ARGV[i + 1]"))


@guard
def names() -> None:
    """Nobody asks whose a name is."""

    async def anybodys(self: Any, user: Any, network: str = "") -> bool:
        return True

    replace(Admission, "claim_name", anybodys)


@guard
def short() -> None:
    """No guard less: a process lives for SHORT_TTL without a beat, so that a short absence is a long one."""
    make_otherwise(RedisBroker, process_ttl=SHORT_TTL, settling=SHORT_TTL / 2)
    make_otherwise(presence.PresenceTracker, beat_interval=SHORT_TTL / 5)


@guard
def witness() -> None:
    """Whoever beats clears up after all that have not beaten for long, though it was away itself."""

    async def beat(self: Any) -> bool:
        known, _, _, dead, _ = await self._say_alive(self.life)
        for process in dead:
            if process != self.life.encode():
                await self.clear_up_after(process)
        return bool(known)

    replace(RedisPresence, "beat", beat)


@guard
def first() -> None:
    """A process is known from its first beat on, and not from its first people on."""

    async def beat(self: Any) -> bool:
        return True

    noted = b"if stood < 2 or op == 'beat' then"
    replace_script("processes", lambda script: script.replace(noted, b"if op == 'beat' then"))
    replace(RedisPresence, "beat", beat)


@guard
def clock() -> None:
    """The wall clock is believed, whatever it says."""
    replace(Clock, "now", lambda self: time.time())
    replace(Clock, "steady", lambda self, seconds: True)


@guard
def mending() -> None:
    """What stands under a key of presence and is of another type than ours stays there."""
    for name in ("presence", "processes"):
        replace_script(name, lambda script: script.replace(b"redis.call('DEL', key)", b""))


if __name__ == "__main__":
    for name in sys.argv[1].split("+"):
        GUARDS[name]()
    sys.exit(main(sys.argv[2:]))
