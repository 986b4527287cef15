"""The service as it is reached from outside, by its URL: the proxies before it, and what they let clients claim.

It enters as a guest twice, joins nothing and says nothing.
"""

import ssl
from urllib.parse import urlsplit

from tornado.httpclient import HTTPResponse

from service.config import PROXIES_MOST, new_secret
from service.doctor import client, entering, tls
from service.doctor.context import Context
from service.findings import Finding, error, unseen, warning

_REDIRECTS = (301, 302, 307, 308)
FORGED_SCHEME = {"X-Forwarded-Proto": ",".join(["https"] * PROXIES_MOST)}


async def look(context: Context) -> list[Finding]:
    """What is wrong on the way."""
    url = context.url
    parts = urlsplit(url)
    trust = ssl.create_default_context() if parts.scheme == "https" else None
    found = []
    if trust is not None and parts.hostname:
        found += await tls.server(parts.hostname, parts.port or 443, trust, context.timeout)
    health = await client.ask(f"{url}/healthz", context.timeout)
    if client.failed(health):
        fix = f"curl -iv {url}/healthz; is it up, and is the address right?"
        why = client.reason(health)
        return [*found, error("url-away", url, f"{url} doesn't answer: {why}", "nobody gets there", fix)]
    if not client.is_ours(health):
        return [*found, _foreign(url, health)]
    found += _proxies(context, health)
    found += [*await _ready(context), *await _metrics(context), *await _scheme(context)]
    return [*found, *(await _page(context) or await entering.look(context))]


def _foreign(url: str, health: HTTPResponse) -> Finding:
    location = health.headers.get("Location", "")
    to = f", to {location}" if location else ""
    cause = f"{url}/healthz answers {health.code}{to}, which is not this service"
    fix = f"curl -i {url}/healthz; give the address that it leads to, or have the proxy pass all paths on"
    return error("url-foreign", url, cause, "whoever goes there gets something else", fix)


def _proxies(context: Context, health: HTTPResponse) -> list[Finding]:
    """The service speaks no TLS and names no server, so somebody stands before it who does."""
    url, headers = context.url, health.headers
    shown = [f"{name}: {headers[name]}" for name in ("Server", "Via") if name in headers]
    shown += ["https"] if url.startswith("https:") else []
    if not shown or context.settings.trusted_proxies:
        return []
    cause = f"TRUSTED_PROXIES is 0, and a proxy answers at {url} ({', '.join(shown)})"
    consequence = "all users have its address and share its limits, and https is not seen"
    fix = "export TRUSTED_PROXIES=1, or as many as there are, if each sets X-Forwarded-For and X-Forwarded-Proto"
    return [warning("proxies-few", "TRUSTED_PROXIES", cause, consequence, fix)]


async def _ready(context: Context) -> list[Finding]:
    url = context.url
    answer = await client.ask(f"{url}/readyz", context.timeout)
    if answer.code == 200:
        return []
    reasons = client.document(answer).get("reason")
    why = ", ".join(map(str, reasons)) if isinstance(reasons, list) else f"status {answer.code}"
    fix = "docs/operations.md, Health, says what helps against each reason"
    return [
        error("not-ready", url, f"{url}/readyz: not ready: {why}", "nothing can be sent, or people are sent on", fix)
    ]


async def _page(context: Context) -> list[Finding]:
    """What is in the way of all that is asked for by this URL."""
    url = context.url
    answer = await client.ask(f"{url}/", context.timeout)
    location = answer.headers.get("Location", "").rstrip("/")
    if answer.code not in _REDIRECTS or not location.startswith("https:"):
        return []
    if location != url:
        cause = f"{url}/ leads to {location}"
        return [unseen(url, cause, "tickets, WebSockets and addresses were not tried", f"the same with {location}")]
    cause = f"{url}/ is redirected to itself: FORCE_HTTPS holds, and no proxy says that it is https"
    fix = "have the proxy set X-Forwarded-Proto, and export TRUSTED_PROXIES=1, or as many as there are"
    return [error("https-endless", url, cause, "no browser gets to the page", fix)]


async def _metrics(context: Context) -> list[Finding]:
    url = context.url
    answer = await client.ask(f"{url}/metrics", context.timeout)
    if answer.code != 200 or b"parley_sockets" not in answer.body:
        return []
    cause = f"{url}/metrics answers without a token"
    return [warning("metrics-open", url, cause, "anybody can read /metrics", new_secret("METRICS_TOKEN"))]


async def _scheme(context: Context) -> list[Finding]:
    """Whether http passes for https, if a client says so."""
    parts = urlsplit(context.url)
    if not context.settings.force_https or (parts.scheme == "https" and parts.port):
        return []
    plain = context.url.replace("https:", "http:", 1)
    told, forged = [await client.ask(f"{plain}/", context.timeout, claims) for claims in ({}, FORGED_SCHEME)]
    if told.code not in _REDIRECTS or forged.code != 200:
        return []
    cause = f"{plain} believes a client's own X-Forwarded-Proto"
    consequence = "what is asked for over http is answered as if nobody could listen"
    fix = "have the proxy set X-Forwarded-Proto anew; lower TRUSTED_PROXIES to as many as there are"
    return [warning("scheme-forged", "TRUSTED_PROXIES", cause, consequence, fix)]
