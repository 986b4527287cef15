"""service/logs.py: the lines of the log as they reach standard error."""

import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator

import pytest

from service import logs
from service.logs import fields

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
    logs.set_up("info", "logfmt", timestamps=False, pids=False)
    logger.info("ready")
    logger.info("room %s: reset", "lobby")
    assert lines(capsys) == [
        "level=info name=service.test msg=ready",
        'level=info name=service.test msg="room lobby: reset"',
    ]


@pytest.mark.parametrize("pids", [False, True])
def test_a_line_says_of_which_process_it_is(capsys: pytest.CaptureFixture[str], pids: bool) -> None:
    """Where several write to one place; the pid that the parent names when it ends. In both forms."""
    logs.set_up("info", "logfmt", timestamps=False, pids=pids)
    logger.info("ready")
    logs.set_up("info", "json", timestamps=False, pids=pids)
    logger.info("ready")
    plain, as_json = lines(capsys)
    assert plain == "level=info " + (f"pid={os.getpid()} " if pids else "") + "name=service.test msg=ready"
    assert json.loads(as_json).get("pid") == (os.getpid() if pids else None)


@pytest.mark.parametrize("text", ["two\nlines", 'a "quote"', "a=b", "back\\slash", "", "\x1b[31mred", "\u202eevil"])
def test_what_a_message_holds_can_not_forge_a_line(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Line ends, quotes and control characters stay inside the quotes, and a reader gets them back."""
    logs.set_up("info", "logfmt", timestamps=False, pids=False)
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
    logs.set_up("info", form, timestamps=False, pids=False)
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
    logs.set_up("info", "logfmt", timestamps=True, pids=False)
    record = logging.LogRecord("service.test", logging.INFO, "", 0, "ready", None, None)
    record.created, record.msecs = 1_700_000_000.0625, 62.5
    logging.getLogger().handle(record)
    assert lines(capsys) == ["at=2023-11-14T22:13:20.062Z level=info name=service.test msg=ready"]


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_traceback_is_part_of_its_line(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """A log that is read by line keeps the event whole."""
    logs.set_up("info", form, timestamps=False, pids=False)
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
    logs.set_up("info", "json", timestamps=True, pids=False)
    logger.warning("Grüße\nan %s", "alle")
    (line,) = lines(capsys)
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("at"))
    assert found == {"level": "warning", "name": "service.test", "msg": "Grüße\nan alle"}


ODD = [
    "\u2028", "a\u2029b", "\x85", "\x0b\x0c\x1c\x1d\x1e", "\r\n", "\u202eevil\u2066", "\u200b\ufeff",
    "\x00\x7f", "\ud800",
    'a "quote"', "a=b", "\\", "", " ", "level=error msg=forged",
]  # fmt: skip


@pytest.mark.parametrize("form", ["logfmt", "json"])
@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_odd_values_stay_in_their_field(capsys: pytest.CaptureFixture[str], form: str, odd: str) -> None:
    """Whatever splits lines (str.splitlines knows ten of them) or hides is escaped, in messages and in fields."""
    logs.set_up("info", form, timestamps=False, pids=False)
    logger.info("odd: %s", odd, extra=fields("odd", room=odd, count=3))
    (line,) = lines(capsys)
    assert line.isprintable()
    if form == "json":
        assert json.loads(line) == {
            "level": "info",
            "name": "service.test",
            "msg": f"odd: {odd}",
            "event": "odd",
            "room": odd,
            "count": 3,
        }
    else:
        room = re.fullmatch(r'level=info name=service\.test msg="(?:[^"\\]|\\.)*" event=odd room=(.*) count=3', line)
        assert room and (json.loads(room[1]) if room[1].startswith('"') else room[1]) == odd


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_no_line_is_endless(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """A megabyte in a message, a field and an exception: the line says how much it was, and keeps what tells most."""
    megabyte = "x" * 2**20
    logs.set_up("info", form, timestamps=True, pids=False)
    try:
        raise ValueError(megabyte + " the end")
    except ValueError:
        logger.exception("%s", megabyte, extra=fields("odd", path="/" + megabyte))
    (line,) = lines(capsys)
    assert len(line) < 10_000
    assert line.count("… (1048576 characters)") == 1 and "… (1048577 characters)" in line
    assert "Traceback (most recent call last)" in line and " the end" in line


def test_fields_have_their_types_and_what_is_none_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers are numbers in JSON, a float to the millisecond."""
    extra = fields("odd", code=1008, seconds=1.23456, room=None, reason="")
    for form in ("json", "logfmt"):
        logs.set_up("info", form, timestamps=False, pids=False)
        logger.info("said", extra=extra)
    first, second = lines(capsys)
    assert json.loads(first) == {
        "level": "info",
        "name": "service.test",
        "msg": "said",
        "event": "odd",
        "code": 1008,
        "seconds": 1.235,
        "reason": "",
    }
    assert second == 'level=info name=service.test msg=said event=odd code=1008 seconds=1.235 reason=""'


def test_the_level_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """Below it nothing is said; setting it up again replaces what was, so nothing is said twice."""
    logs.set_up("error", "logfmt", timestamps=False, pids=False)
    logger.info("quiet")
    logs.set_up("debug", "logfmt", timestamps=False, pids=False)
    logger.debug("loud")
    assert lines(capsys) == ["level=debug name=service.test msg=loud"]


def test_tornado_does_not_quote_what_clients_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """Its general log names malformed headers, values and all, at INFO: not even at our debug level is that shown."""
    logs.set_up("debug", "logfmt", timestamps=False, pids=False)
    logging.getLogger("tornado.general").info("Malformed HTTP message: Authorization: Bearer secret")
    assert lines(capsys) == []
