"""What is the Redis broker's alone: a log that comes back shorter than it was; what lost connections leave."""

import gc

import pytest
from redis.asyncio.connection import Connection

from service.brokers.log import Position
from service.brokers.redis.broker import RedisBroker
from service.protocol import RequestError
from tests.brokers import Recorder, message, opened, store, until
from tests.harness import RedisServer


async def test_a_publish_to_a_log_that_was_rolled_back_begins_a_new_epoch(
    redis_server: RedisServer, redis_url: str
) -> None:
    """A process that handed out more than the log has says so with its publish: no seq is used twice in one epoch."""
    broker = RedisBroker(redis_url, history_limit=100, history_days=1)
    async with opened(broker, "lobby") as (_, heard):
        await store(broker, message(), message(), message())
        seen = (await broker.log.positions(["lobby"]))["lobby"]
        assert seen is not None and seen.seq == 3
        # What a restart from an older snapshot leaves behind.
        redis_server.cli("DEL", *(f"parley:{{lobby}}:{part}" for part in ("log", "messages", "authors", "ids")))
        redis_server.cli("SET", "parley:{lobby}:position", f"{seen.epoch}:1")
        broker.log.subscriber = Knowing(seen)
        (receipt,) = await store(broker, message(text="after"))
        now = (await broker.log.positions(["lobby"]))["lobby"]
        assert now is not None
        assert receipt.seq == 2 and now.seq == 2 and now.epoch != seen.epoch
        assert isinstance(broker.log.subscriber, Knowing)
        told = broker.log.subscriber.publications
        await until(lambda: told, "the broadcast")
        assert (told[0].epoch, told[0].seq) == (now.epoch, 2)
        assert len(heard.publications) == 1


class Knowing(Recorder):
    """A process that has seen the room up to a position."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self._position = position

    def known(self, room: str) -> Position:
        return self._position


@pytest.mark.expects_log("redis (commands|channels): |redis refused a command: ")
async def test_lost_connections_leave_nothing_for_the_collector(redis_url: str, redis_server: RedisServer) -> None:
    """It is seldom asked, and each connection has buffers."""
    async with opened(RedisBroker(redis_url, history_limit=10, history_days=1)) as (broker, _):
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                made = broker.shards.connections
                for kind in ("normal", "pubsub"):
                    redis_server.cli("CLIENT", "KILL", "TYPE", kind)
                with pytest.raises(RequestError):
                    await broker.shards.call("SET", "key")  # finds the connection gone
                await until(lambda: broker.shards.connections > made and broker.available, "back")  # noqa: B023  # awaited here
                with pytest.raises(RequestError):
                    await broker.shards.call("SET", "key")  # is refused
            assert sum(isinstance(one, Connection) for one in gc.get_objects()) <= 3
        finally:
            gc.enable()
