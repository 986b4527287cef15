"""service/protocol.py: frames and events."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service import protocol
from service.names import check_emoji
from service.protocol import (
    CloseCode,
    ErrorCode,
    RefusedFrame,
    Request,
    RequestError,
    change_tail,
    decode,
    encode,
    error_frame,
    event_head,
    message_tail,
)

MOST = 2**53 - 1

# Every request with all of its fields, and the fields that may be left out.
REQUESTS: list[tuple[dict[str, Any], set[str]]] = [
    (
        {"type": "join", "room": "lobby", "limit": 20, "since": {"epoch": "e1", "seq": 41}, "events": ["topic"]},
        {"limit", "since", "events"},
    ),
    ({"type": "leave", "room": "lobby"}, set()),
    ({"type": "topic", "room": "lobby", "id": "m-5", "text": "tea"}, set()),
    ({"type": "send", "room": "lobby", "id": "m-1", "text": "hello"}, set()),
    ({"type": "history", "room": "lobby", "before": 120, "limit": 50}, {"before", "limit"}),
    ({"type": "typing", "room": "lobby"}, set()),
    ({"type": "read", "room": "lobby", "seq": 57}, set()),
    ({"type": "edit", "room": "lobby", "id": "m-2", "target": 58, "text": "hello!"}, set()),
    ({"type": "remove", "room": "lobby", "id": "m-3", "target": 58}, set()),
    ({"type": "react", "room": "lobby", "id": "m-4", "target": 58, "emoji": "👍", "on": False}, {"on"}),
    (
        {"type": "moderate", "room": "lobby", "user": "u1", "action": "ban", "seconds": 1.5, "reason": "spam"}
        | {"network": True},
        {"room", "seconds", "reason", "network"},
    ),
    ({"type": "renew", "ticket": "t" * 43}, set()),
    ({"type": "ping"}, set()),
]


def refused(text: str) -> RefusedFrame:
    with pytest.raises(RefusedFrame) as caught:
        decode(text)
    error = caught.value
    encode(error_frame(error, error.ref))  # must be something that can be sent
    return error


# -- requests


@pytest.mark.parametrize(
    ("fields", "optional"), REQUESTS, ids=lambda value: value.get("type") if isinstance(value, dict) else ""
)
def test_every_request(fields: dict[str, Any], optional: set[str]) -> None:
    """Each request of the contract is decoded with its fields, and with unknown ones ignored."""
    request = decode(json.dumps(fields))
    assert isinstance(request, Request) and request.ref is None
    assert msgspec.to_builtins(request) == fields | {"ref": None}
    more = decode(json.dumps(fields | {"ref": "r1", "colour": {"deep": [1, None]}}))
    assert more.ref == "r1"
    assert msgspec.to_builtins(more) == fields | {"ref": "r1"}
    least = decode(json.dumps({name: value for name, value in fields.items() if name not in optional}))
    assert type(least) is type(request)


@pytest.mark.parametrize(
    ("fields", "optional"), REQUESTS, ids=lambda value: value.get("type") if isinstance(value, dict) else ""
)
def test_missing_and_mistyped_fields(fields: dict[str, Any], optional: set[str]) -> None:
    """A field that is missing or of another type is a bad request that says which, and echoes `ref`."""
    for name in fields.keys() - {"type"}:
        if name not in optional:
            error = refused(json.dumps({key: value for key, value in fields.items() if key != name} | {"ref": "r"}))
            assert (error.code, error.ref) == (ErrorCode.BAD_REQUEST, "r")
            assert name in error.message
        for wrong in ([7], {"an": "object"}, "text" if not isinstance(fields[name], str) else 7):
            error = refused(json.dumps(fields | {name: wrong, "ref": "r"}))
            assert (error.code, error.ref) == (ErrorCode.BAD_REQUEST, "r"), (name, wrong)
            assert f"$.{name}" in error.message


def test_no_request_is_missing_here() -> None:
    """The table above has every request that the module knows."""
    assert {fields["type"] for fields, _ in REQUESTS} == protocol.TYPES


def test_defaults() -> None:
    """What may be left out has the contract's meaning."""
    join = decode('{"type":"join","room":"lobby"}')
    assert (join.limit, join.since) == (protocol.PAGE_DEFAULT, None)
    assert decode('{"type":"react","room":"a","id":"x","target":1,"emoji":"x"}').on is True
    assert decode('{"type":"moderate","user":"u","action":"kick"}').room is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_request"),
        ("{", "bad_request"),
        ("null", "bad_request"),
        ("[]", "bad_request"),
        ('"ping"', "bad_request"),
        ("{}", "bad_request"),
        ('{"type":5}', "bad_request"),
        ('{"type":null}', "bad_request"),
        ('{"type":["ping"]}', "bad_request"),
        ('{"type":"ping"} {"type":"ping"}', "bad_request"),
        ('\ufeff{"type":"ping"}', "bad_request"),
        ("{'type':'ping'}", "bad_request"),
        ('{"type":"ping",}', "bad_request"),
        ('{"type":"leave","type":"ping","room":"a"}', "bad_request"),
        ('{"type":"pong"}', "unknown_type"),
        ('{"type":"Ping"}', "unknown_type"),
        ('{"type":""}', "unknown_type"),
        ('{"type":"welcome","user":{}}', "unknown_type"),
        ("[" * 100_000, "bad_request"),
        ('{"type":"ping","x":' + "[" * 100_000 + "]" * 100_000 + "}", "bad_request"),
        ('{"type":"ping","x":' + '{"x":' * 100_000 + "1" + "}" * 100_001, "bad_request"),
        ('{"type":"ping","ref":' + "[" * 100_000 + "]" * 100_000 + "}", "bad_request"),
        ('{"type":"ping","x":NaN}', "bad_request"),
        ('{"type":"ping","x":Infinity}', "bad_request"),
        ('{"type":"join","room":"a","limit":1e999}', "bad_request"),
        ('{"type":"join","room":"a","limit":1.5}', "bad_request"),
        ('{"type":"join","room":"a","limit":-1}', "bad_request"),
        ('{"type":"join","room":"a","limit":true}', "bad_request"),
        ('{"type":"join","room":"a","since":{"epoch":"","seq":1}}', "bad_request"),
        ('{"type":"join","room":"a","since":{"epoch":"e","seq":-1}}', "bad_request"),
        ('{"type":"read","room":"a","seq":%d}' % 2**63, "bad_request"),
        ('{"type":"read","room":"a","seq":%d}' % 2**64, "bad_request"),
        ('{"type":"read","room":"a","seq":%d}' % (MOST + 1), "bad_request"),
        ('{"type":"read","room":"a","seq":1' + "0" * 5000 + "}", "bad_request"),
        ('{"type":"history","room":"a","before":0}', "bad_request"),
        ('{"type":"send","room":"a","id":true,"text":"b"}', "bad_request"),
        ('{"type":"send","room":"a","id":"","text":"b"}', "bad_request"),
        ('{"type":"send","room":"a","id":"%s","text":"b"}' % ("x" * 65), "bad_request"),
        ('{"type":"send","room":"a","id":"x","text":"\\ud800"}', "bad_request"),
        ('{"type":"send","room":"a","id":"x","text":"\\ud800 and more"}', "bad_request"),
        ('{"type":"send","room":"a","id":"x","text":"\\ud800\\u0041 and more"}', "bad_request"),
        ('{"type":"send","room":"a","id":"x","text":"\\udc00"}', "bad_request"),
        ('{"type":"ping","ref":"\\udfff"}', "bad_request"),
        ('{"type":"ping","colour":"\\ud800"}', "bad_request"),
        ('{"type":"\\ud800"}', "bad_request"),
        ('{"type":"send","room":"a","id":"x","text":"a\nb"}', "bad_request"),
        ('{"type":"send","room":"a","id":"x","text":"a\0b"}', "bad_request"),
        ('{"type":"ping","ref":"%s"}' % ("r" * 65), "bad_request"),
        ('{"type":"react","room":"a","id":"x","target":1,"emoji":""}', "bad_request"),
        ('{"type":"react","room":"a","id":"x","target":1,"emoji":"%s"}' % ("x" * 17), "bad_request"),
        ('{"type":"moderate","user":"u","action":"promote"}', "bad_request"),
        ('{"type":"moderate","user":"u","action":"ban","seconds":0}', "bad_request"),
        ('{"type":"moderate","user":"u","action":"ban","seconds":1e999}', "bad_request"),
        ('{"type":"moderate","user":"","action":"ban"}', "bad_request"),
        ('{"type":"renew","ticket":"%s"}' % ("t" * 4097), "bad_request"),
    ],
    ids=lambda value: value[:40].encode("unicode_escape").decode(),
)
def test_hostile_frames(text: str, code: str) -> None:
    """Whatever is no request is refused with a code of the contract, and nothing else is raised."""
    assert refused(text).code == code


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"ping","type":"ping"}',
        '{"type":"send","room":"a","id":"x","text":"a","text":"b"}',
        '{"type":"send","room":"a","id":"x","text":"a","room":"b"}',
        '{"type":"send","room":"a","id":"x","text":"a","t\\u0065xt":"b"}',
        '{"type":"send","room":"a","id":"x","text":"a","ref":null,"ref":null}',
        '{"type":"send","room":"a","id":"x","text":"a","x":1,"x":2}',
        '{"type":"join","room":"a","since":{"epoch":"e","seq":1,"seq":2}}',
        '{"type":"ping","x":[{"y":1,"y":1}]}',
    ],
)
def test_field_twice(text: str) -> None:
    """Two fields of one name are refused at any depth, since readers differ in which of them counts."""
    error = refused(text)
    assert (error.code, error.message) == (ErrorCode.BAD_REQUEST, "a field stands twice")


