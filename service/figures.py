"""The metrics as a line of the log now and then, for platforms whose router leads each scrape to another dyno.

In the form of Heroku's own lines on its dynos: `sample#` is what is so now, `count#` what came since the last line.
"""

import asyncio
import logging
from collections.abc import Iterable
from itertools import pairwise

from prometheus_client.core import Metric

from service import totals

logger = logging.getLogger(__name__)

PERCENTILES = (50, 95, 99)
Sums = dict[str, dict[str, float]]
"""Of counters and histograms, by family: by the bucket's end, "" for a counter, all labels together."""


async def run(seconds: float) -> None:
    """A line each so many seconds, of all processes of the port; one of them writes it."""
    before: Sums = {}
    while True:
        await asyncio.sleep(seconds)
        if totals.current.first:
            families = await totals.current.families()
            now = sums(families)
            logger.info("figures", extra={"fields": line(families, before, now)})
            before = now


def sums(families: Iterable[Metric]) -> Sums:
    found: Sums = {}
    for family in families:
        if family.type in ("counter", "histogram") and family.name.startswith("parley_"):
            of = found[family.name] = {}
            for sample in family.samples:
                if sample.name.endswith(("_total", "_bucket")):
                    end = sample.labels.get("le", "")
                    of[end] = of.get(end, 0.0) + sample.value
    return found


def line(families: Iterable[Metric], before: Sums, now: Sums) -> dict[str, float]:
    """The fields; of a histogram three percentiles, unless nothing came."""
    shown: dict[str, float] = {}
    for family in families:
        if family.name in now:
            grown = {end: value - before.get(family.name, {}).get(end, 0.0) for end, value in now[family.name].items()}
            if family.type == "counter":
                shown["count#" + family.name] = int(grown.get("", 0.0))
            else:
                shown |= {
                    f"sample#{family.name}_p{percent}": value
                    for percent in PERCENTILES
                    if (value := percentile(grown, percent / 100)) is not None
                }
        elif family.name.startswith("parley_") or family.name == "process_resident_memory_bytes":
            shown["sample#" + family.name] = int(sum(sample.value for sample in family.samples))
    return shown


def percentile(buckets: dict[str, float], part: float) -> float | None:
    """As histogram_quantile has it: evenly within a bucket, and the last end for what is beyond; None of nothing."""
    ends = sorted((float(end), count) for end, count in buckets.items())
    if not ends or ends[-1][1] <= 0:
        return None
    rank = part * ends[-1][1]
    for (low, below), (high, count) in pairwise([(0.0, 0.0), *ends]):
        if count >= rank:
            return low if high == float("inf") else low + (high - low) * (rank - below) / (count - below)
    return None
