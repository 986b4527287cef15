"""service/heartbeat.py: its wheel with a clock that the tests turn, and on a running service."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from service import heartbeat
from service.heartbeat import TICK, Heartbeat

from .attacks.raw_socket import PING, PONG, RawSocket, frame
from .brokers import until
from .harness import ChatClient
from .serving import serving


class Clock:
    """In place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000.0 + self.now


class Wire:
    """What the wheel reads of a connection, and its pings."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.unsent_bytes = 0
        self.heard_at = self.progress_at = clock.now
        self.pinged_at: list[float] = []

    def write_ping(self) -> None:
        self.pinged_at.append(self.clock.now)


class Peer:
    def __init__(self, clock: Clock) -> None:
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
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    turned = Clock()
    monkeypatch.setattr(heartbeat, "time", turned)
    yield turned


def wheel(clock: Clock, interval: float = 10, timeout: float = 4, unsent_deadline: float = 60) -> Heartbeat:
    return Heartbeat(interval, timeout, unsent_deadline)


def go(beat: Heartbeat, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds / TICK)):
        clock.now += TICK
        beat.tick()


async def test_each_peer_is_pinged_once_an_interval(clock: Clock) -> None:
    """The first time one interval after it came."""
    beat, peer = wheel(clock), Peer(clock)
    beat.add(peer)
    go(beat, clock, 9.75)
    assert peer.pings == []
    peer.connection.heard_at = 1e9
    go(beat, clock, 25)
    assert [at - 1000 for at in peer.pings] == [10, 20, 30]


async def test_pings_are_spread_as_the_peers_came(clock: Clock) -> None:
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


async def test_who_answers_no_ping_is_closed_4408(clock: Clock) -> None:
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


async def test_who_has_unsent_bytes_is_not_pinged_but_watched(clock: Clock) -> None:
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


async def test_who_takes_bytes_again_is_no_longer_watched(clock: Clock) -> None:
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


async def test_a_pinged_peer_that_gets_slow_is_not_taken_for_silent(clock: Clock) -> None:
    """Its pong may wait behind what it still has to read."""
    beat, peer = wheel(clock), Peer(clock)
    beat.add(peer)
    go(beat, clock, 10)
    peer.connection.unsent_bytes = 5
    go(beat, clock, 5)
    assert peer.closed == []


async def test_who_is_gone_is_left_alone(clock: Clock) -> None:
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


async def test_a_stalled_loop_catches_up(clock: Clock) -> None:
    """Nobody is passed over when a tick comes late."""
    beat, peers = wheel(clock), []
    for _ in range(8):
        peers.append(Peer(clock))
        beat.add(peers[-1])
        go(beat, clock, TICK)
    clock.now += 10
    beat.tick()
    assert all(len(peer.pings) == 1 for peer in peers)


async def test_a_machine_that_slept_pings_everybody_once(clock: Clock) -> None:
    """However long it slept."""
    beat, peer = wheel(clock), Peer(clock)
    beat.add(peer)
    clock.now += 3600
    beat.tick()
    assert len(peer.pings) == 1
    peer.connection.heard_at = clock.now + 1
    go(beat, clock, 9.5)
    assert len(peer.pings) == 1


async def test_a_token_s_end_closes_4401(clock: Clock) -> None:
    """In the second after it, unless it is put off."""
    beat, peer, spared = wheel(clock), Peer(clock), Peer(clock)
    at = clock.time() + 5
    beat.expire(peer, at)
    beat.expire(spared, at)
    beat.spare(spared, at)
    beat.spare(spared, at + 100)  # it had none there: no error
    go(beat, clock, 5)
    assert peer.closed == []
    go(beat, clock, 1)
    assert peer.closed == [(4401, "the token ran out")]
    assert spared.closed == []


async def test_a_token_that_has_run_out_already_closes_at_once(clock: Clock) -> None:
    """A past second is not waited for forever."""
    beat, peer = wheel(clock), Peer(clock)
    go(beat, clock, 3)
    beat.expire(peer, clock.time() - 100)
    go(beat, clock, 1)
    assert peer.closed


async def test_on_the_wire() -> None:
    """A client that answers pings stays; one that does not is closed 4408 within interval and timeout."""
    async with serving({"PING_INTERVAL": "0.5", "PING_TIMEOUT": "0.4"}) as it:
        async with ChatClient.open(it.url, "Ada") as ada, await RawSocket.open(cast(Any, it), "Mallory") as mute:
            assert await mute.closed() == 4408
            assert 1 <= [opcode for opcode, _ in mute.received].count(PING) <= 2
            await until(lambda: it.hub.connections == 1, "counted out")
            assert (await ada.ping())["type"] == "pong"
        async with await RawSocket.open(cast(Any, it), "Trudy") as raw:
            for _ in range(3):
                received = await raw.read_frame()
                assert received is not None and received[0] == PING
                await raw.send(frame(received[1], PONG))
