"""The contract of the directory: the small records that processes share, each looked up by its key.

Tickets, names, read positions, the list of rooms, sanctions, the trail of moderation, guests' networks, send buckets.

Atomic: each call, for one key. A ticket is taken by one of any number of takers, a name is one user's.
Ordered: not at all; of two writes of one key under way at the same time either may be the last.
Durable: read positions, sanctions and the trail are, as the log is. All else may go with the broker, or its process.
Errors: those of `base`. A record that can't be read is counted, and is as if it were not there.
"""

import abc
from collections.abc import Callable, Sequence
from typing import ClassVar

from msgspec import Struct

from service.brokers.base import Part
from service.protocol import ErrorCode, Person, RequestError

ROOMS_LISTED = 1000  # rooms that `rooms` names, the latest
UNREAD_ROOMS = 200  # the rooms that a user read in last of which the read position is kept
READERS_LIMIT = 10_000  # people of a room of whom the read position is kept: those who read furthest
NETWORK_SECONDS = 600  # for which it is known where a guest came from, after the last word of it
TRAIL_LIMIT = 1000  # deeds that the trail keeps, the latest
MUTED, BANNED = "you are muted", "you may not enter this room"  # what an author is told
NETWORKS_LIMIT = 8  # networks of a guest that are known, the latest


def sanctioned(kind: str) -> RequestError:
    """What an author is told whom a "ban" or a "mute" holds."""
    return RequestError(ErrorCode.FORBIDDEN, MUTED if kind == "mute" else BANNED)


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


class Deed(Struct, frozen=True):
    """What a moderator or a backend did, for the trail: of a network by the guest it was found by, never an address."""

    id: str
    at: int  # Unix time in ms
    action: str  # protocol.Action, or "remove", of a message
    by: Person
    user: Person  # whom it is about; their name is "" where nobody knows it
    room: str  # "" for everywhere
    seconds: float = 0.0  # how long it was to hold; 0: for good, or what holds nothing back
    reason: str = ""
    network: bool = False
    seq: int = 0  # of a removed message


class Directory(Part):
    """See the module's docstring."""

    outlives_process: ClassVar[bool] = True
    """Whether a ticket that one process puts can be taken by the next."""

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

    # -- read positions

    @abc.abstractmethod
    async def mark_read(self, room: str, marks: dict[str, int]) -> None:
        """Move users' read positions forward (never back). Others are told (a `read` signal) of those that moved."""

    @abc.abstractmethod
    async def reads(self, room: str, users: Sequence[str]) -> dict[str, int]:
        """The read positions of these users, where they have one."""

    @abc.abstractmethod
    async def unread(self, user: str, choose: Callable[[list[str]], list[str]] = list) -> dict[str, int]:
        """For each of the last `UNREAD_ROOMS` rooms that the user read in: the messages of others after it that are
        still there, neither removed nor trimmed. Rooms whose part of the broker is away are left out.

        `choose` is given those rooms, if there are any, before anything is counted, and says of which it shall be:
        each is a step of its own. What it raises is raised.
        """

    # -- rooms

    @abc.abstractmethod
    async def rooms(self) -> dict[str, int]:
        """The rooms that have a log or people in them, with the number of people; of many, the latest.

        Rooms whose part of the broker is away are left out.
        """

    @abc.abstractmethod
    async def room_count(self) -> int:
        """How many rooms have a log or people in them, about."""

    @abc.abstractmethod
    async def walk(self, limit: int, cursor: str = "") -> tuple[list[str], str]:
        """About `limit` of all rooms that have a log, and the cursor behind them; "" when those were the last.

        Which are there all the while are among them, perhaps twice. Raises `bad_request` for what is no cursor.
        """

    @abc.abstractmethod
    async def forget_user(self, user: str) -> None:
        """What is kept of a user beside rooms and sanctions is gone: where they read, came from, how much they sent.

        Their name is free, and what was done about them is no longer in the trail.
        """

    # -- sanctions and limits

    @abc.abstractmethod
    async def sanction(self, sanction: Sanction, lift: bool) -> None:
        """Keep (or lift) a ban or mute until its time.

        The log refuses whom one holds from now on, in the room, or everywhere in each room that is subscribed to.
        """

    @abc.abstractmethod
    async def sanctions(self) -> list[Sanction]:
        """All that hold."""

    @abc.abstractmethod
    async def ban(self, room: str, user: str, network: str = "") -> Sanction | None:
        """The ban that holds now against the user or the guests of `network`, in `room` or everywhere, if any.

        Memory that signals keep may be behind it: a ban holds on every process from the moderator's answer on.
        """

    @abc.abstractmethod
    async def record(self, deed: Deed) -> None:
        """Add to the trail, which keeps the latest `TRAIL_LIMIT`."""

    @abc.abstractmethod
    async def trail(self) -> list[Deed]:
        """All of it, the newest first."""

    @abc.abstractmethod
    async def note_networks(self, networks: Sequence[tuple[str, str]]) -> None:
        """Guests (ids) and the networks they come from: known for `NETWORK_SECONDS`, of each for the latest few."""

    @abc.abstractmethod
    async def networks(self, user: str) -> list[str]:
        """Where a guest came from lately; nothing for who is not known."""

    @abc.abstractmethod
    async def charge(self, user: str, messages: int, rate: float, burst: float) -> float:
        """Count messages against the user's bucket for the whole deployment; seconds to wait when overdrawn."""
