"""The clock that steps don't move: a wall and a monotonic clock set by hand."""

import pytest

from service.clock import BELIEVED, SLEW, Clock


class Times:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.elapsed = 100.0
        self.clock = Clock(lambda: self.wall, lambda: self.elapsed)

    def go(self, seconds: float) -> float:
        """Let time pass; what the clock then says, since the beginning."""
        self.wall += seconds
        self.elapsed += seconds
        return self.clock.now() - 1_700_000_000.0


def test_it_follows_small_corrections_at_once() -> None:
    times = Times()
    assert times.go(10) == 10
    times.wall += SLEW / 2
    assert times.go(10) == 20 + SLEW / 2


@pytest.mark.expects_log("the clock")
@pytest.mark.parametrize("step", [3600.0, -3600.0, 365 * 86400.0, -365 * 86400.0])
def test_a_step_that_is_taken_back_moves_nothing(step: float) -> None:
    times = Times()
    times.wall += step
    for second in range(1, 11):
        assert times.go(1) == pytest.approx(second)
    times.wall -= step
    assert times.go(1) == pytest.approx(11)


@pytest.mark.expects_log("the clock")
def test_a_step_that_stands_is_taken_over() -> None:
    times = Times()
    times.wall += 3600
    assert times.go(1) == pytest.approx(1)
    assert times.go(BELIEVED + 1) == pytest.approx(3600 + BELIEVED + 2)


@pytest.mark.expects_log("the clock")
def test_it_is_steady_only_so_long_after_its_start_and_its_last_step() -> None:
    times = Times()
    assert times.clock.steady(0) and not times.clock.steady(600)
    times.go(600)
    assert times.clock.steady(600)
    times.wall += 3600
    assert not times.clock.steady(0)
    times.go(5)
    times.wall -= 3600
    assert times.clock.steady(0) and not times.clock.steady(600)
    times.go(600)
    assert times.clock.steady(600)


def test_a_sleeping_machine_is_no_step() -> None:
    """What the system counts as elapsed includes the sleep."""
    times = Times()
    assert times.go(60 * 86400) == pytest.approx(60 * 86400)
    assert times.clock.steady(600)
