"""service/brokers/redis/commands.py on a real Redis: pipelines, deadlines, refusals, a server that dies or freezes."""

import asyncio
import gc
import itertools
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.connection import Connection

from service.brokers import redis
from service.brokers.base import Fault, Unavailable
from service.brokers.redis.broker import RedisBroker
from service.brokers.redis.commands import (
    PIPELINE_LIMITS,
    QUEUE_LIMITS,
    Commands,
    Lane,
    Scripts,
    WrongType,
    answer_of,
)
from service.brokers.redis.connection import DEADLINES, Connector, Deadlines
from service.brokers.redis.steps import TOGETHER_LIMIT, all_of
from service.brokers.redis.url import parse
from service.protocol import ErrorCode, RequestError

from .brokers import message, opened, publish, store, until
from .harness import UNIT, RedisServer

loses_redis = pytest.mark.expects_log("WARNING redis (commands|channels): ")
is_refused = pytest.mark.expects_log("WARNING redis refused a command: ")
SCRIPTS_FOLDER = Path(redis.__file__).parent
SCRIPTS = ("publish", "history", "presence", "names", "processes", "bucket")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of the test's own, to do harm to."""
    with RedisServer() as server:
        yield server


class Running:
    """Commands at work, and what they sent, pipeline by pipeline."""

    def __init__(self, url: str, scripts: tuple[str, ...] = SCRIPTS, **options: Any) -> None:
        self.pipelines: list[bytes] = []
        self.connections = 0
        connector = Connector(parse(url), "parley-test")

        async def noting() -> Connection:
            self.connections += 1
            connection = await connector.open()
            send = connection.send_packed_command

            async def note(packed: bytes, check_health: bool = True) -> None:
                if check_health is False:  # not the client's own handshake
                    self.pipelines.append(packed)
                await send(packed, check_health)

            connection.send_packed_command = note  # type: ignore[method-assign, assignment]
            return connection

        self.scripts = Scripts(scripts)
        self.commands = Commands(noting, self.scripts, **options)

    async def call(self, *args: Any, lane: Lane = Lane.STATE, cost: int = 1) -> Any:
        return await answer_of(lambda reply: self.commands.send(args, reply, lane, cost))

    async def script(self, name: str, keys: Sequence[str], *args: Any) -> Any:
        return await self.call("EVALSHA", self.scripts.sha[name], len(keys), *keys, *args)

    async def connected(self) -> None:
        await until(lambda: self.commands.connected, "connected")

    async def lost(self) -> None:
        await until(lambda: not self.commands.connected, "disconnected")


@asynccontextmanager
async def running(url: str, connected: bool = True, **options: Any) -> AsyncIterator[Running]:
    it = Running(url, **options)
    task = asyncio.ensure_future(it.commands.run())
    try:
        if connected:
            await it.connected()
            it.pipelines.clear()
        yield it
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def refused(call: Any) -> None:
    """The call raises `unavailable`, with a time after which to try again."""
    with pytest.raises(RequestError) as caught:
        await call
    assert caught.value.code == ErrorCode.UNAVAILABLE
    assert caught.value.retry_after


# -- asking


async def test_a_command_is_answered(redis_url: str) -> None:
    """Bytes, numbers, None and lists come as Redis says them; arguments may be text, bytes or numbers."""
    async with running(redis_url) as it:
        call = it.call
        assert await call("SET", "key", b"\x00\xff") == b"OK"
        assert await call("GET", "key") == b"\x00\xff"
        assert await call("GET", "nothing") is None
        assert await call("INCRBY", "number", 41) == 41
        assert await call("MGET", "key", "nothing") == [b"\x00\xff", None]


async def test_scripts_are_loaded_and_run_by_name(redis_url: str) -> None:
    """Every one of ours, with keys and arguments."""
    async with running(redis_url) as it:
        assert set(it.scripts.sha) == set(SCRIPTS)
        keys = ("names", "claims", "holders", "people", "processes", "unsettled")
        assert await it.script("names", keys, "claim", "ada", "u1", 1000, "", "") == [1]
        assert await it.script("names", keys, "claim", "ada", "u2", 1000, "", "") == [0]


async def test_the_commands_of_a_turn_are_one_pipeline(redis_url: str) -> None:
    """One system call for all that is asked in one turn of the loop."""
    async with running(redis_url) as it:
        answers = await asyncio.gather(*(it.call("INCR", "number") for _ in range(100)))
        assert answers == list(range(1, 101))
        assert len(it.pipelines) == 1


