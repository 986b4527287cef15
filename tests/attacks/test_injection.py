"""Markup and script in names, texts, reactions and rooms, in a real Chromium: shown as text, never run.

`person` fails a test for a script error, a dialog or a violation of the Content-Security-Policy on its page; the first
test here shows that it does.
"""

import asyncio
import re
import time
from urllib.parse import quote

from playwright.async_api import Response

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, UNIT, ChatClient, ServiceProcess, make_jwt
from .raw_socket import exchange

TEXTS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<style>@import 'https://evil.example/a.css';</style>",
    "<link rel=stylesheet href=https://evil.example/a.css>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<form action=https://evil.example><button>click</button></form>",
    "<template><img src=x onerror=alert(1)></template>",
    "<math><mtext></p><style><img src=x onerror=alert(1)></style></math>",
    "</div></li></ol><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1) java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1) file:///etc/passwd blob:https://a/b",
    'https://a.example/"onclick=alert(1)//',
    "https://a.example/'><img/src=x/onerror=alert(1)>",
    "https://user:secret@evil.example/ https://a.example\\@evil.example/",
    "http://[::1/ https:// https://%00 http://a.example:99999999/",
    "x" * 500 + "<script>alert(1)</script>",
    "a\u202e<tpircs/>)1(trela<tpircs>",
)
NAMES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"onload="alert(1)',
    "javascript:alert(1)",
    "</bdi><b>",
)
FOREIGN = (
    "script:not([src]), iframe, object, embed, base, form[action^=http], #messages img, #messages svg svg, #messages b"
)


async def test_what_would_run_is_noticed() -> None:
    """Each of the watched things, done on purpose, fails the person's check: the tests below can fail."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            for name, doing in {
                "an inline handler": "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')",
                "an inline script": "document.body.append(Object.assign(document.createElement('script'), {text: 1}))",
                "a foreign style": "document.body.insertAdjacentHTML('beforeend', '<style>b{color:red}</style>')",
                "a foreign image": "new Image().src = 'https://evil.example/a.png'",
                "a foreign request": "fetch('https://evil.example/').catch(() => 0)",
                "a foreign socket": "(() => { try { new WebSocket('wss://evil.example/') } catch {} })()",
                "a dialog": "setTimeout(() => alert(1))",
            }.items():
                await ada.page.goto(service.url)
                await ada.page.evaluate(doing)
                assert await _noticed(ada), f"not noticed: {name}"
                ada.troubles.clear()
                ada.dialogs.clear()
            await ada.page.goto(service.url)


async def _noticed(ada: Person) -> bool:
    for _ in range(100):
        try:
            await ada.check()
        except AssertionError:
            return True
        await asyncio.sleep(0.02 * UNIT)
    return False


async def test_markup_in_texts_names_and_reactions_is_text() -> None:
    """What others say and how they are called: in the log, the list of people, the typing line, edits, reloads."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            for number, name in enumerate(NAMES):
                async with ChatClient.open(service.url, bearer=make_jwt(f"<i onclick=alert({number})>", name)) as eve:
                    await eve.join("lobby")
                    await eve.request("send", room="lobby", id="<script>alert(1)</script>", text=f"by {name}")
                    await eve.raw('{"type":"typing","room":"lobby"}')
                    await expect(ada.page.locator("#members, #typing").filter(has_text=name).first).to_be_attached()
            async with ChatClient.open(service.url, "Eve") as eve:
                await eve.join("lobby")
                for text in TEXTS:
                    sent = await eve.send("lobby", text)
                    await eve.request("react", room="lobby", id=eve.new_id(), target=sent["seq"], emoji="👍")
                await eve.request("edit", room="lobby", id=eve.new_id(), target=sent["seq"], text=TEXTS[0] + TEXTS[1])
                shown = [f"by {name}" for name in NAMES] + [*TEXTS[:-1], TEXTS[0] + TEXTS[1]]
                await _shows(ada, shown)
                await ada.reload()
                await ada.online()
                await _shows(ada, shown)
            assert await ada.page.locator(FOREIGN).count() == 0
            attributes = await ada.page.evaluate(
                "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).map(a => a.name)"
            )
            assert not [name for name in attributes if name.startswith("on")]
            links = await ada.page.locator("#messages a").evaluate_all("all => all.map(a => [a.protocol, a.rel])")
            assert links and all(protocol in ("http:", "https:") and "noopener" in rel for protocol, rel in links)


