"""service/app.py, service/lifecycle.py: routes, what answers carry, static files, start, drain and end."""

import asyncio
import itertools
import json
import random
import re
import socket
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from tornado.httpclient import HTTPResponse
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from service import app, config, handler, lifecycle, pages
from service.admission import Rates
from service.app import make_broker
from service.assets import release
from service.brokers.base import unavailable
from service.brokers.redis.broker import RedisBroker
from service.brokers.sqlite.broker import SqliteBroker
from service.chat import ChatHandler
from service.errors import ConfigError
from service.identity.tickets import Tickets
from service.lifecycle import Service
from service.sockets.answers import AnswerHandler

from .attacks.raw_socket import CLOSE, RawSocket, frame, handshake
from .brokers import until
from .harness import UNIT, ChatClient, RedisServer, make_jwt
from .harness.chat_client import fetch_ticket
from .serving import Served, answer, environment, fields, serving

HTML = "text/html; charset=utf-8"


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    """How the service closed it."""
    async with asyncio.timeout(5 * UNIT):
        await client.wait_closed()
    return client.close_code, client.close_reason


# -- pages


@pytest.mark.parametrize("path", ["/", "/?name=Ada", "/r/lobby", "/r/tea-room_2"])
async def test_the_chat_page_is_at_its_addresses(path: str) -> None:
    """Also at a room's; it is looked up again each time, so that a deploy is seen."""
    async with serving() as it:
        response = await it.fetch(path)
        assert (response.code, response.headers["Content-Type"]) == (200, HTML)
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.body == release.load(pages.STATIC).pages["index.html"].plain


async def test_the_clock_has_a_page() -> None:
    """The article's example."""
    async with serving() as it:
        response = await it.fetch("/clock.html")
        assert (response.code, response.headers["Content-Type"]) == (200, HTML)
        assert response.body == (pages.STATIC / "clock.html").read_bytes()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/r/lobby", 200),
        ("/clock.html", 200),
        ("/static/client.js", 200),
        ("/static/nothing.js", 404),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/rooms", 200),
        ("/rooms?limit=1", 200),
        ("/rooms/lobby/messages", 404),
        ("/nothing", 404),
        ("/tickets", 405),
        ("/messages", 405),
        ("/moderation", 403),
    ],
)
async def test_head_is_get_without_a_body(path: str, status: int) -> None:
    """As monitors ask; where there is no GET there is no HEAD."""
    async with serving() as it:
        headers = {"Authorization": f"Bearer {make_jwt('u1', 'Ada')}"}
        got, head = await it.fetch(path, **headers), await it.fetch(path, "HEAD", **headers)
        assert (got.code, head.code, head.body) == (status, status, b"")
        assert head.headers["Content-Length"] == str(len(got.body))
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


async def test_head_of_metrics() -> None:
    """Its length changes from one moment to the next."""
    async with serving() as it:
        head = await it.fetch("/metrics", "HEAD")
        assert (head.code, head.body) == (200, b"") and int(head.headers["Content-Length"]) > 1000
    async with serving({"METRICS_TOKEN": "metrics-token"}) as it:
        assert (await it.fetch("/metrics", "HEAD")).code == 401


async def test_head_says_what_is_not_well() -> None:
    """As GET does."""
    async with serving() as it:
        it.node.admission.draining = True
        assert (await it.fetch("/readyz", "HEAD")).code == 503
        assert (await it.fetch("/healthz", "HEAD")).code == 200


@pytest.mark.parametrize("path", ["/r/", "/r/No-Room", "/r/a/b", "/r/" + "a" * 65, "/r", "/index.html", "//", "/R/a"])
async def test_other_addresses_are_404(path: str) -> None:
    """JSON, as every error."""
    async with serving() as it:
        response = await it.fetch(path)
        assert (response.code, answer(response)["error"]["code"]) == (404, "not_found")


async def test_an_upgrade_to_something_else_gets_the_page() -> None:
    """A client that would like HTTP/2 (h2c) may be answered as if it had not said so: RFC 9110 section 7.8."""
    async with serving() as it:
        response = await it.fetch("/", Upgrade="h2c", Connection="Upgrade, HTTP2-Settings")
        assert (response.code, response.headers["Content-Type"]) == (200, HTML)


async def test_an_upgrade_to_a_websocket_gets_one() -> None:
    """At the same address; one that speaks an old draft is told which version is spoken."""
    async with serving() as it:
        async with it.socket("/"):
            pass
        response = await it.fetch("/", Upgrade="WebSocket", Connection="Upgrade")
        assert (response.code, response.headers["Sec-WebSocket-Version"]) == (426, "13")


