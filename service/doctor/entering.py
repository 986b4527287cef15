"""Whether one gets in by the service's URL: a page's ticket, a WebSocket, and whose address it is taken for."""

import asyncio
import secrets
import time
from contextlib import suppress
from urllib.parse import urlsplit

import jwt
import msgspec
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from service.config import PROXIES_MOST, Settings
from service.doctor import client
from service.doctor.context import Context
from service.findings import Finding, error, unseen
from service.identity.auth import hmac_key
from service.identity.headers import TICKET_PREFIX
from service.protocol import SUBPROTOCOL, CloseCode

# Nobody's (RFC 5737), once for each proxy that may be believed to stand there.
FORGED_ADDRESS = {"X-Forwarded-For": ",".join(["192.0.2.1"] * PROXIES_MOST)}
TOKEN_SECONDS = 60


async def look(context: Context) -> list[Finding]:
    """What keeps people out, or lets them choose their address."""
    url, settings = context.url, context.settings
    who = _credentials(settings)
    if who is None:
        cause = f"{url}: nobody to enter as, with GUESTS=0 and no JWT_SECRET here"
        return [unseen(url, cause, "tickets, WebSockets and addresses were not tried", "export JWT_SECRET, as there")]
    parts = urlsplit(url)
    page = await _ticket(context, who, {"Origin": f"{parts.scheme}://{parts.netloc}"})
    if refused := _refused_page(url, page):
        return [refused]
    if (fault := await _enter(context, who, {})) is not None:
        return [_refused_socket(url, fault)]
    if not settings.ticket_address:
        cause = f"{url}: with TICKET_ADDRESS=0 nothing tells whose address a client has"
        return [unseen(url, cause, "whether addresses can be forged was not tried", "unset TICKET_ADDRESS")]
    fault = await _enter(context, who, FORGED_ADDRESS)
    if fault is None or fault[0] != CloseCode.UNAUTHENTICATED:
        return []
    cause = f"{url} believes a client's own X-Forwarded-For: TRUSTED_PROXIES is {settings.trusted_proxies}"
    consequence = "clients choose their address: no limit of one holds, and no ban of a network"
    fix = "export TRUSTED_PROXIES=, and the number of proxies that there are; each must add or set X-Forwarded-For"
    return [error("address-forged", "TRUSTED_PROXIES", cause, consequence, fix)]


def _credentials(settings: Settings) -> dict[str, str] | None:
    """Headers of somebody who may enter; {}: a guest may."""
    if settings.guests:
        return {}
    if not settings.jwt_secret:
        return None
    claims = {"sub": "parley-doctor", "name": "doctor", "exp": int(time.time()) + TOKEN_SECONDS}
    claims |= {"aud": settings.jwt_audience} if settings.jwt_audience else {}
    claims |= {"iss": settings.jwt_issuer} if settings.jwt_issuer else {}
    return {"Authorization": f"Bearer {jwt.encode(claims, hmac_key(settings.jwt_secret), 'HS256')}"}


async def _ticket(context: Context, who: dict[str, str], headers: dict[str, str]) -> HTTPResponse:
    body = {} if who else {"name": f"doctor-{secrets.token_hex(4)}"}
    return await client.ask(f"{context.url}/tickets", context.timeout, who | headers, body)


def _refused_page(url: str, answer: HTTPResponse) -> Finding | None:
    if answer.code == 201:
        return None
    said = client.document(answer).get("error")
    why = said.get("message", "") if isinstance(said, dict) else client.reason(answer)
    cause = f"{url}/tickets answers its own page {answer.code}: {why}"
    if answer.code == 403:
        fix = f"export ALLOWED_ORIGINS={url}, or unset it; the proxy must pass Host and X-Forwarded-Proto on"
        return error("origin-refused", "ALLOWED_ORIGINS", cause, "nobody can log in from the page", fix)
    fix = (
        'curl -i -d \'{"name":"Ada"}\' '
        + f"{url}/tickets; JWT_SECRET and the other settings must be those of the service"
    )
    return error("ticket-refused", url, cause, "nobody can log in", fix)


RefusedEntry = tuple[int, str]
"""A close code, or the status that answered a handshake; and the reason."""


async def _enter(context: Context, who: dict[str, str], headers: dict[str, str]) -> RefusedEntry | None:
    """Get a ticket with these headers, and enter by it without them. None: they were welcomed."""
    answer = await _ticket(context, who, headers)
    if answer.code != 201:
        return answer.code, "no ticket"
    ticket = str(client.document(answer).get("ticket", ""))
    request = HTTPRequest(
        context.url.replace("http", "ws", 1) + "/socket",
        headers={"Sec-WebSocket-Protocol": f"{SUBPROTOCOL}, {TICKET_PREFIX}{ticket}"},
        connect_timeout=context.timeout,
        request_timeout=context.timeout,
    )
    try:
        async with asyncio.timeout(2 * context.timeout):
            connection = await websocket_connect(request)
            return await _welcome(connection)
    except HTTPClientError as refusal:
        return refusal.code, refusal.message or ""
    except (OSError, TimeoutError, WebSocketError) as trouble:
        return 599, str(trouble) or type(trouble).__name__


async def _welcome(connection: WebSocketClientConnection) -> RefusedEntry | None:
    """What the first message is, after which it is closed."""
    message = await connection.read_message()
    code, why = connection.close_code, connection.close_reason
    connection.close()  # also of one that was closed there
    if message is None:
        return code or CloseCode.TRY_AGAIN_LATER, why or ""
    while await connection.read_message() is not None:  # None comes once, with the close
        pass
    with suppress(msgspec.DecodeError):
        if msgspec.json.decode(message, type=dict[str, object]).get("type") == "welcome":
            return None
    return 599, "something else than a welcome"


def _refused_socket(url: str, fault: RefusedEntry) -> Finding:
    code, why = fault
    if code == CloseCode.UNAUTHENTICATED:
        cause = f"{url} refuses a ticket that it just gave: {why}"
        fix = "one REDIS_URL for all processes; TICKET_ADDRESS=0 if clients change their address on the way"
        return error("ticket-refused", url, cause, "nobody can log in from the page", fix)
    cause = f"{url}/socket is no WebSocket: {code} {why}".rstrip()
    fix = "have the proxy pass Upgrade and Connection on, by HTTP/1.1, as those in deploy/ do"
    return error("socket-refused", url, cause, "nobody can chat", fix)
