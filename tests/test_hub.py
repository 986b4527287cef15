"""service/hub.py: who is admitted, what is counted and at which rate, for a process and for the whole deployment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import config, hub
from service.brokers.base import unavailable
from service.brokers.broker import Broker
from service.brokers.log import Receipt
from service.brokers.redis.broker import RedisBroker
from service.hub import Rates, Tally, page_cost
from service.protocol import CloseCode, ErrorCode, RequestError

from .brokers import message, opened, until
from .harness import UNIT, RedisServer
from .serving import environment, serving


def settings(**environ: str) -> config.Settings:
    return config.load(environment(environ))


def refused(*call: Any) -> RequestError:
    """What a check raises."""
    check, *args = call
    with pytest.raises(RequestError) as caught:
        check(*args)
    return caught.value


# -- Tally


def test_a_tally_counts_up_and_down() -> None:
    """Each key for itself; what is not there is none."""
    tally = Tally()
    tally.add("ada")
    tally.add("ada")
    tally.add("bob")
    assert (tally["ada"], tally["bob"], tally["cy"]) == (2, 1, 0)
    tally.remove("ada")
    assert (tally["ada"], tally["bob"]) == (1, 1)


def test_a_tally_keeps_only_who_is_there() -> None:
    """Its memory follows what is open; removing once too often does no harm."""
    tally = Tally()
    for number in range(1000):
        tally.add(str(number))
        tally.remove(str(number))
    tally.remove("0")
    assert tally._counts == {}
    tally.add("0")
    assert tally["0"] == 1


# -- admitting


async def test_a_full_process_admits_nobody_until_one_leaves() -> None:
    """CONNECTIONS_LIMIT counts all sockets of the process."""
    async with serving({"CONNECTIONS_LIMIT": "2"}) as it:
        assert it.hub.admit("192.0.2.1") is None
        assert it.hub.admit("192.0.2.2") is None
        assert it.hub.admit("192.0.2.3") == (CloseCode.TRY_AGAIN_LATER, "this process is full")
        it.hub.dismiss("192.0.2.1")
        assert it.hub.admit("192.0.2.3") is None


async def test_an_address_has_a_share_of_its_own() -> None:
    """CONNECTIONS_PER_ADDRESS; a socket that was refused does not count."""
    async with serving({"CONNECTIONS_PER_ADDRESS": "2"}) as it:
        hub = it.hub
        assert hub.admit("192.0.2.1") is hub.admit("192.0.2.1") is None
        for _ in range(3):
            assert hub.admit("192.0.2.1") == (CloseCode.TOO_MANY, "too many connections from this address")
        assert hub.admit("192.0.2.2") is None
        assert hub.connections == 3
        hub.dismiss("192.0.2.1")
        assert hub.admit("192.0.2.1") is None


async def test_connections_stay_below_what_descriptors_leave() -> None:
    """A larger CONNECTIONS_LIMIT is cut, and 0 takes it all: accepting more could only fail."""
    async with serving({"CONNECTIONS_LIMIT": "0"}) as it:
        available = it.hub.connections_limit
    assert available > 0
    async with serving({"CONNECTIONS_LIMIT": str(available + 1)}) as it:
        assert it.hub.connections_limit == available
    async with serving({"CONNECTIONS_LIMIT": "7"}) as it:
        assert it.hub.connections_limit == 7


# -- rates of this process


async def on(broker: Broker | None = None, **environ: str) -> Rates:
    return Rates(settings(**environ), broker and broker.directory)  # type: ignore[arg-type]


async def test_a_user_may_send_a_burst_and_then_waits() -> None:
    """`rate_limited` says how long; others are not affected."""
    rates = await on(SEND_RATE="2", SEND_BURST="3")
    for _ in range(3):
        rates.check_send("ada", "192.0.2.1")
    error = refused(rates.check_send, "ada", "192.0.2.1")
    assert (error.code, error.message) == (ErrorCode.RATE_LIMITED, "too many messages")
    assert error.retry_after is not None and 0.3 < error.retry_after <= 0.5
    rates.check_send("bob", "192.0.2.1")


async def test_all_users_of_an_address_share_a_rate() -> None:
    """SEND_RATE_ADDRESS, with ten seconds of it as the burst."""
    rates = await on(SEND_RATE_ADDRESS="1")
    for number in range(10):
        rates.check_send(f"user-{number}", "192.0.2.1")
    error = refused(rates.check_send, "another", "192.0.2.1")
    assert (error.code, error.message) == (ErrorCode.RATE_LIMITED, "too many messages from this address")
    rates.check_send("another", "192.0.2.2")


async def test_joins_and_tickets_have_rates_of_their_own() -> None:
    """Each setting has its own buckets, with ten seconds of it as the burst."""
    rates = await on(JOIN_RATE="0.5", TICKET_RATE="0.2")
    for _ in range(5):
        rates.check(rates.joins, "ada", "joins")
    assert refused(rates.check, rates.joins, "ada", "joins").message == "too many joins"
    for _ in range(2):
        rates.check(rates.tickets, "ada", "tickets")
    assert refused(rates.check, rates.tickets, "ada", "tickets").message == "too many tickets"


async def test_what_one_bucket_refuses_costs_the_other_nothing() -> None:
    """A user isn't charged for what the address may not, and the other way round."""
    rates = await on(SEND_RATE="1", SEND_BURST="5", SEND_RATE_ADDRESS="0.2")
    for _ in range(2):
        rates.check_send("ada", "192.0.2.1")
    for _ in range(10):
        assert "address" in refused(rates.check_send, "ada", "192.0.2.1").message
    for _ in range(3):
        rates.check_send("ada", f"198.51.100.{_}")
    for _ in range(10):
        assert "address" not in refused(rates.check_send, "ada", "203.0.113.1").message
    for _ in range(2):
        rates.check_send("bob", "203.0.113.1")


