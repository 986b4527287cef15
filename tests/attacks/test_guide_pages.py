"""Pages that do with a frame what the published pages of the guides do, in a real Chromium, told hostile things.

The pages are this project's own. What counts is where a value goes: the Ruby guide's page makes HTML of what it hears,
scripts included, as jQuery's `append` does; Python's and Go's make HTML of what they escaped; Play's sets texts; the
clocks' set innerHTML.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, unquote

import pytest
from playwright.async_api import Browser, Dialog, Page
from tornado.web import Application, RequestHandler

from service import app
from service.guides import chat as guide_chat

from ..brokers import until
from ..browser import chromium, expect, holds, settle
from ..guides import heard, say
from ..harness import UNIT, ChatClient, make_jwt
from ..serving import Served, serving
from .test_injection import TEXTS

NAMES = ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "\"'><b>", "&lt;b&gt;")

APPEND = """
    const row = (who, what) => log.append(document.createRange().createContextualFragment(
        "<div class=row><b class=who>" + who + "</b><p class=what>" + what + "</p></div>"));"""
ESCAPE = """
    const safe = (value) => Object.assign(document.createElement("span"), { textContent: value }).innerHTML;"""
LISTEN = """
    const socket = new WebSocket(location.origin.replace("http", "ws") + "%s");
    socket.onmessage = ({ data }) => hear(JSON.parse(data));"""

RUBY = APPEND + "const hear = ({ handle, text }) => row(handle, text);" + LISTEN % "/"
CAREFUL = APPEND + ESCAPE + "const hear = ({ handle, text }) => row(safe(handle), safe(text));"
PYTHON, GO = CAREFUL + LISTEN % "/receive", CAREFUL + LISTEN % "/ws"
CARELESS = APPEND + "const hear = ({ handle, text }) => row(handle, text);" + LISTEN % "/receive"
PLAY = (
    """
    const hear = ({ kind, user, message, members, error }) => {
        if (kind === "talk") {
            const row = document.createElement("div");
            row.className = "row";
            for (const [name, text] of [["who", user], ["what", message]])
                row.append(Object.assign(document.createElement("p"), { className: name, textContent: text }));
            log.append(row);
        }
        here.replaceChildren(...(members ?? [error]).map((name) =>
            Object.assign(document.createElement("li"), { textContent: name })));
    };"""
    + LISTEN % "/room/chat?username=Pia"
)
CLOCKS = {
    "/clock": "const hear = (time) => { log.innerHTML = time };" + LISTEN % "/clock",
    "/": "const hear = (time) => { log.innerHTML = time };" + LISTEN % "/",
    "/pingWs": (LISTEN % "/pingWs").replace("hear(JSON.parse(data))", "(log.innerHTML = 'Last ping: ' + data)"),
}


class Guide:
    """One such page in a browser; `dialogs` are what ran on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialogs: list[str] = []
        page.on("dialog", self._on_dialog)

    async def _on_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        await dialog.dismiss()

    async def shows(self, said: list[tuple[str, str]]) -> None:
        """Exactly this was said, by whom, and nothing in it is more than text."""
        await expect(self.page.locator(".row")).to_have_count(len(said))
        rows = await self.page.evaluate(
            "[...log.querySelectorAll(':scope > .row')].map((row) => [...row.children].map((one) => one.textContent))"
        )
        assert [tuple(row) for row in rows] == said
        assert await self.page.locator("#log .who *, #log .what *, #here li *").count() == 0
        await settle()
        assert not self.dialogs


