"""What processes tell each other besides events: who is here, types, has read, was moderated, has another name.

A signal is broadcast as JSON and stored nowhere. Its `kind` says which of these structs it is, and `v` in which version
its sender writes it. Fields may be added under a higher `v`: who doesn't know them ignores them, and a signal that says
no version is of the first, so processes of two releases understand each other. What those of an earlier one would
misread gets another `kind`.

Presence and reads are also written by presence.lua and reads.lua; `tests/test_signals.py` holds them equal to these.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from service.protocol import Action, Count, Person, UserId

SIGNALS_VERSION = 1
SIGNAL_BYTES = 4 * 2**20  # of a signal; what is longer is none of ours
TYPISTS_LIMIT = 10  # people of a room in one signal; more can't be told apart in half a second
SANCTIONS_LIMIT = 64  # in one signal: a guest comes from fewer networks
POSTED_LIMIT = 1000  # frames of one request
MAILBOX = "@"  # begins what stands in the place of a room for one process alone; no room can be called so


class Signal(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What all have."""

    v: Annotated[int, Meta(ge=1)] = SIGNALS_VERSION


class Presence(Signal, frozen=True, tag="presence"):
    """Who came to a room and left it, and how many are there then; of the room "", who is online at all."""

    joined: list[Person]
    left: list[UserId]
    count: Count


class Typing(Signal, frozen=True, tag="typing"):
    """Who types in a room."""

    users: Annotated[list[Person], Meta(max_length=TYPISTS_LIMIT)]


class Read(Signal, frozen=True, tag="read"):
    """Up to where people have read a room."""

    reads: dict[UserId, Count]


class SignalSanction(Struct, frozen=True):
    """brokers.directory.Sanction, or a kick, as another process says it: its sizes are checked."""

    kind: Literal["ban", "mute", "slow", "kick"]
    room: Annotated[str, Meta(max_length=64)]
    user: UserId
    until: Count
    by: Annotated[str, Meta(max_length=128)]
    reason: Annotated[str, Meta(max_length=200)]
    network: bool = False
    guest: str = ""


class Moderate(Signal, frozen=True, tag="moderate"):
    """What a moderator did, to every process."""

    action: Action
    sanctions: Annotated[list[SignalSanction], Meta(max_length=SANCTIONS_LIMIT)]


class Named(Signal, frozen=True, tag="named"):
    """A guest has another name now, to every process."""

    user: Person


class Disconnect(Signal, frozen=True, tag="disconnect"):
    """A user's sockets are to be closed, to every process. Release 1.0 doesn't know it, and leaves them open."""

    user: UserId
    reason: Annotated[str, Meta(max_length=123)]  # what a close frame has room for


class Deleted(Signal, frozen=True, tag="deleted"):
    """A room was deleted. Release 1.0 doesn't know it, and finds out by itself a moment later."""


class Posted(Signal, frozen=True, tag="posted"):
    """Frames for an event stream of the process that gets this, from the one where they were posted."""

    stream: Annotated[str, Meta(max_length=64)]
    number: Count
    frames: Annotated[list[str], Meta(max_length=POSTED_LIMIT)]
    answer_to: Annotated[str, Meta(max_length=64)]  # the mailbox of who asks
    ask: Annotated[str, Meta(max_length=64)]


class Taken(Signal, frozen=True, tag="taken"):
    """What became of them, to who asked."""

    ask: Annotated[str, Meta(max_length=64)]
    outcome: Literal["yes", "gone", "skipped", "behind"]


AnySignal = Presence | Typing | Read | Moderate | Named | Disconnect | Deleted | Posted | Taken
TO_ONE = (Posted, Taken)  # what one process gets, and nothing else
EVERYWHERE_SIGNALS = (Moderate, Named, Disconnect)  # to every process; of the others, only presence may be of no room

_decoder = msgspec.json.Decoder(AnySignal)


def decode(room: str, payload: bytes) -> AnySignal:
    """The signal that came for `room`, or ("") for every process. Raises `ValueError` for what is none of ours."""
    if len(payload) > SIGNAL_BYTES:
        raise ValueError("too long")
    try:
        signal: AnySignal = _decoder.decode(payload)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if isinstance(signal, TO_ONE) != room.startswith(MAILBOX):
        raise ValueError("not said there")
    if isinstance(signal, EVERYWHERE_SIGNALS) if room else isinstance(signal, Typing | Read | Deleted):
        raise ValueError("not said there")
    return signal
