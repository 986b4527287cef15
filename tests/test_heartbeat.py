"""service/sockets/heartbeat.py: its wheel with a clock that the tests turn, and on a running service."""

import asyncio
import gc
import time
import weakref
from typing import Any, cast

import pytest

from service.clock import Clock
from service.sockets.heartbeat import TICK, Heartbeat

from .attacks.raw_socket import PING, PONG, RawSocket, frame
from .brokers import until
from .harness import ChatClient
from .serving import serving


class Hand:
    """A monotonic clock that the tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Wire:
    """What the wheel reads of a connection, and its pings."""

    def __init__(self, clock: Hand) -> None:
        self.clock = clock
        self.unsent_bytes = 0
        self.heard_at = self.progress_at = clock.now
        self.pinged_at: list[float] = []

    def write_ping(self) -> None:
        self.pinged_at.append(self.clock.now)


class Peer:
    def __init__(self, clock: Hand) -> None:
        self.connection: Any = Wire(clock)
        self.beat_slot = 0
        self.closed: list[tuple[int | None, str | None]] = []

    @property
    def pings(self) -> list[float]:
        return cast(list[float], self.connection.pinged_at)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        self.closed.append((code, reason))
        self.connection = None


@pytest.fixture
def clock() -> Hand:
    return Hand()


def wheel(clock: Hand, interval: float = 10, timeout: float = 4, unsent_deadline: float = 60) -> Heartbeat:
    return Heartbeat(interval, timeout, unsent_deadline, monotonic=clock.monotonic)


def go(beat: Heartbeat, clock: Hand, seconds: float) -> None:
    for _ in range(round(seconds / TICK)):
        clock.now += TICK
        beat.tick()


async def test_each_peer_is_pinged_once_an_interval(clock: Hand) -> None:
    """The first time one interval after it came."""
    beat, peer = wheel(clock), Peer(clock)
    beat.add(peer)
    go(beat, clock, 9.75)
    assert peer.pings == []
    peer.connection.heard_at = 1e9
    go(beat, clock, 25)
    assert [at - 1000 for at in peer.pings] == [10, 20, 30]


async def test_pings_are_spread_as_the_peers_came(clock: Hand) -> None:
    """Those who came at different times are pinged at different times."""
    beat = wheel(clock)
    peers = []
    for _ in range(40):
        peers.append(Peer(clock))
        beat.add(peers[-1])
        go(beat, clock, TICK)
    for peer in peers:
        peer.connection.heard_at = 1e9
    go(beat, clock, 10)
    moments = [peer.pings[0] for peer in peers]
    assert len(set(moments)) == 40


async def test_who_answers_no_ping_is_closed_4408(clock: Hand) -> None:
    """After the timeout, not before; any sign of life counts."""
    beat, silent, alive = wheel(clock), Peer(clock), Peer(clock)
    beat.add(silent)
    beat.add(alive)
    go(beat, clock, 10)
    assert silent.pings and alive.pings
    alive.connection.heard_at = clock.now + 1
    go(beat, clock, 3.75)
    assert silent.closed == []
    go(beat, clock, 0.25)
    assert silent.closed == [(4408, "no answer to a ping")]
    assert alive.closed == []


async def test_who_has_unsent_bytes_is_not_pinged_but_watched(clock: Hand) -> None:
    """It may be slow, not gone: it has a deadline of its own, since its last progress."""
    beat, slow = wheel(clock, unsent_deadline=30), Peer(clock)
    beat.add(slow)
    slow.connection.unsent_bytes = 5
    go(beat, clock, 25)
    assert slow.pings == []
    slow.connection.progress_at = clock.now
    go(beat, clock, 30)
    assert slow.closed == []
    go(beat, clock, 0.25)
    assert slow.closed == [(4413, "too slow for too long")]


async def test_who_takes_bytes_again_is_no_longer_watched(clock: Hand) -> None:
    """Told so, or found so."""
    beat, told, found = wheel(clock, unsent_deadline=1), Peer(clock), Peer(clock)
    for peer in (told, found):
        beat.add(peer)
        peer.connection.unsent_bytes = 5
        beat.watch(peer)
    beat.unwatch(told)
    found.connection.unsent_bytes = 0
    go(beat, clock, 5)
    assert told.closed == found.closed == []


async def test_a_pinged_peer_that_gets_slow_is_not_taken_for_silent(clock: Hand) -> None:
    """Its pong may wait behind what it still has to read."""
    beat, peer = wheel(clock), Peer(clock)
    beat.add(peer)
    go(beat, clock, 10)
    peer.connection.unsent_bytes = 5
    go(beat, clock, 5)
    assert peer.closed == []


async def test_who_is_gone_is_left_alone(clock: Hand) -> None:
    """Discarded, or with a connection that has ended."""
    beat, discarded, ended, stuck = wheel(clock), Peer(clock), Peer(clock), Peer(clock)
    for peer in (discarded, ended, stuck):
        beat.add(peer)
    beat.watch(stuck)
    wire = discarded.connection
    beat.discard(discarded)
    ended.connection = stuck.connection = None
    go(beat, clock, 30)
    assert wire.pinged_at == []
    assert discarded.closed == ended.closed == stuck.closed == []


async def test_a_stalled_loop_catches_up(clock: Hand) -> None:
    """Nobody is passed over when a tick comes late."""
    beat, peers = wheel(clock), []
    for _ in range(8):
        peers.append(Peer(clock))
        beat.add(peers[-1])
        go(beat, clock, TICK)
    clock.now += 10
    beat.tick()
    assert all(len(peer.pings) == 1 for peer in peers)


async def test_a_machine_that_slept_pings_everybody_once(clock: Hand) -> None:
    """However long it slept."""
    beat, peer = wheel(clock), Peer(clock)
    beat.add(peer)
    clock.now += 3600
    beat.tick()
    assert len(peer.pings) == 1
    peer.connection.heard_at = clock.now + 1
    go(beat, clock, 9.5)
    assert len(peer.pings) == 1


class WallClock(Clock):
    """A wall clock that a test sets, and that follows every step."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_700_000_000.0

    def now(self) -> float:
        return self.at


