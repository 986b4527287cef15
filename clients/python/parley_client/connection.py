"""A connection of frames to the service: what the link asks of one, and the usual kind, a WebSocket."""

import asyncio
import time
from typing import NamedTuple, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from .codes import LOST
from .protocol import CloseCode
from .tickets import USER_AGENT, Offer, seconds

OPEN_TIMEOUT = 10.0  # from the handshake's start to its end
CLOSE_TIMEOUT = 5.0  # for the closing handshake, or for what is still on its way
FRAME_LIMIT = 16 << 20  # bytes of a frame of the service


class Ended(NamedTuple):
    """Why there is no connection. `retry_after` in seconds, 0 where nobody said."""

    code: int | str
    reason: str
    retry_after: float = 0.0


class Closed(Exception):
    """A connection has ended, or never came to be."""

    def __init__(self, code: int | str, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.ended = Ended(code, reason, retry_after)


class Connection(Protocol):
    """Open. One task reads it, and one writes."""

    heard: float
    """When anything of it came last, signs of life included, by time.monotonic."""

    async def recv(self) -> bytes | str:
        """The next frame. What isn't read yet holds the service back. Raises `Closed`."""

    async def send(self, frame: bytes) -> None:
        """Returns once more may be sent. Raises `Closed`."""

    async def close(self) -> None:
        """Leave, with what was sent. What still comes is dropped."""

    def abort(self) -> None:
        """Cut it, without a word to the other side."""


class _Heard(ClientConnection):
    """Knows when it was last heard, pings and pongs included."""

    heard = 0.0

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        super().data_received(data)


class WebSocket:
    """A `Connection`."""

    def __init__(self, socket: _Heard) -> None:
        self._socket = socket
        self.heard = time.monotonic()

    @property
    def heard(self) -> float:
        return self._socket.heard

    @heard.setter
    def heard(self, at: float) -> None:
        self._socket.heard = at

    async def recv(self) -> bytes | str:
        try:
            return await self._socket.recv(decode=False)
        except ConnectionClosed:
            raise self._closed() from None

    async def send(self, frame: bytes) -> None:
        try:
            await self._socket.send(frame, text=True)
        except ConnectionClosed:
            raise self._closed() from None

    def _closed(self) -> Closed:
        return Closed(int(self._socket.close_code or LOST), self._socket.close_reason or "")

    async def close(self) -> None:
        await asyncio.gather(self._socket.close(CloseCode.NORMAL), self._drain())

    async def _drain(self) -> None:
        """Drop what still comes before the answer to a close: unread it would be in its way."""
        try:
            while True:
                await self._socket.recv(decode=False)
        except ConnectionClosed:
            pass

    def abort(self) -> None:
        self._socket.transport.abort()


async def open_websocket(url: str, offer: Offer) -> Connection:
    """To the service at `url`, http or https. Raises `Closed`."""
    connecting = connect(
        "ws" + url.removeprefix("http") + "/socket",
        subprotocols=[Subprotocol(name) for name in offer.subprotocols],
        additional_headers=offer.headers,
        user_agent_header=USER_AGENT,
        compression=None,
        open_timeout=OPEN_TIMEOUT,
        close_timeout=CLOSE_TIMEOUT,
        ping_interval=None,
        max_size=FRAME_LIMIT,
        create_connection=_Heard,
    )
    try:
        socket = await connecting
    except InvalidStatus as error:
        raise Closed(LOST, str(error), seconds(error.response.headers.get("Retry-After"))) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Closed(LOST, str(error) or type(error).__name__) from None
    assert isinstance(socket, _Heard)
    return WebSocket(socket)
