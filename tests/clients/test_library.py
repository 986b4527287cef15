"""static/client.js in Node, with the WebSockets of its packages: it works, or an error says why."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ..harness import NO_LIMITS, UNIT, BlockingProxy, ChatClient, ServiceProcess, require_tool

FOLDER = Path(__file__).parent


class Library:
    """One run of library_client.js."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def tells(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait until it tells `event` with these fields."""
        assert self.process.stdout is not None
        async with asyncio.timeout(20 * UNIT):
            while line := await self.process.stdout.readline():
                name, value = json.loads(line)
                self.told.append((name, value))
                if name == event and fields.items() <= value.items():
                    return dict(value)
        assert self.process.stderr is not None
        trouble = await self.process.stderr.read()
        raise AssertionError(f"it ended; told: {self.told}; {trouble.decode()}")

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())


@asynccontextmanager
async def library(url: str, how: str, program: str = "library_client.js") -> AsyncIterator[Library]:
    pipe = asyncio.subprocess.PIPE
    command = (require_tool("node", "nodejs"), program, url, how)
    process = await asyncio.create_subprocess_exec(*command, cwd=FOLDER, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield Library(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("how", ["ws", "undici"])
async def test_it_talks_and_comes_back(how: str, tmp_path: Path) -> None:
    """A guest without an Origin: sends, hears, and resumes after an end and a kill, with nothing lost or twice."""
    with ServiceProcess(NO_LIMITS | {"SQLITE_PATH": str(tmp_path / "parley.db")}) as service:
        async with library(service.url, how) as node:
            await node.tells("joined")
            node.say("from Node")
            await node.tells("message", text="from Node", name=f"Node {how}")
            assert await asyncio.to_thread(service.stop) == 0  # with a ticket for the way back
            await node.tells("state", state="waiting", code=1012)
            service.start()
            await node.tells("joined", resumed=True)
            service.kill9()
            await node.tells("state", state="waiting")
            node.say("meanwhile")
            service.start()
            await node.tells("joined", resumed=True)
            await node.tells("message", text="meanwhile")
            async with ChatClient.open(service.url, "Ada") as ada:
                joined = await ada.join("lobby")
                assert [message["text"] for message in joined["messages"]] == ["from Node", "meanwhile"]
                await ada.send("lobby", "from Ada")
            await node.tells("message", text="from Ada", name="Ada")
            assert [value["seq"] for event, value in node.told if event == "message"] == [1, 2, 3]
            assert node.process.stdin is not None
            node.process.stdin.close()
            _, trouble = await asyncio.wait_for(node.process.communicate(), 10 * UNIT)
            assert (node.process.returncode, trouble) == (0, b"")


async def test_a_node_without_a_websocket_is_told_so() -> None:
    """At once, instead of a service that seems away for ever."""
    async with library("http://127.0.0.1:9", "none") as node:
        _, trouble = await asyncio.wait_for(node.process.communicate(), 10 * UNIT)
        assert node.process.returncode == 1
        assert b"TypeError: no WebSocket here: pass one, for example that of `ws`" in trouble


async def test_a_handshake_that_is_refused_says_why() -> None:
    """Where the WebSocket knows: a browser's would not say."""
    with ServiceProcess(NO_LIMITS) as service:
        async with library(service.url, "foreign") as node:
            state = await node.tells("state", state="waiting")
            assert state["code"] == 1006 and "403" in state["reason"]


@asynccontextmanager
async def behind(
    env: dict[str, str] | None = None, **does: bool
) -> AsyncIterator[tuple[ServiceProcess, BlockingProxy, Library]]:
    """A service behind a proxy that does so, and a run of the library there."""
    with ServiceProcess(NO_LIMITS | (env or {})) as service, BlockingProxy("127.0.0.1", service.port, **does) as proxy:
        async with library(f"http://127.0.0.1:{proxy.port}", "hasty") as node:
            yield service, proxy, node


async def test_it_goes_round_where_websockets_are_blocked_and_comes_back(tmp_path: Path) -> None:
    """By events after two that came to nothing: it talks, resumes after a kill, and takes WebSockets once they pass."""
    async with behind({"SQLITE_PATH": str(tmp_path / "parley.db")}) as (service, proxy, node):
        await node.tells("state", state="open", by="events")
        assert proxy.blocked == 2
        await node.tells("joined")
        node.say("round")
        await node.tells("message", text="round")
        service.kill9()
        await node.tells("state", state="waiting")
        node.say("meanwhile")
        await asyncio.to_thread(service.start)
        await node.tells("joined", resumed=True)
        await node.tells("message", text="meanwhile")
        proxy.blocks = False
        await node.tells("state", state="open", by="websocket")
        await node.tells("joined", resumed=True)
        node.say("straight")
        await node.tells("message", text="straight")
        assert [value["seq"] for event, value in node.told if event == "message"] == [1, 2, 3]
        assert not [value for event, value in node.told if event in ("gap", "problem", "refused")]


async def test_control_it_goes_straight_where_nothing_is_blocked() -> None:
    """Through the same proxy."""
    async with behind(blocks=False) as (_, _, node):
        await node.tells("state", state="open", by="websocket")
        await node.tells("joined")


async def test_a_proxy_that_holds_answers_back_is_named() -> None:
    """With a code and a way out; once it lets them pass, they serve."""
    async with behind(holds=True) as (_, proxy, node):
        state = await node.tells("state", state="waiting", code="buffered")
        assert "holds answers back" in state["reason"] and "unbuffered" in state["advice"]
        proxy.holds = False
        await node.tells("state", state="open", by="events")
        await node.tells("joined")
