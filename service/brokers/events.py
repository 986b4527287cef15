"""Events as they are published: what somebody says, and what somebody does to what was said. No I/O."""

from typing import Any

from msgspec import Struct

from service.brokers.log import Change, Event
from service.protocol import change_tail, event_head, fingerprint, message_tail

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
    return Event(room, author.id, id, head, tail, None, fingerprint("message", text), author.network)


def topic(room: str, id: str, author: Author, text: str) -> Event:
    """What the room is about from here on."""
    head, tail = event_head("topic", room), message_tail(id, author.json, text)
    change = Change("topic", 0, author.id, author.moderator, text=text)
    return Event(room, author.id, id, head, tail, change, fingerprint("topic", text), author.network)


def change(room: str, id: str, author: Author, kind: str, target: int, **fields: Any) -> Event:
    """An "edit" (`text`), a "remove" or a "react" (`emoji`, `on`) of the message `target`."""
    return Event(
        room,
        author.id,
        id,
        event_head(_TYPES[kind], room),
        change_tail(id, target, author.json, **fields),
        Change(kind, target, author.id, author.moderator, **fields),
        fingerprint(kind, target, *fields.values()),
        author.network,
    )
