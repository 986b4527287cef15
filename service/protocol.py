"""The wire contract (docs/protocol.md) as types: every frame, every error and close code, decode and encode. No I/O.

Clients' frames are msgspec structs, so that decoding is validating (0.5 µs a frame; `json` takes three times that and
validates nothing). A room's durable events are put together as bytes, because the broker's script fills in `seq` and
`at` and what it stores is what goes over the wire: no process decodes or encodes a message twice.
"""

import enum
import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

VERSION = 1
SUBPROTOCOL = "chat.v1"
ID_LIMIT = 64  # characters in a client's `id` and `ref`
PAGE_LIMIT = 200  # messages in one page of history
PAGE_DEFAULT = 50
MEMBERS_LIMIT = 200  # a larger room shows only its count
EMOJI_LIMIT = 16  # code points: the longest emoji sequences (families, flags with tags) need 14
NUMBER_LIMIT = 2**53 - 1  # what every reader of JSON takes for the whole number that it is
KINDS_LIMIT = 32  # kinds of events that a join names, and characters of each


class CloseCode(enum.IntEnum):
    """Why a socket is closed, and (in docs/protocol.md) what the client does then."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_PAYLOAD = 1007
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    RESTART = 1012
    TRY_AGAIN_LATER = 1013
    UNAUTHENTICATED = 4401
    REMOVED = 4403
    NO_PONG = 4408
    TOO_SLOW = 4413
    TOO_MANY = 4429


class ErrorCode(enum.StrEnum):
    """The `code` of an `error` frame, and of an HTTP error where it fits."""

    BAD_REQUEST = "bad_request"
    UNKNOWN_TYPE = "unknown_type"
    BAD_ROOM = "bad_room"
    NOT_JOINED = "not_joined"
    FORBIDDEN = "forbidden"
    TOO_LARGE = "too_large"
    TOO_MANY_ROOMS = "too_many_rooms"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"


class RequestError(Exception):
    """What a request is answered with instead; `retry_after` in seconds where waiting helps."""

    def __init__(self, code: ErrorCode, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after


# -- what clients send ------------------------------------------------------------------------------------------------

Count = Annotated[int, Meta(ge=0, le=NUMBER_LIMIT)]
Seq = Annotated[int, Meta(ge=1, le=NUMBER_LIMIT)]
Limit = Annotated[int, Meta(ge=0, le=NUMBER_LIMIT)]  # a larger page than PAGE_LIMIT is cut to it
ClientId = Annotated[str, Meta(min_length=1, max_length=ID_LIMIT)]
Reference = Annotated[str, Meta(max_length=ID_LIMIT)]
Epoch = Annotated[str, Meta(min_length=1, max_length=64)]
UserId = Annotated[str, Meta(min_length=1, max_length=128)]
Kind = Annotated[str, Meta(max_length=KINDS_LIMIT)]


class Since(Struct):
    """The last durable event a client saw."""

    epoch: Epoch
    seq: Count


class Request(Struct, tag_field="type"):
    """A client's frame; `ref` is echoed in its answer."""

    ref: Reference | None = None


class Join(Request, tag="join", kw_only=True):
    """Come into a room, or come back to it: with `since`, behind the last event that was seen."""

    room: str
    limit: Limit = PAGE_DEFAULT
    since: Since | None = None
    events: Annotated[list[Kind], Meta(max_length=KINDS_LIMIT)] = []  # beyond the four that every client knows


class Leave(Request, tag="leave", kw_only=True):
    """Leave a room."""

    room: str


class Send(Request, tag="send", kw_only=True):
    """Say something. Under the same `id` it is said once, however often it is sent."""

    room: str
    id: ClientId
    text: str


class History(Request, tag="history", kw_only=True):
    """Ask for a page of older messages."""

    room: str
    before: Seq | None = None
    limit: Limit = PAGE_DEFAULT


class Typing(Request, tag="typing", kw_only=True):
    """Tell the others that one is typing."""

    room: str


class Read(Request, tag="read", kw_only=True):
    """Tell how far one has read."""

    room: str
    seq: Count


