"""Tickets for the socket, by POST /tickets: for a guest by name, or for the bearer of a token. And what a GET answers.

By the standard library in a thread: an attempt to connect asks once, so a pool of connections would be of no use.
"""

import asyncio
import base64
import http.client
import inspect
import json
import math
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from .about import VERSION
from .errors import HttpError
from .protocol import SUBPROTOCOL, Person
from .store import Store

Token = str | Callable[[], str | Awaitable[str]]
"""A user's token (JWT), or what fetches a fresh one."""

USER_AGENT = f"parley-client/{VERSION}"
TIMEOUT = 10.0  # seconds for an answer
ANSWER_LIMIT = 16 << 20  # bytes


class Ticket(msgspec.Struct):
    """What POST /tickets answers; `guest` for guests alone."""

    ticket: str
    user: Person
    guest: str | None = None


class Offer(NamedTuple):
    """What a handshake brings."""

    subprotocols: list[str]
    headers: dict[str, str]


class _Refusal(msgspec.Struct):
    code: str
    message: str


class _Refused(msgspec.Struct):
    error: _Refusal


class Tickets:
    """One who enters: as the user of a token, or as a guest, whom `store` remembers."""

    def __init__(self, url: str, name: str | None, token: Token | None, store: Store | None) -> None:
        self.name = name
        self._url = url
        self._token = token
        self._store = store
        self._guest = store.get("guest") if store else None
        self._current: str | None = None
        self._runs_out_at = math.inf  # by time.monotonic
        self._opener = _opener()

    @property
    def expires_in(self) -> float:
        """For how many seconds the user's token still holds; infinite for guests and for tokens that don't say."""
        return self._runs_out_at - time.monotonic()

    @property
    def renewable(self) -> bool:
        """Whether a new token can be had: only then is there anything to renew."""
        return callable(self._token)

    async def offer(self, ticket: str | None, refused: bool) -> Offer:
        """For the next handshake: the ticket that is there already, else a user's token itself, else a new ticket.

        `refused`: what the last handshake brought was. A ticket is asked for then, as its answer says why.
        Raises `HttpError`.
        """
        if ticket is None and self._token is not None and not refused:
            return Offer([SUBPROTOCOL], {"Authorization": f"Bearer {await self._fresh(self._token)}"})
        return Offer([SUBPROTOCOL, f"ticket.{ticket or (await self.get()).ticket}"], {})

    async def get(self, name: str | None = None) -> Ticket:
        """A new ticket, and whose it is. `name`: another one than before, by which a guest is called from then on.

        Raises `HttpError`.
        """
        if self._token is not None:
            return msgspec.convert(await self._request("tickets", {}, await self._fresh(self._token)), Ticket)
        name = name or self.name
        asked = {"name": name} | ({"guest": self._guest} if self._guest else {})
        answer = msgspec.convert(await self._request("tickets", asked), Ticket)
        self.name = name
        if answer.guest:
            self._guest = answer.guest
            if self._store:
                self._store.put("guest", answer.guest)
        return answer

    async def read(self, path: str) -> Any:
        """A GET of the API as this user; None where the service has nothing at that path. Raises `HttpError`."""
        try:
            return await self._request(path, None, self._current or self._guest)
        except HttpError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    async def _fresh(self, token: Token) -> str:
        """The user's token as it is now."""
        try:
            got = token() if callable(token) else token
            self._current = await got if inspect.isawaitable(got) else got
        except Exception as error:  # whatever the application's own function raises
            raise HttpError(0, "unreachable", f"no token: {error!r}") from error
        self._runs_out_at = time.monotonic() + lifetime(self._current)
        return self._current

    async def _request(self, path: str, body: object, bearer: str | None = None) -> Any:
        """The answer's JSON. Raises `HttpError`."""
        headers = {"User-Agent": USER_AGENT} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        request = urllib.request.Request(f"{self._url}/{path}", data, headers)  # noqa: S310  # http or https: chat.py
        try:
            return await asyncio.to_thread(self._answer, request)
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise HttpError(0, "unreachable", f"{self._url}/{path}: {reason}") from error

    def _answer(self, request: urllib.request.Request) -> Any:
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            return msgspec.json.decode(answer.read(ANSWER_LIMIT))


def _opener() -> urllib.request.OpenerDirector:
    """Proxies of the environment and TLS, but no redirects: a token is for the address that was given alone."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _refusal(error: urllib.error.HTTPError) -> HttpError:
    with error:
        code, message = "error", f"HTTP {error.code} {error.reason}".strip()
        try:
            told = msgspec.json.decode(error.read(ANSWER_LIMIT), type=_Refused).error
            code, message = told.code, told.message
        except (OSError, http.client.HTTPException, msgspec.DecodeError):
            if error.code == http.HTTPStatus.NOT_FOUND:
                code = "not_found"
        return HttpError(error.code, code, message, seconds(error.headers.get("Retry-After")))


def seconds(retry_after: str | None) -> float:
    """What such a header says, up to an hour; 0 where it says nothing."""
    return min(float(retry_after), 3600.0) if retry_after and retry_after.isdecimal() else 0.0


def lifetime(token: str) -> float:
    """For how many seconds a token that was just made or fetched holds; infinite where it doesn't say.

    A clock that was set wrong is seen by the token's own `iat`: it holds for no longer than from there.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires = float(claims["exp"])
        whole = expires - float(claims.get("iat", "nan"))
    except (IndexError, KeyError, TypeError, ValueError):
        return math.inf
    left = expires - time.time()
    return left if left > 0 and not left > whole else math.inf if math.isnan(whole) else whole
