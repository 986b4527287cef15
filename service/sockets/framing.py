"""RFC 6455 frames without I/O: bytes in, messages out; a payload in, a frame out. The server's side only.

Tornado's own parser costs four awaits a message and accepts what the RFC forbids (unmasked frames, illegal close codes,
bad UTF-8 without a close code), so the service has this one. It is strict: every MUST of sections 5 and 7 that a
receiver can check ends in `FrameError` with the close code that section 7.4.1 gives.
"""

import codecs
from collections.abc import Generator, Iterator

from service.sockets.tornado_private import mask

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA

# RFC 6455 section 7.4.1 and the registry of section 11.7: what may stand on the wire below 3000.
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})

REASON_BYTES = 123  # of a close frame, as much as a control frame leaves it (section 5.5)

SocketMessage = tuple[int, str | bytes]

# Bytes that cost their sender as much as one frame more: to unmask and decode them takes as long as reading its head.
TOKEN_BYTES = 8192
UNLIMITED = 1e12  # tokens


class FrameError(Exception):
    """What the peer sent is not RFC 6455, or past a limit: close with `code`, `reason`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    @property
    def lost(self) -> bool:
        """Whether it can't be told any more where the next frame begins, so the peer's close would not be found."""
        return self.code == 1002


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole unmasked frame (sections 5.1, 5.2) around `payload`."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 65536:
        return bytes((0x80 | opcode, 126, length >> 8, length & 0xFF)) + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def payloads(data: bytes) -> Iterator[bytes]:
    """The payloads of whole frames as `frame` made them."""
    start = 0
    while start < len(data):
        length, start = data[start + 1], start + 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        yield data[start : start + length]
        start += length


def close_frame(code: int | None, reason: str = "") -> bytes:
    """A close frame; the reason is cut to `REASON_BYTES`."""
    if code is None:
        return frame(b"", CLOSE)
    return frame(code.to_bytes(2, "big") + reason.encode()[:REASON_BYTES].decode(errors="ignore").encode(), CLOSE)


def parse_close(payload: bytes) -> tuple[int | None, str]:
    """Code and reason of a close frame's payload; (None, "") for an empty one. Raises `FrameError`."""
    if not payload:
        return None, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
        raise FrameError(1002, "illegal close code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(1007, "close reason is not UTF-8") from None


class FrameParser:
    """Client frames to messages. Memory is bounded by `limit` bytes a message and `fragments` frames a message.

    `tokens` is how many frames of any kind may still come; who reads sets it anew from time to time.
    """

    __slots__ = (
        "_decoder",
        "_fragments",
        "_need",
        "_opcode",
        "_parts",
        "_rest",
        "_size",
        "fragments",
        "limit",
        "tokens",
    )

    def __init__(self, limit: int, fragments: int = 1024) -> None:
        self.limit = limit
        self.fragments = fragments
        self.tokens = UNLIMITED
        self._rest: bytearray | None = None  # the start of a frame whose end has not come
        self._need = 0  # bytes in `_rest` before another look is worth it
        self._opcode = 0  # of the fragmented message under way; 0 when there is none
        self._parts: list[str | bytes] | None = None
        self._size = 0
        self._fragments = 0
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, data: bytes) -> Generator[SocketMessage, None, None]:
        """Yield (opcode, payload) for each message and control frame that `data` completes.

        Text comes as `str`. Raises `FrameError` at the first offence, after what came whole before it. What is not
        taken, because of an offence or because the caller closes the generator, is kept for `rest`.
        """
        if self._rest is not None:
            # A frame that drips in byte by byte is looked at again only once it can be whole: no quadratic copying.
            self._rest += data
            if len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest = None
        start, end = 0, len(data)
        try:
            while end - start >= 2:
                first, length = data[start], data[start + 1] & 0x7F
                if first & 0x70:
                    raise FrameError(1002, "reserved bits set")
                if not data[start + 1] & 0x80:
                    raise FrameError(1002, "unmasked frame")
                opcode = first & 0x0F
                payload_at = start + 6
                if opcode >= 0x8:
                    if opcode > PONG or length > 125 or not first & 0x80:
                        raise FrameError(1002, "illegal control frame")
                else:
                    if length >= 126:
                        payload_at += 2 if length == 126 else 8
                        if end < payload_at - 4:
                            self._need = payload_at - 4 - start
                            break
                        length = self._extended_length(data[start + 2 : payload_at - 4])
                    if opcode != TEXT or self._opcode or not first & 0x80:
                        self._check_sequence(opcode)
                    if length + self._size > self.limit:
                        raise FrameError(1009, f"message over {self.limit} bytes")
                stop = payload_at + length
                if end < stop:
                    self._need = stop - start
                    break
                if self.tokens < 1:
                    raise FrameError(1008, "too many frames")
                self.tokens -= 1
                payload: bytes = mask(data[payload_at - 4 : payload_at], data[payload_at:stop])
                start = stop
                if opcode >= 0x8:
                    yield opcode, payload
                elif opcode and first & 0x80:
                    yield (TEXT, self._decode(payload)) if opcode == TEXT else (BINARY, payload)
                else:
                    yield from self._fragment(opcode, payload, bool(first & 0x80))
            else:
                self._need = 2
        finally:
            if start < end:
                self._rest = bytearray(data[start:])

    def rest(self) -> bytes:
        """What came and was not taken, for who goes on after this parser."""
        rest, self._rest = self._rest or b"", None
        return bytes(rest)

    @staticmethod
    def _extended_length(field: bytes) -> int:
        length = int.from_bytes(field, "big")
        # Section 5.2: the shortest form, and the most significant bit of the long one is 0.
        if length < (126 if len(field) == 2 else 65536) or length >> 63:
            raise FrameError(1002, "illegal payload length")
        return length

    def _check_sequence(self, opcode: int) -> None:
        """Section 5.4: continuations belong to a message under way, and nothing else may come between."""
        if opcode > BINARY:
            raise FrameError(1002, "unknown opcode")
        if bool(opcode) == bool(self._opcode):
            raise FrameError(1002, "fragments out of order")

    @staticmethod
    def _decode(payload: bytes) -> str:
        try:
            return payload.decode()
        except UnicodeDecodeError:
            raise FrameError(1007, "text is not UTF-8") from None

    def _fragment(self, opcode: int, payload: bytes, final: bool) -> Iterator[SocketMessage]:
        if opcode:
            self._opcode, self._parts, self._size, self._fragments = opcode, [], 0, 0
            self._decoder = codecs.getincrementaldecoder("utf-8")() if opcode == TEXT else None
        assert self._parts is not None
        self._fragments += 1
        if self._fragments > self.fragments:
            raise FrameError(1009, f"message in over {self.fragments} fragments")
        self._size += len(payload)
        if self._decoder is None:
            self._parts.append(payload)
        else:
            try:
                self._parts.append(self._decoder.decode(payload, final))
            except UnicodeDecodeError:
                raise FrameError(1007, "text is not UTF-8") from None
        if final:
            parts, opcode = self._parts, self._opcode
            self._opcode, self._parts, self._size, self._decoder = 0, None, 0, None
            yield opcode, "".join(parts) if opcode == TEXT else b"".join(parts)  # type: ignore[arg-type]
