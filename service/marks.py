"""What later events did to a message: its edited text, its removal, its reactions. Pure functions, no I/O.

Both brokers keep these marks beside the log, as JSON with absent fields where nothing happened:
`{"text":"…","edited_at":1700000000000,"reactions":{"👍":["<user id>"]}}` or `{"removed":true}`. The log itself holds
what was broadcast and is never rewritten, so marks are merged into a frame when a page is read. The rules of `change`
are written a second time in publish.lua, where they run inside Redis; the contract suite holds the two equal.
"""

from typing import Any, Protocol

import msgspec
from msgspec import Struct

from service.protocol import ErrorCode, RequestError

REACTIONS_LIMIT = 20  # different emoji on one message
REACTORS_LIMIT = 500  # people for one emoji on one message: each stands in every page of history that has it

MESSAGE_START = b'{"type":"message",'  # only messages bear marks
_EDITED_START = b'{"type":"edited",'


class Change(Protocol):
    """What `change` reads of a `broker.Change`."""

    @property
    def kind(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def moderator(self) -> bool: ...
    @property
    def text(self) -> str: ...
    @property
    def emoji(self) -> str: ...
    @property
    def on(self) -> bool: ...


class Marks(Struct, frozen=True, omit_defaults=True):
    """The state of one message. `edited_at` in Unix time, ms; reactions: emoji to the ids of those who gave it."""

    text: str | None = None
    edited_at: int = 0
    removed: bool = False
    reactions: dict[str, list[str]] = {}


class _Author(Struct):
    id: str


class _Message(Struct):
    user: _Author


class _Edit(Struct):
    target: int


_edit_decoder = msgspec.json.Decoder(_Edit)
_marks_decoder = msgspec.json.Decoder(Marks)
_message_decoder = msgspec.json.Decoder(_Message)
_frame_decoder = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()


def parse(text: bytes | str) -> Marks:
    """Marks from the JSON that a broker kept."""
    return _marks_decoder.decode(text)


def encode(marks: Marks) -> bytes:
    """Marks as the JSON that a broker keeps; `{}` if nothing holds any more."""
    return _encoder.encode(marks)


def apply(frame: bytes, marks: Marks) -> bytes:
    """The message as it is now, for history pages. Fields that nothing happened to keep their place and their value."""
    if marks.removed:
        return redact(frame, marks)
    fields = _frame_decoder.decode(frame)
    if marks.text is not None:
        fields["text"] = marks.text
        fields["edited_at"] = marks.edited_at
    if marks.reactions:
        fields["reactions"] = marks.reactions
    return _encoder.encode(fields)


def marked_by(frame: bytes, seq: int) -> int:
    """Whose marks `redact` needs for the event `seq`: an edit carries a text of its target, any other event its own."""
    return _edit_decoder.decode(frame).target if frame.startswith(_EDITED_START) else seq


def redact(frame: bytes, marks: Marks) -> bytes:
    """The event as it was broadcast, but without its text if its message is removed (see `marked_by`)."""
    if not marks.removed:
        return frame
    fields = _frame_decoder.decode(frame)
    fields.pop("text", None)
    fields["removed"] = True
    return _encoder.encode(fields)


def change(frame: bytes | None, marks: Marks, change: Change, at: int) -> Marks:
    """The marks of the message `frame` after `change`, at `at` (Unix time in ms).

    Raises `RequestError`: `bad_request` if `frame` is no message (None: the log doesn't hold it), if the message is
    removed or would bear more reactions than the limits; `forbidden` if someone but its author edits it, or someone
    but its author and moderators removes it.
    """
    if frame is None or not frame.startswith(MESSAGE_START):
        raise RequestError(ErrorCode.BAD_REQUEST, "no such message")
    if marks.removed:
        raise RequestError(ErrorCode.BAD_REQUEST, "the message is removed")
    if change.kind == "react":
        return _react(marks, change)
    if change.kind not in ("edit", "remove"):
        raise ValueError(f"unknown kind of change: {change.kind!r}")
    author = _message_decoder.decode(frame).user.id
    # Moderators take words away; nobody puts words into another's mouth.
    if change.user != author and not (change.kind == "remove" and change.moderator):
        raise RequestError(ErrorCode.FORBIDDEN, "only its author may do that")
    if change.kind == "remove":
        return Marks(removed=True)
    return Marks(text=change.text, edited_at=at, reactions=marks.reactions)


def _react(marks: Marks, change: Change) -> Marks:
    reactions = dict(marks.reactions)
    users = [user for user in reactions.pop(change.emoji, []) if user != change.user]
    if change.on:
        users.append(change.user)
    if users:
        reactions[change.emoji] = users
    if len(reactions) > REACTIONS_LIMIT or len(users) > REACTORS_LIMIT:
        raise RequestError(ErrorCode.BAD_REQUEST, "the message has too many reactions")
    return Marks(text=marks.text, edited_at=marks.edited_at, reactions=reactions)
