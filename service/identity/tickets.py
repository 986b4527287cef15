"""One-use tickets for the WebSocket handshake, where a browser can set no header but the subprotocol list.

No ticket stands in an exception's text, a repr or a log line.
"""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from service import telemetry
from service.clock import CLOCK
from service.identity.auth import AuthError, User
from service.identity.headers import DIRECT_PREFIX
from service.protocol import encode

TICKET_SECONDS = 30

_TICKET = re.compile(rf"(?:{re.escape(DIRECT_PREFIX)})?[A-Za-z0-9_-]{{43}}")  # token_urlsafe(32)


class _Record(msgspec.Struct):
    """What is kept under a ticket's hash."""

    user: User
    address: str
    origin: str | None


class Tickets:
    """Issues and redeems tickets, each bound to a user, a network and an Origin.

    `put` and `take` are the broker's `put_ticket` and `take_ticket`: as the broker takes atomically, a ticket
    is good once. The broker sees a ticket's SHA-256 only, so that who reads its store can enter nowhere.
    `address` stands for the client's network (`addresses.limit_key` of its address); without `bind_address` it may
    be any.
    """

    def __init__(
        self,
        put: Callable[[str, bytes, float], Awaitable[None]],
        take: Callable[[str], Awaitable[bytes | None]],
        *,
        bind_address: bool = True,
        clock: Callable[[], float] = CLOCK.now,
    ) -> None:
        """`clock` gives Unix time in seconds."""
        self._bind_address = bind_address
        self._put = put
        self._take = take
        self._clock = clock
        self._decoder = msgspec.json.Decoder(_Record)

    async def issue(self, user: User, address: str, origin: str | None) -> str:
        """A ticket that `user` may redeem once, from `address` and `origin`, within `TICKET_SECONDS`.

        Without an origin it serves those that have none, and says so, for no other handshake without one is let in.
        Raises `RequestError` unavailable while the broker is away.
        """
        ticket = ("" if origin else DIRECT_PREFIX) + secrets.token_urlsafe(32)
        await self._put(_hash(ticket), encode(_Record(user, address, origin)), TICKET_SECONDS)
        return ticket

    async def redeem(self, ticket: str, address: str, origin: str | None) -> User:
        """The ticket's user, if their token still holds. A ticket that belongs elsewhere is used up too.

        Raises `AuthError`, the same for a ticket that never was, was used, ran out or belongs elsewhere, and
        `RequestError` unavailable while the broker is away.
        """
        stored = await self._take(_hash(ticket)) if _TICKET.fullmatch(ticket) else None
        record = self._read(_hash(ticket), stored) if stored is not None else None
        if record and record.origin == origin and (record.address == address or not self._bind_address):
            expires_at = record.user.expires_at
            if expires_at is None or expires_at > self._clock():
                return record.user
        raise AuthError("the ticket is missing, used, expired or not yours; get a new one")

    def _read(self, key: str, stored: bytes) -> _Record | None:
        """None for one that this version can't read, or nobody: its owner gets another."""
        try:
            return self._decoder.decode(stored)
        except (msgspec.DecodeError, RecursionError) as error:
            telemetry.damaged("ticket", f"parley:ticket:{key}", error)
            return None


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
