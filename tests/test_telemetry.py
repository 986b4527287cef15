"""service/telemetry.py: the metrics as Prometheus reads them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import telemetry

from .metrics import total


def samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of the exposition, as a Prometheus would read it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(telemetry.exposition().decode())
        for sample in family.samples
    }


def test_every_metric_of_ours_is_exposed_with_its_help() -> None:
    """Names, kinds and a sentence each."""
    families = {family.name: family for family in text_string_to_metric_families(telemetry.exposition().decode())}
    names = [name for name in families if name.startswith("parley_") and not name.endswith("_created")]
    ours = {name: families[name].type for name in names}
    assert ours == {
        "parley_holes_filled": "counter",
        "parley_garbage": "counter",
        "parley_damaged_records": "counter",
        "parley_errors": "counter",
        "parley_closes": "counter",
        "parley_sockets": "gauge",
        "parley_unsent_bytes": "gauge",
        "parley_rooms": "gauge",
        "parley_broker_available": "gauge",
        "parley_acknowledge_seconds": "histogram",
        "parley_deliveries": "counter",
        "parley_published": "counter",
    }
    assert all(families[name].documentation for name in ours)


def test_plain_integers_count_like_counters() -> None:
    """What is counted for every message shows up with the rest."""
    before = samples()
    telemetry.hot.deliveries += 3
    telemetry.hot.published += 1
    after = samples()
    assert after["parley_deliveries_total", ()] - before["parley_deliveries_total", ()] == 3
    assert after["parley_published_total", ()] - before["parley_published_total", ()] == 1


def test_errors_are_counted_by_code() -> None:
    """A label each."""
    key = ("parley_errors_total", (("code", "bad_room"),))
    before = samples().get(key, 0)
    telemetry.ERRORS.labels("bad_room").inc()
    assert samples()[key] == before + 1


def test_the_process_itself_is_measured() -> None:
    """Memory and descriptors, which is what an operator asks for first."""
    names = {name for name, _ in samples()}
    assert {"process_resident_memory_bytes", "process_open_fds", "python_gc_collections_total"} <= names


@pytest.mark.expects_log("damaged record")
def test_a_damaged_record_is_counted_each_time_and_logged_once_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """By its key, without its value; another key has a line of its own."""
    before = total(telemetry.DAMAGED.labels("position"))
    for _ in range(3):
        telemetry.damaged("position", "parley:{tests}:position", "no number")
    telemetry.damaged("position", "parley:{others}:position", "no number")
    assert total(telemetry.DAMAGED.labels("position")) == before + 4
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"damaged record parley:{{{room}}}:position (position): no number" for room in ("tests", "others")]
