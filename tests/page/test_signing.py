"""The chat page in a real Chromium: signing in with a token, and out again."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, Route

from ..browser import Person, chromium, expect, person
from ..harness import NO_LIMITS, ServiceProcess, make_jwt

SIGN_IN = "https://accounts.example.com/in?app=chat"
OTHER_SECRET = "a-secret-that-came-later-0123456789abcdef"
NARROW = {"viewport": {"width": 390, "height": 780}, "has_touch": True}
KEPT = "() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])"


def me(visitor: Person, page: Page | None = None) -> Any:
    return (page or visitor.page).locator("#me-name")


async def comes_with(visitor: Person, token: str, room: str = "lobby") -> None:
    """By a link of the host's."""
    await visitor.page.goto(f"{visitor.url}/r/{room}#token={token}")


async def sign_in_page(visitor: Person, *tokens: str) -> list[str]:
    """Answer for the sign-in address, with one token after the other; the addresses it was asked with."""
    asked: list[str] = []
    left = iter(tokens)

    async def answer(route: Route) -> None:
        asked.append(route.request.url)
        (back,) = parse_qs(urlsplit(route.request.url).query)["return"]
        await route.fulfill(status=302, headers={"Location": f"{back}#token={next(left)}"})

    await visitor.context.route("https://accounts.example.com/**", answer)
    return asked


