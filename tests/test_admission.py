"""service/admission.py: who is admitted, what is counted and at which rate, for a process and for the deployment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from service import config
from service.admission import TYPING_BURST, Admission, Rates, page_cost
from service.app import make_broker
from service.brokers.broker import Broker
from service.brokers.directory import UNREAD_ROOMS
from service.brokers.redis.broker import RedisBroker
from service.identity.headers import Origins, Proxies
from service.protocol import CloseCode, ErrorCode, RequestError
from service.rooms.moderation import Moderation

from .brokers import message, opened, store, until
from .harness import UNIT, RedisServer
from .serving import environment, serving

NO_BROKER: Any = None


def admission(rates: Rates | None = None, broker: Any = NO_BROKER, **limits: Any) -> Admission:
    """Of a process that is reached directly; `limits` as its constructor's."""
    directory, log = broker and broker.directory, broker and broker.log
    proxies = Proxies(0)
    return Admission(
        directory=directory,
        log=log,
        moderation=Moderation(directory, log),
        rates=rates or Rates(directory),
        proxies=proxies,
        origins=Origins((), proxies, ""),
        **({"connections": 1000} | limits),
    )


def request() -> HTTPServerRequest:
    line = RequestStartLine("GET", "/rooms", "HTTP/1.1")
    return HTTPServerRequest(start_line=line, headers=HTTPHeaders({"Host": "chat.example.com"}))


def refused(*call: Any) -> RequestError:
    """What a check raises."""
    check, *args = call
    with pytest.raises(RequestError) as caught:
        check(*args)
    return caught.value


# -- admitting


def test_a_full_process_admits_nobody_until_one_leaves() -> None:
    """CONNECTIONS_LIMIT counts all sockets of the process."""
    desk = admission(connections=2)
    assert desk.admit("192.0.2.1") is None
    assert desk.admit("192.0.2.2") is None
    assert desk.admit("192.0.2.3") == (CloseCode.TRY_AGAIN_LATER, "this process is full", "full")
    desk.dismiss("192.0.2.1")
    assert desk.admit("192.0.2.3") is None


def test_an_address_has_a_share_of_its_own() -> None:
    """CONNECTIONS_PER_ADDRESS; a socket that was refused does not count."""
    desk = admission(connections_per_address=2)
    assert desk.admit("192.0.2.1") is desk.admit("192.0.2.1") is None
    for _ in range(3):
        assert desk.admit("192.0.2.1") == (
            CloseCode.TOO_MANY,
            "too many connections from this address",
            "too_many_of_address",
        )
    assert desk.admit("192.0.2.2") is None
    assert desk.connections == 3
    desk.dismiss("192.0.2.1")
    assert desk.admit("192.0.2.1") is None


def test_a_user_has_so_many_sockets() -> None:
    """CONNECTIONS_PER_USER, of those that the user has open here."""
    desk = admission(connections_per_user=2)
    assert desk.admit("192.0.2.1", of_user=1) is None
    assert desk.admit("192.0.2.1", of_user=2) == (
        CloseCode.TOO_MANY,
        "too many connections of this user",
        "too_many_of_user",
    )
    assert desk.connections == 1
    assert admission().admit("192.0.2.1", of_user=1000) is None


def test_only_a_process_that_takes_nobody_says_so() -> None:
    """A part that failed sends nobody away: readiness tells balancers."""
    desk = admission()
    desk.failed.add("rates")
    assert desk.leaving() is None and desk.refusal(request(), guests=True) is None
    desk.draining = True  # balancers are told, and go on sending for a moment
    assert desk.leaving() is None and desk.refusal(request(), guests=True) is None
    desk.closed = True
    assert desk.leaving() == desk.refusal(request(), guests=True) == (503, "This process is leaving.", "leaving")


async def test_connections_stay_below_what_descriptors_leave() -> None:
    """A larger CONNECTIONS_LIMIT is cut, and 0 takes it all: accepting more could only fail."""
    async with serving({"CONNECTIONS_LIMIT": "0"}) as it:
        available = it.node.admission.connections_limit
    assert available > 0
    async with serving({"CONNECTIONS_LIMIT": str(available + 1)}) as it:
        assert it.node.admission.connections_limit == available
    async with serving({"CONNECTIONS_LIMIT": "7"}) as it:
        assert it.node.admission.connections_limit == 7


