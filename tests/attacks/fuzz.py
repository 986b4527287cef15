"""Seeded nonsense: WebSocket frames that are broken, and JSON that nearly is a request of the contract."""

import json
import random
from typing import Any, NamedTuple

from .raw_socket import BINARY, CLOSE, PING, PONG, TEXT, frame, header

# One of each type; what the service knows and mutations start from.
REQUESTS: tuple[dict[str, Any], ...] = (
    {"type": "join", "room": "fuzz", "limit": 5, "since": {"epoch": "abc", "seq": 3}, "ref": "r"},
    {"type": "join", "room": "fuzz"},
    {"type": "leave", "room": "fuzz"},
    {"type": "send", "room": "fuzz", "id": "a1", "text": "hello"},
    {"type": "history", "room": "fuzz", "before": 12, "limit": 5},
    {"type": "typing", "room": "fuzz"},
    {"type": "read", "room": "fuzz", "seq": 1},
    {"type": "edit", "room": "fuzz", "id": "a2", "target": 1, "text": "hi"},
    {"type": "remove", "room": "fuzz", "id": "a3", "target": 1},
    {"type": "react", "room": "fuzz", "id": "a4", "target": 1, "emoji": "👍", "on": True},
    {"type": "moderate", "room": "fuzz", "user": "nobody", "action": "mute", "seconds": 1, "reason": "r"},
    {"type": "renew", "ticket": "A" * 43},
    {"type": "ping", "ref": "p"},
    {"handle": "Ada", "text": "hello"},
)
NASTY: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**53 - 1,
    2**53,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udc00\ud800",
    "\u202e",
    "\u200b",
    "\ufeff",
    "\uffff",
    "\U0010ffff",
    "a" * 65,
    "a" * 5000,
    "é" * 4000,
    "e\u0301" * 3000,
    "<script>alert(1)</script>",
    "'; DROP TABLE log; --",
    "\r\n$5\r\nhello",
    "*",
    "../../etc/passwd",
    "%s%n{0}",
    "__proto__",
    "lobby\n",
    "LOBBY",
    "fuzz",
    "1" * 64,
    [],
    {},
    [[[[[]]]]],
    {"id": "a", "name": "b"},
    ["fuzz"],
    {"$gt": ""},
)
FIELDS = ("type", "ref", "room", "id", "text", "seq", "since", "limit", "before", "target", "emoji", "on", "user")


class Fuzz(NamedTuple):
    """Bytes for a socket. After `fatal` ones it can only be closed."""

    data: bytes
    fatal: bool = False


class Fuzzer:
    """`next()` gives the next piece; the same seed gives the same pieces."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def next(self) -> Fuzz:
        """Three in four are JSON in frames that are in order; one in eight breaks the protocol."""
        kind = self._random.random()
        if kind < 0.75:
            return Fuzz(self._in_pieces(self.request()))
        if kind < 0.8:
            return Fuzz(frame(self._bytes(125), self._random.choice((PING, PONG)), mask=self._bytes(4, 4)))
        if kind < 0.85:
            return Fuzz(frame(self._text(60).encode(), mask=self._bytes(4, 4)))
        if kind < 0.87:
            return Fuzz(self._fragments(), fatal=False)
        if kind < 0.89:
            return Fuzz(frame(self._bytes(40), BINARY, mask=self._bytes(4, 4)), fatal=True)
        if kind < 0.92:
            return Fuzz(frame(self.request() + b"\xff" + self._bytes(5)), fatal=True)
        if kind < 0.94:
            return Fuzz(frame(self._bytes(20), CLOSE), fatal=True)
        return Fuzz(self._broken(), fatal=True)

    def request(self) -> bytes:
        """JSON near a request: fields replaced, left out, added, twice; or bytes of it changed."""
        choose = self._random
        request = dict(choose.choice(REQUESTS))
        for _ in range(choose.choice((0, 1, 1, 1, 2, 3))):
            change = choose.random()
            field = choose.choice(list(request) or ["type"])
            if change < 0.5:
                request[field] = choose.choice(NASTY)
            elif change < 0.65:
                request.pop(field, None)
            elif change < 0.8:
                request[choose.choice(FIELDS)] = choose.choice(NASTY)
            elif change < 0.9:
                request[field] = self._text(choose.choice((10, 100, 5000)))
            else:
                request[field] = self._nested(choose.choice((5, 50, 5000)))
        text = json.dumps(request, ensure_ascii=choose.random() < 0.5).encode("utf-8", "replace")
        if choose.random() < 0.1 and text.endswith(b"}"):
            text = text[:-1] + b',"type":"ping"}'
        if choose.random() < 0.15:
            broken = bytearray(text)
            for _ in range(choose.randint(1, 4)):
                broken[choose.randrange(len(broken))] = choose.randrange(32, 127)
            text = bytes(broken)
        if choose.random() < 0.05:
            text = text[: choose.randrange(len(text))]
        return text

    def _nested(self, depth: int) -> Any:
        # A string, because json.dumps would not go that deep; the quotation marks are taken off by chance alone.
        return self._random.choice(("[", '{"a":')) * depth

    def _text(self, length: int) -> str:
        planes = ((32, 127), (0, 0x300), (0x2000, 0x2100), (0xE000, 0x10FFFF))
        low, high = self._random.choice(planes)
        return "".join(chr(self._random.randrange(low, high)) for _ in range(self._random.randrange(length)))

    def _bytes(self, most: int, least: int = 0) -> bytes:
        return self._random.randbytes(self._random.randint(least, most))

    def _in_pieces(self, payload: bytes) -> bytes:
        """The text as one frame, or as several with pings between."""
        choose = self._random
        if choose.random() < 0.8:
            return frame(payload, mask=self._bytes(4, 4))
        cuts = sorted(choose.randrange(len(payload) + 1) for _ in range(choose.randint(1, 6)))
        parts = [payload[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        frames = []
        for index, part in enumerate(parts):
            frames.append(frame(part, 0x0 if index else TEXT, final=index == len(parts) - 1, mask=self._bytes(4, 4)))
            if index < len(parts) - 1 and choose.random() < 0.3:
                frames.append(frame(self._bytes(20), PING))
        return b"".join(frames)

    def _fragments(self) -> bytes:
        """A message of many empty fragments, within what is allowed."""
        count = self._random.randint(1, 500)
        return frame(b"", final=False) + frame(b"", 0x0, final=False) * count + frame(b"{}", 0x0)

    def _broken(self) -> bytes:
        """A frame that section 5 of RFC 6455 forbids, and what happens to follow it."""
        choose = self._random
        mask = self._bytes(4, 4)
        payload = self._bytes(30)
        offence = choose.choice(
            (
                header(len(payload), mask_bit=0) + payload,
                header(len(payload), reserved=choose.choice((0x10, 0x20, 0x40, 0x70))) + mask + payload,
                frame(payload, choose.choice((0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF))),
                frame(payload, choose.choice((PING, PONG, CLOSE)), final=False),
                frame(payload, 0x0),
                frame(payload, TEXT, final=False) + frame(payload, TEXT),
                header(choose.choice((2**17, 2**31, 2**32, 2**40, 2**63 - 1, 2**64 - 1))) + mask + payload,
                bytes((0x81, 0xFE, 0, choose.randrange(126))) + mask + payload,
                header(choose.randrange(126, 2**16), PING) + mask + payload,
            )
        )
        return offence + self._bytes(200)
