"""What later events did to a message: its edited text, its removal, its reactions. Pure functions, no I/O.

Both brokers keep these marks beside the log, as JSON with absent fields where nothing happened:
`{"text":"…","edited_at":1700000000000,"reactions":{"👍":["<user id>"]},"edits":[7],"retracted":{"<user id>":1}}`. They
are merged into a frame when a page of history is read. A removal leaves no marks: it takes the text out of the message
in the log, and out of the events that edited it (`redacted`). The rules of `change` are written a second time in
publish.lua, where they run inside Redis; the contract suite holds the two equal.
"""

from typing import Any

import msgspec
from msgspec import Struct

from service.brokers.log import FOREIGN, NO_MESSAGE, Change
from service.protocol import ErrorCode, Person, RequestError

REACTIONS_LIMIT = 20  # different emoji on one message
REACTORS_LIMIT = 500  # people for one emoji on one message: each stands in every page of history that has it
EDITS_LIMIT = 100  # edits of one message; each is an event
RETRACTIONS_LIMIT = 20  # reactions that one user may take back from one message, before no more can be given
RETRACTORS_LIMIT = REACTIONS_LIMIT * REACTORS_LIMIT  # people of whom that is counted for one message

GONE = Person("g-gone", "gone")  # who did what somebody did who was forgotten; nobody can have that id

MESSAGE_START = b'{"type":"message",'  # only messages bear marks
REMOVED_END = b',"removed":true}'  # how a frame ends whose text was taken out


class Marks(Struct, frozen=True, omit_defaults=True):
    """The state of one message. `edited_at` in Unix time, ms; reactions: emoji to the ids of those who gave it.

    `edits`: the seqs of the events that edited it. `retracted`: how many reactions each user has taken back.
    """

    text: str | None = None
    edited_at: int = 0
    removed: bool = False
    reactions: dict[str, list[str]] = {}
    edits: list[int] = []
    retracted: dict[str, int] = {}


class _Author(Struct):
    id: str


class _Message(Struct):
    user: _Author
    text: str = ""


class _Outline(Struct):
    """What of an event nothing changes, and whose it is."""

    type: str
    room: str
    seq: int
    id: str
    at: int
    user: _Author
    target: int = 0


_outline_decoder = msgspec.json.Decoder(_Outline)
_marks_decoder = msgspec.json.Decoder(Marks)
_message_decoder = msgspec.json.Decoder(_Message)
_frame_decoder = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()


def parse(text: bytes | str) -> Marks:
    """Marks from the JSON that a broker kept."""
    return _marks_decoder.decode(text)


def serialize(marks: Marks) -> bytes:
    """Marks as the JSON that a broker keeps; `{}` if nothing holds any more."""
    return _encoder.encode(marks)


def apply(frame: bytes, marks: Marks) -> bytes:
    """The message as it is now, for history pages. Fields that nothing happened to keep their place and their value."""
    if marks.removed:
        return redacted(frame)
    fields = _frame_decoder.decode(frame)
    if marks.text is not None:
        fields["text"] = marks.text
        fields["edited_at"] = marks.edited_at
    if marks.reactions:
        fields["reactions"] = marks.reactions
    return _encoder.encode(fields)


def redacted(frame: bytes) -> bytes:
    """A message, or an event that edited one, without its text, as a removal leaves it in the log."""
    if frame.endswith(REMOVED_END):
        return frame
    fields = _frame_decoder.decode(frame)
    fields.pop("text", None)
    fields["removed"] = True
    return _encoder.encode(fields)


def forgotten(frame: bytes, user: str) -> bytes | None:
    """An event of `user` as it is once they are forgotten; None for somebody else's.

    A reaction is then one that was taken back.
    """
    fields = _frame_decoder.decode(frame)
    person = fields.get("user")
    if not isinstance(person, dict) or person.get("id") != user:
        return None
    if fields.get("type") in ("message", "edited"):
        fields = _frame_decoder.decode(redacted(frame))
    if fields.get("on") is True:
        fields["on"] = False
    fields["user"] = GONE
    return _encoder.encode(fields)


