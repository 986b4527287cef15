"""One ticket, a hundred hands: one enters."""

import asyncio
from collections import Counter
from contextlib import ExitStack

from ..harness import SECRET_KEY, ServiceProcess
from ..harness.chat_client import fetch_ticket
from .raw_socket import CLOSE, RawSocket, handshake

HANDS = 100


async def enter(service: ServiceProcess, ticket: str, together: asyncio.Event) -> int:
    """The close code, or 0 for who was welcomed. All send their handshake at once."""
    async with await RawSocket.connect(service.port) as raw:
        await together.wait()
        answer = await raw.request(handshake(service.port, origin=ORIGIN, protocols=f"chat.v1, ticket.{ticket}"))
        assert answer.status == 101
        first = await raw.read_frame()
        assert first is not None
        return int.from_bytes(first[1][:2], "big") if first[0] == CLOSE else 0


ORIGIN = "https://chat.example"


async def race(services: list[ServiceProcess]) -> None:
    """A ticket of the first service, offered to all of them at once."""
    ticket = (await fetch_ticket(services[0].url, "Ada", {"Origin": ORIGIN}))["ticket"]
    together = asyncio.Event()
    hands = [asyncio.ensure_future(enter(services[n % len(services)], ticket, together)) for n in range(HANDS)]
    await asyncio.sleep(0.2)
    together.set()
    assert Counter(await asyncio.gather(*hands)) == {0: 1, 4401: HANDS - 1}


async def test_one_ticket_used_a_hundred_times_at_once_lets_one_in(broker_env: dict[str, str]) -> None:
    """In one process, on either broker."""
    with ServiceProcess(broker_env | {"ALLOWED_ORIGINS": f"http://127.0.0.1,{ORIGIN}"}) as service:
        await race([service])


async def test_one_ticket_used_at_two_processes_lets_one_in(redis_url: str) -> None:
    """Across processes, where only Redis can decide."""
    env = {"REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY, "ALLOWED_ORIGINS": f"http://127.0.0.1,{ORIGIN}"}
    with ExitStack() as stack:
        await race([stack.enter_context(ServiceProcess(env)) for _ in range(2)])


async def test_guessed_tickets_enter_nowhere() -> None:
    """Of the right shape and of any other: 4401 for all, and not a word about which it was."""
    guesses = [
        "A" * 43,
        "a" * 42,
        "*",
        "%00",
        "../" * 14,
        "A" * 4000,
        "",
        ".",
        "ticket.",
        "A" * 43 + ", ticket." + "B" * 43,
    ]
    reasons = set()
    with ServiceProcess() as service:
        for guess in guesses:
            async with await RawSocket.connect(service.port) as raw:
                await raw.request(handshake(service.port, protocols=f"chat.v1, ticket.{guess}"))
                assert await raw.closed() == 4401, guess
                reasons.add(raw.received[-1][1])
    assert len(reasons) <= 2  # one for a ticket that is no good, one for none or several
