"""Headers: what of a request's may be believed (origin, host, scheme, address), and what answers carry.

Tornado's own readings are not used: `check_origin` lets a missing Origin and Sec-Fetch-Site pass, and
`xheaders` lets a client's X-Real-Ip win. Headers of proxies count only as far as `Proxies` trusts them.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest

from service import addresses

TICKET_PREFIX = "ticket."
DIRECT_PREFIX = "direct."  # begins a ticket that was asked for without an Origin
HSTS_SECONDS = 365 * 86400
EXPOSED = "Retry-After, X-Request-Id"  # what a page elsewhere may read beside what it always may

# RFC 6454 section 6.2; apps have schemes of their own (capacitor://localhost). A host is a name, an IPv4 address or an
# IPv6 address in brackets.
_HOST = r"(?P<host>[a-z0-9](?:[a-z0-9._-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
_HOST_HEADER = re.compile(_HOST, re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://" + _HOST, re.ASCII | re.IGNORECASE)
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)  # RFC 6750 section 2.1
_TICKET = re.compile(r"ticket +([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)
_ABSOLUTE = re.compile(r"https?://(?P<authority>[^/?#]*)(?P<rest>[^#]*)", re.ASCII | re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME_OF = {"http": "http", "https": "https", "ws": "http", "wss": "https"}  # some proxies (Traefik) name a socket's

Origin = tuple[str, str, int]  # scheme, host, port: RFC 6454 section 4


def parse_origin(text: str) -> Origin | None:
    """The origin, or None for what is none: `null`, what has no host, anything behind the port, two at once."""
    match = _ORIGIN.fullmatch(text)
    if not match:
        return None
    scheme = match["scheme"].lower()
    return scheme, match["host"].lower(), int(match["port"] or _DEFAULT_PORTS.get(scheme, 0))


def to_origin_form(request: HTTPServerRequest) -> None:
    """Make an absolute target (`GET http://host/path`) one with a path alone; RFC 9112 section 3.2.2 wants it taken.

    Its host is then the request's, whatever the Host header says. Raises `HTTPInputError` (400) for one that is none.
    """
    match = _ABSOLUTE.fullmatch(request.uri or "")
    if match is None:
        return
    authority, rest = match["authority"], match["rest"]
    host = _HOST_HEADER.fullmatch(authority)
    if host is None:
        raise HTTPInputError("the target's host is none")
    request.uri = rest if rest.startswith("/") else "/" + rest
    request.path = request.uri.partition("?")[0]
    request.headers["Host"] = request.host = authority
    request.host_name = host["host"].lower()


@lru_cache(maxsize=1024)
def is_loopback(name: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    name = name.strip("[]")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    address = addresses.parse(name)
    return address is not None and address.is_loopback


def _entries(headers: HTTPHeaders, name: str) -> list[str]:
    return [entry.strip() for line in headers.get_list(name) for entry in line.split(",")]


def offered_ticket(headers: HTTPHeaders) -> str | None:
    """The ticket that a handshake brings in its subprotocol list, None if it brings none or two."""
    offers = _entries(headers, "Sec-WebSocket-Protocol")
    tickets = [offer.removeprefix(TICKET_PREFIX) for offer in offers if offer.startswith(TICKET_PREFIX)]
    return tickets[0] if len(tickets) == 1 and tickets[0] else None


def bearer(headers: HTTPHeaders) -> str | None:
    """The token of `Authorization: Bearer …` (RFC 6750), None if there is none or more than one."""
    match = _BEARER.fullmatch(headers.get("Authorization", ""))
    return match[1] if match else None


def ticket(headers: HTTPHeaders) -> str | None:
    """The ticket of `Authorization: Ticket …`, by which one is brought where there is no subprotocol list."""
    match = _TICKET.fullmatch(headers.get("Authorization", ""))
    return match[1] if match else None


class Proxies:
    """How far the headers of proxies are believed. `trusted` is how many proxies of ours are on a request's way."""

    def __init__(self, trusted: int) -> None:
        self._trusted = trusted

    @property
    def trusted(self) -> bool:
        """Whether there is one at all: then all connections are the proxy's."""
        return self._trusted > 0

    def client_address(self, request: HTTPServerRequest) -> str:
        """Whom the outermost trusted proxy names in X-Forwarded-For, else the connection's peer.

        Each proxy adds the peer it saw at the end, so with n trusted ones the nth entry from the end is true and
        all before it the client's own words. Too few entries, or one that is no address: the peer, for something
        is set up wrong.
        """
        peer = request.remote_ip or ""
        if self._trusted == 0:
            return peer
        entries = _entries(request.headers, "X-Forwarded-For")
        if self._trusted > len(entries):
            return peer
        entry = entries[-self._trusted]
        # Some proxies write the port too: 192.0.2.1:1234, [2001:db8::1]:1234.
        match = re.fullmatch(r"\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5}", entry)
        address = addresses.parse((match[1] or match[2]) if match else entry)
        return str(address) if address else peer

    def network(self, request: HTTPServerRequest) -> str:
        """The client's network, as limits and tickets know it."""
        return addresses.limit_key(self.client_address(request))

    def scheme(self, request: HTTPServerRequest) -> str:
        """The client's "http" or "https": X-Forwarded-Proto of the outermost trusted proxy, else ours.

        Unlike addresses this is often overwritten instead of added to; a shorter list is then wholly the
        proxies'.
        """
        entries = _entries(request.headers, "X-Forwarded-Proto")
        trusted = min(self._trusted, len(entries))
        scheme = entries[-trusted].lower() if trusted else request.protocol
        return _SCHEME_OF.get(scheme, request.protocol)


