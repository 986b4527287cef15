"""/asyncapi.json is what the service does on /socket and /events: each frame both ways, the codes."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from service import protocol
from service.assets import asyncapi, release
from service.pages import STATIC
from service.protocol import CloseCode, ErrorCode

from .harness import ChatClient, ChatError, make_jwt
from .harness.chat_client import fetch_ticket
from .harness.service_process import ROOT
from .serving import serving
from .test_docs import PROTOCOL, table
from .test_openapi import closed

DOCUMENT: dict[str, Any] = json.loads(release.load(STATIC).pages[release.ASYNCAPI].plain)
SCHEMA = json.loads((ROOT / "tests/javascript/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json").read_text())
COMPONENTS = closed(copy.deepcopy(DOCUMENT["components"]))
CHANNEL = DOCUMENT["channels"]["chat"]
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]


def references(part: Any) -> Iterator[str]:
    """All that a part of the document refers to."""
    if isinstance(part, dict):
        yield from [part["$ref"]] if "$ref" in part else []
        for one in part.values():
            yield from references(one)
    elif isinstance(part, list):
        for one in part:
            yield from references(one)


def found(reference: str) -> Any:
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return found(part["$ref"]) if isinstance(part, dict) and "$ref" in part else part


def messages(sent: bool) -> dict[str, Any]:
    """What the service sends, answers among it, or what it is sent: the schemas by type of frame."""
    listed: list[dict[str, str]] = []
    for operation in DOCUMENT["operations"].values():
        if sent:
            listed += operation.get("reply", {}).get("messages", [])
        if (operation["action"] == "send") == sent:
            listed += operation["messages"]
    return {found(one["$ref"])["name"]: found(one["$ref"])["payload"] for one in listed}


def hold(frame: dict[str, Any], *, sent: bool) -> None:
    """Raise unless it is as the document says; what the service sends may have no field that isn't there."""
    components = COMPONENTS if sent else DOCUMENT["components"]
    Draft7Validator(messages(sent)[frame["type"]] | {"components": components}).validate(frame)


def test_it_is_a_document_of_asyncapi() -> None:
    """By its makers' schema; all that it refers to is there."""
    Draft7Validator.check_schema(SCHEMA)
    Draft7Validator(SCHEMA).validate(DOCUMENT)
    for reference in references(DOCUMENT):
        assert found(reference), reference
    for message in MESSAGES.values():
        Draft7Validator.check_schema(message["payload"] | {"components": DOCUMENT["components"]})


def test_its_makers_schema_sees_a_mistake() -> None:
    """A control."""
    wrong = copy.deepcopy(DOCUMENT)
    wrong["operations"]["join"]["action"] = "shout"
    assert not Draft7Validator(SCHEMA).is_valid(wrong)


def test_it_has_every_frame_and_code() -> None:
    """Each of the contract, and what docs/protocol.md says of the codes, in its words."""
    assert messages(sent=False).keys() == protocol.TYPES
    frames = {str(kind.__struct_config__.tag) for kind in protocol.Frame.__subclasses__()}
    assert messages(sent=True).keys() == frames | {*protocol.EVERYBODYS, "topic"}
    errors = [[f"`{one['code']}`", one["when"], one["again"]] for one in MESSAGES["Error"]["x-error-codes"]]
    assert errors == table(PROTOCOL, "code | when | try again?")
    assert [one["code"] for one in MESSAGES["Error"]["x-error-codes"]] == list(ErrorCode)
    said = {
        int(code): (meaning, client)
        for codes, meaning, client in table(PROTOCOL, "code | meaning | the client")
        for code in codes.split(", ")
    }
    assert {one["code"]: (one["meaning"], one["client"]) for one in CHANNEL["x-close-codes"]} == said
    assert {one["code"]: one["name"] for one in CHANNEL["x-close-codes"]} == {
        int(code): code.name for code in CloseCode
    }


def test_there_is_an_example_of_every_request() -> None:
    """Each as its schema says."""
    assert {example["type"] for example in asyncapi.EXAMPLES} == protocol.TYPES
    for example in asyncapi.EXAMPLES:
        hold(example, sent=False)


MODERATOR = {"jwt": make_jwt("m1", "Moira", role="moderator")}


@pytest.mark.parametrize("events", [False, True], ids=["socket", "events"])
async def test_every_frame_was_seen(events: bool) -> None:
    """Each that the service sends is as its schema says, and has no field more; each example is accepted."""
    async with serving() as it:
        async with (
            ChatClient.open(it.url, **MODERATOR, events=events) as moira,
            ChatClient.open(it.url, "Ada", events=events) as ada,
            ChatClient.open(it.url, "Bob", events=events) as bob,
        ):
            await as_in_the_examples(it.url, moira, ada)
            await bob.join("lobby", events=["topic"])
            await beside_the_examples(moira, ada, bob)
            service = {"Authorization": f"Bearer {make_jwt('s1', 'Backend', role='service')}"}
            assert (await it.fetch("/rooms/lobby", "DELETE", **service)).code == 200
            await ada.recv("reset")
        async with ChatClient.open(it.url, **MODERATOR, events=events) as again:
            await again.join("annex")
            await it.service.drain()
            await again.recv("reconnect")
    seen = [frame for client in (moira, ada, bob, again) for frame in client.frames]
    for frame in seen:
        hold(frame, sent=True)
    assert {frame["type"] for frame in seen} == messages(sent=True).keys()
    pages = [message for frame in seen for message in frame.get("messages", ())]
    assert {name for message in pages for name in message} == COMPONENTS["schemas"]["Message"]["properties"].keys()


async def as_in_the_examples(url: str, moira: ChatClient, ada: ChatClient) -> None:
    """All of them, in their order, by a moderator; Ada is there, and sees what comes of them."""
    for example in asyncapi.EXAMPLES:
        if example["type"] == "renew":
            headers = {"Origin": url, "Authorization": f"Bearer {MODERATOR['jwt']}"}
            example = example | {"ticket": (await fetch_ticket(url, None, headers))["ticket"]}
        await moira.raw(json.dumps(example))
        if "ref" in example:
            answer = await moira.recv(ref=example["ref"])
            assert answer["type"] != "error", (example, answer)
        if example["type"] == "join":
            await ada.join("lobby", events=["topic"])
    await moira.ping()
    assert not [frame for frame in moira.frames if frame["type"] == "error"]


async def beside_the_examples(moira: ChatClient, ada: ChatClient, bob: ChatClient) -> None:
    """What they don't lead to: an error, who comes and goes, what is read and typed, marks of messages, a kick."""
    with pytest.raises(ChatError):
        await ada.send("lobby", "")
    one, two, three = [(await ada.send("lobby", text))["seq"] for text in ("one", "two", "three")]
    await ada.request("edit", room="lobby", id="e", target=one, text="One")
    await ada.request("react", room="lobby", id="r", target=two, emoji="👍")
    await ada.request("remove", room="lobby", id="d", target=three)
    await ada.request("history", room="lobby")
    await ada.raw(json.dumps({"type": "read", "room": "lobby", "seq": two}))
    await bob.recv("read")
    await ada.raw(json.dumps({"type": "typing", "room": "lobby"}))
    await bob.recv("typing")
    await moira.join("lobby", since=None)
    await moira.request("moderate", room="lobby", user=bob.user["id"], action="kick")
    assert (await bob.closed())[0] == CloseCode.REMOVED
    await ada.recv("presence")
