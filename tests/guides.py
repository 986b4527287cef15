"""What the guides' tests share: sockets that are spoken to as the published pages speak to them."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection

from .harness import UNIT


async def heard(socket: ClientConnection) -> Any:
    """What `onmessage` gets, parsed as the guides' pages do: JSON.parse(message.data)."""
    async with asyncio.timeout(5 * UNIT):
        data = await socket.recv()
    assert isinstance(data, str)
    return json.loads(data)


async def say(socket: ClientConnection, handle: str, text: str) -> None:
    """ws.send(JSON.stringify({handle: handle, text: text}))"""
    await socket.send(json.dumps({"handle": handle, "text": text}))


async def silent(socket: ClientConnection) -> bool:
    """Whether nothing comes for a moment."""
    try:
        async with asyncio.timeout(0.05 * UNIT):
            await socket.recv()
    except TimeoutError:
        return True
    return False
