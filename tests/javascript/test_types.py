"""static/client/protocol.d.ts says of every frame what service/protocol.py does: fields, types, which may lack."""

import json
import re
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from service import protocol

SOURCE = (Path(__file__).parents[2] / "static" / "client" / "protocol.d.ts").read_text()
NAMES = {"Error": "ErrorFrame", "Since": "Position"}
"""Where the types' names aren't those of the structs."""

PLAIN: dict[Any, str] = {str: "string", int: "number", float: "number", bool: "boolean", msgspec.Raw: "Message"}

Fields = dict[str, str]
"""Type by name; the name ends in `?` where the field may lack."""


def declared(name: str) -> Fields:
    """The fields of an interface, with those that it extends."""
    found = re.search(rf"^(?:export )?interface {name}(?: extends (\w+))? {{\n(.*?)^}}", SOURCE, re.M | re.S)
    assert found, f"no interface {name}"
    inherited = declared(found[1]) if found[1] else {}
    return inherited | dict(re.findall(r"^  (\w+\??): (.+);$", found[2], re.M))


def words(name: str) -> set[str]:
    """The words of a union of literals."""
    found = re.search(rf"^export type {name} =([^;]+);", SOURCE, re.M)
    assert found
    return set(re.findall(r'"(\w+)"', found[1]))


def typescript(kind: Any) -> str:
    """A Python type in TypeScript's words. Whether it may lack is said beside the name."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return typescript(arguments[0])
    if origin in (Union, types.UnionType):
        (kept,) = (one for one in arguments if one not in (types.NoneType, msgspec.UnsetType))
        return typescript(kept)
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in arguments)
    if origin in (Sequence, list):
        return f"{typescript(arguments[0])}[]"
    if origin is dict:
        return f"Record<string, {typescript(arguments[1])}>"
    return PLAIN.get(kind) or NAMES.get(kind.__name__, kind.__name__)


def fields(struct: Any) -> Fields:
    """A struct's fields. A client may leave out what has a default, the service what may be `UNSET`."""
    ours = issubclass(struct, protocol.Frame)
    found = {}
    for field in msgspec.structs.fields(struct):
        lacks = field.default is msgspec.UNSET if ours else not field.required
        found[field.encode_name + "?" * lacks] = typescript(field.type)
    tag = struct.__struct_config__.tag
    return found | ({"type": f'"{tag}"'} if tag else {})


STRUCTS = [
    *get_args(protocol.REQUESTS),
    *protocol.Frame.__subclasses__(),
    protocol.Person,
    protocol.Since,
    protocol.Limits,
    protocol.Topic,
    protocol.Begun,
]


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_frames_have_the_fields_of_the_contract(struct: Any) -> None:
    """Each with its type, and the same of them may lack."""
    assert declared(NAMES.get(struct.__name__, struct.__name__)) == fields(struct)


def test_events_have_the_fields_of_the_contract() -> None:
    """They are no structs: a broker puts them together."""
    user = b'{"id":"u","name":"Ada"}'
    tails = {
        "Message": protocol.message_tail("i", user, "text"),
        "Edited": protocol.change_tail("i", 1, user, text="text"),
        "Removed": protocol.change_tail("i", 1, user),
        "Reacted": protocol.change_tail("i", 1, user, emoji="👍", on=True),
        "TopicEvent": protocol.message_tail("i", user, "text"),
    }
    later = {"removed?", "edited_at?", "reactions?"}  # what became of a message since it was sent
    for name, tail in tails.items():
        kind = name.removesuffix("Event").lower()
        event = json.loads(protocol.event_head(kind, "lobby").encode() + b"1" + tail + b"1}")
        told = declared(name)
        assert told["type"] == f'"{event["type"]}"'
        assert {field.rstrip("?") for field in told.keys() - later} == event.keys()


def test_words_are_those_of_the_contract() -> None:
    """Errors' codes and moderators' actions; every frame is one of the two unions."""
    assert words("ErrorCode") == set(protocol.ErrorCode)
    assert words("Action") == set(protocol.Action)
    unions = " ".join(re.findall(r"^export type (?:Change|ClientFrame|RoomEvent|ServerFrame) =([^;]+);", SOURCE, re.M))
    frames = {NAMES.get(one.__name__, one.__name__) for one in STRUCTS if one.__struct_config__.tag}
    events = {"Message", "Edited", "Removed", "Reacted", "TopicEvent"}
    assert set(re.findall(r"\w+", unions)) == frames | events | {"Change", "RoomEvent"}
