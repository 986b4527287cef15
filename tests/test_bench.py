"""The pure parts of the benchmarks: frames, counts, statistics, verdicts, tables. Nothing here is timed."""

import dataclasses
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bench import report
from bench.__main__ import main as bench_main
from bench.__main__ import parser, plan_of
from bench.dialects import MARK, TEXT, Chat, Echo, broadcast_payload
from bench.frames import PONG, FrameError, FrameReader, client_frame, server_frame
from bench.goals import GOALS, Bound, Goal, sqlite_factor, sqlite_verdict
from bench.load import Run, evenly
from bench.machine import cpu_seconds, parse_smaps
from bench.measure import QUICK, Notes, Plan
from bench.page.__main__ import main as page_main
from bench.profile import shares
from bench.stats import number, ratios, spread
from bench.tables import table
from service.probe.percentiles import percentile
from service.sockets.framing import FrameParser

SIZES = (0, 1, 125, 126, 65535, 65536)


@pytest.mark.parametrize("step", (1, 2, 3, 7, 1000, 1 << 20))
def test_frames_are_cut_out_of_a_stream_in_any_pieces(step: int) -> None:
    """However the bytes come, the same frames leave the reader."""
    sent = [(1, bytes([size % 251]) * size) for size in SIZES] + [(10, b"pong")]
    stream = b"".join(server_frame(payload, opcode) for opcode, payload in sent)
    if step < 7:  # a byte at a time is only worth it for the small ones
        sent = [(1, b"x" * size) for size in (0, 1, 125, 126, 300)]
        stream = b"".join(server_frame(payload, opcode) for opcode, payload in sent)
    reader = FrameReader()
    got = [frame for at in range(0, len(stream), step) for frame in reader.feed(stream[at : at + step])]
    assert got == sent


@pytest.mark.parametrize("header", (b"\x01\x00", b"\xc1\x00", b"\x81\x80"))
def test_fragments_extensions_and_masks_are_refused(header: bytes) -> None:
    """What the contract's server never sends is an error, not a wrong count."""
    with pytest.raises(FrameError):
        FrameReader().feed(header)


@pytest.mark.parametrize("size", SIZES)
def test_client_frames_are_taken_by_the_service_parser(size: int) -> None:
    """The generator's frames are whole and masked, for the strict parser of the service."""
    payload = b"a" * size
    assert list(FrameParser(limit=1 << 20).feed(client_frame(payload))) == [(1, payload.decode())]
    assert list(FrameParser(limit=1 << 20).feed(client_frame(b"at", PONG))) == [(PONG, b"at")]


def test_the_mark_counts_messages_and_nothing_else() -> None:
    """A message holds the mark once, header included; answers, presence and pings don't hold it."""
    messages = b"".join(
        server_frame(broadcast_payload(room, index, number))
        for room, index, number in (("bench", 0, 1), ("bench-99", 9999, 10**6), ("of-10000", 11_099, 10**9))
    )
    assert messages.count(MARK) == 3
    others = (
        b'{"type":"sent","room":"bench","id":"1","seq":1,"at":1700000000000,"duplicate":false}',
        b'{"type":"presence","room":"of-100","count":100}',
        b'{"type":"presence","room":"bench-1","joined":[{"id":"u00001","name":"User 00001"}],"left":[],"count":10}',
    )
    assert sum(server_frame(payload).count(MARK) for payload in others) == 0
    assert server_frame(b"", 9).count(MARK) == 0


def test_both_dialects_publish_forty_bytes_of_text() -> None:
    """What is compared is the same message."""
    (sent,) = FrameParser(limit=1 << 16).feed(Chat("k" * 32).publish("bench", 3, 7))
    assert json.loads(sent[1]) == {"type": "send", "room": "bench", "id": "7", "text": TEXT.decode()}
    assert len(TEXT) == 40
    (echoed,) = FrameParser(limit=1 << 16).feed(Echo().publish("bench", 3, 7))
    message = json.loads(echoed[1])
    assert (message["seq"], message["id"], message["text"]) == (7, "7", TEXT.decode())
    assert message["user"] == {"id": "u00003", "name": "User 00003"}