def test_text_with_quotation_marks() -> None:
    """A text may hold whatever its frame's own punctuation is."""
    for text in ('"', '","text":"', "\\", '{"type":"ping"}', '""""""""'):
        fields = {"type": "send", "room": "a", "id": "x", "text": text}
        assert decode(json.dumps(fields)).text == text


@given(st.text(max_size=64), st.text(max_size=50), st.text(max_size=64) | st.none())
def test_send_round_trip(id: str, text: str, ref: str | None) -> None:
    """Any text and any reference come through, in whichever way JSON writes them."""
    fields = {"type": "send", "room": "a", "id": id or "x", "text": text, "ref": ref}
    for ascii_only in (True, False):
        request = decode(json.dumps(fields, ensure_ascii=ascii_only))
        assert (request.id, request.text, request.ref) == (id or "x", text, ref)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["type", "ref", "room", "id", "text", "seq", "limit", "since", "target", "user", "x"])
types = st.sampled_from(sorted(protocol.TYPES))


@given(st.dictionaries(names, json_values, max_size=6), types | json_values)
@example({"ref": 2**70}, "ping")
def test_any_object(fields: dict[str, Any], type: Any) -> None:
    """Any JSON object is a request or is refused, with its `ref` if that is one."""
    text = json.dumps(fields | {"type": type})
    try:
        request = decode(text)
    except RefusedFrame as error:
        assert error.ref in (None, fields.get("ref"))
        encode(error_frame(error, error.ref))
    else:
        assert request.ref == fields.get("ref")
        encode(request)


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    """Any text at all is a request or is refused."""
    try:
        decode(text)
    except RefusedFrame as error:
        encode(error_frame(error, error.ref))


