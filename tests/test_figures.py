"""service/figures.py: the metrics as a line of the log."""

import re

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from service import figures

from .harness import ServiceProcess, wait_until


def families(errors: float, quick: float, slow: float) -> list[Metric]:
    counter = CounterMetricFamily("parley_errors", "…", labels=["code"])
    counter.add_metric(["a"], errors)
    counter.add_metric(["b"], 1)
    buckets = [("0.1", quick), ("0.5", quick + slow), ("+Inf", quick + slow)]
    histogram = HistogramMetricFamily("parley_delivery_seconds", "…", buckets=buckets, sum_value=1)
    return [counter, histogram, GaugeMetricFamily("parley_sockets", "…", value=7)]


def test_a_line_has_what_is_so_and_what_came() -> None:
    """Counters by what they grew, over all labels; percentiles of what came, and none of nothing."""
    first, second = families(3, 10, 0), families(5, 10, 100)
    before = figures.sums(first)
    shown = figures.line(second, before, figures.sums(second))
    assert shown == {
        "count#parley_errors": 2,
        "sample#parley_delivery_seconds_p50": pytest.approx(0.3),
        "sample#parley_delivery_seconds_p95": pytest.approx(0.48),
        "sample#parley_delivery_seconds_p99": pytest.approx(0.496),
        "sample#parley_sockets": 7,
    }
    assert figures.line(first, before, before) == {"count#parley_errors": 0, "sample#parley_sockets": 7}


def test_what_is_beyond_the_last_end_counts_as_that() -> None:
    """As in PromQL."""
    assert figures.percentile({"0.1": 0, "1.0": 1, "+Inf": 10}, 0.99) == 1.0
    assert figures.percentile({"0.1": 4, "+Inf": 4}, 0.5) == pytest.approx(0.05)
    assert figures.percentile({}, 0.5) is None


def test_one_of_two_processes_logs_for_both(redis_url: str) -> None:
    """Each interval a line, with both in it."""
    env = {"REDIS_URL": redis_url, "WEB_CONCURRENCY": "2", "METRICS_LOG_SECONDS": "0.5"}
    with ServiceProcess(env) as service:
        wait_until(lambda: sum("sample#parley_processes=2 " in line for line in service.stderr) >= 2, "two lines")
        line = next(line for line in service.stderr if "sample#parley_processes=2 " in line)
        assert "name=service.figures msg=figures " in line
        assert re.search(r" count#parley_published=0 ", line) and "sample#process_resident_memory_bytes=" in line
