"""service/identity/headers.py: what a request's headers may be believed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine

from service.identity.headers import (
    Origins,
    Proxies,
    bearer,
    offered_ticket,
    page_policy,
    parse_origin,
    security_headers,
    to_origin_form,
)

PEER = "203.0.113.9"


def origins(*allowed: str, host: str = "127.0.0.1", proxies: int = 0) -> Origins:
    return Origins(allowed, Proxies(proxies), host)


def request(*headers: tuple[str, str], protocol: str = "http", method: str = "GET") -> HTTPServerRequest:
    """A request from `PEER` with these headers, one of a name after another."""
    made = HTTPHeaders()
    for name, value in headers:
        made.add(name, value)
    if "Host" not in made:
        made["Host"] = "chat.example.com"
    answer = HTTPServerRequest(start_line=RequestStartLine(method, "/socket", "HTTP/1.1"), headers=made)
    answer.remote_ip = PEER
    answer.protocol = protocol
    return answer


# -- origins


APPS = (
    "capacitor://localhost",
    "ionic://localhost",
    "tauri://localhost",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
    "app://obsidian.md",
)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://chat.example.com", ("https", "chat.example.com", 443)),
        ("https://chat.example.com:443", ("https", "chat.example.com", 443)),
        ("http://chat.example.com", ("http", "chat.example.com", 80)),
        ("http://chat.example.com:80", ("http", "chat.example.com", 80)),
        ("HTTP://Chat.Example.COM:8080", ("http", "chat.example.com", 8080)),
        ("http://127.0.0.1:8000", ("http", "127.0.0.1", 8000)),
        ("http://[::1]:8000", ("http", "[::1]", 8000)),
        *((f"{scheme}://{host}", (scheme, host, 0)) for scheme, host in (app.split("://") for app in APPS)),
    ],
)
def test_origins(text: str, origin: tuple[str, str, int]) -> None:
    """An origin is its scheme, host and port, the default port being the same as none; apps' have none."""
    assert parse_origin(text) == origin


def test_origins_of_apps() -> None:
    """One that is named is let in, no other of its kind; to which hosts the service answers isn't changed by it."""
    for app in APPS:
        one = origins(app)
        for host in ("127.0.0.1:8000", "localhost:8000", "[::1]"):
            assert one.admits(request(("Host", host), ("Origin", app))), app
            assert not one.admits(request(("Host", host), ("Origin", app + "x")))
            assert not one.admits(request(("Host", host), ("Origin", "http://localhost")))
            assert not one.admits(request(("Host", host), ("Origin", app.partition("://")[0] + "://")))
        assert not one.admits(request(("Host", "evil.example"), ("Origin", app)))
        beside = origins("https://chat.example.com", app)
        assert beside.admits(request(("Host", "chat.example.com"), ("Origin", app)))
        assert not beside.serves("localhost")
        assert origins(app, host="").serves("chat.example.com")


NO_ORIGINS = [
    "",
    "null",
    "chat.example.com",
    "//chat.example.com",
    "https://",
    "https:///",
    "https://chat.example.com/",
    "https://chat.example.com/page",
    "https://chat.example.com?x",
    "https://chat.example.com#x",
    "https://chat.example.com:",
    "https://chat.example.com:port",
    "https://chat.example.com:443000",
    "https://user@chat.example.com",
    "https://chat.example.com@evil.example",
    "https://chat.example.com https://evil.example",
    "https://chat.example.com,https://evil.example",
    "https://chat.example.com\n",
    " https://chat.example.com",
    "https://chat.example.com\0",
    "https://[::1",
    "file://",
    "capacitor://",
    "capacitor:localhost",
    "capacitor://localhost/",
    "capacitor://localhost:",
    "*://localhost",
    "1app://localhost",
    "javascript:alert(1)",
    "https://\u212aelvin.example",  # the Kelvin sign, which str.lower makes a k
]


