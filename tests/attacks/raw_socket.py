"""A WebSocket client that does what a library would refuse: any header, any frame, in any pieces."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Self

from ..harness import UNIT, ServiceProcess, secrecy
from ..harness.chat_client import fetch_ticket

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
ANSWER_TIMEOUT = 10 * UNIT  # seconds for an answer or a close

_numbers = itertools.count(1)

Headers = Iterable[tuple[str, str]]


class Answer(NamedTuple):
    """Of an HTTP request; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True, mask: bytes = b"\0\0\0\0") -> bytes:
    """A client's frame. The mask of zeros leaves the payload readable, which section 5.3 asks clients not to do."""
    return header(len(payload), opcode, final=final) + mask + masked(payload, mask)


def close_frame(code: int | None = None, reason: str = "") -> bytes:
    """A client's close, with a code or without one."""
    return frame(b"" if code is None else code.to_bytes(2, "big") + reason.encode(), CLOSE)


def header(length: int, opcode: int = TEXT, *, final: bool = True, mask_bit: int = 0x80, reserved: int = 0) -> bytes:
    """The start of a frame up to its mask; `length` need not be true."""
    first = (0x80 if final else 0) | reserved | opcode
    if length < 126:
        return bytes((first, mask_bit | length))
    if length < 65536:
        return bytes((first, mask_bit | 126)) + length.to_bytes(2, "big")
    return bytes((first, mask_bit | 127)) + length.to_bytes(8, "big")


def masked(payload: bytes, mask: bytes) -> bytes:
    """The payload under a mask of four bytes."""
    if mask == b"\0\0\0\0":
        return payload
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def handshake(
    port: int,
    path: str = "/socket",
    *,
    host: str | None = None,
    origin: str | None = "",
    protocols: str | None = "chat.v1",
    extra: Headers = (),
) -> bytes:
    """An upgrade request as a browser's page of the service sends it; None leaves a header out."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {f'127.0.0.1:{port}' if host is None else host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
    ]
    if origin is not None:
        lines.append(f"Origin: {origin or f'http://127.0.0.1:{port}'}")
    if protocols is not None:
        lines.append(f"Sec-WebSocket-Protocol: {protocols}")
    lines += [f"{name}: {value}" for name, value in extra]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class RawSocket:
    """A connection to a service. `open` upgrades with a fresh ticket; `connect` leaves it at TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received: list[tuple[int, bytes]] = []

    @classmethod
    async def connect(cls, port: int, address: str = "127.0.0.1") -> Self:
        """A TCP connection and no more, from an address of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))

    @classmethod
    async def guest(cls, port: int, name: str, address: str = "127.0.0.1") -> dict[str, Any]:
        """What POST /tickets answers a new guest from there; {"error":…} where it refuses."""
        body = json.dumps({"name": name}).encode()
        head = f"POST /tickets HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        async with await cls.connect(port, address) as raw:
            answer: dict[str, Any] = json.loads((await raw.request(head.encode() + body)).body)
        secrecy.note(answer.get("ticket"), answer.get("guest"))
        return answer

    @classmethod
    async def by_token(cls, port: int, token: str, address: str = "127.0.0.1") -> Self:
        """An upgraded socket of whose token this is, past its `welcome`."""
        raw = await cls.connect(port, address)
        answer = await raw.request(handshake(port, extra=[("Authorization", f"Bearer {token}")]))
        assert answer.status == 101, answer
        assert (await raw.read_json())["type"] == "welcome"
        return raw

    @classmethod
    async def open(cls, service: ServiceProcess, name: str | None = None, path: str = "/socket") -> Self:
        """An upgraded socket; on `/socket` as a guest (a new one without `name`), past its `welcome`."""
        protocols = None
        if path == "/socket":
            name = name or f"Mallory {next(_numbers)}"
            ticket = await fetch_ticket(service.url, name, {"Origin": service.url})
            protocols = f"chat.v1, ticket.{ticket['ticket']}"
        raw = await cls.connect(service.port)
        answer = await raw.request(handshake(service.port, path, protocols=protocols))
        assert answer.status == 101, answer
        if path == "/socket":
            assert (await raw.read_json())["type"] == "welcome"
        return raw

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        await asyncio.sleep(0)  # the loop closes it then

    async def request(self, data: bytes) -> Answer:
        """Send a request as it is and read its answer, with the body that Content-Length announces."""
        await self.send(data)
        async with asyncio.timeout(ANSWER_TIMEOUT):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(status.split()[1]), headers, body)

    async def send(self, data: bytes) -> None:
        """Send bytes. That the service has hung up already is no error: what it said is still to be read."""
        with suppress(ConnectionError):
            self._writer.write(data)
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._writer.drain()

    async def send_json(self, value: Any) -> None:
        """Send a value as one text frame."""
        await self.send(frame(json.dumps(value).encode()))

    async def read_frame(self, timeout: float = ANSWER_TIMEOUT) -> tuple[int, bytes] | None:
        """The next frame's opcode and payload; None at the end of the connection."""
        try:
            async with asyncio.timeout(timeout):
                start = await self._reader.readexactly(2)
                length = start[1] & 0x7F
                assert not start[1] & 0x80, "the service masked a frame"
                if length >= 126:
                    length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8), "big")
                received = start[0] & 0x0F, await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.received.append(received)
        return received

    async def read_json(self, timeout: float = ANSWER_TIMEOUT) -> dict[str, Any]:
        """The next text frame's object, past pings."""
        while True:
            received = await self.read_frame(timeout)
            assert received is not None, "closed"
            assert received[0] != CLOSE, received
            if received[0] == TEXT:
                value: dict[str, Any] = json.loads(received[1])
                return value

    async def closed(self, timeout: float = ANSWER_TIMEOUT) -> int | None:
        """Read to the end of the connection: the code of the close frame, None where it was cut without one."""
        try:
            async with asyncio.timeout(timeout):
                while (received := await self.read_frame(timeout)) is not None:
                    if received[0] == CLOSE:
                        return int.from_bytes(received[1][:2], "big") if received[1] else 1005
            return None
        finally:
            self.cut()

    async def readable(self, timeout: float) -> bool:
        """Whether anything is there to read within `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not self._reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001  # it does not say what it holds
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.005)
        return True

    async def read_all(self, timeout: float = ANSWER_TIMEOUT) -> bytes:
        """Everything up to the end of the connection."""
        with suppress(ConnectionError):
            async with asyncio.timeout(timeout):
                return await self._reader.read()
        return b""

    def pause(self) -> None:
        """Read nothing more, not even into a buffer of our own."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Read on."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    def cut(self) -> None:
        """Cut the connection without a word."""
        self._writer.transport.abort()


@asynccontextmanager
async def crowd(service: ServiceProcess, size: int, upgraded: bool = True) -> AsyncIterator[list[RawSocket]]:
    """So many sockets, of guests or left at TCP; cut after the block."""
    sockets: list[RawSocket] = []
    try:
        for _ in range(size):
            sockets.append(await (RawSocket.open(service) if upgraded else RawSocket.connect(service.port)))
        yield sockets
    finally:
        for raw in sockets:
            raw.cut()
        await asyncio.sleep(0)


async def exchange(port: int, data: bytes) -> Answer:
    """One request as it is on a connection of its own."""
    async with await RawSocket.connect(port) as raw:
        return await raw.request(data)
