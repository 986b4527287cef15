"""A page of another origin, in Chromium: an allowed one reads every status; to another each is a network error."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import pytest
from playwright.async_api import Browser
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from ..browser import chromium
from ..harness import UNIT, ChatClient, make_jwt
from ..serving import Served, serving

# What a page asks for, by the status that must come, and the code of the error in it.
REQUESTS: dict[str, tuple[int, str | None, str, dict[str, Any]]] = {
    "the page": (200, None, "/", {}),
    "a static file": (200, None, "/static/client.js", {}),
    "health": (200, None, "/healthz", {}),
    "a ticket": (201, None, "/tickets", {"method": "POST", "body": '{"name":"Ada"}'}),
    "bad JSON": (400, "bad_request", "/tickets", {"method": "POST", "body": "{"}),
    "no token": (401, "unauthenticated", "/rooms", {}),
    "a bad token": (401, "unauthenticated", "/rooms", {"headers": {"Authorization": "Bearer x.y.z"}}),
    "not a moderator": (403, "forbidden", "/moderation", {"method": "POST", "body": '{"user":"u2","action":"ban"}'}),
    "nothing": (404, "not_found", "/nothing", {}),
    "nothing, after a preflight": (404, "not_found", "/nothing", {"headers": {"Authorization": "Bearer x"}}),
    "no such file": (404, "not_found", "/static/nothing.js", {}),
    "another method": (405, "method_not_allowed", "/tickets", {}),
    "a name in use": (409, "name_taken", "/tickets", {"method": "POST", "body": '{"name":"Taken"}'}),
    "a body of 140 kB": (413, "too_large", "/tickets", {"method": "POST", "body": 140_000}),
    "a body of 4 MB": (413, "too_large", "/tickets", {"method": "POST", "body": 4_000_000}),
    "a list": (200, None, "/rooms", {"headers": {"Authorization": "user"}}),
    "too many lists": (429, "rate_limited", "/rooms", {"headers": {"Authorization": "user"}}),
}
REMOVE = {"method": "DELETE", "headers": {"Authorization": "user"}}
# The same of other methods than forms have, each after a preflight; of the last nothing answers at that path.
BEYOND_FORMS: dict[str, tuple[int, str | None, str, dict[str, Any]]] = {
    "no token to remove by": (401, "unauthenticated", "/rooms/lobby/messages/1", {"method": "DELETE"}),
    "no moderator's removal": (403, "forbidden", "/rooms/lobby/messages/1", REMOVE),
    "no backend's edit": (403, "forbidden", "/rooms/lobby/messages/1", REMOVE | {"method": "PATCH", "body": "{}"}),
    "no backend's deletion": (403, "forbidden", "/rooms/lobby", REMOVE),
    "no such path to delete": (404, "not_found", "/nothing", REMOVE),
    "another method, after a preflight": (405, "method_not_allowed", "/tickets", REMOVE),
}
REQUESTS |= BEYOND_FORMS
ASK = """async ({url, init}) => {
    if (typeof init.body === "number") init.body = "x".repeat(init.body);
    try {
        const response = await fetch(url, init);
        const text = await response.text();
        let code = null;
        try { code = JSON.parse(text).error.code; } catch { /* no error of ours */ }
        return { status: response.status, code, retry: response.headers.get("Retry-After") };
    } catch (error) {
        return { status: 0, code: error.name, retry: null };
    }
}"""
IMPORT = """url => import(url).then(module => Object.keys(module), error => error.name)"""


@asynccontextmanager
async def other_origin() -> AsyncIterator[str]:
    """An empty page on a port of its own, which makes it an origin of its own."""

    class Empty(RequestHandler):
        def get(self) -> None:
            self.set_header("Content-Type", "text/html")
            self.finish("<!doctype html><title>elsewhere</title>")

    listener, port = bind_unused_port()
    server = HTTPServer(Application([(".*", Empty)], log_function=lambda _: None))
    server.add_socket(listener)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await server.close_all_connections()


async def ask_all(it: Served, browser: Browser, origin: str) -> dict[str, dict[str, Any]]:
    """What a page of `origin` sees of each request, and of those that our own faults and the drain answer."""
    token = f"Bearer {make_jwt('u1', 'Ada')}"
    page = await browser.new_page()
    await page.goto(origin)

    async def ask(path: str, init: dict[str, Any]) -> dict[str, Any]:
        headers = {name: token if value == "user" else value for name, value in init.get("headers", {}).items()}
        if path == "/moderation":
            headers["Authorization"] = token
        async with asyncio.timeout(10 * UNIT):
            seen: dict[str, Any] = await page.evaluate(
                ASK, {"url": it.url + path, "init": init | {"headers": headers, "cache": "no-store"}}
            )
        return seen

    seen = {name: await ask(path, init) for name, (_, _, path, init) in REQUESTS.items()}

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    post = {"method": "POST", "body": '{"name":"Bob"}', "headers": {"Content-Type": "application/json"}}
    with mock.patch.object(it.node.broker.directory, "claim_name", broken):
        seen["a fault"] = await ask("/tickets", post)
    it.node.admission.closed = True
    seen["leaving"] = await ask("/tickets", post)
    it.node.admission.closed = False
    seen["import"] = {"keys": await page.evaluate(IMPORT, it.url + "/static/client.js")}
    await page.close()
    return seen


@pytest.mark.timeout(seconds=180 * UNIT)
@pytest.mark.expects_log("POST /tickets (failed|500)")
async def test_every_status_can_be_read_from_another_allowed_origin_and_from_no_other() -> None:
    """Each with its code, and where it is, when to try again. The control: what isn't allowed reads none of it."""
    async with other_origin() as allowed, other_origin() as foreign, chromium() as browser:
        settings = {"ALLOWED_ORIGINS": f"http://127.0.0.1,{allowed}", "JOIN_RATE": "0.001"}
        async with serving(settings) as it:
            await it.node.broker.directory.claim_name("taken", "u9", 60)
            seen = await ask_all(it, browser, allowed)
            for name, (status, code, _, _) in REQUESTS.items():
                assert (seen[name]["status"], seen[name]["code"]) == (status, code), f"{name}: {seen[name]}"
            assert int(seen["too many lists"]["retry"]) >= 1
            assert seen["a fault"] == {"status": 500, "code": "error", "retry": None}
            assert (seen["leaving"]["status"], seen["leaving"]["code"]) == (503, "unavailable")
            assert int(seen["leaving"]["retry"]) >= 1
            assert "Chat" in seen["import"]["keys"]
            for name, answer in (await ask_all(it, browser, foreign)).items():
                assert answer in ({"status": 0, "code": "TypeError", "retry": None}, {"keys": "TypeError"}), name