@pytest.fixture
def wall() -> WallClock:
    return WallClock()


async def test_a_token_s_end_closes_4401(wall: WallClock) -> None:
    """At its moment, not before; not a socket whose expiry was cancelled or that is gone by then."""
    beat, peer, kept, gone = Heartbeat(10, 4, 60, clock=wall), Peer(Hand()), Peer(Hand()), Peer(Hand())
    for each in (peer, kept, gone):
        beat.add(each)
        beat.expire(each, wall.now() + 0.1)
    beat.cancel_expiry(kept)
    beat.cancel_expiry(kept)  # there is none any more: no error
    beat.discard(gone)
    await asyncio.sleep(0.05)
    assert peer.closed == []
    await until(lambda: peer.closed, "the close")
    assert peer.closed == [(4401, "the token ran out")]
    assert kept.closed == gone.closed == []


async def test_a_token_that_has_run_out_already_closes_at_once(wall: WallClock) -> None:
    """A past second is not waited for forever."""
    beat, peer = Heartbeat(10, 4, 60, clock=wall), Peer(Hand())
    beat.expire(peer, wall.now() - 100)
    await until(lambda: peer.closed, "the close")


async def test_a_renewed_token_s_end_is_the_one_that_counts(wall: WallClock) -> None:
    """Though the clock was set back in between, or ahead."""
    beat, back, ahead = Heartbeat(10, 4, 60, clock=wall), Peer(Hand()), Peer(Hand())
    for peer, step in ((back, -3600), (ahead, 3600)):
        beat.expire(peer, wall.now() + 0.05)
        wall.at += step
        beat.expire(peer, wall.now() + 60)
    await asyncio.sleep(0.1)
    assert back.closed == ahead.closed == []
    for peer in (back, ahead):
        beat.discard(peer)


@pytest.mark.parametrize("step", [-86400 * 365, -3600, 3600, 86400 * 365 * 12])
async def test_a_step_of_the_clock_moves_no_token_s_end_and_holds_nothing(wall: WallClock, step: float) -> None:
    """What is left of it is counted off monotonically, and a step costs no work."""
    beat, peer, later = Heartbeat(10, 4, 60, clock=wall), Peer(Hand()), Peer(Hand())
    beat.expire(peer, wall.now() + 0.1)
    beat.expire(later, wall.now() + 30)
    wall.at += step
    busy = time.process_time()
    beat.tick()
    assert time.process_time() - busy < 0.5
    await until(lambda: peer.closed, "the close")
    assert later.closed == []
    beat.discard(later)


async def test_sessions_that_expired_leave_nothing(wall: WallClock) -> None:
    """Neither those that ran out, nor those that left before."""
    beat = Heartbeat(10, 4, 60, clock=wall)
    peers = [Peer(Hand()) for _ in range(100)]
    for number, peer in enumerate(peers):
        beat.expire(peer, wall.now() + (0 if number % 2 else 1000 + number))
    await until(lambda: all(peer.closed for peer in peers[1::2]), "the close of half of them")
    for peer in peers:
        beat.discard(peer)
    left = [weakref.ref(each) for each in peers]
    peers.clear()
    del peer
    gc.collect()
    assert [ref for ref in left if ref() is not None] == []


async def test_on_the_wire() -> None:
    """A client that answers pings stays; one that does not is closed 4408 within interval and timeout."""
    async with serving({"PING_INTERVAL": "0.5", "PING_TIMEOUT": "0.4"}) as it:
        async with ChatClient.open(it.url, "Ada") as ada, await RawSocket.open(cast(Any, it), "Mallory") as mute:
            assert await mute.closed() == 4408
            assert 1 <= [opcode for opcode, _ in mute.received].count(PING) <= 2
            await until(lambda: it.node.admission.connections == 1, "counted out")
            assert (await ada.ping())["type"] == "pong"
        async with await RawSocket.open(cast(Any, it), "Trudy") as raw:
            for _ in range(3):
                received = await raw.read_frame()
                assert received is not None and received[0] == PING
                await raw.send(frame(received[1], PONG))