async def test_pages_cost_by_their_size() -> None:
    """Of the user's share and of the address's; a small one costs one."""
    assert [page_cost(messages) for messages in (0, 1, 50, 100, 200)] == [1, 1, 1, 2, 4]
    rates = await on(JOIN_RATE="1", JOIN_RATE_ADDRESS="1.6")
    for _ in range(2):
        rates.check_page("ada", "192.0.2.1", "pages", page_cost(200))
    error = refused(rates.check_page, "ada", "192.0.2.1", "pages", page_cost(200))
    assert error.retry_after is not None and 1.5 < error.retry_after <= 2
    rates.check_page("ada", "192.0.2.1", "pages", page_cost(100))
    rates.check_page("bob", "192.0.2.1", "pages", page_cost(200))
    assert "address" in refused(rates.check_page, "cy", "192.0.2.1", "pages", page_cost(200)).message
    rates.check_page("cy", "192.0.2.2", "pages", page_cost(200))


async def test_what_turned_out_larger_is_charged_afterwards() -> None:
    """All of it to the user, and to the address no more than a page: a crowd that was cut comes back at once."""
    rates = await on(JOIN_RATE="1", JOIN_RATE_ADDRESS="10")
    rates.check_page("ada", "192.0.2.1", "joins")
    rates.charge_page("ada", "192.0.2.1", 19)
    error = refused(rates.check_page, "ada", "192.0.2.1", "joins")
    assert error.retry_after is not None and 10 < error.retry_after <= 11
    for number in range(96):
        rates.check_page(f"user-{number}", "192.0.2.1", "joins")
    assert "address" in refused(rates.check_page, "bob", "192.0.2.1", "joins").message


