"""The chat page in a real Chromium: what screen readers are told, and where the keyboard and Back lead."""

import asyncio
from typing import Any

import pytest

from ..browser import Person, chromium, expect, person, settle
from ..harness import NO_LIMITS, ChatClient, ServiceProcess

NARROW, WIDE = {"width": 390, "height": 760}, {"width": 1280, "height": 800}
WIDE_STOPS = (
    *("open-settings", "switch", "room-link", "icon room-menu", "room-input", "icon", "me-rename", "me-out"),
    *("open-about", "open-people", "log", "plain small copy-link", "text", "emoji", "icon"),
)  # the last closes the list of people
ANNOUNCED = """() => {
    window.announced = [];
    const region = document.getElementById("announcer");
    const note = ({ addedNodes }) => addedNodes.forEach((node) => announced.push(node.textContent));
    new MutationObserver((records) => records.forEach(note)).observe(region, { childList: true });
}"""


async def _announced(visitor: Person) -> list[str]:
    said: list[str] = await visitor.page.evaluate("announced")
    return said


async def test_messages_of_others_are_announced_once() -> None:
    """Neither history nor one's own words are, nor what stands in the list: it is no live region."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            async with ChatClient.open(service.url, "Bob") as bob:
                await bob.join("lobby")
                await bob.send("lobby", "said before")
                await ada.enter("Ada")
                await ada.page.evaluate(ANNOUNCED)
                await ada.say("of my own")
                await ada.reads("said before", "of my own")
                await bob.send("lobby", "hello, Ada")
                await ada.reads("said before", "of my own", "hello, Ada")
                await ada.message("hello, Ada").hover()
                await settle(2)
            assert await _announced(ada) == ["Bob: hello, Ada"]
            assert await ada.page.get_by_role("log").get_attribute("aria-live") == "off"


async def test_a_burst_is_announced_as_one() -> None:
    """Many messages at once are counted, with those who wrote them."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.page.evaluate(ANNOUNCED)
            async with ChatClient.open(service.url, "Bob") as bob, ChatClient.open(service.url, "Cem") as cem:
                await asyncio.gather(bob.join("lobby"), cem.join("lobby"))
                for number in range(5):
                    await bob.send("lobby", f"{number}")
                    await cem.send("lobby", f"{number}, too")
            await expect(ada.page.locator(".message")).to_have_count(10)
            await settle(2)
            said = await _announced(ada)
            assert len(said) <= 2, said
            assert said[0].endswith(" new messages by Bob and Cem"), said


async def test_there_is_one_live_region() -> None:
    """And errors of a form, which are told at once."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            live = "[aria-live]:not([aria-live=off]), [role=status], [role=alert]:not(.field-error), output"
            assert await ada.page.locator(live).evaluate_all("all => all.map(n => n.id)") == ["announcer"]


@pytest.mark.parametrize(("drawer", "button"), [("sidebar", "Show the room list"), ("people", "person here")])
async def test_a_drawer_keeps_the_focus_and_back_closes_it(drawer: str, button: str) -> None:
    """What lies behind can't be reached; Back and Escape close it, the page stays, and the focus returns."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, viewport=NARROW) as ada:
            await ada.enter("Ada")
            opener = ada.page.get_by_role("button", name=button)
            shown = ada.page.locator(f"#{drawer}")
            for close in ("back", "escape", "beside"):
                await opener.click()
                await expect(shown).to_be_visible()
                assert await ada.page.locator("main.room").evaluate("node => node.inert")
                for key in ["Tab"] * 8 + ["Shift+Tab"] * 8:
                    await ada.page.keyboard.press(key)
                    assert await shown.evaluate("node => node.contains(document.activeElement)")
                if close == "back":
                    await ada.page.go_back()
                elif close == "escape":
                    await ada.page.keyboard.press("Escape")
                elif drawer == "people":
                    await ada.page.locator("#shade").click(position={"x": 40, "y": 300})
                else:
                    await ada.page.get_by_role("button", name="Close the room list").click()
                await expect(shown).to_be_hidden()
                await expect(opener).to_be_focused()
                assert not await ada.page.locator("main.room").evaluate("node => node.inert")
                await expect(ada.page).to_have_url(f"{service.url}/r/lobby")
            await ada.online()