# -- headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/static/client.js", 200),
        ("/static/nothing.js", 404),
        ("/healthz", 200),
        ("/rooms", 401),
        ("/nothing", 404),
        ("/tickets", 405),
    ],
)
async def test_every_answer_carries_the_security_headers(path: str, status: int) -> None:
    """Errors, too; and none says what software runs here."""
    async with serving() as it:
        response = await it.fetch(path)
        assert response.code == status
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        socket = f"connect-src 'self' ws://127.0.0.1:{it.service.port};"
        assert (socket in policy) == (path == "/")
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "Strict-Transport-Security" not in response.headers
        assert "Server" not in response.headers


# -- pages elsewhere

ELSEWHERE = "https://app.example"
ALLOWED = {"ALLOWED_ORIGINS": f"http://127.0.0.1,{ELSEWHERE},capacitor://localhost", "JOIN_RATE": "0.001"}


async def each_status(it: Served, **headers: str) -> dict[str, HTTPResponse]:
    """An answer of each status that there is, by what it is."""
    user = {"Authorization": f"Bearer {make_jwt('u1', 'Ada')}"} | headers
    await it.node.broker.directory.claim_name("taken", "u9", 30)
    found = {
        "200 page": await it.fetch("/", **headers),
        "200 static": await it.fetch("/static/client.js", **headers),
        "200 health": await it.fetch("/healthz", **headers),
        "200 rooms": await it.fetch("/rooms", **user),
        "201 ticket": await it.fetch("/tickets", "POST", {"name": "Ada"}, **headers),
        "204 preflight": await it.fetch("/tickets", "OPTIONS", **headers),
        "204 preflight of nothing": await it.fetch("/nothing", "OPTIONS", **headers),
        "400": await it.fetch("/tickets", "POST", b"{", **headers),
        "400 query": await it.fetch("/rooms/lobby/messages?limit=x", **user),
        "401": await it.fetch("/rooms", **headers),
        "403 role": await it.fetch("/moderation", "POST", {"user": "u2", "action": "ban"}, **user),
        "404": await it.fetch("/nothing", **headers),
        "404 room": await it.fetch("/rooms/A/messages", **user),
        "404 static": await it.fetch("/static/nothing", **headers),
        "405": await it.fetch("/tickets", **headers),
        "405 page": await it.fetch("/", "POST", {}, **headers),
        "409": await it.fetch("/tickets", "POST", {"name": "Taken"}, **headers),
        "413 body": await it.fetch("/tickets", "POST", b" " * 140_000, **headers),
        "426 socket": await it.fetch("/socket", **user),
        "426 guide": await it.fetch("/receive", **headers),
        "429": await it.fetch("/rooms", **user),
    }
    etag = found["200 static"].headers["ETag"]
    found["304"] = await it.fetch("/static/client.js", If_None_Match=etag, **headers)

    async def broken() -> None:
        raise ZeroDivisionError

    with mock.patch.object(it.node.broker.directory, "claim_name", broken):
        found["500"] = await it.fetch("/tickets", "POST", {"name": "Bob"}, **headers)
    it.node.admission.draining = it.node.admission.closed = True
    found["503"] = await it.fetch("/tickets", "POST", {"name": "Bob"}, **headers)
    found["503 ready"] = await it.fetch("/readyz", **headers)
    found["204 preflight of 503"] = await it.fetch("/tickets", "OPTIONS", **headers)
    it.node.admission.draining = it.node.admission.closed = False
    for name, response in found.items():
        assert response.code == int(name[:3]), name
    return found