async def test_a_token_in_the_address_signs_in_and_is_seen_nowhere() -> None:
    """It is gone from the address at once, holds for the tab and its reloads, and no other place ever has it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            token = make_jwt("u1", "Ada")
            urls: list[str] = []
            ada.page.on("request", lambda request: urls.append(request.url))
            await comes_with(ada, token, "garden")
            await ada.online()
            await expect(me(ada)).to_have_text("Ada")
            await expect(ada.page).to_have_url(f"{service.url}/r/garden")
            await expect(ada.page.get_by_role("button", name="Change your name")).to_be_hidden()
            await ada.say("/nick Eve")
            await expect(ada.page.get_by_text("Your name comes with your account.").first).to_be_visible()
            await ada.reload()
            await ada.online()
            await expect(me(ada)).to_have_text("Ada")
            assert not [url for url in urls if token in url]
            assert token not in await ada.page.evaluate("JSON.stringify({ ...localStorage })")
            assert token not in await ada.page.evaluate("JSON.stringify(history.state)")
            other = await ada.context.new_page()
            await other.goto(f"{service.url}/r/garden")
            await expect(other.get_by_role("textbox", name="Your name")).to_have_value("")
            await expect(other.get_by_role("button", name="Sign in")).to_be_hidden()  # where no address is set
            # A link that is followed inside of the page, with a fresh token of the same account.
            fresh = make_jwt("u1", "Ada Lovelace")
            await ada.page.evaluate("token => { location.hash = `token=${token}` }", fresh)
            await expect(me(ada)).to_have_text("Ada Lovelace")
            await expect(ada.page).to_have_url(f"{service.url}/r/garden")


async def test_who_has_to_sign_in_is_led_there_and_back() -> None:
    """Where guests are kept out: one button, and the room that was meant. What runs out says so and is not a loss."""
    settings = {"GUESTS": "0", "SIGN_IN_URL": SIGN_IN}
    with ServiceProcess(NO_LIMITS | settings) as service:
        async with chromium() as browser, person(browser, service.url, **NARROW) as ada:
            asked = await sign_in_page(ada, make_jwt("u1", "Ada"), make_jwt("u1", "Ada", secret=OTHER_SECRET))
            await ada.page.goto(f"{service.url}/r/garden")
            button = ada.page.get_by_role("button", name="Sign in")
            await expect(button).to_be_focused()
            await expect(ada.name_box).to_be_hidden()
            assert await ada.axe() == [] and await ada.low_contrast() == []
            await button.press("Enter")
            await ada.online()
            await expect(ada.page).to_have_url(f"{service.url}/r/garden")
            assert [parse_qs(urlsplit(url).query) for url in asked] == [
                {"app": ["chat"], "return": [f"{service.url}/r/garden"]}
            ]
            # The service takes tokens of another key, so theirs holds no longer.
            service.kill9()
            service.env["JWT_SECRET"] = OTHER_SECRET
            service.start()
            await ada.reconnect()
            banner = ada.page.locator("#banner")
            await expect(banner).to_contain_text("your sign-in no longer holds")
            await ada.box.fill("said too late")
            await ada.page.get_by_role("button", name="Send", exact=True).click()
            assert await ada.axe() == [] and await ada.low_contrast() == []
            await banner.get_by_role("button", name="Sign in").click()
            await ada.online()
            await ada.reads("said too late")
            assert len(asked) == 2


async def test_a_token_that_does_not_hold_leads_to_the_entrance() -> None:
    """With words for it. Who may, comes in as a guest instead."""
    with ServiceProcess(NO_LIMITS | {"SIGN_IN_URL": SIGN_IN}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await comes_with(ada, make_jwt("u1", "Ada", exp=int(time.time()) - 60), "garden")
            await expect(ada.page.get_by_text("You were signed out")).to_be_visible()
            await expect(ada.page.get_by_role("button", name="Sign in")).to_be_visible()
            assert await ada.axe() == [] and await ada.low_contrast() == []
            await ada.name_box.fill("Ada")
            await ada.name_box.press("Enter")
            await ada.online()
            await expect(ada.page).to_have_url(f"{service.url}/r/garden")
            await expect(ada.page.get_by_role("button", name="Change your name")).to_be_visible()


async def test_a_guest_who_signs_in_keeps_what_was_begun() -> None:
    """The room and the draft; and with the next tab nobody is that guest again."""
    with ServiceProcess(NO_LIMITS | {"SIGN_IN_URL": SIGN_IN}) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await sign_in_page(ada, make_jwt("u1", "Ada"))
            await ada.enter("Gast", "garden")
            await ada.box.fill("begun as a guest")
            await ada.page.get_by_role("button", name="Sign out").click()
            await ada.page.get_by_role("button", name="Sign in instead").click()
            await expect(me(ada)).to_have_text("Ada")
            await expect(ada.page).to_have_url(f"{service.url}/r/garden")
            await expect(ada.box).to_have_value("begun as a guest")
            other = await ada.context.new_page()
            await other.goto(service.url)
            await expect(other.get_by_role("textbox", name="Your name")).to_have_value("")


async def test_signing_out_leaves_nothing_of_oneself() -> None:
    """Not in the browser, and not in other tabs; it is asked first, with what will not be sent."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            token = make_jwt("u1", "Ada")
            await comes_with(ada, token, "garden")
            await ada.online()
            other = await ada.context.new_page()
            await other.goto(f"{service.url}/r/lobby#token={token}")
            await expect(other.locator("#me-state")).to_have_text("Online")
            await ada.wire.cut()
            await ada.say("never sent")
            await ada.box.fill("and never finished")
            out = ada.page.get_by_role("button", name="Sign out")
            await out.click()
            dialog = ada.page.get_by_role("dialog", name="Sign out?")
            await expect(dialog).to_contain_text("1 message of yours will not be sent.")
            assert await ada.axe() == [] and await ada.low_contrast() == []
            await dialog.get_by_role("button", name="Stay").click()
            await expect(out).to_be_focused()
            await out.press("Enter")
            await dialog.get_by_role("button", name="Sign out").click()
            for page in (ada.page, other):
                await expect(page.get_by_role("textbox", name="Your name")).to_be_visible()
                await expect(page).to_have_url(f"{service.url}/")
                assert await page.evaluate(KEPT) == "[{},{}]"
            # A guest can go as well.
            ada.wire.open = True
            await ada.enter("Gast")
            await out.click()
            await expect(dialog).to_contain_text("A guest can’t come back as the same person.")
            await dialog.get_by_role("button", name="Sign out").click()
            await expect(ada.name_box).to_have_value("")
            assert await ada.page.evaluate(KEPT) == "[{},{}]"


async def test_a_link_makes_nobody_somebody_else_unasked() -> None:
    """Who is known here is asked first; what was theirs is not shown to whom they become."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await comes_with(ada, make_jwt("u1", "Ada"), "garden")
            await ada.online()
            await ada.box.fill("a secret of Ada’s")
            for answer in ("Not me", "Come in as Mallory"):
                await ada.page.goto("about:blank")
                await comes_with(ada, make_jwt("u2", "Mallory"), "garden")
                await expect(ada.page.get_by_text("A link brought you here to come in as Mallory.")).to_be_visible()
                await expect(ada.page.get_by_role("button", name="Not me")).to_be_focused()
                await expect(ada.page).to_have_url(f"{service.url}/r/garden")
                assert await ada.axe() == [] and await ada.low_contrast() == []
                await ada.page.get_by_role("button", name=answer).click()
                await ada.online()
                is_ada = answer == "Not me"
                await expect(me(ada)).to_have_text("Ada" if is_ada else "Mallory")
                await expect(ada.box).to_have_value("a secret of Ada’s" if is_ada else "")
