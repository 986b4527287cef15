"""Readiness: a broker that doesn't store is not ready, says why, and is ready again without a restart."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.brokers.base import Fault, Unavailable, unavailable
from service.brokers.broker import Broker
from service.brokers.readiness import DEADLINE, Readiness
from service.brokers.redis.broker import RedisBroker

from .brokers import Make, opened
from .disks import file_size_limit
from .harness import UNIT, ChatClient, ChatError, RedisServer
from .refusals import REFUSALS
from .serving import Served, answer, serving

loses_redis = pytest.mark.expects_log("WARNING redis (commands|channels): ")
is_refused = pytest.mark.expects_log("WARNING redis refused a command: ")
WELL = {"ready": True, "broker": True, "draining": False, "failed": [], "reason": []}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of the test's own, to do harm to."""
    with RedisServer() as server:
        yield server


# -- one probe a second


class Stub:
    """In the place of a broker: `fault`, if there is one, after `takes` seconds; counts how often it was asked."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.takes = 0.0
        self.available = True
        self.writes = self.at_once = self.most_at_once = 0

    async def try_write(self) -> None:
        self.writes += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.at_once -= 1
        if self.fault:
            raise unavailable(fault=self.fault)


def readiness(stub: Stub, **options: float) -> Readiness:
    broker: Broker = stub  # type: ignore[assignment]
    return Readiness(broker, **options)


async def test_an_answer_holds_for_a_second() -> None:
    """However often it is asked for: a good one and a bad one."""
    stub = Stub()
    ready = readiness(stub, fresh=0.2)
    for fault in (None, Fault.FULL, None):
        stub.fault, before = fault, stub.writes
        began = time.monotonic()
        while time.monotonic() - began < 0.1:
            assert await ready.fault() is fault
            await asyncio.sleep(0.001)
        assert stub.writes == before + 1
        await asyncio.sleep(0.25)


async def test_many_who_ask_share_one_write() -> None:
    """Those who come while it is under way get its answer."""
    stub = Stub()
    stub.takes, stub.fault = 0.05, Fault.FULL
    ready = readiness(stub)
    assert await asyncio.gather(*(ready.fault() for _ in range(100))) == [Fault.FULL] * 100
    assert (stub.writes, stub.most_at_once) == (1, 1)


async def test_one_who_asked_and_left_costs_the_others_nothing() -> None:
    """The next in line asks itself."""
    stub = Stub()
    stub.takes = 0.05
    ready = readiness(stub)
    first, second = (asyncio.ensure_future(ready.fault()) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second is None
    assert (stub.writes, stub.most_at_once) == (2, 1)


async def test_no_answer_within_the_deadline_is_one() -> None:
    """And what holds up a write holds up nobody for longer."""
    stub = Stub()
    stub.takes = 60
    ready = readiness(stub, deadline=0.1)
    async with asyncio.timeout(1 * UNIT):
        assert await ready.fault() is Fault.SILENT
    assert stub.at_once == 0


async def test_what_the_broker_noticed_by_itself_is_no_second_late() -> None:
    """A lost connection, and one that is back."""
    stub = Stub()
    ready = readiness(stub)
    assert await ready.fault() is None
    stub.available = False
    assert await ready.fault() is Fault.AWAY  # written, but of the channels nothing arrives
    stub.available = True
    assert await ready.fault() is None
    assert stub.writes == 3


# -- each broker


async def fault(broker: Broker) -> Fault | None:
    """What a write is refused with."""
    try:
        await broker.try_write()
    except Unavailable as error:
        return error.fault
    return None


async def test_a_broker_takes_a_write_until_it_is_closed(make: Make) -> None:
    """Before it is open and after its end it is away."""
    broker = make()
    assert await fault(broker) is Fault.AWAY
    async with opened(broker):
        assert await fault(broker) is None
    assert await fault(broker) is Fault.AWAY


async def test_a_write_to_the_file_reaches_the_disk(tmp_path: Path) -> None:
    """Though the page says what it said before."""
    path = tmp_path / "parley.db"
    async with serving({"SQLITE_PATH": str(path)}) as it:
        log = path.with_name("parley.db-wal")
        before = log.stat().st_size
        await it.node.broker.try_write()
        assert log.stat().st_size > before


# -- what /readyz and the metric say


async def seen(it: Served) -> tuple[int, dict[str, object], float]:
    """The status and the body of /readyz, and the metric."""
    response = await it.fetch("/readyz")
    metrics = (await it.fetch("/metrics")).body.decode().splitlines()
    (up,) = (float(line.split()[1]) for line in metrics if line.startswith("parley_broker_available "))
    return response.code, answer(response), up


def ill(fault: Fault) -> tuple[int, dict[str, object], float]:
    return 503, WELL | {"ready": False, "broker": False, "reason": [f"broker: {fault}"]}, 0.0


async def turns(it: Served, wanted: tuple[int, dict[str, object], float]) -> None:
    """It is so within the second for which an answer holds, and what that takes; nobody asks for anything else."""
    async with asyncio.timeout(2 + 5 * UNIT):
        while await seen(it) != wanted:
            await asyncio.sleep(0.05)


@is_refused
@loses_redis
@pytest.mark.parametrize("how", REFUSALS)
async def test_a_redis_that_refuses_is_not_ready(
    server: RedisServer, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """503 with why, in a word that the log has as Redis says it; liveness doesn't feel it."""
    refusal = REFUSALS[how]
    async with serving({"REDIS_URL": server.url}) as it:
        assert await seen(it) == (200, WELL, 1.0)
        mend = await asyncio.to_thread(refusal.begin, server)
        await turns(it, ill(refusal.fault))
        assert f"redis refused a command: {refusal.word} " in caplog.text
        assert (await it.fetch("/healthz")).code == 200
        await asyncio.to_thread(mend)
        await turns(it, (200, WELL, 1.0))


