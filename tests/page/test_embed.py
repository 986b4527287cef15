"""/embed.js in a real Chromium: a chat in a page of another origin, under a strict Content-Security-Policy."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from ..browser import Person, Wire, chromium, expect, holds
from ..harness import NO_LIMITS, ChatClient, ServiceProcess, make_jwt
from .test_writing import compose

DOCUMENT = (Path(__file__).parents[2] / "docs" / "embed.md").read_text()
SERVICE = "https://chat.example.com"  # in the document
(POLICY,) = re.findall(r"^(script-src .*)$", DOCUMENT, re.MULTILINE)
STRICT = "default-src 'none'; base-uri 'none'; require-trusted-types-for 'script'; style-src 'nonce-own'; "
OWN = {"script-src": "'nonce-own'", "connect-src": "'self'"}  # what the page has of its own, beside the chat
PAGE = "<!doctype html><html lang=en><title>Shop</title><meta name=viewport content='width=device-width'>"
MAIN = "<main><h1>My shop</h1><p>Words of the page.</p></main>"
TAG = '<script type="module" src="{}/embed.js" data-room="support" {}></script>'
NARROW = {"width": 320, "height": 600}
WIDE = {"width": 1000, "height": 760}


class Host:
    """Somebody's site on a port of its own: `pages` by path, each under `policy`. `tokens`: how many were asked for."""

    def __init__(self, port: int, service: ServiceProcess) -> None:
        self.url = f"http://localhost:{port}"
        self.service = service
        self.policy = POLICY
        self.pages: dict[str, str] = {}
        self.tokens = 0

    def page(self, path: str, body: str) -> str:
        """A page with this in it, and its address."""
        self.pages[path] = (
            PAGE
            + MAIN
            + body.replace("<script>", "<script nonce=own>")
            .replace("<style>", "<style nonce=own>")
            .replace('<script type="module">', '<script type="module" nonce=own>')
        )
        return f"{self.url}/{path}"

    def tag(self, path: str, attributes: str = "") -> str:
        """A page with the tag, and its address."""
        return self.page(path, TAG.format(self.service.url, attributes))

    def told(self, text: str) -> str:
        """A text of the document with the service's address in it."""
        return text.replace(SERVICE, self.service.url).replace(
            SERVICE.replace("https", "wss"), self.service.url.replace("http", "ws")
        )


