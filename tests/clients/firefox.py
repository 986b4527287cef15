"""Debian's Firefox, headless, driven by WebDriver BiDi, which it speaks itself: no driver beside it."""

import asyncio
import itertools
import json
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from ..harness import UNIT, require_tool

KEYS = {"Enter": "\ue007", "ArrowUp": "\ue013", "Escape": "\ue00c", "Backspace": "\ue003"}
"""By WebDriver's code points."""


class Firefox:
    """One page of it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._page = ""

    async def start(self) -> None:
        await self._command("session.new", capabilities={})
        tree = await self._command("browsingContext.getTree")
        self._page = tree["contexts"][0]["context"]

    async def goto(self, url: str) -> None:
        await self._command("browsingContext.navigate", context=self._page, url=url, wait="complete")

    async def reload(self) -> None:
        await self._command("browsingContext.reload", context=self._page, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression or promise that gives JSON."""
        answer = await self._command(
            "script.evaluate", expression=expression, target={"context": self._page}, awaitPromise=True
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    async def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true. Raises TimeoutError with what the page shows instead."""
        try:
            async with asyncio.timeout(10 * UNIT):
                while not await self.evaluate(f"JSON.stringify(Boolean({condition}))"):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(
                f"{condition}: {await self.evaluate('JSON.stringify(document.body.innerText)')}"
            ) from None

    async def press(self, *keys: str) -> None:
        """Press these one after the other; what is more than a name of `KEYS` is typed."""
        values = [value for key in keys for value in (KEYS.get(key) or key)]
        actions = [{"type": kind, "value": value} for value in values for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        await self._command("input.performActions", context=self._page, actions=[source])

    async def click(self, selector: str) -> None:
        """The middle of an element, as a mouse does, once it is there. Raises as `until`."""
        await self.until(f"document.querySelector({json.dumps(selector)})")
        found = await self._command(
            "browsingContext.locateNodes",
            context=self._page,
            locator={"type": "css", "value": selector},
            maxNodeCount=1,
        )
        (node,) = found["nodes"]
        origin = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": origin}
        actions = [move, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        source = {"type": "pointer", "id": "mouse", "actions": actions}
        await self._command("input.performActions", context=self._page, actions=[source])

    async def _command(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        await self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(await self._connection.recv())
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]


@asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """A browser with a profile of its own, until the block ends."""
    path = require_tool("firefox-esr", "firefox-esr")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        # Its errors go to a file: it writes many, and where nobody reads them it would wait.
        log = Path(profile) / "errors.log"
        with log.open("wb") as errors, subprocess.Popen(command, stdout=errors, stderr=errors) as process:
            try:
                async with connect(await _address(log), proxy=None, max_size=None, ping_interval=None) as connection:
                    browser = Firefox(connection)
                    await browser.start()
                    yield browser
            finally:
                process.kill()


async def _address(log: Path) -> str:
    """Where it says that it listens."""
    async with asyncio.timeout(30 * UNIT):
        while not (found := re.search(r"WebDriver BiDi listening on (\S+)\n", log.read_text(errors="replace"))):
            await asyncio.sleep(0.05)
    return f"{found[1]}/session"