@pytest.mark.timeout(seconds=60 * UNIT)
async def test_that_https_is_needed_can_be_read_too() -> None:
    """What is refused before anything else is."""
    async with other_origin() as allowed:
        settings = {"ALLOWED_ORIGINS": f"http://127.0.0.1,{allowed}", "FORCE_HTTPS": "1"}
        async with chromium() as browser, serving(settings) as it:
            page = await browser.new_page()
            await page.goto(allowed)
            init = {"method": "POST", "body": "{}", "headers": {"Content-Type": "application/json"}}
            seen = await page.evaluate(ASK, {"url": it.url + "/tickets", "init": init})
            assert (seen["status"], seen["code"]) == (403, "https_required")


async def test_a_moderator_removes_messages_from_another_allowed_origin() -> None:
    """The answer is read: the removal's seq. The control: from another origin nothing is even asked."""
    token = make_jwt("m1", "Mod", role="moderator")
    async with (
        other_origin() as allowed,
        other_origin() as foreign,
        chromium() as browser,
        serving({"ALLOWED_ORIGINS": f"http://127.0.0.1,{allowed}"}) as it,
        ChatClient.open(it.url, bearer=make_jwt("u1", "Ada"), headers={"Origin": allowed}) as ada,
    ):
        await ada.join("lobby")
        sent = await ada.send("lobby", "spam")
        init = {"method": "DELETE", "headers": {"Authorization": f"Bearer {token}"}}
        asked = {"url": f"{it.url}/rooms/lobby/messages/{sent['seq']}", "init": init}
        page = await browser.new_page()
        await page.goto(foreign)
        assert (await page.evaluate(ASK, asked))["status"] == 0
        page = await browser.new_page()
        await page.goto(allowed)
        assert (await page.evaluate(ASK, asked))["status"] == 200
        assert (await ada.recv("removed"))["target"] == sent["seq"]


async def test_one_connection_too_many_can_be_read_too() -> None:
    """What is told before anything is read: 429 with when to try again. The control: with one less it is answered."""
    async with other_origin() as allowed, chromium() as browser:
        settings = {"ALLOWED_ORIGINS": f"http://127.0.0.1,{allowed}", "CONNECTIONS_PER_ADDRESS": "2"}
        async with serving(settings) as it:
            page = await browser.new_page()
            await page.goto(allowed)
            asked = {"url": it.url + "/healthz", "init": {"cache": "no-store"}}
            held = [await asyncio.open_connection("127.0.0.1", it.port) for _ in range(2)]
            try:
                seen = [await page.evaluate(ASK, asked) for _ in range(20)]
                held.pop()[1].close()
                await asyncio.sleep(0.05)
                seen.append(await page.evaluate(ASK, asked))
            finally:
                for _, writer in held:
                    writer.close()
            assert seen == [{"status": 429, "code": "rate_limited", "retry": "1"}] * 20 + [
                {"status": 200, "code": None, "retry": None}
            ]
