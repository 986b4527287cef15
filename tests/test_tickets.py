"""service/identity/tickets.py: one-use tickets, over a store that takes atomically as the brokers do."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.brokers.base import unavailable
from service.identity.auth import AuthError, User
from service.identity.tickets import TICKET_SECONDS, Tickets
from service.protocol import RequestError

ORIGIN = "https://chat.example.com"
ADDRESS = "192.0.2.1"
NOW = 1_800_000_000.0
ADA = User("u1", "Ada", "moderator", ("team-*", "lobby"), NOW + 3600)


class Store:
    """The brokers' put_ticket and take_ticket, with a clock to turn."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[bytes, float]] = {}
        self.now = NOW
        self.takes = 0
        self.away = False

    def clock(self) -> float:
        return self.now

    async def put(self, key: str, record: bytes, seconds: float) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise unavailable()
        self.records[key] = record, self.now + seconds

    async def take(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        if self.away:
            raise unavailable()
        self.takes += 1
        record, until = self.records.pop(key, (None, 0.0))
        return record if until > self.now else None


def tickets(bind_address: bool = True) -> tuple[Tickets, Store]:
    store = Store()
    return Tickets(store.put, store.take, bind_address=bind_address, clock=store.clock), store


async def refusal(made: Tickets, ticket: str, address: str = ADDRESS, origin: str | None = ORIGIN) -> str:
    with pytest.raises(AuthError) as caught:
        await made.redeem(ticket, address, origin)
    assert not ticket or ticket not in f"{caught.value!s} {caught.value!r}"
    return str(caught.value)


@pytest.mark.parametrize(
    "user",
    [ADA, User("g-1", "Zoë 🎈"), User("s", "Bot", "service", (), NOW + 1), User("g-2", "Guest", guest=True)],
    ids=lambda user: user.name,
)
async def test_redeemed_once(user: User) -> None:
    """A ticket gives its user back whole, once."""
    made, _ = tickets()
    ticket = await made.issue(user, ADDRESS, ORIGIN)
    assert await made.redeem(ticket, ADDRESS, ORIGIN) == user
    await refusal(made, ticket)


async def test_one_of_a_hundred() -> None:
    """A ticket that is used a hundred times at once lets one in."""
    made, _ = tickets()
    ticket = await made.issue(ADA, ADDRESS, ORIGIN)
    results = await asyncio.gather(*(made.redeem(ticket, ADDRESS, ORIGIN) for _ in range(100)), return_exceptions=True)
    assert results.count(ADA) == 1
    assert sum(isinstance(result, AuthError) for result in results) == 99


async def test_tickets_differ() -> None:
    """Tickets are of 256 random bits, as a header's token may be written, and each is its own."""
    made, _ = tickets()
    issued = [await made.issue(ADA, ADDRESS, ORIGIN) for _ in range(1000)]
    assert len(set(issued)) == 1000
    assert all(len(ticket) == 43 and ticket.replace("-", "").replace("_", "").isalnum() for ticket in issued)


async def test_store_holds_no_ticket() -> None:
    """What the store keeps doesn't open anything: neither key nor record holds the ticket."""
    made, store = tickets()
    ticket = await made.issue(ADA, ADDRESS, ORIGIN)
    ((key, (record, _)),) = store.records.items()
    assert ticket not in key and ticket.encode() not in record
    await refusal(made, key)
    assert await made.redeem(ticket, ADDRESS, ORIGIN) == ADA


async def test_one_answer_for_all() -> None:
    """Missing, used, expired and foreign tickets get the same answer, which doesn't say whose they were."""
    made, store = tickets()
    used = await made.issue(ADA, ADDRESS, ORIGIN)
    await made.redeem(used, ADDRESS, ORIGIN)
    said = {await refusal(made, ticket) for ticket in (used, "x" * 43, "", "short", "ä" * 43)}
    late = await made.issue(ADA, ADDRESS, ORIGIN)
    store.now += TICKET_SECONDS
    said.add(await refusal(made, late))
    for address, origin in (("192.0.2.2", ORIGIN), (ADDRESS, "https://evil.example"), (ADDRESS, None)):
        said.add(await refusal(made, await made.issue(ADA, ADDRESS, ORIGIN), address, origin))
    assert len(said) == 1
    assert ADA.name not in said.pop()


async def test_just_in_time() -> None:
    """A ticket holds until its thirty seconds are over."""
    made, store = tickets()
    ticket = await made.issue(ADA, ADDRESS, ORIGIN)
    store.now += TICKET_SECONDS - 0.1
    assert await made.redeem(ticket, ADDRESS, ORIGIN) == ADA


async def test_stolen_ticket_is_used_up() -> None:
    """A ticket that came from elsewhere is good for nobody any more."""
    made, _ = tickets()
    for address, origin in (("192.0.2.2", ORIGIN), (ADDRESS, "https://evil.example")):
        ticket = await made.issue(ADA, ADDRESS, ORIGIN)
        await refusal(made, ticket, address, origin)
        await refusal(made, ticket)


async def test_address_may_be_left_out() -> None:
    """With TICKET_ADDRESS=0 the address doesn't count, the Origin still does."""
    made, _ = tickets(bind_address=False)
    assert await made.redeem(await made.issue(ADA, ADDRESS, ORIGIN), "2001:db8::/64", ORIGIN) == ADA
    await refusal(made, await made.issue(ADA, ADDRESS, ORIGIN), ADDRESS, "https://evil.example")
    assert await made.redeem(await made.issue(ADA, ADDRESS, None), ADDRESS, None) == ADA


async def test_ticket_without_an_origin() -> None:
    """It is told by its beginning, serves those that have no Origin alone, and stays so if its beginning is changed."""
    made, _ = tickets()
    direct = await made.issue(ADA, ADDRESS, None)
    assert direct.startswith("direct.")
    assert await made.redeem(direct, ADDRESS, None) == ADA
    await refusal(made, direct, origin=None)
    for origin in (ORIGIN, "null", ""):
        await refusal(made, await made.issue(ADA, ADDRESS, None), origin=origin)
    bound = await made.issue(ADA, ADDRESS, ORIGIN)
    await refusal(made, "direct." + bound, origin=None)
    assert not bound.startswith("direct.")
    await refusal(made, bound, origin=None)
    direct = await made.issue(ADA, ADDRESS, None)
    await refusal(made, direct.removeprefix("direct."))
    assert await made.redeem(direct, ADDRESS, None) == ADA


async def test_token_that_ran_out_meanwhile() -> None:
    """A ticket doesn't outlive the token that it was made with."""
    made, store = tickets()
    short = User("u1", "Ada", expires_at=NOW + 10)
    ticket = await made.issue(short, ADDRESS, ORIGIN)
    store.now += 10
    await refusal(made, ticket)


@pytest.mark.expects_log("damaged record parley:ticket:[0-9a-f]{64} ")
@pytest.mark.parametrize("record", [b"", b"null", b"{}", b"\xff", b'{"user":{"id":"u1"},"address":"a","origin":null}'])
async def test_record_of_another_version(record: bytes) -> None:
    """A record that can't be read is no ticket."""
    made, store = tickets()
    ticket = await made.issue(ADA, ADDRESS, ORIGIN)
    (key,) = store.records
    store.records[key] = record, store.now + 1
    await refusal(made, ticket)


async def test_broker_away() -> None:
    """While the broker is away the answer is `unavailable`, and no ticket is lost by asking."""
    made, store = tickets()
    ticket = await made.issue(ADA, ADDRESS, ORIGIN)
    store.away = True
    with pytest.raises(RequestError):
        await made.issue(ADA, ADDRESS, ORIGIN)
    with pytest.raises(RequestError):
        await made.redeem(ticket, ADDRESS, ORIGIN)
    store.away = False
    assert await made.redeem(ticket, ADDRESS, ORIGIN) == ADA


async def test_what_is_no_ticket_costs_the_broker_nothing() -> None:
    """Text that can't be a ticket is refused without asking the broker."""
    made, store = tickets()
    for text in ("", "x" * 42, "x" * 44, "x" * 42 + "=", "x" * 42 + "\n", "é" * 43, "x" * 100_000):
        await refusal(made, text)
    assert store.takes == 0


MADE, STORE = tickets()


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    """Any text that was never issued is refused."""
    with pytest.raises(AuthError):
        asyncio.run(MADE.redeem(text, ADDRESS, ORIGIN))