# -- rates of this process


async def test_a_user_may_send_a_burst_and_then_waits() -> None:
    """`rate_limited` says how long; others are not affected."""
    rates = Rates(NO_BROKER, send_rate=2, send_burst=3)
    for _ in range(3):
        rates.check_send("ada", "192.0.2.1")
    error = refused(rates.check_send, "ada", "192.0.2.1")
    assert (error.code, error.message) == (ErrorCode.RATE_LIMITED, "too many messages")
    assert error.retry_after is not None and 0.3 < error.retry_after <= 0.5
    rates.check_send("bob", "192.0.2.1")


async def test_all_users_of_an_address_share_a_rate() -> None:
    """SEND_RATE_ADDRESS, with ten seconds of it as the burst."""
    rates = Rates(NO_BROKER, send_rate_address=1)
    for number in range(10):
        rates.check_send(f"user-{number}", "192.0.2.1")
    error = refused(rates.check_send, "another", "192.0.2.1")
    assert (error.code, error.message) == (ErrorCode.RATE_LIMITED, "too many messages from this address")
    rates.check_send("another", "192.0.2.2")


async def test_joins_and_tickets_have_rates_of_their_own() -> None:
    """Each setting has its own buckets, with ten seconds of it as the burst."""
    rates = Rates(NO_BROKER, join_rate=0.5, ticket_rate=0.2)
    for _ in range(5):
        rates.check(rates.joins, "ada", "joins")
    assert refused(rates.check, rates.joins, "ada", "joins").message == "too many joins"
    for _ in range(2):
        rates.check(rates.tickets, "ada", "tickets")
    assert refused(rates.check, rates.tickets, "ada", "tickets").message == "too many tickets"


async def test_what_one_bucket_refuses_costs_the_other_nothing() -> None:
    """A user isn't charged for what the address may not, and the other way round."""
    rates = Rates(NO_BROKER, send_rate=1, send_burst=5, send_rate_address=0.2)
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
    rates = Rates(NO_BROKER, join_rate=1, join_rate_address=1.6)
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
    rates = Rates(NO_BROKER, join_rate=1, join_rate_address=10, history_limit=1000)
    rates.check_page("ada", "192.0.2.1", "joins")
    rates.charge_missed("ada", "192.0.2.1", 1_000_000)
    error = refused(rates.check_page, "ada", "192.0.2.1", "joins")
    assert error.retry_after is not None and 10 < error.retry_after <= 11
    for number in range(96):
        rates.check_page(f"user-{number}", "192.0.2.1", "joins")
    assert "address" in refused(rates.check_page, "bob", "192.0.2.1", "joins").message


def test_a_message_to_a_large_room_costs_its_address_more() -> None:
    """By how many it goes to, from 1,000 on: no more deliveries a second, and no less in a room of so many."""
    rates = Rates(NO_BROKER, send_rate=1, send_burst=10, send_rate_address=10)
    for number in range(100):
        rates.check_send(f"user-{number}", "192.0.2.1", 1000)
    assert "address" in refused(rates.check_send, "another", "192.0.2.1", 1000).message
    for number in range(20):
        rates.check_send(f"user-{number}", "192.0.2.2", 5000)
    error = refused(rates.check_send, "another", "192.0.2.2", 5000)
    assert "address" in error.message and error.retry_after is not None and 0.4 < error.retry_after <= 0.5
    for _ in range(10):
        rates.check_send("ada", "192.0.2.3", 5000)
    assert "address" not in refused(rates.check_send, "ada", "192.0.2.3", 1).message, "the user pays for messages alone"
    rates.check_send("bob", "192.0.2.4", 10**6)  # more than the burst: it waits for a full bucket, and passes