async def _shows(ada: Person, texts: list[str]) -> None:
    """In this order, at the end of the list: elsewhere rows that are far from what is in sight may be gone."""
    wanted = [" ".join(text.split()) for text in texts]
    rows = ada.page.locator(".message .text")
    deadline = time.monotonic() + 10 * UNIT
    found: list[str] = []
    while found != wanted and time.monotonic() < deadline:
        await ada.page.locator("#log").press("End")  # a history that comes behind it begins where what is new does
        await asyncio.sleep(0.05)
        found = [" ".join(text.split()) for text in await rows.all_text_contents()]
    assert found == wanted


async def test_what_one_types_oneself_is_text_too() -> None:
    """One's own name and message, stored and pending, and a foreign page's link to a room that is none."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("<img src=x onerror=alert(1)>")
            await ada.say(*TEXTS[:3])
            await ada.reads(*TEXTS[:3])
            await expect(ada.page.locator("#me-name")).to_have_text("<img src=x onerror=alert(1)>")
            assert await ada.page.locator(FOREIGN).count() == 0
            for room in ("<script>alert(1)</script>", "javascript:alert(1)", 'a"onload=alert(1)', "../../evil"):
                answer = await ada.page.request.get(f"{service.url}/r/{quote(room, safe='')}")
                assert answer.status == 404
                assert "text/html" not in answer.headers["content-type"]
                assert room not in await answer.text()
            for address in (
                "/?<script>alert(1)</script>",
                "/r/lobby?x=<svg/onload=alert(1)>",
                "/#<img src=x onerror=alert(1)>",
            ):
                await ada.page.goto(service.url + address)
                await settle(0.2)
                assert await ada.page.locator(FOREIGN).count() == 0


async def test_no_address_ever_holds_a_ticket_or_a_token() -> None:
    """Of every request, socket and frame of history that the page makes; nor does the page's own."""
    addresses: list[str] = []
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            ada.page.on("request", lambda request: addresses.extend([request.url, request.headers.get("referer", "")]))
            ada.page.on("websocket", lambda socket: addresses.append(socket.url))
            given: list[str] = []

            async def note(response: Response) -> None:
                if response.url.endswith("/tickets"):
                    body = await response.json()
                    given.extend([body["ticket"], body.get("guest", "")])

            ada.page.on("response", note)
            await ada.enter("Ada")
            await ada.say("hello")
            await ada.reads("hello")
            addresses.append(ada.page.url)
            await ada.reload()
            await ada.reads("hello")
            addresses.append(ada.page.url)
            addresses += await ada.page.evaluate("performance.getEntries().map(entry => entry.name)")
            stored = await ada.page.evaluate(
                "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
            )
    assert len(given) == 4 and len(addresses) > 10
    for secret in filter(None, given):
        assert not [address for address in addresses if secret in address]
    assert not [ticket for ticket in given[::2] if ticket in stored], "a ticket is kept in the browser"


async def test_every_answer_carries_the_page_s_protection() -> None:
    """The page, its files, the API, errors: a policy without inline, eval or wildcards, and no sniffing or framing."""
    with ServiceProcess() as service:
        for path in (
            "/",
            "/r/lobby",
            "/static/page.js",
            "/clock.html",
            "/rooms",
            "/healthz",
            "/metrics",
            "/nowhere",
            "/static/x",
        ):
            status, headers, _ = service.request("GET", path)
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'"), f"{path} {status}"
            assert not re.search(r"unsafe|\*|data:|blob:|https?:", policy), policy
            is_page = headers["Content-Type"].startswith("text/html")
            assert (f"connect-src 'self' ws://127.0.0.1:{service.port};" in policy) == is_page
            assert is_page or "'self'" not in policy, f"{path} {status}"
            for directive in ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
                assert directive in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert not {"Server", "X-Powered-By", "Set-Cookie"} & set(headers)
        # A Host header can't bring directives of its own.
        answer = await exchange(service.port, b"GET / HTTP/1.1\r\nHost: a;script-src *\r\n\r\n")
        assert "script-src *" not in answer.headers.get("content-security-policy", "")
