"""A real Chromium for tests: people with a browser of their own, and a wire that can be cut.

A page's script errors, unexpected console errors, dialogs and violations of the Content-Security-Policy fail
the test when its person leaves.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Dialog, Locator, Page, WebSocketRoute, async_playwright
from playwright.async_api import expect as _expect

from .harness import UNIT, require_tool

AXE = Path(__file__).parent / "javascript" / "node_modules" / "axe-core" / "axe.min.js"

WAIT_MS = 10_000 * UNIT  # for anything that must appear on a page
_expect.set_options(timeout=WAIT_MS)
expect = _expect

# What a browser itself writes when a server is away, as it is in these tests on purpose.
_EXPECTED = re.compile(
    r"ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INTERNET_DISCONNECTED|WebSocket connection to .* failed"
    r"|status of (401|403|409|429|503)"
    # The socket behind the page's own, of `Wire`, to which a frame was passed when the service had closed it.
    r"|^WebSocket is already in CLOSING or CLOSED state\.$"
    r"|^An unknown error occurred when fetching the script\.$"  # the service worker's, looked for behind a navigation
)

_REPORT_VIOLATIONS = """
    window.violations = [];
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
        violations.push(`${violatedDirective} ${blockedURI}`));
"""


_FLAGS = ["--no-sandbox", "--disable-gpu", "--in-process-gpu"]  # no process that draws what nobody looks at


class SharedBrowser:
    """Debian's Chromium, without what draws windows: the whole one costs the processor 1.6 times as much a test.

    All tests of a process have it in turn, and the loop it is on: to start it costs more than most of them do with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._path = require_tool("chromium-headless-shell", "chromium-headless-shell")
        self._playwright = loop.run_until_complete(async_playwright().start())
        self._browser: Browser | None = None

    async def browser(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self._browser = await self._playwright.chromium.launch(executable_path=self._path, args=_FLAGS)
        return self._browser

    def close(self) -> None:
        if self._browser is not None:
            self._loop.run_until_complete(self._browser.close())
        self._loop.run_until_complete(self._playwright.stop())


shared_browsers: dict[asyncio.AbstractEventLoop, SharedBrowser] = {}
"""By the loop that it is on; the fixture `browser_loop` starts and ends it."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser with nobody in it, where tests share one; none of those who open it here stays."""
    browser = await shared_browsers[asyncio.get_running_loop()].browser()
    try:
        yield browser
    finally:
        for context in browser.contexts:
            await context.close()


# Contrast of every text in sight with what lies behind it (WCAG 2.2, 1.4.3), where it is too low. Colours go through
# a canvas, because computed styles may be in any colour space. Disabled controls are exempt there, and here.
_LOW_CONTRAST = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
    const light = (color) => color.map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const paint = (node) => {  // what lies behind the node's text, and how opaque its text is
        if (!node) return { back: [255, 255, 255], opacity: 1 };
        const { back, opacity } = paint(node.parentElement);
        const style = getComputedStyle(node);
        const [r, g, b, a] = rgba(style.backgroundColor);
        const own = Number(style.opacity);
        return { back: over([r, g, b, a * own], back), opacity: opacity * own };
    };
    return [...document.body.querySelectorAll("*")]
        .filter((n) => [...n.childNodes].some((c) => c.nodeType === 3 && c.data.trim()))
        .filter((n) => n.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
        .filter((n) => !n.closest(":disabled, .hidden"))
        .map((n) => {
            const style = getComputedStyle(n);
            const { back, opacity } = paint(n);
            const [r, g, b, a] = rgba(style.color);
            const [one, other] = [light(over([r, g, b, a * opacity], back)), light(back)];
            const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
            const size = parseFloat(style.fontSize);
            const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
            return { ratio, least: large ? 3 : 4.5, what: `${n.className} ${n.textContent.slice(0, 30)}` };
        })
        .filter(({ ratio, least }) => ratio < least)
        .map(({ ratio, what }) => `${ratio.toFixed(2)} ${what}`);
}"""


class Wire:
    """Every socket of a browser context, passed through, held back or cut.

    `open` False closes new sockets at once. `greetings` are close codes and reasons for the next sockets, one
    each, before they reach the service. `sent` is what the page sent, `connections` how often it tried.
    """

    def __init__(self) -> None:
        self.open = True
        self.greetings: list[tuple[int, str]] = []
        self.sent: list[str] = []
        self.connections = 0
        self._routes: list[WebSocketRoute] = []
        self._frozen: set[WebSocketRoute] = set()

    async def install(self, context: BrowserContext) -> None:
        await context.route_web_socket(re.compile("/socket$"), self._on_socket)

    async def cut(self) -> None:
        """Close every socket as a proxy that goes away does, and let no new one in."""
        self.open = False
        routes, self._routes = self._routes, []
        for route in routes:
            await route.close(code=1001)

    def freeze(self) -> None:
        """Swallow what comes and goes on today's sockets, which stay open: a network that silently vanished."""
        self._frozen.update(self._routes)

    def tell(self, frame: dict[str, Any]) -> None:
        """Say something in the service's name, on every socket."""
        for route in self._routes:
            route.send(json.dumps(frame))

    async def close(self, code: int, reason: str = "") -> None:
        """Close every socket in the service's name."""
        routes, self._routes = self._routes, []
        for route in routes:
            await route.close(code=code, reason=reason)

    async def _on_socket(self, route: WebSocketRoute) -> None:
        self.connections += 1
        if self.greetings:
            code, reason = self.greetings.pop(0)
            await route.close(code=code, reason=reason)
            return
        if not self.open:
            await route.close(code=1001)
            return
        server = route.connect_to_server()
        self._routes.append(route)

        def up(message: str | bytes) -> None:
            self.sent.append(str(message))
            if route not in self._frozen:
                server.send(message)

        def down(message: str | bytes) -> None:
            if route not in self._frozen:
                route.send(message)

        route.on_message(up)
        server.on_message(down)


class Person:
    """Somebody with a browser of their own and the chat page in it."""

    def __init__(self, context: BrowserContext, page: Page, url: str, wire: Wire) -> None:
        self.context = context
        self.page = page
        self.url = url
        self.wire = wire
        self.troubles: list[str] = []
        self.foreseen: list[str] = []
        self.dialogs: list[str] = []
        self.tickets = 0
        self.watch(page)

    def watch(self, page: Page) -> None:
        """Note what goes wrong on a page of theirs."""

        async def dismiss(dialog: Dialog) -> None:
            self.dialogs.append(dialog.message)
            await dialog.dismiss()

        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda message: self._on_console(message.type, message.text))
        page.on("dialog", dismiss)
        page.on("request", self._on_request)

    def foresee(self, part: str) -> None:
        """Lines of the browser's console that have this in them are part of the test, whenever they come."""
        self.foreseen.append(part)

    def _on_console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not _EXPECTED.search(text):
            self.troubles.append(text)

    def _on_request(self, request: Any) -> None:
        self.tickets += request.url.endswith("/tickets")

    @property
    def name_box(self) -> Locator:
        return self.page.locator("#entrance-name")

    @property
    def box(self) -> Locator:
        """Where messages are written."""
        return self.page.locator("#text")

    async def enter(self, name: str, room: str = "lobby") -> None:
        """Open the page, give a name, and wait until the room is there."""
        await self.page.goto(f"{self.url}/r/{room}")
        await self.name_box.fill(name)
        await self.name_box.press("Enter")
        await self.online()

    async def online(self) -> None:
        await expect(self.page.locator("#me-state.open")).to_be_attached()
        await expect(self.page.locator(".row-note.start, .row-note.loading, .message").first).to_be_attached()

    async def reload(self) -> None:
        """Load the page anew, once the browser is done with going back over a dialog's entry: either ends the other."""
        await holds(self.page, "!history.state?.layers")
        await self.page.reload()

    async def reconnect(self) -> None:
        """Let sockets in again, and tell the page, whose next try by itself may be half a minute away."""
        self.wire.open = True
        await self.page.evaluate("dispatchEvent(new Event('online'))")

    async def whole(self) -> None:
        """Until what a first view does without has come as well."""
        await holds(
            self.page,
            """["/hands.js", "/overlay.js", "/keys.js", "/queue.css", "-later.js"].every((name) =>
                performance.getEntriesByType("resource").some((one) => one.name.endsWith(name)))""",
        )

    async def keep(self) -> None:
        """Until the browser keeps the page, so that it opens without its service: the page itself waits a little."""
        await self.page.evaluate(
            """async () => {
                await navigator.serviceWorker.register("/worker.js");
                const { active } = await navigator.serviceWorker.ready;
                while (active.state !== "activated") await new Promise((resolve) => setTimeout(resolve, 20));
            }"""
        )

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.box.fill(text)
            await self.box.press("Enter")

    async def choose(self, room: str, item: str) -> None:
        """Choose something in the menu of a room in the list."""
        await self.page.get_by_role("button", name=f"Menu of #{room}", exact=True).click()
        await self.page.get_by_role("menu").get_by_text(item, exact=True).click()

    def message(self, text: str) -> Locator:
        """The message (stored or pending) with exactly this text."""
        exact = re.compile(f"^{re.escape(text)}$")
        return self.page.locator(".message").filter(has=self.page.locator(".text", has_text=exact))

    async def reads(self, *texts: str) -> None:
        """Wait until these are all the stored messages, in this order, and nothing is pending."""
        await expect(self.page.locator(".message:not(.pending) .text")).to_have_text(list(texts))
        await expect(self.page.locator(".pending")).to_have_count(0)

    async def low_contrast(self) -> list[str]:
        """Texts in sight that are too close in colour to what lies behind them, with the ratio."""
        found: list[str] = await self.page.evaluate(_LOW_CONTRAST)
        return found

    async def axe(self) -> list[str]:
        """What axe finds wrong with the page as it stands, by all of its rules: the rule, and the elements."""
        await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate("async () => (await axe.run()).violations")
        return [f"{rule['id']}: {', '.join(node['html'][:120] for node in rule['nodes'])}" for rule in found]

    async def check(self) -> None:
        """Nothing went wrong on their page."""
        violations = await self.page.evaluate("window.violations")
        troubles = [line for line in self.troubles if not any(part in line for part in self.foreseen)]
        found = troubles + self.dialogs + violations
        assert not found, f"on the page: {found}"


@asynccontextmanager
async def person(browser: Browser, url: str, **options: Any) -> AsyncIterator[Person]:
    """A browser context of one's own (`options`: viewport, color_scheme, locale, …)."""
    context = await browser.new_context(**({"locale": "en-GB"} | options))
    await context.add_init_script(_REPORT_VIOLATIONS)
    wire = Wire()
    await wire.install(context)
    visitor = Person(context, await context.new_page(), url, wire)
    try:
        yield visitor
        await visitor.check()
    finally:
        await context.close()


async def holds(page: Page, condition: str, arg: Any = None) -> None:
    """Wait until a condition on `arg`, an expression, is true in the page.

    Playwright's own wait evaluates it by `eval`, which the page's policy refuses from the second time on.
    """
    script = f"async (arg) => {{ while (!({condition})) await new Promise((again) => setTimeout(again, 20)); }}"
    try:
        async with asyncio.timeout(WAIT_MS / 1000):
            await page.evaluate(script, arg)
    except TimeoutError:
        raise AssertionError(f"not so in the page: {condition}") from None


async def settle(seconds: float = 0.3) -> None:
    """Give something that must not happen the time to happen."""
    await asyncio.sleep(seconds * UNIT)
