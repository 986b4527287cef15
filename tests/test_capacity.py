"""The capacity model: docs/scaling.md is what it computes, and what it computes makes sense. Nothing here is timed."""

import dataclasses
import math
import re
from statistics import median
from typing import get_args

import pytest

from bench import scaling
from bench.capacity import page
from bench.capacity.__main__ import PAGE, main
from bench.capacity.costs import costs_of, load_performance, load_scaling, seen
from bench.capacity.model import (
    CONNECTIONS,
    MOST,
    Load,
    Plan,
    deployment,
    gathered,
    holders,
    hot_room,
    largest_room,
    message,
    of_primaries,
    of_processes,
    redis_message,
    redis_signal,
    signal,
)
from bench.capacity.tables import GROWTH, ROOMS, TEN_MILLION, memory, sized
from bench.load import Run
from bench.scaling import QUICK, Scale, figures, small_rooms

TABLE, FACTS, PLAN = load_performance(), load_scaling(), Plan()
COSTS = costs_of(TABLE, FACTS)


def rows(measure: str) -> float:
    """A figure of docs/performance.json."""
    return median(TABLE.values[measure]["redis"])


# -- the page


def test_the_page_is_what_is_computed() -> None:
    """After a new measurement, or another default: `python -m bench.capacity --write`."""
    assert PAGE.read_text() == page.page(COSTS, PLAN, FACTS)