def test_memory_is_read_by_field() -> None:
    """Sizes become bytes; what else a process has is not looked at."""
    rollup = "5581 [rollup]\nRss:     2048 kB\nPss:     1024 kB\nPss_Anon:  1 kB\nShared_Clean: 9 kB\n"
    assert parse_smaps(rollup) == (2 << 20, 1 << 20)


def test_cpu_time_of_a_process_is_the_kernels() -> None:
    """Asked by its number it is what the process itself is told."""
    before = time.process_time()
    assert before <= cpu_seconds(os.getpid()) <= time.process_time()


def test_samples_are_spread_from_first_to_last() -> None:
    """The last socket to be written to is among those whose latency is known."""
    chosen = evenly(range(1000), 8)
    assert len(set(chosen)) == 8
    assert (chosen[0], chosen[-1]) == (0, 999)
    assert evenly([4, 5, 6], 8) == [4, 5, 6]


def test_statistics() -> None:
    """Median with extremes, nearest-rank percentiles, ratios by round, three digits."""
    assert dataclasses.astuple(spread([3.0, 1.0, 2.0])) == (1.0, 2.0, 3.0)
    assert spread([3.0, 1.0, 2.0]).text("µs") == "2.00 (1.00 to 3.00) µs"
    assert spread([2.0]).text() == "2.00"
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([5.0], 99) == 5.0
    assert ratios([1.0, 4.0, 9.0], [2.0, 2.0]) == [0.5, 2.0]
    written = {0.12345: "0.123", 9.999: "10.0", 12.34: "12.3", 1234567.0: "1,230,000", 999.9: "1,000", 0.0: "0"}
    assert {value: number(value) for value in written} == written


def goal(**changes: object) -> Goal:
    """A goal like the first of the table."""
    made = Goal("row", "work", "measure", "row.cpu", "µs", Bound(1 / 4, of="naive"), Bound(3.5))
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("redis", "verdict"), (([3.0, 3.4, 9.0], "aim"), ([4.0, 4.9, 4.1], "must"), ([6.0, 6.0, 1.0], "missed"), ([], "—"))
)
def test_verdicts_go_by_the_median(redis: list[float], verdict: str) -> None:
    """One odd round neither saves nor spoils a goal."""
    assert goal().verdict({"row.cpu": {"redis": redis, "naive": [20.0, 20.0, 20.0]}}) == verdict


def test_a_ratio_without_its_baseline_has_no_verdict() -> None:
    """Nothing is reached, or missed, that was not measured."""
    assert goal().verdict({"row.cpu": {"redis": [0.1]}}) == "—"
    assert goal(must=None).verdict({"row.cpu": {"redis": [0.1]}}) == "aim"


def test_sqlite_is_judged_by_how_much_worse_it_is() -> None:
    """A rate that halves and a cost that doubles are the same factor."""
    values = {"row.cpu": {"redis": [2.0, 2.0], "sqlite": [5.0, 5.0]}}
    assert sqlite_factor(goal(), values) == [2.5, 2.5]
    assert sqlite_factor(goal(more_is_better=True), values) == [0.4, 0.4]
    assert sqlite_verdict(goal(), values) == "missed"
    assert sqlite_verdict(goal(more_is_better=True), values) == "aim"
    assert sqlite_verdict(goal(), {"row.cpu": {"redis": [2.0], "sqlite": [4.0]}}) == "must"


def full_notes() -> Notes:
    """Values for every goal, every system, two rounds, and for the plots."""
    notes = Notes()
    for system in ("redis", "sqlite", "naive", "websockets"):
        for round_number in (1, 2):
            for one in GOALS:
                if not notes.values[one.metric][system][round_number - 1 :]:
                    notes.add(one.metric, system, 10.0 * round_number)
            notes.run("sizes-1-100", system, Run(2.0, 5, 500, {"server": 1.0, "load": 0.5, "redis": 0.1}))
            notes.run("sizes-1-1000", system, Run(2.0, 5, 5000, {"server": 10.0, "load": 0.5, "redis": 0.1}))
        for rate in (1000.0, 3000.0, 2000.0):
            notes.add("sweep.rate", system, rate)
            notes.add("sweep.p50", system, rate / 1000)
            notes.add("sweep.p99", system, rate / 500)
    return notes


