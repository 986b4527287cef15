"""An event stream and its POSTs with the face of a connection of the `websockets` library, for `ChatClient`.

Read by hand, from the HTML standard ("Server-sent events") and RFC 9112, other than by the service's code.
"""

import asyncio
import contextlib
import json
import socket
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Self
from urllib.parse import quote, urlencode, urlsplit

import websockets
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from websockets.frames import Close

from . import secrecy
from .common import UNIT

_REQUEST = 20 * UNIT
_CUT = 1006


class StreamRefused(Exception):
    """The answer is no stream."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}: {body!r}")
        self.status = status
        self.body = body


class Event(NamedTuple):
    """One of the stream; `kind` is "message" where nothing is said, and "comment" for what readers skip."""

    kind: str
    data: str
    id: str = ""


class EventStream:
    """One stream. `send` is by POST, numbered, in its order; iteration gives the frames' text."""

    subprotocol = None

    def __init__(self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.url = url
        self.id = uuid.uuid4()
        self.transport = writer.transport
        self.headers: dict[str, str] = {}
        self.secret = ""
        self.events: list[Event] = []
        """All that came."""
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._origin: str | None = None
        self._reader, self._writer = reader, writer
        self._number = 0
        self._sending = asyncio.Lock()
        self._ended = asyncio.Event()
        self._welcomed = asyncio.Event()

    @classmethod
    async def open(
        cls,
        url: str,
        headers: Mapping[str, str],
        *,
        ticket: str | None = None,
        rooms: Sequence[str] = (),
        method: str = "POST",
        in_query: bool = False,
        query: Mapping[str, str] | None = None,
        sock: socket.socket | None = None,
    ) -> Self:
        """Raises `StreamRefused`. `in_query`: the ticket goes as an `EventSource` must send it.

        `sock`: one that is connected already.
        """
        place = urlsplit(url)
        secure = place.scheme == "https"
        if sock is not None:
            reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 16)
        else:
            reader, writer = await asyncio.open_connection(
                place.hostname, place.port or (443 if secure else 80), ssl=secure or None, limit=1 << 20
            )
        stream = cls(url, reader, writer)
        stream._origin = headers.get("Origin")
        asked = [("room", room) for room in rooms] + [*(query or {}).items()]
        asked += [("ticket", ticket or "")] if in_query else []
        sent = {"Host": place.netloc, "Accept": "text/event-stream"} | dict(headers)
        if ticket is not None and not in_query:
            sent["Authorization"] = f"Ticket {ticket}"
        if method == "POST":
            sent["Content-Length"] = "0"
        lines = [f"{method} {place.path}/events?{urlencode(asked, quote_via=quote)} HTTP/1.1"]
        lines += [f"{name}: {text}" for name, text in sent.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            status = await asyncio.wait_for(stream._read_head(), _REQUEST)
            if status != 200:
                body = await asyncio.wait_for(reader.read(int(stream.headers.get("content-length", 0))), _REQUEST)
                raise StreamRefused(status, body)
        except BaseException:
            writer.close()
            raise
        return stream

    def set_origin(self, origin: str) -> None:
        """What requests say from here on."""
        self._origin = origin

    async def _read_head(self) -> int:
        status = int((await self._reader.readline()).split()[1])
        while line := (await self._reader.readline()).decode().strip():
            name, _, text = line.partition(":")
            self.headers[name.lower()] = text.strip()
        return status

    async def read(self) -> AsyncIterator[Event]:
        """Events and comments as they come, until the end. May be left, and begun again where it was."""
        while event := await self._next():
            self.events.append(event)
            if event.kind == "close":
                said = json.loads(event.data)
                self.close_code, self.close_reason = said["code"], said["reason"]
            yield event

    async def _next(self) -> Event | None:
        fields: dict[str, str] = {}
        with contextlib.suppress(OSError):
            while raw := await self._reader.readline():
                line = raw.decode().rstrip("\n")
                name, _, text = line.partition(":")
                if line:
                    fields[name or "comment"] = text.removeprefix(" ")
                elif "data" in fields:
                    return Event(fields.get("event", "message"), fields["data"], fields.get("id", ""))
                else:
                    return Event("comment", fields.get("comment", ""))
        self.close_code = self.close_code or _CUT
        self._ended.set()
        self._welcomed.set()
        self._writer.close()
        return None

    async def __aiter__(self) -> AsyncIterator[str]:
        async for event in self.read():
            if event.kind == "message":
                if not self.secret:
                    self.secret = json.loads(event.data).get("session", "")
                    secrecy.note(self.secret or None)
                    self._welcomed.set()
                yield event.data

    async def post(self, data: str | bytes, number: int | None = None, url: str | None = None) -> HTTPResponse:
        """One request, as it is."""
        headers = {"Authorization": f"Bearer {self.secret}"} | ({"Origin": self._origin} if self._origin else {})
        client = AsyncHTTPClient(force_instance=True)
        try:
            return await client.fetch(
                (url or self.url) + "/events/frames" + ("" if number is None else f"?n={number}"),
                method="POST",
                body=data,
                headers=headers,
                raise_error=False,
                request_timeout=_REQUEST,
            )
        finally:
            client.close()

    async def send(self, data: str | bytes, text: bool | None = None) -> None:
        """Until it is taken. Raises `websockets.ConnectionClosed` once the stream has ended."""
        await self._welcomed.wait()
        async with self._sending:
            self._number += 1
            while True:
                if self._ended.is_set():
                    raise websockets.ConnectionClosed(Close(self.close_code or _CUT, ""), None)
                response = await self.post(data, self._number)
                if response.code in (204, 404):  # the stream itself says why it ended
                    return
                if response.code not in (429, 503):
                    raise StreamRefused(response.code, response.body)
                await asyncio.sleep(float(response.headers["Retry-After"]))

    async def wait_closed(self) -> None:
        await self._ended.wait()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Let go of the connection, which is all that a reader can do."""
        self.close_code = self.close_code or code
        self._writer.close()
        self._ended.set()
        self._welcomed.set()
