"""service/sockets/closing.py: the closing handshake, told what happens and asked what is next, without a socket."""

import contextlib
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sockets.closing import FOLLOWING, CloseFinder, ClosingHandshake, Step
from service.sockets.framing import TOKEN_BYTES, FrameError, FrameParser, parse_close
from service.sockets.framing import close_frame as our_close_frame

from .attacks.raw_socket import BINARY, CLOSE, PING, TEXT, close_frame, frame

BYE = close_frame(1000, "bye")
LIMIT = 70_000  # bytes of a message

# -- what is said


def test_we_close_with_a_code_and_a_reason() -> None:
    """Both go on the wire, and the owner is told the same."""
    ours = ClosingHandshake.ours(4403, "spam")
    assert (ours.code, ours.reason, ours.frame) == (4403, "spam", our_close_frame(4403, "spam"))


def test_a_close_without_a_code_means_1000() -> None:
    """Section 7.4.1: the frame may be empty."""
    ours = ClosingHandshake.ours(None, "")
    assert (ours.code, ours.frame) == (1000, our_close_frame(None))


@pytest.mark.parametrize(("payload", "code"), [(b"", None), (struct.pack("!H", 1001) + b"bye", 1001)])
def test_the_peers_code_is_said_back_without_its_reason(payload: bytes, code: int | None) -> None:
    """One without a code is answered without one, and is 1005 to the owner."""
    answer = ClosingHandshake.answer(payload)
    assert answer.frame == our_close_frame(code)
    assert (answer.code, answer.reason) == (code or 1005, payload[2:].decode())


@pytest.mark.parametrize(
    ("payload", "code"),
    [(struct.pack("!H", 1005), 1002), (b"\x03", 1002), (struct.pack("!H", 1000) + b"\xff", 1007)],
)
def test_a_close_frame_that_breaks_the_rules_is_answered_with_what_is_wrong(payload: bytes, code: int) -> None:
    """Its code is not said back; with both close frames exchanged, our stream ends."""
    answer = ClosingHandshake.answer(payload)
    assert answer.code == code and parse_close(answer.frame[2:])[0] == code
    assert answer.sent() is Step.END_STREAM


# -- when our stream ends


def test_our_stream_ends_once_the_peer_has_answered() -> None:
    """And not with our close frame."""
    ours = ClosingHandshake.ours(1000, "")
    assert ours.sent() is Step.NOTHING
    assert ours.receive(BYE) is Step.END_STREAM


def test_our_stream_ends_behind_our_close_frame() -> None:
    """The peer's may be here first: both close at once, and ours waits for a reader who is slow."""
    ours = ClosingHandshake.ours(1000, "")
    assert ours.receive(BYE) is Step.NOTHING
    assert ours.sent() is Step.END_STREAM


def test_our_stream_ends_with_the_answer_to_the_peers_close() -> None:
    """There is nothing to wait for."""
    assert ClosingHandshake.answer(b"").sent() is Step.END_STREAM


@pytest.mark.parametrize(("code", "step"), [(1002, Step.END_STREAM), (1007, Step.NOTHING), (1009, Step.NOTHING)])
def test_the_peers_close_is_awaited_where_frames_can_still_be_told_apart(code: int, step: Step) -> None:
    """Behind a broken frame nobody knows where the next one begins."""
    failed = ClosingHandshake.fail(FrameError(code, "why"))
    assert (failed.code, failed.reason, failed.frame) == (code, "why", our_close_frame(code, "why"))
    assert failed.sent() is step


def test_the_peers_close_is_found_in_what_came_with_our_reason_to_close() -> None:
    """Messages of one read, the second of which made us close."""
    ours = ClosingHandshake.ours(1003, "")
    assert ours.sent() is Step.NOTHING
    assert ours.look_through(frame(b"more") + BYE) is Step.END_STREAM


# -- what comes behind


def test_a_second_close_of_the_peer_is_dropped_and_more_is_cut() -> None:
    """Whoever answers our answer is let be; what came in the same read with its close counts for nothing."""
    for closing in (ClosingHandshake.answer(b""), ClosingHandshake.ours(1000, "")):
        closing.sent()
        if closing.code == 1000:
            closing.receive(BYE + BYE)
        else:
            closing.look_through(BYE)
        assert closing.receive(BYE) is Step.NOTHING
        assert closing.receive(BYE) is Step.CUT