async def test_small_frames_and_typing_are_charged_to_the_address_too() -> None:
    """Whoever opens many sockets, or is many guests, has no more of it."""
    rates = Rates(NO_BROKER, send_rate=1, send_burst=5, send_rate_address=1)
    for number in range(10):
        for _ in range(10):
            rates.check_small_frame(f"user-{number}", "192.0.2.1")
    assert "address" in refused(rates.check_small_frame, "another", "192.0.2.1").message
    rates.check_small_frame("another", "192.0.2.2")
    assert [rates.may_type(f"user-{number}", "192.0.2.1") for number in range(4)] == [True, True, False, False]
    assert rates.may_type("user-3", "192.0.2.2")
    shown = [rates.may_type("bob", f"198.51.100.{number}") for number in range(20)]
    assert shown == [True] * TYPING_BURST + [False] * (20 - TYPING_BURST)


async def test_memory_of_rates_follows_activity() -> None:
    """Without a broker that is shared nothing is counted for it; and full buckets are let go of."""
    rates = Rates(NO_BROKER, send_rate=1000, send_burst=1, send_rate_address=1000, sweep_interval=0.05)
    for number in range(500):
        rates.check_send(f"user-{number}", f"address-{number}")
    assert rates.uncounted == {} and len(rates.sends) == 500
    sweeping = asyncio.ensure_future(rates.upkeep())
    await until(lambda: len(rates.sends) == len(rates.address_sends) == 0, "let go")
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)


def test_new_connections_have_a_rate() -> None:
    """JOIN_RATE_ADDRESS, asked before one costs the broker anything; who is turned away for want of room pays none."""
    desk = admission(Rates(NO_BROKER, join_rate_address=0.5), connections_per_user=2)
    for _ in range(5):
        assert desk.look_at("192.0.2.1") is None
        assert desk.look_at("192.0.2.1", of_user=2) is not None
    assert desk.look_at("192.0.2.1") == (CloseCode.TOO_MANY, "too many new connections from this address", "too_fast")
    assert desk.look_at("192.0.2.2") is None
    assert desk.connections == 0, "nobody is in yet"
    assert desk.admit("192.0.2.1") is None and desk.connections == 1, "and who was looked at pays once"


def test_what_is_unread_is_charged_by_its_rooms() -> None:
    """To the user and the address, in buckets of their own; 20 sockets of a user with 200 rooms may come at once."""
    rates = Rates(NO_BROKER, join_rate=10, join_rate_address=200)
    for _ in range(20):
        rates.check_unread("ada", "192.0.2.1", UNREAD_ROOMS)
    assert refused(rates.check_unread, "ada", "192.0.2.1", UNREAD_ROOMS).code == ErrorCode.RATE_LIMITED
    assert "this address" not in refused(rates.check_unread, "ada", "192.0.2.2", UNREAD_ROOMS).message
    rates.check_page("ada", "192.0.2.1", "joins", 100)
    for number in range(180):
        rates.check_unread(f"user-{number}", "192.0.2.1", UNREAD_ROOMS)
    assert "this address" in refused(rates.check_unread, "another", "192.0.2.1", UNREAD_ROOMS).message
    rates.check_unread("another", "192.0.2.2", UNREAD_ROOMS)
    slow = Rates(NO_BROKER, join_rate=0.1, join_rate_address=0.1)  # whose bursts are less than that costs
    slow.check_unread("ada", "192.0.2.1", UNREAD_ROOMS)


async def test_rooms_are_begun_within_a_rate_and_a_number(broker_env: dict[str, str]) -> None:
    """ROOM_RATE of an address, ROOMS_TOTAL of all."""
    async with opened(make_broker(config.load(environment(broker_env)))) as (broker, _):
        desk = admission(Rates(broker.directory, room_rate=120, room_burst=3), broker, rooms_total=2)
        await desk.may_begin("192.0.2.1")
        await store(broker, message("one"), message("two"))
        with pytest.raises(RequestError) as caught:
            await desk.may_begin("192.0.2.1")
        assert caught.value.code == ErrorCode.TOO_MANY_ROOMS
        with pytest.raises(RequestError) as caught:
            for _ in range(2):
                await desk.may_begin("192.0.2.2")
        assert caught.value.code == ErrorCode.TOO_MANY_ROOMS
        for _ in range(3):
            with pytest.raises(RequestError) as caught:
                await desk.may_begin("192.0.2.1")
        assert caught.value.code == ErrorCode.RATE_LIMITED
        assert caught.value.retry_after is not None and 25 < caught.value.retry_after <= 30


