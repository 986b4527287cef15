"""What the Python client shares with the service and the JavaScript library is the same in all of them."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from parley_client import __version__, advice, codes
from parley_client import protocol as made

import service
from service import protocol

from .generate import MADE, module

LIBRARY = Path(__file__).parents[2] / "static" / "client"


def test_frames_are_those_of_the_service() -> None:
    """`python -m tests.python.generate` was run after the last change."""
    assert MADE.read_text() == module()


def test_it_is_of_the_services_release() -> None:
    assert __version__ == service.__version__


USER = b'{"id":"u","name":"Ada"}'
EVENTS: list[tuple[str, bytes, Any]] = [
    ("message", protocol.message_tail("i", USER, "text"), made.Message),
    ("edited", protocol.change_tail("i", 1, USER, text="text"), made.Edited),
    ("removed", protocol.change_tail("i", 1, USER), made.Removed),
    ("reacted", protocol.change_tail("i", 1, USER, emoji="👍", on=True), made.Reacted),
    ("topic", protocol.message_tail("i", USER, "text"), made.TopicEvent),
]


@pytest.mark.parametrize(("kind", "tail", "struct"), EVENTS, ids=[kind for kind, _, _ in EVENTS])
def test_events_are_those_that_the_service_writes(kind: str, tail: bytes, struct: Any) -> None:
    """Each field of the bytes is one of the struct's, and each that must be there is."""
    text = protocol.event_head(kind, "lobby").encode() + b"1" + tail + b"1}"
    event = msgspec.json.decode(text, type=struct)
    fields = msgspec.json.decode(text)
    assert {name: msgspec.to_builtins(getattr(event, name)) for name in fields if name != "type"} == {
        name: value for name, value in fields.items() if name != "type"
    }
    assert {field.name for field in msgspec.structs.fields(struct) if field.required} <= fields.keys()
    assert type(msgspec.json.decode(text, type=made.FRAMES)) is struct


def test_what_follows_a_close_is_what_the_javascript_library_does() -> None:
    source = (LIBRARY / "codes.js").read_text()
    rules = dict(re.findall(r"\[CloseCode\.(\w+), AfterClose\.(\w+)\]", source))
    assert {code.name: codes.after_close(code).name for code in made.CloseCode} == rules
    assert codes.after_close(1006) is codes.after_close(1011) is codes.AfterClose.RETURN
    (passing,) = re.findall(r"PASSING_ERRORS = Object\.freeze\(\[(.*?)\]\)", source)
    assert set(re.findall(r'"(\w+)"', passing)) == codes.PASSING


def test_advice_is_that_of_the_javascript_library() -> None:
    """In Python's words, and with some more where this library has more."""
    source = (LIBRARY / "advice.js").read_text()
    (shared,) = re.findall(r'const PROTOCOL = "(.*)";', source)
    table = source[source.index("ADVICE = {") :]
    found = re.findall(r'^  (?:\[CloseCode\.(\w+)\]|(\w+)): (?:"(.*)"|PROTOCOL),$', table, re.M)
    theirs = {made.CloseCode[close] if close else word: text or shared for close, word, text in found}
    del theirs["buffered"]  # of the way round by event streams, which this library doesn't take
    assert theirs.keys() <= advice.ADVICE.keys()
    assert {code for code in advice.ADVICE if isinstance(code, int)} == {c for c in theirs if isinstance(c, int)}
    own_words = {"name_taken", "outbox_full", "closed", "overflow"}
    for code, text in theirs.items():
        if code not in own_words:
            assert advice.ADVICE[code] == text.replace("retryAfter", "retry_after")