class Edit(Request, tag="edit", kw_only=True):
    """Give a message of one's own, `target`, another text."""

    room: str
    id: ClientId
    target: Seq
    text: str


class Remove(Request, tag="remove", kw_only=True):
    """Take the text out of the message `target`."""

    room: str
    id: ClientId
    target: Seq


class React(Request, tag="react", kw_only=True):
    """React to the message `target`, or take that back."""

    room: str
    id: ClientId
    target: Seq
    emoji: Annotated[str, Meta(min_length=1, max_length=EMOJI_LIMIT)]
    on: bool = True


class SetTopic(Request, tag="topic", kw_only=True):
    """Say what a room is about."""

    room: str
    id: ClientId
    text: str


class Action(enum.StrEnum):
    KICK = "kick"
    BAN = "ban"
    UNBAN = "unban"
    MUTE = "mute"
    UNMUTE = "unmute"
    SLOW = "slow"
    UNSLOW = "unslow"


class Moderate(Request, tag="moderate", kw_only=True):
    """Keep somebody out or quiet, or let them again; without `room` everywhere."""

    user: UserId
    action: Action
    room: str | None = None
    seconds: Annotated[float, Meta(gt=0, le=315_360_000)] | None = None
    reason: Annotated[str, Meta(max_length=200)] | None = None
    network: bool = False  # the network that the guest `user` comes from, for all guests there


class Renew(Request, tag="renew", kw_only=True):
    """Stay longer than one's token, by a new ticket of the same user."""

    ticket: Annotated[str, Meta(max_length=4096)]

    def __repr__(self) -> str:
        return "Renew(ticket=…)"


class Ping(Request, tag="ping"):
    """Ask whether the service is there."""


REQUESTS = Join | Leave | Send | History | Typing | Read | Edit | Remove | React | SetTopic | Moderate | Renew | Ping


class _Envelope(Struct):
    """What is still read of a frame that is refused, so that its error can carry `ref`."""

    ref: Any = None
    type: Any = None


_decoder = msgspec.json.Decoder(REQUESTS)
_envelope_decoder = msgspec.json.Decoder(_Envelope)
TYPES = frozenset(kind.__struct_config__.tag for kind in REQUESTS.__args__)

# Quotation marks in a frame of only these fields, each once: four for a string field, two for a number's name.
_SEND_QUOTES = 16


def decode(text: str) -> Any:
    """One text frame to one of `REQUESTS`. Raises `RefusedFrame` (with the frame's `ref`, where it has one)."""
    try:
        request = _decoder.decode(text)
        # msgspec takes the last of two fields of one name; a proxy or a log may have read the first. A `send` without
        # spare quotation marks can't hold a name twice, so the common frame costs one count and no second parse.
        if text.count('"') != _SEND_QUOTES or type(request) is not Send:
            json.loads(text, object_pairs_hook=_no_duplicates)
        return request
    except msgspec.ValidationError as error:
        raise _refusal(text, str(error)) from None
    except (ValueError, RecursionError) as error:
        # RecursionError: JSON nested a hundred thousand deep; it is no ValueError. str() of it would say "C stack".
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise RefusedFrame(ErrorCode.BAD_REQUEST, reason, None) from None


class RefusedFrame(RequestError):
    """A frame that is no request of the contract; `ref` is what its error echoes."""

    def __init__(self, code: ErrorCode, message: str, ref: str | None) -> None:
        super().__init__(code, message)
        self.ref = ref


def _refusal(text: str, reason: str) -> RefusedFrame:
    try:
        envelope = _envelope_decoder.decode(text)
    except (ValueError, RecursionError):  # not an object
        return RefusedFrame(ErrorCode.BAD_REQUEST, reason, None)
    ref = envelope.ref if isinstance(envelope.ref, str) and len(envelope.ref) <= ID_LIMIT else None
    if isinstance(envelope.type, str) and envelope.type not in TYPES:
        return RefusedFrame(ErrorCode.UNKNOWN_TYPE, "unknown type", ref)
    return RefusedFrame(ErrorCode.BAD_REQUEST, reason, ref)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice")
    return fields


# -- what the server sends --------------------------------------------------------------------------------------------


