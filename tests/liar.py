"""A proxy before the service that breaks its promises on the way, so that whoever judges is seen to find it."""

from collections.abc import Callable

from bench.frames import TEXT, FrameReader, server_frame

from .harness import TcpProxy

Lie = Callable[[list[bytes]], list[bytes]]
"""What a socket is sent instead of its next text frame, which is the list's last; the others are what it had so far."""


def truth(frames: list[bytes]) -> list[bytes]:
    return frames[-1:]


def on_message(number: int, lie: Lie) -> Lie:
    """Lie about a socket's nth message and the one after it, which it needs to be told of."""

    def frames_of(frames: list[bytes]) -> list[bytes]:
        messages = [frame for frame in frames if frame.startswith(b'{"type":"message"')]
        told = len(messages) in (number, number + 1) and frames[-1] is messages[-1]
        return lie(messages[number - 1 :]) if told else frames[-1:]

    return frames_of


class Liar(TcpProxy):
    """`with Liar(service.port, lie) as liar:` tells `liar.url` what the service says, but for the lie."""

    def __init__(self, port: int, lie: Lie) -> None:
        super().__init__("127.0.0.1", port, rewrite=lambda: _TextFrames(lie))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _TextFrames:
    """What a connection is sent: as it is, but for the text frames of a WebSocket."""

    def __init__(self, lie: Lie) -> None:
        self._lie = lie
        self._head = b""
        self._frames: FrameReader | None = None
        self._seen: list[bytes] = []

    def __call__(self, data: bytes) -> bytes:
        if self._frames is None:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101 ") or not end:
                return data
            self._frames = FrameReader()
            return head + end + self(rest)
        return b"".join(self._told(opcode, payload) for opcode, payload in self._frames.feed(data))

    def _told(self, opcode: int, payload: bytes) -> bytes:
        if opcode != TEXT:
            return server_frame(payload, opcode)
        self._seen.append(payload)
        return b"".join(map(server_frame, self._lie(self._seen)))
