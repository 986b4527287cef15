"""What a chat tells beside the service's own frames."""

from typing import Literal

from msgspec import Struct


class Gap(Struct, frozen=True):
    """Everything of a room after seq `after` is missing, but for the messages that the `Joined` behind it brings.

    `reason`: "trimmed", where the service no longer keeps it, or "epoch", where the room's count began again.
    """

    room: str
    reason: str
    after: int


class Held(Struct, frozen=True):
    """A join, or something of the outbox, is to be sent again in `retry_in` seconds.

    `code` is "rate_limited" or "unavailable"; None: what the room asks for is taken again.
    """

    room: str
    code: str | None
    retry_in: float = 0.0


class Refused(Struct, frozen=True):
    """What the service takes for no answer to try again: a join, or an entry (`id`) that is out of the outbox now."""

    room: str
    type: Literal["join", "send", "edit", "remove", "react", "topic"]
    code: str
    message: str
    id: str | None = None
    text: str | None = None


class Slow(Struct, frozen=True):
    """Nothing more is read for now: `waiting` events wait for a loop that takes them more slowly than they come."""

    waiting: int
