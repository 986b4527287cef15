"""service/sockets/connection.py: a Connection on one end of a real socket."""

import asyncio
import random
import socket
import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from service.limits import Buckets
from service.protocol import CloseCode
from service.sockets import framing
from service.sockets.closing import FOLLOWING
from service.sockets.connection import Connection, Owner
from service.sockets.framing import FrameParser
from service.sockets.limits import SocketLimits
from service.sockets.unsent import Budget

from .attacks.raw_socket import BINARY, CLOSE, PING, PONG, close_frame, frame, header
from .brokers import until
from .harness import UNIT
from .sockets import socket_limits


class Told(Owner):
    """What a connection tells its owner."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.events: list[str] = []
        self.ended: list[tuple[int, str]] = []

    def on_message(self, message: Any) -> None:
        self.messages.append(message)

    def on_congested(self) -> None:
        self.events.append("congested")

    def on_drained(self) -> None:
        self.events.append("drained")

    def on_connection_end(self, code: int, reason: str) -> None:
        self.ended.append((code, reason))


class Pair:
    """A connection, its owner, and the peer's end."""

    def __init__(self, ours: socket.socket, peer: socket.socket, limits: SocketLimits, greeting: bytes = b"") -> None:
        self.peer = peer
        self.owner = Told()
        self.connection = Connection(ours, FrameParser(65536), limits, greeting, "192.0.2.1")
        self.connection.owner = self.owner

    async def read(self, size: int) -> bytes:
        """So many bytes, unless the end comes first."""
        loop = asyncio.get_running_loop()
        data = b""
        async with asyncio.timeout(5 * UNIT):
            while len(data) < size:
                part = await loop.sock_recv(self.peer, size - len(data))
                if not part:
                    break
                data += part
        return data

    async def read_all(self) -> bytes:
        return await self.read(1 << 30)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.peer, data)

    async def handshake(self) -> tuple[int | None, str]:
        """Read our close frame, answer it, see the end of the stream: code and reason."""
        start = await self.read(2)
        payload = await self.read(start[1])
        assert start[0] == 0x80 | framing.CLOSE
        assert not await self.ended(), "the end came before the answer"
        await self.send(frame(payload, CLOSE))
        assert await self.read_all() == b""
        self.peer.shutdown(socket.SHUT_WR)
        return framing.parse_close(payload)

    async def ended(self, seconds: float = 0.02) -> bool:
        """Whether the stream ends within so long."""
        try:
            return not await asyncio.wait_for(self.read(1), seconds)
        except TimeoutError:
            return False

    def fill(self) -> bytes:
        """Write frames until some bytes wait for the peer; everything written."""
        written = b""
        while not self.connection.unsent_bytes:
            data = framing.frame(b"%06d" % (len(written) // 1000) + b"x" * 990)
            self.connection.write(data)
            written += data
        return written


@contextmanager
def pair(greeting: bytes = b"", started: bool = True, limits: SocketLimits | None = None) -> Iterator[Pair]:
    """Two ends of one TCP connection with small buffers."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        ours = socket.create_connection(listening.getsockname())
        peer, _ = listening.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    for end in (ours, peer):
        end.setblocking(False)
    made = Pair(ours, peer, limits or socket_limits(), greeting)
    if started:
        made.connection.start(b"")
    try:
        yield made
    finally:
        made.connection.abort()
        peer.close()


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# -- writing


async def test_what_the_kernel_takes_is_sent_at_once() -> None:
    """Before the loop turns, and nothing waits."""
    with pair() as it:
        it.connection.write(b"hello")
        assert it.connection.unsent_bytes == 0
        assert it.peer.recv(100) == b"hello"


async def test_what_the_kernel_does_not_take_follows_in_order() -> None:
    """Whole, once, whatever was written behind it meanwhile."""
    with pair() as it:
        written = it.fill()
        for number in range(50):
            data = framing.frame(b"behind %d" % number)
            it.connection.write(data)
            written += data
        assert it.connection.unsent_bytes > 0
        assert await it.read(len(written)) == written
        await until(lambda: it.connection.unsent_bytes == 0, "all sent")
        it.connection.write(b"next")
        assert await it.read(4) == b"next"


async def test_unsent_bytes_are_counted() -> None:
    """What was written and not yet taken, to the byte."""
    with pair() as it:
        it.fill()
        before = it.connection.unsent_bytes
        it.connection.write(b"x" * 100)
        assert it.connection.unsent_bytes == before + 100


async def test_the_greeting_goes_out_with_what_is_written_before_the_start() -> None:
    """In one piece: the handshake's answer and the first frame."""
    with pair(b"greeting,", started=False) as it:
        it.connection.write(b"first")
        assert it.connection.unsent_bytes > 0
        it.connection.start(b"")
        assert it.connection.unsent_bytes == 0
        assert it.peer.recv(100) == b"greeting,first"


async def test_a_greeting_that_does_not_fit_follows() -> None:
    """However long it is."""
    greeting = bytes(range(256)) * 8000
    with pair(greeting, started=False) as it:
        it.connection.start(b"")
        assert it.connection.unsent_bytes > 0
        it.connection.write(b"first")
        assert await it.read(len(greeting) + 5) == greeting + b"first"


async def test_past_the_limit_the_owner_is_told_once() -> None:
    """Congested when more waits than the limit; drained when the peer took everything."""
    with pair(limits=socket_limits(unsent_bytes=20_000)) as it:
        written = it.fill()
        assert it.owner.events == [] and not it.connection.congested
        while not it.connection.congested:
            it.connection.write(b"y" * 5000)
            written += b"y" * 5000
        it.connection.write(b"z")
        assert it.owner.events == ["congested"]
        assert await it.read(len(written) + 1) == written + b"z"
        await until(lambda: it.owner.events == ["congested", "drained"], "drained")
        assert not it.connection.congested


async def test_a_congested_peer_is_not_read_from() -> None:
    """Its requests can't add to the answers that wait for it; they are read when it took those."""
    with pair(limits=socket_limits(unsent_bytes=5000)) as it:
        written = it.fill()
        it.connection.write(b"y" * 5001)
        await it.send(frame(b"request"))
        await asyncio.sleep(0.02)
        assert it.owner.messages == []
        await it.read(len(written) + 5001)
        await until(lambda: it.owner.messages == ["request"], "the request")


async def test_progress_is_dated() -> None:
    """`progress_at` moves when the peer takes something, and only then."""
    with pair() as it:
        written = it.fill()
        stuck_at = it.connection.progress_at
        await asyncio.sleep(0.02)
        it.connection.write(b"more")
        assert it.connection.progress_at == stuck_at
        await it.read(len(written))
        await until(lambda: it.connection.progress_at > stuck_at, "progress")


async def test_writing_to_a_peer_that_reset_ends_the_connection() -> None:
    """1006, told once; further writes are dropped without an error."""
    with pair() as it:
        reset(it.peer)
        await asyncio.sleep(0)
        for _ in range(3):
            it.connection.write(b"x")
        assert it.connection.closed
        await until(lambda: it.owner.ended, "the end")
        assert it.owner.ended == [(1006, "")]


async def test_a_reset_while_bytes_wait_ends_the_connection() -> None:
    """What waited is let go."""
    with pair() as it:
        it.fill()
        reset(it.peer)
        await until(lambda: it.owner.ended, "the end")
        assert it.owner.ended == [(1006, "")] and it.connection.unsent_bytes == 0


async def test_a_congested_peer_that_resets_ends_the_connection() -> None:
    """Nothing is read from it, so it is the next attempt to send that finds out."""
    with pair(limits=socket_limits(unsent_bytes=5000)) as it:
        it.fill()
        it.connection.write(b"y" * 6000)
        reset(it.peer)
        await until(lambda: it.owner.ended, "the end")
        assert it.owner.ended == [(1006, "")]


# -- reading


async def test_messages_reach_the_owner() -> None:
    """Text as str, binary as bytes, in order, however they are cut into pieces."""
    with pair() as it:
        data = frame("grüße".encode()) + frame(b"\x00", 0x2) + frame(b"last")
        for index in range(len(data)):
            await it.send(data[index : index + 1])
        await until(lambda: len(it.owner.messages) == 3, "three messages")
        assert it.owner.messages == ["grüße", b"\x00", "last"]


async def test_what_came_right_behind_the_handshake_is_read() -> None:
    """A client need not wait."""
    with pair(started=False) as it:
        it.connection.start(frame(b"eager"))
        assert it.owner.messages == ["eager"]


async def test_a_ping_is_answered_with_its_payload() -> None:
    """A pong is not, and reaches no owner."""
    with pair() as it:
        await it.send(frame(b"unasked", PONG) + frame(b"payload", PING))
        assert await it.read(9) == framing.frame(b"payload", framing.PONG)
        assert it.owner.messages == []


async def test_pings_wait_behind_nothing() -> None:
    """While bytes wait for the peer neither our ping nor a pong joins them."""
    with pair() as it:
        written = it.fill()
        waiting = it.connection.unsent_bytes
        it.connection.write_ping()
        await it.send(frame(b"payload", PING) + frame(b"heard"))
        await until(lambda: it.owner.messages, "the ping and what follows it read")
        assert it.connection.unsent_bytes == waiting
        await it.read(len(written))
        await until(lambda: it.connection.unsent_bytes == 0, "all sent")
        it.connection.write_ping(b"now")
        assert await it.read(5) == framing.frame(b"now", framing.PING)


async def test_only_what_is_whole_is_a_sign_of_life() -> None:
    """A frame that drips in and never ends is silence."""
    with pair() as it:
        heard_at = it.connection.heard_at
        await asyncio.sleep(0.01)
        await it.send(header(1000) + b"\0\0\0\0" + b"x" * 10)
        await asyncio.sleep(0.02)
        assert it.connection.heard_at == heard_at
        await it.send(b"x" * 990)
        await until(lambda: it.connection.heard_at > heard_at, "a sign of life")


async def test_an_offence_is_closed_with_its_code_and_nothing_more_is_read() -> None:
    """What came whole before it counts; what follows can't be understood any more."""
    with pair() as it:
        await it.send(frame(b"before") + b"\xf1\x80" + frame(b"after"))
        data = await it.read_all()
        assert framing.parse_close(data[2:]) == (1002, "reserved bits set")
        assert it.owner.messages == ["before"]
        assert it.owner.ended == [(1002, "reserved bits set")]


@pytest.mark.expects_log("a message failed")
async def test_an_owner_that_fails_is_closed_1012() -> None:
    """The fault is ours: the client comes back."""
    with pair() as it:
        it.owner.on_message = lambda message: 1 // 0  # type: ignore[method-assign, assignment]
        await it.send(frame(b"x"))
        assert await it.handshake() == (1012, "the server failed")


async def test_an_owner_that_cuts_the_peer_hears_no_more() -> None:
    """Though more had come with the same packet."""
    with pair(started=False) as it:

        def cut(message: Any) -> None:
            it.owner.messages.append(message)
            it.connection.abort()

        it.owner.on_message = cut  # type: ignore[method-assign]
        it.connection.start(frame(b"one") + frame(b"two"))
        assert it.owner.messages == ["one"]


# -- the end


async def test_we_close_and_the_peer_answers() -> None:
    """The close frame goes out, the owner is told at once, and the socket is gone when the answer is there."""
    with pair() as it:
        it.connection.close(CloseCode.REMOVED, "banned")
        assert it.owner.ended == [(4403, "banned")]
        assert it.connection.closed and it.connection in Connection.closing
        assert await it.handshake() == (4403, "banned")
        await until(lambda: it.connection not in Connection.closing, "the socket closed")
        assert it.owner.ended == [(4403, "banned")], "told once"


async def test_the_peer_closes_and_is_answered() -> None:
    """With its own code; the socket is closed when the peer's is."""
    with pair() as it:
        await it.send(close_frame(1001, "bye"))
        assert await it.read_all() == framing.close_frame(1001)
        assert it.owner.ended == [(1001, "bye")]
        it.peer.shutdown(socket.SHUT_WR)
        await until(lambda: it.connection not in Connection.closing, "the socket closed")


async def test_a_close_without_a_code_is_1005() -> None:
    """And the answer has none either."""
    with pair() as it:
        await it.send(close_frame())
        assert await it.read_all() == framing.close_frame(None)
        assert it.owner.ended == [(1005, "")]


async def test_an_illegal_close_code_is_answered_1002() -> None:
    """It is not echoed."""
    with pair() as it:
        await it.send(close_frame(1005))
        data = await it.read_all()
        assert framing.parse_close(data[2:])[0] == 1002
        assert it.owner.ended == [(1002, "illegal close code")]


async def test_an_end_without_a_close_frame_is_1006() -> None:
    """Also when the peer only stops sending: without a close frame it is gone."""
    with pair() as it:
        it.peer.shutdown(socket.SHUT_WR)
        assert await it.read_all() == b""
        assert it.owner.ended == [(1006, "")]


async def test_both_close_at_once() -> None:
    """Each one's close is the answer to the other's."""
    with pair() as it:
        await it.send(close_frame(1000))
        it.connection.close(CloseCode.RESTART, "leaving")
        assert await it.read_all() == framing.close_frame(1012, "leaving")
        it.peer.shutdown(socket.SHUT_WR)
        await until(lambda: it.connection not in Connection.closing, "the socket closed")
        assert it.owner.ended == [(1012, "leaving")]


async def test_nothing_is_taken_or_written_after_our_close() -> None:
    """Messages that were on the way are dropped, writes are no errors, a second close changes nothing."""
    with pair() as it:
        it.connection.close(CloseCode.NORMAL)
        it.connection.write(b"late")
        it.connection.write_ping()
        it.connection.close(CloseCode.RESTART, "again")
        await it.send(frame(b"late") + frame(b"late", PING) + close_frame(1000))
        assert await it.read_all() == framing.close_frame(1000)
        assert it.owner.messages == [] and it.owner.ended == [(1000, "")]


async def test_a_close_behind_waiting_frames_is_understood() -> None:
    """The frame that is half sent is finished, those behind it are dropped, then comes the close frame."""
    with pair() as it:
        it.fill()
        for _ in range(100):
            it.connection.write(framing.frame(b"dropped"))
        it.connection.close(CloseCode.TOO_SLOW, "too slow")
        it.connection.write(framing.frame(b"late"))
        data = b""
        while not data.endswith(framing.close_frame(4413, "too slow")):
            data += await it.read(1)
        frames = []
        while data:
            length = int.from_bytes(data[2:4], "big") if data[1] == 126 else data[1]
            start = 4 if data[1] == 126 else 2
            frames.append((data[0] & 0x0F, data[start : start + length]))
            data = data[start + length :]
        assert all(opcode == framing.TEXT and len(payload) == 996 for opcode, payload in frames[:-1])
        assert frames[-1][0] == framing.CLOSE and framing.parse_close(frames[-1][1]) == (4413, "too slow")
        await it.send(close_frame(4413))
        it.peer.shutdown(socket.SHUT_WR)
        await until(lambda: it.connection not in Connection.closing, "the socket closed")


@pytest.mark.parametrize("taken", [0, 5000, 20_000, 50_000])
async def test_a_close_behind_a_large_page_is_understood(taken: int) -> None:
    """The page that is half sent comes whole, however much of it waited, and the one behind it is dropped."""
    page = framing.frame(random.Random(7).randbytes(300_000), framing.BINARY)
    with pair() as it:
        it.connection.write(page)
        data = await it.read(taken) if taken else b""
        it.connection.write(page)
        it.connection.close(CloseCode.TOO_SLOW, "too slow")
        expected = page + framing.close_frame(4413, "too slow")
        assert it.connection.unsent_bytes < len(expected) - taken
        assert data + await it.read(len(expected) - taken) == expected


async def test_what_a_peer_took_of_a_large_page_is_free() -> None:
    """Within a sixth of a page: what waits is what is kept."""
    with pair() as it:
        tracemalloc.start()
        try:
            page = framing.frame(bytes(300_000), framing.BINARY)
            it.connection.write(page)
            await it.read(120_000)
            del page
            await until(lambda: it.connection.unsent_bytes < 180_000, "most of it sent")
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert 0 < kept - it.connection.unsent_bytes < 50_000


async def test_a_congested_peer_can_still_be_closed() -> None:
    """It is read from again, for its answer."""
    with pair(limits=socket_limits(unsent_bytes=5000)) as it:
        it.fill()
        it.connection.write(b"y" * 6000)
        assert it.connection.congested
        it.connection.close(CloseCode.TOO_SLOW)
        await it.send(close_frame(4413))
        it.peer.shutdown(socket.SHUT_WR)
        await until(lambda: it.connection not in Connection.closing, "the socket closed")
        assert it.owner.events == ["congested"] and it.owner.ended == [(4413, "")]


async def test_a_close_that_is_not_answered_is_cut() -> None:
    """After a while, though the peer keeps its end open."""
    with pair(limits=socket_limits(close_timeout=0.05)) as it:
        began = time.monotonic()
        it.connection.close(CloseCode.NORMAL)
        await until(lambda: it.connection not in Connection.closing, "the cut")
        assert time.monotonic() - began >= 0.04


async def test_a_peer_that_reads_nothing_is_cut_with_a_reset() -> None:
    """What waits for it does not linger in the kernel."""
    with pair(limits=socket_limits(close_timeout=0.05)) as it:
        it.connection.write(framing.frame(b"x" * 500_000))
        it.connection.close(CloseCode.TOO_SLOW)
        await until(lambda: it.connection not in Connection.closing, "the cut")
        with pytest.raises(ConnectionResetError):
            await it.read_all()


async def test_a_close_to_a_peer_that_has_gone_is_no_error() -> None:
    """It ends there and then."""
    with pair() as it:
        reset(it.peer)
        await asyncio.sleep(0)
        it.connection.close(CloseCode.NORMAL)
        await until(lambda: it.owner.ended and it.connection not in Connection.closing, "the end")
        assert len(it.owner.ended) == 1


async def test_abort_says_nothing() -> None:
    """The peer sees the end of the stream, the owner 1006."""
    with pair() as it:
        it.connection.abort()
        it.connection.abort()
        assert await it.read_all() == b""
        assert it.owner.ended == [(1006, "")]


async def test_all_closed_waits_for_answers_and_cuts_the_rest() -> None:
    """Those that answer end well; those that don't are cut when the time is over."""
    with pair() as polite, pair() as rude:
        for it in (polite, rude):
            it.connection.close(CloseCode.RESTART, "leaving")
        waiting = asyncio.ensure_future(Connection.all_closed(0.1))
        assert await polite.handshake() == (1012, "leaving")
        await until(lambda: set(Connection.closing) == {rude.connection}, "the polite one closed")
        assert not waiting.done()
        await waiting
        assert not Connection.closing


CODES = [1000, 1008, 1009, 1012, 4401, 4403, 4408, 4413]


@pytest.mark.parametrize("code", CODES)
async def test_the_peers_close_is_awaited_whatever_the_code(code: int) -> None:
    """Section 7.1.1: the server closes the TCP connection first, and only once both close frames are exchanged."""
    with pair() as it:
        it.connection.close(code, "why")
        assert await it.handshake() == (code, "why")
        await until(lambda: it.connection not in Connection.closing, "the socket closed")


async def test_what_was_under_way_may_come_before_the_peers_close() -> None:
    """Frames of any kind and length, cut anywhere, and half a frame from before our close."""
    with pair() as it:
        before = frame(b"b" * 300)
        await it.send(before[:200])
        await asyncio.sleep(0.02)
        it.connection.close(CloseCode.REMOVED)
        data = before[200:] + frame(b"x") + frame(b"y" * 200, BINARY) + frame(b"z" * 65536) + frame(b"p", PING)
        data += frame(b"q", final=False) + frame(b"r", 0)
        for start in range(0, len(data), 1000):
            await it.send(data[start : start + 1000])
        assert await it.handshake() == (4403, "")
        assert it.owner.messages == []


@pytest.mark.parametrize(
    ("offence", "code"),
    [(frame(b"x" * 70_000), 1009), (frame(b"\xff"), 1007)],
)
async def test_an_offence_within_whole_frames_ends_in_a_whole_handshake(offence: bytes, code: int) -> None:
    """What follows can still be told apart, so the peer's close is found behind it."""
    with pair() as it:
        await it.send(offence + frame(b"after"))
        assert (await it.handshake())[0] == code
        assert it.owner.messages == []


async def test_an_owner_that_closes_hears_no_more_of_the_same_packet() -> None:
    """And the peer's close at its end is the answer."""
    with pair() as it:

        def refuse(message: Any) -> None:
            it.owner.messages.append(message)
            it.connection.close(CloseCode.UNSUPPORTED_DATA, "text frames only")

        it.owner.on_message = refuse  # type: ignore[method-assign]
        await it.send(frame(b"one", BINARY) + frame(b"two", BINARY) + close_frame(1000))
        assert await it.read_all() == framing.close_frame(1003, "text frames only")
        assert it.owner.messages == [b"one"]
        it.peer.shutdown(socket.SHUT_WR)
        await until(lambda: it.connection not in Connection.closing, "the socket closed")


async def test_a_flood_behind_our_close_is_not_read_to_its_end() -> None:
    """A few frames are looked at; then the peer is told the end of the stream, and its bytes stay with it."""
    with pair() as it:
        it.connection.close(CloseCode.POLICY_VIOLATION)
        assert await it.read(4) == framing.close_frame(1008)
        await it.send(frame(b"") * (FOLLOWING + 100))
        assert await it.ended(5 * UNIT)
        assert it.connection in Connection.closing
        flooding = asyncio.ensure_future(it.send(frame(b"x" * 1000) * 20_000))
        await asyncio.sleep(0.1)
        assert not flooding.done()
        flooding.cancel()


async def test_a_flood_behind_a_violation_is_not_read_to_its_end() -> None:
    """Neither where no frames can be told apart."""
    with pair() as it:
        await it.send(b"\xf1\x80")
        await until(lambda: it.owner.ended, "1002")
        flooding = asyncio.ensure_future(it.send(b"\xff" * 20_000_000))
        await asyncio.sleep(0.1)
        assert not flooding.done()
        flooding.cancel()


async def test_a_second_close_is_no_reason_to_reset() -> None:
    """websocket-client answers the answer to its own close; to leave that unread would reset our own away."""
    bye = close_frame(1000, "bye")
    with pair(limits=socket_limits(read_bytes=len(bye))) as it:
        await it.send(bye + bye)
        assert await it.read_all() == framing.close_frame(1000)
        it.peer.shutdown(socket.SHUT_WR)
        await until(lambda: it.connection not in Connection.closing, "the socket closed")
        assert it.owner.ended == [(1000, "bye")]


async def test_a_flood_behind_the_peers_own_close_is_cut() -> None:
    """Nothing that comes behind it is anybody's."""
    with pair() as it:
        await it.send(close_frame(1000))
        assert await it.read_all() == framing.close_frame(1000)
        with pytest.raises(ConnectionError):
            await it.send(frame(b"x" * 1000) * 20_000)
        assert it.connection not in Connection.closing


async def test_so_many_may_wait_for_an_answer_and_the_oldest_goes_without() -> None:
    """Refusals count in no limit of sockets; each has its close frame all the same."""
    limits = socket_limits(closing=2)
    with pair(limits=limits) as one, pair(limits=limits) as two, pair(limits=limits) as three:
        for it in (one, two, three):
            it.connection.close(CloseCode.UNAUTHENTICATED)
        assert list(Connection.closing) == [two.connection, three.connection]
        assert await one.read_all() == framing.close_frame(4401)
        for it in (two, three):
            assert await it.handshake() == (4401, "")


# -- what reading costs the sender


def rates(socket_rate: float, address_rate: float = 0, **others: Any) -> SocketLimits:
    """Tokens a second of a socket and of an address."""
    return socket_limits(frame_rate=socket_rate, address_frames=Buckets(address_rate, 10 * address_rate), **others)


FLOODS = {
    "pings": frame(b"", PING),
    "pongs": frame(b"", PONG),
    "texts": frame(b"a"),
    "empty texts": frame(b""),
    "empty binaries": frame(b"", BINARY),
    "pings that say something": frame(b"x" * 125, PING),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_frames_of_any_kind_is_closed_1008(kind: str) -> None:
    """Ten seconds of the rate pass, one more doesn't, in one packet or one by one."""
    with pair(limits=rates(10)) as it:
        await it.send(FLOODS[kind] * 90)
        await asyncio.sleep(0.02)
        assert it.owner.ended == []
        await it.send(FLOODS[kind] * 20)
        await until(lambda: it.owner.ended, "the close")
        assert it.owner.ended == [(1008, "too many frames")]


async def test_empty_fragments_are_frames_too() -> None:
    """Though nothing comes of them, and each message has as many as it may."""
    with pair(limits=rates(10)) as it:
        message = frame(b"", final=False) + frame(b"", 0, final=False) * 38 + frame(b"", 0)
        await it.send(message * 2)
        await until(lambda: len(it.owner.messages) == 2, "two messages")
        await it.send(message)
        await until(lambda: it.owner.ended == [(1008, "too many frames")], "the close")


async def test_bytes_cost_as_frames_do() -> None:
    """One frame for every 8 KiB."""
    with pair(limits=rates(1)) as it:
        await it.send(frame(b"x" * 50_000))
        await until(lambda: it.owner.messages, "the first")
        await it.send(frame(b"x" * 50_000))
        await until(lambda: it.owner.ended == [(1008, "too many frames")], "the close")


async def test_dripping_costs_too() -> None:
    """A read that completes nothing is a quarter of a frame."""
    with pair(limits=rates(1)) as it:
        for byte in frame(b"x" * 100)[:60]:
            await it.send(bytes((byte,)))
            await asyncio.sleep(0.001)
        await until(lambda: it.owner.ended == [(1008, "too many frames")], "the close")


async def test_who_keeps_within_the_rate_is_never_closed() -> None:
    """Tokens come back with time."""
    with pair(limits=rates(500)) as it:
        await it.send(frame(b"", PING) * 4900)
        for _ in range(10):
            await asyncio.sleep(0.1)
            await it.send(frame(b"", PING) * 40)
        await asyncio.sleep(0.02)
        assert it.owner.ended == []


async def test_messages_as_large_and_as_many_as_may_come_stay_within_the_default() -> None:
    """Ten of 64 KiB a second, each with a ping, though they come in as many pieces as a network makes of them."""
    with pair(limits=rates(200, unsent_bytes=1 << 30, burst_seconds=0.5)) as it:
        data = frame(b"x" * 65536) + frame(b"", PING)
        for number in range(20):
            began = time.monotonic()
            for start in range(0, len(data), 1448):
                await it.send(data[start : start + 1448])
            await until(lambda number=number: len(it.owner.messages) == number + 1, "heard")  # type: ignore[misc]
            await asyncio.sleep(max(0.0, began + 0.1 - time.monotonic()))
        assert it.owner.ended == []


async def test_many_sockets_of_an_address_share_its_tokens() -> None:
    """Each sends less than it may alone; those who flood are closed, a calm one beside them is not."""
    limits = rates(100, 20)
    with pair(limits=limits) as one, pair(limits=limits) as two, pair(limits=limits) as calm:
        await one.send(frame(b"", PONG) * 189 + frame(b"read"))
        await until(lambda: one.owner.messages, "read")
        await two.send(frame(b"", PONG) * 190)
        await until(lambda: two.owner.ended, "the close")
        assert two.owner.ended[0][0] == 1008 and one.owner.ended == []
        await calm.send(frame(b"hello") * 20)
        await until(lambda: len(calm.owner.messages) == 20, "heard")
        assert calm.owner.ended == []


async def test_without_rates_nothing_is_counted() -> None:
    """FRAME_RATE=0."""
    with pair(limits=rates(0, 1)) as it:
        await it.send(frame(b"", PONG) * 50_000 + frame(b"heard"))
        await until(lambda: it.owner.messages == ["heard"], "all read")


# -- the budget of all


@contextmanager
def budget(limit_bytes: int, **others: Any) -> Iterator[SocketLimits]:
    """Limits of which the budget is one; all of it is given back in the end."""
    limits = socket_limits(unsent_total=Budget(limit_bytes), **others)
    yield limits
    assert limits.unsent_total.held_bytes == 0, "bytes are counted that nobody holds"


async def test_past_the_budget_those_without_progress_for_the_longest_go() -> None:
    """4413, cut, until the rest fits; who took something last stays."""
    with (
        budget(300_000) as limits,
        pair(limits=limits) as first,
        pair(limits=limits) as second,
        pair(limits=limits) as reading,
    ):
        for it in (first, second, reading):
            it.connection.write(framing.frame(b"x" * 120_000))
        await reading.read(50_000)
        await until(lambda: first.owner.ended, "the first let go")
        assert first.owner.ended == [(4413, "too slow for too long")]
        assert second.owner.ended == reading.owner.ended == []
        assert 0 < limits.unsent_total.held_bytes <= 300_000
        second.connection.write(framing.frame(b"x" * 200_000))
        await until(lambda: second.owner.ended, "the second let go")
        assert reading.owner.ended == []
        with pytest.raises(ConnectionResetError):
            await first.read_all()


async def test_nobody_is_let_go_in_the_middle_of_a_write() -> None:
    """Whoever writes may be going through a list of sockets."""
    with budget(100_000) as limits, pair(limits=limits) as it:
        it.connection.write(framing.frame(b"x" * 500_000))
        assert it.owner.ended == []
        await until(lambda: it.owner.ended, "let go")


async def test_a_socket_with_little_to_take_is_told_why_it_goes() -> None:
    """What is begun and the close frame are few bytes: they may wait the usual while."""
    with budget(1 << 30) as limits, pair(limits=limits) as it:
        it.fill()
        while limits.unsent_total.held_bytes < 5_000:
            it.connection.write(framing.frame(b"x" * 500))
        limits.unsent_total.limit_bytes = 4_000
        it.connection.write(framing.frame(b"x"))
        await until(lambda: it.owner.ended, "let go")
        data = await it.read_all() if it.connection.unsent_bytes == 0 else b""
        while not data.endswith(framing.close_frame(4413, "too slow for too long")):
            data += await it.read(1)


@pytest.mark.parametrize("end", ["taken", "reset", "abort", "close"])
async def test_the_budget_is_given_back(end: str) -> None:
    """However the wait ends, to the byte: `budget` checks it."""
    with budget(1 << 30, close_timeout=0.02) as limits, pair(limits=limits) as it:
        it.connection.write(framing.frame(b"x" * 300_000))
        assert limits.unsent_total.held_bytes == it.connection.unsent_bytes > 0
        if end == "taken":
            await it.read(300_010)
        elif end == "reset":
            reset(it.peer)
        elif end == "abort":
            it.connection.abort()
        else:
            it.connection.close(CloseCode.RESTART)
        await until(lambda: limits.unsent_total.held_bytes == 0, "given back")
