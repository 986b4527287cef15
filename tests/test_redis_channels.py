"""service/brokers/redis/channels.py on a real Redis: confirmations are passed on, lost connections come back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio.connection import Connection

from service.brokers.redis.channels import Channels
from service.brokers.redis.connection import DEADLINES, Connector, Deadlines
from service.brokers.redis.url import parse

from .brokers import until
from .harness import UNIT, RedisServer

QUICK = Deadlines(connect=0.2, probe=0.1)  # a twentieth of the real ones
loses_redis = pytest.mark.expects_log("WARNING redis channels: ")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of the test's own, to do harm to."""
    with RedisServer() as server:
        yield server


FAULT = b"a message that what hears fails at"


class Running:
    """Channels at work, and what they pass on."""

    def __init__(self, url: str, deadlines: Deadlines = DEADLINES) -> None:
        self.messages: list[tuple[bytes, bytes]] = []
        self.confirmed: list[list[bytes]] = []
        self.connections = 0
        self.commands: list[str] = []
        connector = Connector(parse(url), "parley-test")

        async def counting() -> Connection:
            self.connections += 1
            connection = await connector.open()
            send = connection.send_command

            async def note(*args: Any, **options: Any) -> None:
                self.commands.append(args[0])
                await send(*args, **options)

            connection.send_command = note  # type: ignore[method-assign]
            return connection

        self.channels = Channels(counting, self.on_message, self.confirmed.append, deadlines)

    def on_message(self, channel: bytes, data: bytes) -> None:
        if data == FAULT:
            raise ZeroDivisionError
        self.messages.append((channel, data))

    async def connected(self) -> None:
        await until(lambda: self.channels.connected, "connected")

    async def subscribed(self, *names: bytes) -> None:
        """Subscribe to channels and wait for their confirmations."""
        self.confirmed.clear()
        for name in names:
            self.channels.subscribe(name)
        await self.confirmations(*names)

    async def confirmations(self, *names: bytes) -> None:
        await until(lambda: set(names) <= {name for names in self.confirmed for name in names}, f"confirmed {names!r}")

    async def heard(self, *messages: tuple[bytes, bytes]) -> None:
        await until(lambda: len(self.messages) >= len(messages), f"heard {messages!r}")
        assert self.messages == list(messages)
        self.messages.clear()


@asynccontextmanager
async def running(url: str, deadlines: Deadlines = DEADLINES) -> AsyncIterator[Running]:
    it = Running(url, deadlines)
    task = asyncio.ensure_future(it.channels.run())
    try:
        yield it
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# -- subscriptions


async def test_after_the_confirmation_everything_is_heard(redis_server: RedisServer, redis_url: str) -> None:
    """Channel and data, as bytes, in order."""
    async with running(redis_url) as it:
        await it.subscribed(b"one", b"two")
        for number in range(3):
            redis_server.cli("PUBLISH", "one" if number % 2 else "two", number)
        redis_server.cli("PUBLISH", "three", "not ours")
        await it.heard((b"two", b"0"), (b"one", b"1"), (b"two", b"2"))