@pytest.mark.parametrize("text", NO_ORIGINS, ids=ascii)
def test_no_origins(text: str) -> None:
    """Anything else is no origin, and is allowed neither beside itself nor under any list."""
    assert parse_origin(text) is None
    assert not origins().allows(text, "https", "chat.example.com")
    assert not origins().allows(text, "https", text.removeprefix("https://"))
    assert not origins("https://chat.example.com").allows(text, "https", "chat.example.com")


def test_own_origin() -> None:
    """Without a list the page's own origin is allowed: scheme, host and port as the request reached us."""
    own = origins()
    assert own.allows("https://chat.example.com", "https", "chat.example.com")
    assert own.allows("https://chat.example.com", "https", "chat.example.com:443")
    assert own.allows("https://chat.example.com:443", "https", "Chat.Example.com")
    assert own.allows("http://localhost:8000", "http", "localhost:8000")
    for origin in (
        None,
        "http://chat.example.com",
        "https://chat.example.com:8443",
        "https://evil.example",
        "https://chat.example.com.evil.example",
        "https://evilchat.example.com",
        "https://xn--chat.example.com",
        "https://sub.chat.example.com",
    ):
        assert not own.allows(origin, "https", "chat.example.com"), origin
    assert not own.allows("https://", "https", "")


def test_listed_origins() -> None:
    """With a list exactly its origins are allowed, whatever the Host says."""
    listed = origins("https://app.example.com", "http://localhost:3000")
    assert listed.allows("https://app.example.com", "http", "anything")
    assert listed.allows("https://APP.example.com:443", "http", "anything")
    assert listed.allows("http://localhost:3000", "http", "anything")
    for origin in (None, "http://app.example.com", "http://localhost", "https://chat.example.com"):
        assert not listed.allows(origin, "https", "chat.example.com"), origin


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_origin_and_host(origin: str, host: str) -> None:
    """Nothing that was made up is an origin, unless it is exactly our own."""
    if origins(host="").allows(origin, "https", host):
        assert parse_origin(origin) == parse_origin(f"https://{host}")


# -- hosts


def test_hosts_of_listed_origins() -> None:
    """With a list its hosts are answered to, on any port, and no others."""
    listed = origins("https://chat.example.com", "http://[::1]:8000")
    for host in ("chat.example.com", "CHAT.example.com:8000", "chat.example.com.", "[::1]", "[::1]:1"):
        assert listed.serves(host), host
    for host in ("", "evil.example", "chat.example.com.evil.example", "127.0.0.1", "localhost", "x@chat.example.com"):
        assert not listed.serves(host), host


def test_hosts_on_loopback() -> None:
    """A service on loopback, behind no proxy, answers to loopback's names: no foreign name leads into the machine."""
    for listens in ("127.0.0.1", "localhost", "::1"):
        local = origins(host=listens)
        for host in ("localhost", "localhost:8000", "127.0.0.1:8000", "127.0.0.2", "[::1]:8000", "chat.localhost"):
            assert local.serves(host), (listens, host)
        for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "192.0.2.1", "[2001:db8::1]", ""):
            assert not local.serves(host), (listens, host)


def test_hosts_elsewhere() -> None:
    """A service that others reach takes any name that is one."""
    for public in (origins(host=""), origins(host="0.0.0.0"), origins(proxies=1), origins(host="", proxies=1)):
        for host in ("chat.example.com", "192.0.2.1:8000", "[2001:db8::1]"):
            assert public.serves(host)
        for host in ("", "a b", "a/b", "a@b", "a;b", "a:b", "[::1", ":80", "a,b", "a\n", "é.example"):
            assert not public.serves(host), host


# -- both at once


def test_request_from_a_page() -> None:
    """A request of our own page is let in; a foreign Origin, Host or both are not, whatever else they say."""
    public = origins(host="")
    own = ("Origin", "http://chat.example.com")
    foreign = ("Origin", "http://evil.example")
    for handshake in (False, True):
        assert public.admits(request(own), handshake)
        assert not public.admits(request(foreign), handshake)
        assert not public.admits(request(foreign, ("Sec-Fetch-Site", "same-origin")), handshake)
        assert not public.admits(request(foreign, ("X-Forwarded-Host", "evil.example")), handshake)
        assert not public.admits(request(foreign, ("Authorization", "Bearer x")), handshake)
        assert not public.admits(request(own, foreign), handshake)
        assert not public.admits(request(foreign, own), handshake)
        assert not public.admits(request(("Origin", "null")), handshake)
        assert not public.admits(request(("Origin", "")), handshake)
        assert not public.admits(request(own, ("Host", "evil.example")), handshake)
        # The page is reached by https, so a page of http isn't ours.
        assert not public.admits(request(own, protocol="https"), handshake)
        local = origins()
        rebound = request(("Host", "evil.example:8000"), ("Origin", "http://evil.example:8000"))
        assert not local.admits(rebound, handshake)