@pytest.mark.parametrize(
    ("within", "beyond"),
    [(frame(b"") * (FOLLOWING - 2), frame(b"") * 2), (frame(bytes((FOLLOWING - 2) * TOKEN_BYTES)), bytes(TOKEN_BYTES))],
)
def test_a_flood_is_read_no_further_and_our_stream_ends(within: bytes, beyond: bytes) -> None:
    """So many frames, or so many bytes; a close behind them is not looked for."""
    ours = ClosingHandshake.ours(1008, "")
    ours.sent()
    assert ours.receive(within) is Step.NOTHING
    assert ours.receive(beyond + BYE) == Step.STOP_READING | Step.END_STREAM


def test_a_flood_before_our_close_frame_is_out_ends_our_stream_behind_it() -> None:
    """Nothing is waited for any more."""
    ours = ClosingHandshake.ours(1008, "")
    assert ours.receive(frame(b"") * (FOLLOWING + 1)) is Step.STOP_READING
    assert ours.sent() is Step.END_STREAM


def test_a_flood_of_bytes_that_are_no_frames_is_read_no_further() -> None:
    """Our stream has ended before."""
    failed = ClosingHandshake.fail(FrameError(1002, "reserved bits set"))
    assert failed.sent() is Step.END_STREAM
    assert failed.receive(BYE + bytes(FOLLOWING * TOKEN_BYTES - len(BYE) - 1)) is Step.NOTHING
    assert failed.receive(b"\0") is Step.STOP_READING


@given(st.lists(st.sampled_from([BYE, frame(b"x"), frame(bytes(300)), frame(b"") * 100]), max_size=8), st.data())
def test_our_stream_ends_exactly_once(pieces: list[bytes], data: st.DataObject) -> None:
    """Whatever comes in whatever pieces, whenever our close frame is out: behind both, or behind too much."""
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reads = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True) if stop > start]
    sent_at = data.draw(st.integers(0, len(reads)))
    closing, ends, sent, reading = ClosingHandshake.ours(1000, ""), 0, False, True
    for index in range(len(reads) + 1):
        steps = []
        if index == sent_at:
            steps.append(closing.sent())
            sent = True
        if index < len(reads) and reading:
            steps.append(closing.receive(reads[index]))
        for step in steps:
            ends += Step.END_STREAM in step
            reading = reading and not step & (Step.STOP_READING | Step.CUT)
            assert sent or not ends
    came = b"".join(reads).find(BYE) >= 0
    assert ends == (came or not reading)


# -- the peer's close among other frames


def found(chunks: Iterable[bytes]) -> bool:
    finder = CloseFinder(framed=True)
    return any(list(map(finder.feed, chunks)))


BEHIND = frame(b"x") + frame(bytes(300), BINARY) + frame(bytes(70_000)) + frame(b"p", PING)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000, 10**6])
def test_the_peers_close_is_found_behind_frames_of_any_length(step: int) -> None:
    """However they are cut, and not in their payloads."""
    stream = BEHIND + frame(b"\x88\x80" * 50) + frame(b"", TEXT, final=False)
    assert not found(stream[at : at + step] for at in range(0, len(stream), step))
    stream += frame(struct.pack("!H", 1000), CLOSE)
    assert found(stream[at : at + step] for at in range(0, len(stream), step))


def test_a_flood_exhausts_the_search() -> None:
    """By frames, by bytes; without frames by bytes alone."""
    for data, framed in ((frame(b""), True), (frame(bytes(60_000)), True), (bytes(10_000), False)):
        finder = CloseFinder(framed)
        for _ in range(2000):
            assert not finder.feed(data)
            if finder.exhausted:
                break
        assert finder.exhausted


def test_what_a_parser_has_not_taken_is_found_in_it() -> None:
    """After an offence, after the caller has had enough, in the middle of a frame."""
    for start, stop in ((frame(bytes(LIMIT + 1)), None), (frame(b"a") + frame(b"b"), 1)):
        parser = FrameParser(LIMIT)
        messages = parser.feed(start + BYE)
        with contextlib.suppress(FrameError):
            for number, _ in enumerate(messages, 1):
                if number == stop:
                    break
        messages.close()
        assert found([parser.rest()])
    parser = FrameParser(LIMIT)
    half = frame(bytes(50))
    assert list(parser.feed(half[:20])) == []
    assert found([parser.rest(), half[20:], BYE])
    assert parser.rest() == b""
