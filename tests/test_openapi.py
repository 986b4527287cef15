"""static/openapi.json is what the service does: routes, methods, bodies, and each status, seen, by its schema."""

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate
from tornado.httpclient import HTTPResponse
from tornado.routing import PathMatches

from service import __version__, api, app, handler, protocol
from service.admission import buckets
from service.assets import asyncapi, reference
from service.backend import messages
from service.brokers.log import Position
from service.chat import ChatHandler
from service.hooks import payloads
from service.identity.streams import StreamSecrets
from service.mailbox import Mailbox

from .brokers import until
from .harness import SECRET_KEY, ChatClient, make_jwt
from .harness.event_stream import EventStream
from .harness.service_process import ROOT
from .hook_receiver import hook_receiver
from .serving import Served, serving

DOCUMENT: dict[str, Any] = json.loads((ROOT / "static" / "openapi.json").read_text())
PATHS: dict[str, dict[str, Any]] = DOCUMENT["paths"]
METHODS = ("get", "post", "put", "delete", "patch", "options")
EXAMPLES = {"room": "lobby", "seq": "1", "user": "u9", "path": "client.js"}
TOKEN = "a-token-for-metrics-0123456789abcdef"
ABROAD = "https://elsewhere.example"
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
}


def bearer(sub: str, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_jwt(sub, 'Una', **claims)}"}


USER, SERVICE, MODERATOR = bearer("u1"), bearer("s1", role="service"), bearer("m1", role="moderator")


def example(path: str) -> str:
    """A path as it is asked for."""
    return re.sub(r"\{(\w+)\}", lambda name: EXAMPLES[name[1]], path)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in PATHS.items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def headless() -> list[str]:
    """The paths on which HEAD is not answered, though GET is."""
    return [*sockets(), "/events"]


def sockets() -> list[str]:
    """The paths of WebSockets alone."""
    return [path for path, _, operation in operations() if operation["tags"] == ["sockets"]]


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What it refers to, if it does."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def closed(part: Any) -> Any:
    """The same with no fields but those that are named: clients must take more, the document must know all."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    extra = {"additionalProperties": False} if isinstance(part.get("properties"), dict) else {}
    return extra | {name: closed(one) for name, one in part.items()}


COMPONENTS = closed(copy.deepcopy(DOCUMENT["components"]))


class Seen:
    """Answers, each held to what stands of it in the document."""

    def __init__(self, it: Served) -> None:
        self.it = it
        self.operations: set[tuple[str, str, str]] = set()

    def note(self, path: str, method: str, status: int) -> dict[str, Any]:
        """Its description."""
        described = PATHS[path][method]["responses"]
        assert str(status) in described, f"{method} {path}: {status}"
        self.operations.add((path, method, str(status)))
        return resolved(described[str(status)])

    async def ask(
        self,
        path: str,
        method: str = "get",
        body: Any = None,
        status: int = 200,
        *,
        query: str = "",
        by: dict[str, str] | None = None,
    ) -> HTTPResponse:
        """`by`: headers, with underscores."""
        response = await self.it.fetch(example(path) + query, method.upper(), body, **(by or {}))
        assert response.code == status, f"{method} {path}: {response.code} {response.body!r}"
        self.hold(response, self.note(path, method, status))
        return response

    def hold(self, response: HTTPResponse, described: dict[str, Any]) -> None:
        for name, header in described.get("headers", {}).items():
            text = response.headers[name]
            schema = resolved(header)["schema"]
            Draft202012Validator(schema).validate(int(text) if schema.get("type") == "integer" else text)
        kinds = described.get("content")
        if kinds is None:
            assert response.body == b""
            return
        (kind, content), *others = kinds.items()
        assert not others and kind in (response.headers["Content-Type"], "*/*")
        if kind.startswith("application/json"):
            schema = content["schema"] | {"components": COMPONENTS}
            Draft202012Validator(schema).validate(json.loads(response.body))
        else:
            assert response.body


@asynccontextmanager
async def seen_of(environ: dict[str, str] | None = None) -> AsyncIterator[Seen]:
    async with serving({"METRICS_TOKEN": TOKEN, "ADMIN": "1"} | (environ or {})) as it:
        yield Seen(it)


# -- the document by itself


def test_it_is_a_document_of_openapi() -> None:
    """By its own validator; of this version; each operation has a name of its own."""
    validate(DOCUMENT)
    assert DOCUMENT["info"]["version"] == __version__
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


async def test_its_paths_are_the_routes() -> None:
    """Each route has a path that it takes, and each path a route, which is none of the others'."""
    async with seen_of() as seen:
        rules = app.make_application(seen.it.node, seen.it.service.settings).wildcard_router.rules
        patterns = [
            rule.matcher.regex for rule in rules if isinstance(rule.matcher, PathMatches) and rule.matcher.regex.pattern
        ]
    paths = [example(path) for path in PATHS]
    assert [pattern.pattern for pattern in patterns if not any(map(pattern.match, paths))] == []
    for path in paths:
        taken = {pattern.pattern for pattern in patterns if pattern.match(path)}
        assert len(taken) == 1, (path, taken)