def test_request_without_an_origin() -> None:
    """Without an Origin a handshake needs what no page has; other requests are judged by their Host alone."""
    public = origins(host="")
    assert public.admits(request())
    assert not public.admits(request(), handshake=True)
    assert not public.admits(request(("Authorization", "Basic eDp5")), handshake=True)
    assert not public.admits(request(("Sec-Fetch-Site", "same-origin")), handshake=True)
    assert public.admits(request(("Authorization", "Bearer abc.def")), handshake=True)
    for offer, allowed in (
        ("ticket.direct.abc", True),
        ("chat.v1, ticket.direct.abc", True),
        ("ticket.abc", False),
        ("chat.v1, ticket.abc", False),
        ("direct.abc", False),
        ("ticket.direct.a, ticket.direct.b", False),
        ("ticket.abc.direct.", False),
    ):
        assert public.admits(request(("Sec-WebSocket-Protocol", offer)), handshake=True) is allowed, offer
        local = ("Host", "evil.example"), ("Sec-WebSocket-Protocol", offer)
        assert origins().admits(request(*local), handshake=True) is allowed, offer
        foreign = ("Origin", "https://evil.example"), ("Sec-WebSocket-Protocol", offer)
        assert not public.admits(request(*foreign), handshake=True)


def test_request_of_a_backend_by_a_name_of_its_own() -> None:
    """A bearer token without an Origin, where pages always say one: on handshakes and POSTs. A GET may be a page's."""
    token, foreign = ("Authorization", "Bearer abc.def"), ("Origin", "https://evil.example")
    for one in (origins(), origins("https://chat.example.com", host="")):
        for host in ("parley.internal:8000", "10.0.0.7", "[2001:db8::1]:80"):
            name = ("Host", host)
            assert one.admits(request(name, token), handshake=True)
            assert one.admits(request(name, token, method="POST"))
            assert not one.admits(request(name, token))
            assert not one.admits(request(name, method="POST"))
            assert not one.admits(request(name, ("Authorization", "Basic eDp5"), method="POST"))
            assert not one.admits(request(name, token, foreign, method="POST"))
            assert not one.admits(request(name, token, foreign), handshake=True)
            assert not one.admits(request(name, token, ("Origin", f"http://{host}")), handshake=True)
        assert not one.admits(request(("Host", ""), token), handshake=True)
        assert not one.admits(request(("Host", ""), token, method="POST"))


# -- addresses


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, ["198.51.100.1"], PEER),
        (1, [], PEER),
        (1, ["198.51.100.1"], "198.51.100.1"),
        (1, ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        (1, ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        (2, ["6.6.6.6, 198.51.100.1, 10.0.0.1"], "198.51.100.1"),
        (2, ["6.6.6.6", "198.51.100.1", "10.0.0.1"], "198.51.100.1"),
        (2, ["198.51.100.1"], PEER),
        (3, ["198.51.100.1, 10.0.0.1"], PEER),
        (1, ["198.51.100.1:4711"], "198.51.100.1"),
        (1, ["2001:DB8::1"], "2001:db8::1"),
        (1, ["[2001:db8::1]"], "2001:db8::1"),
        (1, ["[2001:db8::1]:4711"], "2001:db8::1"),
        (1, ["::ffff:198.51.100.1"], "198.51.100.1"),
        *(
            (1, ["198.51.100.1, " + junk], PEER)
            for junk in (
                "unknown",
                "junk",
                "1.2.3",
                "999.1.1.1",
                "fe80::1%any text",
                "1.2.3.4:port",
                "[]",
                "[1.2.3.4",
                "for=1.2.3.4",
                "1.2.3.4 5.6.7.8",
                "\u00b3.1.1.1",
            )
        ),
        (1, ["198.51.100.1,"], PEER),
    ],
)
def test_client_address(proxies: int, forwarded: list[str], address: str) -> None:
    """The address is what the outermost trusted proxy saw; what a client writes itself never counts."""
    headers = [("X-Forwarded-For", value) for value in forwarded]
    lies = [("X-Real-Ip", "6.6.6.6"), ("Forwarded", "for=6.6.6.6"), ("X-Client-Ip", "6.6.6.6")]
    assert Proxies(proxies).client_address(request(*headers, *lies)) == address


