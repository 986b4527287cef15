"""Token buckets: how much of something may come, and when to try again. No clock here: time is a parameter."""


class TokenBucket:
    """`rate` tokens a second up to `burst`. A rate of 0 switches it off: everything passes.

    Kept as the time at which the bucket will be full again (GCRA, as in ITU-T I.371), so a bucket is one number and an
    untouched one needs no upkeep.
    """

    __slots__ = ("_full_at",)

    def __init__(self) -> None:
        self._full_at = 0.0

    def take(self, now: float, rate: float, burst: float, tokens: float = 1) -> float:
        """Take `tokens` at `now` (seconds); answers 0.0, or the seconds after which to try again, taking nothing."""
        if rate <= 0:
            return 0.0
        full_at = (self._full_at if self._full_at > now else now) + tokens / rate
        # A smaller burst would let nothing pass, ever.
        wait = full_at - now - (burst if burst > tokens else tokens) / rate
        if wait > 1e-9:
            return wait
        self._full_at = full_at
        return 0.0

    def wait(self, now: float, rate: float, burst: float, tokens: float = 1) -> float:
        """What `take` would answer; takes nothing."""
        if rate <= 0:
            return 0.0
        wait = max(self._full_at, now) + tokens / rate - now - max(burst, tokens) / rate
        return wait if wait > 1e-9 else 0.0

    def charge(self, now: float, rate: float, burst: float, tokens: float) -> None:
        """Take `tokens` after the fact, down to a whole burst of debt: no debt is paid off longer than that."""
        if rate > 0:
            self._full_at = max(self._full_at, min(max(self._full_at, now) + tokens / rate, now + 2 * burst / rate))

    def left(self, now: float, rate: float, burst: float) -> float:
        """How many tokens there are at `now`."""
        return burst - max(0.0, self._full_at - now) * rate

    def block(self, now: float, seconds: float, rate: float, burst: float) -> None:
        """Empty the bucket so that the next token is there `seconds` after `now`."""
        if rate > 0:
            self._full_at = max(self._full_at, now + seconds + (burst - 1) / rate)

    def idle(self, now: float) -> bool:
        """Whether the bucket is full again, so that forgetting it changes nothing."""
        return self._full_at <= now


class Buckets:
    """One bucket a key (a user, an address), forgotten when full again, so that memory follows activity."""

    __slots__ = ("_buckets", "_sweep_at", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._buckets: dict[str, TokenBucket] = {}
        self._sweep_at = 1024

    def take(self, key: str, now: float, tokens: float = 1) -> float:
        """As `TokenBucket.take`, for the bucket of `key`."""
        if self.rate <= 0:
            return 0.0
        bucket = self._buckets.get(key) or self._bucket(key, now)
        return bucket.take(now, self.rate, self.burst, tokens)

    def wait(self, key: str, now: float, tokens: float = 1) -> float:
        """As `TokenBucket.wait`, for the bucket of `key`."""
        bucket = self._buckets.get(key)
        return bucket.wait(now, self.rate, self.burst, tokens) if bucket else 0.0

    def charge(self, key: str, now: float, tokens: float) -> None:
        """As `TokenBucket.charge`, for the bucket of `key`."""
        if self.rate > 0:
            self._bucket(key, now).charge(now, self.rate, self.burst, tokens)

    def left(self, key: str, now: float) -> float:
        """As `TokenBucket.left`; without end where the rate is 0."""
        if self.rate <= 0:
            return float("inf")
        bucket = self._buckets.get(key)
        return bucket.left(now, self.rate, self.burst) if bucket is not None else self.burst

    def block(self, key: str, now: float, seconds: float) -> None:
        """As `TokenBucket.block`, for the bucket of `key`."""
        if self.rate > 0:
            self._bucket(key, now).block(now, seconds, self.rate, self.burst)

    def _bucket(self, key: str, now: float) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._sweep_at:
                self.sweep(now)
            bucket = self._buckets[key] = TokenBucket()
        return bucket

    def sweep(self, now: float) -> None:
        """Forget the buckets that are full again. New keys do this by themselves; who may see none calls it."""
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.idle(now)}
        # Doubling keeps the cost of sweeping constant per new key, even when every bucket is in use.
        self._sweep_at = max(1024, 2 * len(self._buckets))

    def __len__(self) -> int:
        return len(self._buckets)


class Counts:
    """How many of something a key (a user, an address) has open."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __getitem__(self, key: str) -> int:
        return self._counts.get(key, 0)

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, key: str) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, key: str) -> None:
        left = self._counts.get(key, 0) - 1
        if left > 0:
            self._counts[key] = left
        else:
            self._counts.pop(key, None)
