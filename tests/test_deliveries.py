"""The contract of deliveries, held by each broker: places, leases, verdicts."""

import asyncio

import pytest

from service.brokers.deliveries import Lease
from service.brokers.log import Position

from .brokers import FORMS, Make, message, opened, store
from .harness import UNIT

pytestmark = pytest.mark.parametrize("make", FORMS, indirect=True)


async def test_a_room_is_one_holders_at_a_time(make: Make) -> None:
    """Who has the lease moves the place; nobody else does, until it is released or over."""
    async with opened(make()) as (broker, _):
        deliveries = broker.deliveries
        await store(broker, message(), message())
        (end,) = [position for position in (await broker.log.positions(["lobby"])).values() if position]
        first = Position(end.epoch, 1)
        assert await deliveries.take("lobby", "a", 60) == Lease(None)
        assert await deliveries.take("lobby", "b", 60) is None
        assert await deliveries.take("lobby", "a", 60) == Lease(None), "it is its own"
        assert await deliveries.save("lobby", "a", first, 60)
        assert not await deliveries.save("lobby", "b", end, 60)
        await deliveries.release("lobby", "b")
        assert await deliveries.take("lobby", "b", 60) is None, "what isn't one's own can't be released"
        assert await deliveries.places(["lobby", "nowhere"]) == {"lobby": first, "nowhere": None}
        await deliveries.release("lobby", "a")
        assert await deliveries.take("lobby", "b", 0.05) == Lease(first)
        await asyncio.sleep(0.1 * UNIT)
        assert await deliveries.take("lobby", "a", 60) == Lease(first), "its holder said nothing for so long"
        assert not await deliveries.save("lobby", "b", end, 60), "who was overtaken moves nothing"


async def test_places_outlive_the_broker_and_go_with_the_room(make: Make) -> None:
    """They are kept as the log is; a deleted room's next life begins without one."""
    async with opened(make()) as (broker, _):
        deliveries = broker.deliveries
        assert not await deliveries.begun()
        await deliveries.begin()
        await store(broker, message(), message("annex"))
        ends = {room: end for room, end in (await broker.log.positions(["lobby", "annex"])).items() if end}
        assert await deliveries.take("lobby", "a", 60) == Lease(None)
        assert await deliveries.save("lobby", "a", Position(ends["lobby"].epoch, 0), 60)
        await deliveries.skip(ends)
        assert (await deliveries.places(["lobby"]))["lobby"] == Position(ends["lobby"].epoch, 0), "it had one"
    async with opened(make()) as (broker, _):
        deliveries = broker.deliveries
        assert await deliveries.begun()
        assert (await deliveries.places(["annex"]))["annex"] == ends["annex"]
        assert await broker.log.delete("annex")
        await store(broker, message("annex"))
        assert await deliveries.places(["annex"]) == {"annex": None}
        assert await deliveries.take("annex", "a", 60) == Lease(None)


async def test_the_first_verdict_holds(make: Make) -> None:
    """Whoever asks later gets it, until it is over."""
    async with opened(make()) as (broker, _):
        deliveries = broker.deliveries
        settled = await asyncio.gather(*(deliveries.settle("key", b"%d" % number, 60) for number in range(5)))
        assert set(settled) == {settled[0]}
        assert await deliveries.settle("brief", b"one", 0.05) == b"one"
        await asyncio.sleep(0.1 * UNIT)
        assert await deliveries.settle("brief", b"two", 60) == b"two"
        await deliveries.forget("brief")
        await deliveries.forget("brief")
        assert await deliveries.settle("brief", b"three", 60) == b"three"
        assert await deliveries.settle("key", b"other", 60) == settled[0]


async def test_the_log_knows_what_it_took(make: Make) -> None:
    """By room, author and id; whatever became of it."""
    async with opened(make()) as (broker, _):
        told: list[str] = []
        broker.log.on_stored = told.append
        taken = message(id="tré:s")
        assert not await broker.log.knows(taken)
        await store(broker, taken)
        assert await broker.log.knows(taken)
        assert told == ["lobby"]
        assert not await broker.log.knows(message("annex", id="tré:s"))
        assert not await broker.log.knows(message(id="other"))
