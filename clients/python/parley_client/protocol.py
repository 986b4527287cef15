"""The frames and codes of the contract (docs/protocol.md), as the service's own source has them.

Made by `python -m tests.python.generate`; not to be edited.
"""

import enum

from msgspec import Struct

VERSION = 1

SUBPROTOCOL = "chat.v1"

PAGE_LIMIT = 200

PAGE_DEFAULT = 50


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


class Since(Struct):
    """The last durable event a client saw."""

    epoch: str
    seq: int


class Request(Struct, tag_field="type", omit_defaults=True):
    """A client's frame; `ref` is echoed in its answer."""

    ref: str | None = None


class Join(Request, tag="join", kw_only=True):
    """Come into a room, or come back to it: with `since`, behind the last event that was seen."""

    room: str
    limit: int = PAGE_DEFAULT
    since: Since | None = None
    events: list[str] = []


class Leave(Request, tag="leave", kw_only=True):
    """Leave a room."""

    room: str


class Send(Request, tag="send", kw_only=True):
    """Say something. Under the same `id` it is said once, however often it is sent."""

    room: str
    id: str
    text: str


class History(Request, tag="history", kw_only=True):
    """Ask for a page of older messages."""

    room: str
    before: int | None = None
    limit: int = PAGE_DEFAULT


class Typing(Request, tag="typing", kw_only=True):
    """Tell the others that one is typing."""

    room: str


class Read(Request, tag="read", kw_only=True):
    """Tell how far one has read."""

    room: str
    seq: int


class Edit(Request, tag="edit", kw_only=True):
    """Give a message of one's own, `target`, another text."""

    room: str
    id: str
    target: int
    text: str


class Remove(Request, tag="remove", kw_only=True):
    """Take the text out of the message `target`."""

    room: str
    id: str
    target: int


class React(Request, tag="react", kw_only=True):
    """React to the message `target`, or take that back."""

    room: str
    id: str
    target: int
    emoji: str
    on: bool = True


class SetTopic(Request, tag="topic", kw_only=True):
    """Say what a room is about."""

    room: str
    id: str
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

    user: str
    action: Action
    room: str | None = None
    seconds: float | None = None
    reason: str | None = None
    network: bool = False


class Renew(Request, tag="renew", kw_only=True):
    """Stay longer than one's token, by a new ticket of the same user."""

    ticket: str

    def __repr__(self) -> str:
        return "Renew(ticket=…)"


class Ping(Request, tag="ping"):
    """Ask whether the service is there."""


REQUESTS = Join | Leave | Send | History | Typing | Read | Edit | Remove | React | SetTopic | Moderate | Renew | Ping


class Person(Struct, frozen=True):
    """A user as others see them."""

    id: str
    name: str


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


class Frame(Struct, tag_field="type", frozen=True):
    """A server's frame. Fields that may lack are None then."""


class Limits(Struct):
    text: int
    frame: int
    rooms: int


class Welcome(Frame, tag="welcome", kw_only=True, frozen=True):
    """The first frame on every socket: who one is, and what holds here."""

    user: Person
    version: int = VERSION
    heartbeat: float
    limits: Limits
    role: str | None = None
    unread: dict[str, int] | None = None
    session: str | None = None


class Event(Struct, tag_field="type", kw_only=True, frozen=True):
    """What every durable event has."""

    room: str
    seq: int
    id: str
    user: Person
    at: int


class Message(Event, tag="message", kw_only=True, frozen=True):
    """A message: `text` is there unless it is removed. The last three are what became of it since it was sent."""

    text: str = ""
    removed: bool = False
    edited_at: int | None = None
    reactions: dict[str, list[str]] | None = None


class Edited(Event, tag="edited", kw_only=True, frozen=True):
    """The message `target` has another text; none, if the message was removed since."""

    target: int
    text: str = ""
    removed: bool = False


class Removed(Event, tag="removed", kw_only=True, frozen=True):
    """The message `target` is gone."""

    target: int


class Reacted(Event, tag="reacted", kw_only=True, frozen=True):
    """Somebody reacted to the message `target` (`on`), or took that back."""

    target: int
    emoji: str
    on: bool


class TopicEvent(Event, tag="topic", kw_only=True, frozen=True):
    """What the room is about from here on; with an empty text nothing. For those who named it in `join.events`."""

    text: str


class Joined(Frame, tag="joined", kw_only=True, frozen=True):
    """One is in the room; what follows on this socket is its events from `seq` + 1 on."""

    room: str
    epoch: str
    seq: int
    resumed: bool
    messages: list[Message]
    more: bool
    members: list[Person] | None = None
    count: int | None = None
    reads: dict[str, int] | None = None
    topic: Topic | None = None
    begun: Begun | None = None
    ref: str | None = None


class Left(Frame, tag="left", kw_only=True, frozen=True):
    """One is no longer in the room."""

    room: str
    ref: str | None = None


class Sent(Frame, tag="sent", kw_only=True, frozen=True):
    """The event is stored."""

    room: str
    id: str
    seq: int
    at: int
    duplicate: bool
    ref: str | None = None


class HistoryPage(Frame, tag="history", kw_only=True, frozen=True):
    """A page of messages, oldest first."""

    room: str
    messages: list[Message]
    more: bool
    ref: str | None = None


class TypingFrame(Frame, tag="typing", kw_only=True, frozen=True):
    """Somebody else is typing."""

    room: str
    user: Person


class ReadFrame(Frame, tag="read", kw_only=True, frozen=True):
    """Somebody has read up to `seq`."""

    room: str
    user: str
    seq: int


class Moderated(Frame, tag="moderated", kw_only=True, frozen=True):
    """It holds on every process. Unasked, it tells somebody why their socket is about to be closed."""

    room: str | None = None
    user: str
    action: str
    ref: str | None = None


class Renewed(Frame, tag="renewed", kw_only=True, frozen=True):
    """The socket lives on, for as many seconds; 0: for good."""

    expires_in: int
    ref: str | None = None


class Pong(Frame, tag="pong", kw_only=True, frozen=True):
    """The answer to `ping`, with the clock of the process."""

    at: int
    ref: str | None = None


class Presence(Frame, tag="presence", kw_only=True, frozen=True):
    """Who came and went; in a large room only how many are there."""

    room: str
    joined: list[Person] | None = None
    left: list[str] | None = None
    count: int


class Reset(Frame, tag="reset", kw_only=True, frozen=True):
    """This membership is over, and something was missed: join afresh."""

    room: str
    reason: str


class Reconnect(Frame, tag="reconnect", kw_only=True, frozen=True):
    """The process is leaving: come back in so many milliseconds, with this ticket."""

    in_ms: int
    ticket: str | None = None

    def __repr__(self) -> str:
        return f"Reconnect(in_ms={self.in_ms}, ticket=…)"


class Error(Frame, tag="error", kw_only=True, frozen=True):
    """A request is refused."""

    ref: str | None = None
    code: str
    message: str
    retry_after: float | None = None


FRAMES = (
    Welcome
    | Joined
    | Left
    | Sent
    | HistoryPage
    | TypingFrame
    | ReadFrame
    | Moderated
    | Renewed
    | Pong
    | Presence
    | Reset
    | Reconnect
    | Error
    | Message
    | Edited
    | Removed
    | Reacted
    | TopicEvent
)