class GuidePage(RequestHandler):
    """The page whose script is the query, without the service's policy: the published pages have none."""

    def get(self) -> None:
        script = unquote(self.request.query)
        self.finish(f"<!doctype html><title>guide</title><div id=log></div><ul id=here></ul><script>{script}</script>")


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service have that page, so that it is of its origin."""
    make = app.make_application

    def with_page(*parts: Any) -> Application:
        application = make(*parts)
        application.add_handlers(r".*", [(r"/guide-page", GuidePage)])
        return application

    monkeypatch.setattr(app, "make_application", with_page)


@asynccontextmanager
async def opened(browser: Browser, it: Served, script: str) -> AsyncIterator[Guide]:
    """The page with this script, its socket open."""
    context = await browser.new_context()
    guide = Guide(await context.new_page())
    await guide.page.goto(f"{it.url}/guide-page?{quote(script)}")
    await holds(guide.page, "socket.readyState >= 1")
    try:
        yield guide
    finally:
        await context.close()


async def by_every_way(it: Served, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    """Say the texts by each way in, under hostile names: who said what, as guides are told."""
    said: list[tuple[str, str]] = []
    async with it.socket("/receive") as ear:

        async def told() -> None:
            frame = await heard(ear)
            said.append((frame["handle"], frame["text"]))

        for number, name in enumerate(NAMES):
            async with ChatClient.open(it.url, bearer=make_jwt(f"u{number}", name)) as chat:
                await chat.join("lobby")
                for text in texts:
                    await chat.send("lobby", text)
                    await told()
            for path in ("/submit", "/", "/ws"):
                async with it.socket(path) as mouth:
                    for text in texts[number :: len(NAMES)]:
                        await say(mouth, name, text)
                        await told()
            # Another name than the chat's user has, for whom it is kept a while longer.
            async with it.socket(f"/room/chat?username={quote(name)}2") as player:
                assert (await heard(player)).get("kind") == "join"
                for text in texts[number :: len(NAMES)]:
                    await player.send(json.dumps({"text": text}))
                    await told()
    assert {text for _, text in said} == {text.strip() for text in texts}
    return said


@pytest.mark.parametrize("page", ["ruby", "python", "go", "play"])
async def test_hostile_words_are_text_on_the_guides_pages(page: str) -> None:
    """By the chat, `/submit`, `/`, `/ws` and Play, under hostile names too: no dialog, no element, nothing lost."""
    script = {"ruby": RUBY, "python": PYTHON, "go": GO, "play": PLAY}[page]
    async with serving() as it, chromium() as browser, opened(browser, it, script) as guide:
        if page == "play":
            await expect(guide.page.locator("#here li")).to_have_text(["Pia"])
        await guide.shows(await by_every_way(it, TEXTS))


async def test_without_the_escaping_they_would_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control for `/`: the same texts, the same page, the guard off."""
    monkeypatch.setattr(guide_chat, "escape", lambda text: text)
    async with serving() as it, chromium() as browser:
        for text in TEXTS[:2]:
            async with opened(browser, it, RUBY) as guide, it.socket("/submit") as mouth:
                await say(mouth, "Eve", text)
                await until(lambda: guide.dialogs, f"a dialog by {text}", 10 * UNIT)


async def test_a_page_that_forgets_to_escape_would_run_them() -> None:
    """The control for the others: they are sent what was said, and it is their page's part to escape it."""
    async with (
        serving() as it,
        chromium() as browser,
        opened(browser, it, CARELESS) as guide,
        it.socket("/submit") as mouth,
    ):
        await say(mouth, "Eve", TEXTS[0])
        await until(lambda: guide.dialogs, "a dialog", 10 * UNIT)


async def test_a_hostile_name_is_text_in_plays_members_and_errors() -> None:
    """Names of those who are here, by every way, and the error that one is told."""
    async with serving() as it, chromium() as browser, opened(browser, it, PLAY) as guide:
        await expect(guide.page.locator("#here li")).to_have_text(["Pia"])
        for name in NAMES[1:]:
            async with ChatClient.open(it.url, name) as chat, it.socket("/ws") as mouth:
                await chat.join("lobby")
                await say(mouth, name, "hello")
                handle = name if len(name) <= 24 else name[:23] + "…"
                await expect(guide.page.locator("#here li")).to_have_text(["Pia", name, handle])
        refused = PLAY.replace("username=Pia", "username=" + quote("<img src=x onerror=alert(1)>" * 2))
        async with opened(browser, it, refused) as other:
            await expect(other.page.locator("#here li")).to_contain_text(["name is"])
            assert not other.dialogs
        await settle()
        assert not guide.dialogs
        assert await guide.page.locator("#here li *").count() == 0


@pytest.mark.parametrize("path", CLOCKS)
async def test_the_clocks_have_nothing_of_anybodys(path: str) -> None:
    """They take nothing in, so what their pages make HTML of is the time alone."""
    async with (
        serving({"ROOT_SOCKET": "clock"}) as it,
        chromium() as browser,
        opened(browser, it, CLOCKS[path]) as guide,
        it.socket(path) as mouth,
    ):
        for text in TEXTS[:3]:
            await say(mouth, text, text)
        await expect(guide.page.locator("#log")).to_contain_text("20")
        assert await guide.page.locator("#log *").count() == 0 and not guide.dialogs
