"""service/totals.py: one sum over all processes, whichever answers and whichever dies."""

import asyncio
import json
import os
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from service import metrics, totals
from service.totals import Figures, SharedMemory, SharedTotals

from .harness import UNIT, ChatClient, ServiceProcess, free_port, make_jwt, require_tool, wait_until
from .metrics import Labels, samples, samples_of, total
from .test_supervisor import entered, two


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    shared = SharedMemory(3)
    yield shared
    shared.close()


# -- the memory


def test_what_is_written_last_is_read(memory: SharedMemory) -> None:
    """By place; nothing before the first."""
    assert memory.read(0) == b""
    for data in (b"one", b"another", b"x" * 20_000, b""):
        memory.write(0, data)
        memory.write(2, data * 2)
        assert (memory.read(0), memory.read(1), memory.read(2)) == (data, b"", data * 2)


def test_what_is_too_long_is_refused(memory: SharedMemory) -> None:
    """And the neighbour's place is its own."""
    longest = totals.PLACE_BYTES - 16
    memory.write(1, b"neighbour")
    memory.write(0, b"x" * longest)
    with pytest.raises(ValueError, match="bytes of metrics"):
        memory.write(0, b"x" * (longest + 1))
    assert (memory.read(0), memory.read(1)) == (b"x" * longest, b"neighbour")


def test_nobody_reads_half_of_a_writing(memory: SharedMemory) -> None:
    """While another process writes all the time, and after it was killed at it; who comes next goes on from there."""
    seen: set[bytes] = set()
    for _ in range(10):
        before = memory.number(0)
        pid = os.fork()
        if pid == 0:
            for number in range(10**9):
                memory.write(0, bytes([number % 256]) * 10_000)
        try:
            while memory.number(0) == before:
                time.sleep(0.001)
            seen |= {memory.read(0) for _ in range(200)}
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        seen.add(memory.read(0))
    assert len(seen) > 1 and all(len(set(one)) == 1 and len(one) == 10_000 for one in seen)


# -- adding up

FAMILIES: list[Metric] = [
    CounterMetricFamily("parley_errors", "…", labels=["code"]),
    HistogramMetricFamily("parley_acknowledge_seconds", "…", buckets=[("+Inf", 0)], sum_value=0),
    GaugeMetricFamily("parley_sockets", "…"),
    GaugeMetricFamily("parley_broker_available", "…"),
    CounterMetricFamily("process_cpu_seconds", "…"),
    GaugeMetricFamily("process_open_fds", "…"),
]


def part(errors: float, sockets: float, available: float) -> Figures:
    return {
        "parley_errors": [("parley_errors_total", {"code": "a"}, errors), ("parley_errors_total", {"code": "b"}, 1)],
        "parley_acknowledge_seconds": [("parley_acknowledge_seconds_bucket", {"le": "1.0"}, errors)],
        "parley_sockets": [("parley_sockets", {}, sockets)],
        "parley_broker_available": [("parley_broker_available", {}, available)],
        "process_cpu_seconds": [("process_cpu_seconds_total", {}, 7)],
        "process_open_fds": [("process_open_fds", {}, sockets)],
    }


def test_what_lives_and_what_is_dead_is_added_up_by_its_kind() -> None:
    """Counters and histograms over all, gauges of those that live, the worst of the broker, the system's by process."""
    added = totals.add_up(FAMILIES, {0: (part(5, 3, 1), True), 1: (part(7, 9, 1), False), 2: (part(1, 4, 0), True)})
    by_process: dict[tuple[str, Labels], float] = {
        (name, (("process", place),)): value
        for name, values in (("process_cpu_seconds_total", (7, 7)), ("process_open_fds", (3, 4)))
        for place, value in zip("02", values, strict=True)
    }
    assert samples_of(added) == by_process | {
        ("parley_errors_total", (("code", "a"),)): 13,
        ("parley_errors_total", (("code", "b"),)): 3,
        ("parley_acknowledge_seconds_bucket", (("le", "1.0"),)): 13,
        ("parley_sockets", ()): 7,
        ("parley_broker_available", ()): 0,
    }
    assert [family.documentation for family in added] == ["…"] * len(FAMILIES)


# -- asking each other