@pytest.mark.expects_log("POST /tickets (failed|500)")
@pytest.mark.parametrize("origin", [ELSEWHERE, "capacitor://localhost"])
async def test_every_status_can_be_read_from_an_allowed_origin(origin: str) -> None:
    """The origin that asked, never `*`; caches keep one for each; when to try again may be read."""
    async with serving(ALLOWED) as it:
        for name, response in (await each_status(it, Origin=origin)).items():
            assert response.headers["Access-Control-Allow-Origin"] == origin, name
            assert response.headers["Access-Control-Expose-Headers"] == "Retry-After, X-Request-Id", name
            assert "Origin" in response.headers["Vary"].split(", "), name
            assert "Access-Control-Allow-Credentials" not in response.headers
            if name.startswith("204"):
                assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, PATCH, DELETE"
                assert response.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, X-Request-Id"
            if name[:3] in ("429", "503") and name != "503 ready":
                assert int(response.headers["Retry-After"]) >= 1, name


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
async def test_nobody_else_is_told_that_they_may_read(origin: str | None) -> None:
    """Nor who sends no Origin; but caches are told that it would make a difference."""
    async with serving(ALLOWED) as it:
        headers = {} if origin is None else {"Origin": origin}
        for path in ("/", "/static/client.js", "/healthz", "/nothing", "/tickets", "/rooms"):
            for method in ("GET", "OPTIONS"):
                response = await it.fetch(path, method, **headers)
                assert "Access-Control-Allow-Origin" not in response.headers
                assert "Origin" in response.headers["Vary"].split(", ")
                assert method == "GET" or response.code != 204 or origin is None


@pytest.mark.expects_log("POST /tickets (failed|500)")
async def test_without_allowed_origins_nothing_is_said_of_them() -> None:
    """Our own page asks nobody."""
    async with serving({"JOIN_RATE": "0.001"}) as it:
        for path in ("/", "/static/client.js", "/nothing", "/tickets", "/rooms"):
            for headers in ({}, {"Origin": it.url}):
                response = await it.fetch(path, **headers)
                assert not [name for name in response.headers if name.startswith("Access-Control")]
                assert "Origin" not in response.headers.get("Vary", "")


async def test_a_proxy_may_name_the_scheme_of_a_socket() -> None:
    """Traefik says wss where others say https; what it says counts for the Origin, and for redirects."""
    async with serving({"TRUSTED_PROXIES": "1", "FORCE_HTTPS": "1"}) as it:
        for proto, origin, status in (
            ("wss", "https://chat.example.com", 101),
            ("WSS", "https://chat.example.com", 101),
            ("https", "https://chat.example.com", 101),
            ("wss", "http://chat.example.com", 403),
            ("wss", "wss://chat.example.com", 403),
            ("ws", "http://chat.example.com", 403),  # https is forced
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.service.port)
            lines = (
                "GET /socket HTTP/1.1",
                "Host: chat.example.com",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                f"X-Forwarded-Proto: {proto}",
                f"Origin: {origin}",
            )
            writer.write("\r\n".join([*lines, "", ""]).encode())
            async with asyncio.timeout(5 * UNIT):
                answered = await reader.readline()
            assert answered.startswith(f"HTTP/1.1 {status}".encode()), f"{proto} {origin}"
            writer.close()
        assert (await it.fetch("/", X_Forwarded_Proto="ws")).code == 301


# -- https

HTTPS = {"FORCE_HTTPS": "1", "TRUSTED_PROXIES": "1"}


@pytest.mark.parametrize("path", ["/", "/r/lobby?x=1&y=%20", "/static/client.js", "/nothing", "/rooms"])
async def test_http_is_redirected_where_https_is_forced(path: str) -> None:
    """Permanently, to the same address; HSTS only counts over https (RFC 6797 section 7.2)."""
    async with serving(HTTPS) as it:
        response = await it.fetch(path, X_Forwarded_Proto="http", Host="chat.example.com")
        assert response.code == 301
        assert response.headers["Location"] == f"https://chat.example.com{path}"
        assert "Strict-Transport-Security" not in response.headers


async def test_what_was_posted_in_the_clear_is_not_redirected() -> None:
    """It has been seen on the way already; the client must be mended."""
    async with serving(HTTPS) as it:
        response = await it.fetch("/tickets", "POST", {"name": "Ada"}, X_Forwarded_Proto="http")
        assert (response.code, answer(response)["error"]["code"]) == (403, "https_required")


async def test_over_https_nothing_is_redirected_and_hsts_says_so() -> None:
    """A year, on every answer."""
    async with serving(HTTPS) as it:
        for path, status in (("/", 200), ("/static/client.js", 200), ("/nothing", 404)):
            response = await it.fetch(path, X_Forwarded_Proto="https", Host="chat.example.com")
            assert response.code == status
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
            assert ("wss://chat.example.com" in response.headers["Content-Security-Policy"]) == (path == "/")


async def test_the_routers_own_checks_may_come_in_the_clear() -> None:
    """A health check that is redirected would fail."""
    async with serving(HTTPS) as it:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await it.fetch(path)).code == 200