def test_ref_of_a_refused_frame() -> None:
    """A refused frame's `ref` is echoed only if it could have been one."""
    assert refused('{"type":"nope","ref":"r"}').ref == "r"
    assert refused('{"type":"send","ref":"r"}').ref == "r"
    assert refused('{"type":"nope","ref":5}').ref is None
    assert refused('{"type":"nope","ref":"%s"}' % ("r" * 65)).ref is None
    assert refused('{"type":"nope"}').ref is None


# -- answers


def test_frames_begin_with_their_type() -> None:
    """Every server frame has its type first and leaves out what is not set."""
    person = protocol.Person("u1", "Ada")
    welcome = protocol.Welcome(user=person, heartbeat=25, limits=protocol.Limits(4000, 65536, 50))
    assert json.loads(encode(welcome)) == {
        "type": "welcome",
        "user": {"id": "u1", "name": "Ada"},
        "version": 1,
        "heartbeat": 25,
        "limits": {"text": 4000, "frame": 65536, "rooms": 50},
    }
    assert encode(welcome).startswith(b'{"type":"welcome",')
    for kind in protocol.Frame.__subclasses__():
        tag = kind.__struct_config__.tag
        fields = {field.name: "x" for field in msgspec.structs.fields(kind) if field.required}
        assert encode(kind(**fields)).startswith(b'{"type":"%b"' % str(tag).encode())
        assert set(json.loads(encode(kind(**fields)))) >= {"type", *fields}


def test_joined_holds_stored_messages_as_they_are() -> None:
    """Messages from the log go into a page without being decoded."""
    stored = [msgspec.Raw(b'{"type":"message","seq":1}'), msgspec.Raw(b'{"type":"message","seq":2}')]
    page = protocol.Joined(room="a", epoch="e", seq=2, resumed=False, messages=stored, more=False)
    assert json.loads(encode(page))["messages"] == [{"type": "message", "seq": 1}, {"type": "message", "seq": 2}]
    assert "ref" not in json.loads(encode(page))


def test_error_frame() -> None:
    """An error says its code, its message, when to try again and what it answers."""
    error = RequestError(ErrorCode.RATE_LIMITED, "too many messages", 1.23456)
    assert json.loads(encode(error_frame(error, "r"))) == {
        "type": "error",
        "ref": "r",
        "code": "rate_limited",
        "message": "too many messages",
        "retry_after": 1.235,
    }
    plain = json.loads(encode(error_frame(RequestError(ErrorCode.FORBIDDEN, "no"))))
    assert plain == {"type": "error", "code": "forbidden", "message": "no"}


