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

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression or promise that gives JSON."""
        answer = await self._command(
            "script.evaluate", expression=expression, target={"context": self._page}, awaitPromise=True
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

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
