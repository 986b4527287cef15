"""What the page's rows are measured in: the service, a relay that counts, a Chromium, people in it, and a publisher."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright
from websockets.asyncio.client import ClientConnection, connect

from bench.dialects import Chat
from bench.machine import MachineError
from bench.page.wire import Wire, wire
from bench.servers import Target, target

ROOM = "bench"
WAIT_MS = 60_000  # for anything that must appear on a page: a throttled one on a busy machine is slow

# The first moment at which somebody can write, by the page's own clock.
_COMPOSER = """
    window.composerAt = new Promise((resolve) => {
        const look = () => {
            const box = document.querySelector("#text");
            if (box?.checkVisibility() && !box.disabled) resolve(performance.now());
            else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    });
"""


@dataclass(slots=True)
class Visitor:
    """Somebody with a browser profile of their own. Each `open` is a new tab; the tab before is closed."""

    context: BrowserContext
    url: str
    page: Page

    async def open(self, *, slow: bool = False, cpu: int = 1, room: str = ROOM) -> None:
        """Open the room in a new tab: `slow` is 150 ms and 1.6 Mbit/s, `cpu` how many times slower than it is."""
        before = self.page
        self.page = await self.context.new_page()
        await before.close()
        devtools = await self.devtools()
        if slow:
            conditions = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 200_000}
            await devtools.send("Network.emulateNetworkConditions", conditions)
        if cpu > 1:
            await devtools.send("Emulation.setCPUThrottlingRate", {"rate": cpu})
        await self.page.goto(f"{self.url}/r/{room}", wait_until="commit")
        await self.page.evaluate("window.composerAt")

    async def joined(self) -> None:
        """Until the connection is open and the room's history is there."""
        await self.page.locator("#me-state.open").wait_for(state="attached", timeout=WAIT_MS)
        await self.page.locator("#messages > li").first.wait_for(state="attached", timeout=WAIT_MS)

    async def worker_ready(self) -> None:
        """Until the service worker has fetched what it keeps."""
        await self.page.evaluate("navigator.serviceWorker.ready.then(() => {})")

    async def devtools(self) -> CDPSession:
        """The page's DevTools."""
        return await self.context.new_cdp_session(self.page)

    async def heap_bytes(self) -> float:
        """Used by JavaScript after a collection."""
        devtools = await self.devtools()
        await devtools.send("HeapProfiler.enable")
        await devtools.send("HeapProfiler.collectGarbage")
        return float((await devtools.send("Runtime.getHeapUsage"))["usedSize"])

    async def times(self) -> dict[str, float]:
        """`paint` and `composer`: ms since the navigation began."""
        found: dict[str, float] = await self.page.evaluate(
            """async () => ({
                paint: await new Promise((resolve) => {
                    new PerformanceObserver((list) => {
                        const [entry] = list.getEntriesByName("first-contentful-paint");
                        if (entry) resolve(entry.startTime);
                    }).observe({ type: "paint", buffered: true });
                }),
                composer: await window.composerAt,
            })"""
        )
        return found


class Publisher:
    """A member of the room who is no browser."""

    def __init__(self, socket: ClientConnection, room: str) -> None:
        self._socket = socket
        self._room = room
        self._sent = 0

    async def say(self, text: str) -> None:
        """Hand a message over; its answer is not awaited."""
        self._sent += 1
        frame = {"type": "send", "room": self._room, "id": f"b{self._sent}", "text": text}
        await self._socket.send(json.dumps(frame))

    async def stream(self, count: int, rate: float, text: Callable[[int], str] = "message {}".format) -> None:
        """`count` messages, `rate` a second."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(count):
            await self.say(text(number))
            await asyncio.sleep(max(0.0, start + (number + 1) / rate - loop.time()))


class Lab:
    """One service and one browser."""

    def __init__(self, service: Target, counts: Wire, browser: Browser) -> None:
        self.service = service
        self.wire = counts
        self.browser = browser

    @asynccontextmanager
    async def visitor(self, name: str = "Ada") -> AsyncIterator[Visitor]:
        """Somebody whose name the page knows already and whose cache is empty."""
        context = await self.browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
        await context.add_init_script(f"localStorage.setItem('parley.name', {json.dumps(name)});" + _COMPOSER)
        try:
            yield Visitor(context, self.wire.url, await context.new_page())
        finally:
            await context.close()

    @asynccontextmanager
    async def publisher(self, index: int = 0, room: str = ROOM) -> AsyncIterator[Publisher]:
        """Somebody who writes, user number `index`; past the relay, so it is not counted."""
        chat = self.service.dialect
        if not isinstance(chat, Chat):
            raise TypeError(chat)
        headers = {"Authorization": f"Bearer {chat.token(index)}"}
        host, port = self.service.addresses[0]
        address = f"ws://{host}:{port}/socket"
        async with connect(address, additional_headers=headers, subprotocols=["chat.v1"], proxy=None) as socket:  # type: ignore[list-item]
            await socket.send(json.dumps({"type": "join", "room": room, "limit": 0}))
            while json.loads(await socket.recv())["type"] != "joined":
                pass
            drain = asyncio.create_task(self._drain(socket))
            try:
                yield Publisher(socket, room)
            finally:
                drain.cancel()

    async def _drain(self, socket: ClientConnection) -> None:
        async for _ in socket:
            pass

    async def cpu_seconds(self) -> float:
        """Of all processes of the browser so far, by its own figures."""
        devtools = await self.browser.new_browser_cdp_session()
        processes: list[dict[str, Any]] = (await devtools.send("SystemInfo.getProcessInfo"))["processInfo"]
        await devtools.detach()
        return float(sum(process["cpuTime"] for process in processes))


Row = Callable[[Lab, bool], Coroutine[Any, Any, dict[str, float]]]
"""Measures one round; True: in seconds, for a look. Answers a value for each metric."""


@asynccontextmanager
async def laboratory() -> AsyncIterator[Lab]:
    """All of it, started anew."""
    path = shutil.which("chromium")
    if not path:
        raise MachineError("chromium is missing: apt-get install chromium")
    with target("sqlite", {"HISTORY_LIMIT": "20000"}) as service:
        async with wire(service.addresses[0]) as counts, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            try:
                yield Lab(service, counts, browser)
            finally:
                await browser.close()