class Person(Struct, frozen=True):
    """A user as others see them."""

    id: UserId
    name: Annotated[str, Meta(max_length=128)]


class Topic(Struct, frozen=True):
    """What a room is about, by whom and since when; `seq` of the event that said so."""

    text: str
    user: Person
    at: int
    seq: int


class Begun(Struct, frozen=True):
    """Who began a room, and when: its first event's author and time."""

    user: Person
    at: int


class Frame(Struct, tag_field="type", omit_defaults=False):
    """A server's frame. Fields left `UNSET` don't appear."""


class Limits(Struct):
    text: int
    frame: int
    rooms: int


class Welcome(Frame, tag="welcome", kw_only=True):
    """The first frame on every socket: who one is, and what holds here."""

    user: Person
    version: int = VERSION
    heartbeat: float
    limits: Limits
    role: str | UnsetType = UNSET  # "moderator", for who is one
    unread: dict[str, int] | UnsetType = UNSET
    session: str | UnsetType = UNSET  # the secret by which frames are posted, on an event stream


class Joined(Frame, tag="joined", kw_only=True):
    """One is in the room; what follows on this socket is its events from `seq` + 1 on."""

    room: str
    epoch: str
    seq: int
    resumed: bool
    messages: Sequence[msgspec.Raw]
    more: bool
    members: Sequence[Person] | UnsetType = UNSET
    count: int | UnsetType = UNSET
    reads: dict[str, int] | UnsetType = UNSET
    topic: Topic | UnsetType = UNSET
    begun: Begun | UnsetType = UNSET
    ref: str | UnsetType = UNSET


class Left(Frame, tag="left", kw_only=True):
    """One is no longer in the room."""

    room: str
    ref: str | UnsetType = UNSET


class Sent(Frame, tag="sent", kw_only=True):
    """The event is stored."""

    room: str
    id: str
    seq: int
    at: int
    duplicate: bool
    ref: str | UnsetType = UNSET


class HistoryPage(Frame, tag="history", kw_only=True):
    """A page of messages, oldest first."""

    room: str
    messages: Sequence[msgspec.Raw]
    more: bool
    ref: str | UnsetType = UNSET


class TypingFrame(Frame, tag="typing", kw_only=True):
    """Somebody else is typing."""

    room: str
    user: Person


class ReadFrame(Frame, tag="read", kw_only=True):
    """Somebody has read up to `seq`."""

    room: str
    user: str
    seq: int


class Moderated(Frame, tag="moderated", kw_only=True):
    """It holds on every process. Unasked, it tells somebody why their socket is about to be closed."""

    room: str | UnsetType = UNSET
    user: str
    action: Action
    ref: str | UnsetType = UNSET


class Renewed(Frame, tag="renewed", kw_only=True):
    """The socket lives on, for as many seconds; 0: for good."""

    expires_in: int
    ref: str | UnsetType = UNSET


class Pong(Frame, tag="pong", kw_only=True):
    """The answer to `ping`, with the clock of the process."""

    at: int
    ref: str | UnsetType = UNSET


class Presence(Frame, tag="presence", kw_only=True):
    """Who came and went; in a large room only how many are there."""

    room: str
    joined: Sequence[Person] | UnsetType = UNSET
    left: Sequence[str] | UnsetType = UNSET
    count: int


ResetReason = Literal["epoch", "trimmed"]


class Reset(Frame, tag="reset", kw_only=True):
    """This membership is over, and something was missed: join afresh."""

    room: str
    reason: ResetReason


class Reconnect(Frame, tag="reconnect", kw_only=True):
    """The process is leaving: come back in so many milliseconds, with this ticket."""

    in_ms: int
    ticket: str | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"Reconnect(in_ms={self.in_ms}, ticket=…)"


class Error(Frame, tag="error", kw_only=True):
    """A request is refused."""

    ref: str | UnsetType = UNSET
    code: ErrorCode
    message: str
    retry_after: float | UnsetType = UNSET


_encoder = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """A frame, or any value of the contract, as JSON."""
    return _encoder.encode(value)


def echo(ref: str | None) -> str | UnsetType:
    """`ref` as an answer carries it."""
    return UNSET if ref is None else ref