async def test_its_methods_are_those_that_are_answered() -> None:
    """All others are 405, which names them; HEAD is answered where GET is, but on sockets and streams."""
    async with seen_of() as seen:
        for path, item in PATHS.items():
            for method in (*METHODS, "head"):
                body = b"{}" if method in ("post", "put", "patch") else None
                response = await seen.it.fetch(example(path), method.upper(), body, Origin=seen.it.url)
                known = method in item or (method == "head" and "get" in item and path not in headless())
                assert (response.code != 405) == known, f"{method} {path}: {response.code}"
                if not known:
                    heads = {"HEAD"} if "get" in item and path not in headless() else set()
                    allowed = {name.upper() for name in METHODS if name in item} | heads
                    assert set(response.headers["Allow"].split(", ")) == allowed, f"{method} {path}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("TicketRequest", api.TicketBody),
        ("Post", messages.Post),
        ("RoomPost", messages.RoomPost),
        ("Batch", messages.Batch),
        ("Correction", messages.Correction),
        ("Moderation", protocol.Moderate),
    ],
)
def test_its_bodies_are_those_that_are_read(name: str, kind: Any) -> None:
    """The same fields, the same of them required, each with the same bounds."""
    _, structs = msgspec.json.schema_components([kind])
    read, written = structs[kind.__name__], DOCUMENT["components"]["schemas"][name]
    assert set(written["properties"]) == set(read["properties"])
    assert set(written.get("required", [])) == set(read["required"]) - {"type"}
    for field, schema in read["properties"].items():
        bounds = next(part for part in schema.get("anyOf", [schema]) if part.get("type") != "null")
        for bound in ("maxLength", "maximum", "exclusiveMinimum", "minItems", "maxItems"):
            assert written["properties"][field].get(bound) == bounds.get(bound), (field, bound)


def test_a_preflight_allows_whatever_some_path_answers() -> None:
    """Or pages elsewhere could read no status of it."""
    allowed = dict(handler.PREFLIGHT_HEADERS)["Access-Control-Allow-Methods"].split(", ")
    assert sorted(allowed) == sorted({method.upper() for _, method, _ in operations()} - {"OPTIONS"})


def test_its_words_are_those_of_the_code() -> None:
    """Actions; codes of errors."""
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Action"]["enum"] == sorted(protocol.Action)
    codes = set(schemas["Error"]["properties"]["error"]["properties"]["code"]["enum"])
    assert codes >= {*handler.CODES.values(), *(code.value for code in api.STATUS)}


async def test_its_webhooks_are_what_a_receiver_is_sent() -> None:
    """Each type, by its schema, and no other; with the headers that stand there; questions with their verdicts."""
    async with hook_receiver() as receiver:
        kinds = {"WEBHOOK_EVENTS": ",".join(payloads.KINDS)}
        async with serving(receiver.env(**kinds) | receiver.ask_env()) as it, ChatClient.open(it.url, "Ada") as ada:
            await ada.join("lobby")
            sent = await ada.send("lobby", "hello")
            about = {"room": "lobby", "target": sent["seq"]}
            await ada.request("edit", id="e1", text="Hello", **about)
            await ada.request("react", id="r1", emoji="👍", **about)
            await ada.request("topic", id="t1", room="lobby", text="Tea")
            await ada.request("remove", id="d1", **about)
            await it.fetch("/moderation", "POST", {"user": "u9", "action": "mute", "reason": "Shouting"}, **MODERATOR)
            await ada.leave("lobby")
            wanted = set(DOCUMENT["webhooks"]) - {"reset", "ping"}
            await until(lambda: {one.type for one in receiver.taken} >= wanted, "one of each")
        assert {one.type for one in receiver.taken} == wanted
        for request in receiver.taken:
            hold_webhook(request.type, request.whole)
            for parameter in map(resolved, DOCUMENT["webhooks"][request.type]["post"]["parameters"]):
                Draft202012Validator(parameter["schema"]).validate(request.headers[parameter["name"].title()])
    hold_webhook("reset", json.loads(payloads.reset("lobby", "trimmed", Position("5f0c", 7), 0)))
    hold_webhook("ping", json.loads(payloads.ping(0)))


