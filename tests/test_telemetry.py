"""service/telemetry.py: the lines of the log as they reach standard error, and the metrics as Prometheus reads them."""

import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import telemetry
from service.telemetry import set_up_logging

from .metrics import total

logger = logging.getLogger("service.test")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Logging is the process's own: put it back as it was."""
    root, general = logging.getLogger(), logging.getLogger("tornado.general")
    kept = root.handlers[:], root.level, general.level
    yield
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    general.setLevel(kept[2])


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What stands on standard error since the last look."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


# -- the log


def test_logfmt_is_one_line_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    """Level, name and message; what a value's end could not be told from is quoted."""
    set_up_logging("info", "logfmt", timestamps=False)
    logger.info("ready")
    logger.info("room %s: reset", "lobby")
    assert lines(capsys) == [
        "level=info name=service.test msg=ready",
        'level=info name=service.test msg="room lobby: reset"',
    ]


@pytest.mark.parametrize("text", ["two\nlines", 'a "quote"', "a=b", "back\\slash", "", "\x1b[31mred", "\u202eevil"])
def test_what_a_message_holds_can_not_forge_a_line(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Line ends, quotes and control characters stay inside the quotes, and a reader gets them back."""
    set_up_logging("info", "logfmt", timestamps=False)
    logger.info("%s", text)
    (line,) = lines(capsys)
    quoted = line.removeprefix("level=info name=service.test msg=")
    assert json.loads(quoted) == text
    assert "\n" not in quoted and "\x1b" not in quoted


@pytest.mark.parametrize("form", ["json", "logfmt"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("text", ["dätä", "☃ and 🩷", "dätä with a space", os.fsdecode(b"d\xe4t\xe4")])
def test_a_line_keeps_its_form_in_any_encoding(
    monkeypatch: pytest.MonkeyPatch, form: str, encoding: str, text: str
) -> None:
    """What standard error can't encode is escaped as JSON has it, so that a reader gets it back."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding=encoding, errors="backslashreplace"))
    set_up_logging("info", form, timestamps=False)
    logger.info("%s", text)
    sys.stderr.flush()
    line = written.getvalue().decode(encoding).rstrip("\n")
    said = line.removeprefix("level=info name=service.test msg=")
    if form == "json":
        assert json.loads(line)["msg"] == text
    else:
        assert (json.loads(said) if said.startswith('"') else said) == text


def test_time_is_utc_to_the_millisecond(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the platform doesn't add its own."""
    set_up_logging("info", "logfmt", timestamps=True)
    record = logging.LogRecord("service.test", logging.INFO, "", 0, "ready", None, None)
    record.created, record.msecs = 1_700_000_000.0625, 62.5
    logging.getLogger().handle(record)
    assert lines(capsys) == ["at=2023-11-14T22:13:20.062Z level=info name=service.test msg=ready"]


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_traceback_is_part_of_its_line(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """A log that is read by line keeps the event whole."""
    set_up_logging("info", form, timestamps=False)
    try:
        raise ZeroDivisionError("by nought")
    except ZeroDivisionError:
        logger.exception("it failed")
    (line,) = lines(capsys)
    assert "Traceback" in line and "ZeroDivisionError: by nought" in line
    if form == "json":
        assert set(json.loads(line)) == {"level", "name", "msg", "error"}


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The same fields, typed."""
    set_up_logging("info", "json", timestamps=True)
    logger.warning("Grüße\nan %s", "alle")
    (line,) = lines(capsys)
    fields = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields.pop("at"))
    assert fields == {"level": "warning", "name": "service.test", "msg": "Grüße\nan alle"}


def test_the_level_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Below it nothing is said; setting it up again replaces what was, so nothing is said twice."""
    set_up_logging("error", "logfmt", timestamps=False)
    logger.info("quiet")
    set_up_logging("debug", "logfmt", timestamps=False)
    logger.debug("loud")
    assert lines(capsys) == ["level=debug name=service.test msg=loud"]


def test_tornado_does_not_quote_what_clients_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """Its general log names malformed headers, values and all, at INFO: not even at our debug level is that shown."""
    set_up_logging("debug", "logfmt", timestamps=False)
    logging.getLogger("tornado.general").info("Malformed HTTP message: Authorization: Bearer secret")
    assert lines(capsys) == []


# -- metrics


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
