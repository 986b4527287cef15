"""service/brokers/outages.py: what an outage was can be told from the log alone."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.brokers.base import Fault
from service.brokers.outages import COSTS, Outages

from .brokers import until
from .harness import NO_LIMITS, UNIT, ChatClient, ChatError, RedisServer, ServiceProcess
from .refusals import full
from .serving import serving
from .test_readiness import Stub, readiness


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of each line of a story."""
    return [record.__dict__["fields"] for record in caplog.records if record.name == "service.brokers.outages"]


@asynccontextmanager
async def outages(stub: Stub, **options: float) -> AsyncIterator[Outages]:
    """Running, with times that are a hundredth of the real ones, about."""
    options = {"look": 0.005, "settled": 0.05, "reminder": 60.0} | options
    it = Outages(stub, readiness(stub, fresh=0.002), **options)  # type: ignore[arg-type]
    task = asyncio.ensure_future(it.run())
    try:
        yield it
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_story_has_a_beginning_an_end_and_a_price(caplog: pytest.LogCaptureFixture) -> None:
    """The first word is the reason; what is lost meanwhile, and again before all is settled, is the same story."""
    caplog.set_level("INFO")
    stub = Stub()
    async with outages(stub) as it:
        await asyncio.sleep(0.01)
        COSTS.refuse(send=True)  # while it was being noticed
        stub.fault = Fault.AWAY
        it.on_trouble("Connection refused", lost=True)
        it.on_trouble("another connection", lost=True)
        await until(lambda: told(caplog), "the beginning")
        COSTS.refuse()
        COSTS.resets += 3
        stub.fault = None
        await asyncio.sleep(0.02)
        stub.fault = Fault.LOADING
        await asyncio.sleep(0.03)
        stub.fault = None
        await until(lambda: len(told(caplog)) > 1, "the end")
        began, over = told(caplog)
        assert began == {"event": "outage_began", "fault": "away", "reason": "Connection refused"}
        assert 0.03 < over.pop("seconds") < 60
        assert over == {
            "event": "outage_over",
            "fault": "loading",
            "reason": "Connection refused",
            "times": 2,
            "sends": 1,
            "requests": 2,
            "holes": 0,
            "behind": 0,
            "resets": 3,
        }


async def test_a_refusal_of_one_command_is_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    """Where writes are taken nothing is told; a connection that was lost for a moment is a story all the same."""
    caplog.set_level("INFO")
    stub = Stub()
    async with outages(stub) as it:
        before = stub.writes
        it.on_trouble("NOPERM", lost=False)
        await until(lambda: stub.writes > before, "a look")
        await asyncio.sleep(0.02)
        assert told(caplog) == []
        it.on_trouble("NOPERM", lost=False)
        it.on_trouble("Connection closed by server.", lost=True)
        await until(lambda: len(told(caplog)) == 2, "a story")
        assert [line["event"] for line in told(caplog)] == ["outage_began", "outage_over"]


async def test_a_long_one_is_reminded_of_and_said_at_the_end_of_the_process(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of it is lost with the process."""
    caplog.set_level("INFO")
    stub = Stub()
    stub.fault = Fault.FULL
    async with outages(stub, reminder=0.05) as it:
        it.on_trouble("OOM", lost=False)
        await until(lambda: len(told(caplog)) == 3, "two reminders")
    events = [line["event"] for line in told(caplog)]
    assert events[0] == "outage_began" and set(events[1:]) == {"outage_lasts"} and len(events) >= 4
    seconds = [line["seconds"] for line in told(caplog)[1:]]
    assert seconds == sorted(seconds)


@pytest.mark.expects_log("redis (commands|channels): |new epoch")
@pytest.mark.timeout(seconds=100 * UNIT)
async def test_an_outage_of_redis_can_be_told_from_the_log_alone() -> None:
    """A Redis is killed, and comes back empty: began, why, how long, that it is over, and what it cost, in JSON."""
    with RedisServer() as server:
        env = {"REDIS_URL": server.url, "LOG_FORMAT": "json", **NO_LIMITS}
        with ServiceProcess(env) as service:

            def lines(event: str) -> list[dict[str, Any]]:
                return [line for line in map(json.loads, service.stderr) if line.get("event") == event]

            async with ChatClient.open(service.url, "Ada") as ada:
                await ada.join("lobby")
                await ada.send("lobby", "before")
                server.kill9()
                await until(lambda: lines("outage_began"), "it is seen")
                for number in range(5):
                    with pytest.raises(ChatError, match="unavailable"):
                        await ada.send("lobby", f"lost {number}")
                with pytest.raises(ChatError, match="unavailable"):
                    await ada.join("other")
                assert service.request("POST", "/tickets", {"name": "Bob"})[0] == 503
                await asyncio.to_thread(server.restart)
                await ada.recv("reset")
                await until(lambda: lines("outage_over"), "it is over", 20 * UNIT)
    (started,) = lines("started")
    assert started["broker"] == "redis" and re.fullmatch(r"\d+\.\d+\.\d+", started["broker_version"])
    (began,), (over,) = lines("outage_began"), lines("outage_over")
    first = lines("redis_lost")[0]["reason"]
    assert began["reason"] == over["reason"] == first
    assert began["fault"] == over["fault"] == "away"
    assert began["at"] < over["at"] and 0 < over["seconds"] < 60
    assert over["sends"] == 5
    assert over["requests"] >= 7
    assert over["resets"] == 1
    assert lines("room_reset")[0]["room"] == "lobby"


@pytest.mark.expects_log("redis refused a command: ")
async def test_a_redis_that_is_full_is_a_story_too(caplog: pytest.LogCaptureFixture) -> None:
    """Connected all the time; its own first word is the reason."""
    caplog.set_level(logging.INFO)
    with RedisServer() as server:
        async with serving({"REDIS_URL": server.url}) as it, ChatClient.open(it.url, "Ada") as ada:
            await ada.join("lobby")
            mend = full(server)
            with pytest.raises(ChatError, match="unavailable"):
                await ada.send("lobby", "a message that does not fit")
            await until(lambda: told(caplog), "the beginning")
            mend()
            await until(lambda: len(told(caplog)) == 2, "the end", 20 * UNIT)
    began, over = told(caplog)
    assert began["fault"] == over["fault"] == "full"
    assert over["reason"].startswith("OOM ")
    assert over["sends"] == 1
