"""200 sockets that drip their upgrade are cut in time, and a healthy one enters meanwhile."""

import asyncio
import time

import pytest

from ..harness import UNIT, ChatClient, ServiceProcess
from .raw_socket import RawSocket, crowd, handshake
from .vitals import MIB, Pulse, descriptors, memory_bytes, settles

pytestmark = pytest.mark.alone

SOCKETS = 200


async def drip(raw: RawSocket, request: bytes, step: float) -> float:
    """Send a request byte by byte, `step` seconds apart, until the service cuts; the seconds that took."""
    began = time.monotonic()
    cut = asyncio.ensure_future(raw.closed(60 * UNIT))
    for byte in request:
        await raw.send(bytes((byte,)))
        if (await asyncio.wait((cut,), timeout=step))[0]:
            break
    else:
        raise AssertionError("the whole request went through")
    assert cut.result() is None
    return time.monotonic() - began


async def test_dripping_upgrades_are_cut_and_others_enter(long_form: bool) -> None:
    """Within HANDSHAKE_TIMEOUT, 10 s by default (2 s in the short form), counted from the connection's start."""
    seconds = 10.0 if long_form else 2.0
    with ServiceProcess({} if long_form else {"HANDSHAKE_TIMEOUT": f"{seconds:g}"}) as service:
        async with ChatClient.open(service.url, "Zoe") as zoe:
            await zoe.join("lobby")
            start, memory = descriptors(service), memory_bytes(service)
            with Pulse(service) as pulse:
                async with crowd(service, SOCKETS, upgraded=False) as sockets:
                    idle, headers, bodies = sockets[:20], sockets[20:180], sockets[180:]
                    head = f"POST /tickets HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Length: 9000\r\n\r\n"
                    for raw in bodies:
                        await raw.send(head.encode())
                    request = handshake(service.port)
                    waits = [asyncio.ensure_future(drip(raw, request, seconds / 20)) for raw in headers]
                    waits += [asyncio.ensure_future(drip(raw, b" " * 9000, seconds / 20)) for raw in bodies]
                    await asyncio.sleep(seconds / 2)
                    async with ChatClient.open(service.url, "Ada") as ada:
                        await ada.join("lobby")
                        await ada.send("lobby", "still here")
                        await zoe.expect("message", text="still here")
                    cut_after = await asyncio.gather(*waits)
                    assert [await raw.closed() for raw in idle] == [None] * len(idle)
            pulse.check()
            assert max(cut_after) <= seconds + 1 * UNIT
            await settles(descriptors, service, start, "descriptors")
            assert memory_bytes(service) - memory <= 4 * MIB  # 200 HTTP connections, 16 KiB each
