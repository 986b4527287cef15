"""Rows of a long room: messages that come fifty a second, and scrolling back through thousands."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from playwright.async_api import Page

from bench.page.lab import WAIT_MS, Lab, Visitor
from service.probe.percentiles import percentile

RATE = 50.0  # messages a second
WHEEL_PX = 600  # a turn of the wheel, one in each frame: a fast hand
FRAME = 1 / 60  # seconds
ABOVE = 145  # messages from the first row to the end, of whom a hundred lie below the frame and the others above it

# What people write: three of six are short, one has several lines at most widths.
_TEXTS = (
    "Good morning, everybody.",
    "Has anybody seen the keys of the shed?",
    "They hung beside the door yesterday, as far as I remember; perhaps somebody took them along after the meeting, "
    "in which case we should ask around before anybody changes the lock.",
    "No",
    "ok",
    "Look under the mat: https://example.org/a/long/address?with=query",
)

# The intervals between frames in ms, as the page's own thread gets them, until `stop`.
_FRAMES = """() => {
    const frames = (window.frames_ = { at: [], most: 0, stop: false });
    const tick = (now) => {
        frames.at.push(now);
        frames.most = Math.max(frames.most, document.querySelectorAll("#messages > [data-seq]").length);
        if (!frames.stop) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
}"""
_STOP = "() => { frames_.stop = true; return [frames_.at, frames_.most]; }"
_BARE = "<!doctype html><style>body { margin: 0; font: 15px/1.45 system-ui } li { padding: 4px 20px 12px 50px }</style>"
_FIRST = """() => parseInt(document.querySelector("#messages > [data-seq] .text")?.textContent ?? "", 10)"""


@dataclass(slots=True)
class Watched:
    """What a piece of work cost: filled in when it is over."""

    seconds: float = 0.0
    cpu: float = 0.0  # seconds, of all processes of the browser
    rate: float = 0.0  # frames a second
    p95: float = 0.0  # ms from frame to frame
    rows: int = 0  # messages on the page, at most


@asynccontextmanager
async def _watch(lab: Lab, visitor: Visitor) -> AsyncIterator[Watched]:
    found = Watched()
    await visitor.page.evaluate(_FRAMES)
    cpu, start = await lab.cpu_seconds(), time.monotonic()
    yield found
    found.seconds = time.monotonic() - start
    found.cpu = await lab.cpu_seconds() - cpu
    at, found.rows = await visitor.page.evaluate(_STOP)
    intervals = [later - earlier for earlier, later in itertools.pairwise(at)]
    found.rate = 1000 * len(intervals) / (at[-1] - at[0])
    found.p95 = percentile(intervals, 95)


def _text(number: int, first: int = 0) -> str:
    number += first
    return f"{number} {_TEXTS[number % len(_TEXTS)]}"


async def _fill(lab: Lab, count: int) -> None:
    """A history by four authors, whose texts begin with their numbers."""
    async with lab.publisher(0) as a, lab.publisher(1) as b, lab.publisher(2) as c, lab.publisher(3) as d:
        for number in range(count):
            await (a, b, c, d)[number // 3 % 4].say(_text(number))
            if number % 100 == 99:
                await asyncio.sleep(0.05)  # at most 100 requests wait on a socket
        await asyncio.sleep(0.5)


@dataclass(slots=True)
class _Wheel:
    """Turned once in each frame, by the clock: what the browser takes to say that it has turned belongs to it."""

    page: Page
    due: float = 0.0

    async def turn(self, px: int) -> None:
        """Downwards; upwards if it is negative."""
        await self.page.mouse.wheel(0, px)
        now = time.monotonic()
        self.due = max(self.due + FRAME, now - FRAME)
        await asyncio.sleep(max(0.0, self.due - now))


async def _wheel_up(visitor: Visitor, number: int, px: int = WHEEL_PX) -> int:
    """Turn the wheel until the message of this number has its row; how many turns that takes."""
    page, turns = visitor.page, itertools.count()
    await page.mouse.move(640, 400)
    wheel = _Wheel(page)
    deadline = time.monotonic() + WAIT_MS / 1000
    while (first := await page.evaluate(_FIRST)) is None or first > number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"message {number} was not reached, but {first}")
        for _ in itertools.islice(turns, 3):
            await wheel.turn(-px)
    return next(turns)


async def live(lab: Lab, quick: bool) -> dict[str, float]:
    """Frames a second and CPU a message while messages come, at the end and above it."""
    count, total = (100 if quick else 500), 1000
    await _fill(lab, total)
    found: dict[str, float] = {}
    async with lab.visitor() as visitor, lab.publisher(4) as publisher:
        await visitor.open()
        await visitor.joined()
        await lab.wire.quiet()
        for place in ("end", "above"):
            if place == "above":
                await _wheel_up(visitor, total - ABOVE, 200)
                await asyncio.sleep(1)
            cpu = await lab.cpu_seconds()
            await publisher.stream(count, RATE, partial(_text, first=total))
            total += count
            found[f"live.{place}.cpu"] = 1000 * (await lab.cpu_seconds() - cpu) / count
            async with _watch(lab, visitor) as watched:  # which itself costs some CPU in every frame
                await publisher.stream(count, RATE, partial(_text, first=total))
            total += count
            found |= {f"live.{place}.rate": watched.rate, f"live.{place}.p95": watched.p95}
    return found


async def back(lab: Lab, quick: bool) -> dict[str, float]:
    """A thousand messages back with a fast wheel."""
    total, count = (400, 200) if quick else (2000, 1000)
    await _fill(lab, total)
    async with lab.visitor() as visitor:
        await visitor.open()
        await visitor.joined()
        await lab.wire.quiet()
        async with _watch(lab, visitor) as watched:
            turns = await _wheel_up(visitor, total - count)
    return {
        "back.seconds": watched.seconds,
        "back.cpu": watched.cpu,
        "back.rate": watched.rate,
        "back.rows": watched.rows,
        "back.bare.cpu": await _scroll_bare(lab, total, turns),
    }


async def _scroll_bare(lab: Lab, rows: int, turns: int) -> float:
    """CPU seconds of as many turns over a page that has the same texts, no script and nothing to load."""
    async with lab.visitor() as visitor:
        page = visitor.page
        texts = "".join(f"<li>{_text(number)}</li>" for number in range(rows))
        await page.set_content(f"{_BARE}<ol id=messages>{texts}</ol>")
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        await page.mouse.move(640, 400)
        await asyncio.sleep(1)
        wheel = _Wheel(page)
        cpu = await lab.cpu_seconds()
        for _ in range(turns):
            await wheel.turn(-WHEEL_PX)
        return await lab.cpu_seconds() - cpu


async def long(lab: Lab, quick: bool) -> dict[str, float]:
    """Thousands loaded; messages come while somebody is at their beginning, and scrolls on from there."""
    total, seconds = (1000, 2.0) if quick else (10_000, 8.0)
    await _fill(lab, total)
    found: dict[str, float] = {}
    async with lab.visitor() as visitor, lab.publisher(4) as publisher:
        await visitor.open()
        await visitor.joined()
        await _wheel_up(visitor, 0, 2000)
        await asyncio.sleep(1)
        wheel = _Wheel(visitor.page)
        for what in ("still", "scrolled"):
            async with _watch(lab, visitor) as watched:
                stream = asyncio.create_task(publisher.stream(int(seconds * RATE), RATE, _text))
                while not stream.done():
                    await (wheel.turn(60) if what == "scrolled" else asyncio.sleep(FRAME))
                await stream
            found |= {f"long.{what}.rate": watched.rate, f"long.{what}.p95": watched.p95}
            found[f"long.{what}.rows"] = watched.rows
    return found
