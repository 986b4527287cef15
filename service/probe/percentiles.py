"""Percentiles of all values that were taken: exact, so that the longest wait counts and none is averaged away."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank: the least of the values, at least one, that `percent` of all don't exceed."""
    return ranked(sorted(values), percent)


def ranked(ordered: Sequence[float], percent: float) -> float:
    """The same of values that are in order."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