async def test_back_closes_a_dialog_and_nothing_is_removed() -> None:
    """The question stands over the page: Back is an answer to it."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url) as ada:
            await ada.enter("Ada")
            await ada.say("stays")
            await ada.reads("stays")
            await ada.message("stays").hover()
            await ada.page.get_by_role("button", name="Remove").click()
            await expect(ada.page.get_by_role("dialog")).to_be_visible()
            await ada.page.go_back()
            await expect(ada.page.get_by_role("dialog")).to_be_hidden()
            await settle()
            await ada.reads("stays")


async def test_back_after_a_room_was_chosen_in_the_drawer() -> None:
    """It leads to the room before: the drawer has left no entry behind."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, viewport=NARROW) as ada:
            await ada.enter("Ada")
            length = await ada.page.evaluate("history.length")
            await ada.page.get_by_role("button", name="Show the room list").click()
            await ada.page.get_by_role("textbox", name="Join another room").fill("garden")
            await ada.page.keyboard.press("Enter")
            await expect(ada.page.locator("h1#room-name")).to_have_text("#garden")
            await expect(ada.page.locator("#sidebar")).to_be_hidden()
            assert await ada.page.evaluate("history.length") == length + 1
            await ada.page.go_back()
            await expect(ada.page.locator("h1#room-name")).to_have_text("#lobby")


async def _states(ada: Person) -> Any:
    """Go through states of the page; each is there when its name is given."""
    await ada.page.goto(ada.url)
    yield "entrance"
    await ada.enter("Ada")
    yield "an empty room"
    await ada.say("hello", "https://example.org")
    await ada.reads("hello", "https://example.org")
    await ada.message("hello").hover()
    await ada.page.get_by_role("button", name="React with 👍").click()
    await expect(ada.page.locator(".chip")).to_be_visible()
    yield "messages"
    await ada.page.get_by_role("button", name="About this room").click()
    yield "about the room"
    await ada.page.keyboard.press("Escape")
    await ada.page.set_viewport_size({"width": 390, "height": 760})
    await ada.page.get_by_role("button", name="Show the room list").click()
    yield "the drawer"
    await ada.page.keyboard.press("Escape")
    await ada.page.set_viewport_size({"width": 1280, "height": 760})
    await ada.wire.cut()
    await ada.say("later")
    await expect(ada.page.locator("#banner")).to_be_visible()
    await ada.page.locator("#queue summary").click()
    yield "cut off"
    await ada.page.locator("#queue").get_by_role("button", name="Edit").click()
    yield "an entry of the queue being changed"
    await ada.page.get_by_role("button", name="Change your name").click()
    await expect(ada.page.get_by_role("dialog")).to_be_visible()
    yield "another name"
    await ada.page.keyboard.press("Escape")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(scheme: Any) -> None:
    """In none of the page's states, by all of its rules; a control shows that it finds something."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, color_scheme=scheme) as ada:
            found = {}
            async for state in _states(ada):
                await settle()
                found[state] = await ada.axe()
            assert not any(found.values()), found
            await ada.page.evaluate("document.getElementById('send').removeAttribute('aria-label')")
            assert [line.split(":")[0] for line in await ada.axe()] == ["button-name"]


# What has the focus: its id, or its class.
_FOCUSED = "() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName"


async def test_tab_goes_through_the_page_in_the_order_in_which_it_is_read() -> None:
    """Rooms, who one is, the room's head, messages, the box, people: each in sight when it has the focus; and back."""
    with ServiceProcess(NO_LIMITS) as service:
        async with chromium() as browser, person(browser, service.url, viewport=WIDE) as ada:
            await ada.enter("Ada")
            await ada.say("hello")
            await ada.reads("hello")
            await ada.whole()

            async def after(key: str) -> str:
                await ada.page.keyboard.press(key)
                stop: str = await ada.page.evaluate(_FOCUSED)
                return stop

            while await after("Tab") != "BODY":  # behind the last, the browser's own
                pass
            for stop in WIDE_STOPS:
                assert await after("Tab") == stop
                await expect(ada.page.locator(":focus")).to_be_in_viewport()
            for stop in reversed(WIDE_STOPS[:-1]):
                assert await after("Shift+Tab") == stop