def error_frame(error: RequestError, ref: str | None = None) -> Error:
    """The `error` frame that says `error`."""
    wait = UNSET if error.retry_after is None else told_wait(error.retry_after)
    return Error(ref=echo(ref), code=error.code, message=error.message, retry_after=wait)


def told_wait(seconds: float) -> float:
    """`retry_after` as it is said: rounded up, for who comes back a moment too early is refused again."""
    return max(1, math.ceil(seconds * 1000)) / 1000


# -- a room's durable events ------------------------------------------------------------------------------------------


class Event(Struct, tag_field="type", kw_only=True):
    """What every durable event has. They are put together as bytes (below); what clients are told is made of these."""

    room: str
    seq: Seq
    id: str
    user: Person
    at: int


class Message(Event, tag="message", kw_only=True):
    """A message: `text` is there unless it is removed. The last three are what became of it since it was sent."""

    text: str = ""
    removed: bool = False
    edited_at: int | UnsetType = UNSET
    reactions: dict[str, list[str]] | UnsetType = UNSET


class Edited(Event, tag="edited", kw_only=True):
    """The message `target` has another text; none, if the message was removed since."""

    target: Seq
    text: str = ""
    removed: bool = False


class Removed(Event, tag="removed", kw_only=True):
    """The message `target` is gone."""

    target: Seq


class Reacted(Event, tag="reacted", kw_only=True):
    """Somebody reacted to the message `target` (`on`), or took that back."""

    target: Seq
    emoji: str
    on: bool


class TopicEvent(Event, tag="topic", kw_only=True):
    """What the room is about from here on; with an empty text nothing. For those who named it in `join.events`."""

    text: str


EVERYBODYS = ("message", "edited", "removed", "reacted")
"""The kinds of events that every client knows."""
_HEADS = {kind: f'{{"type":"{kind}","room":"%s","seq":' for kind in (*EVERYBODYS, "topic")}
_LATER_START = b'{"type":"topic",'  # how an event of another kind begins


def event_head(kind: str, room: str) -> str:
    """What stands before `seq` in an event of `kind` (of `EVERYBODYS`, or "topic")."""
    return _HEADS[kind] % room  # a room's name needs no escape


def event_content(kind: str, *content: Any) -> bytes:
    """What tells one content from another under the same id: kind, target, text, emoji; not the author's name."""
    return _encoder.encode((kind, *content))


def message_tail(id: str, user_json: bytes, text: str) -> bytes:
    """What stands between `seq` and `at` in a message or a topic: the rest of its JSON but time and closing brace."""
    return b',"id":%b,"user":%b,"text":%b,"at":' % (_encoder.encode(id), user_json, _encoder.encode(text))


def change_tail(id: str, target: int, user_json: bytes, **fields: Any) -> bytes:
    """The same for a change of the message `target`: `text` of an edit, `emoji` and `on` of a reaction."""
    extra = b"".join(b',"%b":%b' % (name.encode(), _encoder.encode(value)) for name, value in fields.items())
    return b',"id":%b,"target":%d,"user":%b%b,"at":' % (_encoder.encode(id), target, user_json, extra)


class _Later(Struct):
    """What every event has."""

    room: str
    seq: int
    id: msgspec.Raw
    user: msgspec.Raw
    at: int


_later_decoder = msgspec.json.Decoder(_Later)


def is_plain(event: bytes) -> bool:
    """Whether every client knows this kind of event."""
    return not event.startswith(_LATER_START)


def plain(event: bytes) -> bytes:
    """An event for who doesn't know its kind: a reaction taken back that nobody gave, of what is no message.

    Clients of release 1.0 count by the kinds that they know, and would look for the one that is missing for ever.
    """
    if is_plain(event):
        return event
    try:
        one = _later_decoder.decode(event)
    except (ValueError, RecursionError):  # anybody with access to Redis can publish there
        return event
    seen = {"type": "reacted", "room": one.room, "seq": one.seq, "id": one.id, "target": one.seq, "user": one.user}
    return _encoder.encode(seen | {"emoji": "📌", "on": False, "at": one.at})