def test_what_is_printed_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Every table, as it is there."""
    assert main([]) == 0
    printed = re.split(r"^## \w+\n\n", capsys.readouterr().out, flags=re.MULTILINE)[1:]
    assert len(printed) == 9
    assert all(table.strip() in PAGE.read_text() for table in printed)


def test_no_number_is_left_over() -> None:
    """The text uses all that is computed for it."""
    text = page.TEXT.read_text()
    assert set(re.findall(r"\$(\w+)", text)) == set(page.words(COSTS, PLAN, FACTS))


def test_every_cost_says_where_it_is_from() -> None:
    """A command and a day, or a page."""
    for one in dataclasses.fields(COSTS):
        assert re.search(
            r"`python -m bench(\.scaling)?`, \d{4}-\d\d-\d\d|docs/\w+\.md", getattr(COSTS, one.name).source
        )


# -- its units


def test_costs_have_the_size_of_what_they_are() -> None:
    """Seconds are seconds, bytes are bytes."""
    for one in dataclasses.fields(COSTS):
        value, (_, unit) = getattr(COSTS, one.name), get_args(one.type)[1]
        low, high = {"µs": (0, 1e-2), "×": (1, 3), "B": (10, 10_000), "KiB": (100, 1e5), "MiB": (1e6, 1e9)}[unit]
        assert low <= value <= high, one.name
    assert 1e-6 < COSTS.write < 2e-5
    assert 1e-6 < COSTS.receive < COSTS.call < 1e-3
    assert COSTS.copy < COSTS.message < COSTS.call


@pytest.mark.parametrize(
    ("row", "members", "batch", "within"),
    [
        ("flight-1", 1_000, 1, 0.01),
        ("flight-16", 1_000, 16, 0.01),
        ("flight-64", 1_000, 64, 0.15),  # the model was not fitted to this one and the sizes
        ("rooms-1", 10, 1, 0.01),
        ("rooms-4", 10, 4, 0.01),
        ("sizes-1-100", 100, 1, 0.15),
        ("sizes-16-100", 100, 16, 0.25),
    ],
)
def test_the_rows_follow_from_the_costs(row: str, members: int, batch: int, within: float) -> None:
    """A process alone, as the table has it."""
    assert message(COSTS, members, 1, batch) / members * 1e6 == pytest.approx(rows(f"{row}.cpu"), rel=within)


@pytest.mark.parametrize(("row", "batch"), [("rooms-1", 1), ("rooms-4", 4)])
def test_redis_follows_from_the_costs(row: str, batch: int) -> None:
    """Its share of a core, at the rate of the row."""
    share = redis_message(COSTS, 1, batch, kept=False) * rows(f"{row}.messages") * 100
    assert share == pytest.approx(rows(f"{row}.redis"), rel=0.1)


# -- its sense


def test_holders_are_members_or_processes_at_the_most() -> None:
    """Both are approached and never passed."""
    for members in ROOMS:
        counts = [holders(members, processes) for processes in (1, 2, 4, 100, 10_000)]
        assert counts == sorted(counts) and counts[0] == 1
        assert all(count <= min(members, at + 1e-9) for count, at in zip(counts, (1, 2, 4, 100, 10_000), strict=True))
    assert holders(10, 10**9) == pytest.approx(10, rel=1e-6)
    assert holders(10**6, 4) == pytest.approx(4)


def test_gathering_is_bounded_by_its_sources() -> None:
    """What is rare is told one by one; what is not, once an interval by each."""
    assert gathered(0.001, 5, 0.5) == pytest.approx(0.001, rel=0.01)
    assert gathered(10**6, 5, 0.5) == pytest.approx(10)
    assert gathered(0, 5, 0.5) == 0


@pytest.mark.parametrize(
    "cost",
    [
        lambda held, batch, members: message(COSTS, members, held, batch),
        lambda held, batch, members: redis_message(COSTS, held, batch) + members * 1e-12,
    ],
)
def test_costs_grow_with_who_hears_and_shrink_with_the_batch(cost: object) -> None:
    """Of a process and of a Redis."""
    assert callable(cost)
    at = cost(4, 4, 100)
    assert cost(8, 4, 100) > at and cost(4, 4, 200) > at and cost(4, 8, 100) < at


def test_signals_cost_what_they_are_written_to() -> None:
    """Nobody, somebody; one process, several."""
    assert COSTS.call <= signal(COSTS, 0, 1) < signal(COSTS, 10, 1) < signal(COSTS, 10, 2)
    assert redis_signal(COSTS, 1) < redis_signal(COSTS, 2)


def test_the_parts_are_all_there_is() -> None:
    """Without people a process has itself to keep; twice the people in twice the processes cost twice, and no less."""
    one = of_processes(COSTS, Load(10_000, 10), 1)
    assert set(one.parts) == {"messages", "reads", "presence", "connects", "sockets", "processes"}
    assert of_processes(COSTS, Load(10_000, 10, read=False), 1).parts["reads"] == 0
    assert of_processes(COSTS, Load(20_000, 10), 2).cores >= 2 * one.cores
    assert of_primaries(COSTS, Load(20_000, 10), 2).cores >= 2 * of_primaries(COSTS, Load(10_000, 10), 1).cores * 0.99


def test_a_deployment_keeps_to_the_plan() -> None:
    """No core, no memory and no network over what is planned; more people never need less."""
    found = [deployment(COSTS, load, PLAN) for load in (*GROWTH, *TEN_MILLION)]
    for one in found:
        if one.processes <= MOST:
            assert one.busy <= PLAN.share and one.redis_busy <= PLAN.share + 1e-9
            assert one.load.sockets / one.processes <= PLAN.sockets
            assert one.redis_bytes / one.primaries <= PLAN.primary_bytes * PLAN.filled
            assert one.out <= PLAN.out * PLAN.share
            assert one.connections == CONNECTIONS * one.processes
    growth = found[: len(GROWTH)]
    for figure in ("processes", "primaries", "redis_bytes", "connections"):
        values = [getattr(one, figure) for one in growth]
        assert values == sorted(values), figure
    assert {load.sockets for load in TEN_MILLION} == {10_000_000}


def test_reading_never_costs_less() -> None:
    """Of each pair the one in which all read needs at least as much."""
    for load in TEN_MILLION:
        if load.read:
            quiet = deployment(COSTS, dataclasses.replace(load, read=False), PLAN)
            assert deployment(COSTS, load, PLAN).processes >= quiet.processes


def test_one_room_ends_somewhere() -> None:
    """It needs more processes with its members and its rate, each of which keeps to its turn, until Redis says no."""
    before = 0
    for members in (1_000, 10_000, 30_000):
        found = [hot_room(COSTS, PLAN, members, rate) for rate in (1, 10, 100)]
        assert [room.processes for room in found] == sorted(room.processes for room in found)
        assert found[0].processes >= before
        before = found[0].processes
        assert all(room.bound or (room.turn <= PLAN.turn and room.batch >= 1) for room in found)
    edges = [largest_room(COSTS, PLAN, rate) for rate in (1, 100, 10_000)]
    assert edges == sorted(edges, reverse=True)
    assert not hot_room(COSTS, PLAN, edges[1], 100).bound
    assert hot_room(COSTS, PLAN, edges[1] + 1, 100).bound in ("Redis", "network")


def test_figures_are_read_at_a_glance() -> None:
    """Three digits, and units that fit."""
    assert [sized(count) for count in (0.5, 1, 12.34, 999.6, 1234, 9_999_999)] == [
        "0.500",
        "1",
        "12.3",
        "1,000",
        "1,230",
        "10,000,000",
    ]
    assert [memory(count) for count in (2048, 3 * 2**20, 25 * 2**30, 2**41)] == [
        "2.00 KiB",
        "3.00 MiB",
        "25.0 GiB",
        "2.00 TiB",
    ]


# -- what is measured for it


@pytest.mark.parametrize("processes", sorted({shape[0] for shape in Scale().shapes}))
def test_members_of_small_rooms_are_on_all_processes(processes: int) -> None:
    """Sockets go to the processes in turn; of no room are two neighbours on the same one. So are the authors."""
    on: dict[str, list[int]] = {}
    for index, room in enumerate(small_rooms(Scale())):
        on.setdefault(room, []).append(index % processes)
    assert all(len(set(places)) == processes for places in on.values())
    authors = [places[0] for places in on.values()]
    assert max(map(authors.count, range(processes))) <= math.ceil(len(on) / processes)


def test_figures_are_of_a_message() -> None:
    """Seconds become microseconds a message, a rate and a share of a core."""
    run = Run(2.0, 1_000, 10_000, {"server": 1.0, "redis": 0.1, "load": 0.5})
    assert figures(run) == {"messages": 500, "busy": 0.5, "server_us": 1_000, "redis_us": 100, "load_us": 500}


def test_medians_are_taken_over_rounds() -> None:
    """Of the runs of one shape alone."""
    runs = [scaling.Seen("rooms-1", 1, 1, {"server_us": value}) for value in (1.0, 9.0, 2.0)]
    runs.append(scaling.Seen("rooms-1", 2, 1, {"server_us": 50.0}))
    facts = scaling.Facts({}, "2026-01-31", "", 1.0, 1_000, 1.0, 1.0, runs)
    assert seen(facts, "rooms-1", 1, 1) == {"server_us": 2.0}
    assert seen(facts, "rooms-1", 4, 3) == {}


def test_options_narrow_what_is_measured() -> None:
    """`--primaries 1` leaves the cluster out."""
    assert scaling.scale_of(scaling.parser().parse_args([])) == Scale()
    assert scaling.scale_of(scaling.parser().parse_args(["--quick"])) == QUICK
    narrowed = scaling.scale_of(scaling.parser().parse_args(["--primaries", "1", "--rounds", "3"]))
    assert narrowed.rounds == 3 and {primaries for _, primaries in narrowed.shapes} == {1}