async def test_subscriptions_may_come_before_the_connection(redis_server: RedisServer, redis_url: str) -> None:
    """They are what it begins with."""
    it = Running(redis_url)
    it.channels.subscribe(b"one")
    task = asyncio.ensure_future(it.channels.run())
    await it.confirmations(b"one")
    redis_server.cli("PUBLISH", "one", "hello")
    await it.heard((b"one", b"hello"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_subscriptions_of_a_turn_are_confirmed_together(redis_url: str) -> None:
    """One command, and one word to the subscriber: it reads their positions in one go."""
    async with running(redis_url) as it:
        await it.connected()
        names = [b"%d" % number for number in range(100)]
        await it.subscribed(*names)
        assert sorted(it.confirmed[0]) == sorted(names)
        assert len(it.confirmed) == 1


async def test_what_is_no_longer_wanted_is_no_longer_heard(redis_server: RedisServer, redis_url: str) -> None:
    """Redis itself drops it; the others go on."""
    async with running(redis_url) as it:
        await it.subscribed(b"one", b"two")
        it.channels.unsubscribe(b"one")
        await until(lambda: redis_server.cli("PUBSUB", "CHANNELS") == "two", "unsubscribed")
        redis_server.cli("PUBLISH", "one", "lost")
        redis_server.cli("PUBLISH", "two", "heard")
        await it.heard((b"two", b"heard"))


async def test_left_and_wanted_again_in_one_turn_is_confirmed_again(redis_server: RedisServer, redis_url: str) -> None:
    """Who subscribes waits for a confirmation, also where Redis had never been told of the leave."""
    async with running(redis_url) as it:
        await it.subscribed(b"one")
        it.channels.unsubscribe(b"one")
        await it.subscribed(b"one")
        redis_server.cli("PUBLISH", "one", "hello")
        await it.heard((b"one", b"hello"))


async def test_wanted_and_left_in_one_turn_is_nothing(redis_server: RedisServer, redis_url: str) -> None:
    """Redis hears nothing of it."""
    async with running(redis_url) as it:
        await it.connected()
        it.channels.subscribe(b"one")
        it.channels.unsubscribe(b"one")
        await it.subscribed(b"two")
        assert it.confirmed == [[b"two"]]
        assert redis_server.cli("PUBSUB", "CHANNELS") == "two"


# -- lost connections


@loses_redis
async def test_a_killed_connection_is_made_again_and_says_so(server: RedisServer) -> None:
    """Each channel is confirmed again, for what was published meanwhile is lost."""
    async with running(server.url) as it:
        await it.subscribed(b"one", b"two")
        it.confirmed.clear()
        server.cli("CLIENT", "KILL", "TYPE", "pubsub")
        await it.confirmations(b"one", b"two")
        server.cli("PUBLISH", "one", "hello")
        await it.heard((b"one", b"hello"))
        assert it.connections == 2


@loses_redis
async def test_subscriptions_that_change_while_redis_is_dead_hold(server: RedisServer) -> None:
    """What is wanted when it comes back counts."""
    async with running(server.url) as it:
        await it.subscribed(b"one", b"two")
        server.kill9()
        await until(lambda: not it.channels.connected, "disconnected")
        it.channels.unsubscribe(b"one")
        it.channels.subscribe(b"three")
        it.confirmed.clear()
        server.start()
        await it.confirmations(b"two", b"three")
        assert sorted(server.cli("PUBSUB", "CHANNELS").split()) == ["three", "two"]


@loses_redis
async def test_a_redis_that_comes_late_is_found(server: RedisServer) -> None:
    """Away at the start is away like any other time."""
    server.stop()
    async with running(server.url) as it:
        it.channels.subscribe(b"one")
        await until(lambda: it.connections >= 3, "some attempts")
        assert not it.channels.connected
        server.start()
        await it.confirmations(b"one")


@loses_redis
async def test_a_frozen_redis_is_noticed(server: RedisServer) -> None:
    """No byte in answer to two probes: connect again, until it thaws."""
    async with running(server.url, QUICK) as it:
        await it.subscribed(b"one")
        server.sigstop()
        before = time.monotonic()
        await until(lambda: not it.channels.connected, "noticed")
        assert 0.15 < time.monotonic() - before < 1 * UNIT
        it.confirmed.clear()
        server.sigcont()
        await it.confirmations(b"one")
        server.cli("PUBLISH", "one", "hello")
        await it.heard((b"one", b"hello"))


async def test_a_quiet_redis_is_not_a_frozen_one(redis_url: str) -> None:
    """Its answers to pings are signs of life, with subscriptions and without."""
    async with running(redis_url, QUICK) as it:
        await it.connected()
        await asyncio.sleep(0.5)
        await it.subscribed(b"one")
        await asyncio.sleep(0.5)
        assert it.channels.connected and it.connections == 1


async def test_subscriptions_that_come_to_nothing_do_not_hold_up_the_pings(redis_url: str) -> None:
    """Rooms entered and left in one turn, again and again: nothing is sent for them, so the pings must go on."""
    slow = Deadlines(connect=0.2, probe=0.1, silent_probes=10_000)  # a slow machine's Redis may take its time
    async with running(redis_url, slow) as it:
        await it.connected()
        it.commands.clear()
        async with asyncio.timeout(10 * UNIT):
            while it.commands.count("PING") < 5:
                it.channels.subscribe(b"one")
                it.channels.unsubscribe(b"one")
                await asyncio.sleep(0.04)
        assert set(it.commands) == {"PING"}
        assert it.channels.connected and it.connections == 1


async def test_a_loop_that_was_held_does_not_take_redis_for_frozen(redis_url: str) -> None:
    """For longer than any silence may last, again and again: what came meanwhile is read before it is judged."""
    deadlines = Deadlines(probe=0.3)
    async with running(redis_url, deadlines) as it:
        await it.subscribed(b"one")
        for _ in range(3):
            time.sleep(0.3 * (deadlines.silent_probes + 2))
            await asyncio.sleep(0.4)
        assert it.channels.connected and it.connections == 1


@pytest.mark.expects_log("redis channels: failed")
async def test_a_fault_in_what_hears_costs_the_connection_and_no_more(
    redis_server: RedisServer, redis_url: str
) -> None:
    """The consumer lives on: it connects again and says so, as after any loss."""
    async with running(redis_url) as it:
        await it.subscribed(b"one")
        it.confirmed.clear()
        redis_server.cli("PUBLISH", "one", FAULT.decode())
        await it.confirmations(b"one")
        redis_server.cli("PUBLISH", "one", "good")
        await it.heard((b"one", b"good"))


async def test_cancelled_it_hangs_up(redis_server: RedisServer, redis_url: str) -> None:
    """Redis has one client less."""
    async with running(redis_url) as it:
        await it.subscribed(b"one")
        assert "name=parley-test" in redis_server.cli("CLIENT", "LIST")
    assert not it.channels.connected
    await until(lambda: "name=parley-test" not in redis_server.cli("CLIENT", "LIST"), "gone")


def test_a_frozen_redis_is_noticed_within_ten_seconds() -> None:
    """The longest way on either connection: idle, ping, silence."""
    assert DEADLINES.probe + DEADLINES.reply < 10
    assert (1 + DEADLINES.silent_probes) * DEADLINES.probe < 10
