"""How the load generator talks to each server: the contract's way, and the baselines', which broadcast what they get.

The messages of all have one size on the wire, that of the contract's `message` with 40 bytes of text.
"""

import base64
import hashlib
import time
from typing import Protocol

import jwt

from bench.frames import client_frame

# Stands once in each broadcast message and nowhere else, not even in a frame's header (whose second and fourth byte are
# a length of at least 34): deliveries are counted by it.
MARK = b"!"
TEXT = b"a text of forty bytes, exclamation mark" + MARK

_KEY = base64.b64encode(bytes(16))
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
ACCEPT = base64.b64encode(hashlib.sha1(_KEY + _GUID, usedforsecurity=False).digest())


class Dialect(Protocol):
    """What differs between servers."""

    acknowledgement: bytes  # what a payload begins with that says that a publication of this socket is done

    def upgrade(self, index: int) -> bytes:
        """The handshake's request of client number `index`."""

    def join(self, room: str) -> bytes:
        """The first frame after the handshake; empty where the handshake is all."""

    def publish(self, room: str, index: int, number: int) -> bytes:
        """The frame by which client `index` publishes message `number`."""


def upgrade_request(extra: bytes = b"") -> bytes:
    """A handshake as RFC 6455 section 4.1 has it, without Origin, as clients outside browsers send it."""
    return (
        b"GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + _KEY + b"\r\n" + extra + b"\r\n"
    )


def user_of(index: int) -> tuple[str, str]:
    """Id and name of client number `index`: each is a user of its own."""
    return f"u{index:05}", f"User {index:05}"


def broadcast_payload(room: str, index: int, number: int) -> bytes:
    """A message as the contract's server would broadcast it, for those that add nothing to what they are given."""
    user, name = user_of(index)
    return (
        f'{{"type":"message","room":"{room}","seq":{number},"id":"{number}","user":{{"id":"{user}","name":"{name}"}},'
        f'"text":"{TEXT.decode()}","at":1700000000000}}'
    ).encode()


class Chat:
    """The contract: a bearer token on the handshake, `join`, `send` and `sent`."""

    acknowledgement = b'{"type":"sent"'

    def __init__(self, jwt_secret: str) -> None:
        self._secret = jwt_secret
        self._expiry = int(time.time()) + 3600

    def token(self, index: int) -> str:
        """By which client number `index` comes in."""
        user, name = user_of(index)
        return jwt.encode({"sub": user, "name": name, "exp": self._expiry}, self._secret, algorithm="HS256")

    def upgrade(self, index: int) -> bytes:
        return upgrade_request(
            f"Authorization: Bearer {self.token(index)}\r\nSec-WebSocket-Protocol: chat.v1\r\n".encode()
        )

    def join(self, room: str) -> bytes:
        return client_frame(f'{{"type":"join","room":"{room}"}}'.encode())

    def publish(self, room: str, index: int, number: int) -> bytes:
        return client_frame(f'{{"type":"send","room":"{room}","id":"{number}","text":"{TEXT.decode()}"}}'.encode())


class Echo:
    """The baselines: no entry, and a message is done when its author has it back."""

    acknowledgement = b'{"type":"message"'

    def upgrade(self, index: int) -> bytes:
        return upgrade_request()

    def join(self, room: str) -> bytes:
        return b""

    def publish(self, room: str, index: int, number: int) -> bytes:
        return client_frame(broadcast_payload(room, index, number))