# What gets through Tornado's own check of header values.
words = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30).map(str.strip)


@given(st.lists(words, max_size=3))
def test_forged_addresses_change_nothing(words: list[str]) -> None:
    """Whatever a client puts before its proxy's entry, its address is the one the proxy saw."""
    headers = [("X-Forwarded-For", word) for word in words] + [("X-Forwarded-For", "198.51.100.1")]
    assert Proxies(1).client_address(request(*headers)) == "198.51.100.1"
    assert Proxies(0).client_address(request(*headers)) == PEER


@pytest.mark.parametrize(
    ("proxies", "protocol", "forwarded", "scheme"),
    [
        (0, "http", ["https"], "http"),
        (0, "https", ["http"], "https"),
        (1, "http", [], "http"),
        (1, "http", ["https"], "https"),
        (1, "http", ["HTTPS"], "https"),
        (1, "http", ["https, http"], "http"),
        (1, "http", ["https", "http"], "http"),
        (2, "http", ["https, http"], "https"),
        (2, "http", ["https"], "https"),  # the inner one overwrote the outer one's
        (2, "http", ["http, https, http"], "https"),
        (1, "http", ["ws"], "http"),
        (1, "https", ["ws"], "http"),
        (1, "http", ["wss"], "https"),
        (1, "http", ["WSS"], "https"),
        (1, "http", ["https, wss"], "https"),
        (2, "http", ["wss, ws"], "https"),
        (0, "http", ["wss"], "http"),
        (1, "http", ["wss:"], "http"),
        (1, "http", ["javascript"], "http"),
        (1, "http", [""], "http"),
    ],
)
def test_request_scheme(proxies: int, protocol: str, forwarded: list[str], scheme: str) -> None:
    """The scheme is what the outermost trusted proxy was reached by, http or https."""
    headers = [("X-Forwarded-Proto", value) for value in forwarded]
    lies = [("X-Scheme", "https"), ("X-Forwarded-Ssl", "on")]
    assert Proxies(proxies).scheme(request(*headers, *lies, protocol=protocol)) == scheme


# -- credentials


@pytest.mark.parametrize(
    ("offers", "ticket"),
    [
        ([], None),
        (["chat.v1"], None),
        (["chat.v1, ticket.abc"], "abc"),
        (["chat.v1", "ticket.abc"], "abc"),
        (["ticket.a.b"], "a.b"),
        (["ticket.", "chat.v1"], None),
        (["ticket"], None),
        (["Ticket.abc"], None),
        (["chat.v1, ticket.abc, ticket.def"], None),
        (["ticket.abc", "ticket.abc"], None),
        ([",,ticket.abc,,"], "abc"),
    ],
)
def test_offered_ticket(offers: list[str], ticket: str | None) -> None:
    """The ticket is the one subprotocol that begins so; two are none, for nobody needs two."""
    headers = request(*(("Sec-WebSocket-Protocol", offer) for offer in offers)).headers
    assert offered_ticket(headers) == ticket


