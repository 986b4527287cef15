"""The Broker contract: what the processes of a deployment share, and what may be relied on.

A room has a *log* of durable events (messages, edits, removals, reactions), counted by `seq` from 1. `epoch` names one
life of that count: after the log was lost (FLUSHALL, an expired room) the count begins again under another epoch.

Atomic: `publish` does dedupe, count, append and broadcast of an event as one step or not at all.
Ordered: a room's events reach every subscriber in the order of `seq`, unless some are lost on the way.
Durable: a `Receipt` is given only once the log holds the event. Redis keeps it as safe as its own persistence settings.
May be lost: what is broadcast while a subscription is down. The log has it, and `on_subscribed` says when to look.
May be repeated: nothing in the log; on the way to a subscriber an event may overlap with what it read itself.
Gone without a word: signals (typing, presence), which are broadcast and stored nowhere.

Every awaitable raises `RequestError` `unavailable` while the broker is away, at once and without queueing; a call that
was under way when it went away raises the same and may or may not have taken effect. Publishing again under the same
user and id is safe: it is deduplicated.
"""

import abc
from collections.abc import Callable, Sequence

from msgspec import Struct

from service.protocol import ErrorCode, Person, RequestError

PAGE_BYTES = 131_072  # a page ends before its frames are more, but holds at least one
CHANGES_FACTOR = 2  # a log holds so many times HISTORY_LIMIT edits, removals and reactions beside its messages
EMPTY_SECONDS = 120  # a room without events is forgotten so long after the last process held it
UNREAD_ROOMS = 200  # the rooms that a user read in last of which the read position is kept
READERS_LIMIT = 10_000  # people of a room of whom the read position is kept: those who read furthest
NETWORK_SECONDS = 600  # for which it is known where a guest came from, after the last word of it
NETWORKS_LIMIT = 8  # networks of a guest that are known, the latest
RETRY_AFTER = 1.0  # seconds: what `unavailable` tells a client to wait; reconnecting takes about as long


def unavailable(message: str = "the broker is away; the message was not stored") -> RequestError:
    return RequestError(ErrorCode.UNAVAILABLE, message, RETRY_AFTER)


def sanctioned(kind: str) -> RequestError:
    """What an author is told whom a "ban" or a "mute" holds."""
    return RequestError(ErrorCode.FORBIDDEN, "you are muted" if kind == "mute" else "you may not enter this room")


def id_used() -> RequestError:
    return RequestError(ErrorCode.BAD_REQUEST, "this id was used for something else")


class Position(Struct, frozen=True):
    """A place in a room's log: after `seq` events (0: none yet) of the life `epoch`."""

    epoch: str
    seq: int


class Publication(Struct, frozen=True):
    """Consecutive events of one room as they arrive: `frames[i]` is the JSON of event `seq + i`."""

    room: str
    epoch: str
    seq: int
    frames: list[bytes]


class Change(Struct, frozen=True):
    """What an event does to the message `target`, for history pages: "edit", "remove" or "react"."""

    kind: str
    target: int
    user: str
    moderator: bool
    text: str = ""
    emoji: str = ""
    on: bool = True


class Event(Struct, frozen=True):
    """An event to publish: `head` + seq + `tail` + at + "}" is its JSON (protocol.event_head, message_tail).

    `content` (protocol.fingerprint) tells the same thing sent again from another thing under the same id. `network` is
    where a guest comes from (addresses.limit_key), for sanctions against networks; "" for everybody else.
    """

    room: str
    user: str
    id: str
    head: str
    tail: bytes
    change: Change | None = None
    content: str = ""
    network: str = ""


class Receipt(Struct, frozen=True):
    """The log holds the event as `seq`, since `at` (Unix time in ms, the broker's clock)."""

    seq: int
    at: int
    duplicate: bool


class Page(Struct, frozen=True):
    """Part of a room's log, oldest first, read in one step with the `position` of the log's end."""

    position: Position
    seq: int  # of the first frame; 0 when there is none
    frames: list[bytes]
    more: bool  # whether the log goes on, in the direction of reading


class Roster(Struct, frozen=True):
    """Who is in a room: all of them, or past `MEMBERS_LIMIT` only how many."""

    count: int
    members: list[Person] | None


class Sanction(Struct, frozen=True):
    """A ban, a mute or a slowing of a user, or of all guests of a network, in one room or ("") everywhere."""

    kind: str  # "ban", "mute" or "slow"
    room: str
    user: str
    until: int  # Unix time in ms; 0: for good
    by: str
    reason: str
    network: bool = False  # whether `user` is a network (addresses.limit_key), whose guests are meant
    guest: str = ""  # of a network: the guest by whom it was found, so that it can be lifted by that name


Done = Callable[[Receipt | RequestError], None]


class Listener(abc.ABC):
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


