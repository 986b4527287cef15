"""service/sockets/framing.py: RFC 6455 frames. What clients send is put together apart from the module's code."""

import struct
import time
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.sockets.framing import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameError,
    FrameParser,
    SocketMessage,
    close_frame,
    frame,
    parse_close,
)

LIMIT = 70_000
CONTINUATION = 0


def client_frame(payload: bytes, opcode: int = TEXT, final: bool = True, mask: bytes = b"\x12\x34\x56\x78") -> bytes:
    """A masked frame, RFC 6455 section 5.2."""
    first = (0x80 if final else 0) | opcode
    if len(payload) < 126:
        head = struct.pack("!BB", first, 0x80 | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, len(payload))
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def read(chunks: Iterable[bytes], parser: FrameParser | None = None) -> tuple[list[SocketMessage], int | None]:
    """What the parser makes of the chunks, and the code it closes with, if it does."""
    parser = parser or FrameParser(LIMIT)
    messages: list[SocketMessage] = []
    try:
        for chunk in chunks:
            for message in parser.feed(chunk):
                messages.append(message)
    except FrameError as error:
        return messages, error.code
    return messages, None


# -- what is well formed

masks = st.binary(min_size=4, max_size=4)
# Around 125, 126, 65,535 and 65,536 bytes the form of the length changes.
sizes = st.sampled_from([0, 1, 124, 125, 126, 127, 1000, 65535, 65536])
texts = st.one_of(st.text(max_size=20), st.text(min_size=1, max_size=3).map(lambda part: part * 50))
controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[SocketMessage]]:
    """A client's bytes, and the messages in them in the order in which they are complete."""
    stream = b""
    expected: list[SocketMessage] = []
    for _ in range(draw(st.integers(0, 6))):
        opcode = draw(st.sampled_from([TEXT, BINARY]))
        content: str | bytes
        if opcode == TEXT:
            content = draw(texts)
            payload = content.encode()
        elif draw(st.booleans()):
            content = payload = draw(st.binary(max_size=40))
        else:
            content = payload = bytes(draw(sizes))
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
        pieces = [payload[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for index, piece in enumerate(pieces):
            for kind, body in draw(st.lists(controls, max_size=1)):
                stream += client_frame(body, kind, mask=draw(masks))
                expected.append((kind, body))
            kind = opcode if index == 0 else CONTINUATION
            stream += client_frame(piece, kind, index == len(pieces) - 1, draw(masks))
        expected.append((opcode, content))
    return stream, expected


@given(conversations(), st.data())
def test_any_split_gives_the_same(conversation: tuple[bytes, list[SocketMessage]], data: st.DataObject) -> None:
    """However the network cuts a stream of frames, the same messages come out, in the same order."""
    stream, expected = conversation
    assert read([stream]) == (expected, None)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    chunks = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(chunks) == (expected, None)
    if len(stream) < 2000:
        assert read(stream[at : at + 1] for at in range(len(stream))) == (expected, None)


@given(st.one_of(st.binary(max_size=200), sizes.map(bytes)), st.sampled_from([TEXT, BINARY, PING, PONG, CLOSE]))
def test_our_frames(payload: bytes, opcode: int) -> None:
    """A frame of ours is final, unmasked, and gives its length in the shortest form."""
    made = frame(payload, opcode)
    first, second = made[:2]
    assert first == 0x80 | opcode
    if len(payload) < 126:
        assert (second, made[2:]) == (len(payload), payload)
    elif len(payload) < 65536:
        assert (second, made[2:4], made[4:]) == (126, struct.pack("!H", len(payload)), payload)
    else:
        assert (second, made[2:10], made[10:]) == (127, struct.pack("!Q", len(payload)), payload)


@given(st.one_of(st.integers(3000, 4999), st.sampled_from([1000, 1001, 1008, 1012, 1013])), st.text(max_size=200))
@example(4401, "ä" * 62)
def test_close_round_trip(code: int, reason: str) -> None:
    """A close frame brings its code and as much of its reason as 123 bytes of UTF-8 hold."""
    made = close_frame(code, reason)
    assert made[0] == 0x80 | CLOSE and made[1] <= 125 and len(made) == 2 + made[1]
    read_code, read_reason = parse_close(made[2:])
    assert read_code == code
    assert reason.startswith(read_reason)
    assert read_reason == reason or len(reason[: len(read_reason) + 1].encode()) > 123


def test_close_without_code() -> None:
    """A close frame may be empty, both ways."""
    assert close_frame(None) == b"\x88\x00"
    assert parse_close(b"") == (None, "")


def test_close_frames_come_out_whole() -> None:
    """A client's close frame is handed on with its payload, for the caller to judge."""
    payload = struct.pack("!H", 1000) + b"bye"
    assert read([client_frame(payload, CLOSE)]) == ([(CLOSE, payload)], None)


# -- what is not

VIOLATIONS = {
    "rsv1 set": (b"\xc1\x80\0\0\0\0", 1002),
    "rsv2 set": (b"\xa1\x80\0\0\0\0", 1002),
    "rsv3 set": (b"\x91\x80\0\0\0\0", 1002),
    "unmasked text": (b"\x81\x02hi", 1002),
    "unmasked ping": (b"\x89\x00", 1002),
    **{f"reserved opcode {code}": (client_frame(b"", code), 1002) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "fragmented ping": (client_frame(b"", PING, final=False), 1002),
    "fragmented close": (client_frame(b"", CLOSE, final=False), 1002),
    "ping of 126 bytes": (client_frame(bytes(126), PING), 1002),
    "close of 65536 bytes": (client_frame(bytes(65536), CLOSE), 1002),
    "16-bit length that fits in 7": (b"\x81\xfe\x00\x7d" + bytes(4 + 125), 1002),
    "64-bit length that fits in 16": (b"\x81\xff" + struct.pack("!Q", 65535) + bytes(4), 1002),
    "64-bit length of 0": (b"\x81\xff" + bytes(8) + bytes(4), 1002),
    "64-bit length with its highest bit set": (b"\x81\xff" + struct.pack("!Q", 1 << 63) + bytes(4), 1002),
    "continuation of nothing": (client_frame(b"x", CONTINUATION), 1002),
    "unfinished continuation of nothing": (client_frame(b"x", CONTINUATION, final=False), 1002),
    "text within a text": (client_frame(b"a", TEXT, final=False) + client_frame(b"b", TEXT), 1002),
    "binary within a text": (client_frame(b"a", TEXT, final=False) + client_frame(b"b", BINARY), 1002),
    "new fragments within a binary": (client_frame(b"a", BINARY, final=False) * 2, 1002),
    "bad UTF-8": (client_frame(b"\xff"), 1007),
    "overlong UTF-8": (client_frame(b"\xc0\xaf"), 1007),
    "UTF-8 of a surrogate": (client_frame(b"\xed\xa0\x80"), 1007),
    "UTF-8 past U+10FFFF": (client_frame(b"\xf4\x90\x80\x80"), 1007),
    "UTF-8 that ends early": (client_frame("ä".encode()[:1]), 1007),
    "UTF-8 that ends early in the last fragment": (
        client_frame(b"a", TEXT, final=False) + client_frame("ä".encode()[:1], CONTINUATION),
        1007,
    ),
    "bad UTF-8 before the last fragment": (
        client_frame(b"a", TEXT, final=False) + client_frame(b"\xff", CONTINUATION, final=False),
        1007,
    ),
    "one byte too many": (client_frame(bytes(LIMIT + 1)), 1009),
    "a length of 2^40": (b"\x81\xff" + struct.pack("!Q", 1 << 40) + bytes(4), 1009),
    "a length of 2^63 - 1": (b"\x82\xff" + struct.pack("!Q", (1 << 63) - 1) + bytes(4), 1009),
    "fragments that add up to one byte too many": (
        client_frame(bytes(LIMIT), BINARY, final=False) + client_frame(b"x", CONTINUATION),
        1009,
    ),
    "one empty fragment too many": (
        client_frame(b"", TEXT, final=False) + 1024 * client_frame(b"", CONTINUATION, final=False),
        1009,
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violation_has_its_code(name: str) -> None:
    """Each offence against the RFC ends in its close code, whole or byte by byte, after what was right before it."""
    stream, code = VIOLATIONS[name]
    right = client_frame(b"before") + client_frame(b"ping", PING)
    expected: list[SocketMessage] = [(TEXT, "before"), (PING, b"ping")]
    assert read([right + stream]) == (expected, code)
    assert read([right, stream]) == (expected, code)
    assert read((right + stream)[at : at + 1] for at in range(len(right + stream))) == (expected, code)


def test_too_long_is_seen_in_the_head() -> None:
    """A message that is too long is refused when its length is read, before any of it has come."""
    assert read([b"\x81\xff" + struct.pack("!Q", LIMIT + 1)])[1] == 1009
    assert read([client_frame(bytes(LIMIT), BINARY, final=False) + b"\x80\x81"])[1] == 1009


def test_limits_themselves_pass() -> None:
    """A message of exactly the limit passes, in one frame or as many fragments as may be; the next starts anew."""
    whole = client_frame(bytes(LIMIT), BINARY)
    assert read([whole, whole]) == ([(BINARY, bytes(LIMIT))] * 2, None)
    many = (
        client_frame(b"a", TEXT, final=False)
        + 1022 * client_frame(b"b", CONTINUATION, final=False)
        + client_frame(b"c", CONTINUATION)
    )
    assert read([many * 2]) == ([(TEXT, "a" + "b" * 1022 + "c")] * 2, None)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_illegal_close_codes(code: int) -> None:
    """Codes that must not stand in a frame are refused (section 7.4)."""
    with pytest.raises(FrameError) as caught:
        parse_close(struct.pack("!H", code))
    assert caught.value.code == 1002


def test_illegal_close_payloads() -> None:
    """Half a code and a reason that is not UTF-8 are refused."""
    for payload, code in ((b"\x03", 1002), (struct.pack("!H", 1000) + b"\xff", 1007)):
        with pytest.raises(FrameError) as caught:
            parse_close(payload)
        assert caught.value.code == code


@example([b"\x00\xff", bytes(4), bytes(4)])  # an illegal length that is whole before its mask is
@example([b"\x01\xfe", b"\x00\x01"])
@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes(chunks: list[bytes]) -> None:
    """Whatever comes, the parser answers with messages or a FrameError, the same however it is cut."""
    messages, code = read(chunks)
    assert code in (None, 1002, 1007, 1009)
    assert read([b"".join(chunks)]) == (messages, code)


@given(
    st.lists(st.sampled_from([*(bytes([byte]) for byte in b"\x00\x01\x02\x80\x81\x82\x88\x89"), bytes(4)]), max_size=80)
)
def test_any_bytes_that_look_like_heads(chunks: list[bytes]) -> None:
    """The same for bytes that are mostly heads of frames, which get further than noise does."""
    messages, code = read(chunks)
    assert code in (None, 1002, 1007, 1009)
    assert read([b"".join(chunks)]) == (messages, code)


# -- what it costs


def test_dripping_costs_no_quadratic_time() -> None:
    """A large frame that comes in small pieces is copied once, not once a piece."""
    size, step = 2**20, 16
    stream = client_frame(bytes(size), BINARY, mask=bytes(4))
    parser = FrameParser(size)
    began = time.process_time()
    messages, code = read((stream[at : at + step] for at in range(0, len(stream), step)), parser)
    took = time.process_time() - began
    assert code is None and messages == [(BINARY, bytes(size))]
    # Copying what has come so far with each piece would move 34 GB.
    assert took < 1, f"{took:.2f} s"


def test_endless_frame_keeps_no_more_than_the_limit() -> None:
    """A message that never ends holds about its limit in memory, then the socket is closed."""
    parser = FrameParser(LIMIT, fragments=10**9)
    piece = client_frame(bytes(1000), BINARY, final=False)
    tracemalloc.start()
    try:
        assert read([piece], parser)[1] is None
        following = client_frame(bytes(1000), CONTINUATION, final=False)
        assert read((following for _ in range(1000)), parser)[1] == 1009
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * LIMIT


def test_frames_of_every_kind_cost_a_token() -> None:
    """Fragments, pings, empty ones: with the last token gone the next frame is 1008."""
    stream = client_frame(b"", PING) + client_frame(b"", TEXT, final=False) + client_frame(b"", CONTINUATION)
    parser = FrameParser(LIMIT)
    parser.tokens = 3
    assert read([stream], parser) == ([(PING, b""), (TEXT, "")], None)
    assert parser.tokens == 0
    assert read([client_frame(b"", PONG)], parser) == ([], 1008)