async def test_others_are_asked_and_waited_for(memory: SharedMemory) -> None:
    """What is refreshed there is in the answer; who takes a place goes on from what was counted there."""
    one, other = SharedTotals(memory, 0, fresh=0), SharedTotals(memory, 1)
    asked: list[str] = []

    async def refresh() -> None:
        await asyncio.sleep(0.01)
        asked.append("other")

    other.refresh = refresh
    one.open()
    other.open()
    before = samples_of(await one.families())["parley_garbage_total", ()]
    assert asked == ["other"]
    metrics.GARBAGE.inc()
    after = samples_of(await one.families())
    assert after["parley_garbage_total", ()] == before + 2, "both count here, in one process"
    assert after["parley_processes", ()] == 2
    other.close()
    memory.settle(1, 0)
    died = samples_of(await one.families())
    assert died["parley_garbage_total", ()] == before + 2 and died["parley_processes", ()] == 1
    replaced = SharedTotals(memory, 1)
    replaced.open()
    grown = samples_of(await one.families())["parley_garbage_total", ()]
    assert grown == before + 2 + total(metrics.GARBAGE), "its own beside those of the one before"
    replaced.close()
    one.close()


async def test_who_does_not_answer_counts_as_it_was(memory: SharedMemory) -> None:
    """A process that hangs holds up an answer for so long, and no longer."""
    one = SharedTotals(memory, 0, wait=0.05)
    one.open()
    memory.settle(1, 1)  # lives, and hears no bell
    memory.write(1, memory.read(0))
    assert samples_of(await one.families())["parley_processes", ()] == 2
    one.close()


# -- services


def scrape(service: ServiceProcess) -> dict[tuple[str, Labels], float]:
    status, headers, body = service.request("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return samples(body)


class Prometheus:
    """A real one that scrapes a service every second."""

    def __init__(self, folder: Path, target: str) -> None:
        self.port = free_port()
        (folder / "prometheus.yml").write_text(
            f"scrape_configs: [{{job_name: parley, scrape_interval: 500ms, scrape_timeout: 500ms,"
            f" static_configs: [{{targets: ['{target}']}}]}}]"
        )
        self.process = subprocess.Popen(
            [
                require_tool("prometheus", "prometheus"),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ]
        )

    def value(self, query: str) -> float | None:
        """Of an instant query with one answer, or None for none."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=5 * UNIT) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:  # not up yet
            return None
        return float(found[0]["value"][1]) if found else None


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Prometheus]:
    running = Prometheus(folder, target)
    try:
        yield running
    finally:
        running.process.terminate()
        running.process.wait()


@pytest.mark.expects_log("ended with -9; starting another")
async def test_prometheus_sees_both_processes_and_no_reset_when_one_is_killed(redis_url: str, tmp_path: Path) -> None:
    """Through the port that they share, so by either."""
    with two(redis_url) as service, prometheus(tmp_path, f"127.0.0.1:{service.port}") as scraper:
        clients = await entered(service, 16)
        for client in clients:
            await client.send("lobby", "hello")
        async with asyncio.timeout(20 * UNIT):
            for client in clients:
                for _ in clients:
                    await client.recv("message")
        for _ in range(8):  # each connection is another process's, by chance
            seen = scrape(service)
            assert (seen["parley_published_total", ()], seen["parley_deliveries_total", ()]) == (16, 256)
            assert (seen["parley_sockets", ()], seen["parley_processes", ()]) == (16, 2)
            assert {labels for name, labels in seen if name == "process_open_fds"} == {
                (("process", "0"),),
                (("process", "1"),),
            }

        def reads(query: str, value: float) -> None:
            wait_until(
                lambda: scraper.value(query) == value, f"{query} is {value}, not {scraper.value(query)}", 20 * UNIT
            )

        await asyncio.to_thread(reads, "parley_published_total", 16)
        assert scraper.value("parley_deliveries_total") == 256 and scraper.value("sum(parley_sockets)") == 16
        assert (
            scraper.value('parley_acknowledge_seconds_bucket{le="+Inf"}')
            == seen["parley_acknowledge_seconds_count", ()]
        )
        victim = service.children[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in service.children, "gone")
        fewest = scrape(service)
        assert fewest["parley_published_total", ()] == 16 and fewest["parley_deliveries_total", ()] >= 256
        wait_until(lambda: len(service.children) == 2, "another process")
        await asyncio.to_thread(reads, "parley_process_starts_total", 3)
        for client in clients:
            await client.close()
        late = await ChatClient.enter(service.url, bearer=make_jwt("late", "Late"))
        await late.join("lobby")
        await late.send("lobby", "again")
        await asyncio.to_thread(reads, "parley_published_total", 17)
        await late.close()
        counted = ("parley_published_total", "parley_deliveries_total", "parley_acknowledge_seconds_count")
        for name in counted:
            assert scraper.value(f"resets({name}[5m])") == 0, name
        assert service.stop() == 0