@asynccontextmanager
async def hosting(env: Mapping[str, str] | None = None, allowed: bool = True, also: str = "") -> AsyncIterator[Host]:
    """The service, and a site elsewhere whose pages it lets in, or not; `also` those of another origin."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listener, own = bind_unused_port()
    origins = (
        f"http://127.0.0.1:{port}" + (f",http://localhost:{own}" if allowed else "") + (f",{also}" if also else "")
    )
    service = ServiceProcess({**NO_LIMITS, "ALLOWED_ORIGINS": origins, **(env or {})}, port=port)
    host = Host(own, service)

    class Page(RequestHandler):
        def get(self, path: str) -> None:
            if path == "chat-token":
                host.tokens += 1
                self.finish(make_jwt("u-7", "Grace"))
                return
            policy = host.told(host.policy)
            for directive, own in OWN.items():
                policy = policy.replace(f"{directive} ", f"{directive} {own} ")
            self.set_header("Content-Security-Policy", STRICT + policy)
            self.finish(host.pages.get(path, ""))

    server = HTTPServer(Application([("/(.*)", Page)], log_function=lambda _: None))
    server.add_socket(listener)
    try:
        with service:
            yield host
    finally:
        server.stop()
        await server.close_all_connections()


@asynccontextmanager
async def reader(browser: Browser, host: Host, **options: object) -> AsyncIterator[Person]:
    """Somebody at the site, whose sockets nobody stands between: the policy is asked about them, too."""
    context = await browser.new_context(**({"locale": "en-GB", "viewport": WIDE} | options))  # type: ignore[arg-type]
    await context.add_init_script(
        "window.violations = []; addEventListener('securitypolicyviolation',"
        " ({ violatedDirective, blockedURI }) => violations.push(`${violatedDirective} ${blockedURI}`));"
    )
    visitor = Person(context, await context.new_page(), host.url, Wire())
    try:
        yield visitor
        await visitor.check()
    finally:
        await context.close()


def texts(visitor: Person) -> Locator:
    """What is said, each once, with what waits behind it."""
    return visitor.page.get_by_role("log").locator(".text")


async def says(visitor: Person, text: str) -> None:
    await visitor.page.get_by_role("textbox", name="Message").fill(text)
    await visitor.page.keyboard.press("Enter")


async def test_two_people_talk_from_another_origin_through_a_killed_process(tmp_path: Path) -> None:
    """Nothing is lost or repeated; the bubble counts what is unread; the policy has nothing against any of it."""
    async with (
        hosting({"SQLITE_PATH": str(tmp_path / "chat.db")}) as host,
        chromium() as browser,
        reader(browser, host) as ada,
        reader(browser, host, viewport=NARROW) as bob,
    ):
        await ada.page.goto(host.tag("a", "data-open"))
        await ada.page.get_by_role("textbox", name="Your name").fill("Ada")
        await ada.page.get_by_role("button", name="Start chatting").click()
        await bob.page.goto(host.tag("b", 'data-name="Bob"'))
        await expect(ada.page.locator(".people")).to_have_text("2 people here")
        await says(ada, "Hello https://example.com/a, Bob <b>")
        await bob.page.get_by_role("button", name="Open the chat (1 unread message)").click()
        await expect(texts(bob)).to_have_text(["Hello https://example.com/a, Bob <b>"])
        await expect(bob.page.get_by_role("link", name="https://example.com/a")).to_be_visible()
        await says(bob, "Hello, Ada")
        await expect(texts(ada)).to_have_text(["Hello https://example.com/a, Bob <b>", "Hello, Ada"])

        host.service.kill9()
        await expect(ada.page.locator(".banner")).to_contain_text("can’t be reached")
        for number in range(5):
            await says(ada, f"a{number}")
            await says(bob, f"b{number}")
        await expect(ada.page.locator(".waiting .fate").first).to_have_text("Waiting to be sent")
        host.service.start()
        for visitor in (ada, bob):
            await visitor.page.evaluate("dispatchEvent(new Event('online'))")
            await expect(texts(visitor)).to_have_count(12)
            await expect(visitor.page.locator(".waiting")).to_have_count(0)
            await expect(visitor.page.locator(".banner")).to_be_hidden()
        both = [await texts(visitor).all_text_contents() for visitor in (ada, bob)]
        assert both[0] == both[1] and len(set(both[0])) == 12
        for letter in "ab":
            own = [text for text in both[0] if re.fullmatch(rf"{letter}\d", text)]
            assert own == [f"{letter}{number}" for number in range(5)]


async def test_each_directive_of_the_document_is_needed() -> None:
    """Without one of them the browser refuses, and the chat isn't there; or says that it reaches nobody."""
    async with hosting() as host, chromium() as browser:
        script, connect = host.policy.split("; ")
        host.tag("a", "data-open data-name=Ada")
        for left, refused in ((script, "connect-src"), (connect, "script-src")):
            host.policy = left if left == script else f"script-src ; {left}"
            async with reader(browser, host) as ada:
                await ada.page.goto(f"{host.url}/a")
                await holds(ada.page, "window.violations.some((one) => one.startsWith(arg))", refused)
                assert await ada.page.get_by_role("log").count() == (1 if left == script else 0)
                await ada.page.evaluate("window.violations = []")
                ada.troubles.clear()


async def test_a_page_that_is_not_let_in_is_told_by_which_setting() -> None:
    """In the console, and its reader by one sentence; it isn't tried again by itself."""
    async with hosting(allowed=False) as host, chromium() as browser, reader(browser, host) as ada:
        await ada.page.goto(host.tag("a", "data-open data-name=Ada"))
        await expect(ada.page.get_by_role("status")).to_contain_text("The chat can’t be used on this page.")
        (said,) = [text for text in ada.troubles if text.startswith("Parley: ")]
        assert f"Add {host.url} to its setting ALLOWED_ORIGINS" in said
        assert await ada.page.evaluate("document.querySelector('parley-chat') !== null")
        ada.troubles.clear()


MISTAKES = {
    "": "data-room is missing: it says which room is shown",
    'data-room="No Room"': 'data-room can\'t be "No Room": a room has',
    "data-room=a data-mode=buble": 'data-mode can\'t be "buble", only "bubble" or "inline"',
    "data-room=a data-mode=inline": "data-target is missing",
    "data-room=a data-target=#none": 'data-target is "#none", but the page has no such element',
    "data-room=a data-target=##": "that is no CSS selector",
    "data-room=a data-theme=pink": 'data-theme can\'t be "pink", only "light" or "dark"',
    "data-room=a data-lang=tlh": 'data-lang can\'t be "tlh", only en, de, ar, ja',
    "data-room=a data-token-callback=mine": "window.mine is no function: define it before the tag",
}


