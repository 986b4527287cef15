"""Numbers of several rounds, and how they are written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, middle and greatest of some rounds."""

    low: float
    middle: float
    high: float

    def text(self, unit: str = "") -> str:
        """`middle (low to high) unit`; the middle alone where there was one round."""
        tail = f" {unit}" if unit else ""
        if self.low == self.high:
            return number(self.middle) + tail
        return f"{number(self.middle)} ({number(self.low)} to {number(self.high)}){tail}"


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(min(values), median(values), max(values))


def ratios(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Round by round, for a machine's speed changes between rounds; as many as both have."""
    return [value / other for value, other in zip(values, others, strict=False)]


def number(value: float) -> str:
    """Three significant digits, thousands apart: 0.123, 12.3, 1,230,000."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"