async def test_a_rate_of_0_is_none() -> None:
    """Everything passes, and nothing is remembered."""
    rates = Rates(NO_BROKER, send_rate=0, send_rate_address=0, join_rate=0, ticket_rate=0)
    for _ in range(1000):
        rates.check_send("ada", "192.0.2.1")
        rates.check(rates.joins, "ada", "joins")
        rates.check(rates.tickets, "192.0.2.1", "tickets")
    assert len(rates.sends) == len(rates.address_sends) == len(rates.joins) == len(rates.tickets) == 0
    assert rates.uncounted == {}


# -- rates of the deployment


@asynccontextmanager
async def counting(broker: Broker, **limits: Any) -> AsyncIterator[Rates]:
    """Rates of a process that counts with others."""
    rates = Rates(broker.directory, shared=True, **limits)
    running = asyncio.ensure_future(rates.run())
    try:
        yield rates
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def two_processes(url: str, **limits: Any) -> AsyncIterator[tuple[Rates, Rates]]:
    """That count together."""
    async with AsyncExitStack() as stack:
        rates = []
        for _ in range(2):
            broker = RedisBroker(url, history_limit=10, history_days=1)
            await stack.enter_async_context(opened(broker))
            rates.append(await stack.enter_async_context(counting(broker, **limits)))
        yield rates[0], rates[1]


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
    async with two_processes(redis_url, send_rate=10, send_burst=5) as (one, two):
        assert spend(one) + spend(two) == 10
        sent = 0
        for _ in range(40):
            sent += spend(one) + spend(two)
            await asyncio.sleep(0.05)
        assert 5 < sent < 30  # in 2 s: 40 if each counted alone
        assert spend(one, "bob") == 5


async def test_a_user_within_the_rate_is_not_slowed(redis_url: str) -> None:
    """What all processes together may take is taken as sent."""
    async with two_processes(redis_url, send_rate=1, send_burst=4) as (one, two):
        for rates in (one, two):
            rates.check_send("ada", "192.0.2.1")
            rates.check_send("ada", "192.0.2.1")
        await until(lambda: not one.uncounted and not two.uncounted, "both counted", 2 * UNIT)
        await asyncio.sleep(0.1 * UNIT)
        one.check_send("ada", "192.0.2.1")
        two.check_send("ada", "192.0.2.1")


async def test_who_waits_as_told_is_let_on_whatever_is_counted_meanwhile(redis_url: str) -> None:
    """Sending as fast as it may, one process is no second one to itself."""
    async with (
        opened(RedisBroker(redis_url, history_limit=10, history_days=1)) as (broker, _),
        counting(broker, send_rate=20, send_burst=40) as rates,
    ):
        told = 0
        while told < 40:  # two seconds and the burst
            try:
                rates.check_send("ada", "192.0.2.1")
            except RequestError as error:
                told += 1
                await asyncio.sleep((error.retry_after or 0) + 0.001)
                rates.check_send("ada", "192.0.2.1")
            await asyncio.sleep(0)


@pytest.mark.expects_log("redis (commands|channels)")
async def test_counting_outlives_the_brokers_absence() -> None:
    """While it is away each process limits for itself; back again, they count together."""
    with RedisServer() as server:
        async with (
            opened(RedisBroker(server.url, history_limit=10, history_days=1)) as (broker, _),
            counting(broker, send_rate=1, send_burst=2) as rates,
        ):
            server.kill9()
            await until(lambda: not broker.available, "the broker gone")
            rates.check_send("ada", "192.0.2.1")
            await until(lambda: not rates.uncounted, "a try at counting", 2 * UNIT)
            server.start()
            await until(lambda: broker.available, "the broker back")
            rates.check_send("bob", "192.0.2.1")
            await until(lambda: server.cli("KEYS", "parley:{user:bob}:bucket"), "counted", 2 * UNIT)


async def test_nothing_is_counted_where_nothing_is_shared() -> None:
    """One process alone, or no rate: `run` ends at once."""
    for rates in (Rates(NO_BROKER), Rates(NO_BROKER, send_rate=5), Rates(NO_BROKER, shared=True)):
        await asyncio.wait_for(rates.run(), 0.2 * UNIT)
