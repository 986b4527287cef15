"""The examples in docs/webhooks.md: the settings hold, the receivers in Python and Node take what the service posts."""

import asyncio
import http.client
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service import config
from service.brokers import events
from service.hooks import delivery, notices, payloads, questions, receiver
from service.hooks.receiver import Failure

from .harness import ChatClient, free_port, require_tool
from .harness.service_process import ROOT
from .hook_receiver import SECRET
from .serving import environment, outcome, serving

DOCUMENT = (ROOT / "docs" / "webhooks.md").read_text()
EXAMPLES = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
PROGRAMS = {"python": [sys.executable, "-"], "js": ["node", "--input-type=module", "-"]}
CHANGED = {"python": "Loud", "js": "loud"}


def examples(language: str) -> list[str]:
    return [source for of, source in EXAMPLES if of == language]


def test_the_settings_hold() -> None:
    """As a shell sets them."""
    (source,) = examples("sh")
    done = subprocess.run(["bash", "-euc", f"{source}\nenv -0"], capture_output=True, text=True, check=True)
    found = dict(line.partition("=")[::2] for line in done.stdout.split("\0") if line.startswith("WEBHOOK_"))
    settings = config.load(environment(found))
    assert settings.webhook_events == ("message", "edited", "removed")
    assert settings.webhook_rooms == ("lobby", "team-*")


def test_what_is_shown_is_what_is_posted() -> None:
    """Field by field; and the types, reasons and verdicts are those of the code."""
    posted, asked = map(json.loads, examples("json"))
    author = events.Author("u-17", b'{"id":"u-17","name":"Ada"}')
    event = events.message("lobby", "m1", author, "Hello")
    frame = event.head.encode() + b"58" + event.tail + b"1795771800123}"
    assert json.loads(payloads.event(frame, posted["data"]["epoch"])) == posted
    words = events.words(event)
    assert words is not None and json.loads(payloads.question(event, words, 1795771800120)) == asked
    rows = [line.split(" | ") for line in DOCUMENT.splitlines() if line.startswith("| `")]
    assert {*payloads.KINDS, "reset", "ping", "question"} <= {
        name for row in rows for name in re.findall(r"`(\w+)`", row[0])
    }
    reasons = DOCUMENT.split("| `reason` | what it is |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", reasons, re.MULTILINE)) == {*Failure, "dropped"}


def test_the_numbers_are_those_of_the_code() -> None:
    """What is promised of bounds and waits."""
    said = " ".join(DOCUMENT.split())
    for sentence in (
        f"rooms beside each other, {delivery.SENDING_ROOMS_LIMIT} at a time of each process",
        f"names of rooms, {delivery.DUE_LIMIT:,} at most",
        f"`WEBHOOK_SECONDS` and {delivery.LEASE_MARGIN:g} s after it was heard of last",
        f"is found within {delivery.ROOMS_LOOK_INTERVAL:g} s more",
        f"up to {receiver.WAIT_FIRST:g} s at first and a minute in the end",
        f"one over {receiver.ANSWER_BYTES // 1024} KiB is a failure",
        f"from a queue of {notices.WAITING_NOTICES_LIMIT:,} in memory",
        f"{receiver.REQUESTS_AT_ONCE} at a time of a process",
        f"At most {questions.WAITING_EVENTS_LIMIT:,} events of a process wait",
        f"at most {questions.REFUSAL_REASON_LIMIT} characters of it",
    ):
        assert sentence in said, sentence
    assert (receiver.WAIT_LONGEST, delivery.SAVE_INTERVAL, questions.REFUSED_SECONDS) == (60, 0.25, 3600)


@pytest.mark.parametrize("language", PROGRAMS)
async def test_the_receivers_run(language: str, tmp_path: Path) -> None:
    """They verify, judge and print; a request that isn't the service's is refused."""
    require_tool("node", "nodejs")
    (source,) = examples(language)
    port = free_port()
    environ = os.environ | {"WEBHOOK_SECRET": SECRET, "RECEIVER_PORT": str(port)}
    printed = tmp_path / "printed"
    complained = tmp_path / "complained"
    with printed.open("w") as out, complained.open("w") as err, (tmp_path / "source").open("w+") as program:
        program.write(source)
        program.seek(0)
        process = subprocess.Popen(PROGRAMS[language], stdin=program, stdout=out, stderr=err, env=environ)
    try:
        url = f"http://127.0.0.1:{port}/"
        env = {"WEBHOOK_URL": url, "WEBHOOK_ASK_URL": url, "WEBHOOK_SECRET": SECRET, "WEBHOOK_HTTP": "1"}
        await listening(port)
        assert await asyncio.get_running_loop().run_in_executor(None, forged, port) == 401
        async with serving(env | {"WEBHOOK_ASK_SECONDS": "5"}) as it, ChatClient.open(it.url, "Ada") as ada:
            await ada.join("lobby")
            await ada.send("lobby", "Hello")
            assert await outcome(ada.send("lobby", "A casino")) == "refused: no advertising"
            await ada.send("lobby", "LOUD")
            expected = ["lobby 1 Ada Hello", f"lobby 2 Ada {CHANGED[language]}"]
            async with asyncio.timeout(30):
                while printed.read_text().splitlines() != expected:
                    await asyncio.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    said = complained.read_text()
    assert "Traceback" not in said and "Error" not in said, said


def forged(port: int) -> int:
    """What the receiver answers somebody else, in the service's form and time."""
    headers = {"webhook-id": "a", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/", b'{"type":"message","data":{}}', headers)
    status = connection.getresponse().status
    connection.close()
    return status


async def listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