async def test_what_is_asked_meanwhile_is_the_next_pipeline(redis_url: str) -> None:
    """At most one is under way, so commands take effect in the order of asking."""
    async with running(redis_url) as it:
        first = asyncio.ensure_future(it.call("APPEND", "word", "a"))
        await until(lambda: it.pipelines, "the first on its way")
        rest = [asyncio.ensure_future(it.call("APPEND", "word", letter)) for letter in "bcd"]
        assert await asyncio.gather(first, *rest) == [1, 2, 3, 4]
        assert [packed.count(b"APPEND") for packed in it.pipelines] == [1, 3]
        assert await it.call("GET", "word") == b"abcd"


async def test_long_queues_go_in_pipelines_of_a_bounded_length(redis_url: str) -> None:
    """Order and answers hold across them."""
    async with running(redis_url, pipeline_limits=PIPELINE_LIMITS | {Lane.STATE: 8}) as it:
        assert await asyncio.gather(*(it.call("INCR", "n") for _ in range(20))) == list(range(1, 21))
        assert [packed.count(b"INCR") for packed in it.pipelines] == [8, 8, 4]


async def test_what_stores_messages_goes_first(redis_url: str) -> None:
    """However many reads wait, in the next pipeline; in its own lane each command keeps its place."""
    async with running(redis_url, pipeline_limits=PIPELINE_LIMITS | {Lane.READS: 4}) as it:
        order: list[str] = []

        def ask(what: str, lane: Lane) -> None:
            it.commands.send(("ECHO", what), lambda answer: order.append(answer.decode()), lane)

        for number in range(20):
            ask(f"read{number}", Lane.READS)
        ask("state", Lane.STATE)
        ask("send0", Lane.SENDS)
        ask("send1", Lane.SENDS)
        await until(lambda: len(order) == 23, "all answers")
        assert order == ["send0", "send1", "state", *(f"read{number}" for number in range(20))]
        assert [packed.count(b"read") for packed in it.pipelines] == [4] * 5


async def test_dear_reads_are_few_in_a_pipeline(redis_url: str) -> None:
    """By what they cost; one goes in any case."""
    async with running(redis_url, pipeline_limits=PIPELINE_LIMITS | {Lane.READS: 4}) as it:
        await asyncio.gather(*(it.call("ECHO", "x", lane=Lane.READS, cost=cost) for cost in (9, 2, 2, 1, 1)))
        assert [packed.count(b"ECHO") for packed in it.pipelines] == [1, 2, 2]


async def test_a_lane_that_is_full_refuses_its_own(redis_url: str) -> None:
    """Reads past their limit are `unavailable`; a message is stored all the same."""
    async with running(redis_url, queue_limits=QUEUE_LIMITS | {Lane.READS: 10}) as it:
        reads = [asyncio.ensure_future(it.call("ECHO", "x", lane=Lane.READS)) for _ in range(30)]
        await asyncio.sleep(0)
        assert await it.call("SET", "key", "v", lane=Lane.SENDS) == b"OK"
        assert await it.call("GET", "key") == b"v"
        answers = await asyncio.gather(*reads, return_exceptions=True)
        assert [isinstance(answer, RequestError) for answer in answers] == [False] * 10 + [True] * 20


async def test_who_asks_for_a_thousand_things_takes_turns(redis_url: str) -> None:
    """A part at a time waits in the queue, so that nobody else is refused; the answers keep their order."""
    async with running(redis_url, queue_limits=QUEUE_LIMITS | {Lane.READS: 2 * TOGETHER_LIMIT}) as it:
        echo = [it.call("ECHO", str(number), lane=Lane.READS) for number in range(1000)]
        wide = asyncio.ensure_future(all_of(echo))
        await asyncio.sleep(0)
        assert await it.call("ECHO", "other", lane=Lane.READS) == b"other"
        assert not wide.done()
        assert await wide == [b"%d" % number for number in range(1000)]


