"""The scenes for Python's clients: what `scenes.js` is for those with the browsers' interface."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

Report = dict[str, Any]
Tokens = dict[str, str]


class End(NamedTuple):
    """How a connection ended, in a library's own words."""

    code: int
    reason: str
    clean: bool


class Client(Protocol):
    """One open connection of a library."""

    async def send(self, text: str) -> None: ...

    async def receive(self) -> str | End:
        """The next text, or the end."""

    async def close(self, code: int, reason: str) -> End: ...


Connect = Callable[[str], Awaitable[Client]]


async def play(connect: Connect, tokens: Tokens, waiting: Callable[[], None]) -> dict[str, Report]:
    """Every scene; `waiting` is called when the last socket is in, which only the service's end ends."""

    async def own(client: Client, type: str) -> End | None:
        if type == "welcome":
            await say(client, type="join", room="lobby")
        elif type == "joined":
            await say(client, type="send", room="lobby", id=tokens["own"][-16:], text="hello")
        elif type == "sent":
            return await client.close(1000, "bye")
        return None

    async def kicked(client: Client, type: str) -> End | None:
        if type == "welcome":
            await say(client, type="moderate", user=tokens["kicked_id"], action="kick")
        return None

    async def flooding(client: Client, type: str) -> End | None:
        if type == "welcome":
            for _ in range(250):
                await client.send("{}")
        return None

    async def drained(client: Client, type: str) -> End | None:
        if type == "welcome":
            waiting()
        return None

    async def refused(client: Client, type: str) -> End | None:
        return None

    acts = {"own": own, "kicked": kicked, "flooding": flooding, "drained": drained, "refused": refused}
    played = (_scene(connect, tokens.get(name, "no.such.token"), act) for name, act in acts.items())
    return dict(zip(acts, await asyncio.gather(*played), strict=True))


async def _scene(connect: Connect, token: str, act: Callable[[Client, str], Awaitable[End | None]]) -> Report:
    client = await connect(token)
    await asyncio.sleep(0.05)  # as an application does that has other things to do, too
    types = []
    end: End | None = None
    while end is None:
        received = await client.receive()
        if isinstance(received, End):
            end = received
        else:
            types.append(json.loads(received)["type"])
            end = await act(client, types[-1])
    return {"opened": True, "types": types, **end._asdict()}


async def say(client: Client, **fields: Any) -> None:
    await client.send(json.dumps(fields))
