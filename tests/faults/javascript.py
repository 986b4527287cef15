"""The JavaScript library in the place of a good client of our own: all its chats in one process of Node."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from parley_client import Edited, Gap, Held, Joined, Message, Presence, Reacted, Reconnect, Removed, Sent, State

from tests.harness import UNIT, require_tool

from .library import LibraryClient
from .swarm import Swarm

FOLDER = Path(__file__).parents[1] / "clients"  # which has the packages
CHUNK = 1 << 16  # bytes read at once: more of them would keep the loop from everybody else

_decode_line = msgspec.json.Decoder(tuple[str, str, msgspec.Raw]).decode
_EVENTS: dict[str, type] = {
    "state": State,
    "joined": Joined,
    "message": Message,
    "edited": Edited,
    "removed": Removed,
    "reacted": Reacted,
    "gap": Gap,
    "presence": Presence,
    "held": Held,
    "reconnect": Reconnect,
    "sent": Sent,
}
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(type) for name, type in _EVENTS.items()}


class ManyChats:
    """One run of tests/clients/many_chats.js."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.clients: dict[str, JavaScriptClient] = {}

    def order(self, *order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")

    async def listen(self) -> None:
        """Hand out what the chats tell, until the end."""
        assert self._process.stdout is not None
        rest = b""
        while chunk := await self._process.stdout.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                user, name, value = _decode_line(line)
                event = _DECODERS[name].decode(value)
                self.clients[user].listeners[type(event)](event)
            await asyncio.sleep(0)


@asynccontextmanager
async def many_chats() -> AsyncIterator[ManyChats]:
    """Raises AssertionError if the program ends otherwise than it should, or says anything of its own."""
    pipe = asyncio.subprocess.PIPE
    command = (require_tool("node", "nodejs"), "many_chats.js")
    process = await asyncio.create_subprocess_exec(*command, cwd=FOLDER, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin is not None and process.stderr is not None
    chats = ManyChats(process)
    listening, trouble = asyncio.ensure_future(chats.listen()), asyncio.ensure_future(process.stderr.read())
    try:
        try:
            yield chats
        except BaseException as error:
            if process.returncode is not None:
                error.add_note(f"many_chats.js had ended: {(await trouble).decode()}")
            raise
        process.stdin.close()
        async with asyncio.timeout(10 * UNIT):
            await listening
            assert (await process.wait(), await trouble) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.gather(listening, trouble, process.wait(), return_exceptions=True)


class JavaScriptClient(LibraryClient):
    """One user with a `Chat` of static/client."""

    def __init__(
        self, chats: ManyChats, swarm: Swarm, user: str, rooms: Sequence[str], receive_buffer: int = 0
    ) -> None:
        super().__init__(swarm, user, rooms, receive_buffer)
        self._chats = chats
        chats.clients[user] = self
        chats.order("begin", user, f"http://127.0.0.1:{swarm.ports[0]}", self._token, rooms)

    async def run(self) -> None:
        """Until it is cancelled. The chat stays, and knows where it stood."""
        self._chats.order("open", self.user)
        try:
            await asyncio.Event().wait()
        finally:
            self.entered.clear()
            self.inside.clear()
            self._chats.order("close", self.user)

    def _send(self, id: str) -> None:
        self._chats.order("send", self.user, self.outbox[id][0], id, self.swarm.text)
