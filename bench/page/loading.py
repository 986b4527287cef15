"""Rows of how the page loads: bytes and requests, the first paint, the composer."""

from bench.page.lab import Lab
from bench.page.wire import Request


async def weight(lab: Lab, quick: bool) -> dict[str, float]:
    """Bytes and requests: of a first visit, and of the next one."""
    requests = lab.wire.requests
    async with lab.visitor() as visitor:
        requests.clear()
        await visitor.open()
        await visitor.joined()
        first = list(requests)
        first_bytes = _received(first)
        await visitor.worker_ready()
        await lab.wire.quiet()
        everything = list(requests)
        requests.clear()
        await visitor.open()
        await visitor.joined()
        await lab.wire.quiet()
        warm = list(requests)
    return {
        "cold.first": first_bytes,
        "cold.first.requests": len(first),
        "cold.all": _received(everything),
        "cold.all.requests": len(everything),
        "warm": _received([request for request in warm if not request.api]),
        "warm.api": _received([request for request in warm if request.api]),
        "warm.requests": len(warm),
    }


def _received(requests: list[Request]) -> float:
    """Thousands of bytes."""
    return sum(request.received for request in requests) / 1000


async def paint(lab: Lab, quick: bool) -> dict[str, float]:
    """First paint and composer on a slow wire, cold and warm, and with a slow processor."""
    found: dict[str, float] = {}
    async with lab.visitor() as visitor:
        for temperature in ("cold", "warm"):
            await visitor.open(slow=True)
            found |= {f"slow.{temperature}.{what}": ms for what, ms in (await visitor.times()).items()}
            await visitor.joined()
            await visitor.worker_ready()
            await lab.wire.quiet()
    async with lab.visitor() as visitor:
        await visitor.open(cpu=4)
        found |= {f"throttled.cold.{what}": ms for what, ms in (await visitor.times()).items()}
    return found