async def test_each_mistake_in_a_tag_is_named_with_its_way_out() -> None:
    """All in one page, where the tag without one works nevertheless; what others write there is no error."""
    async with hosting() as host, chromium() as browser, reader(browser, host) as ada:
        tags = [
            f'<script type=module src="{host.service.url}/embed.js" data-x {mistake}></script>' for mistake in MISTAKES
        ]
        good = TAG.format(host.service.url, "data-open")
        await ada.page.goto(host.page("a", "".join([*tags, good])))
        await expect(ada.page.get_by_role("textbox", name="Your name")).to_be_visible()
        errors = [text for text in ada.troubles if "data-x says nothing" not in text]
        assert len(errors) == len(MISTAKES) and len(ada.troubles) == 2 * len(MISTAKES)
        for error, wanted in zip(errors, MISTAKES.values(), strict=True):
            assert error.startswith("Parley: ") and wanted in error
        ada.troubles.clear()
        call = "async ([url, options]) => (await import(url)).mount(document.body, options)"
        for options, wanted in (
            ({"rom": "a"}, 'there is no option "rom"'),
            ({"room": "a", "token": "x"}, "no function"),
        ):
            with pytest.raises(Exception, match=wanted):
                await ada.page.evaluate(call, [f"{host.service.url}/embed.js", options])


async def test_all_of_it_goes_by_keyboard() -> None:
    """To the bubble, in, written in lines, sent, out again, and the focus is where it was."""
    async with hosting() as host, chromium() as browser, reader(browser, host) as ada:
        await ada.page.goto(host.tag("a"))
        bubble = ada.page.get_by_role("button", name="Open the chat")
        await expect(bubble).to_have_attribute("aria-expanded", "false")
        press = ada.page.keyboard.press
        await press("Tab")
        await expect(bubble).to_be_focused()
        await press("Enter")
        name = ada.page.get_by_role("textbox", name="Your name")
        await expect(name).to_be_focused()
        await press("Enter")
        await expect(ada.page.get_by_role("alert").filter(has_text="Tell us a name.")).to_be_visible()
        await expect(name).to_be_focused()
        await ada.page.keyboard.type("Ada")
        await press("Enter")
        await expect(ada.page.get_by_role("textbox", name="Message")).to_be_focused()
        await ada.page.keyboard.type("one")
        await press("Shift+Enter")
        await ada.page.keyboard.type("two")
        await press("Enter")
        await expect(texts(ada)).to_have_text(["one\ntwo"], use_inner_text=True)
        await expect(ada.page.locator(".waiting")).to_have_count(0)
        await press("Escape")
        await expect(ada.page.get_by_role("log")).to_be_hidden()
        await expect(bubble).to_be_focused()


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_it_looks_right_in_both_schemes_and_directions(language: str) -> None:
    """Axe finds nothing, open or closed, wide or narrow; nothing sticks out of a narrow page."""
    async with (
        hosting() as host,
        chromium() as browser,
        reader(browser, host) as ada,
        ChatClient.open(host.service.url, "Bob") as bob,
    ):
        await bob.join("support")
        await ada.page.goto(host.tag("a", f"data-lang={language} data-name=Ada"))
        await ada.page.locator(".bubble").click()
        await expect(ada.page.locator(".note")).to_be_visible()
        await ada.page.locator(".bubble").click()
        await bob.send("support", "A word " + "that_is_long" * 12)
        await expect(ada.page.locator(".badge")).to_have_text("1")
        for viewport in (NARROW, WIDE):
            await ada.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            for scheme in ("light", "dark"):
                await ada.page.emulate_media(color_scheme=scheme)
                assert await ada.axe() == []
                await ada.page.locator(".bubble").click()
                assert await ada.axe() == []
                box = await ada.page.locator(".panel").bounding_box()
                assert box and box["x"] >= 0 and box["x"] + box["width"] <= viewport["width"] and box["y"] >= 0
                assert (box["x"] > viewport["width"] / 2) == (language == "en" and viewport is WIDE)
                await ada.page.locator(".bubble").click()


