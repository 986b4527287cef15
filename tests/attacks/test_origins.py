"""A foreign, missing or forged Origin, Host or Sec-Fetch-Site is refused before the ticket is read."""

import json
from itertools import product
from typing import Any

from ..harness import ChatClient, ServiceProcess, make_jwt
from ..harness.chat_client import fetch_ticket
from .raw_socket import Answer, Headers, RawSocket, exchange, handshake

FOREIGN: dict[str, dict[str, Any]] = {
    "foreign": {"origin": "https://evil.example"},
    "foreign, but the browser calls it same-origin": {
        "origin": "https://evil.example",
        "extra": [("Sec-Fetch-Site", "same-origin")],
    },
    "null, as of a sandboxed frame": {"origin": "null"},
    "missing": {"origin": None},
    "missing, but same-origin": {"origin": None, "extra": [("Sec-Fetch-Site", "same-origin")]},
    "under its older name alone": {"origin": None, "extra": [("Sec-WebSocket-Origin", "http://127.0.0.1:{port}")]},
    "another port": {"origin": "http://127.0.0.1:1"},
    "another scheme": {"origin": "https://127.0.0.1:{port}"},
    "ours as the start of a longer name": {"origin": "http://127.0.0.1:{port}.evil.example"},
    "ours as the user of a foreign one": {"origin": "http://127.0.0.1:{port}@evil.example"},
    "ours with a path": {"origin": "http://127.0.0.1:{port}/"},
    "two, ours first": {"origin": "http://127.0.0.1:{port}", "extra": [("Origin", "https://evil.example")]},
    "two in one": {"origin": "http://127.0.0.1:{port}, https://evil.example"},
    "foreign, with Host to match (rebinding)": {"origin": "http://evil.example", "host": "evil.example"},
    "foreign Host alone": {"host": "evil.example"},
    "foreign, which X-Forwarded-Host claims as ours": {
        "origin": "https://evil.example",
        "extra": [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")],
    },
    "foreign, which Forwarded claims as ours": {
        "origin": "https://evil.example",
        "extra": [("Forwarded", "host=evil.example;proto=https")],
    },
}


def shaped(service: ServiceProcess, case: dict[str, Any]) -> dict[str, Any]:
    """The case with the service's port."""
    made: dict[str, Any] = json.loads(json.dumps(case).replace("{port}", str(service.port)))
    return made


async def upgrade(service: ServiceProcess, path: str = "/socket", **options: Any) -> Answer:
    """The answer to a handshake."""
    return await exchange(service.port, handshake(service.port, path, **options))


async def test_foreign_origins_are_refused_and_the_ticket_stays_unread(broker_env: dict[str, str]) -> None:
    """403 for each forgery, on each socket; after all of them the ticket is still good."""
    with ServiceProcess(broker_env) as service:
        ticket = (await fetch_ticket(service.url, "Ada", {"Origin": service.url}))["ticket"]
        for name, case in FOREIGN.items():
            options = shaped(service, case)
            answer = await upgrade(service, protocols=f"chat.v1, ticket.{ticket}", **options)
            assert answer.status == 403, f"{name}: {answer}"
            assert ticket.encode() not in answer.body
        async with ChatClient.open(service.url, ticket=ticket) as ada:
            assert ada.user["name"] == "Ada"


async def test_foreign_pages_reach_no_other_socket() -> None:
    """The guides' sockets need no ticket, so a foreign page must not get as far; who sends no Origin is no page."""
    with ServiceProcess() as service:
        for path, (name, case) in product(("/receive", "/submit", "/clock", "/"), FOREIGN.items()):
            options = shaped(service, case)
            answer = await upgrade(service, path, protocols=None, **options)
            own = options.get("origin", "") is None and "host" not in options
            assert answer.status == (101 if own else 403), f"{name} on {path}: {answer}"


async def test_foreign_pages_get_no_ticket_and_no_answer() -> None:
    """POST /tickets and the rest of the API: 403, and no CORS header that would let the page read it."""
    with ServiceProcess() as service:
        token = make_jwt("u1", "Ada")
        for name, case in FOREIGN.items():
            options = shaped(service, case)
            extra: Headers = [(name, value) for name, value in options.get("extra", [])]
            origin = options.get("origin", f"http://127.0.0.1:{service.port}")
            lines = [f"Host: {options.get('host', f'127.0.0.1:{service.port}')}", f"Authorization: Bearer {token}"]
            lines += [] if origin is None else [f"Origin: {origin}"]
            lines += [f"{key}: {value}" for key, value in extra]
            for start in ("POST /tickets", "GET /rooms", "GET /rooms/lobby/messages", "POST /moderation"):
                request = "\r\n".join([f"{start} HTTP/1.1", *lines, "Content-Length: 2", "", "{}"]).encode()
                answer = await exchange(service.port, request)
                if origin is None:  # no page; its bearer token decides
                    assert answer.status != 403 or start == "POST /moderation", f"{name}: {answer}"
                else:
                    assert answer.status == 403, f"{name}, {start}: {answer}"
                    assert json.loads(answer.body)["error"]["code"] == "forbidden"
                assert "access-control-allow-origin" not in answer.headers


async def test_without_an_origin_only_a_bearer_token_enters() -> None:
    """A server's handshake: no Origin, a token in a header that no page can set. A ticket does not do."""
    with ServiceProcess() as service:
        ticket = (await fetch_ticket(service.url, "Ada", {"Origin": service.url}))["ticket"]
        refused = await upgrade(service, origin=None, protocols=f"chat.v1, ticket.{ticket}")
        assert refused.status == 403
        async with ChatClient.open(service.url, bearer=make_jwt("u1", "Bob"), headers={"Origin": None}) as bob:
            assert bob.user == {"id": "u1", "name": "Bob"}


async def test_a_backend_comes_by_an_internal_name() -> None:
    """With its token, where no page comes without an Origin; a page that was led to that name comes nowhere."""
    with ServiceProcess({"ALLOWED_ORIGINS": "https://chat.example.com"}) as service:
        token = make_jwt("backend", "Backend", role="service")
        message = b'{"id":"1","text":"Hello"}'

        async def ask(start: str, *lines: str, body: bytes = b"") -> int:
            known = ("Host: parley.internal:8000", f"Content-Length: {len(body)}")
            head = "\r\n".join([f"{start} HTTP/1.1", *known, *lines, "", ""])
            return (await exchange(service.port, head.encode() + body)).status

        bearer, rebound = f"Authorization: Bearer {token}", "Origin: http://parley.internal:8000"
        publish = "POST /rooms/lobby/messages"
        assert await ask(publish, bearer, body=message) == 201
        assert await ask(publish, "Authorization: Bearer x.y.z", body=message) == 401
        assert await ask(publish, bearer, rebound, body=message) == 403
        assert await ask("GET /rooms", bearer) == 403
        assert await ask("POST /tickets", body=b'{"name":"Ada"}') == 403
        assert await ask("POST /tickets", bearer, body=b"{}") == 201
        extra = [("Authorization", f"Bearer {token}")]
        for origin, status in ((None, 101), ("http://parley.internal:8000", 403)):
            answer = await upgrade(service, origin=origin, host="parley.internal:8000", extra=extra)
            assert answer.status == status


async def test_a_ticket_is_bound_to_its_origin() -> None:
    """Of two allowed origins, one's ticket does not enter at the other."""
    with ServiceProcess({"ALLOWED_ORIGINS": "http://127.0.0.1,https://a.example,https://b.example"}) as service:
        ticket = (await fetch_ticket(service.url, "Ada", {"Origin": "https://a.example"}))["ticket"]
        async with await RawSocket.connect(service.port) as raw:
            offer = handshake(service.port, origin="https://b.example", protocols=f"chat.v1, ticket.{ticket}")
            assert (await raw.request(offer)).status == 101
            assert await raw.closed() == 4401


async def test_preflights_are_answered_for_allowed_origins_alone() -> None:
    """CORS: the allowed page hears its own origin back, never `*`; the foreign one gets 403."""
    with ServiceProcess({"ALLOWED_ORIGINS": "http://127.0.0.1,https://a.example"}) as service:
        for origin, status in (("https://a.example", 204), ("https://evil.example", 403), ("null", 403)):
            request = f"OPTIONS /tickets HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nOrigin: {origin}\r\n\r\n"
            answer = await exchange(service.port, request.encode())
            assert answer.status == status
            assert answer.headers.get("access-control-allow-origin") == (origin if status == 204 else None)
            assert "access-control-allow-credentials" not in answer.headers
