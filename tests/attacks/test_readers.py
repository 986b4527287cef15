"""Those who ask and never read, on sockets and over HTTP: what waits for them has a budget, and an end."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ..harness import UNIT, ChatClient, ServiceProcess, make_jwt, wait_until
from .crowding import ONE, Crowd, crowding
from .raw_socket import frame
from .vitals import MIB, Pulse, descriptors, memory_bytes, settles

pytestmark = pytest.mark.alone

CROWD = 200
TOTAL = 8 * MIB  # of UNSENT_TOTAL here; by default eight times that
OWN = 30 * 1024  # bytes that a connection itself may take: its request, Tornado's buffers, its sockets' objects
UNLIMITED = {"SEND_RATE": "0", "SEND_RATE_ADDRESS": "0", "JOIN_RATE": "0", "JOIN_RATE_ADDRESS": "0"}

# Each asks for more than the kernels hold, of which the first few answers are taken from the service at once.
ON_SOCKETS = frame(b'{"type":"join","room":"lobby","limit":200}') + 19 * frame(
    b'{"type":"history","room":"lobby","limit":200}'
)
OVER_HTTP = 20 * (
    b"GET /rooms/lobby/messages?limit=200 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer TOKEN\r\n\r\n"
)
WAYS = {"sockets": ON_SOCKETS, "http": OVER_HTTP}


async def fill(service: ServiceProcess) -> None:
    """A lobby whose pages are as large as they may be."""
    async with ChatClient.open(service.url, "Ada") as ada:
        await ada.join("lobby")
        for number in range(60):
            await ada.send("lobby", f"{number} " + "long " * 700)


@contextmanager
def readers(service: ServiceProcess, way: str, addresses: list[str] = ONE) -> Iterator[Crowd]:
    with crowding(service, CROWD, requests=WAYS[way], addresses=addresses, seconds=2.5 * UNIT) as crowd:
        yield crowd


async def attack(env: dict[str, str], way: str, addresses: list[str] = ONE) -> tuple[int, float, float]:
    """How far the service's memory grew at most, how much it said it kept, and the ratio of others' waits."""
    with ServiceProcess(UNLIMITED | env) as service:
        await fill(service)
        with readers(service, way, addresses) as crowd, Pulse(service, quiet=1.0 * UNIT) as pulse:
            start = memory_bytes(service)
            crowd.begin()
            grown, kept = 0, 0.0
            deadline = time.monotonic() + 2.0 * UNIT
            while time.monotonic() < deadline:
                grown = max(grown, memory_bytes(service) - start)
                kept = max(kept, await asyncio.to_thread(unsent_bytes, service))
                await asyncio.sleep(0.05)
            await asyncio.to_thread(pulse.gather)
        return grown, kept, pulse.ratio()


def unsent_bytes(service: ServiceProcess) -> float:
    """As /metrics has it."""
    lines = service.request("GET", "/metrics")[2].decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("parley_unsent_bytes "))


@pytest.mark.parametrize("way", WAYS)
async def test_what_waits_for_readers_that_never_read_stays_in_the_budget(
    broker_env: dict[str, str], way: str, addresses: list[str]
) -> None:
    """200 of them: memory grows by the budget and what a connection itself takes; others wait no longer than 2 ×."""
    grown, kept, ratio = await attack(broker_env | {"UNSENT_TOTAL": str(TOTAL)}, way, addresses)
    assert 0 < kept <= 1.5 * TOTAL  # what one turn of the loop wrote may be over it until the next
    assert grown <= TOTAL + CROWD * OWN + 2 * MIB
    assert ratio <= 2


@pytest.mark.parametrize("way", WAYS)
async def test_without_the_budget_memory_grows_with_their_number(broker_env: dict[str, str], way: str) -> None:
    """The control: the same 200, and nothing that lets them go."""
    grown, kept, _ = await attack(broker_env | {"UNSENT_TOTAL": str(2**30)}, way)
    assert kept > 2 * TOTAL
    assert grown > TOTAL + CROWD * OWN + 2 * MIB


async def test_answers_that_nobody_takes_are_cut_by_a_deadline() -> None:
    """Though the budget has room: descriptors and memory come back after UNSENT_DEADLINE."""
    with ServiceProcess(UNLIMITED | {"UNSENT_DEADLINE": "1"}) as service:
        await fill(service)
        start = descriptors(service)
        with readers(service, "http") as crowd:
            crowd.begin()
            await asyncio.to_thread(wait_until, lambda: unsent_bytes(service) > 0, "answers that wait", 5 * UNIT)
            await settles(descriptors, service, start, "descriptors")
            assert await asyncio.to_thread(unsent_bytes, service) == 0


async def test_a_reader_that_takes_its_time_is_served() -> None:
    """As long as all others stay within the budget: slow is no offence."""
    with ServiceProcess(UNLIMITED) as service:
        await fill(service)
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=4096)
        token = make_jwt("slow", "Slow").encode()
        writer.write(OVER_HTTP.replace(b"TOKEN", token).replace(b"HTTP/1.1\r\nHost", b"HTTP/1.1\r\nHost", 1))
        taken = 0
        for _ in range(20):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10 * UNIT)
            assert head.startswith(b"HTTP/1.1 200")
            length = next(int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
            taken += len(await reader.readexactly(length))
            await asyncio.sleep(0.02)
        writer.close()
        await writer.wait_closed()
        assert taken > 20 * 100_000
