"""What the service's metrics have come to."""

from collections.abc import Iterable

from prometheus_client import Counter
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
"""Names and values, in the order of the names."""


def total(counter: Counter) -> float:
    """How often a counter, or one label's part of it, was raised so far: over all its labels."""
    return sum(
        sample.value for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")
    )


def samples(exposition: bytes) -> dict[tuple[str, Labels], float]:
    """Every sample, as a Prometheus would read it."""
    return samples_of(text_string_to_metric_families(exposition.decode()))


def samples_of(families: Iterable[Metric]) -> dict[tuple[str, Labels], float]:
    """The same of what is not written yet."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }
