"""service/metrics.py: what a process counts, as Prometheus reads it."""

import subprocess

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric

from service import metrics, totals

from .harness import require_tool
from .metrics import Labels, samples_of


def samples() -> dict[tuple[str, Labels], float]:
    """Of this process."""
    return samples_of(metrics.REGISTRY.collect())


def families() -> dict[str, Metric]:
    return {family.name: family for family in metrics.REGISTRY.collect()}


async def test_every_metric_keeps_the_naming_rules() -> None:
    """By promtool: names, units, suffixes, a sentence each. And what it complains of is seen."""
    promtool = require_tool("promtool", "prometheus")

    def lint(text: bytes) -> "subprocess.CompletedProcess[str]":
        command = [promtool, "check", "metrics"]
        return subprocess.run(command, input=text.decode(), capture_output=True, text=True, check=False)

    checked = lint(totals.exposition(await totals.current.families()))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert "_total" in lint(b"# HELP parley_sent Sent\n# TYPE parley_sent counter\nparley_sent 1\n").stderr


def test_plain_integers_count_like_counters() -> None:
    """What is counted for every message shows up with the rest."""
    before = samples()
    metrics.hot.deliveries += 3
    metrics.hot.published += 1
    after = samples()
    assert after["parley_deliveries_total", ()] - before["parley_deliveries_total", ()] == 3
    assert after["parley_published_total", ()] - before["parley_published_total", ()] == 1


@pytest.mark.parametrize("value", [0.0, 0.1, 0.1000001, 1.0, 2.5, 1000.0])
def test_plain_numbers_make_the_histogram_that_the_library_makes(value: float) -> None:
    """The same buckets, by the same names; a bucket's end is in it."""
    plain = metrics.Plain("tried", "What is tried", (0.1, 1, 2.5), CollectorRegistry())
    library = Histogram("tried", "What is tried", buckets=(0.1, 1, 2.5), registry=None)
    for one in (0.3, value):
        plain.observe(one)
        library.observe(one)
    made, expected = (totals.figures(kind.collect()) for kind in (plain, library))
    assert made == expected


def test_errors_are_counted_by_code() -> None:
    """A label each."""
    key = ("parley_errors_total", (("code", "bad_room"),))
    before = samples().get(key, 0)
    metrics.ERRORS.labels("bad_room").inc()
    assert samples()[key] == before + 1


def test_the_process_itself_is_measured() -> None:
    """Memory and descriptors, which is what an operator asks for first."""
    names = {name for name, _ in samples()}
    assert {"process_resident_memory_bytes", "process_open_fds", "python_gc_collections_total"} <= names