async def test_nobody_is_redirected_to_a_foreign_host() -> None:
    """The Host header is the client's word."""
    async with serving(HTTPS | {"ALLOWED_ORIGINS": "https://chat.example.com"}) as it:
        response = await it.fetch("/", Host="evil.example")
        assert response.code == 403 and "Location" not in response.headers
        assert (await it.fetch("/", Host="chat.example.com")).code == 301


async def test_without_a_trusted_proxy_its_header_does_not_count() -> None:
    """Anybody could write it."""
    async with serving({"FORCE_HTTPS": "1"}) as it:
        assert (await it.fetch("/", X_Forwarded_Proto="https")).code == 301


# -- static files


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("client.js", "text/javascript"),
        ("client.d.ts", "text/plain"),
        ("page.css", "text/css"),
        ("page/log.css", "text/css"),
        ("favicon.svg", "image/svg+xml"),
        ("page/log.js", "text/javascript"),
    ],
)
async def test_static_files_are_served(name: str, kind: str) -> None:
    """Under their type, from folders below, too."""
    async with serving() as it:
        response = await it.fetch(f"/static/{name}")
        assert (response.code, response.headers["Content-Type"].partition(";")[0]) == (200, kind)
        assert response.body == (pages.STATIC / name).read_bytes()


async def test_static_files_are_checked_by_etag() -> None:
    """So a deploy is seen at once, and what did not change is not sent again."""
    async with serving() as it:
        first = await it.fetch("/static/client.js")
        assert first.headers["Cache-Control"] == "no-cache"
        again = await it.fetch("/static/client.js", If_None_Match=first.headers["Etag"])
        assert (again.code, again.body) == (304, b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Static files with much beside them that must not be seen."""
    static = tmp_path / "static"
    for name in ("page.js", ".env", ".git/config", "sub/.hidden", "sub/file.js", "sub/index.html", "a..b.js"):
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).write_text(f"content of {name}")
    (tmp_path / "secret").write_text("content of a secret")
    (tmp_path / "static-secret").write_text("content of a secret")
    return static


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        "sub/.hidden",
        "%2eenv",
        "./.env",
        "sub/../.env",
        "",
        "sub",
        "sub/",
        ".",
        "..",
        "../secret",
        "../static-secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "sub/../../secret",
        "....//secret",
        "..\\secret",
        "..%5csecret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "page.js%00",
        "page.js%00.png",
        "%ff",
        "a" * 5000,
        "page.js/x",
        "nothing.js",
        "PAGE.JS",
    ],
)
async def test_nothing_else_is_served(folder: Path, path: str) -> None:
    """No hidden file, no listing, no index, nothing beside the folder (403); no redirect tells of any."""
    async with serving(static=folder) as it:
        response = await raw_get(it.service.port, f"/static/{path}")
        assert response.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))
        assert b"content of" not in response and b"root:" not in response
        assert b"Location:" not in response


async def test_nobody_learns_what_exists_beside_the_folder(folder: Path) -> None:
    """What is there and what is not get the same answer."""
    async with serving(static=folder) as it:
        for there, not_there in (("../secret", "../secrex"), ("/etc/passwd", "/etc/passwx"), ("..", "../x")):
            answers = [await raw_get(it.service.port, f"/static/{path}") for path in (there, not_there)]
            assert len({re.sub(rb"\r\n(Date|X-Request-Id): [^\r]*", b"", answer) for answer in answers}) == 1


async def test_dots_within_a_name_are_no_harm(folder: Path) -> None:
    """And a way through a folder and back is the file."""
    async with serving(static=folder) as it:
        for path in ("page.js", "a..b.js", "sub/file.js", "sub/../page.js"):
            assert b"content of" in await raw_get(it.service.port, f"/static/{path}")


async def raw_get(port: int, target: str) -> bytes:
    """The answer to a target that is sent as it is written: clients' libraries tidy paths up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
    try:
        async with asyncio.timeout(5 * UNIT):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_target_may_be_absolute() -> None:
    """RFC 9112 section 3.2.2. Its host is the one that counts, whatever the header says."""
    async with serving() as it:
        for target in (f"http://localhost:{it.port}/healthz", f"http://127.0.0.1:{it.port}/clock.html"):
            assert (await raw_get(it.port, target)).startswith(b"HTTP/1.1 200 ")
        assert (await raw_get(it.port, "http://user@localhost/healthz")).startswith(b"HTTP/1.1 400 ")
        request = handshake(it.port, "http://evil.example.com/socket")
        async with await RawSocket.connect(it.port) as raw:
            assert (await raw.request(request)).status == 403
        request = handshake(it.port, f"http://127.0.0.1:{it.port}/clock", host="evil.example.com", protocols=None)
        async with await RawSocket.connect(it.port) as raw:
            assert (await raw.request(request)).status == 101


# -- limits of a request


async def test_a_request_that_is_too_large_is_refused() -> None:
    """Head and body: a 4xx or a cut, and the next is served."""
    async with serving() as it:
        for request in (
            f"GET / HTTP/1.1\r\nHost: a\r\nX: {'x' * lifecycle.HEADER_LIMIT}\r\n\r\n",
            f"POST /tickets HTTP/1.1\r\nHost: a\r\nContent-Length: {app.BODY_LIMIT + 1}\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.service.port)
            writer.write(request.encode())
            async with asyncio.timeout(5 * UNIT):
                assert (await reader.read()).startswith((b"HTTP/1.1 4", b""))
            writer.close()
        assert (await it.fetch("/healthz")).code == 200


async def test_a_large_body_is_answered_and_gone_by() -> None:
    """413 in JSON whatever asks for what, at once and so that it can be read; what is larger still is cut."""
    async with serving() as it:
        body = b" " * (app.BODY_LIMIT + 1)
        for method, path in (("POST", "/tickets"), ("PUT", "/nothing"), ("POST", "/"), ("GET", "/rooms")):
            response = await it.fetch(path, method, body)
            assert (response.code, answer(response)["error"]["code"]) == (413, "too_large")
            assert response.headers["Connection"] == "close"
        response = await it.fetch("/tickets", "POST", b'{"name":"Ada"}' + b" " * (app.BODY_LIMIT - 14))
        assert response.code == 201
        for size, status in ((app.BODY_LIMIT + 1, b"413"), (64 * app.BODY_LIMIT, b"413"), (2**40, b"400")):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.service.port)
            writer.write(f"POST /tickets HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
            async with asyncio.timeout(handler.BODY_WAIT * 5 * UNIT):
                assert (await reader.readline()).split()[1] == status  # before the body has come
                await reader.read()  # and an end, though it never comes
            writer.close()


async def test_who_goes_on_while_refused_is_cut() -> None:
    """After five 429s in a row on a connection the next closes it; any other answer in between begins anew."""
    async with serving({"TICKET_RATE": "0.01"}) as it:
        refused = b"POST /tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
        well = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        await it.fetch("/tickets", "POST", {"name": "Ada"})
        for requests, ends in (([refused] * 6, True), ([refused] * 5, False), (([refused] * 5 + [well]) * 3, False)):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.service.port)
            heads = []
            async with asyncio.timeout(10 * UNIT):
                for request in requests:
                    writer.write(request)
                    heads.append(await reader.readuntil(b"\r\n\r\n"))
                    length = re.search(rb"Content-Length: (\d+)", heads[-1])
                    assert length
                    await reader.readexactly(int(length[1]))
                    assert heads[-1].startswith(b"HTTP/1.1 429" if request is refused else b"HTTP/1.1 200")
                assert [b"Connection: close" in head for head in heads] == [False] * (len(heads) - 1) + [ends]
                if ends:
                    assert await reader.read() == b""
                else:
                    writer.write(well)
                    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()


async def test_a_request_that_drips_is_cut() -> None:
    """HANDSHAKE_TIMEOUT, for the head as for the body."""
    async with serving({"HANDSHAKE_TIMEOUT": "0.2"}) as it:
        for request in (b"GET / HT", b"POST /tickets HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{"):
            reader, writer = await asyncio.open_connection("127.0.0.1", it.service.port)
            writer.write(request)
            before = time.monotonic()
            async with asyncio.timeout(5 * UNIT):
                assert await reader.read() in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n")
            assert 0.1 < time.monotonic() - before < 2 * UNIT
            writer.close()


# -- start


def test_the_broker_is_redis_where_there_is_a_url(tmp_path: Path) -> None:
    """Else the embedded one."""
    redis = config.load(environment({"REDIS_URL": "redis://127.0.0.1:1/0"}))
    assert isinstance(make_broker(redis), RedisBroker)
    assert isinstance(make_broker(config.load(environment())), SqliteBroker)


async def test_a_port_in_use_stops_the_start() -> None:
    """With the system's error, and nothing left behind."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with pytest.raises(ConfigError, match=r"^PORT .*in use"):
            await Service(config.load(environment({"PORT": port}))).start()


async def test_a_database_that_can_not_be_had_stops_the_start(tmp_path: Path) -> None:
    """Naming the setting; the port is free again, and all that had begun has ended."""
    settings = config.load(environment({"SQLITE_PATH": str(tmp_path / "no" / "folder" / "parley.db")}))
    with pytest.raises(ConfigError, match="SQLITE_PATH"):
        await Service(settings).start()


@pytest.mark.expects_log("redis (commands|channels): ")
@pytest.mark.expects_log("the broker is away; serving without it until it comes")
async def test_a_start_without_redis_serves_and_is_not_ready() -> None:
    """Pages are served, chat is `unavailable`; once it comes all is well, without a restart."""
    with RedisServer() as server:
        server.stop()
        async with serving({"REDIS_URL": server.url}, ready=0.1) as it:
            assert (await it.fetch("/")).code == 200
            assert (await it.fetch("/readyz")).code == 503
            assert (await it.fetch("/tickets", "POST", {"name": "Ada"})).code == 503
            server.start()
            await until(lambda: it.node.broker.available and it.node.moderation.known, "the broker there")
            assert (await it.fetch("/readyz")).code == 200
            async with ChatClient.open(it.url, "Ada") as ada:
                await ada.join("lobby")


@pytest.mark.expects_log("a part of the service failed")
async def test_a_part_that_fails_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said in the log and in /readyz, until it has run for a while; a drain it is not, so sockets may come."""
    starts: list[float] = []

    async def broken_at_first(self: Rates) -> None:
        starts.append(time.monotonic())
        if len(starts) < 5:
            raise ZeroDivisionError
        await asyncio.Event().wait()

    monkeypatch.setattr(Rates, "run", broken_at_first)
    async with serving(restart_first=0.02, restart_well=0.2 * UNIT) as it:
        await until(lambda: len(starts) > 1, "a second start")
        response = await it.fetch("/readyz")
        assert response.code == 503
        assert fields(answer(response), "failed", "draining") == {"failed": ["rates"], "draining": False}
        assert (await it.fetch("/healthz")).code == 200
        async with ChatClient.open(it.url, "Ada") as ada:
            await ada.join("lobby")
        await until(lambda: not it.node.admission.failed, "it runs")
        assert (await it.fetch("/readyz")).code == 200
    waits = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert len(waits) == 4 and all(wait >= 0.02 * 2**number for number, wait in enumerate(waits))


@pytest.mark.expects_log("a part of the service failed")
async def test_a_part_that_is_back_for_a_moment_only_has_still_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the process would look ready each time."""

    async def broken_soon(self: Rates) -> None:
        await asyncio.sleep(0.03)
        raise ZeroDivisionError

    monkeypatch.setattr(Rates, "run", broken_soon)
    async with serving(restart_first=0.01, restart_longest=0.02) as it:
        await until(lambda: it.node.admission.failed, "it failed")
        for _ in range(20):
            assert it.node.admission.failed == {"rates"}
            await asyncio.sleep(0.01)


# -- drain

LEAVING = (1012, "this process is leaving")


async def entered(stack: AsyncExitStack, url: str, number: int) -> list[ChatClient]:
    return [await stack.enter_async_context(ChatClient.open(url, f"Guest {index}")) for index in range(number)]


async def test_each_socket_is_sent_away_in_its_own_moment() -> None:
    """`reconnect` to all at once; then each is closed 1012 when it was told, evenly over DRAIN_SECONDS."""
    number, seconds = 20, 1.0
    async with serving({"DRAIN_SECONDS": str(seconds)}) as it, AsyncExitStack() as stack:
        clients = await entered(stack, it.url, number)
        began = time.monotonic()
        drain = asyncio.ensure_future(it.service.drain())

        async def leave(client: ChatClient) -> tuple[float, float]:
            told = (await client.recv("reconnect"))["in_ms"] / 1000
            assert await client.closed() == LEAVING
            return told, time.monotonic() - began

        moments = sorted(await asyncio.gather(*map(leave, clients)))
        await drain
        slot = seconds / number
        for index, (told, left) in enumerate(moments):
            assert index * slot - 0.001 <= told <= (index + 1) * slot + 0.001
            assert told - 0.05 <= left <= told + 0.4 * UNIT
        assert not ChatHandler.sessions


async def test_the_ticket_opens_the_next_process(redis_url: str) -> None:
    """As the same user, once, on whatever process answers at that address next."""
    async with serving({"REDIS_URL": redis_url, "DRAIN_SECONDS": "0"}) as it:
        url, port = it.url, str(it.service.port)
        async with ChatClient.open(url, "Ada") as ada:
            await it.service.drain()
            ticket = (await ada.recv("reconnect"))["ticket"]
            user = ada.user
    async with serving({"REDIS_URL": redis_url, "PORT": port}):
        async with ChatClient.open(url, ticket=ticket) as again:
            assert again.user == user
        async with ChatClient.open(url, ticket=ticket, welcome=False) as twice:
            assert (await twice.closed())[0] == 4401


async def test_without_the_broker_there_is_no_ticket_but_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets a ticket itself then."""
    async with serving({"DRAIN_SECONDS": "0.1"}) as it, ChatClient.open(it.url, "Ada") as ada:

        async def away(*_: object) -> None:
            raise unavailable()

        monkeypatch.setattr(it.node.tickets, "issue", away)
        await it.service.drain()
        told = await ada.recv("reconnect")
        assert set(told) == {"type", "in_ms"} and 0 <= told["in_ms"] <= 100
        assert await ada.closed() == LEAVING


async def test_who_comes_during_the_delay_is_let_in_and_has_a_moment_too() -> None:
    """Readiness falls first; nobody is sent away before the delay is over, those who came then after all others."""
    paths, delay = ("/receive", "/submit", "/clock", "/"), 2.0 * UNIT
    async with serving({"DRAIN_DELAY": str(delay), "DRAIN_SECONDS": "0.2"}) as it, AsyncExitStack() as stack:
        clients = await entered(stack, it.url, 1)
        began = time.monotonic()
        drain = asyncio.ensure_future(it.service.drain())
        await until(lambda: it.node.admission.draining, "it leaves")
        response = await it.fetch("/readyz")
        assert (response.code, answer(response)["draining"]) == (503, True)
        clients.append(await stack.enter_async_context(ChatClient.open(it.url, "Newcomer")))
        for path in paths:
            async with it.socket(path):
                pass
        assert not drain.done() and not any(
            frame["type"] == "reconnect" for client in clients for frame in client.frames
        )
        for client, first, last in ((clients[0], 0, 100), (clients[1], 100, 200)):
            told = await client.recv("reconnect")
            assert time.monotonic() - began >= delay and first <= told["in_ms"] <= last
            assert "ticket" not in told, "the embedded broker's go with the process"
            assert await client.closed() == LEAVING
        await drain


async def test_a_leaving_process_takes_no_sockets() -> None:
    """Without a delay 503 from the first moment on every address of one; those that are in can still talk."""
    async with serving({"DRAIN_SECONDS": "20"}) as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        drain = asyncio.ensure_future(it.service.drain())
        await ada.recv("reconnect")
        response = await it.fetch("/readyz")
        assert (response.code, answer(response)["draining"]) == (503, True)
        for path in ("/socket", "/receive", "/submit", "/clock", "/"):
            with pytest.raises(InvalidStatus) as caught:
                async with it.socket(path):
                    pass
            assert caught.value.response.status_code == 503
        assert (await ada.send("lobby", "still here"))["seq"] == 1
        drain.cancel()
        await asyncio.gather(drain, return_exceptions=True)


async def test_handshakes_under_way_when_a_drain_begins_are_told_to_go_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each socket of a rush has its `reconnect`, or gets 503 before it is one: none is closed out of the blue."""
    redeem = Tickets.redeem

    async def slowly(self: Tickets, *arguments: Any) -> Any:
        await asyncio.sleep(0.3 * random.random())
        return await redeem(self, *arguments)

    monkeypatch.setattr(Tickets, "redeem", slowly)
    async with serving({"DRAIN_SECONDS": "0.1"}) as it:
        tickets = [await fetch_ticket(it.url, f"Guest {number}", {"Origin": it.url}) for number in range(60)]

        async def come(ticket: dict[str, Any]) -> str:
            async with await RawSocket.connect(it.port) as raw:
                protocols = f"chat.v1, ticket.{ticket['ticket']}"
                answer = await raw.request(handshake(it.port, protocols=protocols))
                if answer.status != 101:
                    return str(answer.status)
                types = []
                while (received := await raw.read_frame()) is not None and received[0] != CLOSE:
                    types.append(json.loads(received[1])["type"])
                assert received is not None and int.from_bytes(received[1][:2], "big") == 1012
                await raw.send(frame(received[1], CLOSE))
                return "told" if types[-1] == "reconnect" else f"closed after {types}"

        coming = [asyncio.ensure_future(come(ticket)) for ticket in tickets]
        await until(lambda: len(ChatHandler.sessions) >= 10, "some are in")
        await it.service.drain()
        await asyncio.wait(coming, timeout=5 * UNIT)  # all of them, unless one got in that nobody sends away
        await it.service.close()
        outcomes = Counter(await asyncio.gather(*coming))
    assert set(outcomes) == {"told", "503"}, outcomes


async def test_with_nobody_there_nobody_is_waited_for() -> None:
    """Nobody has to be spread over DRAIN_SECONDS."""
    async with serving({"DRAIN_SECONDS": "20"}) as it:
        await asyncio.wait_for(it.service.drain(), UNIT)


async def test_who_left_meanwhile_does_not_hold_up_the_others() -> None:
    """A socket closed between `reconnect` and its moment is simply gone."""
    async with serving({"DRAIN_SECONDS": "0.5"}) as it, AsyncExitStack() as stack:
        first, second = await entered(stack, it.url, 2)
        drain = asyncio.ensure_future(it.service.drain())
        await first.recv("reconnect")
        first.abort()
        assert await second.closed() == LEAVING
        await drain


# -- the end


@pytest.mark.parametrize("path", ["/receive", "/submit", "/clock", "/"])
async def test_the_end_closes_the_guides_sockets(path: str) -> None:
    """1012, as the chat's: whoever can come back does."""
    async with serving() as it, it.socket(path) as client:
        await it.service.close()
        assert await closed(client) == LEAVING


async def test_the_end_closes_chat_sockets_and_cuts_who_does_not_answer() -> None:
    """A peer that never answers the close holds the process up for so long and no longer."""
    async with serving(close=0.2) as it, ChatClient.open(it.url, "Ada", max_queue=1) as ada:
        await ada.join("lobby")
        ada.connection.transport.pause_reading()
        before = time.monotonic()
        await it.service.close()
        assert 0.15 < time.monotonic() - before < 2 * UNIT
        ada.connection.transport.resume_reading()


async def test_requests_under_way_are_answered_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at any time; those that take too long are told that the process leaves, which is no fault to be logged."""
    begun, free = asyncio.Event(), asyncio.Event()
    issue = Tickets.issue

    async def slowly(self: Tickets, *arguments: Any, **options: Any) -> Any:
        begun.set()
        await free.wait()
        return await issue(self, *arguments, **options)

    monkeypatch.setattr(Tickets, "issue", slowly)
    for close, freed, answered in ((5 * UNIT, True, (201, None)), (0.2, False, (503, "unavailable"))):
        begun.clear()
        free.clear()
        async with serving(close=close) as it:
            asking = asyncio.ensure_future(it.fetch("/tickets", "POST", {"name": "Ada"}))
            await begun.wait()
            end = asyncio.ensure_future(it.service.close())
            await asyncio.sleep(0.05)
            assert not end.done() and not asking.done()
            if freed:
                free.set()
            response = await asking
            assert (response.code, answer(response).get("error", {}).get("code")) == answered
            await end
    assert not AnswerHandler.under_way


async def test_a_handshake_that_takes_too_long_at_the_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As such a request is."""
    begun = asyncio.Event()

    async def never(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Tickets, "redeem", never)
    async with serving(close=0.2) as it, await RawSocket.connect(it.port) as raw:
        asking = asyncio.ensure_future(raw.request(handshake(it.port, protocols="chat.v1, ticket.one")))
        await begun.wait()
        await it.service.close()
        assert (await asking).status == 503


async def test_everybody_is_gone_from_presence_at_the_end(redis_url: str) -> None:
    """Other processes need not wait for them to be found dead."""
    async with serving({"REDIS_URL": redis_url}) as it, ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        await ada.recv("presence")
    async with serving({"REDIS_URL": redis_url}) as it:
        assert (await it.node.broker.presence.roster("lobby")).count == 0


async def test_requests_are_logged_by_path_alone(caplog: pytest.LogCaptureFixture) -> None:
    """With status and time; a query may hold what somebody put there by mistake, and upgrades are no requests."""
    with caplog.at_level("DEBUG", "service.app"):
        async with serving() as it, it.socket("/clock"):
            await it.fetch("/rooms?ticket=hidden")
    lines = [record.getMessage() for record in caplog.records if record.name == "service.app"]
    (line,) = [line for line in lines if "GET" in line]
    assert line.startswith("GET /rooms 401 ") and line.endswith(" ms")