async def test_older_messages_come_when_somebody_scrolls_up() -> None:
    """All of them in order, with what is in sight where it was; what is sent after that is seen."""
    async with (
        hosting() as host,
        chromium() as browser,
        reader(browser, host) as ada,
        ChatClient.open(host.service.url, "Bob") as bob,
    ):
        await bob.join("support")
        for number in range(120):
            await bob.send("support", f"n{number}")
        await ada.page.goto(host.tag("a", "data-open data-name=Ada"))
        await expect(texts(ada).last).to_have_text("n119")
        log = ada.page.get_by_role("log")
        await log.evaluate("(log) => log.scrollTop = 0")
        await expect(ada.page.get_by_role("button", name="Latest")).to_be_visible()
        await expect(texts(ada)).not_to_have_count(50)
        assert await log.evaluate("(log) => log.scrollTop") > 100
        await log.evaluate("(log) => log.scrollTop = 0")
        await expect(texts(ada)).to_have_text([f"n{number}" for number in range(120)])
        await ada.page.get_by_role("button", name="Latest").click()
        await bob.send("support", "the last")
        await expect(texts(ada).last).to_be_in_viewport()
        await expect(texts(ada).last).to_have_text("the last")
        # A taller box takes some of the log's place.
        await ada.page.get_by_role("textbox", name="Message").fill("\n" * 5)
        await expect(texts(ada).last).to_be_in_viewport(ratio=1)


async def test_the_enter_that_ends_a_composition_sends_nothing() -> None:
    """As in the page."""
    async with hosting() as host, chromium() as browser, reader(browser, host) as ada:
        await ada.page.goto(host.tag("a", "data-open data-name=Ada"))
        box = ada.page.get_by_role("textbox", name="Message")
        await compose(box, "half a word")
        await expect(texts(ada)).to_have_count(0)
        await box.press("Enter")
        await expect(texts(ada)).to_have_text(["half a word"])


async def test_what_is_refused_is_kept_until_its_author_decides() -> None:
    """With the reason; sent again, or given up. The same of a name that somebody else has."""
    async with (
        hosting({"TEXT_LIMIT": "100"}) as host,
        chromium() as browser,
        reader(browser, host) as ada,
        ChatClient.open(host.service.url, "Bob") as bob,
    ):
        await bob.join("support")
        await ada.page.goto(host.tag("a", "data-open data-name=Bob"))
        name = ada.page.get_by_role("textbox", name="Your name")
        await expect(name).to_have_attribute("aria-invalid", "true")
        await name.fill("Ada")
        await name.press("Enter")
        await says(ada, "x" * 101)
        await expect(ada.page.locator(".fate")).to_contain_text("Not sent.")
        await says(ada, "short")
        await expect(texts(ada)).to_have_text(["short", "x" * 101])
        await ada.page.get_by_role("button", name="Discard").click()
        await expect(texts(ada)).to_have_text(["short"])


async def test_several_tags_share_a_connection() -> None:
    """Each has its room; what is said in one is not in the other, but in all of the same room."""
    async with hosting() as host, chromium() as browser, reader(browser, host) as ada:
        sockets: list[str] = []
        ada.page.on("websocket", lambda socket: sockets.append(socket.url))
        tag = TAG.format(host.service.url, "data-open data-name=Ada")
        inline = tag.replace("support", "x").replace("data-open", 'data-target="#x"')
        other = inline.replace("#x", "#y")
        await ada.page.goto(host.page("a", f"<div id=x></div><div id=y></div>{inline}{tag}{other}"))
        chats = ada.page.locator("parley-chat")
        for index, text in ((0, "in x"), (2, "in support")):
            box = chats.nth(index).get_by_role("textbox", name="Message")
            await box.fill(text)
            await box.press("Enter")
        for index, said in enumerate(("in x", "in x", "in support")):
            await expect(chats.nth(index).locator(".text")).to_have_text([said])
            await expect(chats.nth(index).locator(".waiting")).to_have_count(0)
        assert len(sockets) == 1


async def test_chats_of_two_services_keep_to_themselves(tmp_path: Path) -> None:
    """What waits for the one that is dead goes to that, once it is back; the other has its own guest and messages."""
    env = {"SQLITE_PATH": str(tmp_path / "chat.db")}
    async with (
        hosting(env) as host,
        hosting(also=host.url) as other,
        chromium() as browser,
        reader(browser, host) as ada,
    ):
        urls = (host.service.url, other.service.url)
        connect = " ".join(f"{url} {url.replace('http', 'ws')}" for url in urls)
        host.policy = f"script-src {' '.join(urls)}; connect-src {connect}"
        tags = [TAG.format(url, f"data-target=#{id} data-name=Ada") for url, id in zip(urls, "xy", strict=True)]
        await ada.page.goto(host.page("a", f"<div id=x></div><div id=y></div>{''.join(tags)}"))
        first, second = (ada.page.locator(f"#{id} parley-chat") for id in "xy")
        for chat, text in ((first, "one"), (second, "two")):
            await chat.get_by_role("textbox", name="Message").fill(text)
            await ada.page.keyboard.press("Enter")
            await expect(chat.locator(".text")).to_have_text([text])
            await expect(chat.locator(".waiting")).to_have_count(0)
        ada.foresee("net::ERR")
        host.service.kill9()
        await first.get_by_role("textbox", name="Message").fill("for the first")
        await ada.page.keyboard.press("Enter")
        await expect(first.locator(".waiting")).to_have_count(1)
        await ada.page.reload()
        await expect(second.locator(".text")).to_have_text(["two"])
        await expect(first).to_have_count(0)
        await asyncio.to_thread(host.service.start)
        await ada.page.reload()
        await expect(first.locator(".text")).to_have_text(["one", "for the first"])
        await expect(first.locator(".waiting")).to_have_count(0)
        await expect(second.locator(".text")).to_have_text(["two"])


