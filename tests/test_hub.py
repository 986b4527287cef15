"""service/hub.py: who is admitted, what is counted and at which rate, for a process and for the whole deployment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service import config
from service.broker import Broker, Receipt, unavailable
from service.broker_redis import RedisBroker
from service.hub import Rates, Tally
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
    return Rates(settings(**environ), broker)  # type: ignore[arg-type]


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
            await until(lambda: not rates._broker.available, "the broker gone")
            rates.check_send("ada", "192.0.2.1")
            await until(lambda: not rates._spent, "a try at counting", 2 * UNIT)
            server.start()
            await until(lambda: rates._broker.available, "the broker back")
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
        monkeypatch.setattr(it.hub.broker, "publish", lambda event, done: loop.call_soon(done, unavailable()))
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
