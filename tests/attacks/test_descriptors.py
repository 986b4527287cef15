"""Descriptors used up: new connections wait or are refused, nothing spins, those inside notice nothing, it recovers."""

import asyncio
from pathlib import Path

import pytest

from ..harness import UNIT, ChatClient, ServiceProcess, wait_until
from .raw_socket import CLOSE, RawSocket, crowd, handshake
from .vitals import Pulse, cpu_seconds, descriptors, settles

pytestmark = pytest.mark.alone

WATCHED = ("tests.attacks.watched",)
LIMIT = 300  # descriptors


@pytest.mark.expects_log("not accepting for 0.5 s: Too many open files")
async def test_descriptors_used_up_by_silent_connections(tmp_path: Path) -> None:
    """400 connections that say nothing to a process that may open 300 files: the rest waits, unaccepted."""
    env = {"DESCRIPTORS": str(LIMIT), "HANDSHAKE_TIMEOUT": "2", "SQLITE_PATH": str(tmp_path / "parley.db")}
    with ServiceProcess(env, command=WATCHED) as service:
        async with ChatClient.open(service.url, "Ada") as ada, ChatClient.open(service.url, "Bob") as bob:
            for client in (ada, bob):
                await client.join("lobby")
            start = descriptors(service)
            with Pulse(service) as pulse:
                async with crowd(service, 400, upgraded=False) as sockets:
                    wait_until(lambda: descriptors(service) >= LIMIT - 2, "descriptors used up")
                    cpu, logged = cpu_seconds(service), len(service.stderr)
                    for number in range(10):
                        await ada.send("lobby", f"still here {number}")
                        await bob.expect("message", text=f"still here {number}")
                        await asyncio.sleep(0.1 * UNIT)
                    assert cpu_seconds(service) - cpu < 0.5 * UNIT, "it spins"
                    assert len(service.stderr) - logged <= 4 * UNIT, service.stderr[-5:]
                    # Each is cut in its time, those accepted late a little later.
                    assert [await raw.closed() for raw in sockets] == [None] * len(sockets)
                async with ChatClient.open(service.url, "Cy") as cy:
                    await cy.join("lobby")
            pulse.check()
            await settles(descriptors, service, start, "descriptors")


async def test_sockets_are_capped_below_the_descriptors() -> None:
    """CONNECTIONS_LIMIT is what RLIMIT_NOFILE leaves, and a larger one is cut to it: 1013 past it, never EMFILE."""
    with ServiceProcess({"DESCRIPTORS": str(LIMIT), "CONNECTIONS_LIMIT": "100000"}, command=WATCHED) as service:
        start = descriptors(service)
        codes = []
        async with crowd(service, 200, upgraded=False) as sockets:
            for raw in sockets:
                assert (await raw.request(handshake(service.port, "/clock", protocols=None))).status == 101
                first = await raw.read_frame()
                assert first is not None
                codes.append(int.from_bytes(first[1][:2], "big") if first[0] == CLOSE else 0)
                if codes[-1]:
                    raw.cut()
            let_in = codes.count(0)
            assert LIMIT // 2 <= let_in < LIMIT - 50
            assert codes == [0] * let_in + [1013] * (200 - let_in)
            assert service.ready()
        await settles(descriptors, service, start, "descriptors")
        async with await RawSocket.open(service, path="/clock") as raw:
            assert await raw.read_frame()