async def test_light_frames_and_typing_are_charged_to_the_address_too() -> None:
    """Whoever opens many sockets, or is many guests, has no more of it."""
    rates = await on(SEND_RATE="1", SEND_BURST="5", SEND_RATE_ADDRESS="1")
    for number in range(10):
        for _ in range(10):
            rates.check_light(f"user-{number}", "192.0.2.1")
    assert "address" in refused(rates.check_light, "another", "192.0.2.1").message
    rates.check_light("another", "192.0.2.2")
    assert [rates.may_type(f"user-{number}", "192.0.2.1") for number in range(4)] == [True, True, False, False]
    assert rates.may_type("user-3", "192.0.2.2")
    shown = [rates.may_type("bob", f"198.51.100.{number}") for number in range(20)]
    assert shown == [True] * hub.TYPING_BURST + [False] * (20 - hub.TYPING_BURST)


async def test_memory_of_rates_follows_activity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a broker that is shared nothing is counted for it; and full buckets are let go of."""
    monkeypatch.setattr(hub, "SWEEP_INTERVAL", 0.05)
    rates = await on(SEND_RATE="1000", SEND_BURST="1", SEND_RATE_ADDRESS="1000")
    for number in range(500):
        rates.check_send(f"user-{number}", f"address-{number}")
    assert rates._spent == {} and len(rates.sends) == 500
    sweeping = asyncio.ensure_future(rates.upkeep())
    await until(lambda: len(rates.sends) == len(rates.address_sends) == 0, "let go")
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)


async def test_new_connections_have_a_rate() -> None:
    """JOIN_RATE_ADDRESS: each costs a handshake, a look for what is unread, a presence."""
    async with serving({"JOIN_RATE_ADDRESS": "0.5"}) as it:
        for _ in range(5):
            assert it.hub.admit("192.0.2.1") is None
        assert it.hub.admit("192.0.2.1") == (CloseCode.TOO_MANY, "too many new connections from this address")
        assert it.hub.admit("192.0.2.2") is None
        assert it.hub.connections == 6


async def test_rooms_are_begun_within_a_rate_and_a_number(
    broker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ROOM_RATE of an address, ROOMS_TOTAL of all."""
    monkeypatch.setattr(hub, "ROOM_BURST", 3)
    async with serving(broker_env | {"ROOM_RATE": "120", "ROOMS_TOTAL": "2"}) as it:
        await it.hub.may_begin("192.0.2.1")
        await it.hub.publish(message("one"))
        await it.hub.publish(message("two"))
        with pytest.raises(RequestError) as caught:
            await it.hub.may_begin("192.0.2.1")
        assert caught.value.code == ErrorCode.TOO_MANY_ROOMS
        with pytest.raises(RequestError) as caught:
            for _ in range(2):
                await it.hub.may_begin("192.0.2.2")
        assert caught.value.code == ErrorCode.TOO_MANY_ROOMS
        for _ in range(3):
            with pytest.raises(RequestError) as caught:
                await it.hub.may_begin("192.0.2.1")
        assert caught.value.code == ErrorCode.RATE_LIMITED
        assert caught.value.retry_after is not None and 25 < caught.value.retry_after <= 30


async def test_a_rate_of_0_is_none() -> None:
    """Everything passes, and nothing is remembered."""
    rates = await on(SEND_RATE="0", SEND_RATE_ADDRESS="0", JOIN_RATE="0", TICKET_RATE="0")
    for _ in range(1000):
        rates.check_send("ada", "192.0.2.1")
        rates.check(rates.joins, "ada", "joins")
        rates.check(rates.tickets, "192.0.2.1", "tickets")
    assert len(rates.sends) == len(rates.address_sends) == len(rates.joins) == len(rates.tickets) == 0
    assert rates._spent == {}


# -- rates of the deployment


@asynccontextmanager
async def processes(url: str, number: int, **environ: str) -> AsyncIterator[list[Rates]]:
    """Rates as so many processes have them, that count together."""
    if number == 0:
        yield []
        return
    async with opened(RedisBroker(url, history_limit=10, history_days=1)) as (broker, _):
        rates = await on(broker, REDIS_URL=url, **environ)
        counting = asyncio.ensure_future(rates.run())
        try:
            async with processes(url, number - 1, **environ) as others:
                yield [rates, *others]
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)


