"""The chat page in a real Chromium: what is loaded behind it, and what somebody does before that has come."""

import asyncio

import pytest
from playwright.async_api import Route

from ..browser import Person, chromium, expect, holds, person, settle
from ..harness import NO_LIMITS, ServiceProcess

HANDS = "**/page/hands.js"
ALERTS = "**/page/alerts.js"
WORDS = "**/page/words/en-later.js"
SHEETS = "**/page/queue.css"  # all that come later, in the first of them


async def held(someone: Person, pattern: str) -> asyncio.Event:
    """Hold back a file of the page until the event is set."""
    let_go = asyncio.Event()

    async def wait(route: Route) -> None:
        await let_go.wait()
        await route.continue_()

    await someone.page.route(pattern, wait)
    return let_go


@pytest.mark.parametrize("slow", [HANDS, SHEETS])
async def test_a_click_on_what_is_still_on_its_way_is_not_lost(slow: str) -> None:
    """Nor done twice, or without its style, because somebody clicks again while nothing happens."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            let_go = await held(ada, slow)
            await ada.enter("Ada")
            for name in ("Change your name", "How it looks", "How it looks"):
                await ada.page.get_by_role("button", name=name).click()
            await settle()
            await expect(ada.page.locator("dialog[open]")).to_have_count(0)
            let_go.set()
            await expect(ada.page.get_by_role("dialog", name="How it looks")).to_be_visible()
            await expect(ada.page.locator("dialog[open]")).to_have_count(1)
            assert await ada.page.evaluate("document.querySelectorAll('link[href$=\"queue.css\"]').length") == 1
            await ada.page.keyboard.press("Escape")
            await expect(ada.page.locator("dialog[open]")).to_have_count(0)
            await holds(ada.page, "!history.state?.layers")


@pytest.mark.parametrize("missing", [HANDS, SHEETS, WORDS])
async def test_what_could_not_be_loaded_is_loaded_once_it_can_be(missing: str) -> None:
    """What is asked for meanwhile is said not to be there; all else works."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.route(missing, lambda route: route.abort("connectionrefused"))
            await ada.enter("Ada")
            await ada.page.get_by_role("button", name="How it looks").click()
            await expect(ada.page.locator("#toasts")).to_contain_text("This part of the page can’t be loaded now.")
            await ada.say("**hello**")
            await ada.reads("hello")
            await ada.page.unroute(missing)
            dialog = ada.page.get_by_role("dialog", name="How it looks")
            while not await dialog.is_visible():
                await ada.page.get_by_role("button", name="How it looks").click()
                await settle()
            await expect(dialog.locator("fieldset").first).to_have_css("border-top-width", "0px")


async def test_a_room_s_menu_waits_for_what_tells_of_messages() -> None:
    """So it is whole; where that can't be loaded, it has the rest."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.page.route(ALERTS, lambda route: route.abort("connectionrefused"))
            await ada.enter("Ada")
            menu = ada.page.get_by_role("menu")
            button = ada.page.get_by_role("button", name="Menu of #lobby")
            await button.click()
            await expect(menu.get_by_text("Favourite")).to_be_visible()
            await expect(menu.get_by_text("All messages")).to_have_count(0)
            await ada.page.keyboard.press("Escape")
            await ada.page.unroute(ALERTS)
            let_go = await held(ada, ALERTS)
            await ada.reload()
            await button.click()
            await settle()
            await expect(menu).to_have_count(0)
            let_go.set()
            await expect(menu.get_by_text("All messages")).to_be_visible()


async def test_what_one_does_before_the_tools_have_come_finds_them() -> None:
    """The message under the pointer has them then, or that with the focus; none where the pointer has left."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            let_go = await held(ada, HANDS)
            await ada.enter("Ada")
            await ada.say("one", "two")
            await ada.reads("one", "two")
            await ada.message("two").hover()
            await ada.box.hover()
            let_go.set()
            await ada.whole()
            await settle()
            await expect(ada.page.locator(".tools")).to_have_count(0)
            await ada.page.unroute(HANDS)
            let_go = await held(ada, HANDS)
            await ada.reload()
            await ada.reads("one", "two")
            await ada.message("two").hover()
            await settle()
            let_go.set()
            await expect(ada.message("two").locator(".tools")).to_be_visible()


async def test_what_is_offered_while_one_types_comes_for_what_was_typed_before() -> None:
    """A name begun before the code for it had come is completed as it then stands."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada, person(browser, service.url) as bob:
            await bob.enter("Bob")
            let_go = await held(ada, HANDS)
            await ada.enter("Ada")
            await ada.box.press_sequentially("hello @bo")
            await settle()
            let_go.set()
            await expect(ada.page.get_by_role("option", name="Bob")).to_be_visible()
            await ada.box.press("Enter")
            await expect(ada.box).to_have_value("hello @Bob ")