class Broker(abc.ABC):
    """See the module's docstring. One process, one broker; `open` before anything else, `close` once."""

    available: bool = False  # whether commands and the consumer both work right now: readiness
    # Whether events of this process are on their way, so that publications are about to arrive.
    publishing: bool = False
    listener: Listener

    @abc.abstractmethod
    async def open(self, listener: Listener) -> None:
        """Connect and start consuming. A broker that is away at the start is waited for in the background."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Finish what is under way, then let go."""

    # -- the log

    @abc.abstractmethod
    def publish(self, event: Event, done: Done) -> None:
        """Dedupe, count, append, broadcast. `done` is called once, on a later turn of the loop.

        Refused with `bad_request` (no such target, or the id was used for another content) or `forbidden` (somebody
        else's message; the author is banned or muted, which is asked in the same step). A change that changes nothing
        appends nothing: its receipt is a duplicate at the log's end. A removal takes the text out of the log, and out
        of the message's edits there. Messages and changes are kept in numbers of their own (`history_limit`, and
        `CHANGES_FACTOR` times that), so that no change pushes a message out.
        """

    @abc.abstractmethod
    async def newest(self, room: str, limit: int, before: int = 0, create: bool = False) -> Page | None:
        """The newest `limit` messages (before `before`), as they are now: edited, removed, with reactions.

        Fewer where they would be over `PAGE_BYTES`. None for a room that has no log, unless `create` gives it one, an
        empty one, which lasts for `EMPTY_SECONDS` from when it was last held (`keep`). `more`: older ones exist.
        """

    @abc.abstractmethod
    async def after(self, room: str, seq: int, limit: int) -> Page | None:
        """Up to `limit` events after `seq`, within `PAGE_BYTES`, as they were broadcast, but without removed texts.

        The frames are consecutive. The first is `seq + 1`, or a later one if anything after `seq` was trimmed; `more`
        says whether newer ones exist.
        """

    @abc.abstractmethod
    async def positions(self, rooms: Sequence[str]) -> list[Position | None]:
        """Where these rooms' logs end. One that can't be read is counted as damaged and answered with None."""

    @abc.abstractmethod
    async def keep(self, rooms: Sequence[str]) -> None:
        """These rooms are held here and have no events yet: they stay for another `EMPTY_SECONDS`."""

    @abc.abstractmethod
    async def room_count(self) -> int:
        """How many rooms have a log or people in them, about."""

    @abc.abstractmethod
    async def renew_epoch(self, room: str, lost: Position) -> None:
        """Give the log's life a new name if it ends before `lost`: the broker came back without what it acknowledged.

        Counting on under the old name would use seqs twice. The log itself stays as it is.
        """

    # -- reach

    @abc.abstractmethod
    def subscribe(self, room: str) -> None:
        """Wish for a room's events; `on_subscribed` says from when on. Wishes survive a lost connection."""

    @abc.abstractmethod
    def unsubscribe(self, room: str) -> None:
        """Wish no longer."""

    @abc.abstractmethod
    def signal(self, room: str, payload: bytes) -> None:
        """Broadcast `payload` to the subscribers of `room`, or ("") to every process. Lost without a word."""

    # -- tickets and names

    @abc.abstractmethod
    async def put_ticket(self, key: str, record: bytes, seconds: float) -> None:
        """Keep `record` under `key` for `seconds`."""

    @abc.abstractmethod
    async def take_ticket(self, key: str) -> bytes | None:
        """The record under `key`, to exactly one of any number of takers."""

    @abc.abstractmethod
    async def claim_name(self, name: str, user: str, seconds: float, network: str = "") -> bool:
        """Whether `name` (names.name_key) is now the user's: free, theirs already, or its holder neither present nor
        within a claim.

        A claim lasts `seconds`, then as long as the user is present (in the room ""). A user has one name: the one
        before is free at once. A claim made from the same `network` whose holder was never present gives way: its
        answer was lost, and it is asked for again.
        """

    @abc.abstractmethod
    async def release_name(self, user: str) -> None:
        """The user's name is free."""

    # -- presence (a process enters people; the broker merges the processes)

    @abc.abstractmethod
    async def enter(self, room: str, people: Sequence[Person]) -> None:
        """These people are here on this process. Others are told (a `presence` signal) of whoever is new.

        The process is known before its people are. In the room "" their names are claimed again where they are free.
        """

    @abc.abstractmethod
    async def depart(self, room: str, users: Sequence[str]) -> None:
        """They are no longer on this process. Others are told of whoever is now on none."""

    @abc.abstractmethod
    async def roster(self, room: str) -> Roster:
        """Who is here, over all processes."""

    @abc.abstractmethod
    async def beat(self) -> bool:
        """Say that this process lives; clear up after those that don't (no beat for `PROCESS_TTL`).

        Only a process that has itself beaten for a whole `PROCESS_TTL` without a gap or a step of the broker's clock
        clears up: who was away can't tell who else was. False when this process was itself taken for dead: it must
        enter its people again.
        """

    # -- read positions

    @abc.abstractmethod
    async def mark_read(self, room: str, marks: dict[str, int]) -> None:
        """Move users' read positions forward (never back). Others are told (a `read` signal) of those that moved."""

    @abc.abstractmethod
    async def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        """The read positions of these users, where they have one."""

    @abc.abstractmethod
    async def unread(self, user: str) -> dict[str, int]:
        """For each of the last `UNREAD_ROOMS` rooms that the user read in: the messages of others after it that are
        still there, neither removed nor trimmed.
        """

    # -- rooms and sanctions

    @abc.abstractmethod
    async def rooms(self) -> dict[str, int]:
        """The rooms that have a log or people in them, with the number of people; of many, the latest."""

    @abc.abstractmethod
    async def sanction(self, sanction: Sanction, lift: bool) -> None:
        """Keep (or lift) a ban or mute until its time."""

    @abc.abstractmethod
    async def sanctions(self) -> list[Sanction]:
        """All that hold."""

    @abc.abstractmethod
    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        """The ban that holds now against the user or the guests of `network`, in `room` or everywhere, if any.

        Memory that signals keep may be behind it: a ban holds on every process from the moderator's answer on.
        """

    @abc.abstractmethod
    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        """Guests (ids) and the networks they come from: known for `NETWORK_SECONDS`, of each for the latest few."""

    @abc.abstractmethod
    async def networks(self, user: str) -> list[str]:
        """Where a guest came from lately; nothing for who is not known."""

    @abc.abstractmethod
    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        """Count messages against the user's bucket for the whole deployment; seconds to wait when overdrawn."""


PROCESS_TTL = 25.0  # seconds without a beat after which a process's people are gone
BEAT_INTERVAL = 5.0  # seconds
