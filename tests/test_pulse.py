"""service/brokers/pulse.py: when a process may say that another is dead."""

import pytest

from service.brokers.presence import BEAT_INTERVAL, PROCESS_TTL
from service.brokers.pulse import Pulse
from service.clock import SLEW

YEAR = 365 * 86400.0
GAP = PROCESS_TTL / 2


class Beating:
    """Beats every BEAT_INTERVAL, answered after 10 ms; `clock` is the broker's, ahead of ours by so much."""

    def __init__(self) -> None:
        self.pulse = Pulse()
        self.now = 1000.0
        self.clock = 1e9

    def beat(self, after: float = BEAT_INTERVAL, answer: float = 0.01) -> bool:
        self.now += after
        sent = self.now
        self.now += answer
        self.pulse.beat(sent, self.now, self.now + self.clock)
        return self.pulse.steady

    def for_a_life(self) -> list[bool]:
        """As many beats as a process lives without one."""
        return [self.beat() for _ in range(int(PROCESS_TTL / BEAT_INTERVAL))]


@pytest.fixture
def steady() -> Beating:
    """Has beaten for long enough."""
    beating = Beating()
    beating.beat()
    assert beating.for_a_life()[-1]
    return beating


def test_who_has_just_begun_can_not_tell() -> None:
    """Only after a whole life of beats."""
    beating = Beating()
    assert not beating.pulse.steady
    assert not beating.beat()
    assert beating.for_a_life() == [False, False, False, False, True]
    assert beating.beat()


def test_a_beat_that_failed_begins_anew(steady: Beating) -> None:
    """However soon the next one is answered."""
    steady.pulse.lost()
    assert not steady.pulse.steady
    assert not steady.beat(0.7)
    assert steady.for_a_life() == [False, False, False, False, True]


@pytest.mark.parametrize("away", [GAP + 0.1, 30.0, YEAR])
def test_a_process_that_stood_still_begins_anew(steady: Beating, away: float) -> None:
    """Stopped, or its loop held: it did not see who else beat."""
    assert not steady.beat(away)
    assert steady.for_a_life()[-1]


def test_a_late_beat_is_no_gap(steady: Beating) -> None:
    """A busy process may miss one."""
    assert steady.beat(GAP - 0.1)


@pytest.mark.expects_log("the broker's clock stepped by [+-]")
@pytest.mark.parametrize("step", [YEAR, -YEAR, 3600.0, -3600.0, SLEW + 1, -SLEW - 1])
def test_a_step_of_the_brokers_clock_begins_anew(steady: Beating, step: float) -> None:
    """All who were alive look dead by it, or the dead alive. There and back again, each time."""
    steady.clock += step
    assert not steady.beat()
    assert not steady.beat()
    steady.clock -= step
    assert not steady.beat()
    assert steady.for_a_life() == [False, False, False, False, True]


@pytest.mark.parametrize("answer", [0.0, 1.0, 4.0])
def test_a_slow_answer_is_no_step(steady: Beating, answer: float) -> None:
    """The broker looked at its clock at some time between asking and answering."""
    for _ in range(3):
        steady.now += BEAT_INTERVAL
        sent = steady.now
        steady.pulse.beat(sent, sent + answer, sent + steady.clock)
        assert steady.pulse.steady
        steady.now += answer
    assert steady.beat()


def test_a_clock_that_is_corrected_slowly_is_no_step(steady: Beating) -> None:
    """Half a second each beat is much for NTP."""
    for _ in range(20):
        steady.clock += 0.5
        assert steady.beat()


def test_whether_two_clocks_agree(steady: Beating) -> None:
    """The broker's, at the last beat, and ours."""
    assert not Pulse().agrees(1e9, YEAR)
    assert steady.pulse.agrees(steady.now + steady.clock, 1.0)
    assert steady.pulse.agrees(steady.now + steady.clock + 50, 60.0)
    assert not steady.pulse.agrees(steady.now + steady.clock + 3600, 60.0)
