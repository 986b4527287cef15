"""The contract of the log: what was said in each room, in order, and who is told of it.

A room has a *log* of durable events (messages, edits, removals, reactions, topics), counted by `seq` from 1. `epoch`
names one life of that count: after the log was lost (FLUSHALL, an expired room) it begins again under another epoch.

Atomic: `publish` does dedupe, count, append and broadcast of an event as one step or not at all.
Ordered: a room's events reach every subscriber in the order of `seq`, unless some are lost on the way.
Durable: a `Receipt` is given only once the log holds the event. Redis keeps it as safe as its own persistence settings.
May be lost: what is broadcast while a subscription is down. The log has it, and `on_subscribed` says when to look.
May be repeated: nothing in the log; on the way to a subscriber an event may overlap with what it read itself.
Gone without a word: signals (typing, presence), which are broadcast and stored nowhere.
Errors: those of `base`, and of `publish` what it says itself.
"""

import abc
from collections.abc import Callable, Sequence

from msgspec import Struct

from service.brokers.base import Part
from service.protocol import Begun, ErrorCode, RequestError, Topic

PAGE_BYTES = 131_072  # a page ends before its frames are more, but holds at least one
IDS_LIMIT = 10_000  # ids remembered for dedupe, at least, in each room; on Redis about 100 bytes each
CHANGES_FACTOR = 2  # a log holds so many times HISTORY_LIMIT changes of any kind beside its messages
EMPTY_SECONDS = 120  # a room without events is forgotten so long after the last process held it


# Why an event is refused.
NO_MESSAGE, FOREIGN, ID_USED = "no such message", "only its author may do that", "this id was used for something else"


def id_used() -> RequestError:
    return RequestError(ErrorCode.BAD_REQUEST, ID_USED)


class Position(Struct, frozen=True):
    """A point in a room's log: after `seq` events (0: none yet) of the life `epoch`."""

    epoch: str
    seq: int


class Publication(Struct, frozen=True):
    """Consecutive events of one room as they arrive: `frames[i]` is the JSON of event `seq + i`."""

    room: str
    epoch: str
    seq: int
    frames: list[bytes]


class Change(Struct, frozen=True):
    """What an event does to the message `target`, for history pages: "edit", "remove" or "react".

    Or to the room, with 0 for `target`: "topic", whose `text` is "" where there is to be none.
    """

    kind: str
    target: int
    user: str
    moderator: bool
    text: str = ""
    emoji: str = ""
    on: bool = True


class Event(Struct, frozen=True):
    """An event to publish: `head` + seq + `tail` + at + "}" is its JSON (protocol.event_head, message_tail).

    `content` (protocol.event_content) tells the same thing sent again from another thing under the same id. `network`
    is where a guest comes from (addresses.limit_key), for sanctions against networks; "" for everybody else.
    """

    room: str
    user: str
    id: str
    head: str
    tail: bytes
    change: Change | None = None
    content: bytes = b""
    network: str = ""


class Receipt(Struct, frozen=True):
    """The log holds the event as `seq`, since `at` (Unix time in ms, the broker's clock)."""

    seq: int
    at: int
    duplicate: bool


class About(Struct, frozen=True):
    """What is so of a room as a whole; None where nobody said so, or where it was so before it was kept (`begun`)."""

    topic: Topic | None = None
    begun: Begun | None = None


class Page(Struct, frozen=True):
    """Part of a room's log, oldest first, read in one step with the `position` of the log's end."""

    position: Position
    seq: int  # of the first frame; 0 when there is none
    frames: list[bytes]
    more: bool  # whether the log goes on, in the direction of reading


Done = Callable[[Receipt | RequestError], None]


class Subscriber(abc.ABC):
    """What a broker tells the process; every call comes on the event loop and must not block."""

    @abc.abstractmethod
    def on_publication(self, publication: Publication) -> None:
        """Events of a subscribed room arrived."""

    def known(self, room: str) -> Position:
        """Up to where events of the room were handed out here; ("", 0) for none. The log can't end before it."""
        return Position("", 0)

    @abc.abstractmethod
    def on_signal(self, room: str, payload: bytes) -> None:
        """A signal arrived, of a subscribed room or ("") for every process."""

    @abc.abstractmethod
    def on_subscribed(self, rooms: Sequence[str]) -> None:
        """From here on these rooms' events arrive, for "" what every process is told; before, some may be missed."""


