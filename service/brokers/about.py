"""What a room is about: its topic and its beginning. No I/O.

Both brokers keep them beside the log: the frame of the event that set the topic, and `{"user":{"id","name"},"at":…}` of
the first event. The rule of `sets` is written a second time in publish.lua, where it runs inside Redis; the contract
suite holds the two equal.
"""

from typing import Any

import msgspec
from msgspec import Struct

from service import telemetry
from service.brokers import marks
from service.brokers.log import About, Change
from service.protocol import Begun, ErrorCode, RequestError, Topic


class _Event(Struct):
    user: msgspec.Raw
    at: int


_topic_decoder = msgspec.json.Decoder(Topic)
_begun_decoder = msgspec.json.Decoder(Begun)
_event_decoder = msgspec.json.Decoder(_Event)
_encoder = msgspec.json.Encoder()


def refusal() -> RequestError:
    return RequestError(ErrorCode.FORBIDDEN, "only moderators and who began the room may set its topic")


def sets(change: Change, about: About, head: int) -> bool:
    """Whether `change`, the event behind `head`, sets another topic than the room has: else there is no event.

    Raises `forbidden` if neither a moderator nor who began the room wants it; the first event begins it.
    """
    if head and not change.moderator and (about.begun is None or change.user != about.begun.user.id):
        raise refusal()
    return change.text != (about.topic.text if about.topic else "")


def beginning(frame: bytes) -> bytes:
    """What a broker keeps of a room's first event."""
    event = _event_decoder.decode(frame)
    return _encoder.encode({"user": event.user, "at": event.at})


def parse(begun: Any, topic: Any, key: str) -> About:
    """What a broker kept as such, each None where there is none. What can't be read is counted and left out."""
    return About(_decode(_topic_decoder, topic, key), _decode(_begun_decoder, begun, key))


def forget(kept: Any, user: str) -> Any:
    """What a broker kept, once `user` is forgotten. What can't be read stays for `parse` to say so."""
    try:
        fields = msgspec.json.decode(kept)
        if fields["user"]["id"] == user:
            return _encoder.encode(fields | {"user": marks.GONE})
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return kept


def _decode(decoder: "msgspec.json.Decoder[Any]", kept: Any, key: str) -> Any:
    if kept is None:
        return None
    try:
        return decoder.decode(str(kept, "utf-8"))
    except (ValueError, RecursionError, TypeError) as error:
        telemetry.damaged("about", key, error)
        return None
