"""The parts of `python -m bench.page` that time nothing: what the relay counts, and what becomes of the values."""

import asyncio
import http.client
from pathlib import Path

import pytest

from bench.goals import Bound
from bench.page import report
from bench.page.__main__ import MEASURES
from bench.page.goals import GOALS, ROWS, PageGoal
from bench.page.wire import wire

from .serving import serving


def test_every_row_is_measured() -> None:
    """What can be asked for is what there is; no metric stands in the table twice."""
    assert set(MEASURES) == set(ROWS)
    metrics = [goal.metric for goal in GOALS]
    assert len(metrics) == len(set(metrics))


async def test_the_relay_counts_requests_and_what_they_bring() -> None:
    """Several on one connection, with bodies, errors and none; a socket's frames apart from its handshake."""
    async with serving() as it, wire(("127.0.0.1", it.port)) as counts:

        def ask() -> list[int]:
            connection = http.client.HTTPConnection("127.0.0.1", counts.port)
            sizes = []
            for method, path, body in (
                ("GET", "/", None),
                ("POST", "/tickets", b'{"name":"Ada"}'),
                ("GET", "/x", None),
            ):
                connection.request(method, path, body)
                answer = connection.getresponse()
                sizes.append(len(answer.read()))
            connection.close()
            return sizes

        sizes = await asyncio.to_thread(ask)
        seen = [(request.method, request.path, request.status) for request in counts.requests]
        assert seen == [("GET", "/", 200), ("POST", "/tickets", 201), ("GET", "/x", 404)]
        for request, size in zip(counts.requests, sizes, strict=True):
            assert size < request.received < size + 1500  # the head
        assert [request.api for request in counts.requests] == [False, True, False]


def test_values_are_kept_until_they_are_measured_anew(tmp_path: Path) -> None:
    """A run of one row leaves the others as they were, each with its command; what is no goal any more goes."""
    first = report.measured({"warm": [0.5], "cold.first": [40.0], "gone": [1.0]}, "python -m bench.page")
    report.add(tmp_path, first)
    report.add(tmp_path, report.measured({"warm": [0.7, 0.9, 0.8]}, "python -m bench.page --only weight"))
    record = report.read(tmp_path)
    assert set(record) == {"warm", "cold.first"}
    assert (list(record["warm"].values), record["cold.first"].command) == ([0.7, 0.9, 0.8], "python -m bench.page")
    text = "\n".join(report.sections(tmp_path))
    assert "0.800 (0.700 to 0.900) kB" in text and "`python -m bench.page --only weight`" in text
    assert report.sections(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(("values", "verdict"), [([1.0, 9.0, 1.0], "reaches the goal"), ([3.0], "**missed**")])
def test_the_median_is_judged(values: list[float], verdict: str) -> None:
    """One odd round changes nothing."""
    assert PageGoal("row", "work", "measure", "metric", "ms", Bound(2)).verdict(values) == verdict