def spend(rates: Rates, user: str = "ada") -> int:
    """Send as much as may be sent now; how much that was."""
    for sent in range(10_000):
        try:
            rates.check_send(user, "192.0.2.1")
        except RequestError:
            return sent
    raise AssertionError("there is no end")


async def test_a_user_on_two_processes_has_one_rate(redis_url: str) -> None:
    """Each process lets its burst through; from then on both together get little more than one would."""
    async with processes(redis_url, 2, SEND_RATE="10", SEND_BURST="5") as (one, two):
        assert spend(one) + spend(two) == 10
        sent = 0
        for _ in range(40):
            sent += spend(one) + spend(two)
            await asyncio.sleep(0.05)
        assert 5 < sent < 30  # in 2 s: 40 if each counted alone
        assert spend(one, "bob") == 5


async def test_a_user_within_the_rate_is_not_slowed(redis_url: str) -> None:
    """What all processes together may take is taken as sent."""
    async with processes(redis_url, 2, SEND_RATE="1", SEND_BURST="4") as (one, two):
        for rates in (one, two):
            rates.check_send("ada", "192.0.2.1")
            rates.check_send("ada", "192.0.2.1")
        await until(lambda: not one._spent and not two._spent, "both counted", 2 * UNIT)
        await asyncio.sleep(0.1 * UNIT)
        one.check_send("ada", "192.0.2.1")
        two.check_send("ada", "192.0.2.1")


@pytest.mark.expects_log("redis (commands|channels)")
async def test_counting_outlives_the_brokers_absence() -> None:
    """While it is away each process limits for itself; back again, they count together."""
    with RedisServer() as server:
        async with processes(server.url, 1, SEND_RATE="1", SEND_BURST="2") as (rates,):
            server.kill9()
            await until(lambda: not rates._directory.available, "the broker gone")
            rates.check_send("ada", "192.0.2.1")
            await until(lambda: not rates._spent, "a try at counting", 2 * UNIT)
            server.start()
            await until(lambda: rates._directory.available, "the broker back")
            rates.check_send("bob", "192.0.2.1")
            await until(lambda: server.cli("KEYS", "parley:{user:bob}:bucket"), "counted", 2 * UNIT)


async def test_nothing_is_counted_where_nothing_is_shared(redis_url: str) -> None:
    """One process alone, or no rate: `run` ends at once."""
    environs: list[dict[str, str]] = [{}, {"SEND_RATE": "5"}, {"REDIS_URL": redis_url}]
    for environ in environs:
        rates = await on(None, **environ)
        await asyncio.wait_for(rates.run(), 0.2 * UNIT)


# -- publishing


async def test_publish_waits_for_the_brokers_word(broker_env: dict[str, str]) -> None:
    """A receipt with the seq; the same event again is a duplicate of it."""
    async with serving(broker_env) as it:
        event = message()
        receipt = await it.hub.publish(event)
        assert isinstance(receipt, Receipt) and (receipt.seq, receipt.duplicate) == (1, False)
        assert await it.hub.publish(event) == Receipt(1, receipt.at, duplicate=True)


async def test_publish_raises_what_the_broker_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is made up."""
    async with serving() as it:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(it.hub.broker.log, "publish", lambda event, done: loop.call_soon(done, unavailable()))
        with pytest.raises(RequestError) as caught:
            await it.hub.publish(message())
        assert caught.value.code == ErrorCode.UNAVAILABLE


async def test_a_caller_who_left_misses_nothing(broker_env: dict[str, str]) -> None:
    """The broker's word then goes nowhere, without a fault; the event is stored all the same."""
    async with serving(broker_env) as it:
        publishing = asyncio.ensure_future(it.hub.publish(message(id="left")))
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        assert (await it.hub.publish(message(id="left"))).duplicate
