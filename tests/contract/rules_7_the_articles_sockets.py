"""Section 7 of docs/protocol.md: what the pages of the article's guides open. A service without them is left alone."""

import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets import InvalidStatus
from websockets.asyncio.client import ClientConnection, connect

from .target import Target, ask, events


@asynccontextmanager
async def guide(target: Target, path: str) -> AsyncIterator[ClientConnection]:
    """A plain socket of the same origin; the rule is skipped where there is none."""
    try:
        socket = await connect(target.url.replace("http", "ws", 1) + path, origin=target.url, proxy=None)  # type: ignore[arg-type]
    except InvalidStatus as error:
        pytest.skip(f"{path} is answered {error.response.status_code}")
    async with socket:
        yield socket


async def rule_7_1(target: Target) -> None:
    """What is said on /ws is a message in the lobby, and the other way round."""
    async with guide(target, "/ws") as socket, target.open() as client:
        await ask(client, "join", room="lobby")
        text = f"kit {secrets.token_hex(6)}"
        await socket.send(json.dumps({"handle": "Kit", "text": text}))
        message = await client.recv("message", text=text)
        assert message["user"]["name"].startswith("Kit (guide") and message["user"]["id"].startswith("g-guide-")
        back = f"kit {secrets.token_hex(6)}"
        seq = (await ask(client, "send", room="lobby", text=back))["seq"]
        await events(client, "lobby", seq)
        while (heard := json.loads(await socket.recv()))["text"] != back:
            assert set(heard) == {"handle", "text"}
        assert heard == {"handle": client.user["name"], "text": back}


async def rule_7_2(target: Target) -> None:
    """The clocks say the time in UTC, once a second, each in its form."""
    for path, form in (
        ("/clock", r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"'),
        ("/pingWs", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    ):
        async with guide(target, path) as socket:
            assert re.fullmatch(form, str(await socket.recv()))


async def rule_7_3(target: Target) -> None:
    """A foreign Origin gets 403 before the upgrade."""
    async with guide(target, "/ws"):
        pass
    with pytest.raises(InvalidStatus) as caught:
        await connect(target.url.replace("http", "ws", 1) + "/ws", origin="https://elsewhere.example", proxy=None)  # type: ignore[arg-type]
    assert caught.value.response.status_code == 403
