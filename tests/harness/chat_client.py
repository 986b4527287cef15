"""A chat client on the `websockets` library, for a reading of RFC 6455 other than the service's."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, cast

import websockets
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from websockets.asyncio.client import ClientConnection, connect

from . import secrecy
from .common import UNIT
from .event_stream import EventStream

Frame = dict[str, Any]

SUBPROTOCOL = "chat.v1"
_HANDSHAKE = 20 * UNIT
# Longer than the 5 s after which the service itself answers that the broker is away.
_ANSWER = 8 * UNIT


class ChatError(Exception):
    """The service answered a request with an `error` frame, or POST /tickets with an HTTP error."""

    def __init__(self, code: str, message: str, frame: Frame) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.frame = frame


async def fetch_ticket(
    url: str,
    name: str | None,
    headers: Mapping[str, str] | None = None,
    address: str | None = None,
    **fields: Any,
) -> Frame:
    """The body of POST /tickets, asked for from that address of this machine.

    Raises ChatError with the HTTP error's code; `frame` then has `status` added.
    """
    body = json.dumps(({} if name is None else {"name": name}) | fields)
    client = AsyncHTTPClient(force_instance=True)
    try:
        answer = await client.fetch(
            HTTPRequest(
                url + "/tickets",
                method="POST",
                headers={"Content-Type": "application/json"} | dict(headers or {}),
                body=body,
                connect_timeout=_HANDSHAKE,
                request_timeout=_HANDSHAKE,
                network_interface=address,
            ),
            raise_error=False,
        )
    finally:
        client.close()
    if answer.code != 201:
        try:
            error = json.loads(answer.body)["error"]
        except (ValueError, KeyError, TypeError):
            error = {"code": f"http_{answer.code}", "message": repr(answer.body or answer.error)}
        raise ChatError(error["code"], error["message"], error | {"status": answer.code})
    ticket: Frame = json.loads(answer.body)
    secrecy.note(ticket["ticket"], ticket.get("guest"))
    return ticket


class ChatClient:
    """`async with ChatClient.open(service.url, "Ada") as ada: await ada.join("lobby")`.

    `frames` holds every frame received, in order. Those that no call has taken yet are what `recv` and
    `expect` look through, so a test may ask for them in an order of its own. Waits raise TimeoutError,
    listing what came instead.
    """

    def __init__(self, connection: ClientConnection, on_frame: Callable[[Frame], object] | None = None) -> None:
        self.connection = connection
        self.frames: list[Frame] = []
        self.user: Frame = {}
        self.guest: str | None = None
        self._untaken: list[Frame] = []
        self._arrival = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._numbers = itertools.count(1)
        self._on_frame = on_frame
        self._reader = asyncio.create_task(self._read(), name="chat client reader")

    @classmethod
    async def enter(
        cls,
        url: str,
        name: str | None = "Ada",
        *,
        guest: str | None = None,
        jwt: str | None = None,
        bearer: str | None = None,
        ticket: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        on_frame: Callable[[Frame], object] | None = None,
        max_queue: int | None = None,
        welcome: bool = True,
        events: bool = False,
        address: str | None = None,
    ) -> Self:
        """Enter the service at `url` (http://…) and wait for `welcome` (not with `welcome=False`).

        By default as a guest, `guest` being the token of an earlier visit. `jwt` gets the ticket with a token
        of your own users, `bearer` sends a token on the handshake itself, `ticket` is one already there.
        `headers` go with the ticket's request and the handshake, `{"Origin": None}` without an Origin.
        `on_frame` sees each frame first and takes it by answering true. `max_queue` bounds the frames read
        ahead while paused; None: no bound. `events`: over an event stream, in the place of a WebSocket.
        `address` is the one of this machine that a WebSocket and its ticket's request come from.
        """
        sent = {key: value for key, value in ({"Origin": url} | dict(headers or {})).items() if value is not None}
        subprotocols = [SUBPROTOCOL]
        answer: Frame = {}
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        elif ticket is None:
            fields = {} if guest is None else {"guest": guest}
            asking = sent if jwt is None else sent | {"Authorization": f"Bearer {jwt}"}
            answer = await fetch_ticket(url, name if jwt is None else None, asking, address, **fields)
            ticket = answer["ticket"]
        if ticket is not None:
            subprotocols.append(f"ticket.{ticket}")
        connection: Any
        if events:
            connection = await EventStream.open(url, sent, ticket=ticket)
        else:
            connection = await _connect(url, subprotocols, sent, max_queue, address)
        client = cls(connection, on_frame)
        client.guest = answer.get("guest")
        if welcome:
            try:
                client.user = (await client.recv("welcome"))["user"]
            except BaseException:
                await client.close()
                raise
        return client

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, name: str | None = "Ada", **options: Any) -> AsyncIterator[Self]:
        """`enter` for the length of a block."""
        client = await cls.enter(url, name, **options)
        try:
            yield client
        finally:
            await client.close()

    async def _read(self) -> None:
        try:
            async for data in self.connection:
                frame: Frame = json.loads(data)
                if self._on_frame is None or not self._on_frame(frame):
                    self.frames.append(frame)
                    self._untaken.append(frame)
                    self._arrival.set()
                await self._reading.wait()
        except websockets.ConnectionClosed:
            pass
        finally:
            self._arrival.set()

    def pause(self) -> None:
        """Stop reading after the next frame; with `max_queue` set, the socket itself fills soon after."""
        self._reading.clear()

    def resume(self) -> None:
        """Read on."""
        self._reading.set()

    async def recv(self, type: str | None = None, timeout: float = _ANSWER, **fields: Any) -> Frame:
        """Take the first untaken frame of that type with those fields.

        Raises ConnectionError once closed without it.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        wanted = fields if type is None else {"type": type} | fields
        while True:
            for index, frame in enumerate(self._untaken):
                if all(frame.get(key) == value for key, value in wanted.items()):
                    return self._untaken.pop(index)
            if self._reader.done():
                raise ConnectionError(f"closed {self.close_code} {self.close_reason!r} before {wanted}{self._came()}")
            self._arrival.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._arrival.wait()
            except TimeoutError:
                raise TimeoutError(f"not within {timeout:g} s: {wanted}{self._came()}") from None

    expect = recv

    def _came(self) -> str:
        return "; untaken: " + (", ".join(map(str, self._untaken[-5:])) or "nothing")

    async def silence(self, type: str | None = None, seconds: float = 0.3 * UNIT) -> None:
        """Fail if a frame of that type (any, by default) is untaken or arrives within `seconds`."""
        try:
            frame = await self.recv(type, seconds)
        except (TimeoutError, ConnectionError):
            return
        raise AssertionError(f"unexpected frame: {frame}")

    async def raw(self, data: str | bytes) -> None:
        """Send a text (or binary) frame as it is."""
        await self.connection.send(data)

    async def raw_together(self, frames: Sequence[str]) -> None:
        """Send text frames as close to each other as they can be."""
        if isinstance(self.connection, EventStream):
            await self.raw("\n".join(frames))
            return
        for frame in frames:
            await self.raw(frame)

    async def request(self, type: str, timeout: float = _ANSWER, **fields: Any) -> Frame:
        """Send a frame with a `ref` and take its answer. Raises ChatError for an `error`.

        Fields of None are left out.
        """
        ref = f"r{next(self._numbers)}"
        frame = {"type": type, "ref": ref} | {key: value for key, value in fields.items() if value is not None}
        secrecy.note(*(fields[key] for key in ("text", "ticket") if isinstance(fields.get(key), str)))
        await self.raw(json.dumps(frame))
        answer = await self.recv(None, timeout, ref=ref)
        if answer["type"] == "error":
            raise ChatError(answer["code"], answer["message"], answer)
        return answer

    async def join(
        self, room: str, *, limit: int | None = None, since: Frame | None = None, events: Sequence[str] | None = None
    ) -> Frame:
        """`events`: kinds that this client knows beyond those that every client knows."""
        return await self.request("join", room=room, limit=limit, since=since, events=events)

    async def send(self, room: str, text: str, id: str | None = None, timeout: float = _ANSWER) -> Frame:
        """The `sent` frame. `id` is made up when not given."""
        return await self.request("send", timeout, room=room, id=id or self.new_id(), text=text)

    def new_id(self) -> str:
        """An id unique to this user: the socket's own number stands in it."""
        return f"{self.connection.id.hex[:12]}-{next(self._numbers)}"

    async def history(self, room: str, before: int, limit: int | None = None) -> Frame:
        return await self.request("history", room=room, before=before, limit=limit)

    async def leave(self, room: str) -> Frame:
        return await self.request("leave", room=room)

    async def ping(self) -> Frame:
        return await self.request("ping")

    @property
    def stream(self) -> EventStream:
        """The connection, of a client that entered with `events`."""
        return cast(EventStream, self.connection)

    @property
    def close_code(self) -> int | None:
        """None while open, 1006 when the connection was cut without a closing frame."""
        return self.connection.close_code

    @property
    def close_reason(self) -> str | None:
        return self.connection.close_reason

    async def closed(self, timeout: float = _HANDSHAKE) -> tuple[int | None, str | None]:
        """Wait for the service to close; code and reason."""
        async with asyncio.timeout(timeout):
            await self.connection.wait_closed()
        return self.close_code, self.close_reason

    async def close(self, code: int = 1000) -> None:
        """Close and wait; twice is harmless."""
        self._reading.set()
        try:
            async with asyncio.timeout(_ANSWER):
                await self.connection.close(code)
        finally:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    def abort(self) -> None:
        """Cut the connection without a closing frame, as a lost network does."""
        self.connection.transport.abort()


async def _connect(
    url: str, subprotocols: list[str], headers: Mapping[str, str], max_queue: int | None, address: str | None
) -> ClientConnection:
    return await connect(
        url.replace("http", "ws", 1) + "/socket",
        subprotocols=[websockets.Subprotocol(name) for name in subprotocols],
        additional_headers=headers,
        compression=None,
        proxy=None,
        open_timeout=_HANDSHAKE,
        close_timeout=_ANSWER,
        ping_interval=None,
        max_size=None,
        max_queue=max_queue,
        local_addr=None if address is None else (address, 0),
    )
