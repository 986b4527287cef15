"""RFC 6455 frames as a client needs them, without I/O: its own made, the server's cut out of the stream."""

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA

Frame = tuple[int, bytes]  # opcode and payload


class FrameError(Exception):
    """The server sent what this reader takes for no frame of the contract."""


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole masked frame (section 5.2). The key is zero, so that masking costs the client nothing; the server's work
    is the same. Real clients must choose it at random (section 5.3)."""
    return _header(opcode, len(payload), 0x80) + b"\0\0\0\0" + payload


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """The same, unmasked, as servers send it."""
    return _header(opcode, len(payload), 0) + payload


def _header(opcode: int, length: int, masked: int) -> bytes:
    if length < 126:
        return bytes((0x80 | opcode, masked | length))
    if length < 65536:
        return bytes((0x80 | opcode, masked | 126)) + length.to_bytes(2, "big")
    return bytes((0x80 | opcode, masked | 127)) + length.to_bytes(8, "big")


class FrameReader:
    """The server's frames out of the stream, in whatever pieces it comes."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises `FrameError` for fragments, extensions and masks."""
        if self._rest:
            data = self._rest + data
        frames: list[Frame] = []
        at, end = 0, len(data)
        while end - at >= 2:
            first, length = data[at], data[at + 1]
            if first & 0xF0 != 0x80 or length > 127:
                raise FrameError(f"unexpected frame header {data[at : at + 2].hex()}")
            start = at + 2
            if length > 125:
                start += 2 if length == 126 else 8
                if end < start:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            if end < start + length:
                break
            at = start + length
            frames.append((first & 0x0F, data[start:at]))
        self._rest = data[at:]
        return frames

    @property
    def pending(self) -> int:
        """Bytes of a frame that has not come whole."""
        return len(self._rest)