async def test_a_name_given_in_one_chat_is_known_in_all() -> None:
    """And the focus stays where somebody gave it. Who was here before is not asked again."""
    async with hosting() as host, chromium() as browser, reader(browser, host) as ada:
        tag = TAG.format(host.service.url, "data-target=#x")
        both = f"<div id=x></div><div id=y></div>{tag}{tag.replace('#x', '#y').replace('support', 'sales')}"
        await ada.page.goto(host.page("a", both))
        chats = ada.page.locator("parley-chat")
        await chats.nth(0).get_by_role("textbox", name="Your name").fill("Ada")
        await ada.page.keyboard.press("Enter")
        for index in range(2):
            await expect(chats.nth(index).locator(".people")).to_have_text("1 person here")
        await expect(chats.nth(0).get_by_role("textbox", name="Message")).to_be_focused()
        await ada.page.reload()
        await expect(chats.nth(1).locator(".people")).to_have_text("1 person here")


CALLBACK = """<script>
    window.calls = 0;
    window.parleyToken = async () => {
        window.calls += 1;
        if (window.calls === 1) throw new Error("the backend sleeps");
        return (await fetch("/chat-token")).text();
    };
</script>"""


async def test_a_token_comes_of_the_host_s_callback_fresh_each_time() -> None:
    """Nobody is asked for a name. Where it fails its author reads why, and it is asked again; so it is to come back."""
    async with hosting() as host, chromium() as browser, reader(browser, host) as ada:
        await ada.page.goto(host.page("a", CALLBACK + TAG.format(host.service.url, "data-open")))
        await expect(ada.page.locator(".note")).to_be_visible()
        assert ada.troubles == ["Parley: the token callback failed: the backend sleeps"]
        ada.troubles.clear()
        assert await ada.page.evaluate("calls") == 2
        await says(ada, "by account")
        await expect(ada.page.locator(".waiting")).to_have_count(0)
        async with ChatClient.open(host.service.url, "Bob") as bob:
            (message,) = (await bob.join("support"))["messages"]
            assert message["user"] == {"id": "u-7", "name": "Grace"}
        host.service.kill9()
        await expect(ada.page.locator(".banner")).to_be_visible()
        host.service.start()
        await ada.page.evaluate("dispatchEvent(new Event('online'))")
        await expect(ada.page.locator(".banner")).to_be_hidden()
        assert await ada.page.evaluate("calls") > 2


EXAMPLES = re.findall(r"```html\n(.*?)```", DOCUMENT, re.DOTALL)


async def test_the_document_s_examples_do_what_it_says() -> None:
    """Each as it stands there, with another service's address: a chat in which somebody says something."""
    assert len(EXAMPLES) == 5
    async with hosting() as host, chromium() as browser:
        for index, example in enumerate(EXAMPLES):
            async with reader(browser, host) as ada:
                await ada.page.goto(host.page("a", host.told(example)))
                chat = ada.page.locator("parley-chat")
                if "#chat" not in example:
                    await chat.get_by_role("button", name="Open the chat").click()
                if "oken" not in example:
                    await chat.get_by_role("textbox", name="Your name").fill(f"Ada {index}")
                    await ada.page.keyboard.press("Enter")
                await says(ada, f"example {index}")
                await expect(texts(ada).last).to_have_text(f"example {index}")
                await expect(ada.page.locator(".waiting")).to_have_count(0)
                if "accent" in example:
                    color = "(node) => getComputedStyle(node).backgroundColor"
                    assert await chat.get_by_role("button", name="Send").evaluate(color) == "rgb(102, 51, 153)"
        async with ChatClient.open(host.service.url, "Bob") as bob:
            joined = await bob.join("support")
        by = {message["text"]: message["user"]["id"] for message in joined["messages"]}
        assert len(by) == 5 and host.tokens >= 2
        assert [index for index in range(5) if by[f"example {index}"] == "u-7"] == [2, 4]
