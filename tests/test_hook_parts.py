"""What of webhooks does no I/O, and what is refused of their settings: signatures, bodies, the doctor's findings."""

import base64
import json
import ssl
from pathlib import Path

import pytest

from service import config, protocol
from service.app import make_broker
from service.brokers.log import Position
from service.doctor import webhooks
from service.doctor.context import Context
from service.doctor.examination import examine_all
from service.errors import ConfigError
from service.findings import Finding
from service.hooks import payloads, signing
from service.hooks.receiver import Failed, Receiver

from .brokers import message, opened, store
from .harness import Authority, free_port
from .hook_receiver import KEY, SECRET, Answer, Request, hook_receiver
from .serving import environment

URL = "https://backend.example.com/parley?key=secret"


def test_signatures_are_those_of_the_specification() -> None:
    """The example of Standard Webhooks' own libraries; and each secret signs."""
    (key,) = signing.keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signing.headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    other = bytes(range(24))
    both = signing.headers(signing.keys(f"{SECRET}, whsec_{base64.b64encode(other).decode()}"), "a", 1, b"{}")
    alone = [signing.headers([one], "a", 1, b"{}")["webhook-signature"] for one in (KEY, other)]
    assert both["webhook-signature"].split(" ") == alone


def test_bodies_have_the_event_as_it_was_broadcast() -> None:
    """With the epoch before it; the time is the event's own, also of one whose text was removed."""
    frame = (
        b'{"type":"message","room":"lobby","seq":5,"id":"m","user":{"id":"u","name":"A"},"text":"}","at":1614265330123}'
    )
    body = json.loads(payloads.event(frame, "e1"))
    assert body == {
        "type": "message",
        "timestamp": "2021-02-25T15:02:10.123Z",
        "data": {"epoch": "e1"} | json.loads(frame),
    }
    removed = frame.replace(b',"text":"}"', b"")[:-1] + b',"removed":true}'
    assert json.loads(payloads.event(removed, "e1"))["timestamp"] == body["timestamp"]
    assert payloads.at_of(b"damaged") == 0 and payloads.kind_of(b"damaged") == ""
    reset = json.loads(payloads.reset("lobby", "trimmed", Position("e1", 7), 1000))
    assert (reset["type"], reset["timestamp"]) == ("reset", "1970-01-01T00:00:01.000Z")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WEBHOOK_URL": "ftp://x"}, "WEBHOOK_URL: expected an https:// address"),
        ({"WEBHOOK_URL": "https://user:pw@x/"}, "WEBHOOK_URL: .*without a user"),
        ({"WEBHOOK_URL": "https://x/#a"}, "WEBHOOK_URL: .*without a user, a password or a #"),
        ({"WEBHOOK_URL": "https://x/", "WEBHOOK_SECRET": ""}, "WEBHOOK_SECRET: required with WEBHOOK_URL"),
        ({"WEBHOOK_ASK_URL": "https://x/", "WEBHOOK_SECRET": ","}, "WEBHOOK_SECRET: required with WEBHOOK_ASK_URL"),
        ({"WEBHOOK_URL": "http://x/"}, "WEBHOOK_URL: expected an https:// address.*WEBHOOK_HTTP=1"),
        ({"WEBHOOK_SECRET": "a" * 40}, "WEBHOOK_SECRET: expected whsec_"),
        ({"WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "WEBHOOK_SECRET: expected whsec_"),
        ({"WEBHOOK_SECRET": ",".join([SECRET] * 3)}, "WEBHOOK_SECRET: expected at most 2"),
        ({"WEBHOOK_EVENTS": "message,typing"}, "WEBHOOK_EVENTS .*'typing' is none of message, "),
        ({"WEBHOOK_EVENTS": ","}, "WEBHOOK_EVENTS names none"),
        ({"WEBHOOK_ROOMS": "Lobby"}, "WEBHOOK_ROOMS .*'Lobby' is no room's name"),
        ({"WEBHOOK_SECONDS": "61"}, "WEBHOOK_SECONDS "),
        ({"WEBHOOK_ASK_SECONDS": "6"}, "WEBHOOK_ASK_SECONDS .*clients wait 10 s"),
        ({"WEBHOOK_ASK_DEFAULT": "maybe"}, "WEBHOOK_ASK_DEFAULT .*accept, refuse"),
    ],
)
def test_wrong_settings_are_refused_by_their_names(settings: dict[str, str], said: str) -> None:
    """No part of a secret or of an address stands in it."""
    with pytest.raises(ConfigError, match=said) as caught:
        config.load(environment({"WEBHOOK_SECRET": SECRET} | settings))
    assert "pw" not in str(caught.value) and SECRET not in str(caught.value)


def test_settings_are_shown_without_what_may_be_secret() -> None:
    """An address may hold a key of the receiver's."""
    known = config.load(environment({"WEBHOOK_URL": URL, "WEBHOOK_SECRET": SECRET, "WEBHOOK_EVENTS": "join, message"}))
    shown = config.describe(known)
    assert "WEBHOOK_URL=(set)" in shown and "WEBHOOK_EVENTS=join,message" in shown
    assert "key=secret" not in shown and base64.b64encode(KEY).decode() not in shown


@pytest.mark.expects_log("webhook: .* takes nothing|SSL Error")
async def test_a_certificate_that_is_not_trusted_gets_nothing(tmp_path: Path) -> None:
    """No byte of what is said leaves before it was checked."""
    certificate = Authority(tmp_path).issue("receiver")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certfile, certificate.keyfile)
    async with hook_receiver(context) as receiver:
        posting = Receiver(receiver.url.replace("http:", "https:"), [KEY], 5)
        with pytest.raises(Failed, match="tls"):
            await posting.post("event", "a", b"{}", read=len)
        posting.close()
        assert receiver.requests == []


def names(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings if finding.name.startswith("webhook") or finding.name == "no-effect"}


@pytest.mark.expects_log("webhook: .* takes nothing")
async def test_the_doctor_asks_the_receivers_and_sees_what_waits(redis_url: str) -> None:
    """Nothing on a good set-up; else by name that one is away, refuses, is reached in the clear, or is behind."""
    async with hook_receiver() as receiver:
        env = environment({"REDIS_URL": redis_url}) | receiver.env() | receiver.ask_env()
        report = await examine_all(env, timeout=1)
        assert "webhooks" in report.looked_at and names(report.findings) == set()
        assert [request.type for request in receiver.taken] == ["ping", "ping"]
        assert all(request.verified() for request in receiver.taken)

        async def refuse(request: Request) -> Answer:
            return 401, b""

        receiver.behave = refuse
        async with opened(make_broker(config.load(env))) as (broker, _):
            await broker.deliveries.begin()
            await store(broker, message())
        report = await examine_all(env, timeout=1)
        assert names(report.findings) == {"webhook-refused"}
        assert report.status == 2
        behind = await webhooks.look(Context(settings=config.load(env), timeout=1), late=0.0)
        assert names(behind) == {"webhook-refused", "webhook-behind"}
        env |= {"WEBHOOK_ASK_URL": f"http://127.0.0.1:{free_port()}/", "WEBHOOK_URL": "http://192.0.2.1/"}
        report = await examine_all(env, timeout=0.2)
        assert names(report.findings) == {"webhook-away", "webhook-plain"}
        assert SECRET not in protocol.encode(report).decode()
    unused = config.load(environment({"WEBHOOK_SECRET": SECRET}))
    assert names(config.warnings(unused)) == {"no-effect"}
