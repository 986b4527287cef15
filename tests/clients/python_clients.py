"""Python's WebSocket libraries behind one interface. An end is told as the library tells it, with nothing added."""

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx_ws
import websocket
from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ..harness import UNIT
from .scenes import Client, Connect, End


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Websockets:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, url: str, token: str) -> Client:
        return cls(await connect(url, additional_headers=_headers(token), proxy=None))

    async def send(self, text: str) -> None:
        with suppress(ConnectionClosed):
            await self._connection.send(text)

    async def receive(self) -> str | End:
        try:
            return str(await self._connection.recv())
        except ConnectionClosed as error:
            return self._end(error)

    async def close(self, code: int, reason: str) -> End:
        await self._connection.close(code, reason)
        try:
            while True:
                await self._connection.recv()
        except ConnectionClosed as error:
            return self._end(error)

    @staticmethod
    def _end(error: ConnectionClosed) -> End:
        if error.rcvd is None:
            return End(1006, "", False)
        reason = error.rcvd.reason if error.rcvd_then_sent else error.sent.reason if error.sent else ""
        return End(error.rcvd.code, reason, error.sent is not None)


class Aiohttp:
    def __init__(self, session: aiohttp.ClientSession, socket: "aiohttp.ClientWebSocketResponse[Any]") -> None:
        self._session = session
        self._socket = socket

    @classmethod
    async def connect(cls, url: str, token: str) -> Client:
        session = aiohttp.ClientSession()
        return cls(session, await session.ws_connect(url, headers=_headers(token)))

    async def send(self, text: str) -> None:
        with suppress(ConnectionError):
            await self._socket.send_str(text)

    async def receive(self) -> str | End:
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data)
        await self._session.close()
        return self._end(message.extra or "" if message.type is aiohttp.WSMsgType.CLOSE else "")

    async def close(self, code: int, reason: str) -> End:
        await self._socket.close(code=code, message=reason.encode())
        await self._session.close()
        return self._end(reason)

    def _end(self, reason: str) -> End:
        code = self._socket.close_code or 1006
        return End(code, reason, code != 1006 and self._socket.exception() is None)


class HttpxWs:
    def __init__(self, client: httpx.AsyncClient, manager: Any, socket: httpx_ws.AsyncWebSocketSession) -> None:
        self._client = client
        self._manager = manager
        self._socket = socket

    @classmethod
    async def connect(cls, url: str, token: str) -> Client:
        client = httpx.AsyncClient(trust_env=False)
        # It runs a task group, which must be left in the task that entered it: each scene's own.
        manager: Any = httpx_ws.aconnect_ws(url, client, headers=_headers(token), keepalive_ping_interval_seconds=None)
        return cls(client, manager, await manager.__aenter__())

    async def send(self, text: str) -> None:
        with suppress(httpx_ws.WebSocketDisconnect, httpx_ws.WebSocketNetworkError):
            await self._socket.send_text(text)

    async def receive(self) -> str | End:
        try:
            return str(await self._socket.receive_text())
        except httpx_ws.WebSocketDisconnect as error:
            end = End(error.code, error.reason or "", True)
        except httpx_ws.WebSocketNetworkError:
            end = End(1006, "", False)
        await self._leave()
        return end

    async def close(self, code: int, reason: str) -> End:
        await self._socket.close(code, reason)
        await self._leave()
        return End(code, reason, True)

    async def _leave(self) -> None:
        with suppress(httpx_ws.HTTPXWSException):
            await self._manager.__aexit__(None, None, None)
        await self._client.aclose()


class WebsocketClient:
    """Blocking, so each call goes through a thread."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket

    @classmethod
    async def connect(cls, url: str, token: str) -> Client:
        header = [f"Authorization: Bearer {token}"]
        return cls(await asyncio.to_thread(websocket.create_connection, url, header=header, suppress_origin=True))

    async def send(self, text: str) -> None:
        with suppress(OSError, websocket.WebSocketException):
            await asyncio.to_thread(self._socket.send, text)

    async def receive(self) -> str | End:
        return await asyncio.to_thread(self._receive)

    async def close(self, code: int, reason: str) -> End:
        def close() -> End:
            self._socket.send_close(code, reason.encode())
            while not isinstance(received := self._receive(), End):
                pass
            return received._replace(reason=reason)

        return await asyncio.to_thread(close)

    def _receive(self) -> str | End:
        try:
            opcode, data = self._socket.recv_data(control_frame=True)
            while opcode in (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG):
                opcode, data = self._socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_TEXT:
                return str(data.decode())
            # It has answered the close; the server's end of the stream must follow, and nothing before it.
            end = End(int.from_bytes(data[:2], "big"), data[2:].decode(), self._stream_ends())
        except (OSError, websocket.WebSocketException):
            end = End(1006, "", False)
        self._socket.shutdown()
        return end

    def _stream_ends(self) -> bool:
        assert self._socket.sock is not None
        return self._socket.sock.recv(1) == b""


class Autobahn:
    def __init__(self) -> None:
        self.received: asyncio.Queue[str | End] = asyncio.Queue()
        self.protocol: Any = None

    @classmethod
    async def connect(cls, url: str, token: str) -> Client:
        made = cls()
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()

        class Protocol(WebSocketClientProtocol):
            def onOpen(self) -> None:
                opened.set_result(None)

            def onMessage(self, payload: bytes, isBinary: bool) -> None:
                made.received.put_nowait(payload.decode())

            def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
                made.received.put_nowait(End(code or 1006, reason or "", wasClean))

        factory = WebSocketClientFactory(url, headers=_headers(token), loop=loop)
        # It gives up after one second by default, and here ten clients and two browsers start at once.
        factory.setProtocolOptions(closeHandshakeTimeout=10 * UNIT, serverConnectionDropTimeout=10 * UNIT)
        factory.protocol = Protocol
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        _, made.protocol = await loop.create_connection(factory, parts.hostname, parts.port)
        await opened
        return made

    async def send(self, text: str) -> None:
        self.protocol.sendMessage(text.encode())

    async def receive(self) -> str | End:
        return await self.received.get()

    async def close(self, code: int, reason: str) -> End:
        self.protocol.sendClose(code, reason)
        while not isinstance(received := await self.received.get(), End):
            pass
        return received


LIBRARIES: dict[str, Any] = {
    "websockets": Websockets,
    "aiohttp": Aiohttp,
    "httpx-ws": HttpxWs,
    "websocket-client": WebsocketClient,
    "autobahn": Autobahn,
}


def connector(library: str, url: str) -> Connect:
    """How `library` opens a socket at `url`, with a token."""

    async def opened(token: str) -> Client:
        client: Client = await LIBRARIES[library].connect(url, token)
        return client

    return opened