@pytest.mark.parametrize(
    ("values", "token"),
    [
        ([], None),
        (["Bearer abc.def-ghi_jkl"], "abc.def-ghi_jkl"),
        (["bearer abc"], "abc"),
        (["BEARER  abc=="], "abc=="),
        (["Bearer"], None),
        (["Bearer a b"], None),
        (["Bearer a,b"], None),
        (["Bearer a\u00e9"], None),
        (["Basic YTpi"], None),
        (["abc"], None),
        (["Bearer abc", "Bearer def"], None),
    ],
)
def test_bearer(values: list[str], token: str | None) -> None:
    """The token is that of the one Authorization header, in the form of RFC 6750."""
    assert bearer(request(*(("Authorization", value) for value in values)).headers) == token


# -- answers


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


@pytest.mark.parametrize(
    ("scheme", "host", "socket"),
    [
        ("https", "chat.example.com", "wss://chat.example.com"),
        ("http", "localhost:8000", "ws://localhost:8000"),
        ("http", "[::1]:8000", "ws://[::1]:8000"),
        ("http", "Chat.Example.com", "ws://chat.example.com"),
    ],
)
def test_content_security_policy(scheme: str, host: str, socket: str) -> None:
    """Everything comes from here, nothing inline, and the socket's address is named exactly."""
    policy = directives(page_policy(scheme, host))
    assert policy == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'", socket],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


@given(
    st.text(max_size=40)
    | st.sampled_from(["a; script-src *", "a *", "a'self'", "a,b", "a\r\nX: y", "*", "*.example.com"])
)
def test_host_adds_nothing_to_the_policy(host: str) -> None:
    """Whatever the Host header holds, the policy has the same directives and at most one source more."""
    usual = directives(page_policy("https", ""))
    found = directives(page_policy("https", host))
    assert found | {"connect-src": ["'self'"]} == usual
    assert re.fullmatch(r"'self'( wss://[a-z0-9._:\[\]-]+)?", " ".join(found["connect-src"]))


def test_other_headers() -> None:
    """What is no page allows nothing. No sniffing and no referrer, always; HSTS where https is forced and in use."""
    plain = security_headers("https", force_https=False)
    nothing = ["'none'"]
    assert directives(plain["Content-Security-Policy"]) == dict.fromkeys(
        ("default-src", "base-uri", "form-action", "frame-ancestors"), nothing
    )
    assert plain["X-Content-Type-Options"] == "nosniff"
    assert plain["Referrer-Policy"] == "no-referrer"
    assert "Strict-Transport-Security" not in plain
    assert "Strict-Transport-Security" not in security_headers("http", force_https=True)
    assert security_headers("https", force_https=True)["Strict-Transport-Security"] == "max-age=31536000"


# -- targets


@pytest.mark.parametrize(
    ("target", "host", "uri"),
    [
        ("http://chat.example.com/socket", "chat.example.com", "/socket"),
        ("https://chat.example.com:8443/a/b?c=d", "chat.example.com:8443", "/a/b?c=d"),
        ("HTTP://Chat.Example.com", "Chat.Example.com", "/"),
        ("http://chat.example.com?c=/d", "chat.example.com", "/?c=/d"),
        ("http://[2001:db8::1]:80/x", "[2001:db8::1]:80", "/x"),
        ("/socket", "other.example.com", "/socket"),
        ("/http://chat.example.com/socket", "other.example.com", "/http://chat.example.com/socket"),
        ("*", "other.example.com", "*"),
    ],
)
def test_an_absolute_target_is_its_path_and_its_host(target: str, host: str, uri: str) -> None:
    """RFC 9112 section 3.2.2: it must be taken, and its host replaces the header's."""
    asked = targeted(target)
    to_origin_form(asked)
    assert (asked.uri, asked.path) == (uri, uri.partition("?")[0])
    assert asked.host == asked.headers["Host"] == host


@pytest.mark.parametrize(
    "target", ["http:///x", "http://user@host/x", "http://a,b/x", "http://ho st/", "http://[::1/x"]
)
def test_an_absolute_target_without_a_host_is_malformed(target: str) -> None:
    """400, like a Host header that is none."""
    with pytest.raises(HTTPInputError):
        to_origin_form(targeted(target))


def targeted(target: str) -> HTTPServerRequest:
    start = RequestStartLine("GET", target, "HTTP/1.1")
    return HTTPServerRequest(start_line=start, headers=HTTPHeaders({"Host": "other.example.com"}))