async def test_a_send_waits_for_few_reads(redis_url: str) -> None:
    """Among a thousand who read without end; the control is one lane for all, as if everything stored messages."""
    async with running(redis_url) as it:
        await asyncio.gather(*(it.call("HSET", "page", str(n), "x" * 300) for n in range(100)))

        async def read(lane: Lane) -> None:
            while True:
                await it.call("HGETALL", "page", lane=lane, cost=10)

        waits: dict[Lane, float] = {}
        for lane in (Lane.SENDS, Lane.READS):
            readers = [asyncio.ensure_future(read(lane)) for _ in range(1000)]
            await asyncio.sleep(0.1)
            took = []
            for _ in range(30):
                before = time.monotonic()
                await it.call("SET", "key", "v", lane=Lane.SENDS)
                took.append(time.monotonic() - before)
            waits[lane] = sorted(took)[len(took) // 2]
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        assert waits[Lane.READS] * 3 < waits[Lane.SENDS]


async def test_the_first_error_ends_what_is_asked_together(redis_url: str) -> None:
    """What had not begun is not asked any more."""
    async with running(redis_url) as it:
        await it.call("SET", "key", "v")
        commands = [("LPUSH", "key", "x"), *[("INCR", "n")] * 200]
        calls = (it.call(*command) for command in commands)
        with pytest.raises(WrongType):
            await all_of(calls)
        assert await it.call("GET", "n") == b"%d" % (TOGETHER_LIMIT - 1)


async def test_who_no_longer_waits_leaves_nothing_begun_behind(redis_url: str) -> None:
    """Cancelled in mid-way: a coroutine that nobody awaited would be warned of when it is collected."""
    async with running(redis_url) as it:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await all_of(it.call("INCR", "n") for _ in range(3 * TOGETHER_LIMIT))
        gc.collect()


async def test_what_gathers_is_asked_right_before_a_pipeline(redis_url: str) -> None:
    """`wake` says that something waits there."""
    async with running(redis_url) as it:
        answers: list[Any] = []
        waiting: list[tuple[str, ...]] = [("PING",), ("ECHO", "gathered")]

        def gather() -> None:
            while waiting:
                it.commands.send(waiting.pop(0), answers.append)

        it.commands.gather = gather
        it.commands.wake()
        await until(lambda: len(answers) == 2, "the answers")
        assert answers == [b"PONG", b"gathered"]
        assert len(it.pipelines) == 1


async def test_past_the_queue_limit_a_slow_redis_is_an_absent_one(redis_url: str) -> None:
    """What is over it is refused, on a later turn; the rest is done."""
    async with running(redis_url, queue_limits=QUEUE_LIMITS | {Lane.STATE: 10}) as it:
        answers: list[Any] = []
        for number in range(12):
            it.commands.send(("ECHO", str(number)), answers.append)
        assert answers == []
        await until(lambda: len(answers) == 12, "all answers")
        assert [str(answer) for answer in answers if isinstance(answer, RequestError)] == [
            "the broker is away; the message was not stored"
        ] * 2
        assert [answer for answer in answers if isinstance(answer, bytes)] == [b"%d" % n for n in range(10)]


async def test_a_caller_who_left_costs_the_others_nothing(redis_url: str) -> None:
    """The answer comes and goes nowhere."""
    async with running(redis_url) as it:
        left, stays = (asyncio.ensure_future(it.call("INCR", "n")) for _ in range(2))
        await asyncio.sleep(0)
        left.cancel()
        assert await stays == 2
        assert it.commands.connected and it.connections == 1


# -- refusals


@is_refused
async def test_out_of_memory_is_unavailable_and_passes(server: RedisServer) -> None:
    """Writes are refused, reads are not, the connection stays; with memory again writes go on."""
    async with running(server.url) as it:
        await it.call("SET", "key", "kept")
        server.cli("CONFIG", "SET", "maxmemory", 1)
        await refused(it.call("SET", "key", "new"))
        assert await it.call("GET", "key") == b"kept"
        server.cli("CONFIG", "SET", "maxmemory", 0)
        assert await it.call("SET", "key", "new") == b"OK"
        assert it.connections == 1


@is_refused
@loses_redis
async def test_a_replica_is_unavailable_until_it_is_master(server: RedisServer) -> None:
    """READONLY, as after a failover: nothing is stored, and nothing is published by a script that should store."""
    async with opened(RedisBroker(server.url, history_limit=10, history_days=1), "lobby") as (broker, heard):
        server.cli("REPLICAOF", "127.0.0.1", server.port)  # of itself: a master that never answers as one
        for outcome in await publish(broker, message(), message()):
            assert isinstance(outcome, RequestError) and outcome.code == ErrorCode.UNAVAILABLE
        await until(lambda: not broker.available, "another connection, which may be to another server")
        server.cli("REPLICAOF", "NO", "ONE")
        await until(lambda: broker.available, "back")
        (receipt,) = await store(broker, message(id="after"))
        await until(lambda: heard.publications, "the broadcast")
        assert receipt.seq == 1 and len(heard.frames("lobby")) == 1


@is_refused
@pytest.mark.parametrize(
    ("setting", "value", "fault"),
    [("maxmemory", 1, Fault.FULL), ("min-replicas-to-write", 1, Fault.COPIES)],
    ids=["full", "alone"],
)
async def test_a_message_that_is_refused_says_why(
    server: RedisServer, setting: str, value: int, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the script finds it out, too: the server's first word stands in the log, and the fault is known by it."""
    async with opened(RedisBroker(server.url, history_limit=10, history_days=1), "lobby") as (broker, heard):
        server.cli("CONFIG", "SET", setting, value)
        (outcome,) = await publish(broker, message())
        assert isinstance(outcome, Unavailable) and outcome.fault is fault
        assert not heard.publications
        server.cli("CONFIG", "SET", setting, 0)
        await store(broker, message())
    assert re.search(r"redis refused a command: (OOM|NOREPLICAS) ", caplog.text)


@is_refused
async def test_refusals_are_logged_once_a_second(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """However many ask; the line says why."""
    async with running(server.url) as it:
        server.cli("CONFIG", "SET", "maxmemory", 1)
        for _ in range(3):
            await asyncio.gather(*(it.call("SET", "k", "v") for _ in range(50)), return_exceptions=True)
        (line,) = [record.getMessage() for record in caplog.records]
        assert line == "redis refused a command: OOM command not allowed when used memory > 'maxmemory'."


async def test_one_refusal_does_not_touch_its_neighbours(redis_url: str) -> None:
    """Of a pipeline each command has its own answer."""
    async with running(redis_url) as it:
        calls = [it.call(*args) for args in (("SET", "k", "v"), ("LPUSH", "k", "x"), ("GET", "k"))]
        ok, wrong, value = await asyncio.gather(*calls, return_exceptions=True)
        assert (ok, value) == (b"OK", b"v")
        assert isinstance(wrong, WrongType) and wrong.code == ErrorCode.UNAVAILABLE
        assert it.connections == 1


@loses_redis
async def test_flushed_scripts_are_loaded_again(redis_server: RedisServer, redis_url: str) -> None:
    """NOSCRIPT is `unavailable` once, then the scripts are back."""
    async with running(redis_url) as it:
        redis_server.cli("SCRIPT", "FLUSH")
        await refused(it.script("bucket", ("b",), 1, 1, 10))
        await it.connected()
        assert await it.script("bucket", ("b",), 1, 1, 10) == [0, 0]


# -- away


@loses_redis
async def test_without_redis_everything_is_unavailable_at_once(server: RedisServer) -> None:
    """Nothing waits for it to come; `send` answers on a later turn, once."""
    url = server.url
    server.stop()
    async with running(url, connected=False) as it:
        before = time.monotonic()
        for _ in range(100):
            await refused(it.call("PING"))
        assert time.monotonic() - before < 0.5 * UNIT
        answers: list[Any] = []
        it.commands.send(("PING",), answers.append)
        assert answers == []
        await asyncio.sleep(0.01)
        assert len(answers) == 1


@loses_redis
async def test_a_redis_that_comes_late_is_found(server: RedisServer) -> None:
    """By itself."""
    server.stop()
    it = Running(server.url)
    task = asyncio.ensure_future(it.commands.run())
    await until(lambda: it.connections >= 3, "some attempts")
    server.start()
    await it.connected()
    assert it.commands.connections == 1
    assert await it.call("PING") == b"PONG"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@loses_redis
async def test_an_absence_is_logged_once(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Not at each attempt."""
    async with running(server.url, deadlines=Deadlines(reconnect=0.05)) as it:
        server.kill9()
        await refused(it.call("PING"))
        await until(lambda: it.connections >= 4, "some attempts")
        warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 1


@loses_redis
async def test_what_is_under_way_when_redis_dies_is_unavailable(server: RedisServer) -> None:
    """So is what waits behind it: each is told once, and the next life answers again."""
    async with running(server.url) as it:
        busy = asyncio.ensure_future(it.call("DEBUG", "SLEEP", 10))
        await until(lambda: it.pipelines, "the first on its way")
        behind = [asyncio.ensure_future(it.call("SET", "key", str(n))) for n in range(5)]
        await asyncio.sleep(0.05)
        server.kill9()
        for call in (busy, *behind):
            await refused(call)
        await it.lost()
        server.start()
        await it.connected()
        assert await it.call("GET", "key") is None


@loses_redis
async def test_a_frozen_redis_is_noticed_by_who_asks(server: RedisServer) -> None:
    """The deadline of replies is for the whole pipeline; thawed, it is used again."""
    async with running(server.url, deadlines=Deadlines(connect=0.2, reply=0.2)) as it:
        server.sigstop()
        before = time.monotonic()
        await refused(it.call("PING"))
        assert 0.15 < time.monotonic() - before < 1 * UNIT
        await it.lost()
        await refused(it.call("PING"))
        server.sigcont()
        await it.connected()
        assert await it.call("PING") == b"PONG"


@loses_redis
async def test_a_frozen_redis_is_noticed_when_nobody_asks(server: RedisServer) -> None:
    """An idle connection is tried; a healthy one stays the same all the time."""
    async with running(server.url, deadlines=Deadlines(connect=0.2, reply=0.2, probe=0.05)) as it:
        await until(lambda: len(it.pipelines) >= 3, "pings")
        assert it.connections == 1
        assert all(b"PING" in packed for packed in it.pipelines)
        server.sigstop()
        await it.lost()
        server.sigcont()
        await it.connected()


@pytest.mark.expects_log("redis commands: failed")
async def test_a_callback_that_fails_costs_the_connection_and_no_more(redis_url: str) -> None:
    """Those after it are told `unavailable` rather than nothing, and the next connection serves."""

    def broken(answer: Any) -> None:
        raise ZeroDivisionError

    async with running(redis_url) as it:
        before = asyncio.ensure_future(it.call("ECHO", "before"))
        await asyncio.sleep(0)
        it.commands.send(("PING",), broken)
        after = asyncio.ensure_future(it.call("ECHO", "after"))
        assert await before == b"before"
        await refused(after)
        await it.connected()
        assert await it.call("ECHO", "again") == b"again"


async def test_attempts_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """None waits before the first; then full jitter over a time that doubles up to a second."""
    asked: list[tuple[float, float]] = []

    def least(low: float, high: float) -> float:
        asked.append((low, high))
        return 0.0

    monkeypatch.setattr(random, "uniform", least)
    for failures in range(8):
        await DEADLINES.wait_to_reconnect(failures)
    assert asked == [(0, 0.1), (0, 0.2), (0, 0.4), (0, 0.8), (0, 1.0), (0, 1.0), (0, 1.0)]


# -- the end


async def test_close_finishes_what_waits(redis_url: str) -> None:
    """Then `run` ends by itself, and the connection with it."""
    it = Running(redis_url)
    task = asyncio.ensure_future(it.commands.run())
    await it.connected()
    calls = [asyncio.ensure_future(it.call("INCR", "n")) for _ in range(1000)]
    await asyncio.sleep(0)
    await it.commands.close()
    await asyncio.wait_for(task, UNIT)
    assert await asyncio.gather(*calls) == list(range(1, 1001))
    assert not it.commands.connected
    await refused(it.call("PING"))


# -- connections


async def test_a_process_has_two_connections(redis_server: RedisServer, redis_url: str) -> None:
    """However much it asks and subscribes; both bear the process's name."""

    def clients() -> list[str]:
        return [line for line in redis_server.cli("CLIENT", "LIST").splitlines() if "name=parley-" in line]

    async with opened(RedisBroker(redis_url, history_limit=10, history_days=1), *map(str, range(50))) as (broker, _):
        await asyncio.gather(*(broker.directory.put_ticket(str(number), b"", 1) for number in range(100)))
        assert isinstance(broker, RedisBroker)
        assert len(clients()) == 2
        assert all(f"name=parley-{broker.presence.life} " in line for line in clients())
    await until(lambda: not clients(), "both gone")


@pytest.mark.parametrize("path", sorted(SCRIPTS_FOLDER.glob("*.lua")), ids=lambda path: path.name)
def test_a_script_begins_with_what_it_takes_and_answers(path: Path) -> None:
    """A comment on its keys, arguments and answers: who calls it sees no other."""
    head = "".join(itertools.takewhile(lambda line: line.startswith("--"), path.read_text().splitlines(keepends=True)))
    assert "\n-- KEYS" in head and "ARGV" in head and re.search(r"\n-- .*[Aa]nswers", head)