def test_a_run_is_noted_per_delivery_and_per_second() -> None:
    """Seconds become microseconds a delivery and percent of a core."""
    values = full_notes().values
    assert values["sizes-1-100.cpu"]["redis"] == [2000.0, 2000.0]
    assert values["sizes-1-100.rate"]["redis"] == [250.0, 250.0]
    assert values["sizes-1-100.load"]["redis"] == [25.0, 25.0]


def test_the_report_is_written_and_rendered_again_the_same(tmp_path: Path) -> None:
    """Every goal has its line; the plots are SVG; the words can change without a new measurement."""
    values = {metric: dict(systems) for metric, systems in full_notes().values.items()}
    facts = report.Facts({"kernel": "Linux"}, "2026-01-31", "python -m bench", 61.0, 2, values)
    report.write(facts, tmp_path)
    text = (tmp_path / "performance.md").read_text()
    assert all(one.work in text and one.measure in text for one in GOALS)
    assert "2026-01-31" in text and "python -m bench" in text and "kernel: Linux" in text
    for name in ("cpu-per-delivery.svg", "latency.svg"):
        assert f"images/{name}" in text
        assert "<svg" in (tmp_path / "images" / name).read_text()[:1000]
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")}
    report.render_again(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_columns_line_up() -> None:
    """The Markdown is readable as text."""
    lines = table(("a", "long head"), [("cell", "b")]).splitlines()
    assert lines == ["| a    | long head |", "|------|-----------|", "| cell | b         |"]


def test_options_choose_the_plan() -> None:
    """--quick is one round; --only, --rounds and --systems narrow a plan; unknown rows are refused."""
    assert plan_of(parser().parse_args([])) == Plan()
    assert plan_of(parser().parse_args(["--quick"])) == QUICK
    plan = plan_of(parser().parse_args(["--only", "idle", "--only", "memory", "--rounds", "2", "--systems", "redis"]))
    assert plan.rows == {"idle", "memory"}
    assert (plan.rounds, plan.systems) == (2, ("redis",))
    assert plan.descriptors > 10_000 > dataclasses.replace(plan, rows=frozenset({"flight-1"})).descriptors
    assert plan_of(parser().parse_args(["--profile", "perf", "--only", "idle"])).systems == ("redis",)


@pytest.mark.parametrize("options", ("--only nothing", "--systems redis,nothing", "--rounds 0", "--rounds x"))
def test_options_that_can_not_hold_are_refused(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A typo does not measure nothing for ten minutes."""
    with pytest.raises(SystemExit):
        parser().parse_args(options.split())
    assert "expected" in (said := capsys.readouterr().err) or "invalid choice" in said


@pytest.mark.parametrize("main", (bench_main, page_main), ids=("bench", "page"))
def test_a_report_that_is_not_there_is_said_before_anything_is_measured(
    main: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--out", str(tmp_path)] if main is page_main else ["--render", "--out", str(tmp_path)]
    with suppress(SystemExit):
        assert main(arguments) == 1
    assert "expected a folder with performance.json" in capsys.readouterr().err


def test_a_profile_counts_a_function_once_a_stack() -> None:
    """Recursion does not make a function cost more than all; lines and samples without a stack are no functions."""
    own, whole = shares("main (a.py:1);f (a.py:2);f (a.py:9) 3\nmain (a.py:1);g (a.py:5) 1\n 9\n")
    assert own == {"f (a.py)": 75.0, "g (a.py)": 25.0}
    assert whole == {"main (a.py)": 100.0, "f (a.py)": 75.0, "g (a.py)": 25.0}