def change_password(server: RedisServer, old: str, new: str) -> None:
    """With connections cut, which else would stay as they are."""
    login = ("--no-auth-warning", "-a", old) if old else ()
    server.cli(*login, "CONFIG", "SET", "requirepass", new)
    login = ("--no-auth-warning", "-a", new) if new else ()
    server.cli(*login, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


@loses_redis
@pytest.mark.parametrize(("ours", "word"), [("", "NOAUTH"), ("ours", "WRONGPASS")])
async def test_a_redis_that_refuses_our_credentials_is_not_ready(
    server: RedisServer, ours: str, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From the next connection on. The log has it, though it had the loss of the connection; and no password."""
    change_password(server, "", ours)
    url = server.url.replace("//", f"//:{ours}@") if ours else server.url
    async with serving({"REDIS_URL": url}) as it:
        assert await seen(it) == (200, WELL, 1.0)
        change_password(server, ours, "another")
        await turns(it, ill(Fault.CREDENTIALS))
        assert f"redis commands: {word} " in caplog.text
        change_password(server, "another", ours)
        await turns(it, (200, WELL, 1.0))


@loses_redis
async def test_a_redis_that_is_gone_is_not_ready(server: RedisServer) -> None:
    async with serving({"REDIS_URL": server.url}) as it:
        server.kill9()
        await turns(it, ill(Fault.AWAY))
        await asyncio.to_thread(server.start)
        await turns(it, (200, WELL, 1.0))


@loses_redis
async def test_a_redis_that_reads_its_data_is_loading(caplog: pytest.LogCaptureFixture) -> None:
    """After a crash, from its append-only file: nothing is stored meanwhile, and all that was acknowledged is there."""
    loading = ill(Fault.LOADING)
    with RedisServer(appendonly="yes", appendfsync="always", key_load_delay=300) as server:  # microseconds
        # Clients are answered after each 1,024 commands of the file, so of these for many seconds.
        server.cli("EVAL", "for n = 1, 40960 do redis.call('SET', 'filler:' .. n, n) end", 0)
        async with serving({"REDIS_URL": server.url}) as it, ChatClient.open(it.url, "Ada") as ada:
            await ada.join("lobby")
            for text in ("one", "two"):
                await ada.send("lobby", text)
            restarting = asyncio.ensure_future(asyncio.to_thread(server.restart, kill=True))
            await turns(it, loading)
            assert "redis commands: LOADING " in caplog.text
            with pytest.raises(ChatError, match="unavailable"):
                await ada.send("lobby", "meanwhile")
            assert await seen(it) == loading
            server.cli("CONFIG", "SET", "key-load-delay", 0)
            await restarting
            await turns(it, (200, WELL, 1.0))
            assert (await ada.send("lobby", "three"))["seq"] == 3
            async with ChatClient.open(it.url, "Bob") as bob:
                joined = await bob.join("lobby")
                assert [message["text"] for message in joined["messages"]] == ["one", "two", "three"]
            assert not [frame for frame in ada.frames if frame["type"] == "reset"]


@loses_redis
async def test_a_frozen_redis_is_said_within_the_deadline(server: RedisServer) -> None:
    """The first who asks waits for so long; meanwhile liveness answers at once."""
    async with serving({"REDIS_URL": server.url}) as it:
        server.sigstop()
        began = time.monotonic()
        asking = asyncio.ensure_future(it.fetch("/readyz"))
        await asyncio.sleep(0.1)
        assert (await it.fetch("/healthz")).code == 200
        assert time.monotonic() - began < 1 * UNIT and not asking.done()
        response = await asking
        assert time.monotonic() - began < DEADLINE + 1 * UNIT
        assert (response.code, answer(response)["reason"]) == (503, [f"broker: {Fault.SILENT}"])
        await turns(it, ill(Fault.AWAY))  # the connection was given up
        server.sigcont()
        await turns(it, (200, WELL, 1.0))


@loses_redis
async def test_without_its_channels_a_broker_that_stores_is_not_ready(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others say would not arrive."""
    async with serving({"REDIS_URL": server.url}) as it:
        broker = it.node.broker
        assert isinstance(broker, RedisBroker)
        monkeypatch.setattr(broker.shards.shards[0].channels, "connected", False)
        await broker.try_write()
        await turns(it, ill(Fault.AWAY))


@pytest.mark.expects_log("SQLite can't store: ")
async def test_a_disk_that_refuses_is_not_ready(tmp_path: Path) -> None:
    """Though nobody sends a message; it is ready again as soon as a write is taken."""
    async with serving({"SQLITE_PATH": str(tmp_path / "parley.db")}) as it:
        assert await seen(it) == (200, WELL, 1.0)
        with file_size_limit(4096):  # the files are larger, so that nothing at all can be written
            await turns(it, ill(Fault.DISK))
        await turns(it, (200, WELL, 1.0))