class Log(Part):
    """See the module's docstring."""

    on_stored: Callable[[str], None] | None = None
    """Called on the loop with each room in which events of this process were just stored; duplicates, perhaps."""

    @property
    @abc.abstractmethod
    def publishing(self) -> bool:
        """Whether events of this process are on their way, so that publications are about to arrive."""

    @abc.abstractmethod
    def publish(self, event: Event, done: Done) -> None:
        """Dedupe, count, append, broadcast. `done` is called once, on a later turn of the loop.

        Refused with `bad_request` (no such target, or the id was used for another content) or `forbidden` (somebody
        else's message, or room; the author is banned or muted, which is asked in the same step). A change that changes
        nothing appends nothing: its receipt is a duplicate at the log's end. A removal takes the text out of the log,
        and out of the message's edits there. Messages and changes are kept in numbers of their own (`history_limit`,
        and `CHANGES_FACTOR` times that), so that no change pushes a message out.
        """

    @abc.abstractmethod
    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        """The newest `limit` messages (before `before`), as they are now: edited, removed, with reactions.

        Fewer where they would be over `PAGE_BYTES`. None for a room that has no log, unless `create` gives it one, an
        empty one, which lasts for `EMPTY_SECONDS` from when it was last held (`keep`). `more`: older ones exist.
        """

    @abc.abstractmethod
    async def oldest(self, room: str, limit: int, after: int = 0) -> Page | None:
        """The oldest `limit` messages behind `after`, as `newest` has them. `more`: newer ones exist."""

    @abc.abstractmethod
    async def after(self, room: str, seq: int, limit: int) -> Page | None:
        """Up to `limit` events after `seq`, within `PAGE_BYTES`, as they were broadcast, but without removed texts.

        The frames are consecutive. The first is `seq + 1`, or a later one if anything after `seq` was trimmed; `more`
        says whether newer ones exist.
        """

    @abc.abstractmethod
    async def knows(self, event: Event) -> bool:
        """Whether the log remembers the event's id: publishing it says then what became of it, and stores nothing."""

    @abc.abstractmethod
    async def about(self, room: str) -> About:
        """What the room is about and who began it, as its log has it now or a moment later, never earlier.

        The first event of a log begins the room, whatever it is; what an earlier life of the room was about is gone.
        """

    @abc.abstractmethod
    async def positions(self, rooms: Sequence[str]) -> dict[str, Position | None]:
        """Where these rooms' logs end. One that can't be read is counted as damaged and answered with None.

        Rooms whose part of the broker is away are left out; raises `unavailable` if those are all.
        """

    @abc.abstractmethod
    async def keep(self, rooms: Sequence[str]) -> None:
        """These rooms are held here and have no events yet: they stay for another `EMPTY_SECONDS`."""

    @abc.abstractmethod
    async def renew_epoch(self, room: str, lost: Position, frame: bytes | None = None) -> None:
        """Give the log's life a new name if the broker came back without what it acknowledged up to `lost`.

        That is so if the log ends before it, or if its event there is another (marks.same_event) than the one that was
        handed out, `frame`. Counting on under the old name would use seqs twice. The log itself stays as it is.
        """

    @abc.abstractmethod
    async def delete(self, room: str) -> bool:
        """The room's log is gone, with what it was about and who had read it; False where there is none.

        Whoever holds the room finds that, sooner or later; what is said next begins another life of it.
        """

    # -- taking somebody out

    @abc.abstractmethod
    async def messages_of(self, room: str, user: str) -> list[int]:
        """The seqs of a user's messages that the log still has, without those that were removed."""

    @abc.abstractmethod
    async def forget_user(self, room: str, user: str) -> None:
        """Take a user out of the room, in steps, and for good.

        What they said and edited loses its text, as by a removal, and nobody is told; whatever they did is then
        `marks.GONE`'s, who isn't anybody. Their reactions, ids and read position there are gone. A topic stays.
        """

    # -- reach

    @abc.abstractmethod
    def answers(self, room: str) -> bool:
        """Whether the room's part of the broker answers right now: `available`, of one room."""

    @abc.abstractmethod
    def subscribe(self, room: str) -> None:
        """Ask for a room's events; `on_subscribed` says from when on. Subscriptions survive a lost connection.

        A name that begins with `signals.MAILBOX` is no room's: what is signalled there is for one process.
        """

    @abc.abstractmethod
    def unsubscribe(self, room: str) -> None:
        """Ask for them no longer."""

    @abc.abstractmethod
    def signal(self, room: str, payload: bytes) -> None:
        """Broadcast `payload` to the subscribers of `room`, or ("") to every process. Lost without a word."""
