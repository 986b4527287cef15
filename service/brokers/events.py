"""Events as they are published: what somebody says, and what somebody does to what was said. No I/O."""

from typing import Any

import msgspec
from msgspec import Struct, structs

from service.brokers.log import Change, Event
from service.protocol import change_tail, event_content, event_head, message_tail

_KINDS = {"edit": "edited", "topic": "topic"}  # of changes that have a text
_TYPES = {"edit": "edited", "remove": "removed", "react": "reacted"}  # of events, by what they do


class Author(Struct, frozen=True, gc=False):
    """Whose event it is: `json` is what others see, `{"id":…,"name":…}`; `network` as in `Event`."""

    id: str
    json: bytes
    moderator: bool = False
    network: str = ""


def message(room: str, id: str, author: Author, text: str) -> Event:
    """A message, whose text was checked."""
    head, tail = event_head("message", room), message_tail(id, author.json, text)
    return Event(room, author.id, id, head, tail, None, event_content("message", text), author.network)


def topic(room: str, id: str, author: Author, text: str) -> Event:
    """What the room is about from here on."""
    head, tail = event_head("topic", room), message_tail(id, author.json, text)
    change = Change("topic", 0, author.id, author.moderator, text=text)
    return Event(room, author.id, id, head, tail, change, event_content("topic", text), author.network)


def change(room: str, id: str, author: Author, kind: str, target: int, **fields: Any) -> Event:
    """An "edit" (`text`), a "remove" or a "react" (`emoji`, `on`) of the message `target`."""
    return Event(
        room,
        author.id,
        id,
        event_head(_TYPES[kind], room),
        change_tail(id, target, author.json, **fields),
        Change(kind, target, author.id, author.moderator, **fields),
        event_content(kind, target, *fields.values()),
        author.network,
    )


class Words(Struct, frozen=True, gc=False):
    """What an event says: its kind as in frames, the id, who says it, the text, and of an edit of which message."""

    kind: str
    id: str
    user: msgspec.Raw
    text: str
    target: int = 0


class _Frame(Struct, gc=False):
    id: str
    user: msgspec.Raw
    text: str
    target: int = 0


_decode_frame = msgspec.json.Decoder(_Frame).decode


def words(event: Event) -> Words | None:
    """Of a message, an edit or a topic; None for what has no text."""
    kind = "message" if event.change is None else _KINDS.get(event.change.kind)
    if kind is None or (event.change is not None and not event.change.text):
        return None
    frame = _decode_frame(b"%b0%b0}" % (event.head.encode(), event.tail))
    return Words(kind, frame.id, frame.user.copy(), frame.text, frame.target)


def reworded(event: Event, text: str) -> Event:
    """The same with another text, which was checked. It dedupes as what its author sent, not as what became of it."""
    said = words(event)
    assert said is not None
    if event.change is None or not said.target:
        tail = message_tail(said.id, bytes(said.user), text)
    else:
        tail = change_tail(said.id, said.target, bytes(said.user), text=text)
    changed = event.change and structs.replace(event.change, text=text)
    return structs.replace(event, tail=tail, change=changed)