def forget(marks: Marks, user: str) -> Marks:
    """Without the reactions of `user`."""
    reactions = {emoji: [one for one in users if one != user] for emoji, users in marks.reactions.items()}
    kept = {emoji: users for emoji, users in reactions.items() if users}
    retracted = {one: times for one, times in marks.retracted.items() if one != user}
    return msgspec.structs.replace(marks, reactions=kept, retracted=retracted)


def same_event(one: bytes, other: bytes) -> bool:
    """Whether these are frames of one event. A removal may have taken the text out of either, or its author is gone.

    A frame that can't be read is of no other event than one that is equal to it.
    """
    try:
        return one == other or redacted(one) == redacted(other) or _same_but_gone(one, other)
    except (ValueError, RecursionError):
        return False


def _same_but_gone(one: bytes, other: bytes) -> bool:
    outlines = [_outline_decoder.decode(frame) for frame in (one, other)]
    if GONE.id not in (outline.user.id for outline in outlines):
        return False
    first, second = (msgspec.structs.replace(outline, user=_Author("")) for outline in outlines)
    return first == second


def change(frame: bytes | None, marks: Marks, change: Change, seq: int, at: int) -> Marks:
    """The marks of the message `frame` after `change`, which would be the event `seq`, at `at` (Unix time in ms).

    `marks` itself if the change changes nothing: then there is no event. After a removal the broker drops the marks
    and writes `redacted` frames: of the message, and of its `edits`.

    Raises `RequestError`: `bad_request` if `frame` is no message (None: the log doesn't hold it), if the message is
    removed, would bear more reactions than the limits, or was changed too often; `forbidden` if someone but its author
    edits it, or someone but its author and moderators removes it.
    """
    if frame is None or not frame.startswith(MESSAGE_START):
        raise RequestError(ErrorCode.BAD_REQUEST, NO_MESSAGE)
    if marks.removed or frame.endswith(REMOVED_END):
        raise RequestError(ErrorCode.BAD_REQUEST, "the message is removed")
    if change.kind == "react":
        return _react(marks, change)
    if change.kind not in ("edit", "remove"):
        raise ValueError(f"unknown kind of change: {change.kind!r}")
    message = _message_decoder.decode(frame)
    # Moderators take words away; nobody puts words into another's mouth.
    if change.user != message.user.id and not (change.kind == "remove" and change.moderator):
        raise RequestError(ErrorCode.FORBIDDEN, FOREIGN)
    if change.kind == "remove":
        return Marks(removed=True, edits=marks.edits)
    if change.text == (message.text if marks.text is None else marks.text):
        return marks
    if len(marks.edits) >= EDITS_LIMIT:
        raise _too_often()
    return msgspec.structs.replace(marks, text=change.text, edited_at=at, edits=[*marks.edits, seq])


def _too_often() -> RequestError:
    return RequestError(ErrorCode.BAD_REQUEST, "the message has been changed too often")


def _react(marks: Marks, change: Change) -> Marks:
    """Taking back is always possible; who did it too often can't give again."""
    before = marks.reactions.get(change.emoji, [])
    if change.on == (change.user in before):
        return marks
    reactions, retracted = dict(marks.reactions), dict(marks.retracted)
    if change.on:
        reactions[change.emoji] = [*before, change.user]
        if len(reactions) > REACTIONS_LIMIT or len(reactions[change.emoji]) > REACTORS_LIMIT:
            raise RequestError(ErrorCode.BAD_REQUEST, "the message has too many reactions")
        if retracted.get(change.user, 0) >= RETRACTIONS_LIMIT or not _counted(retracted, change.user):
            raise _too_often()
    else:
        reactions[change.emoji] = [user for user in before if user != change.user]
        if not reactions[change.emoji]:
            del reactions[change.emoji]
        if _counted(retracted, change.user):
            retracted[change.user] = retracted.get(change.user, 0) + 1
    return msgspec.structs.replace(marks, reactions=reactions, retracted=retracted)


def _counted(retracted: dict[str, int], user: str) -> bool:
    return user in retracted or len(retracted) < RETRACTORS_LIMIT