def hold_webhook(kind: str, body: dict[str, Any]) -> None:
    content = DOCUMENT["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]
    Draft202012Validator(closed(content["schema"]) | {"components": COMPONENTS}).validate(body)


async def test_it_is_served_and_can_be_read() -> None:
    """As it is, and as a page that has all of it and nothing of elsewhere, under the policy of all pages."""
    async with seen_of() as seen:
        assert json.loads((await seen.ask("/openapi.json")).body) == DOCUMENT
        response = await seen.ask("/docs")
        chat = await seen.ask("/")
        assert response.headers["Content-Security-Policy"] == chat.headers["Content-Security-Policy"]
        page = response.body.decode()
    assert not re.search(r"<script|style=|\bon\w+=|(?:src|href)=[\"']?(?:https?:)?//", page)
    names = re.findall(r'id="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(names)
    asked = {operation["operationId"] for _, method, operation in operations() if method != "options"}
    asked |= {item["post"]["operationId"] for item in DOCUMENT["webhooks"].values()}
    assert set(names) >= asked | {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]}
    frames = asyncapi.document()
    assert set(names) >= {f"frame-{name}" for name in frames["components"]["schemas"]}
    for code in (*protocol.CloseCode, *protocol.ErrorCode):
        assert f"<td><code>{code}</code></td>" in page
    for path, method, operation in operations():
        if method != "options":
            assert f"<code>{path}</code>" in page
            assert all(f"<td>{status}</td>" in page for status in operation["responses"])


def test_what_stands_in_it_is_text_on_the_page() -> None:
    """Whatever somebody writes there."""
    evil = copy.deepcopy(DOCUMENT)
    evil["info"]["title"] = evil["paths"]["/rooms"]["get"]["summary"] = "<script>alert(1)</script>"
    evil["components"]["schemas"]["Room"]["description"] = '"><img src=x onerror=alert(1)>'
    frames = asyncapi.document()
    frames["operations"]["join"]["summary"] = "<script>alert(2)</script>"
    page = reference.page(evil, frames)
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page


# -- what is answered


async def chat(seen: Seen) -> None:
    """Tickets, rooms, history, publishing, moderation, as they are meant."""
    it, messages = seen.it, "/rooms/{room}/messages"
    await seen.ask("/tickets", "post", {"name": "Guest"}, 201)
    await seen.ask("/tickets", "post", {}, 201, by=USER)
    async with ChatClient.open(it.url, "Ada") as ada:
        await ada.join("lobby")
        await seen.ask("/tickets", "post", {"name": "Ada"}, 409)
        sent = [(await ada.send("lobby", text))["seq"] for text in ("one", "two", "three")]
        await ada.request("edit", room="lobby", id="e", target=sent[0], text="One")
        await ada.request("react", room="lobby", id="r", target=sent[1], emoji="👍")
        await ada.request("remove", room="lobby", id="d", target=sent[2])
        await seen.ask("/rooms", by=USER)
        await seen.ask("/rooms", query="?limit=1&after=a", by=USER)
    for status in (201, 200):
        await seen.ask(
            messages, "post", {"id": "m1", "text": "hello", "user": {"id": "u9", "name": "Nine"}}, status, by=SERVICE
        )
    history = json.loads((await seen.ask(messages, query="?limit=10", by=USER)).body)["messages"]
    assert [set(message) & {"edited_at", "reactions", "removed"} for message in history] == [
        {"edited_at"},
        {"reactions"},
        {"removed"},
        set(),
    ]
    await seen.ask("/moderation", "post", {"user": "u9", "action": "mute", "room": "lobby", "seconds": 9}, by=MODERATOR)
    await seen.ask("/moderation", "post", {"user": "u9", "action": "kick"}, by=MODERATOR)
    await seen.ask("/moderation/trail", by=MODERATOR)
    await seen.ask("/admin/state", by=MODERATOR)
    for path in [path for path, method, _ in operations() if method == "options"]:
        await seen.ask(path, "options", None, 204)
    response = await seen.it.fetch("/rooms/lobby/messages/0", "OPTIONS")
    seen.hold(response, seen.note("/rooms/{room}/messages/{seq}", "options", response.code))


async def backend(seen: Seen) -> None:
    """What a backend asks for, as it is meant."""
    one = "/rooms/{room}/messages/{seq}"
    items = [{"room": "lobby", "id": "b1", "text": "a"}, {"room": "No Room", "id": "b2", "text": "b"}]
    await seen.ask("/messages", "post", {"messages": items}, by=SERVICE)
    history = json.loads((await seen.ask("/rooms/{room}/messages", query="?after=0", by=SERVICE)).body)
    author = history["messages"][0]["user"]
    await seen.ask(one, "patch", {"id": "e9", "text": "b", "user": author}, by=SERVICE)
    await seen.ask(one, "delete", by=SERVICE)
    for path in ("/rooms/{room}", "/rooms/{room}/members", "/rooms/{room}/export"):
        await seen.ask(path, by=SERVICE)
        response = await seen.it.fetch(path.replace("{room}", "No%20Room"), **SERVICE)
        seen.hold(response, seen.note(path, "get", response.code))
    await seen.ask("/moderation", query="?limit=1", by=SERVICE)
    await seen.ask("/users/{user}/sockets", "delete", status=202, by=SERVICE)
    await seen.ask("/users/{user}", "delete", by=SERVICE)
    for method, body in (("patch", {"id": "e", "text": "x"}), ("delete", None)):
        response = await seen.it.fetch("/rooms/lobby/messages/999", method.upper(), body, **SERVICE)
        seen.hold(response, seen.note(one, method, 404))
    for status in (200, 404):
        await seen.ask("/rooms/{room}", "delete", status=status, by=SERVICE)


CHAT = [
    ("/tickets", "post", {}),
    ("/rooms", "get", USER),
    ("/rooms/{room}/messages", "get", USER),
    ("/rooms/{room}/messages", "post", SERVICE),
    ("/rooms/{room}/messages/{seq}", "patch", SERVICE),
    ("/rooms/{room}/messages/{seq}", "delete", SERVICE),
    ("/messages", "post", SERVICE),
    ("/rooms/{room}", "get", SERVICE),
    ("/rooms/{room}", "delete", SERVICE),
    ("/rooms/{room}/members", "get", SERVICE),
    ("/rooms/{room}/export", "get", SERVICE),
    ("/users/{user}", "delete", SERVICE),
    ("/users/{user}/sockets", "delete", SERVICE),
    ("/moderation", "get", SERVICE),
    ("/moderation/trail", "get", SERVICE),
    ("/admin/state", "get", MODERATOR),
    ("/moderation", "post", MODERATOR),
]
"""With who may do it."""
WRONG = {"get": "?limit=many", "delete": "?id=" + 65 * "x"}
"""Queries that can't be, where a request has no body."""


async def refusals(seen: Seen) -> None:
    """What is wrong with a request, from its body to who sends it."""
    for path, method, who in CHAT:
        query, body = (WRONG[method], None) if method in WRONG else ("", b"no JSON")
        if "{user}" in path:
            response = await seen.it.fetch(path.replace("{user}", "%E2%80%8B"), method.upper(), body, **who)
            seen.hold(response, seen.note(path, method, response.code))
        elif "400" in PATHS[path][method]["responses"]:
            await seen.ask(path, method, body, 400, query=query, by=who)
        no_token = {"Authorization": "Bearer none-of-ours"}
        await seen.ask(path, method, body, 401, by=no_token)
        await seen.ask(path, method, body, 403, by={"Origin": ABROAD} | who)
        if body is not None:
            await seen.ask(path, method, b" " * 150_000, 413, by=who)
    for method, who, post in (("get", USER, None), ("post", SERVICE, {"id": "1", "text": "hi"})):
        response = await seen.it.fetch("/rooms/no%20room/messages", method.upper(), post, **who)
        assert response.code == 404
        seen.hold(response, seen.note("/rooms/{room}/messages", method, 404))
    await seen.ask("/moderation", "post", {"user": "u9", "action": "mute", "room": "no room"}, 404, by=MODERATOR)


async def too_fast(seen: Seen) -> None:
    """Until it is one too many."""
    bodies = iter({"id": f"n{number}", "text": "hello"} for number in range(1000))
    for path, method, who in CHAT[:-1]:
        for _ in range(40):
            message = next(bodies)
            body: Any = {"/tickets": {"name": "Zoe"}, "/messages": {"messages": [message]}}.get(path, message)
            body = None if method in WRONG else body
            if (await seen.it.fetch(example(path), method.upper(), body, **who)).code == 429:
                break
        await seen.ask(path, method, body, 429, by=who)


async def probes(seen: Seen) -> None:
    await seen.ask("/healthz")
    await seen.ask("/readyz")
    await seen.ask("/metrics", by={"Authorization": f"Bearer {TOKEN}"})
    await seen.ask("/metrics", status=401)


async def pages(seen: Seen) -> None:
    """And files: whole, as they were, a part, a part that isn't there, none."""
    for path in [path for path, _, operation in operations() if operation["tags"] == ["pages"]]:
        tag = (await seen.ask(path)).headers["Etag"]
        await seen.ask(path, status=304, by={"If_None_Match": tag})
    await seen.ask("/static/{path}", status=206, by={"Range": "bytes=0-9"})
    await seen.ask("/static/{path}", status=416, by={"Range": "bytes=99999999-"})
    nowhere = {"/static/{path}": "/static/nothing.js", "/r/{room}": "/r/No%20Room!", "/r/{room}/{seq}": "/r/lobby/0"}
    for path, address in nowhere.items():
        response = await seen.it.fetch(address)
        assert response.code == 404
        seen.hold(response, seen.note(path, "get", 404))


async def handshakes(seen: Seen) -> None:
    """Done, from abroad, and none."""
    for path in ["/", *sockets()]:
        query = "?username=Bo" if path == "/room/chat" else ""
        options: dict[str, Any] = {}
        if path == "/socket":
            options = {"subprotocols": [protocol.SUBPROTOCOL], "additional_headers": USER}
        async with seen.it.socket(path + query, **options):
            seen.note(path, "get", 101)
        await seen.ask(path, status=403, by={"Origin": ABROAD} | HANDSHAKE)
        if path != "/":
            await seen.ask(path, status=426, by={"Origin": seen.it.url})


async def streams(seen: Seen) -> None:
    """Opened by either method, and posted to; refused for each reason."""
    user, frames = {"Authorization": USER["Authorization"]}, "/events/frames"
    for method in ("get", "post"):
        await seen.ask("/events", method, b"" if method == "post" else None, 403, by={"Origin": ABROAD} | USER)
        await seen.ask("/events", method, b"" if method == "post" else None, 400, query="?room=%FF", by=USER)
        stream = await EventStream.open(seen.it.url, user, method=method.upper())
        assert "x-request-id" in stream.headers and stream.headers["content-type"] == "text/event-stream"
        seen.note("/events", method, 200)
        async for _ in stream:
            break
        by = {"Authorization": f"Bearer {stream.secret}"}
        await seen.ask(frames, "post", b'{"type":"ping"}', 204, by=by)
        await stream.close()
    await seen.ask(frames, "post", b"\xff", 400, by=by)
    await seen.ask(frames, "post", b"{}", 403, by={"Origin": ABROAD} | by)
    await seen.ask(frames, "post", b"{}", 401, by={"Origin": seen.it.url})
    await seen.ask(frames, "post", b"{}", 404, by=USER)
    await seen.ask(frames, "post", b" " * 150_000, 413, by=by)
    async with ChatClient.open(seen.it.url, "Slow", events=True) as slow:
        (session,) = ChatHandler.sessions.of(slow.user["id"])
        assert session.connection is not None
        session.connection.congested = True
        by = {"Authorization": f"Bearer {slow.stream.secret}"}
        await seen.ask(frames, "post", b"{}", 429, by=by)
        session.connection.congested = False
    node, (_, secret) = seen.it.node, StreamSecrets(SECRET_KEY, "another").make()
    alone = node.mailbox
    node.mailbox = Mailbox(node.broker.log, SECRET_KEY, buckets(0), shared=True, wait=0.05)
    await seen.ask(frames, "post", b"{}", 503, by={"Authorization": f"Bearer {secret}"})
    node.mailbox = alone


async def leaving(seen: Seen) -> None:
    """The end of a process."""
    seen.it.node.admission.draining = seen.it.node.admission.closed = True
    for path, method, who in CHAT:
        await seen.ask(path, method, None if method in WRONG else b"{}", 503, by=who)
    for path in ["/", *sockets()]:
        await seen.ask(path, status=503, by={"Origin": seen.it.url} | HANDSHAKE)
    for method in ("get", "post"):
        await seen.ask("/events", method, b"" if method == "post" else None, 503, by=USER)
    await seen.ask("/readyz", status=503)


async def test_every_answer_was_seen() -> None:
    """Each status of each operation, with the headers, the media type and the schema that stand there."""
    async with seen_of() as seen:
        seen.it.node.refusal_pause = 0.01
        for part in (chat, backend, refusals, probes, pages, handshakes, streams, leaving):
            await part(seen)
    slow = {"TICKET_RATE": "0.1", "JOIN_RATE": "0.1", "SERVICE_RATE": "0.5"}
    async with seen_of(slow) as other:
        await asyncio.wait_for(too_fast(other), 30)
    documented = {
        (path, method, status) for path, method, operation in operations() for status in operation["responses"]
    }
    assert documented - seen.operations - other.operations == set()
