"""service/limits.py: token buckets. Times are given, so nothing here waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.limits import Buckets, Counts, TokenBucket

rates = st.floats(0.01, 1000)
bursts = st.integers(1, 100)
# Steps between attempts: mostly less than a token's time, sometimes long enough to fill the bucket.
steps = st.lists(st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 1000)), max_size=200)


def test_burst_then_rate() -> None:
    """A full bucket gives its burst at once, then one token a rate's time, and says when."""
    bucket = TokenBucket()
    assert [bucket.take(100.0, 2, 3) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(100.0, 2, 3) == pytest.approx(0.5)
    assert bucket.take(100.4, 2, 3) == pytest.approx(0.1)
    assert bucket.take(100.5, 2, 3) == 0
    assert bucket.take(100.5, 2, 3) == pytest.approx(0.5)


def test_refusal_takes_nothing() -> None:
    """However often one asks in vain, the next token comes when it was promised."""
    bucket = TokenBucket()
    bucket.take(0.0, 1, 1)
    for _ in range(1000):
        assert bucket.take(0.5, 1, 1) == pytest.approx(0.5)
    assert bucket.take(1.0, 1, 1) == 0


def test_rate_of_zero_is_off() -> None:
    """A rate of 0 lets everything pass, in a bucket and in many, and keeps nothing."""
    bucket, buckets = TokenBucket(), Buckets(0, 1)
    for _ in range(1000):
        assert bucket.take(0.0, 0, 1) == 0
        assert buckets.take("a", 0.0) == 0
    bucket.block(0.0, 60, 0, 1)
    buckets.block("a", 0.0, 60)
    assert bucket.take(0.0, 0, 1) == 0
    assert len(buckets) == 0


def test_burst_below_one() -> None:
    """A burst smaller than what is asked for lets one through at a time, instead of none ever."""
    bucket = TokenBucket()
    assert bucket.take(0.0, 0.05, 0.5) == 0
    assert bucket.take(0.0, 0.05, 0.5) == pytest.approx(20)
    assert bucket.take(20.0, 0.05, 0.5) == 0


def test_several_tokens() -> None:
    """Several tokens are taken together or not at all."""
    bucket = TokenBucket()
    assert bucket.take(0.0, 1, 10, tokens=8) == 0
    assert bucket.take(0.0, 1, 10, tokens=3) == pytest.approx(1)
    assert bucket.take(0.0, 1, 10, tokens=2) == 0


@given(rates, bursts, steps)
def test_never_more_than_rate_and_burst(rate: float, burst: int, steps: list[float]) -> None:
    """In no stretch of time does more pass than the burst and the rate's share; a wait that was told suffices."""
    bucket, now, passed = TokenBucket(), 0.0, []
    for step in steps:
        now += step
        wait = bucket.take(now, rate, burst)
        assert wait >= 0
        if wait:
            now += wait
            assert bucket.take(now, rate, burst) < 1e-6 * (1 + now)
        passed.append(now)
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + rate * (passed[last] - start) + 1e-3


@given(rates, bursts, st.floats(0.01, 1000), st.integers(0, 100))
def test_block(rate: float, burst: int, seconds: float, taken: int) -> None:
    """After a block nothing passes before its end, then one at a time; it never shortens what is owed."""
    bucket = TokenBucket()
    for _ in range(taken):
        bucket.take(10.0, rate, burst)
    owed = TokenBucket()
    for _ in range(taken):
        owed.take(10.0, rate, burst)
    bucket.block(10.0, seconds, rate, burst)
    # The last of the burst, left untaken, is the one that comes at the block's end.
    wait = bucket.take(10.0, rate, burst)
    assert wait >= seconds * (1 - 1e-6) - 1e-6
    assert wait >= owed.take(10.0, rate, burst) - 1e-6
    assert bucket.take(10.0 + wait * (1 + 1e-9) + 1e-6, rate, burst) == 0


def test_idle() -> None:
    """A bucket is idle once it is full again."""
    bucket = TokenBucket()
    assert bucket.idle(0.0)
    bucket.take(0.0, 2, 3)
    assert not bucket.idle(0.4)
    assert bucket.idle(0.5)


def test_buckets_are_apart() -> None:
    """One key's tokens are not another's."""
    buckets = Buckets(1, 1)
    assert buckets.take("a", 0.0) == 0
    assert buckets.take("a", 0.0) == pytest.approx(1)
    assert buckets.take("b", 0.0) == 0
    buckets.block("b", 0.0, 5)
    assert buckets.take("b", 1.0) == pytest.approx(4)
    assert buckets.take("a", 1.0) == 0
    buckets.block("new", 1.0, 5)
    assert buckets.take("new", 1.0) == pytest.approx(5)


def test_buckets_forget() -> None:
    """A flood of keys leaves no more behind than were active lately, and no debt is forgotten."""
    buckets = Buckets(10, 1)
    buckets.block("debtor", 0.0, 1e9)
    for number in range(100_000):
        buckets.take(f"key {number}", number / 1000)  # each is full again after 100 further keys
    assert len(buckets) <= 2048
    assert buckets.take("debtor", 100.0) > 1e8


def test_buckets_in_use_stay() -> None:
    """When every bucket is in use, none is forgotten, however many there are."""
    buckets = Buckets(0.001, 1)
    for number in range(5000):
        assert buckets.take(f"key {number}", 0.0) == 0
    assert len(buckets) == 5000
    assert all(buckets.take(f"key {number}", 0.0) > 0 for number in range(5000))


def test_wait_takes_nothing() -> None:
    """It says what `take` would, as often as one asks."""
    buckets = Buckets(2, 3)
    for _ in range(3):
        assert [buckets.wait("a", 5.0) for _ in range(10)] == [0] * 10
        assert buckets.take("a", 5.0) == 0
    assert buckets.wait("a", 5.0) == buckets.take("a", 5.0) == pytest.approx(0.5)
    assert buckets.wait("a", 5.0, tokens=2) == pytest.approx(1)
    assert buckets.wait("nobody", 5.0) == 0
    assert len(buckets) == 1


@given(rates, bursts, st.floats(0, 10_000))
def test_a_charge_is_a_debt_with_an_end(rate: float, burst: int, tokens: float) -> None:
    """What was had is paid off, but never for longer than two bursts take; nobody is charged where there is no rate."""
    bucket = TokenBucket()
    bucket.charge(7.0, rate, burst, tokens)
    wait = bucket.wait(7.0, rate, burst)
    assert wait == pytest.approx(max(0.0, min(tokens, 2 * burst) + 1 - burst) / rate, abs=1e-6)
    bucket.charge(7.0, 0, burst, 1e9)
    assert bucket.wait(7.0, rate, burst) == wait


def test_a_charge_never_forgives() -> None:
    """A longer debt, from a block, stays."""
    bucket = TokenBucket()
    bucket.block(0.0, 1000, 1, 1)
    bucket.charge(0.0, 1, 1, 5)
    assert bucket.wait(0.0, 1, 1) >= 1000


def test_sweeping_lets_go_of_what_is_full_again() -> None:
    """Without a new key coming."""
    buckets = Buckets(1, 1)
    for number in range(500):
        buckets.take(f"key {number}", 0.0)
    buckets.block("debtor", 0.0, 60)
    buckets.sweep(1.0)
    assert len(buckets) == 1 and buckets.wait("debtor", 1.0) > 0
    buckets.sweep(100.0)
    assert len(buckets) == 0


def test_what_is_left_is_what_may_still_be_taken() -> None:
    """Of a bucket, and of one among many; without end where the rate is off."""
    bucket = TokenBucket()
    assert bucket.left(0.0, 2, 10) == 10
    bucket.take(0.0, 2, 10, 6)
    assert bucket.left(0.0, 2, 10) == 4
    assert bucket.left(1.0, 2, 10) == 6
    assert bucket.left(100.0, 2, 10) == 10
    buckets = Buckets(2, 10)
    assert buckets.left("a", 0.0) == 10
    buckets.take("a", 0.0, 6)
    assert (buckets.left("a", 0.0), buckets.left("b", 0.0)) == (4, 10)
    assert Buckets(0, 10).left("a", 0.0) == float("inf")


# -- counts


def test_counts_go_up_and_down() -> None:
    """Each key for itself; what is not there is none."""
    counts = Counts()
    counts.add("ada")
    counts.add("ada")
    counts.add("bob")
    assert (counts["ada"], counts["bob"], counts["cy"]) == (2, 1, 0)
    counts.remove("ada")
    assert (counts["ada"], counts["bob"]) == (1, 1)


def test_counts_keep_only_who_is_there() -> None:
    """Its memory follows what is open; removing once too often does no harm."""
    counts = Counts()
    for number in range(1000):
        counts.add(str(number))
        counts.remove(str(number))
    counts.remove("0")
    assert len(counts) == 0
    counts.add("0")
    assert counts["0"] == 1