class Origins:
    """Which pages may use the service, and to which host names it answers."""

    def __init__(self, allowed: Iterable[str], proxies: Proxies, host: str) -> None:
        """`allowed`: origins as browsers write them; none means our own page's. `host` is where the service listens."""
        self._proxies = proxies
        self._allowed = frozenset(map(parse_origin, allowed))
        self._names = frozenset(origin[1] for origin in self._allowed if origin and origin[0] in _DEFAULT_PORTS)
        self._own_machine = is_loopback(host) and not proxies.trusted

    def allows(self, origin: str | None, scheme: str, host: str) -> bool:
        """Whether pages of `origin` may use the service: one of those allowed or, without any, our own page.

        `scheme` and `host` are those by which the request reached us (`Proxies.scheme`, the Host header). A
        missing Origin is not allowed; whoever sends none is no browser and needs a credential that no page can
        have, which is the caller's to check.
        """
        parsed = parse_origin(origin) if origin is not None else None
        if parsed is None:
            return False
        if self._allowed:
            return parsed in self._allowed
        return parsed == parse_origin(f"{scheme}://{host}")

    def serves(self, host: str) -> bool:
        """Whether we answer to this Host header, lest a foreign name that resolves to us (DNS rebinding) be ours.

        With ALLOWED_ORIGINS: the names in it (ports aside, for a proxy may change them); a page elsewhere than
        the service needs both there. Without, or with apps' origins alone, whose hosts are no names: a service that
        listens on loopback and is behind no proxy answers to loopback's names only, since a page elsewhere must not
        reach into its owner's machine. Any other takes every name: it doesn't know its own, and a name can't carry
        anything there, for there are no cookies.
        """
        match = _HOST_HEADER.fullmatch(host)
        if not match:
            return False
        name = match["host"].lower().rstrip(".")
        if self._names:
            return name in self._names
        return not self._own_machine or is_loopback(name)

    def admits(self, request: HTTPServerRequest, handshake: bool = False) -> bool:
        """Whether Host and Origin let the request in; to be asked before any credential is read.

        Without an Origin header it is no page's handshake or POST (Fetch standard, "append a request Origin
        header"). Such a request may pass, a `handshake` if it brings what no page has: a bearer token, or a ticket that
        was asked for without an Origin. With one of these it may come by any name of ours, for no page's name can lead
        it here: backends know a service by names that no page does. A GET may be a page's without an Origin.
        """
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin")
        if origin is not None:
            return self.serves(host) and self.allows(origin, self._proxies.scheme(request), host)
        direct = bearer(request.headers) is not None or (
            handshake and (offered_ticket(request.headers) or "").startswith(DIRECT_PREFIX)
        )
        if direct and (handshake or request.method == "POST"):
            return _HOST_HEADER.fullmatch(host) is not None
        return not handshake and self.serves(host)

    def cors_headers(self, request: HTTPServerRequest) -> dict[str, str]:
        """What lets an allowed page elsewhere read the answer, whatever its status (Fetch, "CORS protocol")."""
        if not self._allowed:
            return {}
        found = {"Vary": "Origin"}
        origin = request.headers.get("Origin")
        if origin is not None and self.allows(origin, "", ""):
            found |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}
        return found


def page_policy(scheme: str, host: str) -> str:
    """The Content-Security-Policy of a page of ours, and of what works for it, reached by `scheme` and `host`.

    `connect-src` names the socket's address because older Safaris don't take 'self' for wss.
    """
    sources = "'self'"
    if _HOST_HEADER.fullmatch(host):  # else it could bring directives of its own
        sources += f" {'wss' if scheme == 'https' else 'ws'}://{host.lower()}"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src {sources}; manifest-src 'self'; worker-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def security_headers(scheme: str, force_https: bool) -> dict[str, str]:
    """What every answer carries, reached by `scheme`; one that is a page has `page_policy` instead of this.

    HSTS only over https, as RFC 6797 section 7.2 wants it, and only for this host, for we don't know its siblings.
    """
    headers = {
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if force_https and scheme == "https":
        headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
    return headers