def test_tickets_are_in_no_repr() -> None:
    """A frame that carries a ticket doesn't show it when it is printed."""
    ticket = "hidden" * 5
    renew = decode(json.dumps({"type": "renew", "ticket": ticket}))
    assert renew.ticket == ticket
    for frame in (renew, protocol.Reconnect(in_ms=1, ticket=ticket)):
        assert "hidden" not in f"{frame} {frame!r} {[frame]}"


def test_close_codes_are_those_of_the_contract() -> None:
    """Application codes lie in the range for private use, others among the registered (RFC 6455 section 7.4.2)."""
    assert {code for code in CloseCode if code < 4000} == {1000, 1002, 1003, 1007, 1008, 1009, 1012, 1013}
    assert {code for code in CloseCode if code >= 4000} == {4401, 4403, 4408, 4413, 4429}


def test_close_codes_are_those_of_the_document() -> None:
    """docs/protocol.md lists the same close codes as the enum."""
    document = Path(__file__).parent.parent / "docs" / "protocol.md"
    table = document.read_text().split("## Close codes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([0-9, ]+) \|", table, re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(",")} == set(CloseCode)


# -- events


@given(st.text(min_size=1, max_size=64), st.text(max_size=128), st.text(min_size=1, max_size=100), st.integers(1, MOST))
def test_message_event(id: str, user: str, text: str, seq: int) -> None:
    """Head, seq, tail and time put together are the JSON of a message, whatever its words are."""
    user_json = encode(protocol.Person(user, "Ada"))
    event = (
        event_head("message", "lobby").encode() + b"%d" % seq + message_tail(id, user_json, text) + b"1700000000000}"
    )
    assert json.loads(event) == {
        "type": "message",
        "room": "lobby",
        "seq": seq,
        "id": id,
        "user": {"id": user, "name": "Ada"},
        "text": text,
        "at": 1700000000000,
    }


@pytest.mark.parametrize(
    ("kind", "extra"), [("edited", {"text": 'a "b"'}), ("removed", {}), ("reacted", {"emoji": "👍", "on": True})]
)
def test_change_event(kind: str, extra: dict[str, Any]) -> None:
    """The same for an edit, a removal and a reaction."""
    user_json = encode(protocol.Person("u1", "Ada"))
    event = event_head(kind, "lobby").encode() + b"59" + change_tail("c1", 58, user_json, **extra) + b"1}"
    assert json.loads(event) == {
        "type": kind,
        "room": "lobby",
        "seq": 59,
        "id": "c1",
        "target": 58,
        "user": {"id": "u1", "name": "Ada"},
        "at": 1,
        **extra,
    }


def test_topic_event() -> None:
    """A message's fields, under another type."""
    event = event_head("topic", "lobby").encode() + b"7" + message_tail("t1", encode(protocol.Person("u1", "Ada")), "x")
    assert json.loads(event + b"1}") == {
        "type": "topic",
        "room": "lobby",
        "seq": 7,
        "id": "t1",
        "user": {"id": "u1", "name": "Ada"},
        "text": "x",
        "at": 1,
    }


@given(st.text(min_size=1, max_size=64), st.text(max_size=128), st.text(max_size=100), st.integers(1, MOST))
def test_an_event_of_an_unknown_kind_is_a_reaction_that_nobody_gave(id: str, user: str, text: str, seq: int) -> None:
    """Its place in the count, its id, author and time are kept; its words are not."""
    author = encode(protocol.Person(user, "Ada"))
    event = event_head("topic", "lobby").encode() + b"%d" % seq + message_tail(id, author, text) + b"1700000000000}"
    assert not protocol.is_plain(event)
    assert json.loads(protocol.plain(event)) == {
        "type": "reacted",
        "room": "lobby",
        "seq": seq,
        "id": id,
        "target": seq,
        "user": {"id": user, "name": "Ada"},
        "emoji": check_emoji("📌"),
        "on": False,
        "at": 1700000000000,
    }


@pytest.mark.parametrize("kind", protocol.EVERYBODYS)
def test_an_event_of_a_known_kind_is_what_it_is(kind: str) -> None:
    event = event_head(kind, "topic").encode() + b'7,"text":"{\\"type\\":\\"topic\\",","at":1}'
    assert protocol.is_plain(event) and protocol.plain(event) is event


@pytest.mark.parametrize("rest", [b"", b"}", b"\xff", b'"seq":"7"}', b'"room":"../x"}', b'"x":' + b"[" * 100_000])
def test_a_forged_event_is_left_as_it_is(rest: bytes) -> None:
    """Anybody with access to Redis can publish one; to raise would cost the room's members the events beside it."""
    assert protocol.plain(b'{"type":"topic",' + rest) == b'{"type":"topic",' + rest
