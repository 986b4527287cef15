"""A good client that comes by an event stream, and posts its frames to whichever process a balancer might choose."""

import asyncio
from typing import Any

import msgspec

from tests.harness import UNIT

from .client import ORIGIN, Client, Wire

BATCH = 100  # frames of one request
REQUEST_TIMEOUT = 10 * UNIT  # seconds
AGAIN = 0.1  # seconds before a request that was not taken is sent again, under the same number


class StreamWire(Wire):
    """One stream from the client's side, and the requests that go with it."""

    def __init__(self, owner: Client, request: bytes) -> None:
        super().__init__(owner, request)
        self._frames: list[bytes] = []
        self._number = 0
        self._secret = ""
        self._posting: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._upgraded:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = data
                return
            if not head.startswith(b"HTTP/1.1 200 "):
                self._owner.swarm.refusals[head[9:12].decode()] += 1
                self.transport.abort()
                return
            self._upgraded, data = True, rest
        *events, self._rest = data.split(b"\n\n")
        for event in events:
            self._take(event)

    def _take(self, event: bytes) -> None:
        kind, _, data = event.rpartition(b"data: ")
        if not data or event.startswith(b":"):
            return
        said = msgspec.json.decode(data)
        if kind:
            self.close_code = said["code"]
            return
        self._secret = said.get("session") or self._secret
        self._owner.on_frame(said)

    def send(self, **frame: Any) -> None:
        if self.transport.is_closing():  # nobody would end its requests
            return
        self._frames.append(msgspec.json.encode(frame))
        if self._posting is None or self._posting.done():
            self._posting = asyncio.ensure_future(self._post())

    async def _post(self) -> None:
        """One request after the other, each until it is taken, or the stream has ended."""
        while self._frames:
            body, self._frames = b"\n".join(self._frames[:BATCH]), self._frames[BATCH:]
            self._number += 1
            while await self._status(body) not in ("204", "404"):
                await asyncio.sleep(AGAIN)

    async def _status(self, body: bytes) -> str:
        """Of one request; "" where nobody answers."""
        swarm = self._owner.swarm
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                reader, writer = await asyncio.open_connection("127.0.0.1", swarm.random.choice(swarm.ports))
                try:
                    head = (
                        f"POST /events/frames?n={self._number} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {ORIGIN}\r\n"
                        f"Authorization: Bearer {self._secret}\r\nContent-Length: {len(body)}\r\n"
                        "Connection: close\r\n\r\n"
                    )
                    writer.write(head.encode() + body)
                    return (await reader.read())[9:12].decode()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return ""

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self._posting is not None:
            self._posting.cancel()


class StreamClient(Client):
    """One user with one stream at a time."""

    def _make_wire(self, ticket: str | None) -> Wire:
        credential = f"Bearer {self._token}" if ticket is None else f"Ticket {ticket}"
        head = f"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {ORIGIN}\r\nContent-Length: 0\r\n"
        return StreamWire(self, f"{head}Authorization: {credential}\r\n\r\n".encode())
