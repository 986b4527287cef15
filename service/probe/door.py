"""The way in that everybody has: a ticket over HTTP, a socket by it. What can go wrong there is said in words."""

import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from service.protocol import SUBPROTOCOL, CloseCode

DOOR_TIMEOUT = 10.0  # seconds for a ticket, and for a handshake
PROBE_PING_INTERVAL = 10.0  # seconds between pings of ours, each of which must be answered within as many
PING_TIMEOUT = 10.0


class DoorError(Exception):
    """Why nobody came in. `kind` is one word for programs; `retry_after` in seconds, where the service said so."""

    def __init__(self, kind: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


class TicketUser(msgspec.Struct):
    id: str


class Ticket(msgspec.Struct):
    """What POST /tickets answers; `guest` for guests alone."""

    ticket: str
    user: TicketUser
    guest: str | None = None


class _Error(msgspec.Struct):
    code: str
    message: str


class _Refusal(msgspec.Struct):
    error: _Error


class Door:
    """Of the service at `url`, for a page of `origin`: by default the service's own.

    Raises `ValueError` for what is no http or https URL of a host alone.
    """

    def __init__(self, url: str, origin: str | None = None) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url}: expected http://host or https://host, with a port if need be")
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"{url}: expected the address of the service alone, without a path, query or user")
        try:
            parts.port  # noqa: B018  # it is looked at here alone
        except ValueError as error:
            raise ValueError(f"{url}: {error}") from None
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.host = parts.netloc
        self._origin = origin or self.url
        self._client = AsyncHTTPClient(force_instance=True, max_clients=50)

    def close(self) -> None:
        self._client.close()

    async def ticket(self, name: str, token: str | None, guest: str | None) -> Ticket:
        """For the user of `token`, or for a guest: of this name, or who had `guest` before."""
        headers = HTTPHeaders({"Content-Type": "application/json", "Origin": self._origin})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        body = {} if token is not None else {"name": name} | ({"guest": guest} if guest else {})
        request = HTTPRequest(
            f"{self.url}/tickets",
            method="POST",
            headers=headers,
            body=msgspec.json.encode(body),
            connect_timeout=DOOR_TIMEOUT,
            request_timeout=DOOR_TIMEOUT,
            follow_redirects=False,
        )
        try:
            answer = await self._client.fetch(request)
            return msgspec.json.decode(answer.body, type=Ticket)
        except msgspec.DecodeError:
            raise DoorError("not_parley", f"{self.url}/tickets answers, but no ticket: that is no Parley") from None
        except (OSError, HTTPClientError, ValueError) as error:
            raise self._explained(error, "tickets") from error

    async def open(self, ticket: str, on_message: Callable[[str | bytes | None], None]) -> WebSocketClientConnection:
        """A socket; `on_message` is given each frame, and None when it is over."""
        request = HTTPRequest(
            "ws" + self.url.removeprefix("http") + "/socket",
            headers=HTTPHeaders({"Origin": self._origin}),
            connect_timeout=DOOR_TIMEOUT,
            request_timeout=DOOR_TIMEOUT,
        )
        try:
            return await websocket_connect(
                request,
                on_message_callback=on_message,
                ping_interval=PROBE_PING_INTERVAL,
                ping_timeout=PING_TIMEOUT,
                subprotocols=[SUBPROTOCOL, f"ticket.{ticket}"],
            )
        except (OSError, HTTPClientError, WebSocketError, ValueError) as error:
            raise self._explained(error, "socket") from error

    def _explained(self, error: Exception, path: str) -> DoorError:
        """What such an error means to whoever runs the probe."""
        if isinstance(error, socket.gaierror):
            return DoorError("dns", f"{self.host}: the name is not known ({error.strerror})")
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = f"{self.host}: its certificate is not trusted ({error.verify_message})"
            return DoorError("tls", f"{reason}; SSL_CERT_FILE may name an authority of your own")
        if isinstance(error, ssl.SSLError):
            return DoorError("tls", f"{self.host} speaks no TLS that is understood here ({error.reason})")
        if isinstance(error, HTTPTimeoutError | TimeoutError):
            return DoorError("timeout", f"{self.url}/{path} does not answer within {DOOR_TIMEOUT:g} s")
        if isinstance(error, HTTPStreamClosedError):
            return DoorError("cut", f"{self.url}/{path} was cut before it answered")
        if isinstance(error, HTTPClientError):
            return self._refused(error, path)
        if isinstance(error, OSError):
            return DoorError("unreachable", f"{self.url} can't be reached: {error.strerror or error}")
        return DoorError("not_parley", f"{self.url}/{path} is no door of Parley: {error}")

    def _refused(self, error: HTTPClientError, path: str) -> DoorError:
        """An answer over HTTP that lets nobody in."""
        answer = error.response
        where = HTTPHeaders() if answer is None else answer.headers
        code, said = "", ""
        try:
            refusal = msgspec.json.decode(b"" if answer is None else answer.body, type=_Refusal).error
            code, said = refusal.code, f": {refusal.message}"
        except msgspec.DecodeError:
            pass
        told = f"/{path} is answered {error.code}{said}"
        match error.code:
            case HTTPStatus.UNAUTHORIZED:
                way = "the token is not taken, or guests are not (GUESTS=0): give one by --token or PARLEY_TOKEN"
                return DoorError("unauthenticated", f"{told}; {way}")
            case HTTPStatus.FORBIDDEN if code == "https_required":
                return DoorError("https_required", f"{told}; probe the https:// address")
            case HTTPStatus.FORBIDDEN:
                way = f"the page's origin ({self._origin}, see --origin) may not use it, or we are kept out"
                return DoorError("forbidden", f"{told}; {way}")
            case HTTPStatus.CONFLICT:
                return DoorError("name_taken", told)
            case HTTPStatus.TOO_MANY_REQUESTS:
                way = "too much from this address (TICKET_RATE, CONNECTIONS_PER_ADDRESS): wait, or take fewer --clients"
                return DoorError("rate_limited", f"{told}; {way}", _seconds(where.get("Retry-After", "")))
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                way = "the broker is away, the process is leaving, or a proxy finds none"
                return DoorError("unavailable", f"{told}; {way}")
            case status if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
                return DoorError("redirected", f"{told} and leads to {where.get('Location', 'nowhere')}: probe that")
        way = "no Parley is there, or one older than 1.0"
        return DoorError("not_parley", f"{told}; {way}")


def closed(code: int | None, reason: str | None) -> DoorError:
    """Why a socket was closed before it was in its rooms."""
    known: dict[int, tuple[str, str]] = {
        CloseCode.UNAUTHENTICATED: ("unauthenticated", "the ticket did not hold: asked for from another address?"),
        CloseCode.REMOVED: ("forbidden", "this user, or this network, is kept out"),
        CloseCode.TOO_MANY: ("rate_limited", "too many sockets of one user or address: fewer --clients, more tokens"),
        CloseCode.TRY_AGAIN_LATER: ("unavailable", "the process is full, or the broker is away"),
        CloseCode.RESTART: ("unavailable", "the process is leaving"),
    }
    kind, way = known.get(code or 1006, ("cut", "before it was in its rooms"))
    said = f" ({reason})" if reason else ""
    return DoorError(kind, f"the socket was closed with {code or 1006}{said}: {way}")


def _seconds(text: str) -> float:
    return min(float(text), 60.0) if text.isdecimal() else 0.0
