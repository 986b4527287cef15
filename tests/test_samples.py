"""service/samples.py: what clients do wrong is in the log, and nobody can fill it so."""

import asyncio
import json
from typing import Any

import pytest

from service.samples import Samples

from .brokers import until
from .harness import JWT_SECRET, NO_LIMITS, ServiceProcess, make_jwt
from .serving import serving


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of each line."""
    return [record.__dict__["fields"] for record in caplog.records if record.name == "service.samples"]


async def test_a_burst_is_one_line_and_more_is_one_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Each with how many it stands for; another reason is a line of its own, and who is said is the last."""
    caplog.set_level("INFO")
    samples = Samples(gather=0.02, interval=0.2)
    for number in range(40):
        samples.note("token", "it has expired", network=f"192.0.2.{number}")
    samples.note("rate", "too many messages", user="ada")
    await until(lambda: len(told(caplog)) == 2, "a line each")
    for _ in range(3):
        samples.note("token", "it has expired")
    await asyncio.sleep(0.05)
    assert len(told(caplog)) == 2
    await until(lambda: len(told(caplog)) == 3, "the next minute's")
    first, other, more = told(caplog)
    assert (first["kind"], first["reason"], first["count"], first["network"]) == (
        "token",
        "it has expired",
        40,
        "192.0.2.39",
    )
    assert (other["kind"], other["count"], other["user"]) == ("rate", 1, "ada")
    assert more["count"] == 3


async def test_kinds_are_bounded_and_what_is_left_is_said_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """Beyond the limit they are counted together; nothing is said twice."""
    caplog.set_level("INFO")
    samples = Samples(gather=0.02, kinds_limit=2)
    for number in range(10):
        samples.note("token", f"reason {number}")
    samples.flush()
    assert [(line["reason"], line["count"]) for line in told(caplog)] == [
        ("reason 0", 1),
        ("reason 1", 1),
        ("others", 8),
    ]
    await asyncio.sleep(0.05)
    assert len(told(caplog)) == 3


def test_forty_bad_tokens_leave_one_line() -> None:
    """A set-up whose key is another is seen at once: how many, why, where from, and the last request's id; no token."""
    with ServiceProcess({"LOG_FORMAT": "json", **NO_LIMITS}) as service:
        token = make_jwt("u1", "Ada", secret=JWT_SECRET + "-another")
        for number in range(40):
            headers = {"Authorization": f"Bearer {token}", "X-Request-Id": f"r-{number}"}
            assert service.request("GET", "/rooms", headers=headers)[0] == 401
    lines = [line for line in map(json.loads, service.stderr) if line.get("event") == "refused"]
    assert sum(line["count"] for line in lines) == 40
    assert len(lines) <= 2  # those of the first second, and of the rest at the end of the process
    assert {line["kind"] for line in lines} == {"token"} and {line["network"] for line in lines} == {"127.0.0.1"}
    assert lines[-1]["request_id"] == "r-39"
    assert not any(token in line for line in service.stderr)


async def test_who_is_limited_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    """A 429 over HTTP by its sentence."""
    caplog.set_level("INFO")
    async with serving({"TICKET_RATE": "0.001"}) as it:
        answers = [(await it.fetch("/tickets", "POST", {"name": f"Ada {number}"})).code for number in range(4)]
    assert 429 in answers
    (line,) = [line for line in told(caplog) if line["kind"] == "rate"]
    assert line["count"] == answers.count(429) and line["reason"] == "too many tickets"
