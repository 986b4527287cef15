"""A key set's server for the tests of jwks.py and auth.py of service/identity, with faults to order, and real keys."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def private_key(algorithm: str, number: int = 0) -> PrivateKey:
    """A key for RS256, ES256 or EdDSA; another one for each `number`."""
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: PrivateKey) -> str:
    """The public half as JWT_PUBLIC_KEY takes it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(algorithm: str, number: int = 0, **members: Any) -> dict[str, Any]:
    """The public half as a member of a key set, its kid being the number; a member that is None is left out."""
    made: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(
        private_key(algorithm, number).public_key(), as_dict=True
    )
    made = {"kty": made["kty"]} | made | {"kid": str(number), "use": "sig", "alg": algorithm} | members
    made.pop("key_ops", None)
    return {name: value for name, value in made.items() if value is not None}


_OK = b"HTTP/1.1 200 OK\r\n"
RAW = {  # answers that are no HTTP, or more of it than anybody needs
    "a header of 64 KiB": _OK + b"X: " + b"a" * 131072 + b"\r\n\r\n{}",
    "headers of 64 KiB": _OK + b"".join(b"X%d: %s\r\n" % (n, b"a" * 50) for n in range(2000)) + b"\r\n{}",
    "no end of headers": b"\0" * 131072,
    "blank lines": b"\r\n" * 65536,
    "hundreds of 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
    "a chunk of garbage": _OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "a chunk of 2^72 bytes": _OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\nabc",
    "a negative chunk": _OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc",
    "a chunk longer than said": _OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    "two lengths": _OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "no length": _OK + b"Content-Length: abc\r\n\r\n",
    "a length of 6000 digits": _OK + b"Content-Length: " + b"9" * 6000 + b"\r\n\r\nabc",
    "no status": b"HTTP/1.1 abc OK\r\n\r\n",
    "a header without a colon": _OK + b"no colon here\r\n\r\n{}",
    "bytes that are no text": _OK + b"Content-Length: 4\r\n\r\n\xed\xa0\x80\xff",
    "a redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: \xff::::\r\nContent-Length: 0\r\n\r\n",
    "nested 100,000 deep": _OK + b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000,
}


class JwksServer:
    """Serves `document`; `fault` says what it does instead.

    "slow", "cut", "endless", "big", "reset", "garbage", or one of `RAW`.
    """

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.document: Any = {"keys": list(keys)}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.fault = ""
        self.requests = 0
        self.released = asyncio.Event()  # ends a slow answer
        listener, self.port = bind_unused_port()
        self.url = f"http://127.0.0.1:{self.port}/jwks.json"
        self._server = HTTPServer(Application([(".*", _Handler, {"server": self})], log_function=lambda _: None))
        self._server.add_socket(listener)

    async def stop(self) -> None:
        """Answer nothing any more: connections are refused."""
        self.released.set()
        self._server.stop()
        await self._server.close_all_connections()


class _Handler(RequestHandler):
    def initialize(self, server: JwksServer) -> None:
        self.server = server

    async def get(self) -> None:
        server = self.server
        server.requests += 1
        document = server.document if isinstance(server.document, bytes) else json.dumps(server.document).encode()
        fault = server.fault
        if fault == "slow":
            await server.released.wait()
        elif fault == "big":
            document += b" " * 300_000
        if fault in ("", "slow", "big"):
            self.set_status(server.status)
            for name, value in server.headers.items():
                self.set_header(name, value)
            self.write(document)
            return
        stream = self.detach()
        try:
            if fault == "cut":
                await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + document[:10])
            elif fault == "garbage":
                await stream.write(b"\x00\x01 this is no HTTP\r\n\r\n")
            elif fault in RAW:
                await stream.write(RAW[fault])
            elif fault == "reset":
                await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif fault == "endless":
                await stream.write(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(10_000):
                    await stream.write(b" " * 65536)
        except StreamClosedError:
            pass
        stream.close()


@asynccontextmanager
async def jwks_server(*keys: dict[str, Any]) -> AsyncIterator[JwksServer]:
    """A server of these keys for the length of a block."""
    server = JwksServer(*keys)
    try:
        yield server
    finally:
        await server.stop()
